//! When two results say one measurement in two units: 4.89 mmol/L of glucose is 0.88 g/L.
//!
//! French laboratories print both, each with a LOINC code of its own. They are kept as two, because both were said; they are
//! marked as one measurement, so that a trend has one point. Two results are one only if both codes are of one substance
//! here, and the values agree to within what was rounded away. No value is ever converted in place.

/// A substance that laboratories report by amount and by mass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Substance {
    /// Glucose.
    Glucose,
    /// Total cholesterol.
    Cholesterol,
    /// HDL cholesterol.
    Hdl,
    /// LDL cholesterol.
    Ldl,
    /// Triglycerides, counted as triolein.
    Triglycerides,
    /// Creatinine.
    Creatinine,
    /// Urea.
    Urea,
    /// Uric acid.
    Urate,
    /// Calcium.
    Calcium,
    /// Iron.
    Iron,
}

impl Substance {
    /// The substance of a LOINC code that measures its concentration in blood, serum or plasma.
    pub fn of_loinc(code: &str) -> Option<Self> {
        Some(match code {
            "40193-5" | "53049-3" | "14749-6" | "2345-7" | "15074-8" | "2339-0" | "1558-6"
            | "14771-0" => Self::Glucose,
            "2093-3" | "14647-2" => Self::Cholesterol,
            "2085-9" | "14646-4" => Self::Hdl,
            "13457-7" | "39469-2" | "18262-6" | "2089-1" | "22748-8" => Self::Ldl,
            "2571-8" | "14927-8" => Self::Triglycerides,
            "2160-0" | "14682-9" => Self::Creatinine,
            "3091-6" | "22664-7" => Self::Urea,
            "3084-1" | "14933-6" => Self::Urate,
            "17861-6" | "2000-8" => Self::Calcium,
            "2498-4" | "14798-3" => Self::Iron,
            _ => return None,
        })
    }

    /// Grams in a mole. Source: IUPAC atomic weights.
    fn molar_mass(self) -> f64 {
        match self {
            Self::Glucose => 180.156,
            Self::Cholesterol | Self::Hdl | Self::Ldl => 386.65,
            Self::Triglycerides => 885.43,
            Self::Creatinine => 113.12,
            Self::Urea => 60.056,
            Self::Urate => 168.11,
            Self::Calcium => 40.078,
            Self::Iron => 55.845,
        }
    }

    /// A concentration in mol/L, from its decimal text and its UCUM unit.
    fn moles(self, value: &str, unit: &str) -> Option<f64> {
        let value: f64 = value.parse().ok()?;
        let grams = |factor: f64| Some(value * factor / self.molar_mass());
        match unit {
            "mol/L" => Some(value),
            "mmol/L" => Some(value * 1e-3),
            "umol/L" | "µmol/L" => Some(value * 1e-6),
            "g/L" | "mg/mL" => grams(1.0),
            "g/dL" => grams(10.0),
            "mg/dL" => grams(1e-2),
            "mg/L" => grams(1e-3),
            _ => None,
        }
    }
}

/// Whether two results of one substance, from one sample, say one measurement in two units.
pub fn is_same(substance: Substance, one: (&str, &str), other: (&str, &str)) -> bool {
    let moles = |(value, unit): (&str, &str)| {
        let moles = substance.moles(value, unit)?;
        // What was rounded away is at most half of the last digit, as a share of the value.
        let parsed: f64 = value.parse().ok()?;
        let decimals = value
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        let half = 0.5 * 10_f64.powi(-i32::try_from(decimals).ok()?);
        (parsed > 0.0).then(|| (moles, moles * half / parsed))
    };
    let (Some((left, left_off)), Some((right, right_off))) = (moles(one), moles(other)) else {
        return false;
    };
    // A further part in two hundred: laboratories round the factor, too.
    one.1 != other.1 && (left - right).abs() <= left_off + right_off + 0.005 * left.max(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glucose_in_two_units_is_one_measurement() {
        let glucose = Substance::of_loinc("40193-5");
        assert_eq!(glucose, Substance::of_loinc("53049-3"));
        assert!(is_same(
            Substance::Glucose,
            ("4.89", "mmol/L"),
            ("0.88", "g/L")
        ));
        assert!(is_same(
            Substance::Glucose,
            ("88", "mg/dL"),
            ("4.89", "mmol/L")
        ));
        assert!(is_same(
            Substance::Creatinine,
            ("88", "umol/L"),
            ("10.0", "mg/L")
        ));
    }

    #[test]
    fn what_does_not_agree_is_two() {
        assert!(!is_same(
            Substance::Glucose,
            ("4.89", "mmol/L"),
            ("0.92", "g/L")
        ));
        assert!(!is_same(
            Substance::Glucose,
            ("4.89", "mmol/L"),
            ("4.89", "mmol/L")
        ));
        assert!(!is_same(
            Substance::Cholesterol,
            ("4.89", "mmol/L"),
            ("0.88", "g/L")
        ));
        assert!(!is_same(
            Substance::Glucose,
            ("4.89", "mmol/L"),
            ("0.88", "furlong")
        ));
        assert!(!is_same(Substance::Glucose, ("0", "mmol/L"), ("0", "g/L")));
        assert!(!is_same(
            Substance::Glucose,
            ("x", "mmol/L"),
            ("0.88", "g/L")
        ));
        assert_eq!(Substance::of_loinc("718-7"), None);
    }
}
