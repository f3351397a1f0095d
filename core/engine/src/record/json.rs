//! JSON as a health record needs it: strict, bounded, and borrowed from the text it was read from.
//!
//! Readers of resources need this module; nobody else does. Why not `serde_json::Value`: it keeps the last of two equal
//! keys (two readers of one text then see two contents), with `arbitrary_precision` it takes an object holding its private
//! number key for a number, its depth and number length cannot be bounded, and it allocates every string. This reader
//! accepts a subset of what `serde_json` accepts (a property test holds it to that), borrows, and remembers the slice of
//! text every object came from, so that the resource inside a bundle entry is kept byte for byte without a second parse.

use std::borrow::Cow;

/// Why a text was refused: a constant sentence, never a quotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub &'static str);

/// Most bytes in the text of one resource.
pub const MAX_TEXT: usize = 16 << 20;
/// Deepest nesting of arrays and objects in one resource.
pub const MAX_DEPTH: u32 = 64;
/// Most characters in one number.
pub const MAX_NUMBER: usize = 64;
/// Most values (of any type) in one resource.
pub const MAX_NODES: u32 = 200_000;

/// The text is over [`MAX_TEXT`].
pub const TOO_LONG: Refusal = Refusal("the resource is larger than 16 MiB");
/// The nesting is over [`MAX_DEPTH`].
pub const TOO_DEEP: Refusal = Refusal("nested more than 64 levels deep");
/// A number is over [`MAX_NUMBER`].
pub const NUMBER_TOO_LONG: Refusal = Refusal("a number has more than 64 characters");
/// The values are over [`MAX_NODES`].
pub const TOO_MANY_VALUES: Refusal = Refusal("more than 200,000 values in one resource");
/// Not JSON.
pub const MALFORMED: Refusal = Refusal("not well-formed JSON");
/// Two members of one object have the same name.
pub const DUPLICATE_KEY: Refusal = Refusal("an object has the same member twice");
/// A `\u` escape names half a character.
pub const LONE_SURROGATE: Refusal = Refusal("a text holds half of a UTF-16 pair");
/// The root is not an object.
pub const NOT_AN_OBJECT: Refusal = Refusal("not a JSON object");

/// A parsed value, borrowed from its text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(&'t str),
    /// A string, unescaped.
    String(Cow<'t, str>),
    /// An array.
    Array(Vec<Value<'t>>),
    /// An object.
    Object(Object<'t>),
}

/// A parsed object that remembers its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<'t> {
    text: &'t str,
    members: Vec<(Cow<'t, str>, Value<'t>)>,
    nodes: u32,
    height: u32,
}

/// What a parse may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting.
    pub depth: u32,
    /// Most values.
    pub nodes: u32,
}

impl Limits {
    /// The limits of one resource.
    pub const RESOURCE: Self = Self {
        depth: MAX_DEPTH,
        nodes: MAX_NODES,
    };
}

impl<'t> Value<'t> {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object<'t>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The elements, if it is an array; the value itself as the only element otherwise.
    pub fn elements(&self) -> &[Value<'t>] {
        match self {
            Self::Array(elements) => elements,
            other => std::slice::from_ref(other),
        }
    }
}

impl<'t> Object<'t> {
    /// The exact text this object was read from.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The members, in the order they were written.
    pub fn members(&self) -> &[(Cow<'t, str>, Value<'t>)] {
        &self.members
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Value<'t>> {
        let found = self.members.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    /// The member of that name, if it is a string that says something.
    pub fn str(&self, name: &str) -> Option<&str> {
        let text = self.get(name)?.as_str()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// The member of that name, if it is an object, or the first object of an array.
    pub fn object(&self, name: &str) -> Option<&Object<'t>> {
        self.get(name)?.elements().first()?.as_object()
    }

    /// The elements of the member of that name; empty when there is none.
    pub fn elements(&self, name: &str) -> &[Value<'t>] {
        self.get(name).map_or(&[], Value::elements)
    }

    /// The objects of the member of that name.
    pub fn objects(&self, name: &str) -> impl Iterator<Item = &Object<'t>> {
        self.elements(name).iter().filter_map(Value::as_object)
    }

