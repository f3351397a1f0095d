//! From bytes to a tree: encodings, limits, and nothing of XML that reaches outside the file or grows inside it.
//!
//! The limits are checked on the text before the tree is built, because the tree is what costs memory: a DTD (and with it
//! every entity of one's own, internal or external) is refused, as are deeper nesting, more elements and more attributes than
//! a document can need. Prefixes that a document uses and forgot to declare are declared for it: real ones do that.

use crate::record::json::Refusal;
use encoding_rs::{Encoding, UTF_8};
use roxmltree::{Document, Error, Node, ParsingOptions};
use std::borrow::Cow;

/// Most bytes of a document, as given and as UTF-8: with [`MAX_TAGS`] and [`MAX_ATTRIBUTES`] it keeps the reading of any
/// file under 100 MB of memory. The largest of the French national samples has 1.5 MB.
pub const MAX_BYTES: usize = 16 << 20;
/// Deepest nesting of elements.
pub const MAX_DEPTH: usize = 128;
/// Most `<` in a document: elements, their ends, comments.
pub const MAX_TAGS: usize = 200_000;
/// Most `=` in a document outside embedded files, whatever they stand for.
pub const MAX_ATTRIBUTES: usize = 200_000;
/// Most `=` inside one tag.
pub const MAX_TAG_ATTRIBUTES: usize = 64;
/// Most nodes of the tree: elements, and the texts between them.
const MAX_NODES: u32 = 2 * 200_000;
/// Most prefixes declared for a document that forgot them.
const MAX_FORGOTTEN: usize = 8;

/// Over [`MAX_BYTES`].
pub const TOO_LARGE: Refusal = Refusal("the document is larger than 16 MiB");
/// Over [`MAX_DEPTH`].
pub const TOO_DEEP: Refusal = Refusal("elements are nested more than 128 deep");
/// Over one of the other limits.
pub const TOO_COMPLEX: Refusal =
    Refusal("more elements or attributes than a document of one person can need");
/// A DTD.
pub const HAS_DTD: Refusal =
    Refusal("the document has a DTD, which this reader does not follow: ask for one without");
/// Not well-formed.
pub const NOT_XML: Refusal = Refusal("the XML is damaged: ask the source for the file again");
/// An encoding that is not known, or bytes that are not of it.
pub const ENCODING: Refusal =
    Refusal("the text is not in the encoding it declares: ask the source for UTF-8");
/// XML, but no `ClinicalDocument`.
pub const NOT_CDA: Refusal = Refusal("no ClinicalDocument in this XML");

/// The text of a document, whatever encoding it is in: UTF-8 and UTF-16 by their mark or shape, others as declared.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    if bytes.len() > MAX_BYTES {
        return Err(TOO_LARGE);
    }
    let encoding = encoding_of(bytes)?;
    let (text, _, damaged) = encoding.decode(bytes);
    if damaged {
        return Err(ENCODING);
    }
    if text.len() > MAX_BYTES {
        return Err(TOO_LARGE);
    }
    Ok(text)
}

fn encoding_of(bytes: &[u8]) -> Result<&'static Encoding, Refusal> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Ok(encoding);
    }
    match bytes {
        [b'<', 0, ..] => return Ok(encoding_rs::UTF_16LE),
        [0, b'<', ..] => return Ok(encoding_rs::UTF_16BE),
        _ => (),
    }
    let Some(label) = declared_encoding(bytes) else {
        return Ok(UTF_8);
    };
    match Encoding::for_label(label) {
        // What was readable as ASCII up to here is not in UTF-16, whatever it says of itself.
        Some(encoding) if encoding.is_ascii_compatible() => Ok(encoding),
        Some(_) => Ok(UTF_8),
        None => Err(ENCODING),
    }
}

