//! FHIR R4 in XML: turned into the JSON that says the same, and read as that.
//!
//! JSON tells what XML does not: which elements repeat, and which are numbers. The table of R4 knows it (`table`); an
//! element that it does not know is of another release or a mistake, and the document is then kept and not guessed at. What
//! is read gets the names and the content it would have had as JSON, so that one resource in both forms is one resource.
//!
//! Decimals keep their text; `id` and extensions of a primitive go to `_name`, with `null` where there are none beside others;
//! narrative stays as it is written. A DTD, and with it every entity of one's own, is refused, and the limits of CDA apply.

mod table;

use super::cda::{decode, with_tree};
use super::{Outcome, Whole, read_fhir};
use roxmltree::{Document, Node};
use serde_json::{Map, Number, Value};
use std::ops::ControlFlow;
use table::{Holds, Rule};

const XHTML: &str = "http://www.w3.org/1999/xhtml";
const NOT_R4: &str =
    "FHIR in XML, with a resource or an element that R4 does not have: ask the source for FHIR R4";
const BROKEN: &str = "FHIR in XML that does not keep to its own rules: ask the source for JSON";

/// Reads a resource or a Bundle.
pub fn read_fhir_xml(bytes: &[u8]) -> Result<Whole, &'static str> {
    let text = decode(bytes).map_err(|refusal| refusal.0)?;
    let read = with_tree(text, json_of);
    let json = read.map_err(|refusal| refusal.0)??;
    let mut whole = Whole::default();
    let summary = read_fhir(json.to_string().as_bytes(), "", &mut |outcome| {
        whole.outcomes.push(outcome);
        ControlFlow::Continue(())
    });
    match summary {
        Ok(_)
            if whole
                .outcomes
                .iter()
                .any(|one| !matches!(one, Outcome::Refused(_))) =>
        {
            Ok(whole)
        }
        Ok(_) => match whole.outcomes.first() {
            Some(Outcome::Refused(refused)) => Err(refused.reason),
            _ => Ok(whole),
        },
        Err(_) => Err(BROKEN),
    }
}

fn json_of(tree: &Document<'_>) -> Result<Value, &'static str> {
    resource(tree.root_element())
}

fn resource(node: Node<'_, '_>) -> Result<Value, &'static str> {
    let kind = node.tag_name().name();
    if !table::is_resource(kind) {
        return Err(NOT_R4);
    }
    let mut members = Map::new();
    members.insert("resourceType".to_owned(), kind.into());
    read_children(node, kind, true, &mut members)?;
    Ok(Value::Object(members))
}

/// A child of a type, with those of the same name.
struct Field<'n> {
    name: &'n str,
    rule: Rule,
    /// Each with its value, and what stands beside it when it is a primitive.
    values: Vec<(Option<Value>, Option<Value>)>,
}

fn read_children(
    node: Node<'_, '_>,
    kind: &str,
    of_resource: bool,
    members: &mut Map<String, Value>,
) -> Result<(), &'static str> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let value = match fields.iter().position(|field| field.name == name) {
            Some(at) => fields.get_mut(at),
            None => {
                let rule = table::rule(kind, name, of_resource).ok_or(NOT_R4)?;
                let values = Vec::new();
                fields.push(Field { name, rule, values });
                fields.last_mut()
            }
        };
        let field = value.ok_or(BROKEN)?;
        field.values.push(read_value(child, field.rule.holds)?);
    }
    fields.into_iter().try_for_each(|field| put(field, members))
}

/// The value of an element, and what stands beside the value of a primitive.
fn read_value(
    node: Node<'_, '_>,
    holds: Holds,
) -> Result<(Option<Value>, Option<Value>), &'static str> {
    let primitive = |value: Value| Ok((Some(value), None));
    match holds {
        Holds::Elements(kind) => primitive(Value::Object(element(node, kind)?)),
        Holds::Resource => {
            let inside = node.children().find(Node::is_element).ok_or(BROKEN)?;
            primitive(resource(inside)?)
        }
        Holds::Xhtml => primitive(xhtml(node)?.into()),
        Holds::Text | Holds::Number | Holds::Boolean => {
            let value = node.attribute("value").map(|text| scalar(text, holds));
            let beside = element(node, "")?;
            let beside = (!beside.is_empty()).then_some(Value::Object(beside));
            Ok((value.transpose()?, beside))
        }
    }
}

/// An element with its own `id`, and the `url` of an extension.
fn element(node: Node<'_, '_>, kind: &str) -> Result<Map<String, Value>, &'static str> {
    let mut members = Map::new();
    for name in ["id", "url"] {
        if let Some(value) = node.attribute(name) {
            members.insert(name.to_owned(), value.into());
        }
    }
    read_children(node, kind, false, &mut members)?;
    Ok(members)
}

fn scalar(text: &str, holds: Holds) -> Result<Value, &'static str> {
    match (holds, text) {
        (Holds::Number, _) => {
            let number: Result<Number, _> = serde_json::from_str(text.trim());
            number.map(Value::Number).map_err(|_| BROKEN)
        }
        (Holds::Boolean, "true") => Ok(Value::Bool(true)),
        (Holds::Boolean, "false") => Ok(Value::Bool(false)),
        (Holds::Boolean, _) => Err(BROKEN),
        _ => Ok(text.into()),
    }
}