    /// The value at a dotted path; where there is an array, its first element.
    pub fn at(&self, path: &str) -> Option<&Value<'t>> {
        match path.split_once('.') {
            None => self.get(path)?.elements().first(),
            Some((name, rest)) => self.object(name)?.at(rest),
        }
    }

    /// Refuses an object that could not be read again from its own text under `limits` and [`MAX_TEXT`]: it may have been
    /// read as a part of something larger, under wider ones.
    pub fn check(&self, limits: Limits) -> Result<(), Refusal> {
        if self.text.len() > MAX_TEXT {
            return Err(TOO_LONG);
        }
        if self.height > limits.depth {
            return Err(TOO_DEEP);
        }
        if self.nodes > limits.nodes {
            return Err(TOO_MANY_VALUES);
        }
        Ok(())
    }
}

/// Reads a text that is one object under the limits of a resource.
pub fn parse(text: &str) -> Result<Object<'_>, Refusal> {
    if text.len() > MAX_TEXT {
        return Err(TOO_LONG);
    }
    parse_within(text, Limits::RESOURCE)
}

/// Reads a text that is one object under other limits; the caller bounds its length.
pub fn parse_within(text: &str, limits: Limits) -> Result<Object<'_>, Refusal> {
    let mut parser = Parser {
        text,
        at: 0,
        nodes: 0,
        limits,
    };
    parser.skip_white_space();
    let (value, _) = parser.value(0)?;
    parser.skip_white_space();
    match value {
        _ if parser.at < text.len() => Err(MALFORMED),
        Value::Object(object) => Ok(object),
        _ => Err(NOT_AN_OBJECT),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nodes: u32,
    limits: Limits,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, start: usize) -> Result<&'t str, Refusal> {
        self.text.get(start..self.at).ok_or(MALFORMED)
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, literal: &str) -> Result<(), Refusal> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal.as_bytes()) {
            return Err(MALFORMED);
        }
        self.at += literal.len();
        Ok(())
    }

    /// A value and the height of its nesting: 0 for a scalar.
    fn value(&mut self, depth: u32) -> Result<(Value<'t>, u32), Refusal> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(TOO_MANY_VALUES);
        }
        let scalar = match self.peek() {
            Some(b'{') => return self.object(self.deeper(depth)?),
            Some(b'[') => return self.array(self.deeper(depth)?),
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.take("true").map(|()| Value::Bool(true))?,
            Some(b'f') => self.take("false").map(|()| Value::Bool(false))?,
            Some(b'n') => self.take("null").map(|()| Value::Null)?,
            _ => Value::Number(self.number()?),
        };
        Ok((scalar, 0))
    }

    fn deeper(&self, depth: u32) -> Result<u32, Refusal> {
        let within = depth < self.limits.depth;
        within.then_some(depth + 1).ok_or(TOO_DEEP)
    }

    fn object(&mut self, depth: u32) -> Result<(Value<'t>, u32), Refusal> {
        let (start, nodes_before) = (self.at, self.nodes - 1);
        let (mut members, mut height) = (Vec::new(), 0);
        self.at += 1;
        self.skip_white_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let name = self.string()?;
                self.skip_white_space();
                self.take(":")?;
                self.skip_white_space();
                let (value, below) = self.value(depth)?;
                height = below.max(height);
                members.push((name, value));
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        if has_duplicates(&members) {
            return Err(DUPLICATE_KEY);
        }
        let object = Object {
            text: self.slice(start)?,
            members,
            nodes: self.nodes - nodes_before,
            height: height + 1,
        };
        Ok((Value::Object(object), height + 1))
    }

    fn array(&mut self, depth: u32) -> Result<(Value<'t>, u32), Refusal> {
        let (mut elements, mut height) = (Vec::new(), 0);
        self.at += 1;
        self.skip_white_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok((Value::Array(elements), 1));
        }
        loop {
            let (value, below) = self.value(depth)?;
            height = below.max(height);
            elements.push(value);
            if self.ends(b']')? {
                return Ok((Value::Array(elements), height + 1));
            }
        }
    }

    /// After a member or element: whether the container ends here; else stands at the next one.
    fn ends(&mut self, close: u8) -> Result<bool, Refusal> {
        self.skip_white_space();
        let next = self.peek().ok_or(MALFORMED)?;
        self.at += 1;
        if next != close && next != b',' {
            return Err(MALFORMED);
        }
        if next == b',' {
            self.skip_white_space();
        }
        Ok(next == close)
    }

    fn number(&mut self) -> Result<&'t str, Refusal> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.peek() {
            self.at += 1;
            if self.at - start > MAX_NUMBER {
                return Err(NUMBER_TOO_LONG);
            }
        }
        let literal = self.slice(start)?;
        is_number(literal).then_some(literal).ok_or(MALFORMED)
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Refusal> {
        self.take("\"")?;
        let start = self.at;
        self.skip_plain()?;
        let plain = self.slice(start)?;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::from(plain);
        while self.peek() == Some(b'\\') {
            self.at += 1;
            text.push(self.escape()?);
            let start = self.at;
            self.skip_plain()?;
            text.push_str(self.slice(start)?);
        }
        self.at += 1;
        Ok(Cow::Owned(text))
    }

    /// Moves to the next quote or backslash.
    fn skip_plain(&mut self) -> Result<(), Refusal> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let length = rest.iter().position(special).ok_or(MALFORMED)?;
        self.at += length;
        match self.peek() {
            Some(b'"' | b'\\') => Ok(()),
            _ => Err(MALFORMED),
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let kind = self.peek().ok_or(MALFORMED)?;
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(MALFORMED),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Refusal> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(LONE_SURROGATE);
        }
        self.take("\\u").map_err(|_| LONE_SURROGATE)?;
        let second = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(LONE_SURROGATE);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(LONE_SURROGATE)
    }

    fn four_digits(&mut self) -> Result<u32, Refusal> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(MALFORMED)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(MALFORMED);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| MALFORMED)
    }
}

