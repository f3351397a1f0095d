//! Procedures, visits, orders, and the things that were supplied.

use super::header::period_of;
use super::medicines::{item_role, product};
use super::people::concept_display;
use super::reader::{Body, Nested, Place, Reader};
use super::results::{read_state, status_of};
use super::statements::{Above, happened, has_template, is_negated, is_problem};
use super::time::{point, put_time, put_when, when};
use super::tree::Element;
use super::values::{coding, concept, quantity};
use serde_json::{Map, Value, json};

/// Why something was not done.
const REFUSAL: [&str; 1] = ["2.16.840.1.113883.10.20.22.4.53"];
/// A reference to a problem elsewhere in the document.
const REFERENCE: [&str; 1] = ["1.3.6.1.4.1.19376.1.5.3.1.4.4.1"];

impl<'a, 'd> Reader<'a, 'd> {
    /// Something done to the patient, or an order for it.
    pub fn procedure(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        if !happened(element) {
            return self.order(element, place);
        }
        let mut body = self.begin("Procedure", element, place);
        body.put(
            "status",
            Some(json!(match status_of(element) {
                _ if is_negated(element) => "not-done",
                "active" => "in-progress",
                "aborted" => "stopped",
                "cancelled" => "not-done",
                _ => "completed",
            })),
        );
        let code = self.code_or_name(element, place);
        body.put("code", Some(code));
        body.put("subject", Some(self.patient_reference()));
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        put_when(&mut body.map, "performed", time.as_ref());
        let people = self.people_of(element, "performer");
        body.put_list(
            "performer",
            people
                .into_iter()
                .map(|actor| json!({"actor": actor}))
                .collect(),
        );
        let recorder = self.people_of(element, "author").into_iter().next();
        body.put("recorder", recorder);
        let sites: Vec<Value> = element
            .all("targetSiteCode")
            .filter_map(|site| concept(&site, &self.narrative))
            .collect();
        body.put_list("bodySite", sites);
        self.put_devices(&mut body, element);
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_reason(body, part) || reader.take_indication(body, part)
        });
        self.end(body)
    }

    fn put_devices(&mut self, body: &mut Body<'a, 'd>, element: &Element<'a, 'd>) {
        for part in element
            .all("participant")
            .filter(|part| part.peek("typeCode") == Some("DEV"))
        {
            let device = part
                .at("participantRole")
                .and_then(|role| self.device(&role));
            if let Some(device) = device {
                body.push("focalDevice", json!({"manipulated": device}));
            }
        }
    }

    /// Why it is taken: an act or observation with the code of a disease.
    pub fn take_reason(&mut self, body: &mut Body<'a, 'd>, part: &Nested<'a, 'd, '_>) -> bool {
        let element = &part.element;
        let is_reference = element.name() == "act" && has_template(element, &REFERENCE);
        if has_template(element, &REFUSAL) {
            element
                .all("templateId")
                .for_each(|template| template.mark_read());
            let code = element.at("value").or_else(|| element.at("code"));
            let reason = code.and_then(|code| concept(&code, &self.narrative));
            match (body.kind, reason) {
                (_, None) => return false,
                (
                    "MedicationStatement" | "MedicationRequest" | "Procedure" | "Immunization",
                    Some(reason),
                ) => {
                    let reason = if body.kind == "MedicationStatement" {
                        json!([reason])
                    } else {
                        reason
                    };
                    body.put("statusReason", Some(reason));
                }
                (_, Some(reason)) => body.detail(reason, Map::new()),
            }
            return true;
        }
        if part.relation == "RSON" && is_problem(element) {
            for urn in self.statement(element, &part.place, &Above::default()) {
                body.push("reasonReference", json!({"reference": urn}));
            }
            return true;
        }
        if !is_reference {
            return false;
        }
        let reason = element
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let Some(reason) = reason else { return false };
        element
            .all("templateId")
            .for_each(|template| template.mark_read());
        body.push("reasonCode", reason);
        true
    }

    /// The problem for which something was done.
    fn take_indication(&mut self, body: &mut Body<'a, 'd>, part: &Nested<'a, 'd, '_>) -> bool {
        if part.relation != "RSON" && !(body.kind == "Encounter" && is_problem(&part.element)) {
            return false;
        }
        if !is_problem(&part.element) {
            return false;
        }
        let above = Above {
            of_encounter: body.kind == "Encounter",
            ..Above::default()
        };
        for urn in self.statement(&part.element, &part.place, &above) {
            body.push("reasonReference", json!({"reference": urn}));
        }
        true
    }

    /// A visit or stay, or an order for one.
    pub fn visit(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        if !happened(element) {
            return self.order(element, place);
        }
        let mut body = self.begin("Encounter", element, place);
        body.put(
            "status",
            Some(json!(match status_of(element) {
                "active" => "in-progress",
                "cancelled" | "aborted" => "cancelled",
                _ => "finished",
            })),
        );
        let code = element.at("code");
        let is_class =
            |code: &Element<'_, '_>| code.peek("codeSystem") == Some("2.16.840.1.113883.5.4");
        let classes = code.map(|code| {
            std::iter::once(code)
                .chain(code.all("translation"))
                .collect::<Vec<_>>()
        });
        let class = classes
            .into_iter()
            .flatten()
            .find(is_class)
            .and_then(|class| coding(&class));
        body.put(
            "class",
            Some(class.unwrap_or_else(|| {
                json!({
                    "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK",
                })
            })),
        );
        let kind = self.code_or_name(element, place);
        body.put_list("type", vec![kind]);
        body.put("subject", Some(self.patient_reference()));
        let people = self.people_of(element, "performer");
        body.put_list(
            "participant",
            people
                .into_iter()
                .map(|individual| json!({"individual": individual}))
                .collect(),
        );
        let stay = element.at("effectiveTime").and_then(|time| when(&time));
        body.put("period", stay.as_ref().map(period_of));
        let left = element
            .at("dischargeDispositionCode")
            .and_then(|code| concept(&code, &self.narrative));
        body.put(
            "hospitalization",
            left.map(|code| json!({"dischargeDisposition": code})),
        );
        let places: Vec<Value> = element
            .all("participant")
            .filter(|part| part.peek("typeCode") == Some("LOC"))
            .filter_map(|part| self.location(&part.at("participantRole")?))
            .collect();
        body.put_list("location", places);
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_indication(body, part)
        });
        self.end(body)
    }

    fn location(&mut self, role: &Element<'a, 'd>) -> Option<Value> {
        let kind = role
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let name = role
            .at("playingEntity/name")
            .map(|name| name.own_text())
            .filter(|name| !name.is_empty());
        let display = name
            .clone()
            .or_else(|| kind.as_ref().and_then(concept_display))?;
        let mut map = Map::new();
        super::people::put_list(&mut map, "identifier", super::values::identifiers(role));
        super::people::put(&mut map, "name", name.map(Value::String));
        super::people::put_list(&mut map, "type", kind.into_iter().collect());
        super::people::put_list(&mut map, "telecom", super::people::telecoms(role));
        super::people::put(
            &mut map,
            "address",
            super::people::addresses(role).into_iter().next(),
        );
        Some(json!({"location": self.shared("Location", map, Some(display))}))
    }

    /// What is planned or asked for, of whatever kind.
    pub fn order(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("ServiceRequest", element, place);
        body.put(
            "status",
            Some(json!(match status_of(element) {
                "completed" => "completed",
                "cancelled" | "aborted" => "revoked",
                "suspended" => "on-hold",
                _ => "active",
            })),
        );
        body.put(
            "intent",
            Some(json!(match element.peek("moodCode") {
                Some("RQO") => "order",
                Some("PRP" | "ARQ" | "APT") => "proposal",
                Some("DEF") => "option",
                _ => "plan",
            })),
        );
        body.put("doNotPerform", is_negated(element).then(|| json!(true)));
        let code = self.code_or_name(element, place);
        body.put("code", Some(code));
        body.put("subject", Some(self.patient_reference()));
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        put_when(&mut body.map, "occurrence", time.as_ref());
        let written = element.at("author/time").and_then(|time| point(&time));
        put_time(&mut body.map, "authoredOn", written.as_ref());
        let by = self.people_of(element, "author").into_iter().next();
        body.put("requester", by);
        let performers = self.people_of(element, "performer");
        body.put_list("performer", performers);
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_reason(body, part) || reader.take_indication(body, part)
        });
        self.end(body)
    }

    /// A thing that is no medicine: handed over, or prescribed.
    pub fn device_supply(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let done = happened(element);
        let mut body = self.begin(
            if done {
                "SupplyDelivery"
            } else {
                "DeviceRequest"
            },
            element,
            place,
        );
        read_state(element);
        let item = self.item(element, place);
        let amount = element
            .at("quantity")
            .and_then(|amount| quantity(&amount, None));
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        let given = || {
            element
                .at("performer/time")
                .and_then(|time| point(&time))
                .map(super::time::When::At)
        };
        let time = time.or_else(given);
        put_when(&mut body.map, "occurrence", time.as_ref());
        let performers = self.people_of(element, "performer");
        let authors = self.people_of(element, "author");
        if done {
            body.put("status", Some(json!("completed")));
            body.put("patient", Some(self.patient_reference()));
            let mut supplied = json!({"itemCodeableConcept": item});
            if let (Some(map), Some(amount)) = (supplied.as_object_mut(), amount) {
                map.insert("quantity".to_owned(), amount);
            }
            body.put("suppliedItem", Some(supplied));
            body.put("supplier", performers.into_iter().last());
            for author in authors
                .iter()
                .filter_map(|author| author.get("reference")?.as_str())
            {
                body.relate(author);
            }
        } else {
            body.put("status", Some(json!("active")));
            body.put("intent", Some(json!("order")));
            body.put("codeCodeableConcept", Some(item));
            body.put("subject", Some(self.patient_reference()));
            let parameter =
                amount.map(|amount| json!({"code": {"text": "quantity"}, "valueQuantity": amount}));
            body.put_list("parameter", parameter.into_iter().collect());
            body.put("requester", authors.into_iter().next());
            body.put("performer", performers.into_iter().next());
        }
        self.take_nested(&mut body, element, place, &mut |_, _, _| false);
        self.end(body)
    }

    /// What was supplied, by the code or name of the device or product.
    fn item(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> Value {
        let device = item_role(element).and_then(|role| role.at("playingDevice"));
        let thing = device.or_else(|| product(element));
        let coded = thing.and_then(|thing| concept(&thing.at("code")?, &self.narrative));
        let name = thing
            .and_then(|thing| thing.at("name"))
            .map(|name| name.own_text())
            .filter(|name| !name.is_empty());
        match (coded, name) {
            (Some(mut coded), Some(name)) => {
                if let Some(map) = coded.as_object_mut() {
                    map.entry("text").or_insert(json!(name));
                }
                coded
            }
            (Some(coded), None) => coded,
            (None, Some(name)) => json!({"text": name}),
            (None, None) => self.code_or_name(element, place),
        }
    }
}
