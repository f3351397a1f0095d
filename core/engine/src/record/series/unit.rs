//! Units as sources write them, in UCUM, and the exact way from each to the unit of a metric.
//!
//! Units of one dimension convert by a ratio of whole numbers and, for temperatures, a shift before it:
//! `base = (value + shift) × up ÷ down`. Where the result has no end as a decimal (98.7 °F) it is rounded half to even
//! at [`ROUNDED_PLACES`]; the sample keeps what was measured. Amounts of a substance convert by its molar mass, so glucose
//! has a dimension of its own.

use super::Decimal;

/// Places to which a conversion without an end is rounded.
pub const ROUNDED_PLACES: u8 = 6;

/// A unit this build can convert.
#[derive(Clone, Copy)]
pub struct Unit(&'static Row);

#[derive(Debug)]
struct Row {
    ucum: &'static str,
    dimension: Dimension,
    up: i128,
    down: i128,
    /// Thousandths of the unit, added first.
    shift: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Number,
    Mass,
    Length,
    Time,
    Energy,
    Rate,
    Pressure,
    Temperature,
    Glucose,
    Volume,
    Flow,
    Speed,
    Power,
    Sound,
    MassPerArea,
    OxygenUptake,
    Insulin,
    Resistance,
}

const fn row(ucum: &'static str, dimension: Dimension, up: i128, down: i128) -> Row {
    Row {
        ucum,
        dimension,
        up,
        down,
        shift: 0,
    }
}

use Dimension as D;

/// Kilogram, metre, second, calorie, second⁻¹, pascal, degree Celsius, mg/dL, litre, … are 1.
const UNITS: &[Row] = &[
    row("1", D::Number, 1, 1),
    row("%", D::Number, 1, 100),
    row("{steps}", D::Number, 1, 1),
    row("{count}", D::Number, 1, 1),
    row("kg", D::Mass, 1, 1),
    row("g", D::Mass, 1, 1_000),
    row("mg", D::Mass, 1, 1_000_000),
    row("ug", D::Mass, 1, 1_000_000_000),
    row("[lb_av]", D::Mass, 45_359_237, 100_000_000),
    row("[oz_av]", D::Mass, 45_359_237, 1_600_000_000),
    row("[stone_av]", D::Mass, 635_029_318, 100_000_000),
    row("m", D::Length, 1, 1),
    row("cm", D::Length, 1, 100),
    row("mm", D::Length, 1, 1_000),
    row("km", D::Length, 1_000, 1),
    row("[in_i]", D::Length, 254, 10_000),
    row("[ft_i]", D::Length, 3_048, 10_000),
    row("[yd_i]", D::Length, 9_144, 10_000),
    row("[mi_i]", D::Length, 1_609_344, 1_000),
    row("s", D::Time, 1, 1),
    row("ms", D::Time, 1, 1_000),
    row("min", D::Time, 60, 1),
    row("h", D::Time, 3_600, 1),
    row("d", D::Time, 86_400, 1),
    row("cal", D::Energy, 1, 1),
    row("kcal", D::Energy, 1_000, 1),
    row("J", D::Energy, 1_000, 4_184),
    row("kJ", D::Energy, 1_000_000, 4_184),
    row("W", D::Power, 1, 1),
    row("kcal/d", D::Power, 4_184, 86_400),
    row("kJ/d", D::Power, 1_000, 86_400),
    row("/min", D::Rate, 1, 60),
    row("Hz", D::Rate, 1, 1),
    row("/s", D::Rate, 1, 1),
    row("Pa", D::Pressure, 1, 1),
    row("kPa", D::Pressure, 1_000, 1),
    row("hPa", D::Pressure, 100, 1),
    row("mm[Hg]", D::Pressure, 133_322_387_415, 1_000_000_000),
    row("Cel", D::Temperature, 1, 1),
    Row {
        shift: -273_150,
        ..row("K", D::Temperature, 1, 1)
    },
    Row {
        shift: -32_000,
        ..row("[degF]", D::Temperature, 5, 9)
    },
    row("mg/dL", D::Glucose, 1, 1),
    row("g/L", D::Glucose, 100, 1),
    row("kg/L", D::Glucose, 100_000, 1),
    // 180.156 g/mol
    row("mmol/L", D::Glucose, 180_156, 10_000),
    row("mol/L", D::Glucose, 180_156_000, 10_000),
    row("L", D::Volume, 1, 1),
    row("dL", D::Volume, 1, 10),
    row("cL", D::Volume, 1, 100),
    row("mL", D::Volume, 1, 1_000),
    row("[foz_us]", D::Volume, 295_735_295_625, 10_000_000_000_000),
    row("L/min", D::Flow, 1, 60),
    row("L/s", D::Flow, 1, 1),
    row("m/s", D::Speed, 1, 1),
    row("km/h", D::Speed, 1_000, 3_600),
    row("[mi_i]/h", D::Speed, 1_609_344, 3_600_000),
    row("dB", D::Sound, 1, 1),
    row("kg/m2", D::MassPerArea, 1, 1),
    row("mL/kg/min", D::OxygenUptake, 1, 1),
    row("[iU]", D::Insulin, 1, 1),
    row("Ohm", D::Resistance, 1, 1),
];

impl Unit {
    /// The unit with this UCUM code, or with a spelling that sources use for it.
    pub fn from_text(text: &str) -> Option<Self> {
        let ucum = match text {
            "bpm" | "count/min" | "beats/min" | "breaths/min" | "{beats}/min" | "{breaths}/min" => {
                "/min"
            }
            "count" | "steps" | "" => "{count}",
            "lb" | "lbs" => "[lb_av]",
            "st" => "[stone_av]",
            "oz" => "[oz_av]",
            "in" => "[in_i]",
            "ft" => "[ft_i]",
            "yd" => "[yd_i]",
            "mi" => "[mi_i]",
            "mi/hr" | "mph" => "[mi_i]/h",
            "km/hr" => "km/h",
            "sec" => "s",
            "hr" => "h",
            "Cal" | "kilocalorie" => "kcal",
            "mmHg" => "mm[Hg]",
            "degC" | "C" | "°C" => "Cel",
            "degF" | "F" | "°F" => "[degF]",
            "mcg" | "µg" => "ug",
            "fl_oz_us" => "[foz_us]",
            "dBASPL" | "dBHL" => "dB",
            "IU" => "[iU]",
            "mL/min·kg" | "ml/min/kg" | "mL/(kg.min)" => "mL/kg/min",
            "l" => "L",
            "ml" => "mL",
            other => other,
        };
        UNITS.iter().find(|row| row.ucum == ucum).map(Self)
    }

    /// A bare number.
    pub(super) fn one() -> Self {
        const ONE: &Row = &row("1", D::Number, 1, 1);
        Self(ONE)
    }

    /// UCUM.
    pub fn ucum(self) -> &'static str {
        self.0.ucum
    }

    /// Whether values in one can be given in the other.
    pub fn converts_to(self, other: Self) -> bool {
        self.0.dimension == other.0.dimension
    }

    /// The value in another unit; `None` where there is no way or the result is beyond a decimal's limits.
    pub fn convert(self, value: Decimal, to: Self) -> Option<Decimal> {
        self.convert_shifted(value, to, true)
    }

    /// A difference of two values, or a sum of amounts, in another unit: without the shift of temperatures.
    pub fn convert_difference(self, value: Decimal, to: Self) -> Option<Decimal> {
        self.convert_shifted(value, to, false)
    }

    fn convert_shifted(self, value: Decimal, to: Self, shift: bool) -> Option<Decimal> {
        if self.0.ucum == to.0.ucum {
            return Some(value);
        }
        if !self.converts_to(to) {
            return None;
        }
        let (from_shift, to_shift) = if shift {
            (self.0.shift, to.0.shift)
        } else {
            (0, 0)
        };
        // Thousandths carry the shift; the mantissa has 15 digits, the ratios at most 14: far below 10^38.
        let places = i128::from(value.mantissa()).checked_mul(1_000)?;
        let one = 10_i128.checked_pow(value.places().into())?;
        let moved = places.checked_add(i128::from(from_shift).checked_mul(one)?)?;
        let (up, down) = reduced(
            self.0.up.checked_mul(to.0.down)?,
            self.0.down.checked_mul(to.0.up)?,
        );
        let over = one.checked_mul(1_000)?.checked_mul(down)?;
        let back = i128::from(to_shift).checked_mul(over / 1_000)?;
        to_decimal(moved.checked_mul(up)?.checked_sub(back)?, over)
    }
}

