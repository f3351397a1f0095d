//! Medicines taken, prescribed, dispensed and reimbursed.
//!
//! The reimbursements of the French health insurance write what a pharmacy handed over as a substance administration with a
//! supply in it: that is a dispensation, and its medicine has its name, CIP13 and ATC in translations only.

use super::dosage::{bounds, put_bounds};
use super::reader::{Body, Place, Reader, nested};
use super::results::{read_state, status_of};
use super::statements::{happened, has_template, is_negated};
use super::time::{point, put_time, put_when, when};
use super::tree::Element;
use super::values::{concept, decimal, quantity};
use serde_json::{Value, json};

/// The document type of French reimbursements.
const REIMBURSEMENTS: &str = "REMB";

impl<'a, 'd> Reader<'a, 'd> {
    /// A substance administration that is no vaccination.
    pub fn medication(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        if !happened(element) {
            return self.prescription(element, place);
        }
        let inside = nested(element, place);
        let handed_over = inside
            .iter()
            .find(|part| part.element.name() == "supply" && happened(&part.element));
        match handed_over {
            Some(supply) if self.document_code == REIMBURSEMENTS => {
                self.reimbursed(element, place, &supply.element)
            }
            _ => self.taken(element, place),
        }
    }

    /// What the patient takes or took.
    fn taken(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("MedicationStatement", element, place);
        read_kind(element);
        let status = match status_of(element) {
            _ if is_negated(element) => "not-taken",
            "active" => "active",
            "aborted" => "stopped",
            "suspended" => "on-hold",
            "completed" if !is_declaration(element) => "completed",
            _ => "unknown",
        };
        body.put("status", Some(json!(status)));
        self.put_medicine(&mut body, element);
        body.put("subject", Some(self.patient_reference()));
        put_when(&mut body.map, "effective", bounds(element).as_ref());
        let asserted = element.at("author/time").and_then(|time| point(&time));
        put_time(&mut body.map, "dateAsserted", asserted.as_ref());
        let by = self.people_of(element, "author").into_iter().next();
        body.put("informationSource", by);
        let dosage = self.dosage(element);
        body.put_list("dosage", dosage.map(Value::Object).into_iter().collect());
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_posology(body, part, "dosage") || reader.take_reason(body, part)
        });
        self.end(body)
    }

    /// What was prescribed, planned or proposed.
    pub fn prescription(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("MedicationRequest", element, place);
        read_kind(element);
        body.put(
            "status",
            Some(json!(match status_of(element) {
                "aborted" | "cancelled" => "cancelled",
                "suspended" => "on-hold",
                "completed" => "completed",
                _ => "active",
            })),
        );
        body.put(
            "intent",
            Some(json!(
                match (element.peek("moodCode"), self.document_code.as_str()) {
                    (_, "57833-6") | (Some("RQO"), _) => "order",
                    (Some("PRP"), _) => "proposal",
                    _ => "plan",
                }
            )),
        );
        body.put("doNotPerform", is_negated(element).then(|| json!(true)));
        self.put_medicine(&mut body, element);
        body.put("subject", Some(self.patient_reference()));
        let signed = element.at("author/time").and_then(|time| point(&time));
        let of_document = || super::time::parse(self.document.at("effectiveTime")?.peek("value")?);
        let signed = signed.or_else(|| of_document().filter(|_| self.document_code == "57833-6"));
        put_time(&mut body.map, "authoredOn", signed.as_ref());
        let by = self.people_of(element, "author").into_iter().next();
        body.put("requester", by);
        let mut dosage = self.dosage(element);
        if let (Some(dosage), Some(span)) = (&mut dosage, bounds(element)) {
            put_bounds(dosage, &span);
        }
        body.put_list(
            "dosageInstruction",
            dosage.map(Value::Object).into_iter().collect(),
        );
        let repeats = element
            .at("repeatNumber")
            .and_then(|number| decimal(number.peek("value")?));
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_posology(body, part, "dosageInstruction")
                || reader.take_reason(body, part)
                || reader.take_dispense_request(body, part)
        });
        if let Some(repeats) = repeats.filter(|_| !body.map.contains_key("dispenseRequest")) {
            body.put(
                "dispenseRequest",
                Some(json!({"numberOfRepeatsAllowed": repeats})),
            );
            if let Some(number) = element.at("repeatNumber") {
                number.mark_read();
            }
        }
        self.end(body)
    }

    /// What a pharmacy handed over and the insurance paid.
    fn reimbursed(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        supply: &Element<'a, 'd>,
    ) -> String {
        let mut body = self.begin("MedicationDispense", element, place);
        read_state(element);
        body.put("status", Some(json!("completed")));
        self.put_medicine(&mut body, element);
        body.put("subject", Some(self.patient_reference()));
        self.put_handing_over(&mut body, supply);
        supply
            .all("templateId")
            .for_each(|template| template.mark_read());
        let supply = *supply;
        self.take_nested(&mut body, element, place, &mut |_, _, part| {
            part.element == supply
        });
        self.end(body)
    }

    /// A supply: of a medicine, or of something else.
    pub fn supply(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let is_device = place.section.code == "46264-8" || item_role(element).is_some();
        let medicine = product(element).is_some() || place.section.code == "60590-7";
        match (is_device, happened(element)) {
            (true, _) => self.device_supply(element, place),
            (false, true) if medicine || inside_medication(element) => {
                self.dispensed(element, place)
            }
            (false, false) if medicine => self.prescription(element, place),
            _ => self.device_supply(element, place),
        }
    }

    fn dispensed(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("MedicationDispense", element, place);
        body.put(
            "status",
            Some(json!(match status_of(element) {
                "active" => "in-progress",
                "aborted" => "stopped",
                "cancelled" => "cancelled",
                _ => "completed",
            })),
        );
        self.put_medicine(&mut body, element);
        if !body.map.contains_key("medicationCodeableConcept") {
            // A dispensation inside what was taken is of that medicine.
            let around = element.parent().and_then(|link| link.parent());
            let medicine = around.and_then(|around| self.medicine_of(&around));
            body.put(
                "medicationCodeableConcept",
                Some(medicine.unwrap_or_else(|| json!({"text": "?"}))),
            );
        }
        body.put("subject", Some(self.patient_reference()));
        self.put_handing_over(&mut body, element);
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            if part.element.name() == "substanceAdministration" && !happened(&part.element) {
                let urn = reader.prescription(&part.element, &part.place);
                body.push("authorizingPrescription", json!({"reference": urn}));
                return true;
            }
            reader.take_posology(body, part, "dosageInstruction")
                || reader.take_substitution(body, part)
        });
        self.end(body)
    }

    fn put_handing_over(&mut self, body: &mut Body<'a, 'd>, supply: &Element<'a, 'd>) {
        body.put(
            "quantity",
            supply
                .at("quantity")
                .and_then(|amount| quantity(&amount, None)),
        );
        let given = supply
            .at("effectiveTime")
            .and_then(|time| when(&time))
            .and_then(|time| time.start().cloned())
            .or_else(|| supply.at("performer/time").and_then(|time| point(&time)));
        put_time(&mut body.map, "whenHandedOver", given.as_ref());
        let performers = self.people_of(supply, "performer");
        body.put_list(
            "performer",
            performers
                .into_iter()
                .map(|actor| json!({"actor": actor}))
                .collect(),
        );
        for author in self.people_of(supply, "author") {
            if let Some(urn) = author.get("reference").and_then(Value::as_str) {
                body.relate(urn);
            }
        }
    }

    fn put_medicine(&mut self, body: &mut Body<'a, 'd>, element: &Element<'a, 'd>) {
        let medicine = self.medicine_of(element);
        let known = medicine.or_else(|| {
            // A free text medicine has only the statement's own words.
            let said = element
                .at("text")
                .and_then(|text| self.narrative.said(&text))?;
            (body.kind != "MedicationDispense").then(|| json!({"text": said}))
        });
        let none = body.kind == "MedicationDispense";
        let known = known.or_else(|| (!none).then(|| json!({"text": "?"})));
        body.put("medicationCodeableConcept", known);
    }

    /// The product of a statement: code, translations, and the name written beside them.
    pub fn medicine_of(&mut self, element: &Element<'a, 'd>) -> Option<Value> {
        let product = product(element)?;
        let coded = product
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let name = product
            .at("name")
            .map(|name| name.own_text())
            .filter(|name| !name.is_empty());
        let mut medicine = coded.unwrap_or_else(|| json!({}));
        if let (Some(map), Some(name)) = (medicine.as_object_mut(), name) {
            map.entry("text").or_insert(json!(name));
        }
        medicine
            .as_object()
            .is_some_and(|map| !map.is_empty())
            .then_some(medicine)
    }
}