/// The number grammar of RFC 8259.
fn is_number(literal: &str) -> bool {
    let unsigned = literal.strip_prefix('-').unwrap_or(literal);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

fn has_duplicates(members: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    /// Up to here comparing every pair is faster than sorting.
    const FEW: usize = 16;
    if members.len() <= FEW {
        let earlier = |at: usize| members.iter().take(at);
        let mut pairs = members.iter().enumerate();
        return pairs.any(|(at, (name, _))| earlier(at).any(|(other, _)| other == name));
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair.first() == pair.last())
}

/// Appends the canonical form: no white space, members sorted by the bytes of their names, numbers as written, strings with
/// the fewest escapes (`\"`, `\\`, and `\u00xx` below U+0020).
pub fn write_canonical(object: &Object<'_>, out: &mut String) {
    let mut members: Vec<_> = object.members.iter().collect();
    members.sort_unstable_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
    out.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

fn write_value(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(literal) => out.push_str(literal),
        Value::String(text) => write_string(text, out),
        Value::Object(object) => write_canonical(object, out),
        Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(element, out);
            }
            out.push(']');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    if text
        .bytes()
        .any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
    {
        text.chars()
            .for_each(|character| write_escaped(character, out));
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn write_escaped(character: char, out: &mut String) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\0'..='\u{1f}' => {
            out.push_str(if character < '\u{10}' {
                "\\u000"
            } else {
                "\\u001"
            });
            out.push(HEX[character as usize & 15]);
        }
        other => out.push(other),
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
