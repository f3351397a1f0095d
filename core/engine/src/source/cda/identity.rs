//! What names the resources of a document.
//!
//! Ids inside documents are not trusted: 816 of 866 documents looked at use one `id` for two entries. A document is named by
//! its `setId`, or its `id` where it has none, together with its type and patient, so that a corrected version is the same
//! document; without either, by its bytes. A statement is named by its document, its section, its own content without the
//! statements inside it, and a count among equals: a corrected version of the document brings what did not change as the same
//! resource, wherever it moved to. People and places are named by what is said of them, in whatever document.

use super::tree::Element;
use crate::record::identity::first_half;

/// A name under construction: parts, each preceded by its length.
pub struct Naming(Vec<u8>);

impl Naming {
    /// A name of that kind of thing.
    pub fn of(kind: &str) -> Self {
        let mut naming = Self(Vec::with_capacity(256));
        naming.add(kind.as_bytes());
        naming
    }

    /// Adds a part.
    pub fn add(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
    }

    /// Adds a statement's own content.
    pub fn add_statement(&mut self, element: &Element<'_, '_>) {
        self.add(element.name().as_bytes());
        let mut attributes: Vec<(&str, &str)> = element
            .node()
            .attributes()
            .map(|attribute| (attribute.name(), attribute.value()))
            .collect();
        attributes.sort_unstable();
        for (name, value) in attributes {
            self.add(name.as_bytes());
            self.add(value.trim().as_bytes());
        }
        for child in element.node().children() {
            match child.text() {
                Some(text) if child.is_text() => {
                    text.split_whitespace()
                        .for_each(|word| self.add(word.as_bytes()));
                }
                _ => (),
            }
        }
        for child in element
            .elements()
            .filter(|child| !is_statement(child.name()))
        {
            self.add_statement(&child);
        }
        self.add(b"end");
    }

    /// 16 bytes of BLAKE3, keyed by `carnet/1 cda`.
    pub fn finish(&self) -> [u8; 16] {
        first_half(blake3::derive_key("carnet/1 cda", &self.0))
    }
}

/// The clinical statements of CDA.
pub fn is_statement(name: &str) -> bool {
    is_counted(name) || matches!(name, "organizer" | "observationMedia" | "regionOfInterest")
}

/// Those the accounting counts.
pub fn is_counted(name: &str) -> bool {
    COUNTED.contains(&name)
}

/// The statements that must all be accounted for.
pub const COUNTED: [&str; 6] = [
    "observation",
    "substanceAdministration",
    "act",
    "procedure",
    "encounter",
    "supply",
];

/// A name as `urn:uuid:`, in the form RFC 9562 gives to values of one's own (version 8).
pub fn urn(name: [u8; 16]) -> String {
    let mut number = u128::from_be_bytes(name);
    number = (number & !(0xf << 76)) | (0x8 << 76);
    number = (number & !(0x3 << 62)) | (0x2 << 62);
    let digits = format!("{number:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// What names the document: see the module.
pub fn name_document(document: &Element<'_, '_>, bytes: &[u8]) -> [u8; 16] {
    let root_of = |name: &str| {
        let id = document.at(name)?;
        let root = id.peek("root")?;
        Some((
            root.to_ascii_lowercase(),
            id.peek("extension").unwrap_or_default(),
        ))
    };
    name_by(document, root_of("setId").or_else(|| root_of("id"))).unwrap_or_else(|| {
        let mut naming = Naming::of("document by its bytes");
        naming.add(blake3::hash(bytes).as_bytes());
        naming.finish()
    })
}

/// What names the document that `parent` stands for: another version, or another document, of the same type and patient.
pub fn name_parent(document: &Element<'_, '_>, parent: &Element<'_, '_>) -> Option<[u8; 16]> {
    let id = parent.at("setId").or_else(|| parent.at("id"))?;
    let root = id.peek("root")?.to_ascii_lowercase();
    name_by(
        document,
        Some((root, id.peek("extension").unwrap_or_default())),
    )
}

fn name_by(document: &Element<'_, '_>, id: Option<(String, &str)>) -> Option<[u8; 16]> {
    let (root, extension) = id?;
    let mut naming = Naming::of("document");
    naming.add(root.as_bytes());
    naming.add(extension.as_bytes());
    let peek = |path: &str, attribute: &str| {
        let found = document
            .at(path)
            .and_then(|element| element.peek(attribute));
        found.unwrap_or_default().as_bytes()
    };
    naming.add(peek("code", "code"));
    naming.add(peek("recordTarget/patientRole/id", "root"));
    naming.add(peek("recordTarget/patientRole/id", "extension"));
    naming.add(peek("recordTarget/patientRole/patient/birthTime", "value"));
    Some(naming.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::Marks;
    use super::*;
    use roxmltree::Document;

    fn named(xml: &str, name: impl FnOnce(&Element<'_, '_>) -> [u8; 16]) -> [u8; 16] {
        let tree = Document::parse(xml).unwrap();
        let marks = Marks::new(100);
        name(&Element::new(tree.root_element(), &marks))
    }

    fn statement(xml: &str) -> [u8; 16] {
        named(xml, |element| {
            let mut naming = Naming::of("x");
            naming.add_statement(element);
            naming.finish()
        })
    }

    #[test]
    fn a_statement_is_named_by_its_own_content() {
        let one = statement(
            "<act a='1' b='2'><code code='c'/> <text>d  e</text><x><observation>1</observation></x></act>",
        );
        let same = statement(
            "<act b='2' a='1'>\n<code code='c'></code><text>d e</text><x><observation>2</observation></x></act>",
        );
        assert_eq!(one, same);
        assert_ne!(
            one,
            statement("<act a='1' b='2'><code code='c'/><text>d f</text><x/></act>")
        );
        assert_ne!(
            statement("<a><b/><c/></a>"),
            statement("<a><b><c/></b></a>")
        );
    }

    #[test]
    fn a_document_is_named_by_its_set_type_and_patient() {
        let document = |id: &str, code: &str, birth: &str, bytes: &[u8]| {
            let xml = format!(
                "<d>{id}<code code='{code}'/><recordTarget><patientRole><patient><birthTime value='{birth}'/></patient></patientRole></recordTarget></d>"
            );
            named(&xml, |root| name_document(root, bytes))
        };
        let one = document("<id root='A.1'/><setId root='S'/>", "c", "2000", b"1");
        assert_eq!(
            one,
            document("<id root='A.2'/><setId root='s'/>", "c", "2000", b"2")
        );
        assert_ne!(one, document("<setId root='S'/>", "c", "2001", b"1"));
        assert_ne!(one, document("<setId root='S'/>", "d", "2000", b"1"));
        assert_ne!(
            document("", "c", "2000", b"1"),
            document("", "c", "2000", b"2")
        );
        let parent = named(
            "<d><setId root='S'/><code code='c'/><recordTarget><patientRole><patient><birthTime value='2000'/></patient></patientRole></recordTarget><parentDocument><setId root='S'/></parentDocument></d>",
            |root| name_parent(root, &root.at("parentDocument").unwrap()).unwrap(),
        );
        assert_eq!(one, parent);
    }

    #[test]
    fn urns_are_uuids_of_ones_own() {
        assert_eq!(
            urn([0xff; 16]),
            "urn:uuid:ffffffff-ffff-8fff-bfff-ffffffffffff"
        );
        assert_eq!(
            urn([0; 16]),
            "urn:uuid:00000000-0000-8000-8000-000000000000"
        );
    }
}
