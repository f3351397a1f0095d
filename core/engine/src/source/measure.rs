//! A measurement of a connected object as a FHIR R4 Observation, the same on every phone that reads the same answer.
//!
//! Values keep the source's own digits, instants are written in UTC because the sources give an instant and the name of a zone
//! (kept beside it as FHIR's `timezone` extension), days stay days. Codes are LOINC where one is certain, else the source's own
//! number with its name: a wrong code would be worse than a private one.
//!
//! High-rate series become samples elsewhere: the readers that call [`Measure::draft`] are the one place to change then.

use super::Draft;
use crate::record::resource;
use crate::record::time::write_utc;
use serde_json::{Map, Number, Value, json};

/// The code system of LOINC.
pub const LOINC: &str = "http://loinc.org";
/// Most digits a scaled value may grow to.
const MAX_SCALE: i64 = 12;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Code system.
    pub system: &'static str,
    /// Code.
    pub code: String,
    /// Its name in English.
    pub display: &'static str,
}

/// When.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Milliseconds since 1970.
    At(i64),
    /// From, to.
    Period(i64, i64),
    /// `YYYY-MM-DD`, where the person was.
    Day(String),
}

/// How much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    /// The number as text.
    pub value: String,
    /// UCUM.
    pub unit: &'static str,
    /// `<` or `>`.
    pub comparator: Option<&'static str>,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its name for the whole world: an address below the source's.
    pub url: String,
    /// What.
    pub code: Code,
    /// `vital-signs`, `activity` or `laboratory`.
    pub category: &'static str,
    /// When.
    pub when: When,
    /// How much; several parts, or none where the sensor gave an error.
    pub values: Vec<(Code, Quantity)>,
    /// The device's name, where the source says it.
    pub device: Option<String>,
    /// The name of the time zone, where the source says it.
    pub zone: Option<String>,
    /// How it came to be, in words of the source.
    pub method: Option<&'static str>,
    /// Whether it is known to be the person's.
    pub certain: bool,
    /// When the source last changed it, in milliseconds since 1970.
    pub updated: Option<i64>,
}

impl Measure {
    /// The draft of its Observation.
    pub fn draft(self, location: String) -> Result<Draft, &'static str> {
        let url = self.url.clone();
        let text = self.observation()?.to_string();
        let resource = resource::read(&text, "", Some(&url)).map_err(|refusal| refusal.0)?;
        Ok(Draft {
            location,
            issuer: String::new(),
            full_url: Some(url),
            text,
            resource,
        })
    }

    fn observation(self) -> Result<Value, &'static str> {
        const NO_TIME: &str = "its time is outside the years 1 to 9999";
        let mut one = Map::new();
        let mut put = |name: &str, value: Value| one.insert(name.to_owned(), value);
        put("resourceType", json!("Observation"));
        if let Some(updated) = self.updated.and_then(write_utc) {
            put("meta", json!({ "lastUpdated": updated }));
        }
        let status = if self.certain { "final" } else { "preliminary" };
        put("status", json!(status));
        put(
            "category",
            json!([{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": self.category
            }]}]),
        );
        put("code", concept(&self.code));
        let zone = self.zone.map(|zone| {
            json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": zone}]})
        });
        match self.when {
            When::At(at) => {
                put("effectiveDateTime", json!(write_utc(at).ok_or(NO_TIME)?));
                zone.map(|zone| put("_effectiveDateTime", zone));
            }
            When::Period(from, to) => {
                let (from, to) = (
                    write_utc(from).ok_or(NO_TIME)?,
                    write_utc(to).ok_or(NO_TIME)?,
                );
                put("effectivePeriod", json!({"start": from, "end": to}));
            }
            When::Day(day) => {
                put("effectiveDateTime", json!(day));
            }
        }
        match self.values.as_slice() {
            [] => put(
                "dataAbsentReason",
                json!({"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "error"
                }]}),
            ),
            [(code, quantity)] if *code == self.code => put("valueQuantity", written(quantity)?),
            parts => {
                let one = |(code, quantity): &(Code, Quantity)| {
                    Ok(json!({"code": concept(code), "valueQuantity": written(quantity)?}))
                };
                let parts = parts
                    .iter()
                    .map(one)
                    .collect::<Result<Vec<_>, &'static str>>()?;
                put("component", Value::Array(parts))
            }
        };
        if let Some(method) = self.method {
            put("method", json!({ "text": method }));
        }
        if let Some(device) = self.device {
            put("device", json!({ "display": device }));
        }
        Ok(Value::Object(one))
    }
}

