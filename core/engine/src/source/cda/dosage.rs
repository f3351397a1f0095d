//! How much, how often, how long; and the words of whoever wrote it.
//!
//! A posology is kept both ways: what the codes and times say, and the instructions as they were written. FHIR's `repeat`
//! says one period; what it cannot say stays unread, and so is kept as a remainder.

use super::medicines::product;
use super::people::{put, put_list};
use super::reader::{Body, Nested, Reader};
use super::results::read_frame;
use super::statements::{code_of, happened, has_template};
use super::time::{When, period, when};
use super::tree::Element;
use super::values::{concept, decimal, interval, quantity, ratio};
use serde_json::{Map, Value, json};

/// Doses that a prescription is made of.
const SUBORDINATE: [&str; 1] = ["1.2.250.1.213.1.1.3.83.1"];
/// Instructions to the patient.
const PATIENT_INSTRUCTION: [&str; 3] = [
    "2.16.840.1.113883.10.20.22.4.20",
    "2.16.840.1.113883.10.20.1.49",
    "1.3.6.1.4.1.19376.1.5.3.1.4.3",
];
/// Instructions to whoever dispenses.
const DISPENSER_INSTRUCTION: [&str; 2] = [
    "2.16.840.1.113883.10.20.1.43",
    "1.3.6.1.4.1.19376.1.5.3.1.4.3.1",
];
/// May another product be handed over?
const SUBSTITUTION: [&str; 2] = ["1.2.250.1.213.1.1.3.87", "1.2.250.1.213.1.1.3.206"];

impl<'a, 'd> Reader<'a, 'd> {
    /// The dosage a statement writes itself.
    pub fn dosage(&mut self, element: &Element<'a, 'd>) -> Option<Map<String, Value>> {
        let mut dosage = Map::new();
        put(&mut dosage, "timing", self.timing(element));
        if let Some(condition) = element.at("precondition/criterion") {
            let what = condition.at("value").or_else(|| condition.at("code"));
            let coded = what.and_then(|what| concept(&what, &self.narrative));
            let said = condition
                .at("text")
                .and_then(|text| self.narrative.said(&text))
                .map(|text| json!({"text": text}));
            put(&mut dosage, "asNeededCodeableConcept", coded.or(said));
        }
        let of = |name: &str| {
            element
                .at(name)
                .and_then(|code| concept(&code, &self.narrative))
        };
        put(&mut dosage, "site", of("approachSiteCode"));
        put(&mut dosage, "route", of("routeCode"));
        let mut rate = Map::new();
        for (from, to) in [("doseQuantity", "dose"), ("rateQuantity", "rate")] {
            if let Some((kind, value)) = element.at(from).and_then(|amount| interval(&amount)) {
                rate.insert(format!("{to}{kind}"), value);
            }
        }
        put_list(
            &mut dosage,
            "doseAndRate",
            if rate.is_empty() {
                Vec::new()
            } else {
                vec![Value::Object(rate)]
            },
        );
        let most = element.at("maxDoseQuantity").and_then(|most| ratio(&most));
        put(
            &mut dosage,
            "maxDosePerPeriod",
            most.map(|(_, ratio)| ratio),
        );
        put_list(
            &mut dosage,
            "additionalInstruction",
            self.posology_words(element),
        );
        (!dosage.is_empty()).then_some(dosage)
    }

    /// The words beside the coded times and doses.
    fn posology_words(&self, element: &Element<'a, 'd>) -> Vec<Value> {
        const CODED: [&str; 3] = ["effectiveTime", "doseQuantity", "rateQuantity"];
        let coded = element
            .elements()
            .filter(|part| CODED.contains(&part.name()));
        let inside = coded.flat_map(|part| part.descendants().collect::<Vec<_>>());
        let mut words: Vec<Value> = Vec::new();
        for part in inside.filter(|part| part.name() == "originalText") {
            match self.narrative.said(&part).map(|said| json!({"text": said})) {
                Some(said) if !words.contains(&said) => words.push(said),
                _ => (),
            }
        }
        words
    }

    /// How often: the period and the events among the times of a statement.
    fn timing(&mut self, element: &Element<'a, 'd>) -> Option<Value> {
        let mut repeat = Map::new();
        for time in element.all("effectiveTime") {
            let parts = if time.kind() == Some("SXPR_TS") {
                time.all("comp").collect()
            } else {
                vec![time]
            };
            for part in parts {
                put_repeat(&mut repeat, &part);
            }
        }
        (!repeat.is_empty()).then(|| json!({"repeat": repeat}))
    }

    /// Doses and instructions inside a statement.
    pub fn take_posology(
        &mut self,
        body: &mut Body<'a, 'd>,
        part: &Nested<'a, 'd, '_>,
        member: &str,
    ) -> bool {
        let element = &part.element;
        if element.name() == "substanceAdministration"
            && (has_template(element, &SUBORDINATE) || product(element).is_none())
        {
            element
                .all("templateId")
                .for_each(|template| template.mark_read());
            let mut dosage = self.dosage(element).unwrap_or_default();
            let words = element
                .at("text")
                .and_then(|text| self.narrative.said(&text));
            put(&mut dosage, "text", words.map(Value::String));
            if let Some(span) = bounds(element) {
                put_bounds(&mut dosage, &span);
            }
            let worth = !dosage.is_empty();
            if worth {
                body.push(member, Value::Object(dosage));
            }
            self.take_nested(body, element, &part.place, &mut |_, _, _| false);
            return true;
        }
        let is_instruction = element.name() == "act"
            && has_template(element, &PATIENT_INSTRUCTION)
            && !has_template(element, &DISPENSER_INSTRUCTION);
        if !is_instruction {
            return false;
        }
        let words = element
            .at("text")
            .and_then(|text| self.narrative.said(&text));
        let Some(words) = words else { return false };
        read_frame(element);
        let list = body.map.entry(member).or_insert_with(|| json!([{}]));
        if let Some(first) = list.get_mut(0).and_then(Value::as_object_mut) {
            let place = if first.contains_key("text") {
                "patientInstruction"
            } else {
                "text"
            };
            first.entry(place).or_insert(json!(words));
        }
        true
    }

