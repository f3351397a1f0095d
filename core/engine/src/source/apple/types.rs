//! HealthKit's types and the series they are. A type that is not here is counted and reported.

/// How a type becomes a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A number of this metric.
    Number(&'static str),
    /// A part of a blood pressure: 0 systolic, 1 diastolic.
    Pressure(usize),
    /// A state of this metric, told by its value.
    State(&'static str, &'static [(&'static str, &'static str)]),
    /// That it happened is the state.
    Event(&'static str, &'static str),
    /// How long it lasted, in seconds.
    Duration(&'static str),
}

use Meaning::{Duration, Event, Number, Pressure, State};

/// The type without its `HKQuantityTypeIdentifier` or `HKCategoryTypeIdentifier`, and what it is.
pub(super) const TYPES: &[(&str, Meaning)] = &[
    ("HeartRate", Number("heart-rate")),
    ("RestingHeartRate", Number("resting-heart-rate")),
    ("WalkingHeartRateAverage", Number("walking-heart-rate")),
    ("HeartRateVariabilitySDNN", Number("hrv-sdnn")),
    ("BloodPressureSystolic", Pressure(0)),
    ("BloodPressureDiastolic", Pressure(1)),
    ("OxygenSaturation", Number("oxygen-saturation")),
    ("PeripheralPerfusionIndex", Number("perfusion-index")),
    ("RespiratoryRate", Number("respiratory-rate")),
    ("BodyTemperature", Number("body-temperature")),
    ("BasalBodyTemperature", Number("basal-body-temperature")),
    ("AppleSleepingWristTemperature", Number("skin-temperature")),
    ("BloodGlucose", Number("blood-glucose")),
    ("InsulinDelivery", Number("insulin")),
    ("BodyMass", Number("weight")),
    ("Height", Number("height")),
    ("BodyMassIndex", Number("body-mass-index")),
    ("BodyFatPercentage", Number("body-fat")),
    ("LeanBodyMass", Number("lean-mass")),
    ("WaistCircumference", Number("waist-circumference")),
    ("StepCount", Number("steps")),
    ("DistanceWalkingRunning", Number("distance")),
    ("DistanceCycling", Number("distance-cycling")),
    ("DistanceSwimming", Number("distance-swimming")),
    ("DistanceWheelchair", Number("distance-wheelchair")),
    ("PushCount", Number("wheelchair-pushes")),
    ("SwimmingStrokeCount", Number("swimming-strokes")),
    ("FlightsClimbed", Number("floors")),
    ("ActiveEnergyBurned", Number("active-energy")),
    ("BasalEnergyBurned", Number("basal-energy")),
    ("AppleExerciseTime", Number("exercise-time")),
    ("AppleStandTime", Number("stand-time")),
    ("TimeInDaylight", Number("daylight-time")),
    ("WalkingSpeed", Number("speed")),
    ("RunningSpeed", Number("speed")),
    ("CyclingSpeed", Number("speed")),
    ("RunningPower", Number("power")),
    ("CyclingPower", Number("power")),
    ("CyclingCadence", Number("cadence")),
    ("WalkingStepLength", Number("step-length")),
    ("VO2Max", Number("vo2-max")),
    ("PeakExpiratoryFlowRate", Number("peak-flow")),
    ("ForcedExpiratoryVolume1", Number("fev1")),
    ("ForcedVitalCapacity", Number("forced-vital-capacity")),
    ("EnvironmentalAudioExposure", Number("sound-exposure")),
    ("HeadphoneAudioExposure", Number("headphone-exposure")),
    ("DietaryWater", Number("water-intake")),
    ("DietaryEnergyConsumed", Number("dietary-energy")),
    ("DietaryCarbohydrates", Number("carbohydrates")),
    ("DietaryProtein", Number("protein")),
    ("DietaryFatTotal", Number("fat")),
    ("DietaryCaffeine", Number("caffeine")),
    ("NumberOfAlcoholicBeverages", Number("alcoholic-drinks")),
    ("NumberOfTimesFallen", Number("falls")),
    ("InhalerUsage", Number("inhaler-uses")),
    ("SleepAnalysis", State("sleep", SLEEP)),
    ("MenstrualFlow", State("menstrual-flow", FLOW)),
    ("MindfulSession", Duration("mindful-time")),
    ("HighHeartRateEvent", Event("heart-event", "high")),
    ("LowHeartRateEvent", Event("heart-event", "low")),
    (
        "IrregularHeartRhythmEvent",
        Event("heart-event", "irregular"),
    ),
];

/// The end of `HKCategoryValueSleepAnalysis…`. "Core" is what others call light sleep.
const SLEEP: &[(&str, &str)] = &[
    ("SleepAnalysisInBed", "in-bed"),
    ("SleepAnalysisAsleep", "asleep"),
    ("SleepAnalysisAsleepUnspecified", "asleep"),
    ("SleepAnalysisAwake", "awake"),
    ("SleepAnalysisAsleepCore", "light"),
    ("SleepAnalysisAsleepDeep", "deep"),
    ("SleepAnalysisAsleepREM", "rem"),
];

/// The end of `HKCategoryValue…`, by both names that systems have given it.
const FLOW: &[(&str, &str)] = &[
    ("MenstrualFlowUnspecified", "unspecified"),
    ("MenstrualFlowNone", "none"),
    ("MenstrualFlowLight", "light"),
    ("MenstrualFlowMedium", "medium"),
    ("MenstrualFlowHeavy", "heavy"),
    ("VaginalBleedingUnspecified", "unspecified"),
    ("VaginalBleedingNone", "none"),
    ("VaginalBleedingLight", "light"),
    ("VaginalBleedingMedium", "medium"),
    ("VaginalBleedingHeavy", "heavy"),
];

/// The end of `HKWorkoutActivityType…`; anything else is another activity.
const WORKOUTS: &[(&str, &str)] = &[
    ("Walking", "walking"),
    ("Running", "running"),
    ("Cycling", "cycling"),
    ("HandCycling", "cycling"),
    ("Swimming", "swimming"),
    ("Hiking", "hiking"),
    ("TraditionalStrengthTraining", "strength"),
    ("FunctionalStrengthTraining", "strength"),
    ("Yoga", "yoga"),
    ("Rowing", "rowing"),
    ("Dance", "dancing"),
    ("CardioDance", "dancing"),
    ("SocialDance", "dancing"),
    ("Soccer", "team-sport"),
    ("Basketball", "team-sport"),
    ("Volleyball", "team-sport"),
    ("Handball", "team-sport"),
    ("Rugby", "team-sport"),
    ("Hockey", "team-sport"),
    ("Baseball", "team-sport"),
    ("AmericanFootball", "team-sport"),
    ("Tennis", "racket-sport"),
    ("TableTennis", "racket-sport"),
    ("Badminton", "racket-sport"),
    ("Squash", "racket-sport"),
    ("Racquetball", "racket-sport"),
    ("CrossCountrySkiing", "winter-sport"),
    ("DownhillSkiing", "winter-sport"),
    ("Snowboarding", "winter-sport"),
    ("SkatingSports", "winter-sport"),
    ("WheelchairWalkPace", "wheelchair"),
    ("WheelchairRunPace", "wheelchair"),
];

/// What a type means.
pub(super) fn meaning(kind: &[u8]) -> Option<Meaning> {
    let short = kind
        .strip_prefix(b"HKQuantityTypeIdentifier")
        .or_else(|| kind.strip_prefix(b"HKCategoryTypeIdentifier"))?;
    let found = TYPES.iter().find(|(name, _)| name.as_bytes() == short);
    found.map(|(_, meaning)| *meaning)
}

/// Which activity a workout is.
pub(super) fn activity(kind: &[u8]) -> &'static str {
    let short = kind
        .strip_prefix(b"HKWorkoutActivityType")
        .unwrap_or_default();
    let found = WORKOUTS.iter().find(|(name, _)| name.as_bytes() == short);
    found.map_or("other", |(_, key)| key)
}

