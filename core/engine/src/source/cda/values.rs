//! CDA's data types as FHIR's: codes, quantities, identifiers, and every type an observation's value may have.
//!
//! Numbers keep their text. A code keeps all its translations, whichever stands first: in French reimbursements the
//! medicine has no code of its own, only translations. What a function cannot say in FHIR it leaves unread, so that it is
//! kept as a remainder.

use super::narrative::Narrative;
use super::systems::{UCUM, uri_of};
use super::time::{point, put_time, when};
use super::tree::Element;
use serde_json::{Map, Value, json};

/// Most codings of one concept: translations of translations included.
const MAX_CODINGS: usize = 64;

/// A `CD`, `CE`, `CV` or `CO` as CodeableConcept: its code, its translations, what the author wrote.
pub fn concept<'a, 'd>(element: &Element<'a, 'd>, narrative: &Narrative<'a, 'd>) -> Option<Value> {
    let mut codings = Vec::new();
    collect_codings(element, &mut codings);
    let said = element
        .at("originalText")
        .and_then(|text| narrative.said(&text));
    let display = || element.peek("displayName").map(str::to_owned);
    let text = said.or_else(|| display().filter(|_| codings.is_empty()));
    if codings.is_empty() && text.is_none() {
        return None;
    }
    element.mark_read();
    let mut concept = Map::new();
    if !codings.is_empty() {
        concept.insert("coding".to_owned(), Value::Array(codings));
    }
    if let Some(text) = text {
        concept.insert("text".to_owned(), Value::String(text));
    }
    Some(Value::Object(concept))
}

fn collect_codings(element: &Element<'_, '_>, codings: &mut Vec<Value>) {
    if codings.len() >= MAX_CODINGS {
        return;
    }
    codings.extend(coding(element));
    for translation in element.all("translation") {
        collect_codings(&translation, codings);
    }
}

/// One coding; marks the element when it has a code.
pub fn coding(element: &Element<'_, '_>) -> Option<Value> {
    let code = element.peek("code")?;
    element.mark_read();
    let mut coding = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            coding.insert(name.to_owned(), Value::String(value));
        }
    };
    put("system", element.peek("codeSystem").map(uri_of));
    put(
        "version",
        element.peek("codeSystemVersion").map(str::to_owned),
    );
    put("code", Some(code.to_owned()));
    put("display", element.peek("displayName").map(str::to_owned));
    Some(Value::Object(coding))
}

/// An `II`: a root alone is the identifier itself.
pub fn identifier(element: &Element<'_, '_>) -> Option<Value> {
    let (root, extension) = (element.peek("root"), element.peek("extension"));
    let value = match (root, extension) {
        (None, None) => return None,
        (Some(root), Some(extension)) => json!({"system": uri_of(root), "value": extension}),
        (Some(root), None) => json!({"system": "urn:ietf:rfc:3986", "value": uri_of(root)}),
        (None, Some(extension)) => json!({"value": extension}),
    };
    element.mark_read();
    Some(value)
}

/// All identifiers of an element's `id`s.
pub fn identifiers(element: &Element<'_, '_>) -> Vec<Value> {
    element.all("id").filter_map(|id| identifier(&id)).collect()
}

/// A number as JSON writes it, its digits untouched; `None` for what is no number.
pub fn decimal(text: &str) -> Option<Value> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let whole = match digits.split_once('.') {
        Some(("", fraction)) => format!("{sign}0.{fraction}"),
        Some((whole, "")) => format!("{sign}{whole}"),
        _ => format!("{sign}{digits}"),
    };
    let number: serde_json::Number = serde_json::from_str(&whole).ok()?;
    (whole.len() <= crate::record::json::MAX_NUMBER).then_some(Value::Number(number))
}