    /// What the prescriber lets the pharmacy do.
    pub fn take_dispense_request(
        &mut self,
        body: &mut Body<'a, 'd>,
        part: &Nested<'a, 'd, '_>,
    ) -> bool {
        let element = &part.element;
        if element.name() != "supply" || happened(element) || product(element).is_some() {
            return self.take_substitution(body, part);
        }
        element
            .all("templateId")
            .for_each(|template| template.mark_read());
        let mut request = Map::new();
        put(
            &mut request,
            "quantity",
            element
                .at("quantity")
                .and_then(|amount| quantity(&amount, None)),
        );
        let repeats = element
            .at("repeatNumber")
            .and_then(|number| decimal(number.attribute("value")?));
        put(&mut request, "numberOfRepeatsAllowed", repeats);
        let valid = element.at("effectiveTime").and_then(|time| when(&time));
        put(
            &mut request,
            "validityPeriod",
            valid.as_ref().map(super::header::period_of),
        );
        if let Some(duration) = element
            .at("expectedUseTime/width")
            .and_then(|width| quantity(&width, None))
        {
            request.insert("expectedSupplyDuration".to_owned(), duration);
        }
        if !request.is_empty() {
            body.map
                .insert("dispenseRequest".to_owned(), Value::Object(request));
        }
        self.take_nested(body, element, &part.place, &mut |_, _, _| false);
        true
    }

    pub fn take_substitution(
        &mut self,
        body: &mut Body<'a, 'd>,
        part: &Nested<'a, 'd, '_>,
    ) -> bool {
        if !has_template(&part.element, &SUBSTITUTION) {
            return false;
        }
        let code = part
            .element
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let Some(code) = code else { return false };
        part.element
            .all("templateId")
            .for_each(|template| template.mark_read());
        let allowed = match body.kind {
            "MedicationDispense" => {
                json!({"wasSubstituted": code_of(&part.element) != "N", "type": code})
            }
            _ => json!({"allowedCodeableConcept": code}),
        };
        body.put("substitution", Some(allowed));
        true
    }
}

/// From when to when: the first time that is an interval or a point.
pub fn bounds(element: &Element<'_, '_>) -> Option<When> {
    element
        .all("effectiveTime")
        .find_map(|time| match time.kind() {
            Some("PIVL_TS" | "EIVL_TS") => None,
            Some("SXPR_TS") => time.all("comp").find_map(|part| when(&part)),
            _ => when(&time),
        })
}

pub fn put_bounds(dosage: &mut Map<String, Value>, span: &When) {
    let bounds = match span {
        When::At(time) => period(Some(time), None),
        When::Between(start, end) => period(start.as_ref(), end.as_ref()),
    };
    let timing = dosage
        .entry("timing")
        .or_insert_with(|| json!({"repeat": {}}));
    if let Some(repeat) = timing.get_mut("repeat").and_then(Value::as_object_mut) {
        repeat.insert("boundsPeriod".to_owned(), bounds);
    }
}

/// A period or an event as FHIR's `repeat`. What a repeat cannot say stays unread.
fn put_repeat(repeat: &mut Map<String, Value>, time: &Element<'_, '_>) {
    if time.kind() == Some("EIVL_TS") {
        if let Some(event) = time.at("event").and_then(|event| event.attribute("code")) {
            let list = repeat.entry("when").or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(json!(event));
            }
        }
        return;
    }
    if time.kind() != Some("PIVL_TS") || repeat.contains_key("period") {
        return;
    }
    let Some(every) = time.at("period") else {
        return;
    };
    let whole = |unit: Option<&str>| unit.and_then(unit_of_time);
    let plain = every
        .peek("value")
        .and_then(decimal)
        .zip(whole(every.peek("unit")));
    if let Some((value, unit)) = plain {
        every.mark_read();
        repeat.extend(
            json!({"frequency": 1, "period": value, "periodUnit": unit})
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
        return;
    }
    // `every 4 to 6 hours` is a period with two ends.
    let end = |name: &str| {
        every.at(name).and_then(|end| {
            end.peek("value")
                .and_then(decimal)
                .zip(whole(end.peek("unit")))
        })
    };
    if let (Some((low, unit)), Some((high, same))) = (end("low"), end("high"))
        && unit == same
    {
        for name in ["low", "high"] {
            if let Some(end) = every.at(name) {
                end.mark_read();
            }
        }
        repeat.extend(
            json!({"frequency": 1, "period": low, "periodMax": high, "periodUnit": unit})
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
    }
}

fn unit_of_time(unit: &str) -> Option<&'static str> {
    const UNITS: [(&str, &str); 9] = [
        ("s", "s"),
        ("min", "min"),
        ("h", "h"),
        ("hr", "h"),
        ("d", "d"),
        ("wk", "wk"),
        ("mo", "mo"),
        ("a", "a"),
        ("j", "d"),
    ];
    UNITS
        .iter()
        .find(|(written, _)| *written == unit)
        .map(|(_, unit)| *unit)
}