fn reduced(mut up: i128, mut down: i128) -> (i128, i128) {
    let (mut a, mut b) = (up, down);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a != 0 {
        up /= a;
        down /= a;
    }
    (up, down)
}

/// A fraction as a decimal: exactly where it ends, else rounded half to even.
fn to_decimal(up: i128, down: i128) -> Option<Decimal> {
    let (up, down) = reduced(up, down);
    let exact = (0..=Decimal::MAX_PLACES).find_map(|places| {
        let scaled = up.checked_mul(10_i128.checked_pow(places.into())?)?;
        (scaled % down == 0).then_some((scaled / down, places))
    });
    let (mantissa, places) = match exact {
        Some(found) => found,
        None => {
            let scaled = up.checked_mul(10_i128.checked_pow(ROUNDED_PLACES.into())?)?;
            (round_half_even(scaled, down), ROUNDED_PLACES)
        }
    };
    Decimal::new(i64::try_from(mantissa).ok()?, places)
}

/// `up ÷ down` to the nearest whole number, halves to the even one. `down` is above zero.
pub fn round_half_even(up: i128, down: i128) -> i128 {
    let floor = up.div_euclid(down);
    let rest = up.rem_euclid(down);
    let above = match (rest * 2).cmp(&down) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => floor % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    floor + i128::from(above)
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.0.ucum == other.0.ucum
    }
}

