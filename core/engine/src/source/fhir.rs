//! FHIR R4 in JSON: a resource, a Bundle of any type, an array of resources, or one of these per line (NDJSON); gzipped or
//! not. What a file is, its content says; its name only breaks a tie.
//!
//! A Bundle is never held whole: its entries are cut out of the stream one by one. Who issued the short ids of a Bundle
//! (its `link[self]`, `meta.source` or `identifier`) therefore counts only where it stands before `entry`, as FHIR's own
//! order has it.

use super::input::{Damage, Input};
use super::release::other_release;
use super::scan::{Fault, Scanner};
use super::{Deleted, Document, Draft, MAX_ENTRY, MAX_ITEMS, MAX_REFUSED, Outcome, Refused, Summary};
use crate::error::Result;
use crate::record::codes::is_r4_kind;
use crate::record::identity::Context;
use crate::record::json::{self, Limits, MALFORMED, MAX_DEPTH, MAX_NODES, Object};
use crate::record::resource::read_object;
use std::io::Read;
use std::ops::ControlFlow;

/// Bytes looked at to tell lines from one document.
const PREFIX: usize = 64 << 10;
/// Most bytes of what a Bundle says of itself before its entries.
const MAX_HEAD: usize = 256 << 10;
/// Deepest nesting of Bundles in Bundles.
const MAX_BUNDLES: u32 = 4;
/// An entry holds a resource, or a Bundle of a few.
const ENTRY_LIMITS: Limits = Limits {
    depth: MAX_DEPTH + 16,
    nodes: MAX_NODES * 2,
};

const EMPTY: &str = "the file is empty";
const NOT_JSON: &str = "not FHIR in JSON: ask the source for FHIR JSON or NDJSON";
const UTF_16: &str = "the text is in UTF-16: save it as UTF-8";
const NOT_UTF_8: &str = "the text is not valid UTF-8";
const CUT: &str = "the file ends early: what came before was read";
const LINE_END: &str = "the line ends inside a resource";
const DAMAGED: &str = "the compressed file is damaged or ends early: what came before was read";
const EXPANDS: &str = "the compressed file expands far beyond what health data does: reading stopped";
const TOO_LARGE: &str = "larger than 16 MiB";
const TOO_MANY: &str = "more than 20,000,000 items in one file: reading stopped";
const TOO_MANY_REFUSED: &str = "100,000 items could not be read: reading stopped";
const NO_RESOURCE: &str = "the entry has no resource";
const PATCH: &str = "the entry is a patch, not a resource";
const SERVER_MESSAGE: &str = "a server's message (OperationOutcome), not a part of a record";
const NOT_A_KIND: &str = "no resourceType: not a FHIR resource";
const NESTED: &str = "bundles nested more than 4 deep";
const TWO_ENTRIES: &str = "the bundle has its entries twice: only the first were read";

/// Reads a FHIR file into `sink`, which may stop the reading. Only a failure of `input` itself is an error.
pub fn read_fhir(input: impl Read, name_hint: &str, sink: &mut dyn FnMut(Outcome) -> ControlFlow<()>) -> Result<Summary> {
    let mut reader = Reader {
        scanner: Scanner::new(Input::open(input)?),
        sink,
        tally: Tally::default(),
    };
    let gzip = reader.scanner.is_gzip();
    let stopped = reader.file(name_hint)?.is_break();
    let Reader { scanner, tally, .. } = reader;
    Ok(Summary {
        format: tally.format(gzip),
        hash: if stopped { [0; 32] } else { scanner.finish()? },
        warnings: tally.warnings(),
        stopped,
    })
}

/// What was met on the way.
#[derive(Debug, Default)]
struct Tally {
    items: u64,
    values: u64,
    refused: u64,
    lines: bool,
    fhir: bool,
    documents: u64,
    deletions: u64,
    messages: u64,
    answers: u64,
    empty_bundles: u64,
}

