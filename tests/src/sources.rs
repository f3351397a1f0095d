//! Reads Rust source as tokens with the module they stand in: enough to see which room uses which, blind to comments and
//! strings.

/// One token and the inline modules it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// An identifier, `::`, or one other character.
    pub text: String,
    /// Names of the inline `mod name { … }` around it, outermost first.
    pub inside: Vec<String>,
}

/// The tokens of a source file.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut open: Vec<Option<String>> = Vec::new();
    let mut found: Vec<Token> = Vec::new();
    for text in words(source) {
        if text == "}" {
            open.pop();
        }
        let inside = open.iter().flatten().cloned().collect();
        if text == "{" {
            open.push(module_opened_by(&found));
        }
        found.push(Token { text, inside });
    }
    found
}

fn module_opened_by(before: &[Token]) -> Option<String> {
    match before {
        [.., keyword, name] if keyword.text == "mod" => Some(name.text.clone()),
        _ => None,
    }
}

fn words(source: &str) -> Vec<String> {
    let letters: Vec<char> = source.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let skipped = skip_silent(rest);
        if skipped > 0 {
            at += skipped;
            continue;
        }
        let length = word_length(rest);
        words.push(rest[..length].iter().collect());
        at += length;
    }
    words
}

fn word_length(rest: &[char]) -> usize {
    if rest.starts_with(&[':', ':']) {
        return 2;
    }
    let letters = rest.iter().take_while(|c| is_name(**c)).count();
    letters.max(1)
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// How many characters of white space, comment or literal stand here.
fn skip_silent(rest: &[char]) -> usize {
    match rest {
        [first, ..] if first.is_whitespace() => 1,
        ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => skip_block_comment(rest),
        ['b' | 'c', '"', ..] => 1 + skip_string(&rest[1..]),
        ['b', '\'', ..] => 1 + skip_character(&rest[1..]),
        ['r', '"' | '#', ..] => skip_raw_string(rest, 1),
        ['b', 'r', '"' | '#', ..] => skip_raw_string(rest, 2),
        ['"', ..] => skip_string(rest),
        ['\'', ..] => skip_character(rest),
        _ => 0,
    }
}

fn skip_block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn skip_string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn skip_raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        return 0; // a raw identifier
    }
    let mut close = vec!['"'];
    close.resize(hashes + 1, '#');
    let start = prefix + hashes + 1;
    let length = rest[start..]
        .windows(close.len())
        .position(|window| window == close)
        .unwrap_or(rest.len() - start);
    start + length + close.len()
}

/// A character literal, or the quote of a lifetime or label.
fn skip_character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => {
            let close = rest.iter().skip(3).position(|c| *c == '\'');
            close.map_or(1, |at| at + 4)
        }
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// Every path of `module` (such as `["store", "schema"]`, the file's own place) that starts at the crate's root, as the name
/// of the room it reaches: `crate::x`, `use crate::{x, y::z}`, and as many `super::` as lead there.
pub fn rooms_reached(source: &str, module: &[&str]) -> Vec<(String, bool)> {
    let tokens = tokens(source);
    let mut reached = Vec::new();
    for at in 0..tokens.len() {
        let inside = &tokens[at].inside;
        let in_tests = inside.iter().any(|name| name == "tests");
        let depth = module.len() + inside.len();
        if let Some(rest) = after_root(&tokens, at, depth) {
            let names = names_here(&tokens[rest..]);
            reached.extend(names.into_iter().map(|name| (name, in_tests)));
        }
    }
    reached
}

/// Where the path goes on when the one beginning at `at` starts at the crate's root.
fn after_root(tokens: &[Token], at: usize, depth: usize) -> Option<usize> {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let continues = at > 0 && text(at - 1) == "::";
    if text(at) == "crate" && text(at + 1) == "::" {
        return Some(at + 2);
    }
    if continues || text(at) != "super" {
        return None;
    }
    let mut supers = 0;
    while text(at + 2 * supers) == "super" && text(at + 2 * supers + 1) == "::" {
        supers += 1;
    }
    (supers > 0 && supers >= depth).then_some(at + 2 * supers)
}

/// The first names of a path, or of each branch of a group.
fn names_here(rest: &[Token]) -> Vec<String> {
    let Some(first) = rest.first() else {
        return Vec::new();
    };
    if first.text != "{" {
        return vec![first.text.clone()];
    }
    let (mut depth, mut names, mut expect) = (0, Vec::new(), true);
    for token in rest {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expect = true,
            name if depth == 1 && expect => {
                names.push(name.to_owned());
                expect = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}
