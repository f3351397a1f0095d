//! Answers of the Withings cloud: measures, days of activity, nights.
//!
//! HTTP says 200 whatever happens; `status` in the body says how it went. A measure is named by its group and its type
//! (`grpid`), since a group can come twice with another attribution.
//!
//! **Whose measure it is** (`attrib`): 0, 7 and 8 say this person's device; 2 and 4 typed by hand; 1 a device that several
//! people use, not settled: such a measure is *preliminary* until the source settles it, and then gets a new version.
//! Others are kept as the device's. Objectives (`category` 2) are not measures and are refused with that reason.
//!
//! Not kept: how a value was computed (`algo`, `fm`) and the device's number; the record keeps what was measured.

use super::measure::{Code, LOINC, Measure, Quantity, When, scale};
use super::{Draft, Refused};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What names a measure begins with: never the address that was asked, so that a test and the cloud agree.
const NAMES: &str = "https://wbsapi.withings.net";
/// The source's own types.
const OWN: &str = "https://developer.withings.com/measure/type";

/// One answer.
#[derive(Debug, Default)]
pub struct WithingsAnswer {
    /// 0 is well.
    pub status: i64,
    /// What was read.
    pub drafts: Vec<Draft>,
    /// What was not.
    pub refused: Vec<Refused>,
    /// Items, read or not.
    pub items: u64,
    /// Where the next page begins, if there is one.
    pub offset: Option<i64>,
    /// The latest change the answer knows of, in seconds since 1970.
    pub newest: Option<i64>,
}

#[derive(Deserialize)]
struct Shell {
    status: i64,
    #[serde(default)]
    body: Value,
}

#[derive(Deserialize)]
struct Group {
    grpid: i64,
    #[serde(default)]
    attrib: i64,
    date: i64,
    modified: Option<i64>,
    #[serde(default)]
    category: i64,
    #[serde(default)]
    measures: Vec<Part>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    value: i64,
    #[serde(rename = "type")]
    kind: i64,
    unit: i64,
}

/// Reads an answer to any of the three questions; `user` is the cloud's number for the person.
pub fn read_withings(bytes: &[u8], user: &str) -> Result<WithingsAnswer, &'static str> {
    const NOT_WITHINGS: &str = "the answer is not one of Withings";
    let shell: Shell = serde_json::from_slice(bytes).map_err(|_| NOT_WITHINGS)?;
    let mut answer = WithingsAnswer {
        status: shell.status,
        ..WithingsAnswer::default()
    };
    let number = |name: &str| shell.body.get(name).and_then(Value::as_i64);
    let more = shell
        .body
        .get("more")
        .is_some_and(|more| more.as_bool() == Some(true) || more.as_i64() == Some(1));
    answer.offset = number("offset").filter(|_| more);
    answer.newest = number("updatetime");
    let zone = shell.body.get("timezone").and_then(Value::as_str);
    let list = |name: &str| {
        shell
            .body
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for group in list("measuregrps") {
        answer.item(group, |answer, location| {
            answer.group(group, zone, location)
        });
    }
    for day in list("activities") {
        answer.item(day, |answer, location| answer.day(day, user, location));
    }
    for night in list("series") {
        answer.item(night, |answer, location| answer.night(night, location));
    }
    Ok(answer)
}

type Read = Result<(), &'static str>;
const INCOMPLETE: &str = "the item lacks its time, its name or its value";

impl WithingsAnswer {
    fn item(&mut self, item: &Value, read: impl FnOnce(&mut Self, String) -> Read) {
        let location = format!("[{}]", self.items);
        self.items += 1;
        if let Some(modified) = item.get("modified").and_then(Value::as_i64) {
            self.newest = Some(self.newest.map_or(modified, |newest| newest.max(modified)));
        }
        if let Err(reason) = read(self, location.clone()) {
            self.refused.push(Refused { location, reason });
        }
    }

