//! Values as lists show them: FHIR's `value[x]` and CodeableConcepts made flat, decimals and text exactly as written.

use super::codes::{Names, code_names};
use super::json::{Object, Value};

/// Longest value shown, in bytes: a list is no place for an essay; the resource keeps it.
pub const MAX_SHOWN: usize = 2_000;
/// Most components of one observation shown.
const MAX_COMPONENTS: usize = 24;

/// A value, its comparator and its unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Decimal text, code display or text.
    pub value: Option<String>,
    /// `<`, `<=`, `>=`, `>`.
    pub comparator: Option<String>,
    /// The unit as written.
    pub unit: Option<String>,
}

impl Shown {
    /// A value without a unit.
    pub fn text(value: &str) -> Self {
        Self {
            value: Some(shorten(value)),
            ..Self::default()
        }
    }
}

/// A code and what the source calls it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Concept<'a> {
    /// Code system.
    pub system: Option<&'a str>,
    /// Code.
    pub code: Option<&'a str>,
    /// The source's words.
    pub display: Option<&'a str>,
    /// Our words, where the table has the code.
    pub names: Option<Names>,
}

/// Cuts a text at [`MAX_SHOWN`] bytes, between characters.
pub fn shorten(text: &str) -> String {
    let text = text.trim();
    let cut = text.floor_char_boundary(MAX_SHOWN);
    text.get(..cut).unwrap_or_default().to_owned()
}

/// Reads a CodeableConcept, a Coding, a bare code, or the first of a list of them.
///
/// Of several codings the one this build has names for is shown, then the one the user chose, then the first with a code.
/// Of several names the concept's text is preferred: it is what the author wrote.
pub fn read_concept<'a>(value: &'a Value<'_>) -> Option<Concept<'a>> {
    let concept = match value.elements().first()? {
        Value::Object(object) => object,
        Value::String(code) => return Some(bare_code(code)),
        _ => return None,
    };
    let coding = primary_coding(concept).unwrap_or(concept);
    let (system, code) = (coding.str("system"), coding.str("code"));
    let other_display = || {
        concept
            .objects("coding")
            .find_map(|coding| coding.str("display"))
    };
    let display = concept
        .str("text")
        .or_else(|| coding.str("display"))
        .or_else(other_display);
    let names = system
        .zip(code)
        .and_then(|(system, code)| code_names(system, code));
    let says_something = code.is_some() || display.is_some();
    says_something.then_some(Concept {
        system,
        code,
        display,
        names,
    })
}

fn bare_code(code: &str) -> Concept<'_> {
    Concept {
        code: Some(code),
        display: Some(code),
        ..Concept::default()
    }
}

fn primary_coding<'a, 't>(concept: &'a Object<'t>) -> Option<&'a Object<'t>> {
    let codings = || concept.objects("coding");
    let known = |coding: &&Object<'_>| {
        let pair = coding.str("system").zip(coding.str("code"));
        pair.is_some_and(|(system, code)| code_names(system, code).is_some())
    };
    let chosen = |coding: &&Object<'_>| coding.get("userSelected") == Some(&Value::Bool(true));
    let coded = |coding: &&Object<'_>| coding.str("code").is_some();
    let found = codings().find(known).or_else(|| codings().find(chosen));
    found
        .or_else(|| codings().find(coded))
        .or_else(|| codings().next())
}

/// What to call a concept in one text.
pub fn concept_text<'a>(value: &'a Value<'_>) -> Option<&'a str> {
    let concept = read_concept(value)?;
    concept.display.or(concept.code)
}

/// What an Observation, or one component of it, found.
pub fn read_observation(observation: &Object<'_>) -> Shown {
    let value = observation
        .members()
        .iter()
        .find(|(name, _)| name.starts_with("value"));
    if let Some(shown) = value.and_then(|(name, value)| read_value(name, value)) {
        return shown;
    }
    if let Some(pressure) = read_blood_pressure(observation) {
        return pressure;
    }
    if let Some(text) = read_components(observation) {
        return Shown::text(&text);
    }
    let absent = observation.get("dataAbsentReason").and_then(concept_text);
    absent.map(Shown::text).unwrap_or_default()
}

