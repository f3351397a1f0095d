//! The numbers of ISO/IEEE 11073-20601: SFLOAT (4 bits exponent, 12 bits mantissa) and FLOAT (8 and 24), both signed and
//! to the base of ten, so `18.9` is 18.9. Five mantissas with exponent 0 are no numbers.

use crate::record::json::Refusal;
use crate::record::series::{Absent, Decimal};

const BEYOND: Refusal = Refusal(
    "a number is beyond what a health device measures (15 digits, 12 places): read the characteristic again",
);

/// A number, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// A decimal as the device sent it.
    Exact(Decimal),
    /// The device said why there is none.
    Absent(Absent),
}

impl Number {
    /// `mantissa` × 10^`exponent`.
    pub(super) fn scaled(mantissa: i64, exponent: i32) -> Result<Self, Refusal> {
        Decimal::scaled(mantissa, exponent)
            .map(Self::Exact)
            .ok_or(BEYOND)
    }

    /// A count of `10^-places`, or the value that says that the measurement did not succeed.
    pub(super) fn counted(count: u16, factor: i64, places: i32) -> Result<Self, Refusal> {
        match count {
            u16::MAX => Ok(Self::Absent(Absent::Failed)),
            _ => Self::scaled(i64::from(count) * factor, -places),
        }
    }

    /// The same number in a unit 10^`power` times smaller.
    pub(super) fn shifted(self, power: i32) -> Result<Self, Refusal> {
        match self {
            Self::Exact(value) => Self::scaled(value.mantissa(), power - i32::from(value.places())),
            Self::Absent(_) => Ok(self),
        }
    }

    /// The decimal, if there is one.
    pub fn exact(self) -> Option<Decimal> {
        match self {
            Self::Exact(value) => Some(value),
            Self::Absent(_) => None,
        }
    }
}

/// Reads an SFLOAT: every one of them is within a decimal's limits.
pub(super) fn sfloat(raw: u16) -> Number {
    let absent = match raw {
        0x07ff => Absent::NotANumber,
        0x0800 => Absent::NotAtThisResolution,
        0x07fe => Absent::PositiveInfinity,
        0x0802 => Absent::NegativeInfinity,
        // Reserved for the future: a value that has no meaning yet.
        0x0801 => Absent::Failed,
        _ => {
            let mantissa = i64::from(raw.cast_signed() << 4 >> 4);
            let exponent = i32::from(raw.cast_signed() >> 12);
            return Number::scaled(mantissa, exponent).unwrap_or(Number::Absent(Absent::Failed));
        }
    };
    Number::Absent(absent)
}

/// Reads a FLOAT.
pub(super) fn float(raw: u32) -> Result<Number, Refusal> {
    let absent = match raw {
        0x007f_ffff => Absent::NotANumber,
        0x0080_0000 => Absent::NotAtThisResolution,
        0x007f_fffe => Absent::PositiveInfinity,
        0x0080_0002 => Absent::NegativeInfinity,
        0x0080_0001 => Absent::Failed,
        _ => {
            let mantissa = i64::from(raw.cast_signed() << 8 >> 8);
            return Number::scaled(mantissa, raw.cast_signed() >> 24);
        }
    };
    Ok(Number::Absent(absent))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(number: Number) -> String {
        match number {
            Number::Exact(value) => value.to_string(),
            Number::Absent(reason) => format!("{reason:?}"),
        }
    }

    #[test]
    fn every_sfloat_is_exact_or_absent() {
        let mut absent = 0;
        for raw in 0..=u16::MAX {
            let Number::Exact(value) = sfloat(raw) else {
                absent += 1;
                continue;
            };
            let (mantissa, exponent) = ((raw & 0xfff) as i32, (raw >> 12) as i32);
            let mantissa = if mantissa > 2047 {
                mantissa - 4096
            } else {
                mantissa
            };
            let exponent = if exponent > 7 {
                exponent - 16
            } else {
                exponent
            };
            let expected = f64::from(mantissa) * 10_f64.powi(exponent);
            assert!(
                (value.to_f64() - expected).abs() <= expected.abs() * 1e-12,
                "{raw:04x}"
            );
        }
        assert_eq!(absent, 5);
    }

    #[test]
    fn places_are_kept() {
        assert_eq!(text(float(0xfe00_0eb0).unwrap()), "37.60");
        assert_eq!(text(sfloat(0xf0bd)), "18.9");
        assert_eq!(
            text(Number::scaled(105, -5).unwrap().shifted(5).unwrap()),
            "105"
        );
        assert_eq!(text(Number::counted(14_000, 5, 3).unwrap()), "70.000");
        assert_eq!(text(Number::counted(u16::MAX, 5, 3).unwrap()), "Failed");
    }

    #[test]
    fn what_no_device_measures_is_refused() {
        for raw in [0x7f00_0001, 0x8000_0001, 0x0a7f_fff0] {
            assert_eq!(float(raw), Err(BEYOND), "{raw:08x}");
        }
    }
}
