//! The ten-field health entry, as every library here writes it: one map of scalars under its id.

use serde_json::Value;

/// One entry.
pub struct Entry {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Text fields by name.
    pub texts: Vec<(&'static str, String)>,
    /// The measured value.
    pub value: f64,
    /// Milliseconds since 1970.
    pub at: i64,
}

const TEXTS: [&str; 8] = [
    "cat", "system", "code", "display", "unit", "author", "status", "note",
];

impl Entry {
    /// Reads a file of entries, one a line.
    pub fn read_all(file: &str) -> Vec<Self> {
        let text = std::fs::read_to_string(file).expect("a file");
        text.lines().map(Self::read).collect()
    }

    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| value[name].as_str().expect("text").to_owned();
        Self {
            id: text("id"),
            texts: TEXTS.map(|name| (name, text(name))).into(),
            value: value["value"].as_f64().expect("a number"),
            at: value["at"].as_i64().expect("a number"),
        }
    }
}
