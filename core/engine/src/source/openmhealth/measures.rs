//! The measures that are series, and what their schemas allow.

/// A measure.
pub(super) struct Measure {
    /// The name of its schema.
    pub schema: &'static str,
    /// The member that holds it, and tells a body without a header.
    pub field: &'static str,
    /// The series.
    pub metric: &'static str,
    /// Its units, as the schema spells them.
    pub units: &'static [&'static str],
    /// The version, in tenths, from which it needs a time.
    pub timed: u32,
    /// Whether that time is an interval.
    pub interval: bool,
    /// The version from which a part of a day is no time.
    pub exact: u32,
}

/// The version of a body without a header.
pub(super) const NEWEST: u32 = u32::MAX;

const MASS: &[&str] = &[
    "fg",
    "pg",
    "ng",
    "ug",
    "mg",
    "g",
    "kg",
    "Metric Ton",
    "gr",
    "oz",
    "lb",
    "Ton",
];
const LENGTH: &[&str] = &[
    "fm", "pm", "nm", "um", "mm", "cm", "m", "km", "in", "ft", "yd", "mi",
];
const KCAL: &[&str] = &["kcal"];
const DURATION: &[&str] = &[
    "ps", "ns", "us", "ms", "sec", "min", "h", "d", "wk", "Mo", "yr",
];

const fn measure(
    schema: &'static str,
    field: &'static str,
    metric: &'static str,
    units: &'static [&'static str],
    timed: u32,
) -> Measure {
    Measure {
        schema,
        field,
        metric,
        units,
        timed,
        interval: false,
        exact: NEWEST,
    }
}

/// Energy burned is what the schema says and no more: with or without the energy at rest it leaves open, so it is the total.
/// A sleep episode is the time in bed; how much of it was sleep stays in the document.
pub(super) const MEASURES: &[Measure] = &[
    measure(
        "blood-glucose",
        "blood_glucose",
        "blood-glucose",
        &["mg/dL", "mmol/L"],
        30,
    ),
    Measure {
        exact: 40,
        ..measure(
            "blood-pressure",
            "systolic_blood_pressure",
            "blood-pressure",
            &["mmHg"],
            30,
        )
    },
    measure(
        "body-fat-percentage",
        "body_fat_percentage",
        "body-fat",
        &["%"],
        20,
    ),
    Measure {
        exact: 20,
        ..measure("body-height", "body_height", "height", LENGTH, 20)
    },
    measure(
        "body-mass-index",
        "body_mass_index",
        "body-mass-index",
        &["kg/m2", "kg/m^2"],
        30,
    ),
    measure(
        "body-temperature",
        "body_temperature",
        "body-temperature",
        &["K", "F", "C"],
        30,
    ),
    measure("body-weight", "body_weight", "weight", MASS, 20),
    Measure {
        interval: true,
        ..measure("calories-burned", "kcal_burned", "total-energy", KCAL, 20)
    },
    measure("heart-rate", "heart_rate", "heart-rate", &["beats/min"], 20),
    measure(
        "oxygen-saturation",
        "oxygen_saturation",
        "oxygen-saturation",
        &["%"],
        20,
    ),
    measure(
        "respiratory-rate",
        "respiratory_rate",
        "respiratory-rate",
        &["breaths/min"],
        20,
    ),
    measure(
        "rr-interval",
        "rr_interval",
        "rr-interval",
        DURATION,
        NEWEST,
    ),
    Measure {
        interval: true,
        ..measure("step-count", "step_count", "steps", &["steps"], 20)
    },
    measure(
        "physical-activity",
        "activity_name",
        "activity",
        &[],
        NEWEST,
    ),
    Measure {
        interval: true,
        ..measure("sleep-episode", "total_sleep_time", "sleep", DURATION, 10)
    },
];

/// Members that stand beside a measure and have a unit.
pub(super) const QUANTITIES: &[(&str, &[&str])] = &[
    ("diastolic_blood_pressure", &["mmHg"]),
    ("supplemental_oxygen_flow_rate", &["L/min"]),
    ("distance", LENGTH),
    ("kcal_burned", KCAL),
    ("latency_to_sleep_onset", DURATION),
    ("latency_to_arising", DURATION),
    ("wake_after_sleep_onset", DURATION),
    ("sleep_maintenance_efficiency_percentage", &["%"]),
];

/// Members whose words are listed.
pub(super) const ENUMERATIONS: &[(&str, &[&str])] = &[
    (
        "descriptive_statistic",
        &[
            "average",
            "count",
            "maximum",
            "median",
            "minimum",
            "standard deviation",
            "sum",
            "variance",
            "1st quartile",
            "2nd quartile",
            "3rd quartile",
        ],
    ),
    (
        "temporal_relationship_to_meal",
        &[
            "fasting",
            "not fasting",
            "before meal",
            "after meal",
            "before breakfast",
            "after breakfast",
            "before lunch",
            "after lunch",
            "before dinner",
            "after dinner",
            "2 hours postprandial",
            "with meal",
            "with food",
        ],
    ),
    (
        "temporal_relationship_to_sleep",
        &["before sleeping", "during sleep", "on waking"],
    ),
    (
        "temporal_relationship_to_physical_activity",
        &[
            "at rest",
            "active",
            "before exercise",
            "after exercise",
            "during exercise",
        ],
    ),
    (
        "specimen_source",
        &[
            "interstitial fluid",
            "capillary blood",
            "plasma",
            "serum",
            "tears",
            "whole blood",
        ],
    ),
    (
        "blood_specimen_type",
        &["whole blood", "capillary blood", "plasma", "serum"],
    ),
    (
        "reported_activity_intensity",
        &["light", "moderate", "vigorous"],
    ),
];

/// UCUM, or a spelling of it, for what the schemas write.
pub(super) fn ucum(unit: &str) -> &str {
    match unit {
        "kg/m^2" => "kg/m2",
        "steps" => "{steps}",
        other => other,
    }
}
