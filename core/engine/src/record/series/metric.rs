//! What can be measured: one row each, coded with LOINC where it has a code for it, with one UCUM unit for answers.
//!
//! The key of a metric is what is stored and never changes its meaning; what a build does not know it keeps and reports. A
//! metric whose semantics differ has its own key although a vendor may mix them up: SDNN is not RMSSD, tissue glucose is
//! not blood glucose, a resting heart rate is no heart rate.

use super::Unit;

/// A kind of measurement.
#[derive(Clone, Copy)]
pub struct Metric(&'static Row);

/// How values of a span become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A level: mean, least, greatest, last.
    Level,
    /// An amount: the sum.
    Total,
    /// A state that lasts: how long each.
    State,
}

/// One number of a metric that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Its key.
    pub key: &'static str,
    /// LOINC.
    pub loinc: &'static str,
    /// UCUM, where it differs from the metric's.
    pub unit: Option<&'static str>,
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
}

/// One state of a metric of [`Kind::State`]. Its place in the list is what is stored: lists only grow at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Category {
    /// Its key.
    pub key: &'static str,
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
}

#[derive(Debug)]
struct Row {
    key: &'static str,
    loinc: Option<&'static str>,
    unit: &'static str,
    kind: Kind,
    en: &'static str,
    fr: &'static str,
    components: &'static [Component],
    categories: &'static [Category],
}

const fn number(
    key: &'static str,
    loinc: Option<&'static str>,
    unit: &'static str,
    kind: Kind,
    en: &'static str,
    fr: &'static str,
) -> Row {
    Row {
        key,
        loinc,
        unit,
        kind,
        en,
        fr,
        components: &[],
        categories: &[],
    }
}

const fn level(
    key: &'static str,
    loinc: Option<&'static str>,
    unit: &'static str,
    en: &'static str,
    fr: &'static str,
) -> Row {
    number(key, loinc, unit, Kind::Level, en, fr)
}

const fn total(
    key: &'static str,
    loinc: Option<&'static str>,
    unit: &'static str,
    en: &'static str,
    fr: &'static str,
) -> Row {
    number(key, loinc, unit, Kind::Total, en, fr)
}

const fn state(
    key: &'static str,
    en: &'static str,
    fr: &'static str,
    categories: &'static [Category],
) -> Row {
    Row {
        categories,
        ..number(key, None, "1", Kind::State, en, fr)
    }
}

const fn category(key: &'static str, en: &'static str, fr: &'static str) -> Category {
    Category { key, en, fr }
}

const fn component(
    key: &'static str,
    loinc: &'static str,
    unit: Option<&'static str>,
    en: &'static str,
    fr: &'static str,
) -> Component {
    Component {
        key,
        loinc,
        unit,
        en,
        fr,
    }
}