/// Reads a `value[x]` by the type in its name.
fn read_value(name: &str, value: &Value<'_>) -> Option<Shown> {
    let kind = name.strip_prefix("value")?;
    let object = value.as_object();
    match (kind, value) {
        (_, Value::Bool(answer)) => Some(Shown::text(if *answer { "true" } else { "false" })),
        (_, Value::Number(literal)) => Some(Shown::text(literal)),
        ("String", Value::String(text)) => Some(read_text(text)),
        (_, Value::String(text)) if !text.trim().is_empty() => Some(Shown::text(text)),
        ("Quantity", _) => read_quantity(object?),
        ("CodeableConcept" | "Coding", _) => concept_text(value).map(Shown::text),
        ("Range", _) => read_range(object?),
        ("Ratio", _) => read_ratio(object?),
        ("Period", _) => read_period(object?),
        ("SampledData", _) => read_samples(object?),
        ("Attachment", _) => object?.str("title").map(Shown::text),
        _ => None,
    }
}

/// A Quantity with its comparator and unit as written.
pub fn read_quantity(quantity: &Object<'_>) -> Option<Shown> {
    let value = match quantity.get("value")? {
        Value::Number(literal) => *literal,
        Value::String(text) => text,
        _ => return None,
    };
    Some(Shown {
        value: Some(shorten(value)),
        comparator: quantity
            .str("comparator")
            .filter(|sign| is_comparator(sign))
            .map(str::to_owned),
        unit: unit_of(quantity).map(shorten),
    })
}

fn unit_of<'a>(quantity: &'a Object<'_>) -> Option<&'a str> {
    quantity.str("unit").or_else(|| quantity.str("code"))
}

fn is_comparator(sign: &str) -> bool {
    matches!(sign, "<" | "<=" | ">=" | ">")
}

/// Laboratories write `<1.0 mg/L` as text: comparator, number and unit are taken apart, each as written. Any other text
/// stays whole.
fn read_text(text: &str) -> Shown {
    const SIGNS: [(&str, &str); 6] = [
        ("<=", "<="),
        (">=", ">="),
        ("≤", "<="),
        ("≥", ">="),
        ("<", "<"),
        (">", ">"),
    ];
    let trimmed = text.trim();
    let signed = SIGNS
        .iter()
        .find_map(|(written, sign)| Some((*sign, trimmed.strip_prefix(written)?.trim_start())));
    let Some((sign, rest)) = signed else {
        return Shown::text(text);
    };
    let end = rest
        .find(|character: char| !matches!(character, '0'..='9' | '.' | ','))
        .unwrap_or(rest.len());
    let (number, unit) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let digits = |edge: Option<char>| edge.is_some_and(|character| character.is_ascii_digit());
    let unit_stands_apart = unit.is_empty()
        || unit.starts_with([' ', '%', '/'])
        || unit.starts_with(char::is_alphabetic);
    if !digits(number.chars().next()) || !digits(number.chars().last()) || !unit_stands_apart {
        return Shown::text(text);
    }
    Shown {
        value: Some(shorten(number)),
        comparator: Some(sign.to_owned()),
        unit: Some(shorten(unit)).filter(|unit| !unit.is_empty()),
    }
}

fn read_range(range: &Object<'_>) -> Option<Shown> {
    let end = |name: &str| range.object(name).and_then(read_quantity);
    let bound = |sign: &str, end: Shown| Shown {
        comparator: Some(sign.to_owned()),
        ..end
    };
    match (end("low"), end("high")) {
        (Some(low), Some(high)) => Some(Shown {
            value: Some(format!("{} - {}", low.value?, high.value?)),
            comparator: None,
            unit: low.unit.or(high.unit),
        }),
        (Some(low), None) => Some(bound(">=", low)),
        (None, Some(high)) => Some(bound("<=", high)),
        (None, None) => None,
    }
}

