//! The attributes of one tag, by hand: the general iterator of the XML crate checks for duplicates and costs half of the time
//! a record may take (5 million of them in a gigabyte).

use std::borrow::Cow;

/// The attributes of a tag, as slices of it, entities and all.
pub(super) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Behind the name of a tag.
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    /// Ends at the first thing that is no attribute.
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (name, behind) = rest.split_at_checked(equals)?;
        let (quote, text) = behind.get(1..)?.trim_ascii_start().split_first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let end = text.iter().position(|byte| byte == quote)?;
        self.rest = text.get(end + 1..)?;
        Some((name.trim_ascii_end(), text.get(..end)?))
    }
}

/// The text of a value: the five named entities and character numbers resolved, anything else left as it stands.
pub(super) fn text(value: &[u8]) -> Cow<'_, str> {
    let plain = String::from_utf8_lossy(value);
    if !plain.contains('&') {
        return plain;
    }
    let mut resolved = String::with_capacity(plain.len());
    let mut rest = plain.as_ref();
    while let Some((before, behind)) = rest.split_once('&') {
        resolved.push_str(before);
        let entity = behind.split_once(';');
        match entity.and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                resolved.push(character);
                rest = after;
            }
            None => {
                resolved.push('&');
                rest = behind;
            }
        }
    }
    resolved.push_str(rest);
    Cow::Owned(resolved)
}

fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_in_any_order_and_spacing() {
        let tag = b" type=\"A\"\n  value = '1 > \"0\"'\tempty=\"\" /";
        let found: Vec<_> = Attributes::new(tag).collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"type", b"A"), (b"value", b"1 > \"0\""), (b"empty", b"")];
        assert_eq!(found, expected);
        for broken in [&b" a"[..], b" a=", b" a=b", b" a=\"b", b"=", b""] {
            assert!(Attributes::new(broken).count() <= 1);
        }
    }

    #[test]
    fn entities_are_resolved_and_what_is_none_stays() {
        for (written, read) in [
            ("Simon\u{2019}s", "Simon\u{2019}s"),
            ("&lt;&lt;HKDevice: 0x1&gt;", "<<HKDevice: 0x1>"),
            ("a &amp; b &#233;&#xe9;", "a & b éé"),
            ("a & b &x; &#xffffff; &", "a & b &x; &#xffffff; &"),
        ] {
            assert_eq!(text(written.as_bytes()), read);
        }
    }
}
