//! Cuts a stream of JSON into values without parsing them: the least that lets a bundle of any size be read entry by entry.
//!
//! Only brackets, strings and white space are looked at; every piece is parsed strictly afterwards. What lies between the
//! pieces (commas, colons, names) is checked here.

use super::input::{Damage, Input};
use std::io::{self, Read};

/// Why a step could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end inside a value.
    Cut,
    /// The line ends inside a value that may not go beyond its line.
    LineEnd,
    /// It is not JSON.
    Malformed,
}

/// The result of a step: the outer error is the file's, the inner one the text's.
pub type Step<T> = io::Result<Result<T, Fault>>;

/// A file as a stream of JSON.
pub struct Scanner<R: Read> {
    input: Input<R>,
    prefix: Vec<u8>,
    prefix_at: usize,
    line: u64,
    tape: Tape,
    /// Whether a value may not go beyond its line.
    pub by_line: bool,
}

/// A copy of the bytes that were taken since it was started, up to a length.
#[derive(Default)]
struct Tape {
    bytes: Vec<u8>,
    most: usize,
    overflowed: bool,
}

impl Tape {
    fn add(&mut self, bytes: &[u8]) {
        if self.overflowed || self.bytes.len() + bytes.len() > self.most {
            self.overflowed = true;
            self.bytes.clear();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// The bracket and string state of a value.
#[derive(Default)]
struct Nesting {
    depth: u64,
    in_string: bool,
    escaped: bool,
    scalar: bool,
}

/// What a byte does to a value.
enum Effect {
    Goes,
    EndsAfter,
    EndsBefore,
    Breaks,
}

impl Nesting {
    fn take(&mut self, byte: u8) -> Effect {
        if self.in_string {
            return self.take_in_string(byte);
        }
        match byte {
            b'"' if self.scalar => Effect::Breaks,
            b'"' => {
                self.in_string = true;
                Effect::Goes
            }
            b'{' | b'[' if self.scalar => Effect::Breaks,
            b'{' | b'[' => {
                self.depth += 1;
                Effect::Goes
            }
            b'}' | b']' if self.depth == 0 => Effect::EndsBefore,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    Effect::EndsAfter
                } else {
                    Effect::Goes
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => Effect::EndsBefore,
            _ => {
                self.scalar = self.depth == 0;
                Effect::Goes
            }
        }
    }

    fn take_in_string(&mut self, byte: u8) -> Effect {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                if self.depth == 0 {
                    return Effect::EndsAfter;
                }
            }
            // A string never holds a bare line end: what follows is not lost with it.
            b'\n' => return Effect::Breaks,
            _ => (),
        }
        Effect::Goes
    }
}

impl<R: Read> Scanner<R> {
    /// A scanner at the beginning of a file.
    pub fn new(input: Input<R>) -> Self {
        Self {
            input,
            prefix: Vec::new(),
            prefix_at: 0,
            line: 1,
            tape: Tape::default(),
            by_line: false,
        }
    }

    /// Why the bytes ended early, if they did.
    pub fn damage(&self) -> Option<Damage> {
        self.input.damage()
    }

    /// The number of the line the next byte is on, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Begins to copy what is taken, `most` bytes at most: beyond them the copy is dropped.
    pub fn start_tape(&mut self, most: usize) {
        self.tape.bytes.clear();
        self.tape.most = most;
        self.tape.overflowed = false;
    }

    /// How much was copied.
    pub fn tape_length(&self) -> usize {
        self.tape.bytes.len()
    }

    /// What was copied from there on; `None` when it was too much.
    pub fn tape_from(&self, start: usize) -> Option<&[u8]> {
        let kept = !self.tape.overflowed;
        kept.then(|| self.tape.bytes.get(start..)).flatten()
    }

    /// Hands out the copy; `None` when it was too much.
    pub fn take_tape(&mut self) -> Option<Vec<u8>> {
        let bytes = std::mem::take(&mut self.tape.bytes);
        (!self.tape.overflowed).then_some(bytes)
    }

    /// Gives the memory of a copy back.
    pub fn reuse_tape(&mut self, bytes: Vec<u8>) {
        self.tape.bytes = bytes;
    }

    /// Whether the file is compressed.
    pub fn is_gzip(&self) -> bool {
        self.input.is_gzip()
    }

    /// The hash of the whole file.
    pub fn finish(self) -> io::Result<[u8; 32]> {
        self.input.finish()
    }

    /// The first bytes of the file, `most` of them if there are so many: how a reader cuts its chunks must not matter.
    pub fn prefix(&mut self, most: usize) -> io::Result<&[u8]> {
        while self.prefix.len() < most {
            let bytes = self.input.fill()?;
            if bytes.is_empty() {
                break;
            }
            self.prefix.extend_from_slice(bytes);
            let count = bytes.len();
            self.input.consume(count);
        }
        Ok(&self.prefix)
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        if self.prefix_at < self.prefix.len() {
            return Ok(self.prefix.get(self.prefix_at..).unwrap_or_default());
        }
        self.input.fill()
    }

    /// Takes bytes without looking at them; none may be a line end.
    pub fn take(&mut self, count: usize) {
        let from_prefix = self.prefix_at < self.prefix.len();
        let bytes = if from_prefix {
            self.prefix.get(self.prefix_at..)
        } else {
            Some(self.input.buffered())
        };
        self.tape.add(
            bytes
                .and_then(|bytes| bytes.get(..count))
                .unwrap_or_default(),
        );
        if from_prefix {
            self.prefix_at += count;
        } else {
            self.input.consume(count);
        }
    }