fn read_ratio(ratio: &Object<'_>) -> Option<Shown> {
    let numerator = ratio.object("numerator").and_then(read_quantity)?;
    let Some(denominator) = ratio.object("denominator").and_then(read_quantity) else {
        return Some(numerator);
    };
    let unit = match (numerator.unit, denominator.unit) {
        (None, None) => None,
        (above, below) => Some(format!(
            "{}/{}",
            above.unwrap_or_default(),
            below.unwrap_or_default()
        )),
    };
    let separator = if unit.is_none() { ':' } else { '/' };
    Some(Shown {
        value: Some(format!(
            "{}{separator}{}",
            numerator.value?, denominator.value?
        )),
        comparator: numerator.comparator,
        unit,
    })
}

/// An interval as ISO 8601 writes it, open ends as `..`.
fn read_period(period: &Object<'_>) -> Option<Shown> {
    match (period.str("start"), period.str("end")) {
        (None, None) => None,
        (start, end) => Some(Shown::text(&format!(
            "{}/{}",
            start.unwrap_or(".."),
            end.unwrap_or("..")
        ))),
    }
}

fn read_samples(samples: &Object<'_>) -> Option<Shown> {
    Some(Shown {
        value: Some(shorten(samples.str("data")?)),
        comparator: None,
        unit: samples.object("origin").and_then(unit_of).map(shorten),
    })
}

/// Systolic over diastolic, when both were measured in one unit.
fn read_blood_pressure(observation: &Object<'_>) -> Option<Shown> {
    let part = |code: &str| {
        let found = observation.objects("component").find(|component| {
            let codings = component
                .objects("code")
                .flat_map(|concept| concept.objects("coding"));
            codings
                .into_iter()
                .any(|coding| coding.str("code") == Some(code))
        });
        found.and_then(|component| read_quantity(component.object("valueQuantity")?))
    };
    let (systolic, diastolic) = (part("8480-6")?, part("8462-4")?);
    let plain = systolic.comparator.is_none()
        && diastolic.comparator.is_none()
        && systolic.unit == diastolic.unit;
    plain.then(|| Shown {
        value: systolic
            .value
            .zip(diastolic.value)
            .map(|(above, below)| format!("{above}/{below}")),
        comparator: None,
        unit: systolic.unit,
    })
}

