//! Whether a file has one value per line, told from its first bytes.

use super::input::Input;
use super::scan::Scanner;

/// Whether the file has one value per line. The first line decides: it is whole, or it is broken off where a value that
/// goes on would not be.
pub(super) fn is_by_line(text: &[u8], name_hint: &str) -> bool {
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let ends = text.contains(&b'\n');
    let second_begins = lines.next().map(|line| line.starts_with(b"{"));
    if is_whole(first) {
        return first.starts_with(b"{") && (second_begins.is_some() || is_line_name(name_hint));
    }
    if is_line_name(name_hint) {
        return ends && first != b"{" && !first.ends_with(b"[") && second_begins != Some(false);
    }
    let goes_on = first.ends_with(b"{")
        || first.ends_with(b"[")
        || first.ends_with(b",")
        || first.ends_with(b":");
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
