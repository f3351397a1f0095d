//! Single measurements as FHIR Observations, by the profiles of the French guide *Mesures de santé* (ANS, 3.x).
//!
//! An Observation is made of what a person measures now and then: pressure, temperature, weight, a drop of blood, a finger in
//! an oximeter. What streams (heart rate, continuous values) is a series only; its export is SampledData.
//!
//! * A profile fixes its unit, so a value in another one is converted, exactly where that is possible, and the quantity as
//!   the device gave it stands in an extension.
//! * A number that a device could not give is a `dataAbsentReason`.
//! * The instant has the phone's offset. Where the device's clock cannot be trusted only the day is said, and the clock as it
//!   was stands in an extension: a time without a zone is never guessed ([`super::clock`]).
//! * The identity is that of the sample: device, characteristic, bytes of the record. Of two phones that read one meter both
//!   make the same resource. The profile requires the device, so a Device comes with it.

use super::samples::is_nobodys;
use super::{Characteristic, Measurement, Number, Quantity, Reception};
use crate::record::codes::LOINC;
use crate::record::identity::first_half;
use crate::record::json::Refusal;
use crate::record::resource;
use crate::record::series::{Decimal, Source, Unit};
use crate::record::time::write_instant;
use crate::source::Draft;
use serde_json::{Map, Value, json};

const UCUM: &str = "http://unitsofmeasure.org";
const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const PROFILES: &str = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/";
/// The quantity as the device gave it, where the profile wants another unit.
const AS_MEASURED: &str = "urn:carnet:fhir:as-measured";
/// What the device's clock said, where it may be wrong.
const DEVICE_CLOCK: &str = "urn:carnet:fhir:device-clock";
/// The identifier of a device: the key of its source.
const DEVICE_KEY: &str = "urn:carnet:fhir:source";

/// How a quantity becomes an Observation.
struct Profile {
    what: &'static str,
    name: &'static str,
    loinc: &'static str,
    unit: &'static str,
}

const SINGLE: &[Profile] = &[
    profile(
        "body-temperature",
        "mesures-fr-observation-body-temperature",
        "8310-5",
        "Cel",
    ),
    profile(
        "weight",
        "mesures-fr-observation-body-weight",
        "29463-7",
        "kg",
    ),
    profile(
        "height",
        "mesures-fr-observation-bodyheight",
        "8302-2",
        "cm",
    ),
    profile(
        "body-mass-index",
        "mesures-fr-observation-bmi",
        "39156-5",
        "kg/m2",
    ),
    profile(
        "oxygen-saturation",
        "mesures-fr-observation-oxygen-sat",
        "59408-5",
        "%",
    ),
];
const PRESSURE: Profile = profile("systolic", "mesures-fr-observation-bp", "85354-9", "mm[Hg]");
const PRESSURES: [(&str, &str); 3] = [
    ("systolic", "8480-6"),
    ("diastolic", "8462-4"),
    ("mean-pressure", "8478-0"),
];
const GLUCOSE: &str = "mesures-observation-glucose";

const fn profile(
    what: &'static str,
    name: &'static str,
    loinc: &'static str,
    unit: &'static str,
) -> Profile {
    Profile {
        what,
        name,
        loinc,
        unit,
    }
}

/// The Device and an Observation for each value that has a profile; nothing where nobody was measured.
pub fn drafts(
    characteristic: Characteristic,
    measurement: &Measurement,
    source: &Source,
    reception: &Reception,
) -> Result<Vec<Draft>, Refusal> {
    let bodies = match is_nobodys(measurement) {
        true => Vec::new(),
        false => bodies(characteristic, measurement),
    };
    if bodies.is_empty() {
        return Ok(Vec::new());
    }
    let device_url = derive_url(&[source.key.as_bytes()]);
    let mut drafts = vec![make(device(source), device_url.clone())?];
    for (what, mut body) in bodies {
        when(&mut body, measurement, reception);
        body.insert("device".to_owned(), json!({ "reference": device_url }));
        let url = derive_url(&[
            source.key.as_bytes(),
            &characteristic.number().to_be_bytes(),
            what.as_bytes(),
            &measurement.raw,
            &live_instant(measurement, reception),
        ]);
        drafts.push(make(body, url)?);
    }
    Ok(drafts)
}

/// What has neither a clock nor a number is told apart by the instant it came.
fn live_instant(measurement: &Measurement, reception: &Reception) -> Vec<u8> {
    let stored = measurement.clock.is_some() || measurement.sequence.is_some();
    match stored {
        true => Vec::new(),
        false => reception.received.to_be_bytes().to_vec(),
    }
}

type Body = Map<String, Value>;