/// Narrative as it is written. Where its namespace is declared further up, it is said again: alone, the text would mean nothing.
fn xhtml(node: Node<'_, '_>) -> Result<String, &'static str> {
    if node.tag_name().namespace() != Some(XHTML) {
        return Err(BROKEN);
    }
    let text = node.document().input_text();
    let written = text.get(node.range()).ok_or(BROKEN)?;
    let start = written.split('>').next().unwrap_or_default();
    match written.strip_prefix("<div") {
        Some(_) if start.contains("xmlns=") => Ok(written.to_owned()),
        Some(rest) => Ok(format!("<div xmlns=\"{XHTML}\"{rest}")),
        None => Err(BROKEN),
    }
}

/// Puts what was read of one name where JSON has it.
fn put(field: Field<'_>, members: &mut Map<String, Value>) -> Result<(), &'static str> {
    if field.values.len() > 1 && !field.rule.repeats {
        return Err(BROKEN);
    }
    let (values, beside): (Vec<_>, Vec<_>) = field.values.into_iter().unzip();
    for (name, found) in [
        (field.name.to_owned(), values),
        (format!("_{}", field.name), beside),
    ] {
        if found.iter().all(Option::is_none) {
            continue;
        }
        let mut found = found.into_iter().map(Option::unwrap_or_default);
        let value = match field.rule.repeats {
            true => Some(found.collect()),
            false => found.next(),
        };
        members.insert(name, value.unwrap_or_default());
    }
    Ok(())
}

/// The entry of the fuzz target: `false` means that a receiving device would derive something else than the importing one.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    let read = read_fhir_xml(bytes).unwrap_or_default();
    read.outcomes.iter().all(|outcome| match outcome {
        Outcome::Draft(draft) => super::reads_again(draft),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn converted(xml: &str) -> Result<Value, &'static str> {
        with_tree(xml.into(), json_of).map_err(|refusal| refusal.0)?
    }

    const PATIENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <id value="p1"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>Camille &amp; <b>Lou</b></p></div></text>
  <extension url="http://example.org/x"><valueDecimal value="1.50"/></extension>
  <active value="true"/>
  <name id="n"><family value="Martin"/><given value="Camille"/><given><extension url="http://example.org/why"><valueCode value="unknown"/></extension></given></name>
  <birthDate value="1984-05"><extension url="http://example.org/time"><valueDateTime value="1984-05-12T03:00:00+02:00"/></extension></birthDate>
  <multipleBirthInteger value="2"/>
  <communication><language><coding><code value="fr"/></coding></language></communication>
</Patient>"#;

    #[test]
    fn xml_becomes_the_json_that_says_the_same() {
        let expected = r#"{"resourceType":"Patient","id":"p1","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Camille &amp; <b>Lou</b></p></div>"},"extension":[{"url":"http://example.org/x","valueDecimal":1.50}],"active":true,"name":[{"id":"n","family":"Martin","given":["Camille",null],"_given":[null,{"extension":[{"url":"http://example.org/why","valueCode":"unknown"}]}]}],"birthDate":"1984-05","_birthDate":{"extension":[{"url":"http://example.org/time","valueDateTime":"1984-05-12T03:00:00+02:00"}]},"multipleBirthInteger":2,"communication":[{"language":{"coding":[{"code":"fr"}]}}]}"#;
        assert_eq!(converted(PATIENT).unwrap().to_string(), expected);
        let read = read_fhir_xml(PATIENT.as_bytes()).unwrap();
        let [Outcome::Draft(draft)] = read.outcomes.as_slice() else {
            unreachable!("{read:?}");
        };
        assert_eq!(draft.text, expected);
    }

    #[test]
    fn a_bundle_is_read_entry_by_entry() {
        let patient = PATIENT.split_once("?>").unwrap().1;
        let xml = format!(
            r#"<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><fullUrl value="urn:uuid:8b1f4a52-6a0c-4d3e-9a4f-8f0e4cf1a2b3"/><resource>{patient}</resource></entry><entry><resource><Observation><status value="final"/><code><text value="CRP"/></code><valueQuantity><value value="4.0"/></valueQuantity></Observation></resource></entry></Bundle>"#
        );
        let read = read_fhir_xml(xml.as_bytes()).unwrap();
        let kinds: Vec<&str> = read
            .outcomes
            .iter()
            .filter_map(|one| match one {
                Outcome::Draft(draft) => Some(draft.resource.kind.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, ["Patient", "Observation"]);
    }

    #[test]
    fn what_r4_does_not_have_or_is_broken_is_refused_with_its_reason() {
        let fhir =
            |inside: &str| format!(r#"<Patient xmlns="http://hl7.org/fhir">{inside}</Patient>"#);
        for (xml, reason) in [
            (fhir("<nickname value=\"Cam\"/>"), NOT_R4),
            (
                "<Nothing xmlns=\"http://hl7.org/fhir\"/>".to_owned(),
                NOT_R4,
            ),
            (fhir("<active value=\"yes\"/>"), BROKEN),
            (fhir("<multipleBirthInteger value=\"two\"/>"), BROKEN),
            (
                fhir("<gender value=\"male\"/><gender value=\"female\"/>"),
                BROKEN,
            ),
            (fhir("<contained/>"), BROKEN),
            (fhir("<text><div>no namespace</div></text>"), BROKEN),
        ] {
            assert_eq!(read_fhir_xml(xml.as_bytes()).unwrap_err(), reason, "{xml}");
        }
        let entity = format!(
            "<!DOCTYPE x [<!ENTITY a 'b'>]>{}",
            fhir("<active value=\"true\"/>")
        );
        assert!(
            read_fhir_xml(entity.as_bytes())
                .unwrap_err()
                .contains("DTD")
        );
    }
}
