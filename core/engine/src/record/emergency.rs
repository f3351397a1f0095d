//! What stands on an emergency card: a page for somebody who does not know the person and has no time.
//!
//! ```text
//! card = [ version = 1, name: tstr, birth_date: tstr | null, written_at: i64, [ Line … ], [ contact: tstr … ] ]
//! Line = [ kind: 0 allergy | 1 problem | 2 treatment | 3 other, fr: tstr, en: tstr, detail: tstr ]
//! ```
//! Each line is in both languages: whoever reads it may be abroad. Names come from the built-in tables or are the source's own
//! words; nothing is translated by guessing. Lines are sorted, so that the same choice over the same record is the same
//! card but for `written_at` (milliseconds): that is how a phone sees that nothing has to be renewed.

use super::view::ListRow;
use crate::error::{Error, Result};
use carnet_wire::{Canonical, WireError};
use minicbor::{Decode, Encode};

const VERSION: u8 = 1;
/// Most lines of a card: it is read in a minute.
pub const MAX_LINES: usize = 200;
/// Most contacts.
pub const MAX_CONTACTS: usize = 10;
/// Longest line or contact, in bytes.
pub const MAX_LINE_BYTES: usize = 500;

/// What a line is about, in the order in which it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum LineKind {
    /// An allergy or intolerance.
    #[n(0)]
    Allergy,
    /// A condition.
    #[n(1)]
    Problem,
    /// A medicine that is taken.
    #[n(2)]
    Treatment,
    /// Anything else the person chose.
    #[n(3)]
    Other,
}

impl LineKind {
    /// Of a FHIR resource type.
    pub fn of(kind: &str) -> Self {
        match kind {
            "AllergyIntolerance" => Self::Allergy,
            "Condition" => Self::Problem,
            "MedicationStatement" | "MedicationRequest" => Self::Treatment,
            _ => Self::Other,
        }
    }

    /// The FHIR resource types that make lines of this kind by themselves.
    pub fn fhir(self) -> &'static [&'static str] {
        match self {
            Self::Allergy => &["AllergyIntolerance"],
            Self::Problem => &["Condition"],
            Self::Treatment => &["MedicationStatement", "MedicationRequest"],
            Self::Other => &[],
        }
    }
}

/// A line of a card.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Line {
    /// What it is about.
    #[n(0)]
    pub kind: LineKind,
    /// In French.
    #[n(1)]
    pub fr: String,
    /// In English.
    #[n(2)]
    pub en: String,
    /// Value, unit, date: as written.
    #[n(3)]
    pub detail: String,
}

/// The card.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Card {
    #[n(0)]
    version: u8,
    /// Whose.
    #[n(1)]
    pub name: String,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    #[n(2)]
    pub birth_date: Option<String>,
    /// When it was written, in milliseconds.
    #[n(3)]
    pub written_at: i64,
    /// What it says.
    #[n(4)]
    pub lines: Vec<Line>,
    /// Whom to call.
    #[n(5)]
    pub contacts: Vec<String>,
}

impl Card {
    /// Puts a card together from the rows that were chosen.
    pub fn new(
        name: &str,
        birth_date: Option<&str>,
        rows: &[ListRow],
        contacts: &[String],
        written_at: i64,
    ) -> Result<Self> {
        let mut lines: Vec<Line> = rows.iter().map(line).collect();
        lines.sort_unstable();
        lines.dedup();
        let card = Self {
            version: VERSION,
            name: name.to_owned(),
            birth_date: birth_date.map(str::to_owned),
            written_at,
            lines,
            contacts: contacts.to_vec(),
        };
        card.check()?;
        Ok(card)
    }

    /// Reads a card that somebody else wrote.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let card = Self::from_canonical(bytes)?;
        if card.version != VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        card.check()?;
        Ok(card)
    }

    /// What tells one content from another: everything but when it was written.
    pub fn fingerprint(&self) -> [u8; 32] {
        let timeless = Self {
            written_at: 0,
            ..self.clone()
        };
        blake3::derive_key("carnet/1 emergency-content", &timeless.to_canonical())
    }

    fn check(&self) -> Result<()> {
        let texts = self
            .lines
            .iter()
            .flat_map(|line| [&line.fr, &line.en, &line.detail]);
        let texts = texts.chain(&self.contacts).chain([&self.name]);
        let too_long = texts.clone().any(|text| text.len() > MAX_LINE_BYTES);
        if too_long || self.lines.len() > MAX_LINES || self.contacts.len() > MAX_CONTACTS {
            return Err(Error::TooLarge(
                "an emergency card holds 200 lines and 10 contacts of 500 bytes at most: choose less",
            ));
        }
        if texts
            .into_iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(Error::Invalid(
                "an emergency card cannot hold control characters",
            ));
        }
        Ok(())
    }
}

