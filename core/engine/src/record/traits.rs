//! Whether a document is about the person whose record it is to go into.
//!
//! Compared are the traits by which people are told apart in care (the French INS): birth date, given names, family name at
//! birth or used. **Never a social-security number alone**: a child's documents carry a parent's. The rule, in this order:
//!
//! 1. Birth dates are known on both sides and contradict each other, as far as both go: another person.
//! 2. The document gives first names, and the person's name has none of them: another person. A family shares its last name.
//! 3. The document gives no first name, and the last names share no word: another person.
//! 4. Birth dates were not compared, and the last names share no word: another person, though the first name is the same.
//!
//! A document that says nothing contradicts nothing. What is found here is a question to the person, not a verdict: people are
//! called by nicknames, and change their names.

use super::text::{Folder, distinct_words};

/// What a document says of its patient.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patient<'a> {
    /// First names.
    pub given: &'a [String],
    /// Last names: at birth, and used.
    pub family: &'a [&'a str],
    /// A FHIR date, perhaps partial.
    pub birth_date: Option<&'a str>,
}

/// The birth dates contradict each other.
pub const OTHER_BIRTH_DATE: &str = "another birth date";
/// The names share no word that tells people apart.
pub const OTHER_NAME: &str = "another name";

/// What tells the patient of a document from a person of this name and birth date; none when nothing does.
pub fn differs(
    name: &str,
    birth_date: Option<&str>,
    patient: &Patient<'_>,
) -> Option<&'static str> {
    let dates = birth_date.zip(patient.birth_date);
    let dates = dates.map(|(one, other)| agree(one, other));
    if dates == Some(false) {
        return Some(OTHER_BIRTH_DATE);
    }
    let person = words([name]);
    let shared = |theirs: &str| words([theirs]).iter().any(|word| person.contains(word));
    let given = patient.given.iter().any(|name| shared(name));
    let family = patient.family.iter().any(|name| shared(name));
    let nothing_said = patient.given.is_empty() && patient.family.is_empty();
    let same = match (patient.given.is_empty(), patient.family.is_empty()) {
        _ if nothing_said => true,
        (true, _) => family,
        (false, true) => given,
        (false, false) => given && (family || dates == Some(true)),
    };
    (!same).then_some(OTHER_NAME)
}

/// Whether two dates agree as far as both go: `1984-05` and `1984-05-12` do.
fn agree(one: &str, other: &str) -> bool {
    let day = |date: &str| date.chars().take(10).collect::<String>();
    let (one, other) = (day(one), day(other));
    one.starts_with(&other) || other.starts_with(&one)
}

fn words<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut folder = Folder::default();
    names.into_iter().for_each(|name| folder.push(name));
    let folded = folder.finish().replace(['-', '\''], " ");
    let distinct = distinct_words(&folded);
    distinct.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        birth: Option<&str>,
        given: &[&str],
        family: &[&str],
        theirs: Option<&str>,
    ) -> Option<&'static str> {
        let given: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
        let patient = Patient {
            given: &given,
            family,
            birth_date: theirs,
        };
        differs("Camille Démo-Martin", birth, &patient)
    }

    #[test]
    fn the_same_traits_in_any_spelling_are_the_same_person() {
        assert_eq!(
            told(
                Some("1984-05"),
                &["CAMILLE", "Anne"],
                &["DEMO"],
                Some("1984-05-12")
            ),
            None
        );
        assert_eq!(told(None, &["camille"], &["Dupont", "MARTIN"], None), None);
        assert_eq!(
            told(
                Some("1984-05-12"),
                &["Camille"],
                &["Autre"],
                Some("1984-05-12")
            ),
            None
        );
        assert_eq!(told(None, &[], &[], None), None);
        assert_eq!(told(None, &[], &["Martin"], None), None);
    }

    #[test]
    fn a_child_with_the_same_last_name_is_somebody_else() {
        assert_eq!(told(None, &["Lou"], &["Martin"], None), Some(OTHER_NAME));
        assert_eq!(
            told(
                Some("1984-05-12"),
                &["Lou"],
                &["Martin"],
                Some("1984-05-12")
            ),
            Some(OTHER_NAME)
        );
        assert_eq!(
            told(Some("1984"), &["Camille"], &["Martin"], Some("2019-02-03")),
            Some(OTHER_BIRTH_DATE)
        );
    }

    #[test]
    fn a_namesake_of_whom_nothing_else_is_known_is_asked_about() {
        assert_eq!(told(None, &["Camille"], &["Autre"], None), Some(OTHER_NAME));
        assert_eq!(told(None, &[], &["Autre"], None), Some(OTHER_NAME));
    }
}
