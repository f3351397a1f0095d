//! What a DICOM file says before its pixels: study date and description (PS3.10 file meta, then PS3.5 elements in order).
//!
//! Little-endian syntaxes only, explicit and implicit: the others (big-endian, deflated) are retired or rare, and then the
//! document has no title.

/// Elements are in ascending order: behind this group nothing is looked for.
const LAST_GROUP: u16 = 0x0008;
const TRANSFER_SYNTAX: (u16, u16) = (2, 0x10);
const STUDY_DATE: (u16, u16) = (8, 0x20);
const MODALITY: (u16, u16) = (8, 0x60);
const STUDY_DESCRIPTION: (u16, u16) = (8, 0x1030);
const IMPLICIT: &str = "1.2.840.10008.1.2";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// Title (study description, else modality) and study date.
pub fn describe(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let mut elements = Elements {
        rest: bytes.get(132..).unwrap_or_default(),
        implicit: false,
    };
    let (mut description, mut modality, mut date) = (None, None, None);
    while let Some((tag, value)) = elements.next() {
        let text = || Some(super::text_of(value).trim_matches([' ', '\0']).to_owned());
        match tag {
            TRANSFER_SYNTAX => {
                let syntax = text().unwrap_or_default();
                if [BIG_ENDIAN, DEFLATED].contains(&syntax.as_str()) {
                    break;
                }
                elements.implicit = syntax == IMPLICIT;
            }
            STUDY_DATE => date = text().and_then(|date| super::date_of_digits(&date)),
            MODALITY => modality = text(),
            STUDY_DESCRIPTION => description = text(),
            _ => {}
        }
    }
    (
        description.filter(|text| !text.is_empty()).or(modality),
        date,
    )
}

struct Elements<'a> {
    rest: &'a [u8],
    /// Whether the data set names no types; the file meta group always does.
    implicit: bool,
}

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<((u16, u16), &'a [u8])> {
        let tag = (self.number(0)?, self.number(2)?);
        if tag.0 > LAST_GROUP {
            return None;
        }
        let (header, length): (usize, usize) = match self.implicit && tag.0 > 2 {
            true => (8, self.long(4)?),
            false => match self.rest.get(4..6)? {
                b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" | b"SQ" | b"UC" | b"UR" | b"UT"
                | b"UN" | b"SV" | b"UV" => (12, self.long(8)?),
                _ => (8, usize::from(self.number(6)?)),
            },
        };
        let end = header.checked_add(length)?;
        // A sequence of unknown length ends here: what is wanted stands before or is not found.
        let value = self.rest.get(header..end)?;
        self.rest = self.rest.get(end..)?;
        Some((tag, value))
    }

    fn number(&self, at: usize) -> Option<u16> {
        let bytes = self.rest.get(at..at + 2)?;
        Some(u16::from_le_bytes(bytes.try_into().ok()?))
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = self.rest.get(at..at + 4)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn element(group: u16, number: u16, value: &str, implicit: bool) -> Vec<u8> {
        let tag = [group.to_le_bytes(), number.to_le_bytes()].concat();
        let length = u32::try_from(value.len()).unwrap().to_le_bytes();
        let head = match implicit {
            true => length.to_vec(),
            false => [b"LO".as_slice(), length.get(..2).unwrap()].concat(),
        };
        [tag, head, value.as_bytes().to_vec()].concat()
    }

    fn file(syntax: &str, implicit: bool) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        file.extend(element(2, 0x10, syntax, false));
        file.extend(element(8, 0x20, "20210401", implicit));
        file.extend(element(8, 0x60, "CT", implicit));
        file.extend(element(8, 0x1030, "THORAX ", implicit));
        file.extend(element(0x10, 0x10, "DOE^JANE", implicit));
        file
    }

    #[test]
    fn explicit_and_implicit_elements_say_the_same() {
        let said = (Some("THORAX".to_owned()), Some("2021-04-01".to_owned()));
        assert_eq!(describe(&file("1.2.840.10008.1.2.1\0", false)), said);
        assert_eq!(describe(&file("1.2.840.10008.1.2\0", true)), said);
    }

    #[test]
    fn a_syntax_that_is_not_read_says_nothing() {
        assert_eq!(describe(&file("1.2.840.10008.1.2.2", false)), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            describe(&[vec![0; 132], bytes].concat());
        }
    }
}
