//! Whether a document is about the person whose record it is to go into.
//!
//! Compared are the traits by which people are told apart in care (the French INS): the national identity where both sides
//! have one, birth date, sex, given names, family name at birth or used. **Never a social-security number**: a child's
//! documents carry a parent's. The rule, in this order:
//!
//! 1. Birth dates are known on both sides and contradict each other, as far as both go: another person.
//! 2. Both sides have a national identity of one kind (NIR, NIA, test, demonstration): the same number is the same person,
//!    whatever the names; another number is another person. Compared are its first 13 characters: the key says nothing more.
//! 3. Both sides are male or female, and not the same: another person.
//! 4. The document gives first names, and the person's name has none of them: another person. A family shares its last name.
//! 5. The document gives no first name, and the last names share no word: another person.
//! 6. Birth dates were not compared, and the last names share no word: another person, though the first name is the same.
//!
//! A document that says nothing contradicts nothing. What is found here is a question to the person, not a verdict: people are
//! called by nicknames, and change their names.
//!
//! A record knows its person by the name and birth date that were given, and by the documents about them that it has: only
//! those that differ in nothing teach it a national identity or a sex ([`Known::learn`]), so that a document that was let in
//! by mistake does not let in the next one.

use super::json::Object;
use super::text::{Folder, distinct_words};

/// The roots of the national health identity (INS): NIR, NIA, and those of test and demonstration patients.
pub const INS_ROOTS: [&str; 4] = [
    "1.2.250.1.213.1.4.8",
    "1.2.250.1.213.1.4.9",
    "1.2.250.1.213.1.4.10",
    "1.2.250.1.213.1.4.11",
];
/// Characters of a national identity before its key.
const INS_CHARACTERS: usize = 13;
/// The birth dates contradict each other.
pub const OTHER_BIRTH_DATE: &str = "another birth date";
/// The national identities are not the same.
pub const OTHER_INS: &str = "another national health identity (INS)";
/// One is male, the other female.
pub const OTHER_SEX: &str = "another sex";
/// The names share no word that tells people apart.
pub const OTHER_NAME: &str = "another name";

/// A French national health identity: its number, and the root that says which kind it is (real, test, demonstration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ins {
    /// OID.
    pub root: String,
    /// 13 characters, and the key where there is one.
    pub number: String,
}

impl Ins {
    fn bare(&self) -> String {
        let letters = self.number.chars().filter(char::is_ascii_alphanumeric);
        let letters = letters.map(|c| c.to_ascii_uppercase());
        letters.take(INS_CHARACTERS).collect()
    }
}

/// What a document says of its patient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// National health identities.
    pub ins: Vec<Ins>,
    /// First names.
    pub given: Vec<String>,
    /// Last names: at birth, and used.
    pub family: Vec<String>,
    /// A FHIR date, perhaps partial.
    pub birth_date: Option<String>,
    /// FHIR's `male`, `female`, `other`, `unknown`.
    pub sex: Option<String>,
}

impl Traits {
    /// What a FHIR Patient says.
    pub fn of_patient(patient: &Object<'_>) -> Self {
        let names = || patient.objects("name");
        let given = names().flat_map(|name| name.elements("given"));
        let given = given.filter_map(|name| name.as_str().map(str::to_owned));
        let family = names().filter_map(|name| name.str("family").map(str::to_owned));
        let mut traits = Self {
            ins: patient.objects("identifier").filter_map(ins_of).collect(),
            given: given.collect(),
            family: family.collect(),
            birth_date: patient.str("birthDate").map(str::to_owned),
            sex: patient.str("gender").map(str::to_owned),
        };
        if traits.given.is_empty() && traits.family.is_empty() {
            let written = names().filter_map(|name| name.str("text"));
            traits.given = written.map(str::to_owned).collect();
            traits.family.clone_from(&traits.given);
        }
        traits
    }

