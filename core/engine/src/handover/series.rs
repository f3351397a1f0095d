//! Series as FHIR Observations: one for each sample, or one `SampledData` for a stretch that was measured at even steps.
//!
//! What leaves is the number and unit as the source gave them. The id is derived from metric, source and sample, so that exporting
//! twice gives the same.

use crate::record::series::{Decimal, Metric, Reading, Sample, SampleId, Source, Unit};
use serde_json::{Map, Value, json};

/// Samples at even steps from which on they leave as one `SampledData`.
const STRETCH: usize = 60;
const LOINC: &str = "http://loinc.org";
const UCUM: &str = "http://unitsofmeasure.org";
const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// Writes the samples of one series, which are in order of time.
pub fn observations(
    metric: Metric,
    unit: Unit,
    source: &Source,
    samples: &[Sample],
    write: &mut dyn FnMut(&str) -> crate::error::Result<()>,
) -> crate::error::Result<()> {
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let length = even_stretch(rest);
        let (stretch, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        match length >= STRETCH {
            true => write(&sampled(metric, unit, source, stretch).to_string())?,
            false => write(&observation(metric, unit, source, first).to_string())?,
        }
        rest = if length >= STRETCH {
            after
        } else {
            rest.get(1..).unwrap_or_default()
        };
    }
    Ok(())
}

/// How many samples from here on are plain numbers of one offset at even steps.
fn even_stretch(samples: &[Sample]) -> usize {
    let plain = |sample: &&Sample| {
        matches!(sample.reading, Reading::Value(_)) && sample.end == sample.start
    };
    let (Some(first), Some(second)) = (samples.first(), samples.get(1)) else {
        return 1;
    };
    let step = second.start - first.start;
    let even = samples.iter().zip(0..).take_while(|(sample, at)| {
        plain(sample) && sample.offset == first.offset && sample.start == first.start + at * step
    });
    if step > 0 { even.count().max(1) } else { 1 }
}

fn base(metric: Metric, source: &Source, sample: &Sample) -> Map<String, Value> {
    let mut name = metric.key().as_bytes().to_vec();
    name.extend_from_slice(&sample.identity().0);
    let id = SampleId::derive(&source.key, &name);
    let mut code = json!({ "text": metric.en() });
    if let (Some(loinc), Some(code)) = (metric.loinc(), code.as_object_mut()) {
        code.insert("coding".into(), json!([{ "system": LOINC, "code": loinc }]));
    }
    let mut object = Map::new();
    object.insert("resourceType".into(), "Observation".into());
    object.insert(
        "id".into(),
        format!("sample-{:016x}", u64::from_be_bytes(id.0)).into(),
    );
    object.insert("status".into(), "final".into());
    object.insert("code".into(), code);
    object.insert("device".into(), json!({ "display": source.name }));
    object
}

fn sampled(metric: Metric, unit: Unit, source: &Source, samples: &[Sample]) -> Value {
    let numbers = samples.iter().filter_map(|sample| match sample.reading {
        Reading::Value(value) => Some(value.to_string()),
        _ => None,
    });
    let data: Vec<String> = numbers.collect();
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Value::Null;
    };
    let step = samples
        .get(1)
        .map_or(0, |second| second.start - first.start);
    let mut object = base(metric, source, first);
    let period = json!({ "start": instant(first.start, first.offset), "end": instant(last.start, last.offset) });
    object.insert("effectivePeriod".into(), period);
    let origin = json!({ "value": 0, "unit": unit.ucum(), "system": UCUM, "code": unit.ucum() });
    let data = json!({ "origin": origin, "period": step, "dimensions": 1, "data": data.join(" ") });
    object.insert("valueSampledData".into(), data);
    Value::Object(object)
}

fn observation(metric: Metric, unit: Unit, source: &Source, sample: &Sample) -> Value {
    let mut object = base(metric, source, sample);
    let time = instant(sample.start, sample.offset);
    match sample.end == sample.start {
        true => object.insert("effectiveDateTime".into(), time.into()),
        false => {
            let period = json!({ "start": time, "end": instant(sample.end, sample.offset) });
            object.insert("effectivePeriod".into(), period)
        }
    };
    match &sample.reading {
        Reading::Value(value) => object.insert("valueQuantity".into(), quantity(*value, unit)),
        Reading::Category(state) => {
            let row = metric.categories().get(usize::from(*state));
            let text = row.map_or("", |row| row.en);
            object.insert("valueCodeableConcept".into(), json!({ "text": text }))
        }
        Reading::Absent(reason) => {
            let code = json!({ "coding": [{ "system": ABSENT, "code": reason.code() }] });
            object.insert("dataAbsentReason".into(), code)
        }
        Reading::Components(values) => {
            object.insert("component".into(), components(metric, unit, values))
        }
    };
    Value::Object(object)
}

