//! Whose document it is: what the record knows of its person, and the question when a document names somebody else.
//!
//! A document is held until the person has answered: nothing of it is in the record before. FHIR is a stream of any length
//! whose Patient may come last, so it is read twice: once for its patients alone, then, if there is no question, for
//! everything. A file that names several patients asks when any of them is somebody else.
//!
//! **What this does not catch**: a file without a Patient (a bulk export has one file for each kind) says nothing, and is
//! imported. It is a question to the person who imports, not a wall against whoever made the file.

use super::super::Person;
use super::content::Content;
use super::gather::Gather;
use super::read::Import;
use super::report::{Fate, WrongPerson};
use crate::error::Result;
use crate::record::json;
use crate::record::traits::{Known, Traits};
use crate::record::view::Filter;
use crate::source;
use crate::store::views;
use rusqlite::Connection;

const ASKED: &str = "about somebody else, it seems: nothing of it was imported";
/// Patients of the record that are looked at: each source has one.
const MAX_LEARNED: u32 = 100;

/// What the record knows of its person.
pub fn known_of(conn: &Connection, person: &Person) -> Result<Known> {
    let mut known = Known::of(&person.name, person.birth_date.as_deref());
    let patients = Filter {
        record: Some(person.record),
        kind: Some("Patient".to_owned()),
        limit: Some(MAX_LEARNED),
        ..Filter::default()
    };
    for row in views::list(conn, &patients)? {
        let text = views::detail(conn, row.id)?.original;
        if let Ok(patient) = json::parse(&text) {
            known.learn(&Traits::of_patient(&patient));
        }
    }
    Ok(known)
}

/// What to ask about the patients of a document, unless the person has answered already. What differs in nothing is learned.
pub fn question(import: &Import<'_>, patients: &[Traits], hash: [u8; 32]) -> Option<WrongPerson> {
    if import.options.anyway || import.options.accepted.contains(&hash) {
        return None;
    }
    let mut known = import.known.borrow_mut();
    let differs = |traits| known.differs(traits).map(|differs| (traits, differs));
    if let Some((traits, differs)) = patients.iter().find_map(differs) {
        return Some(WrongPerson {
            hash,
            name: traits.short_name(),
            birth_date: traits.birth_date.clone(),
            differs,
        });
    }
    patients.iter().for_each(|traits| known.learn(traits));
    None
}

/// Holds a FHIR file back that is about somebody else; whether it is held.
pub fn hold_fhir(
    import: &Import<'_>,
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    name: &str,
) -> Result<bool> {
    if import.options.anyway {
        return Ok(false);
    }
    let patients = source::read_patients(content.open()?, name)?;
    let Some(question) = question(import, &patients.traits, patients.hash) else {
        return Ok(false);
    };
    gather.report.format = patients.format;
    hold(gather, question);
    Ok(true)
}

/// Says that a document is held, and why.
pub fn hold(gather: &mut Gather<'_>, question: WrongPerson) {
    gather.report.fate = Fate::Held;
    gather.report.reason = Some(ASKED);
    gather.report.question = Some(question);
}
