//! The check digits of French health numbers and of the great code systems: said, never enforced.
//!
//! Official samples fail them (12 of 96 national health identities of the publisher's own set, 328 of 739 RPPS numbers), and
//! a wrong digit is no reason to lose a result: whoever reads a document warns. Each function answers whether the number has
//! the form and the right check; pure arithmetic on ASCII digits.

/// A NIR or NIA with its key: thirteen characters and two digits. `97 − (N mod 97)`, where Corsica's `2A` and `2B` count as
/// 19 and 18. Source: INSEE, national register of persons.
pub fn is_nir(text: &str) -> bool {
    let Some((body, key)) = text.split_at_checked(13).filter(|_| text.len() == 15) else {
        return false;
    };
    let body = match body.get(5..7) {
        Some("2A") => body.replacen("2A", "19", 1),
        Some("2B") => body.replacen("2B", "18", 1),
        _ => body.to_owned(),
    };
    let number = digits(&body).and_then(|_| body.parse::<u64>().ok());
    let key = digits(key).and_then(|_| key.parse::<u64>().ok());
    number
        .zip(key)
        .is_some_and(|(number, key)| 97 - number % 97 == key)
}

/// An RPPS number: eleven digits, the last one Luhn's.
pub fn is_rpps(text: &str) -> bool {
    text.len() == 11 && digits(text).is_some_and(|digits| luhn(&digits))
}

/// A CIP13, the code of a French medicine's box: an EAN-13 that begins with 3400.
pub fn is_cip13(text: &str) -> bool {
    let Some(digits) = digits(text).filter(|digits| digits.len() == 13) else {
        return false;
    };
    let weighted = digits.iter().enumerate().map(|(at, digit)| match at % 2 {
        0 => *digit,
        _ => 3 * digit,
    });
    text.starts_with("3400") && weighted.sum::<u32>() % 10 == 0
}

/// A LOINC code: a number, a hyphen, and Luhn's digit.
pub fn is_loinc(text: &str) -> bool {
    let Some((number, check)) = text.split_once('-') else {
        return false;
    };
    let all = digits(&format!("{number}{check}"));
    check.len() == 1 && !number.is_empty() && all.is_some_and(|digits| luhn(&digits))
}

/// A SNOMED CT identifier: 6 to 18 digits, the last one Verhoeff's.
pub fn is_snomed(text: &str) -> bool {
    (6..=18).contains(&text.len()) && digits(text).is_some_and(|digits| verhoeff(&digits))
}

fn digits(text: &str) -> Option<Vec<u32>> {
    let digits: Option<Vec<u32>> = text
        .chars()
        .map(|character| character.to_digit(10))
        .collect();
    digits.filter(|digits| !digits.is_empty())
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, *digit) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => 2 * digit,
            (_, digit) => 2 * digit - 9,
        });
    doubled.sum::<u32>() % 10 == 0
}

/// Verhoeff's scheme: multiplication in the dihedral group of order ten, after a permutation that depends on the place.
fn verhoeff(digits: &[u32]) -> bool {
    /// The permutation of digits that is applied once more at each place.
    const TURN: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turned = |digit: u32, times: usize| {
        (0..times).fold(digit, |digit, _| {
            TURN.get(digit as usize).copied().unwrap_or(digit)
        })
    };
    let places = digits.iter().rev().enumerate();
    places.fold(0, |sum, (at, digit)| dihedral(sum, turned(*digit, at % 8))) == 0
}

/// The product of two elements of the dihedral group: 0–4 are rotations, 5–9 reflections.
fn dihedral(left: u32, right: u32) -> u32 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right - 5) % 5,
        (false, true) => 5 + (left - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(good: &[&str], bad: &[&str], check: fn(&str) -> bool) {
        good.iter().for_each(|text| assert!(check(text), "{text}"));
        bad.iter().for_each(|text| assert!(!check(text), "{text}"));
        // One digit changed is always noticed.
        for text in good {
            for (at, old) in text.char_indices().filter(|(_, old)| old.is_ascii_digit()) {
                let mut changed = (*text).to_owned();
                let new = if old == '7' { "3" } else { "7" };
                changed.replace_range(at..=at, new);
                assert!(!check(&changed) || changed == *text, "{changed}");
            }
        }
    }

    #[test]
    fn national_health_identities() {
        only(
            &["277076322082910", "279035121518989"],
            &[
                "",
                "277076322082911",
                "27707632208291",
                "2770763220829é0",
                "2770763220829 10",
            ],
            is_nir,
        );
        // Corsica: the letters stand for numbers in the sum only.
        let corsican = |department: &str, counted: &str| {
            let body = format!("18501{department}004001");
            let number: u64 = body
                .replace(department, counted)
                .parse()
                .unwrap_or_default();
            format!("{body}{:02}", 97 - number % 97)
        };
        assert!(is_nir(&corsican("2A", "19")) && is_nir(&corsican("2B", "18")));
        assert!(!is_nir(&corsican("2A", "18")));
    }

    #[test]
    fn professionals_and_boxes() {
        only(
            &["10100997245"],
            &["10100997246", "1010099724", "801234534765"],
            is_rpps,
        );
        only(
            &["3400935673220", "3400939169002"],
            &["3400935673221", "340093567322", "9780306406157"],
            is_cip13,
        );
    }

    #[test]
    fn codes_of_great_systems() {
        only(
            &["11502-2", "40193-5", "29463-7"],
            &["40193-6", "-5", "40193", "LA15920-4", "xx-1"],
            is_loinc,
        );
        only(
            &["416098002", "73211009", "22298006"],
            &["416098003", "12345", "1234567890123456789"],
            is_snomed,
        );
    }
}