    /// How the patient is called in a question: the first name and the first last name.
    pub fn short_name(&self) -> Option<String> {
        let (given, family) = (self.given.first(), self.family.first());
        let family = family.filter(|family| Some(*family) != given);
        let parts: Vec<&str> = given
            .into_iter()
            .chain(family)
            .map(String::as_str)
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

fn ins_of(identifier: &Object<'_>) -> Option<Ins> {
    let root = identifier.str("system")?.strip_prefix("urn:oid:")?;
    INS_ROOTS.contains(&root).then_some(())?;
    Some(Ins {
        root: root.to_owned(),
        number: identifier.str("value")?.to_owned(),
    })
}

/// What a record knows of its person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    name: String,
    birth_date: Option<String>,
    ins: Vec<Ins>,
    sexes: Vec<String>,
}

impl Known {
    /// A person of this name and birth date.
    pub fn of(name: &str, birth_date: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            birth_date: birth_date.map(str::to_owned),
            ..Self::default()
        }
    }

    /// Learns the national identity and the sex from what a document of the record says, if it differs in nothing.
    pub fn learn(&mut self, traits: &Traits) {
        if self.differs(traits).is_some() {
            return;
        }
        let says_a_name = !traits.given.is_empty() || !traits.family.is_empty();
        if !says_a_name {
            return;
        }
        for ins in &traits.ins {
            if !self.ins.contains(ins) {
                self.ins.push(ins.clone());
            }
        }
        let sex = traits.sex.iter().filter(tells_apart);
        self.sexes.extend(sex.cloned());
        self.sexes.sort();
        self.sexes.dedup();
    }

    /// What tells the patient of a document from this person; none when nothing does.
    pub fn differs(&self, patient: &Traits) -> Option<&'static str> {
        let dates = self.birth_date.as_ref().zip(patient.birth_date.as_ref());
        let dates = dates.map(|(one, other)| agree(one, other));
        if dates == Some(false) {
            return Some(OTHER_BIRTH_DATE);
        }
        match self.same_ins(patient) {
            Some(true) => return None,
            Some(false) => return Some(OTHER_INS),
            None => (),
        }
        let sex = patient.sex.as_ref().filter(tells_apart);
        if sex.is_some_and(|sex| !self.sexes.is_empty() && !self.sexes.contains(sex)) {
            return Some(OTHER_SEX);
        }
        let same = self.same_name(patient, dates == Some(true));
        (!same).then_some(OTHER_NAME)
    }

    /// Whether the national identities are the same; none where there are no two of one kind.
    fn same_ins(&self, patient: &Traits) -> Option<bool> {
        let mut same = None;
        for (one, other) in self
            .ins
            .iter()
            .flat_map(|one| patient.ins.iter().map(move |other| (one, other)))
        {
            if one.root == other.root {
                same = Some(same == Some(true) || one.bare() == other.bare());
            }
        }
        same
    }

    fn same_name(&self, patient: &Traits, same_date: bool) -> bool {
        let person = words([self.name.as_str()]);
        let shared = |theirs: &String| {
            words([theirs.as_str()])
                .iter()
                .any(|word| person.contains(word))
        };
        let given = patient.given.iter().any(shared);
        let family = patient.family.iter().any(shared);
        match (patient.given.is_empty(), patient.family.is_empty()) {
            (true, true) => true,
            (true, false) => family,
            (false, true) => given,
            (false, false) => given && (family || same_date),
        }
    }
}