/// UCUM for a unit as HealthKit writes it. `%` is a fraction of one there; moles carry the molar mass of what is measured; a
/// body mass index is a "count".
pub(super) fn unit<'a>(metric: &str, written: &'a str) -> &'a str {
    match written {
        "%" => "1",
        "count" if metric == "body-mass-index" => "kg/m2",
        "count" if metric == "steps" => "{steps}",
        "mmol/L" => "mmol/L",
        _ if written.starts_with("mmol<") && written.ends_with(">/L") => "mmol/L",
        _ => written,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::series::{Kind, Metric};

    #[test]
    fn every_type_is_of_a_metric_that_has_such_readings() {
        let all = TYPES.iter().map(|(_, meaning)| *meaning);
        for meaning in all {
            let (key, states): (_, Vec<&str>) = match meaning {
                Number(key) | Duration(key) => (key, Vec::new()),
                Pressure(_) => ("blood-pressure", Vec::new()),
                State(key, values) => (key, values.iter().map(|(_, state)| *state).collect()),
                Event(key, state) => (key, vec![state]),
            };
            let metric = Metric::from_key(key).unwrap();
            assert_eq!(metric.kind() == Kind::State, !states.is_empty(), "{key}");
            assert!(states.iter().all(|state| metric.category(state).is_some()));
        }
        let activity = Metric::from_key("activity").unwrap();
        assert!(
            WORKOUTS
                .iter()
                .all(|(_, key)| activity.category(key).is_some())
        );
    }

    #[test]
    fn types_and_units_as_the_file_writes_them() {
        assert_eq!(
            meaning(b"HKQuantityTypeIdentifierStepCount"),
            Some(Number("steps"))
        );
        assert_eq!(meaning(b"StepCount"), None);
        assert_eq!(activity(b"HKWorkoutActivityTypeRunning"), "running");
        assert_eq!(activity(b"HKWorkoutActivityTypeCurling"), "other");
        assert_eq!(unit("blood-glucose", "mmol<180.1558800000541>/L"), "mmol/L");
        assert_eq!((unit("body-fat", "%"), unit("weight", "lb")), ("1", "lb"));
    }
}