const METRICS: &[Row] = &[
    level(
        "heart-rate",
        Some("8867-4"),
        "/min",
        "Heart rate",
        "Fréquence cardiaque",
    ),
    level(
        "resting-heart-rate",
        Some("40443-4"),
        "/min",
        "Resting heart rate",
        "Fréquence cardiaque au repos",
    ),
    level(
        "walking-heart-rate",
        None,
        "/min",
        "Heart rate while walking",
        "Fréquence cardiaque à la marche",
    ),
    level(
        "rr-interval",
        None,
        "ms",
        "Time between heartbeats",
        "Intervalle entre battements",
    ),
    level(
        "hrv-sdnn",
        Some("80404-7"),
        "ms",
        "Heart rate variability (SDNN)",
        "Variabilité cardiaque (SDNN)",
    ),
    level(
        "hrv-rmssd",
        None,
        "ms",
        "Heart rate variability (RMSSD)",
        "Variabilité cardiaque (RMSSD)",
    ),
    Row {
        components: &[
            component("systolic", "8480-6", None, "Systolic", "Systolique"),
            component("diastolic", "8462-4", None, "Diastolic", "Diastolique"),
            component("mean", "8478-0", None, "Mean", "Moyenne"),
            component("pulse", "8867-4", Some("/min"), "Pulse", "Pouls"),
        ],
        ..level(
            "blood-pressure",
            Some("85354-9"),
            "mm[Hg]",
            "Blood pressure",
            "Tension artérielle",
        )
    },
    level(
        "oxygen-saturation",
        Some("59408-5"),
        "%",
        "Oxygen saturation",
        "Saturation en oxygène",
    ),
    level(
        "perfusion-index",
        Some("61006-3"),
        "%",
        "Perfusion index",
        "Indice de perfusion",
    ),
    level(
        "respiratory-rate",
        Some("9279-1"),
        "/min",
        "Respiratory rate",
        "Fréquence respiratoire",
    ),
    level(
        "body-temperature",
        Some("8310-5"),
        "Cel",
        "Body temperature",
        "Température corporelle",
    ),
    level(
        "basal-body-temperature",
        None,
        "Cel",
        "Basal body temperature",
        "Température basale",
    ),
    level(
        "skin-temperature",
        Some("39106-0"),
        "Cel",
        "Skin temperature",
        "Température de la peau",
    ),
    level(
        "blood-glucose",
        Some("2339-0"),
        "mg/dL",
        "Blood glucose",
        "Glycémie",
    ),
    level(
        "tissue-glucose",
        Some("99504-3"),
        "mg/dL",
        "Glucose under the skin",
        "Glucose interstitiel",
    ),
    total("insulin", None, "[iU]", "Insulin", "Insuline"),
    level("weight", Some("29463-7"), "kg", "Weight", "Poids"),
    level("height", Some("8302-2"), "cm", "Height", "Taille"),
    level(
        "body-mass-index",
        Some("39156-5"),
        "kg/m2",
        "Body mass index",
        "Indice de masse corporelle",
    ),
    level("body-fat", Some("41982-0"), "%", "Body fat", "Masse grasse"),
    level(
        "fat-mass",
        Some("73708-0"),
        "kg",
        "Fat mass",
        "Masse grasse (poids)",
    ),
    level(
        "lean-mass",
        Some("91557-9"),
        "kg",
        "Lean body mass",
        "Masse maigre",
    ),
    level(
        "muscle-mass",
        Some("73964-9"),
        "kg",
        "Muscle mass",
        "Masse musculaire",
    ),
    level("muscle-share", None, "%", "Muscle share", "Part de muscle"),
    level("bone-mass", None, "kg", "Bone mass", "Masse osseuse"),
    level("water-mass", None, "kg", "Body water", "Eau corporelle"),
    level(
        "impedance",
        None,
        "Ohm",
        "Body impedance",
        "Impédance corporelle",
    ),
    level(
        "waist-circumference",
        Some("8280-0"),
        "cm",
        "Waist circumference",
        "Tour de taille",
    ),
    level(
        "basal-metabolic-rate",
        None,
        "kcal/d",
        "Basal metabolic rate",
        "Métabolisme de base",
    ),
    total("steps", Some("55423-8"), "{steps}", "Steps", "Pas"),
    total(
        "distance",
        Some("55430-3"),
        "m",
        "Distance on foot",
        "Distance à pied",
    ),
    total(
        "distance-cycling",
        None,
        "m",
        "Distance by bicycle",
        "Distance à vélo",
    ),
    total(
        "distance-swimming",
        None,
        "m",
        "Distance swum",
        "Distance à la nage",
    ),
    total(
        "distance-wheelchair",
        None,
        "m",
        "Distance by wheelchair",
        "Distance en fauteuil",
    ),
    total(
        "wheelchair-pushes",
        None,
        "{count}",
        "Wheelchair pushes",
        "Poussées de fauteuil",
    ),
    total(
        "swimming-strokes",
        None,
        "{count}",
        "Swimming strokes",
        "Mouvements de nage",
    ),
    total("floors", None, "{count}", "Floors climbed", "Étages montés"),
    total(
        "elevation-gain",
        None,
        "m",
        "Elevation gained",
        "Dénivelé positif",
    ),
    total(
        "active-energy",
        Some("41981-2"),
        "kcal",
        "Active energy",
        "Énergie active",
    ),
    total(
        "basal-energy",
        None,
        "kcal",
        "Energy at rest",
        "Énergie au repos",
    ),
    total(
        "total-energy",
        None,
        "kcal",
        "Total energy",
        "Énergie totale",
    ),
    total(
        "exercise-time",
        Some("55411-3"),
        "min",
        "Exercise",
        "Exercice",
    ),
    total("stand-time", None, "min", "Time standing", "Temps debout"),
    total(
        "mindful-time",
        None,
        "min",
        "Mindfulness",
        "Pleine conscience",
    ),
    total(
        "daylight-time",
        None,
        "min",
        "Time in daylight",
        "Temps à la lumière du jour",
    ),
    level("speed", None, "m/s", "Speed", "Vitesse"),
    level("power", None, "W", "Power", "Puissance"),
    level("cadence", None, "/min", "Cadence", "Cadence"),
    level("step-length", None, "cm", "Step length", "Longueur de pas"),
    level("vo2-max", None, "mL/kg/min", "VO₂ max", "VO₂ max"),
    level(
        "peak-flow",
        Some("19935-6"),
        "L/min",
        "Peak expiratory flow",
        "Débit expiratoire de pointe",
    ),
    level(
        "fev1",
        Some("20150-9"),
        "L",
        "Air breathed out in one second (FEV1)",
        "Volume expiré en une seconde (VEMS)",
    ),
    level(
        "forced-vital-capacity",
        None,
        "L",
        "Forced vital capacity",
        "Capacité vitale forcée",
    ),
    level(
        "sound-exposure",
        None,
        "dB",
        "Sound around",
        "Niveau sonore ambiant",
    ),
    level(
        "headphone-exposure",
        None,
        "dB",
        "Sound in headphones",
        "Niveau sonore au casque",
    ),
    total("water-intake", None, "mL", "Water drunk", "Eau bue"),
    total(
        "dietary-energy",
        None,
        "kcal",
        "Energy eaten",
        "Énergie consommée",
    ),
    total(
        "carbohydrates",
        None,
        "g",
        "Carbohydrates eaten",
        "Glucides consommés",
    ),
    total(
        "protein",
        None,
        "g",
        "Protein eaten",
        "Protéines consommées",
    ),
    total("fat", None, "g", "Fat eaten", "Lipides consommés"),
    total("caffeine", None, "mg", "Caffeine", "Caféine"),
    total(
        "alcoholic-drinks",
        None,
        "{count}",
        "Alcoholic drinks",
        "Boissons alcoolisées",
    ),
    total("falls", None, "{count}", "Falls", "Chutes"),
    total(
        "inhaler-uses",
        None,
        "{count}",
        "Inhaler uses",
        "Bouffées d'inhalateur",
    ),
    state(
        "sleep",
        "Sleep",
        "Sommeil",
        &[
            category("in-bed", "In bed", "Au lit"),
            category("asleep", "Asleep", "Endormi"),
            category("awake", "Awake", "Éveillé"),
            category("light", "Light sleep", "Sommeil léger"),
            category("deep", "Deep sleep", "Sommeil profond"),
            category("rem", "REM sleep", "Sommeil paradoxal"),
            category("out-of-bed", "Out of bed", "Hors du lit"),
            category("unknown", "Unknown", "Inconnu"),
        ],
    ),
    state(
        "menstrual-flow",
        "Menstrual flow",
        "Flux menstruel",
        &[
            category("unspecified", "Unspecified", "Non précisé"),
            category("none", "None", "Aucun"),
            category("light", "Light", "Léger"),
            category("medium", "Medium", "Moyen"),
            category("heavy", "Heavy", "Abondant"),
        ],
    ),
    state(
        "activity",
        "Activity",
        "Activité",
        &[
            category("other", "Other", "Autre"),
            category("walking", "Walking", "Marche"),
            category("running", "Running", "Course"),
            category("cycling", "Cycling", "Vélo"),
            category("swimming", "Swimming", "Natation"),
            category("hiking", "Hiking", "Randonnée"),
            category("strength", "Strength training", "Musculation"),
            category("yoga", "Yoga", "Yoga"),
            category("rowing", "Rowing", "Aviron"),
            category("dancing", "Dancing", "Danse"),
            category("team-sport", "Team sport", "Sport collectif"),
            category("racket-sport", "Racket sport", "Sport de raquette"),
            category("winter-sport", "Winter sport", "Sport d'hiver"),
            category("wheelchair", "Wheelchair", "Fauteuil"),
        ],
    ),
    state(
        "heart-event",
        "Heart alert",
        "Alerte cardiaque",
        &[
            category("high", "High heart rate", "Fréquence élevée"),
            category("low", "Low heart rate", "Fréquence basse"),
            category("irregular", "Irregular rhythm", "Rythme irrégulier"),
        ],
    ),
];

