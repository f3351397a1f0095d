//! The header: who wrote the document, where and when, and how it may be shared.
//!
//! It becomes the people and places, the Encounter, and the document itself twice: as DocumentReference, which leads to the
//! original bytes, and as Composition, which holds the sections. What else is in the header is a remainder of the
//! DocumentReference.

use super::Label;
use super::identity::{Naming, name_parent, urn};
use super::people::{addresses, concept_display, put, put_list};
use super::reader::{Body, Reader};
use super::systems::uri_of;
use super::time::{Time, When, period, point, put_time, when};
use super::tree::Element;
use super::values::{coding, concept, identifier, identifiers};
use crate::record::time::parse_instant;
use serde_json::{Map, Value, json};

/// What a header says of its document.
struct Head {
    identifiers: Vec<Value>,
    set: Option<Value>,
    version: Option<String>,
    kind: Option<Value>,
    title: Option<Value>,
    date: Option<Time>,
    language: Option<Value>,
    authors: Vec<Value>,
    custodian: Option<Value>,
    attesters: Vec<Value>,
    relations: Vec<(&'static str, Value)>,
}

impl<'a, 'd> Reader<'a, 'd> {
    /// The Encounter the document speaks of.
    pub fn read_encounter(&mut self) {
        let Some(element) = self.document.at("componentOf/encompassingEncounter") else {
            return;
        };
        let mut naming = Naming::of("header encounter");
        naming.add(&self.key);
        let mut body = self.bare(
            "Encounter",
            urn(naming.finish()),
            "componentOf/encompassingEncounter",
        );
        body.put_list("identifier", identifiers(&element));
        body.put("status", Some(json!("finished")));
        body.put(
            "class",
            Some(
                element
                    .at("code")
                    .and_then(|code| coding(&code))
                    .unwrap_or_else(unknown_class),
            ),
        );
        body.put("subject", Some(self.patient_reference()));
        let mut people = Vec::new();
        for part in element
            .all("responsibleParty")
            .chain(element.all("encounterParticipant"))
        {
            if let Some(entity) = part.at("assignedEntity") {
                people.extend(self.participants(&entity));
            }
        }
        let individuals: Vec<Value> = people
            .iter()
            .filter(|person| !is_organization(self, person))
            .map(|person| json!({"individual": person}))
            .collect();
        body.put_list("participant", individuals);
        let stay = element.at("effectiveTime").and_then(|time| when(&time));
        body.put("period", stay.as_ref().map(period_of));
        let discharge = element
            .at("dischargeDispositionCode")
            .and_then(|code| concept(&code, &self.narrative));
        body.put(
            "hospitalization",
            discharge.map(|code| json!({"dischargeDisposition": code})),
        );
        let organization = people
            .into_iter()
            .find(|person| is_organization(self, person));
        body.put("serviceProvider", organization);
        if let Some(facility) = element.at("location/healthCareFacility") {
            body.put_list("location", self.facility(&facility).into_iter().collect());
        }
        self.encounter = Some(self.end(body));
    }

    fn facility(&mut self, facility: &Element<'a, 'd>) -> Option<Value> {
        let mut map = Map::new();
        put_list(&mut map, "identifier", identifiers(facility));
        let kind = facility
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let name = facility
            .at("location/name")
            .map(|name| name.own_text())
            .filter(|name| !name.is_empty());
        let display = name
            .clone()
            .or_else(|| kind.as_ref().and_then(concept_display));
        put(&mut map, "name", name.map(Value::String));
        put_list(&mut map, "type", kind.into_iter().collect());
        let place = facility
            .at("location")
            .map(|place| addresses(&place))
            .unwrap_or_default();
        put(&mut map, "address", place.into_iter().next());
        let owner = facility
            .at("serviceProviderOrganization")
            .and_then(|element| self.organization(&element));
        put(&mut map, "managingOrganization", owner);
        (!map.is_empty()).then(|| json!({"location": self.shared("Location", map, display)}))
    }

    /// DocumentReference and Composition, which say the same of the document.
    pub fn read_document(&mut self, original: Value, labels: &[Label], sections: Vec<Value>) {
        self.security = secrets(labels.iter().cloned());
        let head = self.read_head();
        self.end_files();
        let reference = self.document_reference(&head, original, labels);
        self.end(reference);
        let composition = self.composition(head, labels, sections);
        self.end(composition);
    }

