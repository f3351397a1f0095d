//! A generated Apple Health export: any number of records, six sources of steps that overlap, devices whose printed address
//! changes all the time, exact duplicates. Beside it the answers, counted while it is written.

use crate::dice::Dice;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// A broken DTD, as some versions of iOS write it.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (ExportDate,Me,(Record>\n]>\n<HealthData locale=\"fr_FR\">\n<ExportDate value=\"2026-01-01 00:00:00 +0100\"/>\n";

/// Who counts steps: name, model and hardware. Two watches of one name are two devices.
pub const SOURCES: [(&str, &str, &str); 6] = [
    ("iPhone de Léa", "iPhone", "iPhone12,1"),
    ("Montre de Léa", "Watch", "Watch5,2"),
    ("Montre de Léa", "Watch", "Watch6,7"),
    ("Bracelet", "Band", "B1"),
    ("Application de marche", "App", "A1"),
    ("Vieil iPhone", "iPhone", "iPhone8,1"),
];

/// 2015-01-01T00:00:00Z: 5 million records end in 2017.
const BEGIN: u64 = 1_420_070_400;

/// What an export holds, counted while it was written.
#[derive(Debug, Default)]
pub struct Answers {
    /// `Record` elements.
    pub records: u64,
    /// Those that say exactly what another one says, of the same source.
    pub duplicates: u64,
    /// Sources that occur.
    pub devices: BTreeSet<usize>,
}

/// Writes an export of about `records` records.
pub fn write_export(out: &mut impl Write, records: u64, seed: u64) -> io::Result<Answers> {
    let mut dice = Dice::new(seed);
    let mut answers = Answers::default();
    out.write_all(HEAD.as_bytes())?;
    for minute in 0.. {
        if answers.records >= records {
            break;
        }
        let source = usize::try_from(dice.below(SOURCES.len() as u64)).unwrap_or(0);
        answers.devices.insert(source);
        let steps = record(
            source,
            "HKQuantityTypeIdentifierStepCount",
            "count",
            minute,
            60,
            dice.below(120),
            dice.throw(),
        );
        out.write_all(steps.as_bytes())?;
        answers.records += 1;
        if dice.chance(1) {
            out.write_all(steps.as_bytes())?;
            answers.records += 1;
            answers.duplicates += 1;
        }
        for second in [7, 31] {
            let beat = 50 + dice.below(90);
            let pulse = record(
                source,
                "HKQuantityTypeIdentifierHeartRate",
                "count/min",
                minute,
                second,
                beat,
                dice.throw(),
            );
            out.write_all(pulse.as_bytes())?;
            answers.records += 1;
        }
        let energy = record(
            source,
            "HKQuantityTypeIdentifierActiveEnergyBurned",
            "kcal",
            minute,
            60,
            dice.below(9),
            dice.throw(),
        );
        out.write_all(energy.as_bytes())?;
        answers.records += 1;
    }
    out.write_all(b"</HealthData>\n")?;
    Ok(answers)
}

fn record(
    source: usize,
    kind: &str,
    unit: &str,
    minute: u64,
    seconds: u64,
    value: u64,
    address: u64,
) -> String {
    let (name, model, hardware) = SOURCES[source];
    let start = BEGIN + minute * 60;
    let (start, end) = match seconds {
        60 => (start, start + 60),
        second => (start + second, start + second),
    };
    format!(
        "<Record type=\"{kind}\" sourceName=\"{name}\" device=\"&lt;&lt;HKDevice: 0x{:x}&gt;, name:{model}, hardware:{hardware}&gt;\" unit=\"{unit}\" startDate=\"{}\" endDate=\"{}\" value=\"{value}\"/>\n",
        address >> 28,
        written(start),
        written(end)
    )
}

/// `2015-01-01 01:00:00 +0100`.
fn written(seconds: u64) -> String {
    let local = seconds + 3_600;
    let (mut days, mut year) = (local / 86_400, 1970);
    let length = |year: u64| if year.is_multiple_of(4) { 366 } else { 365 };
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days_in_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < days_in_month {
            break;
        }
        days -= days_in_month;
        month += 1;
    }
    let clock = local % 86_400;
    format!(
        "{year:04}-{month:02}-{:02} {:02}:{:02}:{:02} +0100",
        days + 1,
        clock / 3_600,
        clock / 60 % 60,
        clock % 60
    )
}