fn line(row: &ListRow) -> Line {
    let name = |first: &Option<String>, second: &Option<String>| {
        let code = || row.code.clone().unwrap_or_else(|| row.kind.clone());
        let name = first.clone().or_else(|| second.clone());
        shorten(&name.unwrap_or_else(code))
    };
    let parts = [&row.comparator, &row.value, &row.unit, &row.when];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    Line {
        kind: LineKind::of(&row.kind),
        fr: name(&row.display_fr, &row.display_en),
        en: name(&row.display_en, &row.display_fr),
        detail: shorten(&parts.join(" ")),
    }
}

/// At most [`MAX_LINE_BYTES`], whole characters, on one line.
fn shorten(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if short.len() + c.len_utf8() > MAX_LINE_BYTES {
            break;
        }
        short.push(c);
    }
    short
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::ids::ResourceId;
    use crate::record::row::Category;
    use carnet_wire::RecordId;

    fn row(kind: &str, fr: Option<&str>, en: Option<&str>) -> ListRow {
        ListRow {
            id: ResourceId([1; 16]),
            record: RecordId([2; 32]),
            kind: kind.to_owned(),
            category: Category::PatientSummary,
            document_category: None,
            system: None,
            code: Some("X1".to_owned()),
            display_fr: fr.map(str::to_owned),
            display_en: en.map(str::to_owned),
            when: Some("2021-03".to_owned()),
            value: None,
            comparator: None,
            unit: None,
            status: None,
            source: String::new(),
            corrected: false,
            notes: 0,
        }
    }

    #[test]
    fn lines_are_in_both_languages_and_in_the_order_they_are_read() {
        let rows = [
            row("MedicationStatement", Some("aspirine"), None),
            row("Condition", Some("asthme"), Some("asthma")),
            row("AllergyIntolerance", None, Some("penicillin")),
            row("Device", None, None),
            row("Condition", Some("asthme"), Some("asthma")),
        ];
        let card = Card::new("Camille", Some("1984"), &rows, &["Denis 06".to_owned()], 7).unwrap();
        let names: Vec<_> = card
            .lines
            .iter()
            .map(|line| (line.kind, &*line.fr, &*line.en))
            .collect();
        assert_eq!(
            names,
            [
                (LineKind::Allergy, "penicillin", "penicillin"),
                (LineKind::Problem, "asthme", "asthma"),
                (LineKind::Treatment, "aspirine", "aspirine"),
                (LineKind::Other, "X1", "X1"),
            ]
        );
        assert_eq!(Card::read(&card.to_canonical()).unwrap(), card);
    }

    #[test]
    fn the_same_content_is_the_same_card_whenever_it_was_written() {
        let card = |rows: &[ListRow], at| Card::new("Camille", None, rows, &[], at).unwrap();
        let (one, two) = (
            row("Condition", Some("a"), None),
            row("Condition", Some("b"), None),
        );
        let both = [one.clone(), two.clone()];
        assert_eq!(
            card(&both, 1).fingerprint(),
            card(&[two, one.clone()], 2).fingerprint()
        );
        assert_ne!(card(&both, 1).fingerprint(), card(&[one], 1).fingerprint());
    }

    #[test]
    fn what_is_too_long_forged_or_later_is_refused() {
        let many: Vec<ListRow> = (0..=MAX_LINES)
            .map(|at| row("Condition", Some(&at.to_string()), None))
            .collect();
        assert!(Card::new("C", None, &many[..MAX_LINES], &[], 0).is_ok());
        assert!(matches!(
            Card::new("C", None, &many, &[], 0),
            Err(Error::TooLarge(_))
        ));
        let contacts = vec!["x".to_owned(); MAX_CONTACTS + 1];
        assert!(Card::new("C", None, &[], &contacts, 0).is_err());
        assert!(Card::new("C", None, &[], &["a\u{1b}[2J".to_owned()], 0).is_err());
        let long = row("Condition", Some(&"é".repeat(400)), None);
        let card = Card::new("C", None, &[long], &[], 0).unwrap();
        assert_eq!(card.lines[0].fr.len(), MAX_LINE_BYTES);
        let mut bytes = card.to_canonical();
        bytes[1] = 2;
        assert!(matches!(
            Card::read(&bytes),
            Err(Error::Wire(WireError::UnknownVersion))
        ));
        assert!(Card::read(b"").is_err());
    }
}