impl Tally {
    fn format(&self, gzip: bool) -> &'static str {
        match (self.fhir, self.lines || self.values > 1, gzip) {
            (false, _, _) => "unknown",
            (true, false, false) => "fhir-json",
            (true, false, true) => "fhir-json-gz",
            (true, true, false) => "fhir-ndjson",
            (true, true, true) => "fhir-ndjson-gz",
        }
    }

    fn warnings(&self) -> Vec<String> {
        let counted = [
            (self.documents, "written for another FHIR release: kept as documents"),
            (self.deletions, "marked as deleted at the source: the record keeps its copies"),
            (self.messages, "messages of the server left out"),
            (self.answers, "entries without a resource left out (requests and answers)"),
            (self.empty_bundles, "bundles without entries"),
        ];
        let said = counted.into_iter().filter(|(count, _)| *count > 0);
        said.map(|(count, text)| format!("{count} {text}")).collect()
    }
}

/// What a Bundle says of who issued its ids.
#[derive(Debug, Clone, Default)]
struct Head {
    issuer: String,
    base: Option<String>,
}

/// What is known of a top-level object before its end.
#[derive(Default)]
struct Members {
    kind: Option<String>,
    /// The members that tell a Bundle's issuer, as one JSON object without its closing bracket.
    head: String,
    /// Its entries were cut out of the stream.
    streamed: bool,
    /// The entry in which the text is broken.
    broken_at: Option<String>,
}

impl Members {
    /// Notes a member: `name` with its quotes and `value`, as written.
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match name {
            b"\"resourceType\"" => self.kind = Some(text.trim_matches('"').to_owned()),
            b"\"link\"" | b"\"meta\"" | b"\"identifier\"" if self.head.len() + text.len() < MAX_HEAD => {
                self.head.push(if self.head.is_empty() { '{' } else { ',' });
                self.head.push_str(std::str::from_utf8(name).unwrap_or_default());
                self.head.push(':');
                self.head.push_str(text);
            }
            _ => (),
        }
    }

    fn may_be_a_bundle(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "Bundle")
    }

    fn is_a_bundle(&self) -> bool {
        self.kind.as_deref() == Some("Bundle")
    }

    fn read_head(&self) -> Head {
        let text = format!("{}}}", if self.head.is_empty() { "{" } else { &self.head });
        json::parse(&text).map(|bundle| Head::of(&bundle)).unwrap_or_default()
    }
}

struct Reader<'s, R: Read> {
    scanner: Scanner<R>,
    sink: &'s mut dyn FnMut(Outcome) -> ControlFlow<()>,
    tally: Tally,
}

/// Whether to go on; the sink or a broken file says no.
type Flow = Result<ControlFlow<()>>;
const GO_ON: Flow = Ok(ControlFlow::Continue(()));

/// Returns from a function of [`Flow`] when reading must stop.
macro_rules! flow {
    ($flow:expr) => {
        if ($flow)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    };
}

/// A step inside a value; it may also stop the reading.
type Progress = Result<std::result::Result<ControlFlow<()>, Fault>>;

/// Returns from a function of [`Progress`] when the text is broken.
macro_rules! step {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(fault) => return Ok(Err(fault)),
        }
    };
}

/// Returns from a function of [`Progress`] when reading must stop.
macro_rules! stop {
    ($flow:expr) => {
        if ($flow)?.is_break() {
            return Ok(Ok(ControlFlow::Break(())));
        }
    };
}

