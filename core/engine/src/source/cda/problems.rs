//! Problems, allergies, and what runs in the family.

use super::patient::gender_of;
use super::people::{display_of, names, put, put_list};
use super::reader::{Body, Nested, Place, Reader, nested};
use super::results::{read_frame, read_state};
use super::statements::{Above, code_of, is_negated, is_reaction};
use super::time::{When, point, put_time, when};
use super::tree::Element;
use super::values::{concept, quantity};
use serde_json::{Map, Value, json};

const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const ALLERGY_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const ALLERGY_VERIFICATION: &str =
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

impl<'a, 'd> Reader<'a, 'd> {
    /// A problem; what the source denies is a refuted one.
    pub fn problem(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> String {
        let mut body = self.begin("Condition", element, place);
        read_state(element);
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        let ended = matches!(&time, Some(When::Between(_, Some(_))));
        let systems = (CONDITION_CLINICAL, CONDITION_VERIFICATION);
        put_status(&mut body, element, systems, || {
            clinical_status(element, above, ended)
        });
        let mut categories = vec![status_concept(
            "http://terminology.hl7.org/CodeSystem/condition-category",
            if above.of_encounter {
                "encounter-diagnosis"
            } else {
                "problem-list-item"
            },
        )];
        let kind = element
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let found = element
            .at("value")
            .and_then(|value| concept(&value, &self.narrative));
        let code = match found {
            Some(found) => {
                categories.extend(kind);
                found
            }
            None => kind.unwrap_or_else(|| self.code_or_name(element, place)),
        };
        body.put_list("category", categories);
        body.put("code", Some(code));
        let sites: Vec<Value> = element
            .all("targetSiteCode")
            .filter_map(|site| concept(&site, &self.narrative))
            .collect();
        body.put_list("bodySite", sites);
        body.put("subject", Some(self.patient_reference()));
        put_onset(&mut body.map, time.as_ref());
        self.put_recorded(&mut body, element, "asserter");
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_status(body, part)
        });
        self.end(body)
    }

    /// An allergy or intolerance.
    pub fn allergy(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> String {
        let mut body = self.begin("AllergyIntolerance", element, place);
        read_state(element);
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        let ended = matches!(&time, Some(When::Between(_, Some(_))));
        let systems = (ALLERGY_CLINICAL, ALLERGY_VERIFICATION);
        put_status(&mut body, element, systems, || {
            clinical_status(element, above, ended).map(|status| match status {
                "resolved" | "inactive" => status,
                _ => "active",
            })
        });
        let kinds = ["value", "code"].map(|name| {
            element
                .at(name)
                .and_then(|code| code.peek("code"))
                .unwrap_or_default()
        });
        let (mechanism, category) =
            kinds
                .iter()
                .fold((None, None), |(mechanism, category), code| {
                    let (one, other) = kind_of_allergy(code);
                    (mechanism.or(one), category.or(other))
                });
        body.put("type", mechanism.map(|mechanism| json!(mechanism)));
        body.put_list(
            "category",
            category
                .map(|category| json!(category))
                .into_iter()
                .collect(),
        );
        let code = self.allergen(element, place);
        body.put("code", Some(code));
        body.put("patient", Some(self.patient_reference()));
        put_time(
            &mut body.map,
            "onsetDateTime",
            time.as_ref().and_then(|time| time.start()),
        );
        self.put_recorded(&mut body, element, "asserter");
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_reaction(body, part)
                || reader.take_criticality(body, part)
                || reader.take_status(body, part)
        });
        self.end(body)
    }

    /// What it is against: the consumable among the participants, else the value, else the code. The kind of allergy stays
    /// beside it, as a further coding.
    fn allergen(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> Value {
        let against = element
            .all("participant")
            .filter(|part| part.peek("typeCode") == Some("CSM"))
            .find_map(|part| part.at("participantRole/playingEntity"));
        let coded = against.and_then(|entity| {
            let coded = entity
                .at("code")
                .and_then(|code| concept(&code, &self.narrative));
            let name = entity
                .at("name")
                .map(|name| name.own_text())
                .filter(|name| !name.is_empty());
            match (coded, name) {
                (Some(mut coded), Some(name)) => {
                    coded.as_object_mut()?.entry("text").or_insert(json!(name));
                    Some(coded)
                }
                (Some(coded), None) => Some(coded),
                (None, name) => name.map(|name| json!({"text": name})),
            }
        });
        let of = |name: &str| {
            element
                .at(name)
                .and_then(|code| concept(&code, &self.narrative))
        };
        let (value, code) = (of("value"), of("code"));
        coded
            .or(value)
            .or(code)
            .unwrap_or_else(|| self.code_or_name(element, place))
    }

    fn put_recorded(&mut self, body: &mut Body<'a, 'd>, element: &Element<'a, 'd>, role: &str) {
        let recorded = element.at("author/time").and_then(|time| point(&time));
        put_time(&mut body.map, "recordedDate", recorded.as_ref());
        let by = self.people_of(element, "author").into_iter().next();
        body.put(role, by);
    }

    /// A status or severity inside a problem or allergy.
    fn take_status(&mut self, body: &mut Body<'a, 'd>, part: &Nested<'a, 'd, '_>) -> bool {
        let element = &part.element;
        let member = match (code_of(element), body.kind) {
            ("33999-4", _) => {
                read_all(element);
                return true;
            }
            ("SEV", "Condition") => "severity",
            _ => return false,
        };
        let value = element
            .at("value")
            .and_then(|value| concept(&value, &self.narrative));
        let Some(value) = value else { return false };
        read_frame(element);
        body.put(member, Some(value));
        true
    }

    fn take_criticality(&mut self, body: &mut Body<'a, 'd>, part: &Nested<'a, 'd, '_>) -> bool {
        if code_of(&part.element) != "82606-5" {
            return false;
        }
        let code = part
            .element
            .at("value")
            .and_then(|value| value.peek("code"));
        let criticality = match code {
            Some("CRITL" | "62482003") => "low",
            Some("CRITH" | "75540009") => "high",
            Some("CRITU") => "unable-to-assess",
            _ => return false,
        };
        read_all(&part.element);
        body.put("criticality", Some(json!(criticality)));
        true
    }

    /// How the patient reacted.
    fn take_reaction(&mut self, body: &mut Body<'a, 'd>, part: &Nested<'a, 'd, '_>) -> bool {
        let element = &part.element;
        if !is_reaction(element) && part.relation != "MFST" {
            return false;
        }
        let what = element.at("value").or_else(|| element.at("code"));
        let what = what.and_then(|what| concept(&what, &self.narrative));
        let said = element
            .at("text")
            .and_then(|text| self.narrative.said(&text));
        let Some(what) = what.or_else(|| said.map(|said| json!({"text": said}))) else {
            return false;
        };
        read_frame(element);
        let mut reaction = Map::new();
        reaction.insert("manifestation".to_owned(), json!([what]));
        let onset = element.at("effectiveTime").and_then(|time| when(&time));
        put_time(
            &mut reaction,
            "onset",
            onset.as_ref().and_then(|time| time.start()),
        );
        for inner in nested(element, &part.place) {
            if let Some(severity) = severity_of(&inner.element) {
                read_all(&inner.element);
                put(&mut reaction, "severity", Some(json!(severity)));
            }
        }
        self.take_nested(body, element, &part.place, &mut |_, _, inner| {
            severity_of(&inner.element).is_some()
        });
        body.push("reaction", Value::Object(reaction));
        true
    }

    /// A relative and their diseases.
    pub fn family_member(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> String {
        let mut body = self.begin("FamilyMemberHistory", element, place);
        read_state(element);
        body.put("status", Some(json!("completed")));
        body.put("patient", Some(self.patient_reference()));
        let relative = element.at("subject/relatedSubject");
        let relation =
            relative.and_then(|relative| concept(&relative.at("code")?, &self.narrative));
        body.put(
            "relationship",
            Some(relation.unwrap_or_else(|| json!({"text": "?"}))),
        );
        if let Some(subject) = relative.and_then(|relative| relative.at("subject")) {
            body.put("name", display_of(&names(&subject)).map(Value::String));
            let gender = subject
                .at("administrativeGenderCode")
                .and_then(|code| code.attribute("code"));
            body.put("sex", gender.map(|code| json!({"coding": [{
                "system": "http://hl7.org/fhir/administrative-gender", "code": gender_of(code),
            }]})));
            put_time(
                &mut body.map,
                "bornDate",
                subject
                    .at("birthTime")
                    .and_then(|time| point(&time))
                    .as_ref(),
            );
            let dead = subject
                .at("deceasedInd")
                .and_then(|dead| dead.attribute("value"));
            body.put("deceasedBoolean", dead.map(|dead| json!(dead == "true")));
        }
        self.take_nested(&mut body, element, place, &mut |reader, body, part| {
            reader.take_family_condition(body, part)
        });
        self.end(body)
    }

    fn take_family_condition(
        &mut self,
        body: &mut Body<'a, 'd>,
        part: &Nested<'a, 'd, '_>,
    ) -> bool {
        let element = &part.element;
        if element.name() != "observation" || is_negated(element) {
            return false;
        }
        let of = |name: &str| {
            element
                .at(name)
                .and_then(|code| concept(&code, &self.narrative))
        };
        let Some(code) = of("value").or_else(|| of("code")) else {
            return false;
        };
        read_frame(element);
        let mut condition = Map::new();
        condition.insert("code".to_owned(), code);
        let time = element.at("effectiveTime").and_then(|time| when(&time));
        let onset = time.as_ref().and_then(|time| time.start());
        let mut age = None;
        for inner in nested(element, &part.place)
            .iter()
            .filter(|inner| code_of(&inner.element) == "445518008")
        {
            age = inner
                .element
                .at("value")
                .and_then(|value| quantity(&value, None));
            read_frame(&inner.element);
        }
        match age {
            Some(age) => put(&mut condition, "onsetAge", Some(age)),
            None => put(
                &mut condition,
                "onsetString",
                onset.map(|onset| json!(onset.fhir)),
            ),
        }
        let mut notes = Vec::new();
        for inner in nested(element, &part.place)
            .iter()
            .filter(|inner| super::statements::is_comment(&inner.element))
        {
            read_frame(&inner.element);
            let said = inner
                .element
                .at("text")
                .and_then(|text| self.narrative.said(&text));
            notes.extend(said.map(|said| json!({"text": said})));
        }
        put_list(&mut condition, "note", notes);
        body.push("condition", Value::Object(condition));
        self.take_nested(body, element, &part.place, &mut |_, _, inner| {
            code_of(&inner.element) == "445518008" || super::statements::is_comment(&inner.element)
        });
        true
    }
}

fn read_all(element: &Element<'_, '_>) {
    read_frame(element);
    if let Some(value) = element.at("value") {
        value.mark_all();
    }
}

fn status_concept(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

fn put_onset(map: &mut Map<String, Value>, time: Option<&When>) {
    match time {
        None => (),
        Some(When::At(time)) => put_time(map, "onsetDateTime", Some(time)),
        Some(When::Between(start, end)) => {
            put_time(map, "onsetDateTime", start.as_ref());
            put_time(map, "abatementDateTime", end.as_ref());
        }
    }
}

/// How a problem or an allergy stands; what the source denies is refuted.
fn put_status(
    body: &mut Body<'_, '_>,
    element: &Element<'_, '_>,
    (clinical, verification): (&str, &str),
    status: impl FnOnce() -> Option<&'static str>,
) {
    if is_negated(element) {
        let refuted = status_concept(verification, "refuted");
        return body.put("verificationStatus", Some(refuted));
    }
    let status = status().map(|status| status_concept(clinical, status));
    body.put("clinicalStatus", status);
}

/// What the source says of the course: the status observation inside, the end that was written, the state of the concern.
fn clinical_status(
    element: &Element<'_, '_>,
    above: &Above<'_>,
    ended: bool,
) -> Option<&'static str> {
    let inside = element
        .all("entryRelationship")
        .filter_map(|link| link.at("observation"))
        .find(|status| code_of(status) == "33999-4")
        .and_then(|status| status.at("value")?.peek("code"));
    let said = match inside {
        Some("55561003") => Some("active"),
        Some("73425007" | "90734009") => Some("inactive"),
        Some("413322009") => Some("resolved"),
        Some("246455001" | "255227004") => Some("recurrence"),
        Some("277022003") => Some("remission"),
        _ => None,
    };
    let by_concern = match above.status {
        Some("active") => Some("active"),
        Some("completed") => Some("inactive"),
        _ => None,
    };
    said.or(ended.then_some("resolved")).or(by_concern)
}

/// Mechanism and category of an allergy, from SNOMED CT's and HL7's codes.
fn kind_of_allergy(code: &str) -> (Option<&'static str>, Option<&'static str>) {
    match code {
        "416098002" | "DALG" => (Some("allergy"), Some("medication")),
        "414285001" | "FALG" => (Some("allergy"), Some("food")),
        "426232007" | "EALG" => (Some("allergy"), Some("environment")),
        "419199007" | "ALG" | "609328004" => (Some("allergy"), None),
        "59037007" | "DINT" => (Some("intolerance"), Some("medication")),
        "235719002" | "FINT" => (Some("intolerance"), Some("food")),
        "782197009" | "OINT" => (Some("intolerance"), None),
        "419511003" => (None, Some("medication")),
        "418471000" => (None, Some("food")),
        _ => (None, None),
    }
}

fn severity_of(element: &Element<'_, '_>) -> Option<&'static str> {
    if code_of(element) != "SEV" {
        return None;
    }
    match element.at("value")?.peek("code")? {
        "255604002" | "L" => Some("mild"),
        "6736007" | "371923003" | "M" => Some("moderate"),
        "24484000" | "371924009" | "399166001" | "H" => Some("severe"),
        _ => None,
    }
}
