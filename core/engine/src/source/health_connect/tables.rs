//! The tables of Health Connect's schema that are series. Units as the schema stores them.

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The table of the records its rows belong to, by `parent_key`.
    pub parent: Option<&'static str>,
    /// What a row holds.
    pub contents: &'static [Content],
}

/// One thing a row holds.
#[derive(Debug)]
pub enum Content {
    /// A number in a column.
    Number {
        /// The column.
        column: &'static str,
        /// The key of the metric.
        metric: &'static str,
        /// UCUM.
        unit: &'static str,
    },
    /// `systolic` and `diastolic`.
    Pressure,
    /// A state by its number in a column.
    State {
        /// The key of the metric.
        metric: &'static str,
        /// The column.
        column: &'static str,
        /// Which number is which state.
        states: &'static [(i64, &'static str)],
    },
    /// A session of exercise.
    Activity,
    /// That the row is there is the state.
    Fixed {
        /// The key of the metric.
        metric: &'static str,
        /// The state.
        state: &'static str,
    },
}

const fn number(column: &'static str, metric: &'static str, unit: &'static str) -> Content {
    Content::Number {
        column,
        metric,
        unit,
    }
}

const fn record(name: &'static str, contents: &'static [Content]) -> Table {
    Table {
        name,
        parent: None,
        contents,
    }
}

const fn child(name: &'static str, parent: &'static str, contents: &'static [Content]) -> Table {
    Table {
        name,
        parent: Some(parent),
        contents,
    }
}

/// Every table that is a series. The odd pairs of names (`SpeedRecordTable`, `speed_record_table`) are the schema's.
pub const TABLES: &[Table] = &[
    record("steps_record_table", &[number("count", "steps", "{steps}")]),
    record(
        "active_calories_burned_record_table",
        &[number("energy", "active-energy", "cal")],
    ),
    record(
        "total_calories_burned_record_table",
        &[number("energy", "total-energy", "cal")],
    ),
    record(
        "distance_record_table",
        &[number("distance", "distance", "m")],
    ),
    record(
        "elevation_gained_record_table",
        &[number("elevation", "elevation-gain", "m")],
    ),
    record(
        "floors_climbed_record_table",
        &[number("floors", "floors", "{count}")],
    ),
    record(
        "wheelchair_pushes_record_table",
        &[number("count", "wheelchair-pushes", "{count}")],
    ),
    record(
        "hydration_record_table",
        &[number("volume", "water-intake", "L")],
    ),
    record(
        "nutrition_record_table",
        &[
            number("energy", "dietary-energy", "cal"),
            number("total_carbohydrate", "carbohydrates", "g"),
            number("protein", "protein", "g"),
            number("total_fat", "fat", "g"),
            number("caffeine", "caffeine", "g"),
        ],
    ),
    record(
        "basal_metabolic_rate_record_table",
        &[number("basal_metabolic_rate", "basal-metabolic-rate", "W")],
    ),
    record(
        "body_fat_record_table",
        &[number("percentage", "body-fat", "%")],
    ),
    record(
        "vo2_max_record_table",
        &[number(
            "vo2_milliliters_per_minute_kilogram",
            "vo2-max",
            "mL/kg/min",
        )],
    ),
    record(
        "basal_body_temperature_record_table",
        &[number("temperature", "basal-body-temperature", "Cel")],
    ),
    record(
        "body_temperature_record_table",
        &[number("temperature", "body-temperature", "Cel")],
    ),
    record(
        "oxygen_saturation_record_table",
        &[number("percentage", "oxygen-saturation", "%")],
    ),
    record("blood_pressure_record_table", &[Content::Pressure]),
    record("height_record_table", &[number("height", "height", "m")]),
    record("weight_record_table", &[number("weight", "weight", "g")]),
    record(
        "lean_body_mass_record_table",
        &[number("mass", "lean-mass", "g")],
    ),
    record(
        "bone_mass_record_table",
        &[number("mass", "bone-mass", "g")],
    ),
    record(
        "body_water_mass_record_table",
        &[number("body_water_mass", "water-mass", "g")],
    ),
    record(
        "blood_glucose_record_table",
        &[number("level", "blood-glucose", "mmol/L")],
    ),
    record(
        "respiratory_rate_record_table",
        &[number("rate", "respiratory-rate", "/min")],
    ),
    record(
        "resting_heart_rate_record_table",
        &[number("beats_per_minute", "resting-heart-rate", "/min")],
    ),
    record(
        "heart_rate_variability_rmssd_record_table",
        &[number("heart_rate_variability_millis", "hrv-rmssd", "ms")],
    ),
    record("exercise_session_record_table", &[Content::Activity]),
    record(
        "sleep_session_record_table",
        &[Content::Fixed {
            metric: "sleep",
            state: "in-bed",
        }],
    ),
    record(
        "menstruation_flow_record_table",
        &[Content::State {
            metric: "menstrual-flow",
            column: "flow",
            states: FLOW,
        }],
    ),
    child(
        "heart_rate_record_series_table",
        "heart_rate_record_table",
        &[number("beats_per_minute", "heart-rate", "/min")],
    ),
    child(
        "speed_record_table",
        "SpeedRecordTable",
        &[number("speed", "speed", "m/s")],
    ),
    child(
        "power_record_table",
        "PowerRecordTable",
        &[number("power", "power", "W")],
    ),
    child(
        "steps_cadence_record_table",
        "StepsCadenceRecordTable",
        &[number("rate", "cadence", "/min")],
    ),
    child(
        "cycling_pedaling_cadence_record_table",
        "CyclingPedalingCadenceRecordTable",
        &[number("revolutions_per_minute", "cadence", "/min")],
    ),
    child(
        "sleep_stages_table",
        "sleep_session_record_table",
        &[Content::State {
            metric: "sleep",
            column: "stage_type",
            states: STAGES,
        }],
    ),
];