impl<R: Read> Reader<'_, R> {
    fn file(&mut self, name_hint: &str) -> Flow {
        if let Some(reason) = self.recognise(name_hint)? {
            return self.refuse("file".to_owned(), reason);
        }
        loop {
            self.scanner.start_tape(0);
            self.scanner.skip_space(false)?;
            let location = self.place();
            match self.scanner.peek()? {
                None if self.scanner.damage().is_some() => return self.broken(location, Fault::Cut),
                None => return GO_ON,
                Some(b'{') => flow!(self.object(location)),
                Some(b'[') if self.tally.values == 0 => flow!(self.array()),
                Some(_) => {
                    flow!(self.refuse(location, MALFORMED.0));
                    if !self.resume()? {
                        return GO_ON;
                    }
                }
            }
            self.tally.values += 1;
            // A second value makes it a file of lines, whatever the first looked like.
            self.scanner.by_line = true;
        }
    }

    /// Decides how to read the file, or why not to.
    fn recognise(&mut self, name_hint: &str) -> Result<Option<&'static str>> {
        let prefix = self.scanner.prefix(PREFIX)?.to_vec();
        if prefix.starts_with(&[0xff, 0xfe]) || prefix.starts_with(&[0xfe, 0xff]) {
            return Ok(Some(UTF_16));
        }
        let mark: usize = if prefix.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        let text = prefix.get(mark..).unwrap_or_default();
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        let by_line = is_by_line(text, name_hint);
        let nothing = match self.scanner.damage() {
            Some(Damage::Expansion) => EXPANDS,
            Some(Damage::Compression) => DAMAGED,
            None => EMPTY,
        };
        match first {
            None if text.len() < PREFIX - 3 => return Ok(Some(nothing)),
            None | Some(b'{' | b'[') => (),
            Some(_) if by_line => (),
            Some(_) => return Ok(Some(NOT_JSON)),
        }
        self.scanner.take(mark);
        self.scanner.by_line = by_line;
        self.tally.lines = by_line;
        Ok(None)
    }

    fn place(&self) -> String {
        match self.scanner.by_line {
            true => format!("line {}", self.scanner.line()),
            false => "file".to_owned(),
        }
    }

    /// Whether reading can go on after something broken: at the next line, if there are lines.
    fn resume(&mut self) -> Result<bool> {
        if self.scanner.by_line {
            self.scanner.skip_line()?;
        }
        Ok(self.scanner.by_line)
    }

    /// Refuses what is broken and goes on behind it, or gives up on the rest of the file.
    fn broken(&mut self, location: String, fault: Fault) -> Flow {
        let reason = match (fault, self.scanner.damage()) {
            (Fault::Cut, Some(Damage::Expansion)) => EXPANDS,
            (Fault::Cut, Some(Damage::Compression)) => DAMAGED,
            (Fault::Cut, None) => CUT,
            (Fault::LineEnd, _) => LINE_END,
            (Fault::Malformed, _) => MALFORMED.0,
        };
        flow!(self.refuse(location, reason));
        if fault == Fault::Cut || !self.resume()? {
            self.skip_rest()?;
        }
        GO_ON
    }

    /// Reads to the end of the file so that nothing more is met.
    fn skip_rest(&mut self) -> Result<()> {
        while self.scanner.peek()?.is_some() {
            self.scanner.skip_line()?;
            self.scanner.skip_space(false)?;
        }
        Ok(())
    }

    /// A top-level object: a resource, or a Bundle whose entries are streamed.
    fn object(&mut self, location: String) -> Flow {
        self.scanner.start_tape(MAX_ENTRY);
        let mut members = Members::default();
        let flow = match self.members(&location, &mut members)? {
            Ok(flow) => flow,
            Err(fault) => return self.broken(members.broken_at.unwrap_or(location), fault),
        };
        if flow.is_break() || members.streamed {
            return Ok(flow);
        }
        match self.scanner.take_tape() {
            None => self.refuse(location, TOO_LARGE),
            Some(bytes) => {
                let flow = self.item(&bytes, &location);
                self.scanner.reuse_tape(bytes);
                flow
            }
        }
    }

    /// Walks the members of the object that begins here.
    fn members(&mut self, location: &str, members: &mut Members) -> Progress {
        let mut next = step!(self.scanner.expect(b"{")?);
        loop {
            if members.streamed {
                self.scanner.start_tape(MAX_HEAD);
            }
            self.scanner.skip_space(true)?;
            match self.scanner.peek()? {
                Some(b'}') if next == b'{' => {
                    self.scanner.take(1);
                    return Ok(Ok(ControlFlow::Continue(())));
                }
                Some(b'"' | b'\n') | None => (),
                Some(_) => return Ok(Err(Fault::Malformed)),
            }
            if step!(self.member(location, members)?).is_break() {
                return Ok(Ok(ControlFlow::Break(())));
            }
            next = step!(self.scanner.expect(b",}")?);
            if next == b'}' {
                return Ok(Ok(ControlFlow::Continue(())));
            }
        }
    }

    fn member(&mut self, location: &str, members: &mut Members) -> Progress {
        let start = self.scanner.tape_length();
        step!(self.scanner.value()?);
        let name = self.scanner.tape_from(start).unwrap_or_default().to_vec();
        step!(self.scanner.expect(b":")?);
        self.scanner.skip_space(true)?;
        if name == b"\"entry\"" && members.may_be_a_bundle() && self.scanner.peek()? == Some(b'[') {
            return self.entries(location, members);
        }
        let start = self.scanner.tape_length();
        step!(self.scanner.value()?);
        members.note(&name, self.scanner.tape_from(start).unwrap_or_default());
        Ok(Ok(ControlFlow::Continue(())))
    }

    /// Cuts the entries of a Bundle out of the stream, or walks over the `entry` of something else (a List has one too).
    fn entries(&mut self, location: &str, members: &mut Members) -> Progress {
        if members.streamed {
            stop!(self.refuse(location.to_owned(), TWO_ENTRIES));
        }
        let twice = members.streamed;
        members.streamed |= members.is_a_bundle();
        let head = members.read_head();
        step!(self.scanner.expect(b"[")?);
        self.scanner.skip_space(true)?;
        if self.scanner.peek()? == Some(b']') {
            self.scanner.take(1);
            self.tally.empty_bundles += u64::from(members.streamed);
            self.tally.fhir |= members.streamed;
            return Ok(Ok(ControlFlow::Continue(())));
        }
        for index in 0_u64.. {
            self.scanner.skip_space(true)?;
            if members.streamed {
                self.scanner.start_tape(MAX_ENTRY);
            }
            let start = self.scanner.tape_length();
            if let Err(fault) = self.scanner.value()? {
                members.broken_at = Some(entry_of(location, index));
                return Ok(Err(fault));
            }
            members.streamed |= index == 0 && self.scanner.tape_from(start).is_some_and(looks_like_an_entry);
            if members.streamed && !twice {
                stop!(self.entry_bytes(start, entry_of(location, index), &head));
            }
            if step!(self.scanner.expect(b",]")?) == b']' {
                break;
            }
        }
        Ok(Ok(ControlFlow::Continue(())))
    }

    fn entry_bytes(&mut self, start: usize, location: String, head: &Head) -> Flow {
        let Some(tape) = self.scanner.take_tape() else {
            return self.refuse(location, TOO_LARGE);
        };
        let text = std::str::from_utf8(tape.get(start..).unwrap_or_default());
        let flow = match text.map(|text| json::parse_within(text, ENTRY_LIMITS)) {
            Err(_) => self.refuse(location, NOT_UTF_8),
            Ok(Err(refusal)) => self.refuse(location, refusal.0),
            Ok(Ok(entry)) => self.entry(&entry, &location, head, 1),
        };
        self.scanner.reuse_tape(tape);
        flow
    }

    /// A top-level array of resources.
    fn array(&mut self) -> Flow {
        self.scanner.take(1);
        self.scanner.skip_space(true)?;
        if self.scanner.peek()? == Some(b']') {
            self.scanner.take(1);
            return GO_ON;
        }
        for index in 0_u64.. {
            self.scanner.skip_space(true)?;
            self.scanner.start_tape(MAX_ENTRY);
            let location = format!("[{index}]");
            if let Err(fault) = self.scanner.value()? {
                return self.broken(location, fault);
            }
            flow!(match self.scanner.take_tape() {
                None => self.refuse(location, TOO_LARGE),
                Some(bytes) => self.item(&bytes, &location),
            });
            match self.scanner.expect(b",]")? {
                Ok(b',') => (),
                Ok(_) => break,
                Err(fault) => return self.broken("file".to_owned(), fault),
            }
        }
        GO_ON
    }

    /// One whole value of the file: a resource, or a small Bundle.
    fn item(&mut self, bytes: &[u8], location: &str) -> Flow {
        let text = std::str::from_utf8(bytes);
        match text.map(|text| json::parse_within(text, ENTRY_LIMITS)) {
            Err(_) => self.refuse(location.to_owned(), NOT_UTF_8),
            Ok(Err(refusal)) => self.refuse(location.to_owned(), refusal.0),
            Ok(Ok(object)) if object.str("resourceType") == Some("Bundle") => self.bundle(&object, location, 1),
            Ok(Ok(object)) => self.resource(&object, "", None, location),
        }
    }

    fn bundle(&mut self, bundle: &Object<'_>, location: &str, nesting: u32) -> Flow {
        if nesting > MAX_BUNDLES {
            return self.refuse(location.to_owned(), NESTED);
        }
        self.tally.fhir = true;
        let head = Head::of(bundle);
        self.tally.empty_bundles += u64::from(bundle.elements("entry").is_empty());
        for (index, entry) in (0_u64..).zip(bundle.elements("entry")) {
            let at = entry_of(location, index);
            flow!(match entry.as_object() {
                Some(entry) => self.entry(entry, &at, &head, nesting),
                None => self.refuse(at, NO_RESOURCE),
            });
        }
        GO_ON
    }

    fn entry(&mut self, entry: &Object<'_>, location: &str, head: &Head, nesting: u32) -> Flow {
        self.tally.fhir = true;
        let request = entry.object("request");
        let method = request.and_then(|request| request.str("method")).unwrap_or_default();
        let full_url = entry.str("fullUrl");
        if entry.object("search").and_then(|search| search.str("mode")) == Some("outcome") {
            self.tally.messages += 1;
            return GO_ON;
        }
        if method == "DELETE" {
            let url = full_url.or_else(|| request?.str("url"));
            return self.deleted(url.unwrap_or_default(), head, location);
        }
        let Some(resource) = entry.object("resource") else {
            if request.is_none() && entry.object("response").is_none() {
                return self.refuse(location.to_owned(), NO_RESOURCE);
            }
            self.tally.answers += 1;
            return GO_ON;
        };
        match resource.str("resourceType") {
            _ if method == "PATCH" => self.refuse(location.to_owned(), PATCH),
            Some("Bundle") => self.bundle(resource, location, nesting + 1),
            Some("OperationOutcome") => {
                self.tally.messages += 1;
                GO_ON
            }
            _ => {
                let (issuer, full_url) = head.name(resource, full_url);
                self.resource(resource, issuer, full_url.as_deref(), location)
            }
        }
    }

    fn resource(&mut self, resource: &Object<'_>, issuer: &str, full_url: Option<&str>, location: &str) -> Flow {
        let location = location.to_owned();
        let Some(kind) = resource.str("resourceType").filter(|kind| is_kind_name(kind)) else {
            return self.refuse(location, NOT_A_KIND);
        };
        self.tally.fhir = true;
        if kind == "OperationOutcome" {
            return self.refuse(location, SERVER_MESSAGE);
        }
        if let Some(reason) = other_release(kind, resource) {
            self.tally.documents += 1;
            let text = resource.text().to_owned();
            return self.give(Outcome::Document(Document { location, reason, text }));
        }
        match read_object(resource, issuer, full_url) {
            Err(refusal) => self.refuse(location, refusal.0),
            Ok(derived) => self.give(Outcome::Draft(Box::new(Draft {
                location,
                issuer: issuer.to_owned(),
                full_url: full_url.map(str::to_owned),
                text: resource.text().to_owned(),
                resource: derived,
            }))),
        }
    }

    fn deleted(&mut self, url: &str, head: &Head, location: &str) -> Flow {
        self.tally.deletions += 1;
        let context = Context {
            kind: "",
            id: None,
            issuer: &head.issuer,
            full_url: None,
        };
        let absolute = head.base.as_ref().filter(|_| !url.contains(':')).map(|base| format!("{base}/{url}"));
        match context.scope().key(absolute.as_deref().unwrap_or(url)) {
            Some(key) => self.give(Outcome::Deleted(Deleted {
                location: location.to_owned(),
                key,
            })),
            None => GO_ON,
        }
    }

    fn refuse(&mut self, location: String, reason: &'static str) -> Flow {
        self.tally.refused += 1;
        if self.tally.refused >= MAX_REFUSED {
            return self.stop(TOO_MANY_REFUSED);
        }
        self.give(Outcome::Refused(Refused { location, reason }))
    }

    fn give(&mut self, outcome: Outcome) -> Flow {
        self.tally.items += 1;
        if self.tally.items > MAX_ITEMS {
            return self.stop(TOO_MANY);
        }
        Ok((self.sink)(outcome))
    }

    /// Says why and stops, whatever the sink answers.
    fn stop(&mut self, reason: &'static str) -> Flow {
        let location = "file".to_owned();
        let _ = (self.sink)(Outcome::Refused(Refused { location, reason }));
        Ok(ControlFlow::Break(()))
    }
}

