//! The words of the characteristic tables: stable English keys, which apps translate. A bit or number the tables do not
//! have is `reserved`; the raw number is always kept beside the words.

/// Something a device says beside its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// `contact`, `status`, `body-site`…
    pub what: &'static str,
    /// As the device sent it.
    pub raw: u32,
    /// What it means; empty where no bit is set.
    pub words: Vec<&'static str>,
}

/// Words by their number.
pub(super) type Words = &'static [(u32, &'static str)];

const RESERVED: &str = "reserved";

impl Detail {
    /// One of several.
    pub(super) fn one(what: &'static str, raw: u32, words: Words) -> Self {
        let found = words.iter().find(|(number, _)| *number == raw);
        Self {
            what,
            raw,
            words: vec![found.map_or(RESERVED, |(_, word)| word)],
        }
    }

    /// A set of bits.
    pub(super) fn set(what: &'static str, raw: u32, words: Words) -> Self {
        let known = words.iter().filter(|(at, _)| raw >> at & 1 == 1);
        let mut found: Vec<_> = known.map(|(_, word)| *word).collect();
        let table = words.iter().fold(0, |bits, (at, _)| bits | 1 << at);
        if raw & !table != 0 {
            found.push(RESERVED);
        }
        Self {
            what,
            raw,
            words: found,
        }
    }
}

/// Every name of a quantity.
pub fn quantity_names() -> &'static [&'static str] {
    &[
        "heart-rate",
        "energy-expended",
        "rr-interval",
        "systolic",
        "diastolic",
        "mean-pressure",
        "pulse",
        "body-temperature",
        "oxygen-saturation",
        "oxygen-saturation-fast",
        "oxygen-saturation-slow",
        "pulse-fast",
        "pulse-slow",
        "pulse-amplitude",
        "weight",
        "height",
        "body-mass-index",
        "body-fat",
        "basal-metabolism",
        "muscle-share",
        "muscle-mass",
        "fat-free-mass",
        "soft-lean-mass",
        "water-mass",
        "impedance",
        "glucose",
        "glucose-trend",
        "glucose-quality",
        "carbohydrate",
        "exercise-duration",
        "exercise-intensity",
        "medication",
        "hba1c",
    ]
}

/// Every name of a detail and every word it may say, for whoever translates them.
pub fn detail_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let tables = TABLES.iter();
    let words = tables.flat_map(|(what, words)| words.iter().map(move |(_, word)| (*what, *word)));
    words.chain([("status", RESERVED)])
}

const TABLES: &[(&str, Words)] = &[
    ("contact", CONTACT),
    ("status", PRESSURE_STATUS),
    ("pulse-range", PULSE_RANGE),
    ("body-site", TEMPERATURE_SITE),
    ("status", OXIMETRY_STATUS),
    ("device-status", OXIMETER_STATUS),
    ("clock", CLOCK),
    ("packets", PACKETS),
    ("specimen", SPECIMEN),
    ("body-site", GLUCOSE_SITE),
    ("status", METER_STATUS),
    ("context", CONTEXT),
    ("carbohydrate", CARBOHYDRATE),
    ("meal", MEAL),
    ("tester", TESTER),
    ("health", HEALTH),
    ("medication", MEDICATION),
    ("status", SENSOR_STATUS),
    ("calibration", SENSOR_CALIBRATION),
    ("warning", SENSOR_WARNING),
    ("outcome", OUTCOME),
];

pub(super) const CONTACT: Words = &[
    (0, "not-supported"),
    (1, "not-supported"),
    (2, "no-contact"),
    (3, "contact"),
];
pub(super) const PRESSURE_STATUS: Words = &[
    (0, "body-movement"),
    (1, "cuff-too-loose"),
    (2, "irregular-pulse"),
    (5, "improper-position"),
];
pub(super) const PULSE_RANGE: Words =
    &[(0, "within-range"), (1, "above-range"), (2, "below-range")];