/// The label in `<?xml … encoding="…"?>`.
fn declared_encoding(bytes: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"encoding";
    let start = bytes.get(..bytes.len().min(256))?;
    let end = start.windows(2).position(|pair| pair == b"?>")?;
    let declaration = start.get(..end)?;
    if !declaration.starts_with(b"<?xml") {
        return None;
    }
    let at = declaration
        .windows(NAME.len())
        .position(|part| part == NAME)?;
    let rest = declaration.get(at + NAME.len()..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first()?;
    rest.split(|byte| byte == quote).next()
}

/// Builds the tree and hands it to `then`. Undeclared prefixes are declared on the root, one after the other.
pub fn with_tree<T>(
    text: Cow<'_, str>,
    then: impl FnOnce(&Document<'_>) -> T,
) -> Result<T, Refusal> {
    check_limits(text.as_bytes())?;
    let mut text = text;
    for _ in 0..MAX_FORGOTTEN {
        let forgotten = match parse(&text) {
            Ok(tree) => return Ok(then(&tree)),
            Err(Error::UnknownNamespace(prefix, _)) => prefix,
            Err(Error::DtdDetected) => return Err(HAS_DTD),
            Err(Error::NodesLimitReached | Error::AttributesLimitReached) => {
                return Err(TOO_COMPLEX);
            }
            Err(_) => return Err(NOT_XML),
        };
        text = Cow::Owned(declare(&text, &forgotten).ok_or(NOT_XML)?);
    }
    Err(NOT_XML)
}

fn parse(text: &str) -> Result<Document<'_>, Error> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
}

/// The text with `xmlns:prefix` on its first element. The URI is the usual one, or names the prefix.
fn declare(text: &str, prefix: &str) -> Option<String> {
    let usual = match prefix {
        "xsi" => "http://www.w3.org/2001/XMLSchema-instance",
        "sdtc" => "urn:hl7-org:sdtc",
        _ => "",
    };
    let start = root_start(text.as_bytes())?;
    let name = text.get(start..)?;
    let length = name.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))?;
    let (before, after) = text.split_at_checked(start + length)?;
    let uri = match usual {
        "" => format!("urn:undeclared:{prefix}"),
        uri => uri.to_owned(),
    };
    Some(format!("{before} xmlns:{prefix}=\"{uri}\"{after}"))
}

/// Where the name of the first element begins.
fn root_start(bytes: &[u8]) -> Option<usize> {
    let mut scan = Scan { bytes, at: 0 };
    while let Some(tag) = scan.next_tag().ok()? {
        if let Tag::Start { at, .. } = tag {
            return Some(at);
        }
    }
    None
}

/// Refuses a text over the limits, in one pass and without memory.
fn check_limits(bytes: &[u8]) -> Result<(), Refusal> {
    let count = |wanted: u8| bytes.iter().filter(|byte| **byte == wanted).count();
    if count(b'<') > MAX_TAGS || count(b'=') > MAX_ATTRIBUTES {
        return Err(TOO_COMPLEX);
    }
    let mut scan = Scan { bytes, at: 0 };
    let mut depth: usize = 0;
    while let Some(tag) = scan.next_tag()? {
        match tag {
            Tag::Start { attributes, .. } if attributes > MAX_TAG_ATTRIBUTES => {
                return Err(TOO_COMPLEX);
            }
            Tag::Start { closed: false, .. } => depth += 1,
            Tag::End => depth = depth.saturating_sub(1),
            Tag::Start { closed: true, .. } | Tag::Other => (),
        }
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
    }
    Ok(())
}

/// What stands between `<` and `>`.
enum Tag {
    /// The start of an element, where its name begins, how many `=` it has, whether it ends at once.
    Start {
        at: usize,
        attributes: usize,
        closed: bool,
    },
    End,
    /// A comment, character data, a processing instruction.
    Other,
}

/// Walks over tags.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn next_tag(&mut self) -> Result<Option<Tag>, Refusal> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(open) = rest.iter().position(|byte| *byte == b'<') else {
            return Ok(None);
        };
        self.at += open + 1;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (end, tag): (&[u8], _) = match rest {
            [b'!', b'-', b'-', ..] => (b"-->", Tag::Other),
            [b'!', b'[', ..] => (b"]]>", Tag::Other),
            [b'!', ..] => return Err(HAS_DTD),
            [b'?', ..] => (b"?>", Tag::Other),
            [b'/', ..] => (b">", Tag::End),
            _ => return Ok(Some(self.start())),
        };
        self.skip_past(end);
        Ok(Some(tag))
    }

    fn skip_past(&mut self, end: &[u8]) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|part| part == end);
        self.at += found.map_or(rest.len(), |at| at + end.len());
    }

    fn start(&mut self) -> Tag {
        let at = self.at;
        let (mut attributes, mut quote, mut last) = (0, None, b' ');
        for byte in self.bytes.get(at..).unwrap_or_default() {
            self.at += 1;
            match (quote, *byte) {
                (Some(open), byte) if byte == open => quote = None,
                (Some(_), _) => (),
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'=') => attributes += 1,
                (None, b'>') => break,
                (None, _) => (),
            }
            last = *byte;
        }
        Tag::Start {
            at,
            attributes,
            closed: last == b'/',
        }
    }
}

/// The document's element: the root, or inside the stylesheet or envelope that wraps it.
pub fn find_document<'a, 'd>(tree: &'a Document<'d>) -> Option<Node<'a, 'd>> {
    tree.descendants()
        .find(|node| node.is_element() && node.tag_name().name() == "ClinicalDocument")
}