impl Head {
    fn of(bundle: &Object<'_>) -> Self {
        let link = bundle.objects("link").find(|link| link.str("relation") == Some("self"));
        let source = bundle.object("meta").and_then(|meta| meta.str("source"));
        let source = source.and_then(|source| source.split('#').next()).filter(|source| !source.is_empty());
        let identifier = bundle.object("identifier").and_then(|identifier| {
            let value = identifier.str("value")?;
            Some(format!("{}|{value}", identifier.str("system").unwrap_or_default()))
        });
        Self {
            issuer: source.map(str::to_owned).or(identifier).unwrap_or_default(),
            base: link.and_then(|link| base_of(link.str("url")?)),
        }
    }

    /// The issuer and `fullUrl` of an entry. A server's answer implies the `fullUrl` of what it holds: recorded, it lets
    /// the identity survive an export.
    fn name(&self, resource: &Object<'_>, full_url: Option<&str>) -> (&str, Option<String>) {
        let implied = || {
            let (kind, id) = (resource.str("resourceType")?, resource.str("id")?);
            self.base.as_ref().map(|base| format!("{base}/{kind}/{id}"))
        };
        (&self.issuer, full_url.map(str::to_owned).or_else(implied))
    }
}

/// The base of a FHIR server, from the address of one of its answers.
fn base_of(url: &str) -> Option<String> {
    let address = url.split(['?', '#']).next()?;
    let (scheme, rest) = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let is_base = |segment: &&str| !segment.starts_with(['$', '_']) && !is_r4_kind(segment);
    let base: Vec<&str> = rest.split('/').take_while(is_base).filter(|segment| !segment.is_empty()).collect();
    (!base.is_empty()).then(|| format!("{scheme}://{}", base.join("/")))
}