    fn group(&mut self, group: &Value, zone: Option<&str>, location: String) -> Read {
        let group = Group::deserialize(group).map_err(|_| INCOMPLETE)?;
        if group.category == 2 {
            return Err("an objective is not a measure");
        }
        let parts: Vec<(Code, Quantity)> = group
            .measures
            .iter()
            .map(quantity)
            .collect::<Result<_, _>>()?;
        let (pressure, single): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|(code, _)| ["8462-4", "8480-6"].contains(&code.code.as_str()));
        let measure = |name: &str, code: Code, values| Measure {
            url: format!("{NAMES}/measure/{}/{name}", group.grpid),
            code,
            category: "vital-signs",
            when: When::At(group.date.saturating_mul(1_000)),
            values,
            device: group.model.clone(),
            zone: zone.map(str::to_owned),
            method: matches!(group.attrib, 2 | 4).then_some("typed by hand"),
            certain: group.attrib != 1,
            updated: group.modified.map(|at| at.saturating_mul(1_000)),
        };
        for (code, quantity) in single {
            let name = code.code.clone();
            let one = measure(&name, code.clone(), vec![(code, quantity)]);
            self.drafts.push(one.draft(location.clone())?);
        }
        if !pressure.is_empty() {
            let panel = loinc("85354-9", "Blood pressure panel with all children optional");
            self.drafts
                .push(measure("85354-9", panel, pressure).draft(location)?);
        }
        Ok(())
    }

    /// A day's steps, distance and energy: aggregates of the source, which may have merged devices.
    fn day(&mut self, day: &Value, user: &str, location: String) -> Read {
        const FIELDS: [(&str, &str, &str, &str); 4] = [
            (
                "steps",
                "41950-7",
                "Number of steps in 24 hour Measured",
                "1/(24.h)",
            ),
            ("distance", "", "Distance of the day", "m"),
            ("calories", "", "Active energy of the day", "kcal"),
            ("totalcalories", "", "Energy of the day", "kcal"),
        ];
        let date = day.get("date").and_then(Value::as_str).ok_or(INCOMPLETE)?;
        for (field, known, display, unit) in FIELDS {
            let Some(Value::Number(value)) = day.get(field) else {
                continue;
            };
            let code = match known {
                "" => own(field, display),
                known => loinc(known, display),
            };
            let one = Measure {
                url: format!("{NAMES}/activity/{user}/{date}/{field}"),
                code: code.clone(),
                category: "activity",
                when: When::Day(date.to_owned()),
                values: vec![(code, plain(value.to_string(), unit))],
                device: text(day, "model"),
                zone: None,
                method: None,
                certain: true,
                updated: seconds(day, "modified"),
            };
            self.drafts.push(one.draft(location.clone())?);
        }
        Ok(())
    }

    fn night(&mut self, night: &Value, location: String) -> Read {
        const STAGES: [(&str, &str, &str); 4] = [
            ("total_sleep_time", "93832-4", "Sleep duration"),
            ("lightsleepduration", "93830-8", "Light sleep duration"),
            ("deepsleepduration", "93831-6", "Deep sleep duration"),
            ("remsleepduration", "93829-0", "REM sleep duration"),
        ];
        let id = night.get("id").and_then(Value::as_i64).ok_or(INCOMPLETE)?;
        let (from, to) = (
            seconds(night, "startdate").ok_or(INCOMPLETE)?,
            seconds(night, "enddate").ok_or(INCOMPLETE)?,
        );
        let none = Map::new();
        let data = night
            .get("data")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        for (field, code, display) in STAGES {
            let Some(Value::Number(value)) = data.get(field) else {
                continue;
            };
            let code = loinc(code, display);
            let one = Measure {
                url: format!("{NAMES}/sleep/{id}/{field}"),
                code: code.clone(),
                category: "activity",
                when: When::Period(from, to),
                values: vec![(code, plain(value.to_string(), "s"))],
                device: None,
                zone: None,
                method: None,
                certain: true,
                updated: seconds(night, "modified"),
            };
            self.drafts.push(one.draft(location.clone())?);
        }
        Ok(())
    }
}

fn quantity(part: &Part) -> Result<(Code, Quantity), &'static str> {
    let value = scale(part.value, part.unit).ok_or("its value has too many digits")?;
    let (code, unit) = coded(part.kind);
    Ok((code, plain(value, unit)))
}

fn plain(value: String, unit: &'static str) -> Quantity {
    Quantity {
        value,
        unit,
        comparator: None,
    }
}

fn coded(kind: i64) -> (Code, &'static str) {
    let (known, display, unit) = match kind {
        1 => ("29463-7", "Body weight", "kg"),
        4 => ("8302-2", "Body height", "m"),
        6 => ("41982-0", "Percentage of body fat Measured", "%"),
        9 => ("8462-4", "Diastolic blood pressure", "mm[Hg]"),
        10 => ("8480-6", "Systolic blood pressure", "mm[Hg]"),
        11 => ("8867-4", "Heart rate", "/min"),
        54 => (
            "59408-5",
            "Oxygen saturation in Arterial blood by Pulse oximetry",
            "%",
        ),
        71 => ("8310-5", "Body temperature", "Cel"),
        5 => ("", "Fat free mass", "kg"),
        8 => ("", "Fat mass", "kg"),
        12 => ("", "Temperature", "Cel"),
        73 => ("", "Skin temperature", "Cel"),
        76 => ("", "Muscle mass", "kg"),
        77 => ("", "Hydration", "kg"),
        88 => ("", "Bone mass", "kg"),
        91 => ("", "Pulse wave velocity", "m/s"),
        155 => ("", "Vascular age", "a"),
        _ => ("", "Measure of Withings", "1"),
    };
    match known {
        "" => (own(&kind.to_string(), display), unit),
        known => (loinc(known, display), unit),
    }
}

fn loinc(code: &str, display: &'static str) -> Code {
    Code {
        system: LOINC,
        code: code.to_owned(),
        display,
    }
}

fn own(code: &str, display: &'static str) -> Code {
    Code {
        system: OWN,
        code: code.to_owned(),
        display,
    }
}

