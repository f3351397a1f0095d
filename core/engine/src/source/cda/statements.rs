//! Clinical statements: which FHIR resource each becomes, and what becomes of the statements inside it.
//!
//! A statement is known by its templates first, then by its codes, its mood and its section. A statement inside another is
//! one of three things: something FHIR has a member for (a reaction, a dose number), a finding that belongs to the other (a
//! component, a detail), or a resource of its own. An act that only holds others together gives its status to them, and what
//! else it says stays with the first of them.

use super::people::concept_display;
use super::reader::{Body, Nested, Place, Reader, nested};
use super::results::{read_frame, read_state};
use super::tree::Element;
use super::values::{concept, put_value, value};
use serde_json::{Map, Value, json};

/// What the statements around one say of it.
#[derive(Clone, Default)]
pub struct Above<'a> {
    /// `statusCode` of the act that holds it: a concern that is active, or closed.
    pub status: Option<&'a str>,
    /// It is the diagnosis of an encounter.
    pub of_encounter: bool,
    /// The category of the report it stands in.
    pub category: Option<&'static str>,
}

/// Problem observations.
const PROBLEM: [&str; 3] = [
    "2.16.840.1.113883.10.20.22.4.4",
    "2.16.840.1.113883.10.20.1.28",
    "1.3.6.1.4.1.19376.1.5.3.1.4.5",
];
/// Allergy observations.
const ALLERGY: [&str; 4] = [
    "2.16.840.1.113883.10.20.22.4.7",
    "2.16.840.1.113883.10.20.24.3.90",
    "2.16.840.1.113883.10.20.1.18",
    "1.3.6.1.4.1.19376.1.5.3.1.4.6",
];
/// Adverse reactions, which are findings of something else.
const REACTION: [&str; 2] = [
    "2.16.840.1.113883.10.20.22.4.9",
    "2.16.840.1.113883.10.20.1.54",
];
/// A known interaction of medicines: nobody's allergy, though it bears an allergy's template.
const INTERACTION: &str = "1.2.250.1.213.1.1.3.210";
/// Acts that hold concerns together.
const CONCERN: [&str; 9] = [
    "2.16.840.1.113883.10.20.22.4.3",
    "2.16.840.1.113883.10.20.22.4.30",
    "2.16.840.1.113883.10.20.1.27",
    "1.3.6.1.4.1.19376.1.5.3.1.4.5.1",
    "1.3.6.1.4.1.19376.1.5.3.1.4.5.2",
    "1.3.6.1.4.1.19376.1.5.3.1.4.5.3",
    "2.16.840.1.113883.10.20.22.4.34",
    "2.16.840.1.113883.10.20.22.4.33",
    "2.16.840.1.113883.10.20.22.4.65",
];
/// The diagnoses of an encounter.
const ENCOUNTER_DIAGNOSIS: &str = "2.16.840.1.113883.10.20.22.4.80";
/// Comments.
const COMMENT: [&str; 3] = [
    "2.16.840.1.113883.10.20.22.4.64",
    "2.16.840.1.113883.10.20.1.40",
    "1.3.6.1.4.1.19376.1.5.3.1.4.2",
];
/// Vaccinations.
const VACCINATION: [&str; 4] = [
    "2.16.840.1.113883.10.20.22.4.52",
    "2.16.840.1.113883.10.20.22.4.120",
    "1.3.6.1.4.1.19376.1.5.3.1.4.12",
    "1.3.6.1.4.1.19376.1.5.3.1.4.12.2",
];
/// Acts that were done to the patient.
const DONE: [&str; 2] = [
    "2.16.840.1.113883.10.20.22.4.12",
    "1.3.6.1.4.1.19376.1.5.3.1.4.19",
];
/// Panels of vital signs.
const VITAL_SIGNS: [&str; 3] = [
    "2.16.840.1.113883.10.20.22.4.26",
    "2.16.840.1.113883.10.20.1.35",
    "1.3.6.1.4.1.19376.1.5.3.1.4.13.1",
];
/// Family histories.
const FAMILY: [&str; 3] = [
    "2.16.840.1.113883.10.20.22.4.45",
    "2.16.840.1.113883.10.20.1.23",
    "1.3.6.1.4.1.19376.1.5.3.1.4.15",
];

/// Whether a statement has one of the templates.
pub fn has_template(statement: &Element<'_, '_>, templates: &[&str]) -> bool {
    let mut roots = statement
        .all("templateId")
        .filter_map(|template| template.peek("root"));
    roots.any(|root| templates.contains(&root))
}