fn entry_of(location: &str, index: u64) -> String {
    match location {
        "file" => format!("entry[{index}]"),
        line if line.starts_with("line ") && !line.contains("entry") => format!("{line} entry[{index}]"),
        other => format!("{other}.entry[{index}]"),
    }
}

/// A Bundle's entry is known by members that no other R4 `entry` has.
fn looks_like_an_entry(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let entry = json::parse_within(text, ENTRY_LIMITS);
    entry.is_ok_and(|entry| ["resource", "fullUrl", "request", "response"].iter().any(|name| entry.get(name).is_some()))
}

fn is_kind_name(kind: &str) -> bool {
    kind.len() <= 64 && kind.starts_with(|first: char| first.is_ascii_uppercase()) && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether the file has one value per line. The first line decides: it is whole, or it is broken off where a value that
/// goes on would not be.
fn is_by_line(text: &[u8], name_hint: &str) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let ends = text.iter().any(|byte| *byte == b'\n');
    let second_begins = lines.next().map(|line| line.starts_with(b"{"));
    if is_whole(first) {
        return first.starts_with(b"{") && (second_begins.is_some() || is_line_name(name_hint));
    }
    if is_line_name(name_hint) {
        return ends && first != b"{" && second_begins != Some(false);
    }
    let goes_on = first.ends_with(b"{") || first.ends_with(b"[") || first.ends_with(b",") || first.ends_with(b":");
    ends && second_begins == Some(true) && !goes_on
}

fn is_line_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".ndjson") || name.ends_with(".jsonl")
}

/// Whether the brackets of a line close.
fn is_whole(line: &[u8]) -> bool {
    let Ok(input) = Input::open(line) else {
        return false;
    };
    let mut scanner = Scanner::new(input);
    matches!(scanner.value(), Ok(Ok(()))) && matches!(scanner.peek(), Ok(None))
}

#[cfg(test)]
#[path = "fhir_tests.rs"]
mod tests;
