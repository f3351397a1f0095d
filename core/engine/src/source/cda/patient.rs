//! Whom a document is about: the Patient, and what tells one person from another.

use super::PatientTraits;
use super::people::{addresses, names, put, put_list, telecoms};
use super::reader::Reader;
use super::time::{Time, parse, point, put_time};
use super::tree::Element;
use super::values::{concept, identifier};
use crate::record::traits::{INS_ROOTS, Ins};
use serde_json::{Map, Value, json};

impl<'a, 'd> Reader<'a, 'd> {
    /// The Patient, and what tells one person from another.
    pub fn read_patient(&mut self) -> PatientTraits {
        let Some(role) = self.document.at("recordTarget/patientRole") else {
            return PatientTraits::default();
        };
        let patient = role.at("patient");
        let traits = traits_of(&role, patient.as_ref());
        let mut map = Map::new();
        put_list(&mut map, "identifier", patient_identifiers(&role));
        put_list(
            &mut map,
            "name",
            patient.map(|patient| names(&patient)).unwrap_or_default(),
        );
        put_list(&mut map, "telecom", telecoms(&role));
        put_list(&mut map, "address", addresses(&role));
        if let Some(patient) = patient {
            self.describe_patient(&mut map, &patient);
        }
        let organization = role
            .at("providerOrganization")
            .and_then(|element| self.organization(&element));
        put(&mut map, "managingOrganization", organization);
        let reference = self.shared("Patient", map, None);
        self.patient = reference
            .get("reference")
            .and_then(Value::as_str)
            .map(str::to_owned);
        traits
    }

    fn describe_patient(&mut self, map: &mut Map<String, Value>, patient: &Element<'a, 'd>) {
        let code = |name: &str| {
            patient
                .at(name)
                .and_then(|code| concept(&code, &self.narrative))
        };
        let gender = patient
            .at("administrativeGenderCode")
            .and_then(|code| code.attribute("code"));
        put(map, "gender", gender.map(|code| json!(gender_of(code))));
        put_time(
            map,
            "birthDate",
            patient
                .at("birthTime")
                .and_then(|time| point(&time))
                .map(to_day)
                .as_ref(),
        );
        put(map, "maritalStatus", code("maritalStatusCode"));
        let died = patient.at("deceasedTime").and_then(|time| point(&time));
        match patient
            .at("deceasedInd")
            .and_then(|dead| dead.attribute("value"))
        {
            _ if died.is_some() => put_time(map, "deceasedDateTime", died.as_ref()),
            Some("true") => put(map, "deceasedBoolean", Some(json!(true))),
            _ => (),
        }
        let languages: Vec<Value> = patient
            .all("languageCommunication")
            .filter_map(|language| language.at("languageCode")?.attribute("code"))
            .map(|code| json!({"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}}))
            .collect();
        put_list(map, "communication", languages);
        let contacts: Vec<Value> = patient
            .all("guardian")
            .filter_map(|guardian| self.guardian(&guardian))
            .collect();
        put_list(map, "contact", contacts);
        if let Some(birthplace) = patient
            .at("birthplace/place")
            .map(|place| addresses(&place))
        {
            let extension = |address: &Value| {
                json!({
                    "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                    "valueAddress": address,
                })
            };
            put_list(map, "extension", birthplace.iter().map(extension).collect());
        }
    }

    fn guardian(&self, guardian: &Element<'a, 'd>) -> Option<Value> {
        let mut contact = Map::new();
        let kind = guardian
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        put_list(&mut contact, "relationship", kind.into_iter().collect());
        let name = guardian
            .at("guardianPerson")
            .map(|person| names(&person))
            .unwrap_or_default();
        put(&mut contact, "name", name.into_iter().next());
        put_list(&mut contact, "telecom", telecoms(guardian));
        put(
            &mut contact,
            "address",
            addresses(guardian).into_iter().next(),
        );
        (!contact.is_empty()).then_some(Value::Object(contact))
    }
}

/// FHIR's word for an HL7 gender.
pub fn gender_of(code: &str) -> &'static str {
    match code {
        "M" => "male",
        "F" => "female",
        "UN" | "O" => "other",
        _ => "unknown",
    }
}

/// Someone's birth date is a day.
pub fn to_day(time: Time) -> Time {
    let day = time.fhir.split('T').next().unwrap_or_default().to_owned();
    Time {
        fhir: day,
        local: None,
    }
}

/// The INS comes first, whatever stands before it in the document.
fn patient_identifiers(role: &Element<'_, '_>) -> Vec<Value> {
    let is_ins = |id: &Element<'_, '_>| {
        id.peek("root")
            .is_some_and(|root| INS_ROOTS.contains(&root))
    };
    let (ins, others): (Vec<_>, Vec<_>) = role.all("id").partition(is_ins);
    ins.iter().chain(&others).filter_map(identifier).collect()
}

fn traits_of(role: &Element<'_, '_>, patient: Option<&Element<'_, '_>>) -> PatientTraits {
    let mut traits = PatientTraits::default();
    for id in role.all("id") {
        let (Some(root), Some(value)) = (id.peek("root"), id.peek("extension")) else {
            continue;
        };
        match INS_ROOTS.contains(&root) {
            true if traits.ins.is_none() => {
                traits.ins = Some(Ins {
                    root: root.to_owned(),
                    number: value.to_owned(),
                });
            }
            _ => traits.identifiers.push((root.to_owned(), value.to_owned())),
        }
    }
    let Some(patient) = patient else {
        return traits;
    };
    let family = |wanted: &[&str]| {
        let parts = patient
            .all("name")
            .flat_map(|name| name.all("family").collect::<Vec<_>>());
        parts
            .into_iter()
            .filter(|part| wanted.contains(&part.peek("qualifier").unwrap_or_default()))
            .map(|part| part.peek_text())
            .find(|text| !text.is_empty())
    };
    traits.birth_name = family(&["BR"]);
    traits.used_name = family(&["CL", "SP", ""]);
    let given = patient
        .all("name")
        .flat_map(|name| name.all("given").collect::<Vec<_>>());
    for text in given
        .map(|part| part.peek_text())
        .filter(|text| !text.is_empty())
    {
        if !traits.given.contains(&text) {
            traits.given.push(text);
        }
    }
    let birth = patient
        .at("birthTime")
        .and_then(|time| parse(time.peek("value")?));
    traits.birth_date = birth.map(|time| to_day(time).fhir);
    traits.sex = patient
        .at("administrativeGenderCode")
        .and_then(|code| code.peek("code"))
        .map(|code| gender_of(code).to_owned());
    traits
}