/// Whether bytes look like a CDA document: markup, with a `ClinicalDocument` that begins near its start. A stylesheet
/// around it may bring a page of its own first.
pub fn sniff(bytes: &[u8]) -> bool {
    const NEAR: usize = 1 << 20;
    let start = bytes.get(..bytes.len().min(NEAR)).unwrap_or_default();
    let marks = |byte: &&u8| {
        !byte.is_ascii_whitespace() && !matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff)
    };
    if start.iter().find(marks) != Some(&b'<') {
        return false;
    }
    let Ok(encoding) = encoding_of(start) else {
        return false;
    };
    let (text, _, _) = encoding.decode(start);
    text.match_indices("ClinicalDocument")
        .any(|(at, name)| opens(&text, at, at + name.len()))
}

/// Whether the name at `at` opens an element: after `<`, or after `<` and a prefix.
fn opens(text: &str, at: usize, end: usize) -> bool {
    let after = text.get(end..).and_then(|rest| rest.chars().next());
    let ends = after.is_some_and(|c| c.is_whitespace() || matches!(c, '>' | '/'));
    let before = text.get(..at).unwrap_or_default();
    let before = match before.strip_suffix(':') {
        Some(prefixed) => prefixed.trim_end_matches(|c: char| c.is_ascii_alphanumeric()),
        None => before,
    };
    ends && before.ends_with('<')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> Result<String, Refusal> {
        let root = |tree: &Document<'_>| tree.root_element().tag_name().name().to_owned();
        with_tree(Cow::Borrowed(text), root)
    }

    #[test]
    fn text_is_read_in_the_encoding_it_declares() {
        let latin = b"<?xml version='1.0' encoding = 'ISO-8859-1'?><a>\xe9</a>";
        assert!(decode(latin).unwrap().contains('é'));
        assert_eq!(decode("\u{feff}<a>é</a>".as_bytes()).unwrap(), "<a>é</a>");
        let utf16: Vec<u8> = "<a>é</a>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decode(&utf16).unwrap(), "<a>é</a>");
        let claims = b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>";
        assert!(decode(claims).unwrap().ends_with("<a/>"));
        assert_eq!(decode(b"<a>\xff</a>"), Err(ENCODING));
        assert_eq!(decode(b"<?xml encoding='x-none'?><a/>"), Err(ENCODING));
    }

    #[test]
    fn what_could_reach_outside_or_grow_is_refused() {
        let doctype = "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>";
        assert_eq!(name(doctype), Err(HAS_DTD));
        assert_eq!(name("<a>&b;</a>"), Err(NOT_XML));
        assert_eq!(name("<!-- <!DOCTYPE a> --><a/>").unwrap(), "a");
        assert_eq!(name(&"<a>".repeat(MAX_DEPTH + 1)), Err(TOO_DEEP));
        assert_eq!(name(&"<a/>".repeat(MAX_TAGS + 1)), Err(TOO_COMPLEX));
        let attributes: String = (0..=MAX_TAG_ATTRIBUTES)
            .map(|at| format!(" a{at}=''"))
            .collect();
        assert_eq!(name(&format!("<a{attributes}/>")), Err(TOO_COMPLEX));
        assert_eq!(decode(&vec![b' '; MAX_BYTES + 1]), Err(TOO_LARGE));
        let deepest = format!("{}{}", "<a>".repeat(MAX_DEPTH), "</a>".repeat(MAX_DEPTH));
        assert_eq!(name(&deepest).unwrap(), "a");
    }

    #[test]
    fn damaged_text_is_refused() {
        for damaged in ["", "<a", "<a></b>", "text", "<a><!-- ", "<a b='1' b='2'/>"] {
            assert_eq!(name(damaged), Err(NOT_XML), "{damaged}");
        }
    }

    #[test]
    fn forgotten_prefixes_are_declared() {
        let text = "<!-- x --><a xsi:type='CD'><sdtc:b/><own:c/></a>";
        assert_eq!(name(text).unwrap(), "a");
        let many: String = (0..=MAX_FORGOTTEN)
            .map(|at| format!("<p{at}:b/>"))
            .collect();
        assert_eq!(name(&format!("<a>{many}</a>")), Err(NOT_XML));
    }

    #[test]
    fn a_document_is_recognised_by_its_element() {
        assert!(sniff(b"\n<ClinicalDocument xmlns='urn:hl7-org:v3'/>"));
        assert!(sniff(
            b"<?xml version='1.0'?><x:stylesheet><n1:ClinicalDocument>"
        ));
        let utf16: Vec<u8> = "<ClinicalDocument>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(sniff(&utf16));
        assert!(!sniff(b"<a>ClinicalDocument</a>"));
        assert!(!sniff(b"<ClinicalDocuments/>"));
        assert!(!sniff(b"{\"a\": \"<ClinicalDocument>\"}"));
        assert!(!sniff(b""));
    }
}
