//! Exact decimals: a whole number of a power of ten, with as many places as were written (`5.0` is not `5`).

use core::fmt;

/// A decimal as written. At most 15 digits and [`Decimal::MAX_PLACES`] places, so that sums over a day stay exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i64,
    places: u8,
}

impl Decimal {
    /// Most digits behind the point.
    pub const MAX_PLACES: u8 = 12;
    /// Greatest mantissa, either side of zero.
    pub const MAX_MANTISSA: i64 = 999_999_999_999_999;

    /// `mantissa` × 10^-`places`; `None` outside the limits.
    pub fn new(mantissa: i64, places: u8) -> Option<Self> {
        let within =
            mantissa.unsigned_abs() <= Self::MAX_MANTISSA as u64 && places <= Self::MAX_PLACES;
        within.then_some(Self { mantissa, places })
    }

    /// `mantissa` × 10^`exponent`, as devices send it (SFLOAT, FLOAT); `None` outside the limits.
    pub fn scaled(mantissa: i64, exponent: i32) -> Option<Self> {
        match u32::try_from(exponent) {
            Ok(zeros) => Self::new(mantissa.checked_mul(10_i64.checked_pow(zeros)?)?, 0),
            Err(_) => Self::new(mantissa, u8::try_from(exponent.checked_neg()?).ok()?),
        }
    }

    /// Reads `-12.50`, `7`, `.5`, `1e3` and `1.2E-2`; `None` for anything else and outside the limits. Places behind the
    /// limit are accepted where they are zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let zeros_cut = part.trim_end_matches('0');
        let keep = zeros_cut
            .len()
            .max(part.len().min(usize::from(Self::MAX_PLACES)));
        let part = part.get(..keep)?;
        let mut mantissa: i64 = 0;
        for byte in whole.bytes().chain(part.bytes()) {
            let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
            mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
        }
        let empty = whole.is_empty() && part.is_empty();
        let mantissa = if negative { -mantissa } else { mantissa };
        let exponent = exponent.checked_sub(i32::try_from(part.len()).ok()?)?;
        (!empty).then(|| Self::scaled(mantissa, exponent)).flatten()
    }

    /// The whole number.
    pub fn mantissa(self) -> i64 {
        self.mantissa
    }

    /// Digits behind the point.
    pub fn places(self) -> u8 {
        self.places
    }

    /// The mantissa with that many places; `None` where that would lose a digit or overflow.
    pub fn at(self, places: u8) -> Option<i64> {
        match places.checked_sub(self.places) {
            Some(more) => self.mantissa.checked_mul(10_i64.checked_pow(more.into())?),
            None => {
                let cut = 10_i64.checked_pow(u32::from(self.places - places))?;
                (self.mantissa % cut == 0).then_some(self.mantissa / cut)
            }
        }
    }

    /// The same number without zeros at its end.
    pub fn trimmed(self) -> Self {
        let mut short = self;
        while short.places > 0 && short.mantissa % 10 == 0 {
            short.mantissa /= 10;
            short.places -= 1;
        }
        short
    }

    /// For drawing only: everything else counts with the exact number.
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 / 10_f64.powi(self.places.into())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        let unit = 10_u64.pow(self.places.into());
        match self.places {
            0 => write!(out, "{sign}{digits}"),
            places => write!(
                out,
                "{sign}{}.{:0width$}",
                digits / unit,
                digits % unit,
                width = places.into()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_was_written() {
        for text in [
            "0",
            "5",
            "5.0",
            "-0.25",
            "18.90",
            "999999999999999",
            "0.000000000001",
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        for (text, read) in [
            (".5", "0.5"),
            ("7.", "7"),
            ("+3", "3"),
            ("1e3", "1000"),
            ("1.2E-2", "0.012"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), read);
        }
        assert_eq!(
            Decimal::parse("36.70000000000000000"),
            Decimal::new(36_700_000_000_000, 12)
        );
    }

    #[test]
    fn refuses_what_is_no_decimal_or_too_long() {
        for text in [
            "",
            ".",
            "-",
            "1.2.3",
            "0x10",
            "1e",
            "NaN",
            "1e400",
            "1e-13",
            "9999999999999999",
            "１",
            "0.0000000000001",
            "- 1",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn changes_places_only_without_loss() {
        let price = Decimal::new(1_250, 2).unwrap();
        assert_eq!(price.at(3), Some(12_500));
        assert_eq!(price.at(1), Some(125));
        assert_eq!(price.at(0), None);
        assert_eq!(price.trimmed(), Decimal::new(125, 1).unwrap());
        assert_eq!(Decimal::scaled(72, 1), Decimal::new(720, 0));
        assert_eq!(Decimal::scaled(189, -1), Decimal::new(189, 1));
        assert_eq!(Decimal::scaled(i64::MIN, 0), None);
        assert_eq!(Decimal::scaled(1, i32::MIN), None);
    }

    proptest! {
        #[test]
        fn text_comes_back(mantissa in -Decimal::MAX_MANTISSA..=Decimal::MAX_MANTISSA, places in 0..=Decimal::MAX_PLACES) {
            let decimal = Decimal::new(mantissa, places).unwrap();
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Some(decimal));
        }

        #[test]
        fn nothing_panics(text in "[-+.0-9eE]{0,24}|\\PC{0,12}") {
            let _ = Decimal::parse(&text);
        }
    }
}