/// `SleepSessionRecord.StageType`. Awake in bed is awake.
const STAGES: &[(i64, &str)] = &[
    (0, "unknown"),
    (1, "awake"),
    (2, "asleep"),
    (3, "out-of-bed"),
    (4, "light"),
    (5, "deep"),
    (6, "rem"),
    (7, "awake"),
];

/// `MenstruationFlowType`.
const FLOW: &[(i64, &str)] = &[
    (0, "unspecified"),
    (1, "light"),
    (2, "medium"),
    (3, "heavy"),
];

/// `ExerciseSessionType` of the Android framework, whose numbers are not those of the Jetpack library.
pub(super) fn activity(kind: i64) -> &'static str {
    match kind {
        53 => "walking",
        33 | 34 => "running",
        4 | 5 => "cycling",
        48 | 49 => "swimming",
        21 => "hiking",
        45 | 55 => "strength",
        57 => "yoga",
        31 | 61 => "rowing",
        10 => "dancing",
        2 | 3 | 9 | 13 | 14 | 19 | 22 | 30 | 32 | 41 | 42 | 52 | 54 => "team-sport",
        1 | 28 | 43 | 50 | 51 => "racket-sport",
        23 | 38 | 39 | 40 => "winter-sport",
        56 => "wheelchair",
        _ => "other",
    }
}

/// Tables that hold no measurement, or only the records a child table belongs to.
const SILENT: &[&str] = &[
    "android_metadata",
    "sqlite_sequence",
    "device_info_table",
    "application_info_table",
    "activity_date_table",
    "change_logs_table",
    "change_log_request_table",
    "health_data_category_priority_table",
    "preference_table",
    "access_logs_table",
    "migration_entity_table",
    "pre_migration_category_priority_table",
    "heart_rate_record_table",
    "SpeedRecordTable",
    "PowerRecordTable",
    "StepsCadenceRecordTable",
    "CyclingPedalingCadenceRecordTable",
];

/// Whether a table that is not in [`TABLES`] holds something a person should hear of.
pub fn is_silent(table: &str) -> bool {
    SILENT.contains(&table)
}
