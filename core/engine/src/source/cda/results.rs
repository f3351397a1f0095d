//! Observations, reports, vital signs, goals.

use super::people::{put, put_list};
use super::reader::{Body, Nested, Place, Reader};
use super::statements::{Above, code_of, happened, is_negated};
use super::time::{parse, point, put_time, put_when, when};
use super::tree::Element;
use super::values::{absent_reason, concept, put_value, range, value};
use crate::record::time::parse_instant;
use serde_json::{Map, Value, json};

const SYSTOLIC: &str = "8480-6";
const DIASTOLIC: &str = "8462-4";

impl<'a, 'd> Reader<'a, 'd> {
    /// A finding about the patient.
    pub fn observation(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> String {
        let mut body = self.begin("Observation", element, place);
        body.put("status", Some(json!(observation_status(element))));
        let category = above.category.or_else(|| self.category_of(place));
        body.put_list(
            "category",
            category.map(category_concept).into_iter().collect(),
        );
        let code = self.code_or_name(element, place);
        body.put("code", Some(code.clone()));
        self.put_circumstances(&mut body, element);
        if let Some((relative, called)) = self.relative_of(element) {
            // A finding about the mother must not read like one about her child.
            let name = format!("{} ({called})", Self::called(&code));
            body.push("focus", relative);
            if let Some(code) = body.map.get_mut("code").and_then(Value::as_object_mut) {
                code.insert("text".to_owned(), json!(name));
            }
        }
        self.put_finding(&mut body.map, element, &code);
        if is_negated(element) {
            body.negate();
        }
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            let Some(file) = reader.file_statement(part) else {
                return false;
            };
            body.push("derivedFrom", json!({"reference": file}));
            true
        });
        if let Some(file) = self.file_of(element, place) {
            let urn = self.end(file);
            body.push("derivedFrom", json!({"reference": urn}));
        }
        self.end(body)
    }

    /// Whom it is about, when it was, who found it.
    fn put_circumstances(&mut self, body: &mut Body<'a, 'd>, element: &Element<'a, 'd>) {
        body.put("subject", Some(self.patient_reference()));
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        put_when(&mut body.map, "effective", time.as_ref());
        let written = element.at("author/time");
        let instant = written.and_then(|time| parse(time.peek("value")?));
        let instant = instant.filter(|time| parse_instant(&time.fhir).is_some());
        if let (Some(written), Some(_)) = (written, &instant) {
            written.mark_read();
        }
        put_time(&mut body.map, "issued", instant.as_ref());
        let mut people = self.people_of(element, "performer");
        people.extend(self.people_of(element, "author"));
        people.dedup();
        body.put_list("performer", people);
    }

    /// The value and what explains it.
    fn put_finding(
        &mut self,
        map: &mut Map<String, Value>,
        element: &Element<'a, 'd>,
        code: &Value,
    ) {
        let found = element.at("value");
        let typed = found.and_then(|found| value(&found, &self.narrative));
        match typed {
            Some((_, denied)) if is_negated(element) => {
                // A list that shows the value would show what the source denies.
                let what = if denied.is_object() {
                    Self::called(&denied)
                } else {
                    Self::called(code)
                };
                map.insert(
                    "dataAbsentReason".to_owned(),
                    json!({"text": format!("≠ {what}")}),
                );
            }
            Some(typed) => put_value(map, "value", typed),
            None => {
                let flavor = found
                    .as_ref()
                    .map_or(element.peek("nullFlavor"), |found| found.peek("nullFlavor"));
                put(map, "dataAbsentReason", flavor.map(absent_reason));
            }
        }
        let concepts = |name: &str| -> Vec<Value> {
            element
                .all(name)
                .filter_map(|code| concept(&code, &self.narrative))
                .collect()
        };
        put_list(map, "interpretation", concepts("interpretationCode"));
        put(
            map,
            "bodySite",
            concepts("targetSiteCode").into_iter().next(),
        );
        put(map, "method", concepts("methodCode").into_iter().next());
        let ranges: Vec<Value> = element
            .all("referenceRange")
            .filter_map(|reference| self.reference_range(&reference.at("observationRange")?))
            .collect();
        put_list(map, "referenceRange", ranges);
    }

    fn reference_range(&self, of: &Element<'a, 'd>) -> Option<Value> {
        let limits = of.at("value");
        let mut out = limits.map(|limits| range(&limits)).unwrap_or_default();
        let said = of.at("text").and_then(|text| self.narrative.said(&text));
        let other = || {
            value(&limits?, &self.narrative).map(|(_, value)| match value {
                Value::String(text) => text,
                other => Self::called(&other),
            })
        };
        let text = said.or_else(|| if out.is_empty() { other() } else { None });
        put(&mut out, "text", text.map(Value::String));
        if out.is_empty() {
            return None;
        }
        put(
            &mut out,
            "type",
            of.at("interpretationCode")
                .and_then(|code| concept(&code, &self.narrative)),
        );
        Some(Value::Object(out))
    }

    fn category_of(&self, place: &Place<'_>) -> Option<&'static str> {
        match (place.section.code.as_str(), self.document_code.as_str()) {
            ("8716-3", _) => Some("vital-signs"),
            ("29762-2", _) => Some("social-history"),
            ("30954-2", _) | (_, "11502-2") => Some("laboratory"),
            (_, "18748-4") => Some("imaging"),
            _ => None,
        }
    }

    /// A report: the results in it are resources of their own. A panel inside a report is a part of it.
    pub fn report(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> String {
        let mut body = self.begin("DiagnosticReport", element, place);
        body.put(
            "status",
            Some(json!(match observation_status(element) {
                "final" => "final",
                "cancelled" => "cancelled",
                "entered-in-error" => "entered-in-error",
                _ => "partial",
            })),
        );
        let category = match code_of(element) {
            "18748-4" => Some("imaging"),
            _ => above.category.or_else(|| self.category_of(place)),
        };
        body.put_list(
            "category",
            category.map(report_category).into_iter().collect(),
        );
        let code = element
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let of_section = || {
            place
                .section
                .coding
                .clone()
                .map(|coding| json!({"coding": [coding]}))
        };
        let code = code.or_else(of_section);
        body.put(
            "code",
            Some(code.unwrap_or_else(|| json!({"text": place.section.title}))),
        );
        self.put_circumstances(&mut body, element);
        let above = Above {
            category,
            ..Above::default()
        };
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            if !matches!(part.element.name(), "observation" | "organizer")
                || !happened(&part.element)
            {
                return false;
            }
            for urn in reader.statement(&part.element, &part.place, &above) {
                body.push("result", json!({"reference": urn}));
            }
            true
        });
        self.end(body)
    }

    /// Vital signs: the two blood pressures of one moment are one measurement with two components.
    pub fn vital_signs(
        &mut self,
        element: &Element<'a, 'd>,
        inside: &[Nested<'a, 'd, '_>],
    ) -> Vec<String> {
        let above = Above {
            category: Some("vital-signs"),
            ..Above::default()
        };
        let pair = blood_pressure(inside);
        read_frame(element);
        self.waiting.push(*element);
        let mut found = Vec::new();
        for (at, part) in inside.iter().enumerate() {
            match pair {
                Some((systolic, diastolic)) if at == systolic => {
                    if let Some(other) = inside.get(diastolic) {
                        found.push(self.blood_pressure(part, &other.element));
                    }
                }
                Some((_, diastolic)) if at == diastolic => (),
                _ => found.extend(self.statement(&part.element, &part.place, &above)),
            }
        }
        found
    }

    fn blood_pressure(
        &mut self,
        systolic: &Nested<'a, 'd, '_>,
        diastolic: &Element<'a, 'd>,
    ) -> String {
        let element = &systolic.element;
        let mut body = self.begin("Observation", element, &systolic.place);
        body.hosts.push(*diastolic);
        body.put("status", Some(json!(observation_status(element))));
        body.put_list("category", vec![category_concept("vital-signs")]);
        body.put("code", Some(json!({"coding": [{
            "system": super::systems::LOINC, "code": "85354-9", "display": "Blood pressure panel with all children optional",
        }]})));
        self.put_circumstances(&mut body, element);
        for part in [element, diastolic] {
            let mut component = Map::new();
            let code = self.code_or_name(part, &systolic.place);
            component.insert("code".to_owned(), code.clone());
            self.put_finding(&mut component, part, &code);
            for name in ["bodySite", "method"] {
                if let Some(shared) = component.remove(name) {
                    body.map.entry(name).or_insert(shared);
                }
            }
            body.push("component", Value::Object(component));
        }
        read_frame(diastolic);
        if let Some(same) = diastolic.at("effectiveTime") {
            same.mark_read();
        }
        self.take_nested(&mut body, element, &systolic.place, &mut |_, _, _| false);
        self.take_nested(&mut body, diastolic, &systolic.place, &mut |_, _, _| false);
        self.end(body)
    }

    /// A goal.
    pub fn goal(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("Goal", element, place);
        body.put(
            "lifecycleStatus",
            Some(json!(match status_of(element) {
                "completed" => "completed",
                "cancelled" | "aborted" => "cancelled",
                _ => "active",
            })),
        );
        let code = self.code_or_name(element, place);
        body.put("description", Some(code.clone()));
        body.put("subject", Some(self.patient_reference()));
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        put_time(
            &mut body.map,
            "startDate",
            time.as_ref().and_then(|time| time.start()),
        );
        let mut target = Map::new();
        if let Some(typed) = element
            .at("value")
            .and_then(|found| value(&found, &self.narrative))
        {
            put_value(&mut target, "detail", typed);
            target.insert("measure".to_owned(), code);
            body.put_list("target", vec![Value::Object(target)]);
        }
        let by = self.people_of(element, "author").into_iter().next();
        body.put("expressedBy", by);
        self.take_nested(&mut body, element, place, &mut |_, _, _| false);
        self.end(body)
    }

    /// A file among the statements.
    pub fn media(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> Vec<String> {
        match self.file_of(element, place) {
            Some(mut body) => {
                element.mark_mapped();
                body.hosts.push(*element);
                body.hosts.append(&mut self.waiting);
                self.take_nested(&mut body, element, place, &mut |_, _, _| false);
                vec![self.end(body)]
            }
            None => vec![self.other(element, place)],
        }
    }

    fn file_statement(&mut self, part: &Nested<'a, 'd, '_>) -> Option<String> {
        let is_file = part.element.name() == "observationMedia";
        is_file
            .then(|| self.media(&part.element, &part.place).into_iter().next())
            .flatten()
    }

    /// An organizer around a file: the observation beside it says what kind of document the file is.
    pub fn attached_file(
        &mut self,
        element: &Element<'a, 'd>,
        inside: &[Nested<'a, 'd, '_>],
    ) -> Vec<String> {
        read_frame(element);
        self.waiting.push(*element);
        let mut found = Vec::new();
        for part in inside
            .iter()
            .filter(|part| part.element.name() == "observationMedia")
        {
            found.extend(self.media(&part.element, &part.place));
        }
        let owner = self
            .bodies
            .iter()
            .position(|body| found.first() == Some(&body.urn));
        for part in inside
            .iter()
            .filter(|part| part.element.name() != "observationMedia")
        {
            if !owner.is_some_and(|owner| self.tell_kind(owner, &part.element)) {
                found.extend(self.statement(&part.element, &part.place, &Above::default()));
            }
        }
        found
    }

    /// Gives a file the type that an observation beside it says.
    fn tell_kind(&mut self, owner: usize, element: &Element<'a, 'd>) -> bool {
        let kind = (code_of(element) == "69764-9")
            .then(|| element.at("value"))
            .flatten();
        let kind = kind.and_then(|kind| concept(&kind, &self.narrative));
        let (Some(kind), Some(body)) = (kind, self.bodies.get_mut(owner)) else {
            return false;
        };
        body.put("type", Some(kind));
        body.hosts.push(*element);
        read_frame(element);
        true
    }

    /// An act of which only the source knows what it is.
    pub fn other(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("Basic", element, place);
        let code = self.code_or_name(element, place);
        body.put("code", Some(code));
        body.put("subject", Some(self.patient_reference()));
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        let day = time.as_ref().and_then(|time| time.start()).cloned();
        put_time(
            &mut body.map,
            "created",
            day.map(|time| super::time::Time {
                fhir: time.fhir.split('T').next().unwrap_or_default().to_owned(),
                local: time
                    .local
                    .or_else(|| time.fhir.contains('T').then_some(time.fhir)),
            })
            .as_ref(),
        );
        let by = self.people_of(element, "author").into_iter().next();
        body.put("author", by);
        if is_negated(element) {
            body.negate();
        }
        self.take_nested(&mut body, element, place, &mut |_, _, _| false);
        self.end(body)
    }

    /// A comment that stands alone.
    pub fn comment(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("Communication", element, place);
        body.put("status", Some(json!("completed")));
        body.put("subject", Some(self.patient_reference()));
        let text = element
            .at("text")
            .and_then(|text| self.narrative.said(&text));
        body.put_list(
            "payload",
            text.map(|text| json!({"contentString": text}))
                .into_iter()
                .collect(),
        );
        let sent = element.at("author/time").and_then(|time| point(&time));
        put_time(&mut body.map, "sent", sent.as_ref());
        let by = self.people_of(element, "author").into_iter().next();
        body.put("sender", by);
        self.take_nested(&mut body, element, place, &mut |_, _, _| false);
        self.end(body)
    }
}

/// The places of the systolic and the diastolic pressure, when there is one of each, of one moment.
fn blood_pressure(inside: &[Nested<'_, '_, '_>]) -> Option<(usize, usize)> {
    let only = |code: &str| {
        let mut found = inside.iter().enumerate().filter(|(_, part)| {
            part.element.name() == "observation"
                && code_of(&part.element) == code
                && happened(&part.element)
                && !is_negated(&part.element)
        });
        let first = found.next()?;
        found.next().is_none().then_some(first)
    };
    let (systolic, diastolic) = (only(SYSTOLIC)?, only(DIASTOLIC)?);
    let time = |part: &Nested<'_, '_, '_>| {
        part.element
            .at("effectiveTime")
            .and_then(|time| time.peek("value"))
            .map(str::to_owned)
    };
    (time(systolic.1) == time(diastolic.1)).then_some((systolic.0, diastolic.0))
}

/// Marks what a small finding is made of, beside its value: its code, its state, its ids, and where in the narrative it
/// stands, which the section keeps.
pub fn read_frame(element: &Element<'_, '_>) {
    element.all("id").for_each(|id| id.mark_read());
    for name in ["code", "statusCode"] {
        if let Some(code) = element.at(name) {
            code.mark_all();
        }
    }
    let text = element
        .at("text")
        .filter(|text| text.at("reference").is_some());
    if let Some(text) = text.filter(|text| text.peek_text().is_empty()) {
        text.mark_all();
    }
}

/// Marks a state that FHIR says otherwise, or not at all.
pub fn read_state(element: &Element<'_, '_>) {
    if let Some(status) = element.at("statusCode") {
        status.mark_read();
    }
}

/// `statusCode`, read.
pub fn status_of<'a>(element: &Element<'a, '_>) -> &'a str {
    let status = element.at("statusCode");
    status
        .and_then(|status| status.attribute("code"))
        .unwrap_or_default()
}

fn observation_status(element: &Element<'_, '_>) -> &'static str {
    match status_of(element) {
        "active" | "held" => "preliminary",
        "aborted" | "cancelled" => "cancelled",
        "nullified" => "entered-in-error",
        _ => "final",
    }
}

fn category_concept(code: &str) -> Value {
    json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]})
}

fn report_category(code: &str) -> Value {
    let code = match code {
        "laboratory" => "LAB",
        "imaging" => "RAD",
        _ => "OTH",
    };
    json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": code}]})
}