/// A `PQ` as Quantity, with `comparator` where a bound of an interval is meant.
pub fn quantity(element: &Element<'_, '_>, comparator: Option<&str>) -> Option<Value> {
    let value = decimal(element.peek("value")?)?;
    element.mark_read();
    let mut quantity = Map::new();
    quantity.insert("value".to_owned(), value);
    if let Some(comparator) = comparator {
        quantity.insert("comparator".to_owned(), json!(comparator));
    }
    // `1` is UCUM's way to say that there is no unit.
    if let Some(unit) = element.peek("unit").filter(|unit| *unit != "1") {
        quantity.insert("unit".to_owned(), json!(unit));
        if !unit.contains(char::is_whitespace) && unit.is_ascii() {
            quantity.insert("system".to_owned(), json!(UCUM));
            quantity.insert("code".to_owned(), json!(unit));
        }
    } else if let Some(currency) = element.peek("currency") {
        quantity.insert("unit".to_owned(), json!(currency));
        quantity.insert("system".to_owned(), json!("urn:iso:std:iso:4217"));
        quantity.insert("code".to_owned(), json!(currency));
    }
    let others: Vec<Value> = element
        .all("translation")
        .filter_map(|other| translated(&other))
        .collect();
    if !others.is_empty() {
        quantity.insert("extension".to_owned(), Value::Array(others));
    }
    Some(Value::Object(quantity))
}

/// The same quantity in another unit, as the source converted it.
fn translated(translation: &Element<'_, '_>) -> Option<Value> {
    let value = decimal(translation.peek("value")?)?;
    translation.mark_read();
    let mut quantity = Map::new();
    quantity.insert("value".to_owned(), value);
    if let Some(unit) = translation
        .peek("code")
        .or_else(|| translation.peek("displayName"))
    {
        quantity.insert("unit".to_owned(), json!(unit));
    }
    Some(json!({
        "url": "http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation",
        "valueQuantity": quantity,
    }))
}

/// A value under FHIR's name for its type: `("Quantity", {…})`.
pub type Typed = (&'static str, Value);

/// An observation's value. A number that is none, such as `1,5`, is a text with its unit.
pub fn value<'a, 'd>(element: &Element<'a, 'd>, narrative: &Narrative<'a, 'd>) -> Option<Typed> {
    match element.kind().unwrap_or_else(|| untyped(element)) {
        "PQ" | "REAL" | "MO" => quantity(element, None)
            .map(|value| ("Quantity", value))
            .or_else(|| quantity_text(element)),
        "INT" => integer(element),
        "BL" | "BN" => truth(element),
        "CD" | "CE" | "CV" | "CS" | "CO" | "CR" | "SC" => {
            concept(element, narrative).map(|concept| ("CodeableConcept", concept))
        }
        "TS" => {
            let time = point(element)?;
            let mut map = Map::new();
            put_time(&mut map, "DateTime", Some(&time));
            Some(("DateTime", Value::Object(map)))
        }
        "IVL_TS" => {
            let super::time::When::Between(start, end) = when(element)? else {
                return None;
            };
            Some(("Period", super::time::period(start.as_ref(), end.as_ref())))
        }
        kind if kind.starts_with("IVL_") => interval(element),
        kind if kind.starts_with("RTO") => ratio(element),
        _ => text(element, narrative),
    }
}

/// The type that the attributes imply, where `xsi:type` is missing.
fn untyped(element: &Element<'_, '_>) -> &'static str {
    match (
        element.peek("unit"),
        element.peek("code"),
        element.peek("value"),
    ) {
        (Some(_), ..) => "PQ",
        (None, Some(_), _) => "CD",
        (None, None, Some("true" | "false")) => "BL",
        (None, None, Some(_)) => "REAL",
        (None, None, None) if element.at("low").or_else(|| element.at("high")).is_some() => {
            "IVL_PQ"
        }
        (None, None, None) => "ST",
    }
}

fn quantity_text(element: &Element<'_, '_>) -> Option<Typed> {
    let value = element.peek("value")?;
    element.mark_read();
    let text = match element.peek("unit") {
        Some(unit) => format!("{value} {unit}"),
        None => value.to_owned(),
    };
    Some(("String", json!(text)))
}

fn integer(element: &Element<'_, '_>) -> Option<Typed> {
    let written = element.peek("value")?;
    let small = written.parse::<i32>().is_ok();
    element.mark_read();
    match decimal(written).filter(|_| small) {
        Some(value) => Some(("Integer", value)),
        None => Some(("String", json!(written))),
    }
}

fn truth(element: &Element<'_, '_>) -> Option<Typed> {
    let value = match element.peek("value")? {
        "true" | "1" => true,
        "false" | "0" => false,
        _ => return None,
    };
    element.mark_read();
    Some(("Boolean", json!(value)))
}