fn bodies(characteristic: Characteristic, measurement: &Measurement) -> Vec<(&'static str, Body)> {
    match characteristic {
        Characteristic::BloodPressure => vec![("systolic", pressure(measurement))],
        Characteristic::Glucose => glucose(measurement).into_iter().collect(),
        Characteristic::Temperature
        | Characteristic::Weight
        | Characteristic::BodyComposition
        | Characteristic::SpotOximetry => {
            let found = SINGLE.iter().filter_map(|profile| {
                let quantity = measurement.get(profile.what)?;
                let mut body = observation(profile.name, profile.loinc);
                put(&mut body, quantity, profile.unit);
                Some((profile.what, body))
            });
            found.collect()
        }
        _ => Vec::new(),
    }
}

fn pressure(measurement: &Measurement) -> Body {
    let mut body = observation(PRESSURE.name, PRESSURE.loinc);
    let parts = PRESSURES.iter().filter_map(|(what, loinc)| {
        let mut part = Map::new();
        part.insert("code".to_owned(), code(loinc));
        put(&mut part, measurement.get(what)?, PRESSURE.unit);
        Some(Value::Object(part))
    });
    body.insert("component".to_owned(), parts.collect());
    body
}

/// The code says what was measured in and by which unit: capillary by a meter, other blood, or under the skin.
fn glucose(measurement: &Measurement) -> Option<(&'static str, Body)> {
    let quantity = measurement.get("glucose")?;
    let moles = quantity.unit == "mmol/L";
    let says = |word| measurement.says("specimen", word);
    let loinc = match (
        says("capillary-whole-blood"),
        says("interstitial-fluid"),
        moles,
    ) {
        (true, _, false) => "41653-7",
        (true, _, true) => "14743-9",
        (_, true, false) => "99504-3",
        (_, true, true) => "105272-9",
        (_, _, false) => "2339-0",
        (_, _, true) => "15074-8",
    };
    let mut body = observation(GLUCOSE, loinc);
    put(&mut body, quantity, quantity.unit);
    Some(("glucose", body))
}

fn observation(profile: &str, loinc: &str) -> Body {
    let mut body = Map::new();
    let mut insert = |name: &str, value| body.insert(name.to_owned(), value);
    insert("resourceType", json!("Observation"));
    insert(
        "meta",
        json!({ "profile": [format!("{PROFILES}{profile}")] }),
    );
    insert("status", json!("final"));
    insert(
        "category",
        json!([{ "coding": [{ "system": CATEGORY, "code": "vital-signs", "display": "vital-signs" }] }]),
    );
    insert("code", code(loinc));
    body
}

fn code(loinc: &str) -> Value {
    json!({ "coding": [{ "system": LOINC, "code": loinc }] })
}

/// Puts the value, or why there is none, into an Observation or a component.
fn put(body: &mut Body, quantity: &Quantity, unit: &str) {
    let value = match quantity.value {
        Number::Absent(reason) => {
            let coding = json!({ "coding": [{ "system": ABSENT, "code": reason.code() }] });
            body.insert("dataAbsentReason".to_owned(), coding);
            return;
        }
        Number::Exact(value) => value,
    };
    let units = (Unit::from_text(quantity.unit), Unit::from_text(unit));
    let converted = match units {
        (Some(from), Some(to)) => from.convert(value, to),
        _ => None,
    };
    let (shown, unit) = converted.map_or((value, quantity.unit), |value| (value, unit));
    body.insert("valueQuantity".to_owned(), quantity_of(shown, unit));
    if unit != quantity.unit {
        let measured = quantity_of(value, quantity.unit);
        extend(
            body,
            json!({ "url": AS_MEASURED, "valueQuantity": measured }),
        );
    }
}

fn quantity_of(value: Decimal, unit: &str) -> Value {
    // `arbitrary_precision` keeps the digits: 37.60 stays 37.60.
    let number: Value = serde_json::from_str(&value.to_string()).unwrap_or_default();
    json!({ "value": number, "unit": unit, "system": UCUM, "code": unit })
}

fn when(body: &mut Body, measurement: &Measurement, reception: &Reception) {
    let placed = reception.place(measurement);
    let offset = measurement.zone_minutes.unwrap_or(reception.offset);
    let instant = write_instant(placed.at, offset);
    let effective = match placed.unsure {
        false => instant,
        true => {
            let day = instant.split('T').next().map(str::to_owned);
            let own = measurement.clock.and_then(|clock| clock.date());
            own.or(day).unwrap_or_default()
        }
    };
    body.insert("effectiveDateTime".to_owned(), json!(effective));
    if let (true, Some(clock)) = (placed.unsure, measurement.clock) {
        let clock = json!({ "url": DEVICE_CLOCK, "valueString": clock.to_string() });
        extend(body, clock);
    }
}