/// Whether a sex can tell two people apart: `other` and `unknown` do not.
fn tells_apart(sex: &&String) -> bool {
    matches!(sex.as_str(), "male" | "female")
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::json;

    fn traits(given: &[&str], family: &[&str], birth_date: Option<&str>) -> Traits {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Traits {
            given: owned(given),
            family: owned(family),
            birth_date: birth_date.map(str::to_owned),
            ..Traits::default()
        }
    }

    fn told(
        birth: Option<&str>,
        given: &[&str],
        family: &[&str],
        theirs: Option<&str>,
    ) -> Option<&'static str> {
        Known::of("Camille Démo-Martin", birth).differs(&traits(given, family, theirs))
    }

    /// Camille, as a document of hers says: with a national identity of this root, and a sex.
    fn camille(root: &str, number: &str, sex: &str) -> Traits {
        Traits {
            ins: vec![Ins {
                root: root.to_owned(),
                number: number.to_owned(),
            }],
            sex: Some(sex.to_owned()),
            ..traits(&["Camille"], &["Martin"], Some("1984-05-12"))
        }
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

    #[test]
    fn a_national_identity_decides_where_both_have_one_of_a_kind() {
        let [nir, test] = [INS_ROOTS[0], INS_ROOTS[2]];
        let mut known = Known::of("Camille Martin", Some("1984"));
        known.learn(&camille(nir, "2840575123456", "female"));
        let married = Traits {
            given: vec!["Anne".to_owned()],
            family: vec!["Durand".to_owned()],
            ..camille(nir, "2 84 05 75 123 456 12", "female")
        };
        assert_eq!(known.differs(&married), None, "the names do not matter");
        let other = camille(nir, "2840575123457", "female");
        assert_eq!(known.differs(&other), Some(OTHER_INS));
        let of_another_kind = camille(test, "2840575123457", "female");
        assert_eq!(known.differs(&of_another_kind), None);
        let child = Traits {
            birth_date: Some("2019-02-03".to_owned()),
            ..camille(nir, "2840575123456", "female")
        };
        assert_eq!(
            known.differs(&child),
            Some(OTHER_BIRTH_DATE),
            "a parent's number in the wrong place"
        );
    }

    #[test]
    fn a_twin_of_the_other_sex_is_somebody_else() {
        let mut known = Known::of("Camille Martin", Some("1984-05-12"));
        known.learn(&camille(INS_ROOTS[0], "1", "female"));
        let of_sex = |sex: &str| Traits {
            sex: Some(sex.to_owned()),
            ..traits(&["Camille"], &["Martin"], Some("1984-05-12"))
        };
        assert_eq!(known.differs(&of_sex("male")), Some(OTHER_SEX));
        assert_eq!(known.differs(&of_sex("female")), None);
        assert_eq!(known.differs(&of_sex("unknown")), None);
    }

    #[test]
    fn what_differs_teaches_nothing() {
        let mut known = Known::of("Camille Martin", Some("1984-05-12"));
        let before = known.clone();
        known.learn(&Traits {
            given: vec!["Lou".to_owned()],
            ..camille(INS_ROOTS[0], "1", "male")
        });
        let nameless = traits(&[], &[], None);
        known.learn(&Traits {
            ins: camille(INS_ROOTS[0], "1", "male").ins,
            ..nameless
        });
        assert_eq!(known, before);
    }

    #[test]
    fn a_patient_of_fhir_says_the_same() {
        let text = r#"{"resourceType":"Patient","identifier":[
            {"system":"urn:oid:1.2.250.1.213.1.4.8","value":"284"},
            {"system":"urn:oid:1.2.250.1.213.1.4.5","value":"a social-security number"}],
            "name":[{"family":"Martin","given":["Camille","Anne"]},{"family":"Durand"}],
            "gender":"female","birthDate":"1984-05"}"#;
        let read = Traits::of_patient(&json::parse(text).unwrap());
        let expected = Traits {
            ins: vec![Ins {
                root: INS_ROOTS[0].to_owned(),
                number: "284".to_owned(),
            }],
            sex: Some("female".to_owned()),
            ..traits(&["Camille", "Anne"], &["Martin", "Durand"], Some("1984-05"))
        };
        assert_eq!(read, expected);
        assert_eq!(read.short_name().as_deref(), Some("Camille Martin"));
        let written = json::parse(r#"{"name":[{"text":"Lou Petit"}]}"#).unwrap();
        let lou = Traits::of_patient(&written);
        assert_eq!(lou.short_name().as_deref(), Some("Lou Petit"));
        assert_eq!(Known::of("Lou Petit", None).differs(&lou), None);
        assert_eq!(Known::of("Camille", None).differs(&lou), Some(OTHER_NAME));
    }
}