/// The code of a statement, looked at.
pub fn code_of<'a>(statement: &Element<'a, '_>) -> &'a str {
    statement
        .at("code")
        .and_then(|code| code.peek("code"))
        .unwrap_or_default()
}

/// Whether it happened; the rest is planned, asked for, or an aim.
pub fn happened(statement: &Element<'_, '_>) -> bool {
    matches!(statement.peek("moodCode"), None | Some("EVN"))
}

/// Whether the source denies it.
pub fn is_negated(statement: &Element<'_, '_>) -> bool {
    statement.peek("negationInd") == Some("true")
}

/// A reaction to something.
pub fn is_reaction(statement: &Element<'_, '_>) -> bool {
    statement.name() == "observation" && has_template(statement, &REACTION)
}

/// A problem, in the words of any template.
pub fn is_problem(statement: &Element<'_, '_>) -> bool {
    statement.name() == "observation"
        && has_template(statement, &PROBLEM)
        && !has_template(statement, &REACTION)
        && !has_template(statement, &[INTERACTION])
}

/// A comment.
pub fn is_comment(statement: &Element<'_, '_>) -> bool {
    statement.name() == "act"
        && (code_of(statement) == "48767-8" || has_template(statement, &COMMENT))
}

fn is_allergy(statement: &Element<'_, '_>) -> bool {
    has_template(statement, &ALLERGY) && !has_template(statement, &[INTERACTION])
}