fn text(item: &Value, name: &str) -> Option<String> {
    item.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A time in seconds, as milliseconds.
fn seconds(item: &Value, name: &str) -> Option<i64> {
    item.get(name)
        .and_then(Value::as_i64)
        .map(|at| at.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stderr)]
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn read(body: Value) -> WithingsAnswer {
        read_withings(
            json!({"status": 0, "body": body}).to_string().as_bytes(),
            "363",
        )
        .unwrap()
    }

    fn group(grpid: i64, attrib: i64, measures: Value) -> Value {
        json!({"grpid": grpid, "attrib": attrib, "date": 1_693_651_151, "modified": 1_693_651_185, "category": 1,
            "measures": measures, "model": "Body+"})
    }

    #[test]
    fn a_weight_has_its_code_its_digits_and_its_device() {
        let answer = read(json!({"updatetime": 9, "timezone": "Europe/Paris",
            "measuregrps": [group(1, 0, json!([{"value": 118_003, "type": 1, "unit": -3}]))]}));
        let row = &answer.drafts[0].resource.row;
        assert_eq!(
            (
                row.value.as_deref(),
                row.unit.as_deref(),
                row.code.as_deref()
            ),
            (Some("118.003"), Some("kg"), Some("29463-7"))
        );
        assert!(answer.drafts[0].text.contains("Body+"));
        assert_eq!(answer.newest, Some(1_693_651_185));
    }

    #[test]
    fn one_group_with_two_attributions_of_a_device_is_one_measure() {
        let parts = json!([{"value": 118_003, "type": 1, "unit": -3}]);
        let answer = read(
            json!({"measuregrps": [group(1, 0, parts.clone()), group(1, 8, parts.clone()), group(1, 1, parts.clone()), group(1, 2, parts)]}),
        );
        let resources: Vec<_> = answer.drafts.iter().map(|draft| &draft.resource).collect();
        assert!(
            resources
                .iter()
                .all(|resource| resource.id == resources[0].id)
        );
        assert_eq!(resources[0].content, resources[1].content);
        assert_eq!(resources[2].row.status.as_deref(), Some("preliminary"));
        assert!(answer.drafts[3].text.contains("typed by hand"));
    }

    #[test]
    fn two_pressures_are_one_panel_and_the_pulse_stands_alone() {
        let parts = json!([{"value": 80, "type": 9, "unit": 0}, {"value": 120, "type": 10, "unit": 0}, {"value": 60, "type": 11, "unit": 0}]);
        let answer = read(json!({"measuregrps": [group(2, 0, parts)]}));
        let codes: Vec<_> = answer
            .drafts
            .iter()
            .map(|draft| draft.resource.row.code.as_deref().unwrap())
            .collect();
        assert_eq!(codes, ["8867-4", "85354-9"]);
        assert!(
            answer.drafts[1].text.contains("8480-6") && answer.drafts[1].text.contains("8462-4")
        );
    }

    #[test]
    fn objectives_and_broken_items_are_refused_one_by_one() {
        let mut objective = group(3, 0, json!([{"value": 1, "type": 1, "unit": 0}]));
        objective["category"] = json!(2);
        let absurd = group(4, 0, json!([{"value": 1, "type": 1, "unit": 99}]));
        let answer = read(
            json!({"measuregrps": [objective, absurd, {"grpid": "x"}, 5, group(5, 0, json!([{"value": 1, "type": 999, "unit": 0}]))]}),
        );
        assert_eq!(
            (answer.items, answer.refused.len(), answer.drafts.len()),
            (5, 4, 1)
        );
        assert_eq!(answer.drafts[0].resource.row.code.as_deref(), Some("999"));
        for rubbish in ["", "[]", "{}", "<html>"] {
            assert!(read_withings(rubbish.as_bytes(), "").is_err());
        }
        assert_eq!(read_withings(br#"{"status":401}"#, "").unwrap().status, 401);
    }

    #[test]
    fn pages_go_on_only_while_there_is_more() {
        assert_eq!(read(json!({"more": 1, "offset": 77})).offset, Some(77));
        assert_eq!(read(json!({"more": true, "offset": 7})).offset, Some(7));
        assert_eq!(read(json!({"more": false, "offset": 7})).offset, None);
    }

    fn recorded(name: &str) -> Option<WithingsAnswer> {
        let folder = std::env::var_os("CARNET_CORPUS").map(std::path::PathBuf::from);
        let beside =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
        let path = folder.unwrap_or(beside).join("withings").join(name);
        let bytes = std::fs::read(path).ok()?;
        Some(read_withings(&bytes, "363").unwrap())
    }

    /// The recorded answers of the corpus, where it is.
    #[test]
    fn recorded_answers_are_read_whole() {
        let mut counts = BTreeMap::new();
        for name in ["measurement.json", "activity.json", "sleep_summary.json"] {
            let Some(answer) = recorded(name) else {
                eprintln!("SKIPPED: no corpus");
                return;
            };
            assert!(answer.refused.is_empty(), "{name}: {:?}", answer.refused);
            counts.insert(name, (answer.items, answer.drafts.len()));
        }
        assert_eq!(counts["measurement.json"], (2, 2));
        assert!(counts["sleep_summary.json"].1 as u64 >= counts["sleep_summary.json"].0);
        assert!(counts["activity.json"].1 as u64 >= counts["activity.json"].0);
    }
}