impl Metric {
    /// The metric with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        METRICS.iter().find(|row| row.key == key).map(Self)
    }

    /// The metric a FHIR Observation with this LOINC code is of.
    pub fn from_loinc(code: &str) -> Option<Self> {
        METRICS.iter().find(|row| row.loinc == Some(code)).map(Self)
    }

    /// Every metric of this build.
    pub fn all() -> impl Iterator<Item = Self> {
        METRICS.iter().map(Self)
    }

    /// What is stored and what people type.
    pub fn key(self) -> &'static str {
        self.0.key
    }

    /// LOINC, where it has a code for it.
    pub fn loinc(self) -> Option<&'static str> {
        self.0.loinc
    }

    /// The unit of answers.
    pub fn unit(self) -> Unit {
        unit_of(self.0.unit)
    }

    /// The unit of answers of one component: the metric's, but for a pulse beside a pressure.
    pub fn unit_of_component(self, at: usize) -> Unit {
        let own = self.0.components.get(at).and_then(|row| row.unit);
        own.map_or_else(|| self.unit(), unit_of)
    }

    /// How values of a span become one.
    pub fn kind(self) -> Kind {
        self.0.kind
    }

    /// Its numbers, where it has several.
    pub fn components(self) -> &'static [Component] {
        self.0.components
    }

    /// Its states, where it has some.
    pub fn categories(self) -> &'static [Category] {
        self.0.categories
    }

    /// Where a state stands in the list, which is what a sample says.
    pub fn category(self, key: &str) -> Option<u16> {
        let place = self.0.categories.iter().position(|row| row.key == key)?;
        u16::try_from(place).ok()
    }

    /// How many numbers a sample has.
    pub fn width(self) -> usize {
        self.0.components.len().max(1)
    }

    /// English.
    pub fn en(self) -> &'static str {
        self.0.en
    }

    /// French.
    pub fn fr(self) -> &'static str {
        self.0.fr
    }
}