impl<'a, 'd> Reader<'a, 'd> {
    /// The resources of one statement, by name; those inside it come along.
    pub fn statement(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> Vec<String> {
        if self.is_too_much() {
            return Vec::new();
        }
        match element.name() {
            "observation" => self.observation_like(element, place, above),
            "substanceAdministration"
                if has_template(element, &VACCINATION) || code_of(element).ends_with("IMMUNIZ") =>
            {
                vec![self.vaccination(element, place)]
            }
            "substanceAdministration" => vec![self.medication(element, place)],
            "supply" => vec![self.supply(element, place)],
            "procedure" => vec![self.procedure(element, place)],
            "encounter" => vec![self.visit(element, place)],
            "organizer" => self.organizer(element, place, above),
            "act" => self.act(element, place, above),
            _ => self.media(element, place),
        }
    }

    fn observation_like(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> Vec<String> {
        let in_list = matches!(
            place.section.code.as_str(),
            "11450-4" | "11348-0" | "48765-2"
        ) && above.status.is_some();
        vec![match element.peek("moodCode") {
            Some("GOL") => self.goal(element, place),
            _ if !happened(element) => self.order(element, place),
            _ if is_allergy(element) || (in_list && place.section.code == "48765-2") => {
                self.allergy(element, place, above)
            }
            _ if is_problem(element) || (in_list && element.at("value").is_some()) => {
                self.problem(element, place, above)
            }
            _ => self.observation(element, place, above),
        }]
    }

    fn organizer(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> Vec<String> {
        let inside = nested(element, place);
        if has_template(element, &FAMILY) {
            return vec![self.family_member(element, place)];
        }
        let has = |name: &str| inside.iter().any(|part| part.element.name() == name);
        if has("observationMedia") {
            return self.attached_file(element, &inside);
        }
        if has_template(element, &VITAL_SIGNS) || matches!(code_of(element), "46680005" | "85353-1")
        {
            return self.vital_signs(element, &inside);
        }
        if has("observation") && happened(element) {
            return vec![self.report(element, place, above)];
        }
        self.wrapper(element, place, &inside, above)
    }

    fn act(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        above: &Above<'a>,
    ) -> Vec<String> {
        let inside = nested(element, place);
        let status = element.at("statusCode").and_then(|code| code.peek("code"));
        let concerns = inside
            .iter()
            .any(|part| is_problem(&part.element) || is_allergy(&part.element));
        if has_template(element, &CONCERN)
            || (concerns && matches!(code_of(element), "" | "NA" | "CONC"))
        {
            let above = Above {
                status: status.or(Some("")),
                ..above.clone()
            };
            return self.wrapper(element, place, &inside, &above);
        }
        if has_template(element, &[ENCOUNTER_DIAGNOSIS]) {
            let above = Above {
                status,
                of_encounter: true,
                ..above.clone()
            };
            return self.wrapper(element, place, &inside, &above);
        }
        let results =
            |part: &Nested<'_, '_, '_>| matches!(part.element.name(), "observation" | "organizer");
        let is_report =
            happened(element) && self.document_code == "11502-2" && inside.iter().any(results);
        if is_report {
            return vec![self.report(element, place, above)];
        }
        vec![match () {
            () if is_comment(element) => self.comment(element, place),
            () if !happened(element) => self.order(element, place),
            () if has_template(element, &DONE) || place.section.code == "47519-4" => {
                self.procedure(element, place)
            }
            () => self.other(element, place),
        }]
    }

    /// A statement that only holds others together: they speak for it. Alone it speaks for itself.
    pub fn wrapper(
        &mut self,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        inside: &[Nested<'a, 'd, '_>],
        above: &Above<'a>,
    ) -> Vec<String> {
        if inside.iter().all(|part| is_comment(&part.element)) {
            return vec![self.other(element, place)];
        }
        read_state(element);
        if let Some(code) = element.at("code").filter(is_bare_concern) {
            code.mark_read();
        }
        self.waiting.push(*element);
        let mut found = Vec::new();
        for part in inside {
            found.extend(self.statement(&part.element, &part.place, above));
        }
        found
    }

    /// What is left inside a statement once its mapper took what it knows: `take` says `true` for that.
    pub fn take_nested(
        &mut self,
        body: &mut Body<'a, 'd>,
        element: &Element<'a, 'd>,
        place: &Place<'_>,
        take: &mut dyn FnMut(&mut Self, &mut Body<'a, 'd>, &Nested<'a, 'd, '_>) -> bool,
    ) {
        for part in nested(element, place) {
            if take(self, body, &part) {
                continue;
            }
            if is_comment(&part.element) {
                self.note(body, &part.element);
            } else if self.is_finding(&part.element) {
                self.fold(body, &part.element);
                self.take_nested(body, &part.element, &part.place, &mut |_, _, _| false);
            } else {
                for urn in self.statement(&part.element, &part.place, &Above::default()) {
                    body.relate(&urn);
                }
            }
        }
    }

    /// Whether an observation inside another statement is a finding of that statement.
    fn is_finding(&self, element: &Element<'a, 'd>) -> bool {
        let observation = element.name() == "observation" && happened(element);
        observation
            && !is_negated(element)
            && !is_problem(element)
            && !is_allergy(element)
            && element.at("value").is_some()
    }

    /// An observation as a component or a detail of another resource.
    fn fold(&mut self, body: &mut Body<'a, 'd>, element: &Element<'a, 'd>) {
        let code = element
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let typed = element
            .at("value")
            .and_then(|found| value(&found, &self.narrative));
        let mut found = Map::new();
        if let Some(typed) = typed {
            put_value(&mut found, "value", typed);
        }
        read_frame(element);
        let code = code.unwrap_or_else(|| json!({"text": "?"}));
        if body.kind == "Observation" {
            found.insert("code".to_owned(), code);
            body.push("component", Value::Object(found));
        } else {
            body.detail(code, found);
        }
    }

    /// A comment as a note of its resource.
    pub fn note(&mut self, body: &mut Body<'a, 'd>, comment: &Element<'a, 'd>) {
        read_frame(comment);
        let text = comment
            .at("text")
            .and_then(|text| self.narrative.said(&text));
        let Some(text) = text else { return };
        if has_notes(body.kind) {
            body.push("note", json!({"text": text}));
        } else {
            body.detail(
                json!({"coding": [{"system": super::systems::LOINC, "code": "48767-8"}]}),
                Map::from_iter([("valueString".to_owned(), json!(text))]),
            );
        }
    }

    /// The concept of a statement's code, or a name for it: what its text says, or the title of its section.
    pub fn code_or_name(&mut self, element: &Element<'a, 'd>, place: &Place<'_>) -> Value {
        let coded = element
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        let said = || {
            element
                .at("text")
                .and_then(|text| self.narrative.said(&text))
        };
        coded.unwrap_or_else(|| {
            let name = said().or_else(|| place.section.title.clone());
            json!({"text": name.unwrap_or_else(|| "?".to_owned())})
        })
    }

    /// A concept's display, for sentences.
    pub fn called(concept: &Value) -> String {
        concept_display(concept).unwrap_or_else(|| "?".to_owned())
    }
}

/// The code of an act that says only that it is a concern.
fn is_bare_concern(code: &Element<'_, '_>) -> bool {
    matches!(code.peek("code"), None | Some("CONC" | "NA")) && code.elements().next().is_none()
}

/// The resources of R4 that have `note`.
fn has_notes(kind: &str) -> bool {
    !matches!(
        kind,
        "Encounter"
            | "DiagnosticReport"
            | "DocumentReference"
            | "Basic"
            | "SupplyDelivery"
            | "Composition"
    )
}
