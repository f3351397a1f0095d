//! Names, addresses, telephone numbers; the people and places of a header or a statement.
//!
//! A person or place is named by what is said of them, so that ten results signed by one biologist are ten references to one
//! Practitioner. The same person written otherwise is another resource: two are better than a false one.

use super::patient::to_day;
use super::reader::Reader;
use super::time::{point, put_time};
use super::tree::Element;
use super::values::{concept, identifiers};
use serde_json::{Map, Value, json};

/// The names of a person. French documents write birth name (`BR`), used name (`SP`, `CL`) and given names in one element.
pub fn names(person: &Element<'_, '_>) -> Vec<Value> {
    person
        .all("name")
        .flat_map(|name| split_name(&name))
        .collect()
}

fn split_name(name: &Element<'_, '_>) -> Vec<Value> {
    let qualifier = |part: &Element<'_, '_>| part.peek("qualifier").unwrap_or_default().to_owned();
    let texts = |tag: &str, wanted: &[&str]| -> Vec<String> {
        let parts = name
            .all(tag)
            .filter(|part| wanted.contains(&qualifier(part).as_str()));
        parts
            .map(|part| part.own_text())
            .filter(|text| !text.is_empty())
            .collect()
    };
    let birth = texts("family", &["BR"]);
    let used: Vec<String> = texts("family", &["CL", "SP", "", "TITLE"]);
    let plain_given = texts("given", &["", "IN"]);
    let (birth_given, used_given) = (texts("given", &["BR"]), texts("given", &["CL"]));
    let affixes = |tag: &str| -> Vec<String> {
        name.all(tag)
            .map(|part| part.own_text())
            .filter(|text| !text.is_empty())
            .collect()
    };
    let (prefix, suffix) = (affixes("prefix"), affixes("suffix"));
    let write = |role: Option<&str>, family: &[String], given: &[String]| {
        let mut out = Map::new();
        put(&mut out, "use", role.map(|role| json!(role)));
        put(
            &mut out,
            "family",
            family.first().map(|_| json!(family.join(" "))),
        );
        put(&mut out, "given", given.first().map(|_| json!(given)));
        put(&mut out, "prefix", prefix.first().map(|_| json!(prefix)));
        put(&mut out, "suffix", suffix.first().map(|_| json!(suffix)));
        Value::Object(out)
    };
    let or = |first: &[String], second: &[String]| match first {
        [] => second.to_vec(),
        first => first.to_vec(),
    };
    if !birth.is_empty() {
        let mut both = vec![write(
            Some("official"),
            &birth,
            &or(&plain_given, &birth_given),
        )];
        if !used.is_empty() || !used_given.is_empty() {
            let given = or(&used_given, &or(&birth_given, &plain_given));
            both.push(write(Some("usual"), &or(&used, &birth), &given));
        }
        return both;
    }
    let given: Vec<String> = [plain_given, used_given].concat();
    if used.is_empty() && given.is_empty() {
        let text = name.own_text();
        return if text.is_empty() {
            Vec::new()
        } else {
            vec![json!({"text": text})]
        };
    }
    let role = match name.peek("use") {
        Some("L" | "C") => Some("official"),
        Some("P") => Some("nickname"),
        Some("A") => Some("anonymous"),
        _ => None,
    };
    vec![write(role, &used, &given)]
}

/// What to call a person in one line.
pub fn display_of(names: &[Value]) -> Option<String> {
    let name = names.first()?;
    if let Some(text) = name.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let list = |member: &str| {
        let parts = name
            .get(member)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        parts
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let family = name
        .get("family")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let parts: Vec<String> = list("given").into_iter().chain(family).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The addresses of an element.
pub fn addresses(element: &Element<'_, '_>) -> Vec<Value> {
    element
        .all("addr")
        .filter_map(|addr| address(&addr))
        .collect()
}

fn address(addr: &Element<'_, '_>) -> Option<Value> {
    const LINES: [&str; 9] = [
        "streetAddressLine",
        "additionalLocator",
        "unitID",
        "unitType",
        "houseNumber",
        "streetNameType",
        "streetName",
        "postBox",
        "precinct",
    ];
    let parts: Vec<(&str, String)> = addr
        .elements()
        .map(|part| (part.name(), part.own_text()))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let of = |name: &str| {
        parts
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, text)| json!(text))
    };
    let street: Vec<&str> = [
        "houseNumber",
        "houseNumberNumeric",
        "streetNameType",
        "streetName",
        "streetNameBase",
    ]
    .iter()
    .filter_map(|name| parts.iter().find(|(other, _)| other == name))
    .map(|(_, text)| text.as_str())
    .collect();
    let others = parts
        .iter()
        .filter(|(name, _)| LINES.contains(name) && !street_part(name));
    let mut lines: Vec<String> = others.map(|(_, text)| text.clone()).collect();
    if !street.is_empty() {
        lines.push(street.join(" "));
    }
    let mut out = Map::new();
    put(
        &mut out,
        "use",
        match addr.peek("use") {
            Some("H" | "HP" | "HV") => Some(json!("home")),
            Some("WP") => Some(json!("work")),
            Some("TMP") => Some(json!("temp")),
            _ => None,
        },
    );
    put(&mut out, "line", lines.first().map(|_| json!(lines)));
    for (from, to) in [
        ("city", "city"),
        ("county", "district"),
        ("state", "state"),
        ("postalCode", "postalCode"),
        ("country", "country"),
    ] {
        put(&mut out, to, of(from));
    }
    if out.is_empty() || out.keys().all(|name| name == "use") {
        let text = addr.own_text();
        return (!text.is_empty()).then(|| json!({"text": text}));
    }
    addr.mark_read();
    Some(Value::Object(out))
}