fn concept(code: &Code) -> Value {
    json!({"coding": [{"system": code.system, "code": code.code, "display": code.display}]})
}

fn written(quantity: &Quantity) -> Result<Value, &'static str> {
    let number: Number = quantity
        .value
        .parse()
        .map_err(|_| "its value is not a number")?;
    let mut value = json!({"value": number, "unit": quantity.unit, "system": "http://unitsofmeasure.org", "code": quantity.unit});
    if let Some(comparator) = quantity.comparator {
        value["comparator"] = json!(comparator);
    }
    Ok(value)
}

/// `mantissa` × 10^`exponent`, with every digit the source gave; none where that is absurd.
pub fn scale(mantissa: i64, exponent: i64) -> Option<String> {
    let places = match exponent {
        0.. if exponent <= MAX_SCALE => {
            let zeros = "0".repeat(usize::try_from(exponent).ok()?);
            return Some(if mantissa == 0 {
                "0".to_owned()
            } else {
                format!("{mantissa}{zeros}")
            });
        }
        _ => usize::try_from(exponent.checked_neg()?)
            .ok()
            .filter(|places| *places <= 12)?,
    };
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - places)?;
    let sign = if mantissa < 0 { "-" } else { "" };
    Some(format!("{sign}{whole}.{fraction}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scaled_values_keep_their_digits() {
        let scaled = [
            ((118_003, -3), "118.003"),
            ((56_300, -3), "56.300"),
            ((5, -3), "0.005"),
            ((-5, -1), "-0.5"),
            ((0, -2), "0.00"),
            ((7, 2), "700"),
            ((0, 3), "0"),
            ((i64::MIN, -12), "-9223372.036854775808"),
        ];
        for ((mantissa, exponent), text) in scaled {
            assert_eq!(scale(mantissa, exponent).unwrap(), text);
        }
        for absurd in [13, -13, i64::MAX, i64::MIN] {
            assert_eq!(scale(1, absurd), None);
        }
    }

    fn measure() -> Measure {
        let code = Code {
            system: LOINC,
            code: "29463-7".to_owned(),
            display: "Body weight",
        };
        Measure {
            url: "https://cloud.example/measure/1/1".to_owned(),
            code: code.clone(),
            category: "vital-signs",
            when: When::At(1_693_651_151_000),
            values: vec![(
                code,
                Quantity {
                    value: "118.003".to_owned(),
                    unit: "kg",
                    comparator: None,
                },
            )],
            device: Some("Body+".to_owned()),
            zone: Some("Europe/Paris".to_owned()),
            method: None,
            certain: true,
            updated: None,
        }
    }

    #[test]
    fn a_measure_is_an_observation_with_its_digits_and_its_zone() {
        let draft = measure().draft("x".to_owned()).unwrap();
        assert_eq!(draft.resource.row.value.as_deref(), Some("118.003"));
        assert_eq!(
            draft.resource.row.when.as_deref(),
            Some("2023-09-02T10:39:11Z")
        );
        assert!(draft.text.contains("Europe/Paris") && draft.text.contains("\"value\":118.003"));
        assert_eq!(
            measure().draft("y".to_owned()).unwrap().resource,
            draft.resource
        );
    }

    #[test]
    fn an_error_of_the_sensor_has_no_value_and_what_is_not_a_number_is_refused() {
        let broken = Measure {
            values: Vec::new(),
            ..measure()
        };
        assert!(
            broken
                .draft(String::new())
                .unwrap()
                .text
                .contains("dataAbsentReason")
        );
        let mut odd = measure();
        odd.values[0].1.value = "1e".to_owned();
        assert!(odd.draft(String::new()).is_err());
        let late = Measure {
            when: When::At(i64::MAX),
            ..measure()
        };
        assert!(late.draft(String::new()).is_err());
    }
}