fn text<'a, 'd>(element: &Element<'a, 'd>, narrative: &Narrative<'a, 'd>) -> Option<Typed> {
    if element.peek("representation") == Some("B64") {
        return None;
    }
    let says = !element.peek_text().is_empty() || element.at("reference").is_some();
    let said = narrative.said(element).filter(|_| says)?;
    Some(("String", json!(said)))
}

/// An interval of quantities: a range, or a quantity with a comparator where one end is open.
pub fn interval(element: &Element<'_, '_>) -> Option<Typed> {
    if element.peek("value").is_some() {
        return quantity(element, None).map(|value| ("Quantity", value));
    }
    let excluded = |bound: &Element<'_, '_>| bound.peek("inclusive") == Some("false");
    let (low, high) = (element.at("low"), element.at("high"));
    let known = |bound: &Option<Element<'_, '_>>| {
        bound
            .as_ref()
            .is_some_and(|bound| bound.peek("value").is_some())
    };
    match (low, high) {
        (Some(low), Some(high)) if known(&Some(low)) && known(&Some(high)) => {
            let (low, high) = (quantity(&low, None)?, quantity(&high, None)?);
            Some(("Range", json!({"low": low, "high": high})))
        }
        (Some(low), _) if known(&Some(low)) => {
            let sign = if excluded(&low) { ">" } else { ">=" };
            quantity(&low, Some(sign)).map(|value| ("Quantity", value))
        }
        (_, Some(high)) if known(&Some(high)) => {
            let sign = if excluded(&high) { "<" } else { "<=" };
            quantity(&high, Some(sign)).map(|value| ("Quantity", value))
        }
        _ => None,
    }
}

/// An interval as Range, for reference ranges, whose ends may be open.
pub fn range(element: &Element<'_, '_>) -> Map<String, Value> {
    let mut range = Map::new();
    for name in ["low", "high"] {
        if let Some(bound) = element.at(name).and_then(|bound| quantity(&bound, None)) {
            range.insert(name.to_owned(), bound);
        }
    }
    range
}

/// A ratio.
pub fn ratio(element: &Element<'_, '_>) -> Option<Typed> {
    let numerator = quantity(&element.at("numerator")?, None)?;
    let mut ratio = json!({"numerator": numerator});
    if let Some(denominator) = element
        .at("denominator")
        .and_then(|part| quantity(&part, None))
    {
        ratio["denominator"] = denominator;
    }
    Some(("Ratio", ratio))
}

/// Writes a typed value under `stem` and its type. A time brings the member beside it along.
pub fn put_value(map: &mut Map<String, Value>, stem: &str, (kind, value): Typed) {
    match (kind, value) {
        ("DateTime", Value::Object(time)) => {
            for (name, part) in time {
                let name = match name.strip_prefix('_') {
                    Some(name) => format!("_{stem}{name}"),
                    None => format!("{stem}{name}"),
                };
                map.insert(name, part);
            }
        }
        (kind, value) => {
            map.insert(format!("{stem}{kind}"), value);
        }
    }
}