    fn read_head(&mut self) -> Head {
        let document = self.document;
        let custodian = "custodian/assignedCustodian/representedCustodianOrganization";
        let attribute = |name: &str, attribute: &str| {
            let found = document
                .at(name)
                .and_then(|found| found.attribute(attribute));
            found.map(str::to_owned)
        };
        let text = document.at("title").map(|title| title.whole_text());
        let kind = document.at("code");
        Head {
            identifiers: identifiers(&document),
            set: document.at("setId").and_then(|set| identifier(&set)),
            version: attribute("versionNumber", "value"),
            kind: kind.and_then(|code| concept(&code, &self.narrative)),
            title: text.filter(|title| !title.is_empty()).map(Value::String),
            date: document.at("effectiveTime").and_then(|time| point(&time)),
            language: attribute("languageCode", "code").map(Value::String),
            authors: self.people_of(&document, "author"),
            custodian: document
                .at(custodian)
                .and_then(|element| self.organization(&element)),
            attesters: self.attesters(),
            relations: self.relations(),
        }
    }

    fn document_reference(
        &mut self,
        head: &Head,
        original: Value,
        labels: &[Label],
    ) -> Body<'a, 'd> {
        let mut body = self.bare("DocumentReference", self.urn.clone(), "");
        body.hosts.push(self.document);
        body.version.clone_from(&head.version);
        body.put("masterIdentifier", head.identifiers.first().cloned());
        body.put_list("identifier", head.set.iter().cloned().collect());
        body.put("status", Some(json!("current")));
        body.put("docStatus", Some(json!("final")));
        body.put("type", head.kind.clone());
        body.put("subject", Some(self.patient_reference()));
        // FHIR wants an instant here; what is less stands as the attachment's creation only.
        let is_instant = |date: &&Time| parse_instant(&date.fhir).is_some();
        put_time(&mut body.map, "date", head.date.as_ref().filter(is_instant));
        body.put_list("author", head.authors.clone());
        let attester = head.attesters.first();
        body.put(
            "authenticator",
            attester.and_then(|attester| attester.get("party").cloned()),
        );
        body.put("custodian", head.custodian.clone());
        let related = |(code, target): &(&str, Value)| json!({"code": code, "target": target});
        body.put_list("relatesTo", head.relations.iter().map(related).collect());
        body.put("description", head.title.clone());
        body.put_list("securityLabel", labels.iter().map(Label::to_fhir).collect());
        let mut attachment = original;
        if let Some(map) = attachment.as_object_mut() {
            put(map, "title", head.title.clone());
            put_time(map, "creation", head.date.as_ref());
        }
        body.put_list("content", vec![json!({"attachment": attachment})]);
        body.put("context", self.context());
        for urn in self.header_people() {
            body.relate(&urn);
        }
        body
    }

    /// Everyone else whom the header names: whoever did what is documented, told of it, or shall be told.
    fn header_people(&mut self) -> Vec<String> {
        const ENTITIES: [&str; 5] = [
            "assignedEntity",
            "associatedEntity",
            "relatedEntity",
            "intendedRecipient",
            "assignedAuthor",
        ];
        const ROLES: [&str; 4] = [
            "participant",
            "informant",
            "dataEnterer",
            "informationRecipient",
        ];
        let document = self.document;
        let events = document
            .all("documentationOf")
            .filter_map(|of| of.at("serviceEvent"));
        let performers = events.flat_map(|event| event.all("performer").collect::<Vec<_>>());
        let others = document
            .elements()
            .filter(|part| ROLES.contains(&part.name()));
        let mut found: Vec<String> = Vec::new();
        for part in performers.chain(others) {
            for entity in ENTITIES.iter().filter_map(|name| part.at(name)) {
                for reference in self.participant(&entity) {
                    match reference.get("reference").and_then(Value::as_str) {
                        Some(urn) if !found.iter().any(|known| known == urn) => {
                            found.push(urn.to_owned());
                        }
                        _ => (),
                    }
                }
            }
        }
        found
    }

    fn composition(&mut self, head: Head, labels: &[Label], sections: Vec<Value>) -> Body<'a, 'd> {
        let mut body = self.bare("Composition", Self::part_of(self.key, "Composition"), "");
        body.version = head.version;
        body.relate(&self.urn);
        body.put("language", head.language);
        let identifier = head.set.or_else(|| head.identifiers.into_iter().next());
        body.put("identifier", identifier);
        body.put("status", Some(json!("final")));
        body.put("type", head.kind.or_else(|| Some(json!({"text": "?"}))));
        body.put("subject", Some(self.patient_reference()));
        let encounter = self.encounter.as_ref();
        body.put("encounter", encounter.map(|urn| json!({"reference": urn})));
        put_time(&mut body.map, "date", head.date.as_ref());
        body.put_list("author", head.authors);
        body.put("title", head.title);
        let of_hl7 = |label: &&Label| label.system.ends_with("v3-Confidentiality");
        let label = labels.iter().find(of_hl7);
        body.put("confidentiality", label.map(|label| json!(label.code)));
        body.put_list("attester", head.attesters);
        body.put("custodian", head.custodian);
        let related =
            |(code, target): (&str, Value)| json!({"code": code, "targetReference": target});
        let relations = head.relations.into_iter().map(related);
        body.put_list("relatesTo", relations.collect());
        body.put_list("section", sections);
        body
    }