fn street_part(name: &str) -> bool {
    matches!(
        name,
        "houseNumber" | "houseNumberNumeric" | "streetNameType" | "streetName" | "streetNameBase"
    )
}

/// The telephone numbers and electronic addresses of an element.
pub fn telecoms(element: &Element<'_, '_>) -> Vec<Value> {
    element
        .all("telecom")
        .filter_map(|telecom| contact_point(&telecom))
        .collect()
}

fn contact_point(telecom: &Element<'_, '_>) -> Option<Value> {
    let value = telecom.attribute("value")?;
    let (system, rest) = match value.split_once(':') {
        Some(("tel", rest)) => ("phone", rest),
        Some(("fax", rest)) => ("fax", rest),
        Some(("mailto", rest)) => ("email", rest),
        Some(("http" | "https", _)) => ("url", value),
        _ => ("other", value),
    };
    let mut out = Map::new();
    out.insert("system".to_owned(), json!(system));
    out.insert("value".to_owned(), json!(rest));
    put(
        &mut out,
        "use",
        match telecom.peek("use") {
            Some("H" | "HP" | "HV") => Some(json!("home")),
            Some("WP" | "DIR" | "PUB") => Some(json!("work")),
            Some("MC") => Some(json!("mobile")),
            _ => None,
        },
    );
    Some(Value::Object(out))
}

/// Sets a member that says something.
pub fn put(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value);
    }
}

/// Sets a list that has elements.
pub fn put_list(map: &mut Map<String, Value>, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        map.insert(name.to_owned(), Value::Array(list));
    }
}

/// `AD` parts that every person and place has.
fn put_contacts(map: &mut Map<String, Value>, element: &Element<'_, '_>) {
    put_list(map, "telecom", telecoms(element));
    put_list(map, "address", addresses(element));
}

impl<'a, 'd> Reader<'a, 'd> {
    /// The Practitioner (or Device that wrote) and the Organization of an `assignedAuthor`, `assignedEntity` or
    /// `associatedEntity`: references to them, the person first.
    pub fn participants(&mut self, entity: &Element<'a, 'd>) -> Vec<Value> {
        let mut found = Vec::new();
        found.extend(self.practitioner(entity));
        let organization = [
            "representedOrganization",
            "scopingOrganization",
            "assignedAuthoringDevice",
        ];
        for name in organization {
            if let Some(element) = entity.at(name) {
                found.extend(match name {
                    "assignedAuthoringDevice" => self.authoring_device(&element),
                    _ => self.organization(&element),
                });
            }
        }
        found
    }

    fn practitioner(&mut self, entity: &Element<'a, 'd>) -> Option<Value> {
        let person = [
            "assignedPerson",
            "associatedPerson",
            "playingEntity",
            "relatedPerson",
            "informationRecipient",
        ]
        .iter()
        .find_map(|name| entity.at(name));
        let names = person.map(|person| names(&person)).unwrap_or_default();
        let identifiers = identifiers(entity);
        if names.is_empty() && identifiers.is_empty() {
            return None;
        }
        let display = display_of(&names);
        let mut map = Map::new();
        put_list(&mut map, "identifier", identifiers);
        put_list(&mut map, "name", names);
        put_contacts(&mut map, entity);
        let function = entity
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        put_list(
            &mut map,
            "qualification",
            function
                .map(|code| json!({"code": code}))
                .into_iter()
                .collect(),
        );
        Some(self.shared("Practitioner", map, display))
    }