/// The product of a statement.
pub fn product<'a, 'd>(element: &Element<'a, 'd>) -> Option<Element<'a, 'd>> {
    let holder = element.at("consumable").or_else(|| element.at("product"))?;
    let product = holder.at("manufacturedProduct")?;
    product
        .at("manufacturedMaterial")
        .or_else(|| product.at("manufacturedLabeledDrug"))
}

/// Marks a code that says only that a medicine, or a vaccine, is given.
pub fn read_kind(element: &Element<'_, '_>) {
    let code = element.at("code");
    let plain =
        |code: &Element<'_, '_>| matches!(code.peek("code"), Some("DRUG" | "IMMUNIZ" | "PREItem"));
    if let Some(code) = code.filter(plain) {
        code.mark_read();
    }
}

/// The role of a supplied thing that is no medicine.
pub fn item_role<'a, 'd>(element: &Element<'a, 'd>) -> Option<Element<'a, 'd>> {
    let mut things = element
        .all("participant")
        .filter(|part| matches!(part.peek("typeCode"), Some("PRD" | "DEV")));
    things.find_map(|part| part.at("participantRole"))
}

fn inside_medication(element: &Element<'_, '_>) -> bool {
    let around = element.parent().and_then(|link| link.parent());
    around.is_some_and(|around| around.name() == "substanceAdministration")
}

/// IHE's medications are declarations: `completed` says that the declaration is.
fn is_declaration(element: &Element<'_, '_>) -> bool {
    has_template(element, &["1.3.6.1.4.1.19376.1.5.3.1.4.7"])
}