    fn attesters(&mut self) -> Vec<Value> {
        let document = self.document;
        let mut found = Vec::new();
        for (name, mode) in [
            ("legalAuthenticator", "legal"),
            ("authenticator", "professional"),
        ] {
            for element in document.all(name) {
                let party = element
                    .at("assignedEntity")
                    .and_then(|entity| self.participants(&entity).into_iter().next());
                if let Some(signature) = element.at("signatureCode") {
                    signature.mark_read();
                }
                let mut attester = Map::new();
                attester.insert("mode".to_owned(), json!(mode));
                put_time(
                    &mut attester,
                    "time",
                    element.at("time").and_then(|time| point(&time)).as_ref(),
                );
                put(&mut attester, "party", party);
                found.push(Value::Object(attester));
            }
        }
        found
    }

    /// Documents that this one replaces or adds to. A version of the same set is the same resource, and replaces nothing.
    fn relations(&mut self) -> Vec<(&'static str, Value)> {
        let document = self.document;
        let mut found = Vec::new();
        for related in document.all("relatedDocument") {
            let code = match related.attribute("typeCode") {
                Some("RPLC") => "replaces",
                Some("XFRM") => "transforms",
                _ => "appends",
            };
            let Some(parent) = related.at("parentDocument") else {
                continue;
            };
            let Some(name) = name_parent(&document, &parent).filter(|name| *name != self.key)
            else {
                continue;
            };
            let mut target = Map::new();
            target.insert(
                "reference".to_owned(),
                json!(Self::part_of(name, "DocumentReference")),
            );
            put(
                &mut target,
                "identifier",
                parent.at("id").and_then(|id| identifier(&id)),
            );
            found.push((code, Value::Object(target)));
        }
        found
    }

    /// What was done, when, and in what kind of place.
    fn context(&mut self) -> Option<Value> {
        let document = self.document;
        let mut map = Map::new();
        put_list(
            &mut map,
            "encounter",
            self.encounter
                .iter()
                .map(|urn| json!({"reference": urn}))
                .collect(),
        );
        let mut events = Vec::new();
        let mut span = None;
        for event in document
            .all("documentationOf")
            .filter_map(|event| event.at("serviceEvent"))
        {
            events.extend(
                event
                    .at("code")
                    .and_then(|code| concept(&code, &self.narrative)),
            );
            let time = event.at("effectiveTime").and_then(|time| when(&time));
            span = span.or(time);
        }
        put_list(&mut map, "event", events);
        put(&mut map, "period", span.as_ref().map(period_of));
        let facility =
            document.at("componentOf/encompassingEncounter/location/healthCareFacility/code");
        put(
            &mut map,
            "facilityType",
            facility.and_then(|code| concept(&code, &self.narrative)),
        );
        (!map.is_empty()).then_some(Value::Object(map))
    }

    /// The confidentiality labels of the document and its sections.
    pub fn read_labels(&self) -> Vec<Label> {
        let codes = self.document.descendants();
        let codes = codes.filter(|element| element.name() == "confidentialityCode");
        let mut labels: Vec<Label> = Vec::new();
        for label in codes.filter_map(|code| label_of(&code)) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }
}

/// The labels of a secret that an element itself carries.
pub fn secrets_of(element: &Element<'_, '_>) -> Vec<Value> {
    let labels = element
        .all("confidentialityCode")
        .filter_map(|code| label_of(&code));
    secrets(labels)
}

/// Those of the labels that mean a secret, as codings.
fn secrets(labels: impl Iterator<Item = Label>) -> Vec<Value> {
    labels
        .filter(Label::is_restricted)
        .map(|label| label.to_coding())
        .collect()
}

fn label_of(element: &Element<'_, '_>) -> Option<Label> {
    let code = element.attribute("code")?;
    let system = element.peek("codeSystem").map(uri_of);
    Some(Label {
        system: system.unwrap_or_default(),
        code: code.to_owned(),
        display: element.peek("displayName").unwrap_or_default().to_owned(),
    })
}

fn is_organization(reader: &Reader<'_, '_>, reference: &Value) -> bool {
    let urn = reference
        .get("reference")
        .and_then(Value::as_str)
        .unwrap_or_default();
    reader
        .bodies
        .iter()
        .any(|body| body.urn == urn && body.kind == "Organization")
}

fn unknown_class() -> Value {
    json!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"})
}

/// A point or interval as Period.
pub fn period_of(when: &When) -> Value {
    match when {
        When::At(time) => period(Some(time), Some(time)),
        When::Between(start, end) => period(start.as_ref(), end.as_ref()),
    }
}