    /// The Organization of an element with `id`, `name`, `telecom` and `addr`.
    pub fn organization(&mut self, element: &Element<'a, 'd>) -> Option<Value> {
        let mut map = Map::new();
        put_list(&mut map, "identifier", identifiers(element));
        let name = element
            .at("name")
            .map(|name| name.own_text())
            .filter(|name| !name.is_empty());
        put(&mut map, "name", name.as_ref().map(|name| json!(name)));
        put_contacts(&mut map, element);
        let kind = element
            .at("standardIndustryClassCode")
            .and_then(|code| concept(&code, &self.narrative));
        put_list(&mut map, "type", kind.into_iter().collect());
        (!map.is_empty()).then(|| self.shared("Organization", map, name))
    }

    fn authoring_device(&mut self, element: &Element<'a, 'd>) -> Option<Value> {
        let text = |name: &str| {
            element
                .at(name)
                .map(|part| part.own_text())
                .filter(|text| !text.is_empty())
        };
        let model = text("manufacturerModelName");
        let software = text("softwareName");
        let name = model.clone().or_else(|| software.clone())?;
        let mut map = Map::new();
        map.insert(
            "deviceName".to_owned(),
            json!([{"name": name, "type": "model-name"}]),
        );
        put_list(
            &mut map,
            "version",
            software
                .filter(|_| model.is_some())
                .map(|value| json!({"value": value}))
                .into_iter()
                .collect(),
        );
        Some(self.shared("Device", map, Some(name)))
    }

    /// A relative whom a statement is about, instead of the patient; and what to call them.
    pub fn relative_of(&mut self, statement: &Element<'a, 'd>) -> Option<(Value, String)> {
        let relative = statement.at("subject/relatedSubject")?;
        let person = relative.at("subject");
        let mut map = Map::new();
        put_list(
            &mut map,
            "name",
            person.map(|person| names(&person)).unwrap_or_default(),
        );
        let born = person.and_then(|person| point(&person.at("birthTime")?));
        put_time(&mut map, "birthDate", born.map(to_day).as_ref());
        let relation = relative
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let called = relation.as_ref().and_then(concept_display);
        let called = called.unwrap_or_else(|| "≠ patient".to_owned());
        put_list(&mut map, "relationship", relation.into_iter().collect());
        put_contacts(&mut map, &relative);
        map.insert("patient".to_owned(), self.patient_reference());
        let person = self.shared("RelatedPerson", map, Some(called.clone()));
        Some((person, called))
    }

    /// Someone of the header, by what they are to the patient: a professional, or a person they know.
    pub fn participant(&mut self, entity: &Element<'a, 'd>) -> Vec<Value> {
        let class = entity.peek("classCode").unwrap_or_default();
        if !matches!(
            class,
            "ECON" | "NOK" | "CAREGIVER" | "CON" | "PRS" | "GUARD" | "AGNT"
        ) {
            return self.participants(entity);
        }
        let person = ["associatedPerson", "relatedPerson"]
            .iter()
            .find_map(|name| entity.at(name));
        let names = person.map(|person| names(&person)).unwrap_or_default();
        let display = display_of(&names);
        let mut map = Map::new();
        put_list(&mut map, "name", names);
        let relation = entity
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        put_list(&mut map, "relationship", relation.into_iter().collect());
        put_contacts(&mut map, entity);
        if map.is_empty() {
            return Vec::new();
        }
        map.insert("patient".to_owned(), self.patient_reference());
        vec![self.shared("RelatedPerson", map, display)]
    }

    /// The people of a statement with that participation, such as `performer` or `author`.
    pub fn people_of(&mut self, statement: &Element<'a, 'd>, participation: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for part in statement.all(participation) {
            for name in [
                "assignedAuthor",
                "assignedEntity",
                "participantRole",
                "associatedEntity",
            ] {
                if let Some(entity) = part.at(name) {
                    found.extend(self.participants(&entity));
                }
            }
        }
        found
    }

    /// A device or product among the participants of a statement, as a Device.
    pub fn device(&mut self, role: &Element<'a, 'd>) -> Option<Value> {
        let device = role.at("playingDevice")?;
        let mut map = Map::new();
        put_list(&mut map, "identifier", identifiers(role));
        let kind = device
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let display = kind.as_ref().and_then(concept_display);
        put(&mut map, "type", kind);
        let model = device
            .at("manufacturerModelName")
            .map(|name| name.own_text())
            .filter(|name| !name.is_empty());
        put(&mut map, "modelNumber", model.map(|model| json!(model)));
        if map.is_empty() {
            return None;
        }
        map.insert("patient".to_owned(), self.patient_reference());
        Some(self.shared("Device", map, display))
    }
}

/// What a concept is called.
pub fn concept_display(concept: &Value) -> Option<String> {
    let text = concept.get("text").and_then(Value::as_str);
    let codings = concept
        .get("coding")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let display = |name: &str| {
        codings
            .clone()
            .find_map(|coding| coding.get(name)?.as_str())
    };
    text.or_else(|| display("display"))
        .or_else(|| display("code"))
        .map(str::to_owned)
}