    /// The next byte.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill()?.first().copied())
    }

    /// Skips white space: all of it between values, up to the line end inside a value that may not go beyond it.
    pub fn skip_space(&mut self, inside_value: bool) -> io::Result<()> {
        while let Some(byte) = self.peek()? {
            match byte {
                b'\n' if inside_value && self.by_line => break,
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => (),
                _ => break,
            }
            self.take(1);
        }
        Ok(())
    }

    /// Skips to the end of the line.
    pub fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.fill()?;
            match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    self.take(at);
                    return Ok(());
                }
                None if bytes.is_empty() => return Ok(()),
                None => {
                    let count = bytes.len();
                    self.take(count);
                }
            }
        }
    }

    /// Takes the byte that must come next inside a value, after white space.
    pub fn expect(&mut self, allowed: &[u8]) -> Step<u8> {
        self.skip_space(true)?;
        Ok(match self.peek()? {
            Some(byte) if allowed.contains(&byte) => {
                self.take(1);
                Ok(byte)
            }
            Some(b'\n') => Err(Fault::LineEnd),
            Some(_) => Err(Fault::Malformed),
            None => Err(Fault::Cut),
        })
    }

    /// Takes one value.
    pub fn value(&mut self) -> Step<()> {
        let mut nesting = Nesting::default();
        let mut taken = false;
        loop {
            let by_line = self.by_line;
            let bytes = self.fill()?;
            if bytes.is_empty() {
                return Ok(if nesting.scalar {
                    Ok(())
                } else {
                    Err(Fault::Cut)
                });
            }
            let (count, lines, end) = walk(&mut nesting, bytes, by_line);
            taken |= count > 0;
            self.take(count);
            self.line += lines;
            match end {
                Some(Ok(())) if !taken => return Ok(Err(Fault::Malformed)),
                Some(end) => return Ok(end),
                None => (),
            }
        }
    }
}

/// Walks as far as the value goes: bytes taken, line ends among them, and how it ended if it did.
fn walk(
    nesting: &mut Nesting,
    bytes: &[u8],
    by_line: bool,
) -> (usize, u64, Option<Result<(), Fault>>) {
    let mut lines = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' && by_line && (nesting.depth > 0 || nesting.in_string) {
            return (at, lines, Some(Err(Fault::LineEnd)));
        }
        match nesting.take(*byte) {
            Effect::Goes => lines += u64::from(*byte == b'\n'),
            Effect::EndsAfter => return (at + 1, lines, Some(Ok(()))),
            Effect::EndsBefore => return (at, lines, Some(Ok(()))),
            Effect::Breaks => return (at, lines, Some(Err(Fault::Malformed))),
        }
    }
    (bytes.len(), lines, None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A reader that gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1);
            self.0.read(buffer.get_mut(..count).unwrap())
        }
    }

    fn value(
        text: &str,
        most: usize,
        by_line: bool,
    ) -> (Result<(), Fault>, Option<String>, Option<u8>) {
        let mut answers = Vec::new();
        let readers: [Box<dyn Read>; 2] =
            [Box::new(text.as_bytes()), Box::new(Drip(text.as_bytes()))];
        for reader in readers {
            let mut scanner = Scanner::new(Input::open(reader).unwrap());
            scanner.by_line = by_line;
            scanner.start_tape(most);
            let end = scanner.value().unwrap();
            let copied = scanner
                .take_tape()
                .map(|bytes| String::from_utf8(bytes).unwrap());
            answers.push((end, copied, scanner.peek().unwrap()));
        }
        assert_eq!(answers.first(), answers.last());
        answers.pop().unwrap()
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, expected) in [
            (r#"{"a":"}\"]{"} ,"#, r#"{"a":"}\"]{"}"#),
            ("[[],{}]]", "[[],{}]"),
            (r#""a\\"x"#, r#""a\\""#),
            ("12.5,", "12.5"),
            ("true}", "true"),
            ("null", "null"),
        ] {
            let (end, copied, _) = value(text, 100, false);
            assert_eq!((end, copied.as_deref()), (Ok(()), Some(expected)));
        }
    }

    #[test]
    fn a_long_value_is_walked_and_its_copy_dropped() {
        assert_eq!(
            value("[1,2,3,4,5,6],", 12, false),
            (Ok(()), None, Some(b','))
        );
        assert!(value("[1,2,3,4,5,6],", 13, false).1.is_some());
    }

    #[test]
    fn what_is_cut_or_broken_says_so() {
        let end = |text, by_line| value(text, 100, by_line).0;
        assert_eq!(end("{\"a\":[", false), Err(Fault::Cut));
        assert_eq!(end("\"a", false), Err(Fault::Cut));
        assert_eq!(end(",", false), Err(Fault::Malformed));
        assert_eq!(end("{\"a\n\":1}", false), Err(Fault::Malformed));
        assert_eq!(end("{\"a\":\n1}", false), Ok(()));
        assert_eq!(end("{\"a\":\n1}", true), Err(Fault::LineEnd));
        assert_eq!(end("12{", false), Err(Fault::Malformed));
    }

    #[test]
    fn lines_are_counted() {
        let mut scanner = Scanner::new(Input::open(&b"\n{\n\n}\n1"[..]).unwrap());
        scanner.skip_space(false).unwrap();
        assert_eq!(scanner.line(), 2);
        scanner.value().unwrap().unwrap();
        scanner.skip_space(false).unwrap();
        assert_eq!((scanner.line(), scanner.peek().unwrap()), (5, Some(b'1')));
    }
}