pub(super) const TEMPERATURE_SITE: Words = &[
    (1, "armpit"),
    (2, "body"),
    (3, "ear"),
    (4, "finger"),
    (5, "gastrointestinal-tract"),
    (6, "mouth"),
    (7, "rectum"),
    (8, "toe"),
    (9, "eardrum"),
];
pub(super) const OXIMETRY_STATUS: Words = &[
    (5, "measurement-ongoing"),
    (6, "early-estimate"),
    (7, "validated"),
    (8, "fully-qualified"),
    (9, "from-storage"),
    (10, "demonstration"),
    (11, "test"),
    (12, "calibration-ongoing"),
    (13, "measurement-unavailable"),
    (14, "questionable"),
    (15, "invalid"),
];
pub(super) const OXIMETER_STATUS: Words = &[
    (0, "extended-update"),
    (1, "equipment-malfunction"),
    (2, "signal-irregular"),
    (3, "signal-inadequate"),
    (4, "signal-poor"),
    (5, "low-perfusion"),
    (6, "signal-erratic"),
    (7, "no-pulse-in-signal"),
    (8, "questionable-pulse"),
    (9, "signal-analysis-ongoing"),
    (10, "sensor-interference"),
    (11, "sensor-not-on-user"),
    (12, "sensor-unknown"),
    (13, "sensor-displaced"),
    (14, "sensor-malfunction"),
    (15, "sensor-disconnected"),
];
pub(super) const CLOCK: Words = &[(1, "clock-not-set")];
pub(super) const PACKETS: Words = &[(1, "several-packets")];
pub(super) const SPECIMEN: Words = &[
    (1, "capillary-whole-blood"),
    (2, "capillary-plasma"),
    (3, "venous-whole-blood"),
    (4, "venous-plasma"),
    (5, "arterial-whole-blood"),
    (6, "arterial-plasma"),
    (7, "whole-blood"),
    (8, "plasma"),
    (9, "interstitial-fluid"),
    (10, "control-solution"),
];
pub(super) const GLUCOSE_SITE: Words = &[
    (1, "finger"),
    (2, "alternate-site"),
    (3, "earlobe"),
    (4, "control-solution"),
    (15, "not-available"),
];
pub(super) const METER_STATUS: Words = &[
    (0, "battery-low"),
    (1, "sensor-malfunction"),
    (2, "sample-too-small"),
    (3, "strip-insertion-error"),
    (4, "wrong-strip"),
    (5, "above-range"),
    (6, "below-range"),
    (7, "too-warm"),
    (8, "too-cold"),
    (9, "read-interrupted"),
    (10, "device-fault"),
    (11, "time-fault"),
];
pub(super) const CONTEXT: Words = &[(1, "context-follows")];
pub(super) const CARBOHYDRATE: Words = &[
    (1, "breakfast"),
    (2, "lunch"),
    (3, "dinner"),
    (4, "snack"),
    (5, "drink"),
    (6, "supper"),
    (7, "brunch"),
];
pub(super) const MEAL: Words = &[
    (1, "before-meal"),
    (2, "after-meal"),
    (3, "fasting"),
    (4, "casual"),
    (5, "bedtime"),
];
pub(super) const TESTER: Words = &[
    (1, "self"),
    (2, "professional"),
    (3, "laboratory"),
    (15, "not-available"),
];
pub(super) const HEALTH: Words = &[
    (1, "minor-issues"),
    (2, "major-issues"),
    (3, "during-menses"),
    (4, "under-stress"),
    (5, "no-issues"),
    (15, "not-available"),
];
pub(super) const MEDICATION: Words = &[
    (1, "rapid-insulin"),
    (2, "short-insulin"),
    (3, "intermediate-insulin"),
    (4, "long-insulin"),
    (5, "premixed-insulin"),
];
pub(super) const SENSOR_STATUS: Words = &[
    (0, "session-stopped"),
    (1, "battery-low"),
    (2, "wrong-sensor"),
    (3, "sensor-malfunction"),
    (4, "device-alert"),
    (5, "device-fault"),
];
pub(super) const SENSOR_CALIBRATION: Words = &[
    (0, "clock-sync-required"),
    (1, "calibration-not-allowed"),
    (2, "calibration-recommended"),
    (3, "calibration-required"),
    (4, "too-warm"),
    (5, "too-cold"),
];
pub(super) const SENSOR_WARNING: Words = &[
    (0, "below-patient-low"),
    (1, "above-patient-high"),
    (2, "below-hypo"),
    (3, "above-hyper"),
    (4, "falling-fast"),
    (5, "rising-fast"),
    (6, "below-range"),
    (7, "above-range"),
];
pub(super) const OUTCOME: Words = &[
    (1, "success"),
    (2, "request-not-supported"),
    (3, "invalid-operator"),
    (4, "operator-not-supported"),
    (5, "invalid-operand"),
    (6, "no-records"),
    (7, "abort-failed"),
    (8, "not-completed"),
    (9, "operand-not-supported"),
];