fn extend(body: &mut Body, extension: Value) {
    let all = body
        .entry("extension")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(all) = all {
        all.push(extension);
    }
}

fn device(source: &Source) -> Body {
    let mut body = Map::new();
    let mut insert = |name: &str, value| body.insert(name.to_owned(), value);
    insert("resourceType", json!("Device"));
    insert(
        "identifier",
        json!([{ "system": DEVICE_KEY, "value": source.key }]),
    );
    if !source.name.is_empty() {
        insert(
            "deviceName",
            json!([{ "name": source.name, "type": "model-name" }]),
        );
    }
    body
}

/// The same on every phone that reads the same record of the same device.
fn derive_url(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 ble resource");
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let id = u128::from_be_bytes(first_half(*hasher.finalize().as_bytes()));
    let part = |shift: u32, digits: u32| id >> shift & ((1 << (digits * 4)) - 1);
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        part(96, 8),
        part(80, 4),
        part(64, 4),
        part(48, 4),
        part(0, 12)
    )
}

fn make(body: Body, url: String) -> Result<Draft, Refusal> {
    let text = Value::Object(body).to_string();
    let resource = resource::read(&text, "", Some(&url))?;
    Ok(Draft {
        location: String::new(),
        issuer: String::new(),
        full_url: Some(url),
        text,
        resource,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::samples::source;
    use super::super::tests::measured;
    use super::*;

    /// 2024-01-15T08:30:00+01:00.
    const RECEPTION: Reception = Reception {
        received: 1_705_303_800_000,
        offset: 60,
        device_clock: None,
    };

    fn read_at(uuid: &str, hex: &str, reception: &Reception) -> Vec<Draft> {
        let (characteristic, measurement) = measured(uuid, hex);
        let device = source("Roche", "Guide", "0042", "");
        drafts(characteristic, &measurement, &device, reception).unwrap()
    }

    fn read(uuid: &str, hex: &str) -> Vec<Draft> {
        read_at(uuid, hex, &RECEPTION)
    }

    fn json_of(draft: &Draft) -> Value {
        serde_json::from_str(&draft.text).unwrap()
    }

    #[test]
    fn a_pressure_in_kilopascals_is_shown_in_millimetres_and_kept() {
        let all = read("2A35", "15BDF00B009FF03C001200");
        assert_eq!(all.len(), 2);
        let seen = json_of(&all[1]);
        let part = &seen["component"][0];
        assert_eq!(part["valueQuantity"]["code"], "mm[Hg]");
        assert_eq!(
            part["extension"][0]["valueQuantity"]["value"].to_string(),
            "18.9"
        );
        assert_eq!(part["extension"][0]["valueQuantity"]["code"], "kPa");
        assert_eq!(seen["effectiveDateTime"], "2024-01-15T08:30:00+01:00");
        assert_eq!(
            seen["device"]["reference"],
            *all[0].full_url.as_ref().unwrap()
        );
        assert_eq!(
            all[1].resource.row.value.as_deref().map(str::is_empty),
            Some(false)
        );
    }

    #[test]
    fn places_and_reasons_are_kept() {
        let warm = json_of(&read("2A1C", "00B00E00FE")[1]);
        assert_eq!(warm["valueQuantity"]["value"].to_string(), "37.60");
        let none = json_of(&read("2A9D", "00FFFF")[1]);
        assert_eq!(none["dataAbsentReason"]["coding"][0]["code"], "error");
        assert!(none.get("valueQuantity").is_none());
    }

    #[test]
    fn a_clock_nobody_checked_gives_the_day_only() {
        let stored = json_of(&read("2A18", "020300E807010E081E0069B011")[1]);
        assert_eq!(stored["effectiveDateTime"], "2024-01-14");
        assert_eq!(stored["extension"][0]["valueString"], "2024-01-14T08:30:00");
        assert_eq!(stored["code"]["coding"][0]["code"], "41653-7");
    }

    #[test]
    fn two_phones_make_one_resource() {
        let later = Reception {
            received: RECEPTION.received + 86_400_000,
            ..RECEPTION
        };
        let stored = "020300E807010E081E0069B011";
        let ids = |reception| read_at("2A18", stored, reception)[1].resource.id;
        assert_eq!(ids(&RECEPTION), ids(&later));
        let live = "0061004800";
        let ids = |reception| read_at("2A5E", live, reception)[1].resource.id;
        assert_ne!(ids(&RECEPTION), ids(&later));
    }

    #[test]
    fn what_streams_and_what_is_nobodys_is_no_observation() {
        assert_eq!(read("2A37", "0055"), []);
        assert_eq!(read("2A5F", "0061004800"), []);
        assert_eq!(read("2A18", "020300E807010F081E0069B01A"), []);
    }
}