/// A test sees that every unit of the table is known.
fn unit_of(ucum: &str) -> Unit {
    Unit::from_text(ucum).unwrap_or_else(Unit::one)
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Metric {}

impl PartialOrd for Metric {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Metric {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.key.cmp(other.0.key)
    }
}

impl std::hash::Hash for Metric {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Metric({})", self.0.key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::series::MAX_COMPONENTS;
    use std::collections::BTreeSet;

    #[test]
    fn keys_and_codes_are_given_once_and_units_are_known() {
        let (mut keys, mut codes) = (BTreeSet::new(), BTreeSet::new());
        for metric in Metric::all() {
            assert!(keys.insert(metric.key()), "{metric:?}");
            assert!(
                metric.loinc().is_none_or(|code| codes.insert(code)),
                "{metric:?}"
            );
            assert!(Unit::from_text(metric.0.unit).is_some(), "{metric:?}");
            for component in metric.components() {
                assert!(
                    component
                        .unit
                        .is_none_or(|unit| Unit::from_text(unit).is_some())
                );
            }
            assert!(metric.width() <= MAX_COMPONENTS);
            assert_eq!(
                metric.kind() == Kind::State,
                !metric.categories().is_empty()
            );
        }
    }

    #[test]
    fn loinc_codes_have_their_check_digit() {
        let codes = Metric::all().filter_map(Metric::loinc);
        let parts = Metric::all().flat_map(|metric| metric.components());
        for code in codes.chain(parts.map(|part| part.loinc)) {
            let (number, check) = code.split_once('-').unwrap();
            let doubled = number.bytes().rev().enumerate().map(|(at, byte)| {
                let digit = u32::from(byte - b'0');
                let twice = digit * 2;
                if at % 2 == 0 {
                    twice / 10 + twice % 10
                } else {
                    digit
                }
            });
            let sum: u32 = doubled.sum();
            assert_eq!(
                check.parse::<u32>().unwrap(),
                (10 - sum % 10) % 10,
                "{code}"
            );
        }
    }

    #[test]
    fn states_are_found_by_their_key() {
        let sleep = Metric::from_key("sleep").unwrap();
        assert_eq!(sleep.category("rem"), Some(5));
        assert_eq!(sleep.category("dreaming"), None);
        assert_eq!(Metric::from_loinc("8867-4").unwrap().key(), "heart-rate");
        assert!(Metric::from_key("mood").is_none());
    }
}
