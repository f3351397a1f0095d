//! FHIR R4 in JSON: a resource, a Bundle of any type, an array of resources, or one of these per line (NDJSON); gzipped or
//! not. What a file is, its content says; its name only breaks a tie.
//!
//! A Bundle is never held whole: its entries are cut out of the stream one by one. Who issued the short ids of a Bundle
//! (its `link[self]`, `meta.source` or `identifier`) therefore counts only where it stands before `entry`, as FHIR's own
//! order has it.

use super::bundle::{Head, MAX_HEAD, Members, looks_like_an_entry};
use super::input::{Damage, Input};
use super::items::{ENTRY_LIMITS, Flow, GO_ON, Items, NOT_UTF_8, TOO_LARGE, entry_of, flow};
use super::scan::{Fault, Scanner};
use super::sniff::is_by_line;
use super::tally::Tally;
use super::{Draft, MAX_ENTRY, Outcome, Summary};
use crate::error::Result;
use crate::record::json::{self, MALFORMED};
use crate::record::traits::Traits;
use std::io::Read;
use std::ops::ControlFlow;

/// Bytes looked at to tell lines from one document.
const PREFIX: usize = 64 << 10;

/// Most patients looked at in one file: who has more in a record is asked about the first of them.
const MAX_PATIENTS: usize = 1_000;
/// What stands in every Patient, and in few others.
const PATIENT: &str = "\"Patient\"";

const EMPTY: &str = "the file is empty";
const NOT_JSON: &str = "not FHIR in JSON: ask the source for FHIR JSON or NDJSON";
const UTF_16: &str = "the text is in UTF-16: save it as UTF-8";
const CUT: &str = "the file ends early: what came before was read";
const LINE_END: &str = "the line ends inside a resource";
const DAMAGED: &str = "the compressed file is damaged or ends early: what came before was read";
const EXPANDS: &str =
    "the compressed file expands far beyond what health data does: reading stopped";
const TWO_ENTRIES: &str = "the bundle has its entries twice: only the first were read";

/// Reads a FHIR file into `sink`, which may stop the reading. Only a failure of `input` itself is an error.
pub fn read_fhir(
    input: impl Read,
    name_hint: &str,
    sink: &mut dyn FnMut(Outcome) -> ControlFlow<()>,
) -> Result<Summary> {
    read(input, name_hint, None, sink)
}

/// Whom a FHIR file is about: what its Patient resources say, each once. Only values that hold the word are parsed.
pub fn read_patients(input: impl Read, name_hint: &str) -> Result<Patients> {
    let mut found = Vec::new();
    let summary = read(input, name_hint, Some(PATIENT), &mut |outcome| {
        let patient = match &outcome {
            Outcome::Draft(draft) if draft.resource.kind == "Patient" => patient_of(draft),
            _ => None,
        };
        let patient = patient.filter(|patient| !found.contains(patient));
        found.extend(patient.filter(|_| found.len() < MAX_PATIENTS));
        ControlFlow::Continue(())
    })?;
    Ok(Patients {
        traits: found,
        hash: summary.hash,
        format: summary.format,
    })
}

/// What a draft of a Patient says of them.
pub fn patient_of(draft: &Draft) -> Option<Traits> {
    let patient = json::parse(&draft.text).ok()?;
    Some(Traits::of_patient(&patient))
}

fn read(
    input: impl Read,
    name_hint: &str,
    only: Option<&'static str>,
    sink: &mut dyn FnMut(Outcome) -> ControlFlow<()>,
) -> Result<Summary> {
    let mut reader = Reader {
        scanner: Scanner::new(Input::open(input)?),
        items: Items {
            sink,
            tally: Tally::default(),
            only,
        },
    };
    let gzip = reader.scanner.is_gzip();
    let stopped = reader.file(name_hint)?.is_break();
    let Reader { scanner, items } = reader;
    let tally = items.tally;
    Ok(Summary {
        format: tally.format(gzip),
        hash: if stopped { [0; 32] } else { scanner.finish()? },
        warnings: tally.warnings(),
        stopped,
    })
}

/// Whom a file is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patients {
    /// What each of its patients is told apart by.
    pub traits: Vec<Traits>,
    /// BLAKE3 of all bytes of the file.
    pub hash: [u8; 32],
    /// As in [`Summary::format`].
    pub format: &'static str,
}

struct Reader<'s, R: Read> {
    scanner: Scanner<R>,
    items: Items<'s>,
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
            return self.items.refuse("file".to_owned(), reason);
        }
        loop {
            self.scanner.start_tape(0);
            self.scanner.skip_space(false)?;
            let location = self.place();
            match self.scanner.peek()? {
                None if self.scanner.damage().is_some() && !self.items.tally.cut => {
                    return self.broken(location, Fault::Cut);
                }
                None => return GO_ON,
                Some(b'{') => flow!(self.object(location)),
                Some(b'[') if self.items.tally.values == 0 => flow!(self.array()),
                Some(_) => {
                    flow!(self.items.refuse(location, MALFORMED.0));
                    if !self.resume()? {
                        return GO_ON;
                    }
                }
            }
            self.items.tally.values += 1;
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
        let mark: usize = if prefix.starts_with(&[0xef, 0xbb, 0xbf]) {
            3
        } else {
            0
        };
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
        self.items.tally.lines = by_line;
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
        flow!(self.items.refuse(location, reason));
        self.items.tally.cut |= fault == Fault::Cut;
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
            None => self.items.refuse(location, TOO_LARGE),
            Some(bytes) => {
                let flow = self.items.item(&bytes, &location);
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
            stop!(self.items.refuse(location.to_owned(), TWO_ENTRIES));
        }
        let twice = members.streamed;
        members.streamed |= members.is_a_bundle();
        let head = members.read_head();
        step!(self.scanner.expect(b"[")?);
        self.scanner.skip_space(true)?;
        if self.scanner.peek()? == Some(b']') {
            self.scanner.take(1);
            self.items.tally.empty_bundles += u64::from(members.streamed);
            self.items.tally.fhir |= members.streamed;
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
            members.streamed |= index == 0
                && self
                    .scanner
                    .tape_from(start)
                    .is_some_and(looks_like_an_entry);
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
            return self.items.refuse(location, TOO_LARGE);
        };
        let text = std::str::from_utf8(tape.get(start..).unwrap_or_default());
        if text.is_ok_and(|text| !self.items.wants(text)) {
            self.scanner.reuse_tape(tape);
            return GO_ON;
        }
        let flow = match text.map(|text| json::parse_within(text, ENTRY_LIMITS)) {
            Err(_) => self.items.refuse(location, NOT_UTF_8),
            Ok(Err(refusal)) => self.items.refuse(location, refusal.0),
            Ok(Ok(entry)) => self.items.entry(&entry, &location, head, 1),
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
                None => self.items.refuse(location, TOO_LARGE),
                Some(bytes) => self.items.item(&bytes, &location),
            });
            match self.scanner.expect(b",]")? {
                Ok(b',') => (),
                Ok(_) => break,
                Err(fault) => return self.broken("file".to_owned(), fault),
            }
        }
        GO_ON
    }
}

#[cfg(test)]
#[path = "fhir_tests.rs"]
mod tests;