/// `name: value unit; name: value unit`.
fn read_components(observation: &Object<'_>) -> Option<String> {
    let texts = observation
        .objects("component")
        .take(MAX_COMPONENTS)
        .filter_map(|component| {
            let name = component.get("code").and_then(concept_text)?;
            let text = joined(&read_observation(component))?;
            Some(format!("{name}: {text}"))
        });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Comparator, value and unit in one text.
fn joined(shown: &Shown) -> Option<String> {
    let mut text = shown.comparator.clone().unwrap_or_default();
    text.push_str(shown.value.as_deref()?);
    if let Some(unit) = &shown.unit {
        text.push(' ');
        text.push_str(unit);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::json::parse;
    use super::*;

    fn shown(members: &str) -> (String, String, String) {
        let text = format!("{{{members}}}");
        let shown = read_observation(&parse(&text).unwrap());
        let plain = |text: Option<String>| text.unwrap_or_default();
        (
            plain(shown.comparator),
            plain(shown.value),
            plain(shown.unit),
        )
    }

    fn is(members: &str, comparator: &str, value: &str, unit: &str) {
        assert_eq!(
            shown(members),
            (comparator.to_owned(), value.to_owned(), unit.to_owned()),
            "{members}"
        );
    }

    #[test]
    fn quantities_keep_their_text() {
        is(
            r#""valueQuantity":{"value":5.0,"unit":"mmol/L","code":"x"}"#,
            "",
            "5.0",
            "mmol/L",
        );
        is(
            r#""valueQuantity":{"value":1e-3,"comparator":"<","code":"mg/L"}"#,
            "<",
            "1e-3",
            "mg/L",
        );
        is(r#""valueQuantity":{"unit":"mg/L"}"#, "", "", "");
        is(
            r#""valueQuantity":{"value":1,"comparator":"~"}"#,
            "",
            "1",
            "",
        );
    }

    #[test]
    fn scalars_are_shown_as_written() {
        is(r#""valueBoolean":false"#, "", "false", "");
        is(r#""valueInteger":-3"#, "", "-3", "");
        is(r#""valueDateTime":"2019-02""#, "", "2019-02", "");
        is(r#""valueTime":"10:30:00""#, "", "10:30:00", "");
        is(r#""valuePeriod":{"end":"2019"}"#, "", "../2019", "");
        is(
            r#""valueCodeableConcept":{"coding":[{"code":"c"},{"display":"Never"}]}"#,
            "",
            "Never",
            "",
        );
    }

    #[test]
    fn laboratory_text_is_taken_apart_only_when_it_is_certain() {
        is(r#""valueString":"<1.0 mg/L""#, "<", "1.0", "mg/L");
        is(r#""valueString":" ≥ 60 ""#, ">=", "60", "");
        is(r#""valueString":"< 0,5mg/L""#, "<", "0,5", "mg/L");
        is(r#""valueString":"<5%""#, "<", "5", "%");
        is(r#""valueString":"1.0 mg/L""#, "", "1.0 mg/L", "");
        is(r#""valueString":"<b>5</b>""#, "", "<b>5</b>", "");
        is(r#""valueString":"<5>x""#, "", "<5>x", "");
        is(r#""valueString":"<1-2""#, "", "<1-2", "");
        is(r#""valueString":"Négatif""#, "", "Négatif", "");
    }

    #[test]
    fn ranges_ratios_and_samples() {
        is(
            r#""valueRange":{"low":{"value":1.0,"unit":"g"},"high":{"value":2,"unit":"g"}}"#,
            "",
            "1.0 - 2",
            "g",
        );
        is(
            r#""valueRange":{"high":{"value":2,"unit":"g"}}"#,
            "<=",
            "2",
            "g",
        );
        is(
            r#""valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}"#,
            "",
            "1:128",
            "",
        );
        is(
            r#""valueRatio":{"numerator":{"value":5,"unit":"mg"},"denominator":{"value":10,"unit":"mL"}}"#,
            "",
            "5/10",
            "mg/mL",
        );
        is(
            r#""valueSampledData":{"origin":{"value":0,"unit":"mV"},"data":"1 2 E"}"#,
            "",
            "1 2 E",
            "mV",
        );
    }

    const SYSTOLIC: &str = r#"{"code":{"coding":[{"code":"8480-6","display":"Sys"}]},"valueQuantity":{"value":120,"unit":"mmHg"}}"#;

    #[test]
    fn blood_pressure_is_one_value() {
        let diastolic =
            r#"{"code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg"}}"#;
        is(
            &format!(r#""component":[{diastolic},{SYSTOLIC}]"#),
            "",
            "120/80",
            "mmHg",
        );
        let absent = r#"{"code":{"coding":[{"code":"8462-4","display":"Dia"}]},"dataAbsentReason":{"text":"Unknown"}}"#;
        is(
            &format!(r#""component":[{SYSTOLIC},{absent}]"#),
            "",
            "Sys: 120 mmHg; Dia: Unknown",
            "",
        );
    }

    #[test]
    fn an_absent_value_says_why() {
        is(
            r#""dataAbsentReason":{"coding":[{"code":"unknown"}]}"#,
            "",
            "unknown",
            "",
        );
    }

    #[test]
    fn the_coding_with_known_names_is_the_primary_one() {
        let text = r#"{"code":{"coding":[{"system":"x","code":"1"},{"system":"http://loinc.org","code":"8302-2"}]}}"#;
        let object = parse(text).unwrap();
        let concept = read_concept(object.get("code").unwrap()).unwrap();
        assert_eq!(
            (concept.code, concept.names.unwrap().fr),
            (Some("8302-2"), "Taille")
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(MAX_SHOWN);
        assert_eq!(shorten(&long).len(), MAX_SHOWN);
        assert_eq!(shorten(&format!("a{long}")).len(), MAX_SHOWN - 1);
    }
}