impl Eq for Unit {}

impl std::hash::Hash for Unit {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.ucum.hash(state);
    }
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Unit({})", self.0.ucum)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn convert(value: &str, from: &str, to: &str) -> Option<String> {
        let (from, to) = (Unit::from_text(from).unwrap(), Unit::from_text(to).unwrap());
        from.convert(Decimal::parse(value).unwrap(), to)
            .map(|value| value.to_string())
    }

    #[test]
    fn converts_exactly_where_a_decimal_ends() {
        for (value, from, to, expected) in [
            ("150.2", "[lb_av]", "kg", "68.129573974"),
            ("0.98", "1", "%", "98"),
            ("5.6", "mmol/L", "mg/dL", "100.88736"),
            ("0.00115", "kg/L", "mg/dL", "115"),
            ("1", "g/L", "mg/dL", "100"),
            ("1.5", "mi", "m", "2414.016"),
            ("68", "[in_i]", "cm", "172.72"),
            ("98.6", "[degF]", "Cel", "37"),
            ("310.15", "K", "Cel", "37"),
            ("37", "Cel", "[degF]", "98.6"),
            ("2000", "kJ", "kcal", "478.011472"),
            ("4.184", "kJ", "kcal", "1"),
            ("5.0", "kg", "kg", "5.0"),
        ] {
            assert_eq!(
                convert(value, from, to).as_deref(),
                Some(expected),
                "{value} {from}"
            );
        }
    }

    #[test]
    fn rounds_half_to_even_where_it_does_not_end() {
        assert_eq!(convert("98.7", "[degF]", "Cel").unwrap(), "37.055556");
        assert_eq!(convert("16", "kPa", "mm[Hg]").unwrap(), "120.009852");
        assert_eq!(
            [(5, 2), (7, 2), (-5, 2), (-7, 2), (9, 4)].map(|(up, down)| round_half_even(up, down)),
            [2, 4, -2, -4, 2]
        );
    }

    #[test]
    fn sums_and_differences_have_no_shift() {
        let (f, c) = (
            Unit::from_text("[degF]").unwrap(),
            Unit::from_text("Cel").unwrap(),
        );
        let nine = Decimal::parse("9").unwrap();
        assert_eq!(f.convert_difference(nine, c).unwrap().to_string(), "5");
    }

    #[test]
    fn no_way_is_no_value() {
        assert_eq!(convert("1", "kg", "m"), None);
        assert_eq!(convert("1", "dB", "mm[Hg]"), None);
        assert!(Unit::from_text("furlong").is_none());
    }

    #[test]
    fn the_greatest_numbers_convert_or_are_refused() {
        for from in UNITS.iter().map(Unit) {
            for to in UNITS.iter().map(Unit) {
                for mantissa in [Decimal::MAX_MANTISSA, -Decimal::MAX_MANTISSA, 1] {
                    for places in [0, Decimal::MAX_PLACES] {
                        let _ = from.convert(Decimal::new(mantissa, places).unwrap(), to);
                    }
                }
            }
        }
    }

    #[test]
    fn there_and_back_is_the_same_to_the_rounded_places() {
        for row in UNITS {
            for other in UNITS
                .iter()
                .filter(|other| other.dimension == row.dimension)
            {
                let value = Decimal::parse("120").unwrap();
                let there = Unit(row).convert(value, Unit(other)).unwrap();
                let back = Unit(other).convert(there, Unit(row)).unwrap().to_f64();
                let ratio =
                    (row.down as f64 * other.up as f64) / (row.up as f64 * other.down as f64);
                let wrong = 1e-6_f64.max(1e-6 * ratio);
                assert!(
                    (back - 120.0).abs() <= wrong,
                    "{} {} {back}",
                    row.ucum,
                    other.ucum
                );
            }
        }
    }

    #[test]
    fn units_are_listed_once() {
        for (at, row) in UNITS.iter().enumerate() {
            assert_eq!(
                UNITS.iter().position(|other| other.ucum == row.ucum),
                Some(at)
            );
            assert!(row.up > 0 && row.down > 0);
        }
    }
}
