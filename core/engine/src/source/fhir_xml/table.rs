//! The shape of FHIR R4: which elements each type has, which of them repeat, and what they hold.
//!
//! `r4.txt` is written by `tests/vectors/fhir_xml.py` from HL7's definitions (CC0). One line is one type or part of one:
//! `Patient.contact: relationship*=CodeableConcept gender …`. `*` repeats, `#` is a number, `?` a boolean, `=` names the type;
//! everything else is text. What every element and every resource has besides stands here.

use std::collections::HashMap;
use std::sync::OnceLock;

const TEXT: &str = include_str!("r4.txt");

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A text, in quotes in JSON.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Elements of this type.
    Elements(&'static str),
    /// A whole resource of any kind.
    Resource,
    /// XHTML.
    Xhtml,
}

/// An element of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether it may stand there more than once: it is an array in JSON.
    pub repeats: bool,
    /// What it holds.
    pub holds: Holds,
}

type Table = HashMap<&'static str, HashMap<&'static str, Rule>>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| TEXT.lines().filter_map(read_line).collect())
}

fn read_line(line: &'static str) -> Option<(&'static str, HashMap<&'static str, Rule>)> {
    let (name, elements) = line.split_once(": ")?;
    Some((name, elements.split(' ').map(read_element).collect()))
}

fn read_element(element: &'static str) -> (&'static str, Rule) {
    let end = element.find(['*', '#', '?', '=']).unwrap_or(element.len());
    let (name, marks) = element.split_at_checked(end).unwrap_or((element, ""));
    let holds = match marks.split_once('=') {
        Some((_, "Resource")) => Holds::Resource,
        Some((_, "xhtml")) => Holds::Xhtml,
        Some((_, kind)) => Holds::Elements(kind),
        None if marks.ends_with('#') => Holds::Number,
        None if marks.ends_with('?') => Holds::Boolean,
        None => Holds::Text,
    };
    let repeats = marks.starts_with('*');
    (name, Rule { repeats, holds })
}

/// Whether it is a kind of resource that the table has.
pub fn is_resource(name: &str) -> bool {
    table().contains_key(name) && !name.contains('.')
}

/// What an element of a type is; none for one that R4 does not have.
pub fn rule(kind: &str, element: &str, of_resource: bool) -> Option<Rule> {
    let one = |holds| {
        Some(Rule {
            repeats: false,
            holds,
        })
    };
    let many = |holds| {
        Some(Rule {
            repeats: true,
            holds,
        })
    };
    if let Some(rule) = table().get(kind).and_then(|elements| elements.get(element)) {
        return Some(*rule);
    }
    match element {
        "extension" | "modifierExtension" => many(Holds::Elements("Extension")),
        "id" | "implicitRules" | "language" if of_resource => one(Holds::Text),
        "meta" if of_resource => one(Holds::Elements("Meta")),
        "text" if of_resource => one(Holds::Elements("Narrative")),
        "contained" if of_resource => many(Holds::Resource),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn elements_are_what_r4_says() {
        let of = |kind: &str, element: &str| rule(kind, element, false);
        let elements = |repeats, kind| {
            Some(Rule {
                repeats,
                holds: Holds::Elements(kind),
            })
        };
        assert_eq!(of("Patient", "name"), elements(true, "HumanName"));
        assert_eq!(of("Patient.contact", "name"), elements(false, "HumanName"));
        assert_eq!(of("Encounter", "type"), elements(true, "CodeableConcept"));
        assert_eq!(
            of("Organization.contact", "name"),
            elements(false, "HumanName")
        );
        assert_eq!(
            of("Questionnaire.item", "item"),
            elements(true, "Questionnaire.item")
        );
        let holds = |kind: &str, element: &str| of(kind, element).unwrap().holds;
        assert_eq!(holds("Quantity", "value"), Holds::Number);
        assert_eq!(holds("Patient", "active"), Holds::Boolean);
        assert_eq!(holds("Bundle.entry", "resource"), Holds::Resource);
        assert_eq!(holds("Narrative", "div"), Holds::Xhtml);
        assert_eq!(of("Patient", "nickname"), None);
        assert_eq!(of("HumanName", "meta"), None);
        assert!(rule("Patient", "meta", true).is_some());
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        let rules = table().values().flat_map(HashMap::values);
        let mut missing: Vec<&str> = rules
            .filter_map(|rule| match rule.holds {
                Holds::Elements(kind) if !table().contains_key(kind) => Some(kind),
                _ => None,
            })
            .collect();
        missing.sort_unstable();
        missing.dedup();
        // What only definitions and catalogues use.
        assert_eq!(
            missing,
            ["DataRequirement", "ProdCharacteristic", "TriggerDefinition"]
        );
        assert!(is_resource("Observation") && !is_resource("Patient.contact"));
    }
}