/// Why a value is absent, in FHIR's words, from a nullFlavor.
pub fn absent_reason(null_flavor: &str) -> Value {
    let (code, display) = match null_flavor {
        "ASKU" => ("asked-unknown", "Asked But Unknown"),
        "NAV" => ("temp-unknown", "Temporarily Unknown"),
        "NASK" => ("not-asked", "Not Asked"),
        "NA" => ("not-applicable", "Not Applicable"),
        "MSK" => ("masked", "Masked"),
        "NINF" => ("negative-infinity", "Negative Infinity (NINF)"),
        "PINF" => ("positive-infinity", "Positive Infinity (PINF)"),
        _ => ("unknown", "Unknown"),
    };
    json!({"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code, "display": display},
        {"system": uri_of("2.16.840.1.113883.5.1008"), "code": null_flavor},
    ]})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::Marks;
    use super::*;
    use roxmltree::Document;

    fn typed(attributes_and_content: &str) -> Value {
        let xml = format!(
            "<s><text><content ID=\"n\">noted</content></text><value {attributes_and_content}</value></s>"
        );
        let tree = Document::parse(&xml).unwrap();
        let marks = Marks::new(100);
        let root = Element::new(tree.root_element(), &marks);
        let narrative = Narrative::of(&root);
        let mut map = Map::new();
        if let Some(typed) = value(&root.at("value").unwrap(), &narrative) {
            put_value(&mut map, "value", typed);
        }
        Value::Object(map)
    }

    #[test]
    fn every_type_of_value_has_its_place() {
        let unit =
            |value: Value| json!({"value": value, "unit": "g/L", "system": UCUM, "code": "g/L"});
        let number = |text: &str| decimal(text).unwrap();
        assert_eq!(
            typed("type='PQ' value='0.70' unit='g/L'>"),
            json!({"valueQuantity": unit(number("0.70"))})
        );
        assert_eq!(
            typed("value='0.70' unit='g/L'>"),
            json!({"valueQuantity": unit(number("0.70"))})
        );
        assert_eq!(
            typed("type='REAL' value='-.5'>"),
            json!({"valueQuantity": {"value": number("-0.5")}})
        );
        assert_eq!(
            typed("type='PQ' value='1,5' unit='g/L'>"),
            json!({"valueString": "1,5 g/L"})
        );
        assert_eq!(typed("type='INT' value='3'>"), json!({"valueInteger": 3}));
        assert_eq!(
            typed("type='BL' value='false'>"),
            json!({"valueBoolean": false})
        );
        assert_eq!(
            typed("type='ST'>&lt;1.0 mg/L"),
            json!({"valueString": "<1.0 mg/L"})
        );
        assert_eq!(
            typed("type='ED'><reference value='#n'/>"),
            json!({"valueString": "noted"})
        );
        assert_eq!(
            typed("type='TS' value='201204'>"),
            json!({"valueDateTime": "2012-04"})
        );
        assert_eq!(
            typed("type='IVL_TS'><low value='2012'/>"),
            json!({"valuePeriod": {"start": "2012"}})
        );
        assert_eq!(
            typed("type='n:CD' code='a' codeSystem='2.16.840.1.113883.6.1' displayName='A'>"),
            json!({"valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "a", "display": "A"}]}})
        );
        assert_eq!(
            typed("type='RTO'><numerator value='1'/><denominator value='8'/>"),
            json!({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 8}}})
        );
    }

    #[test]
    fn open_intervals_are_comparators() {
        assert_eq!(
            typed("type='IVL_PQ'><high inclusive='false' value='1.0'/>"),
            json!({"valueQuantity": {"value": decimal("1.0").unwrap(), "comparator": "<"}})
        );
        assert_eq!(
            typed("type='IVL_PQ'><low value='2'/><high nullFlavor='PINF'/>"),
            json!({"valueQuantity": {"value": 2, "comparator": ">="}})
        );
        assert_eq!(
            typed("type='IVL_PQ'><low value='2'/><high value='3'/>"),
            json!({"valueRange": {"low": {"value": 2}, "high": {"value": 3}}})
        );
    }

    #[test]
    fn what_cannot_be_said_stays_unread() {
        for unread in [
            "type='PQ' nullFlavor='UNK'>",
            "type='BL' value='maybe'>",
            "type='PIVL_TS'><period value='8'/>",
            "type='TS' value='x'>",
            "type='ED' representation='B64'>AAAA",
        ] {
            assert_eq!(typed(unread), json!({}), "{unread}");
        }
    }

    #[test]
    fn codes_bring_their_translations_and_the_authors_words() {
        let coded = typed(
            "type='CD' nullFlavor='NA'><originalText><reference value='#n'/></originalText>\
             <translation code='b' codeSystem='1.2'><translation code='c'/></translation>",
        );
        assert_eq!(
            coded,
            json!({"valueCodeableConcept": {"coding": [{"system": "urn:oid:1.2", "code": "b"}, {"code": "c"}], "text": "noted"}})
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (written, json) in [
            ("0.70", "0.70"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+5", "5"),
            ("-1e-3", "-1e-3"),
        ] {
            assert_eq!(decimal(written).unwrap().to_string(), json);
        }
        for wrong in ["", "1,5", "<5", "0x1", "NaN", "--1", "1 2"] {
            assert_eq!(decimal(wrong), None, "{wrong}");
        }
    }
}
