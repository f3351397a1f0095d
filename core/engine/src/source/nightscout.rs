//! Entries of a Nightscout server: continuous glucose.
//!
//! The server names an entry by `sysString` and `type` (`_id` may be replaced), times are milliseconds in UTC, `sgv` is always in
//! mg/dL. A sensor value below 39 is an error code of the sensor and no glucose: it is kept without a value. 39 and 401 mean
//! below and above what it can measure. Calibrations are no measurements.

use super::measure::{Code, LOINC, Measure, Quantity, When};
use super::{Draft, Refused};
use serde::Deserialize;
use serde_json::Value;

/// One answer: newest entries first.
#[derive(Debug, Default)]
pub struct Entries {
    /// What was read.
    pub drafts: Vec<Draft>,
    /// What was not.
    pub refused: Vec<Refused>,
    /// Entries, read or not.
    pub items: u64,
    /// The time of the newest and of the oldest entry, in milliseconds since 1970.
    pub span: Option<(i64, i64)>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    date: serde_json::Number,
    #[serde(rename = "sysTime")]
    system_time: Option<String>,
    sgv: Option<serde_json::Number>,
    mbg: Option<serde_json::Number>,
    device: Option<String>,
}

/// Reads the entries of the server at `base`.
pub fn read_entries(bytes: &[u8], base: &str) -> Result<Entries, &'static str> {
    let list: Vec<Value> =
        serde_json::from_slice(bytes).map_err(|_| "the answer is not a list of entries")?;
    let mut found = Entries::default();
    for value in list {
        let location = format!("[{}]", found.items);
        found.items += 1;
        match found.entry(&value, base, location.clone()) {
            Ok(draft) => found.drafts.push(draft),
            Err(reason) => found.refused.push(Refused { location, reason }),
        }
    }
    Ok(found)
}

impl Entries {
    fn entry(
        &mut self,
        value: &Value,
        base: &str,
        location: String,
    ) -> Result<Draft, &'static str> {
        const INCOMPLETE: &str = "the item lacks its time, its name or its value";
        let entry = Entry::deserialize(value).map_err(|_| INCOMPLETE)?;
        let whole = entry
            .date
            .as_f64()
            .filter(|date| (0.0..1e15).contains(date))
            .ok_or(INCOMPLETE)?;
        let at = whole as i64;
        let (newest, oldest) = self.span.unwrap_or((at, at));
        self.span = Some((newest.max(at), oldest.min(at)));
        let (code, value) = match entry.kind.as_str() {
            "sgv" => (sensor(), entry.sgv.ok_or(INCOMPLETE)?),
            "mbg" => (fingerstick(), entry.mbg.ok_or(INCOMPLETE)?),
            _ => return Err("a calibration or note of the sensor is not a measure"),
        };
        let name = entry.system_time.unwrap_or_else(|| at.to_string());
        let plain =
            |character: char| character.is_ascii_alphanumeric() || "-.:+".contains(character);
        if name.len() > 64 || !name.chars().all(plain) {
            return Err(INCOMPLETE);
        }
        let quantity = glucose(&value, entry.kind == "sgv");
        Measure {
            url: format!("{base}/entries/{name}/{}", entry.kind),
            values: quantity
                .map(|quantity| (code.clone(), quantity))
                .into_iter()
                .collect(),
            code,
            category: "laboratory",
            when: When::At(at),
            device: entry.device.filter(|device| device.len() <= 200),
            zone: None,
            method: None,
            certain: true,
            updated: None,
        }
        .draft(location)
    }
}

/// None for an error code of the sensor.
fn glucose(value: &serde_json::Number, sensed: bool) -> Option<Quantity> {
    let (text, comparator) = match value.as_f64()? {
        error if sensed && error < 39.0 => return None,
        bottom if sensed && bottom < 40.0 => ("40".to_owned(), Some("<")),
        top if sensed && top > 400.0 => ("400".to_owned(), Some(">")),
        _ => (value.to_string(), None),
    };
    Some(Quantity {
        value: text,
        unit: "mg/dL",
        comparator,
    })
}

fn sensor() -> Code {
    Code {
        system: LOINC,
        code: "99504-3".to_owned(),
        display: "Glucose [Mass/volume] in Interstitial fluid",
    }
}

fn fingerstick() -> Code {
    Code {
        system: LOINC,
        code: "2339-0".to_owned(),
        display: "Glucose [Mass/volume] in Blood",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn read(entries: Value) -> Entries {
        read_entries(entries.to_string().as_bytes(), "https://cgm.example").unwrap()
    }

    fn sgv(at: i64, value: i64) -> Value {
        json!({"_id": "x", "type": "sgv", "sgv": value, "date": at, "sysTime": format!("t{at}"), "device": "xDrip", "direction": "Flat"})
    }

    #[test]
    fn a_value_is_glucose_between_40_and_400_and_a_bound_at_their_ends() {
        let found = read(json!([sgv(3_000, 120), sgv(2_000, 39), sgv(1_000, 401)]));
        let shown: Vec<_> = found
            .drafts
            .iter()
            .map(|draft| {
                let row = &draft.resource.row;
                (row.comparator.as_deref(), row.value.as_deref())
            })
            .collect();
        assert_eq!(
            shown,
            [
                (None, Some("120")),
                (Some("<"), Some("40")),
                (Some(">"), Some("400"))
            ]
        );
        assert_eq!(found.span, Some((3_000, 1_000)));
    }

    #[test]
    fn an_error_of_the_sensor_is_no_glucose() {
        let found = read(json!([sgv(1_000, 5), {"type": "mbg", "mbg": 30, "date": 2_000}]));
        assert_eq!(found.drafts[0].resource.row.unit, None);
        assert!(found.drafts[0].text.contains("dataAbsentReason"));
        assert_eq!(
            found.drafts[1].resource.row.value.as_deref(),
            Some("30"),
            "blood may be that low"
        );
    }

    #[test]
    fn an_entry_is_the_same_whatever_its_id_in_the_database() {
        let mut again = sgv(1_000, 120);
        again["_id"] = json!("another");
        let found = read(json!([sgv(1_000, 120), again]));
        assert_eq!(found.drafts[0].resource, found.drafts[1].resource);
    }

    #[test]
    fn what_is_no_measure_is_refused_one_by_one() {
        let found = read(
            json!([{"type": "cal", "date": 1}, {"type": "sgv", "date": 1}, 5, {"type": "sgv", "sgv": 1, "date": "x"},
            {"type": "sgv", "sgv": 100, "date": 1, "sysTime": "../../x?"}, sgv(1_000, 100)]),
        );
        assert_eq!(
            (found.items, found.refused.len(), found.drafts.len()),
            (6, 5, 1)
        );
        assert!(
            read_entries(b"{}", "https://a").is_err()
                && read_entries(b"<html>", "https://a").is_err()
        );
    }
}