fn components(metric: Metric, unit: Unit, values: &[Option<Decimal>]) -> Value {
    let parts = metric.components().iter().zip(values).enumerate();
    let parts = parts.filter_map(|(at, (part, value))| {
        let own = metric.unit_of_component(at);
        let unit = if own == metric.unit() { unit } else { own };
        let code = json!({ "coding": [{ "system": LOINC, "code": part.loinc }], "text": part.en });
        Some(json!({ "code": code, "valueQuantity": quantity((*value)?, unit) }))
    });
    parts.collect()
}

fn quantity(value: Decimal, unit: Unit) -> Value {
    // The number as text, digit by digit: 5.0 stays 5.0.
    let number: Value = serde_json::from_str(&value.to_string()).unwrap_or(Value::Null);
    json!({ "value": number, "unit": unit.ucum(), "system": UCUM, "code": unit.ucum() })
}

/// An instant with its offset; UTC where the source wrote none, since FHIR asks for one.
fn instant(at: i64, offset: Option<i16>) -> String {
    let minutes = offset.unwrap_or_default();
    let wall = crate::record::series::calendar::utc_wall(at + i64::from(minutes) * 60_000);
    match offset {
        None | Some(0) => format!("{wall}Z"),
        Some(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.unsigned_abs();
            format!("{wall}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::resource;
    use crate::record::series::{Absent, Quality, SourceKind};

    fn written(key: &str, samples: &[Sample]) -> Vec<Value> {
        let metric = Metric::from_key(key).unwrap();
        let source = Source {
            key: "w".into(),
            name: "Watch".into(),
            kind: SourceKind::Watch,
        };
        let mut all = Vec::new();
        observations(metric, metric.unit(), &source, samples, &mut |text| {
            // What leaves can be read again.
            assert!(resource::read(text, "", None).is_ok(), "{text}");
            all.push(serde_json::from_str(text).unwrap());
            Ok(())
        })
        .unwrap();
        all
    }

    fn sample(start: i64, reading: Reading) -> Sample {
        Sample {
            start,
            end: start,
            offset: Some(60),
            reading,
            quality: Quality::default(),
            id: None,
            version: 0,
        }
    }

    fn value(text: &str) -> Reading {
        Reading::Value(Decimal::parse(text).unwrap())
    }

    #[test]
    fn a_number_keeps_its_digits_its_offset_and_its_code() {
        let all = written("weight", &[sample(1_795_451_845_250, value("70.0"))]);
        assert_eq!(
            all[0]["valueQuantity"].to_string(),
            r#"{"value":70.0,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}"#
        );
        assert_eq!(all[0]["effectiveDateTime"], "2026-11-23T17:37:25.250+01:00");
        assert_eq!(all[0]["code"]["coding"][0]["code"], "29463-7");
    }

    #[test]
    fn even_steps_become_one_and_the_rest_stays_single() {
        let mut samples: Vec<Sample> = (0..100).map(|n| sample(n * 1_000, value("60"))).collect();
        samples.push(sample(100_500, value("61")));
        samples.push(sample(200_000, Reading::Absent(Absent::NotANumber)));
        let all = written("heart-rate", &samples);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0]["valueSampledData"]["period"], 1_000);
        let data = all[0]["valueSampledData"]["data"].as_str().unwrap();
        assert_eq!(data.split(' ').count(), 100);
        assert_eq!(all[1]["valueQuantity"]["value"], 61);
        assert_eq!(
            all[2]["dataAbsentReason"]["coding"][0]["code"],
            "not-a-number"
        );
    }

    #[test]
    fn components_and_states_have_their_names() {
        let pressure = Reading::Components(vec![
            Decimal::parse("121"),
            None,
            None,
            Decimal::parse("64"),
        ]);
        let all = written("blood-pressure", &[sample(0, pressure)]);
        let parts = all[0]["component"].as_array().unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1]["valueQuantity"]["code"], "/min");
        let sleep = written("sleep", &[sample(0, Reading::Category(4))]);
        assert_eq!(sleep[0]["valueCodeableConcept"]["text"], "Deep sleep");
    }

    #[test]
    fn ids_are_the_same_twice_and_different_for_each() {
        let two = [sample(0, value("1")), sample(7, value("1"))];
        let ids = |all: Vec<Value>| -> Vec<String> {
            all.iter().map(|one| one["id"].to_string()).collect()
        };
        let first = ids(written("weight", &two));
        assert_eq!(first, ids(written("weight", &two)));
        assert_ne!(first[0], first[1]);
    }
}
