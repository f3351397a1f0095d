//! What is worth saying of a document, and never a reason to refuse it: numbers whose check digit is wrong, and results
//! that say one measurement in two units.

use super::extensions::SAME_MEASUREMENT;
use super::reader::{Body, Reader};
use super::systems::{LOINC, RPPS_ROOT};
use super::tree::Element;
use crate::record::check_digits::{is_cip13, is_loinc, is_nir, is_rpps, is_snomed};
use crate::record::measured::{Substance, is_same};
use crate::record::traits::INS_ROOTS;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// The OIDs of a medicine's box: the national one, and the one of the health insurance.
const CIP13_ROOTS: [&str; 2] = ["1.2.250.1.213.2.3.2", "1.2.250.1.215.200.1.1.1"];
/// What is said of numbers that fail their check, by kind.
const FAILED: [&str; 5] = [
    "a national health identity (INS) fails its check digits: kept as written",
    "a professional's number (RPPS) fails its check digit: kept as written",
    "a medicine code (CIP13) fails its check digit: kept as written",
    "a LOINC code fails its check digit: kept as written",
    "a SNOMED CT code fails its check digit: kept as written",
];
/// Results of one entry that are compared with each other.
const MAX_COMPARED: usize = 32;

/// One sentence for each kind of number of which some fail their check.
pub fn check_numbers(document: &Element<'_, '_>) -> Vec<&'static str> {
    let wrong =
        |element: Element<'_, '_>| wrong_identifier(&element).or_else(|| wrong_code(&element));
    let failed: BTreeSet<usize> = document.descendants().filter_map(wrong).collect();
    let sentences = failed.into_iter().filter_map(|kind| FAILED.get(kind));
    sentences.copied().collect()
}

fn wrong_identifier(element: &Element<'_, '_>) -> Option<usize> {
    let (root, number) = element.peek("root").zip(element.peek("extension"))?;
    if INS_ROOTS.contains(&root) {
        return (!is_nir(number)).then_some(0);
    }
    // The national identifier of a professional is `8` and the RPPS number; other leading digits are other registers.
    let rpps = number.strip_prefix('8').filter(|rest| rest.len() == 11)?;
    (root == RPPS_ROOT && !is_rpps(rpps)).then_some(1)
}

fn wrong_code(element: &Element<'_, '_>) -> Option<usize> {
    let (system, code) = element.peek("codeSystem").zip(element.peek("code"))?;
    match system {
        system if CIP13_ROOTS.contains(&system) => (!is_cip13(code)).then_some(2),
        // Answers (`LA…`), parts (`LP…`) and provisional codes have no check digit.
        "2.16.840.1.113883.6.1" => {
            let numeric = code.starts_with(|first: char| first.is_ascii_digit());
            (numeric && !is_loinc(code)).then_some(3)
        }
        "2.16.840.1.113883.6.96" => {
            let numeric = code.bytes().all(|byte| byte.is_ascii_digit());
            (numeric && !is_snomed(code)).then_some(4)
        }
        _ => None,
    }
}

/// Where an Observation is compared: its entry, its substance, its time.
type Sample = (usize, Substance, Option<String>);

impl Reader<'_, '_> {
    /// Marks the Observations of one entry that say one measurement in two units: each names the other.
    pub fn mark_same_measurements(&mut self) {
        let mut samples: HashMap<Sample, Vec<usize>> = HashMap::new();
        for (at, body) in self.bodies.iter().enumerate() {
            if let Some(sample) = sample_of(body) {
                samples.entry(sample).or_default().push(at);
            }
        }
        let mut pairs = Vec::new();
        for ((_, substance, _), found) in &samples {
            let found: Vec<usize> = found.iter().copied().take(MAX_COMPARED).collect();
            for (place, one) in found.iter().enumerate() {
                for other in found.iter().skip(place + 1) {
                    if self.say_the_same(*substance, *one, *other) {
                        pairs.extend([(*one, *other), (*other, *one)]);
                    }
                }
            }
        }
        pairs.sort_unstable();
        for (at, other) in pairs {
            let Some(urn) = self.bodies.get(other).map(|body| body.urn.clone()) else {
                continue;
            };
            if let Some(body) = self.bodies.get_mut(at) {
                body.extensions
                    .push(json!({"url": SAME_MEASUREMENT, "valueReference": {"reference": urn}}));
            }
        }
    }

    fn say_the_same(&self, substance: Substance, one: usize, other: usize) -> bool {
        let amount = |at: usize| {
            let quantity = self.bodies.get(at)?.map.get("valueQuantity")?;
            quantity.get("comparator").is_none().then_some(())?;
            Some((
                quantity.get("value")?.to_string(),
                quantity.get("unit")?.as_str()?,
            ))
        };
        let (Some(one), Some(other)) = (amount(one), amount(other)) else {
            return false;
        };
        is_same(substance, (&one.0, one.1), (&other.0, other.1))
    }
}

fn sample_of(body: &Body<'_, '_>) -> Option<Sample> {
    if body.kind != "Observation" {
        return None;
    }
    let codings = body.map.get("code")?.get("coding")?.as_array()?;
    let substance = codings.iter().find_map(|coding| {
        let is_loinc = coding.get("system").and_then(Value::as_str) == Some(LOINC);
        is_loinc
            .then(|| Substance::of_loinc(coding.get("code")?.as_str()?))
            .flatten()
    })?;
    let time = body
        .map
        .get("effectiveDateTime")
        .and_then(Value::as_str)
        .map(str::to_owned);
    Some((body.entry, substance, time))
}
