//! `carnet documents` and `carnet attachment`: what was kept as it came, and its bytes back.

use super::export::{beside, must_be_free, settle};
use super::person::short;
use crate::arguments::documents::{Attachment, Documents};
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::CliResult;
use crate::format::{clean, display, size, when};
use crate::json;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::{documents, message};
use carnet::vault::{DocumentBytes, DocumentRow, Filter};
use serde_json::json;
use std::io::{BufWriter, Write};

/// Lists documents.
pub fn list(arguments: &Documents, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let named = arguments.person.as_deref();
    let person = named
        .map(|name| context::person(vault.persons()?, Some(name)))
        .transpose()?;
    let filter = Filter {
        record: person.map(|person| person.record),
        limit: arguments.limit,
        ..Filter::default()
    };
    let found = vault.documents(&filter)?;
    let console = &mut context.console;
    match console.json {
        true => console.json(&json::documents::documents(&found, console.language)),
        false => print(console, &found),
    }
}

fn print(console: &mut Console, found: &[DocumentRow]) -> CliResult {
    let language = console.language;
    let columns = [
        Column::new(message::H_WHEN),
        Column::new(message::H_WHAT),
        Column::new(message::H_FORMAT),
        Column::number(documents::H_SIZE),
        Column::spare(message::H_SOURCE),
        Column::new(message::H_ID),
    ];
    let rows: Vec<Vec<String>> = found.iter().map(|row| cells(row, language)).collect();
    table::print(console, &columns, &rows)
}

fn cells(document: &DocumentRow, language: Language) -> Vec<String> {
    let row = &document.row;
    let bytes = document.bytes.as_ref();
    let date = row.when.as_deref().map(|text| when(text, language));
    vec![
        date.unwrap_or_default(),
        clean(display(row, language).unwrap_or_else(|| documents::UNTITLED.pick(language))),
        clean(bytes.map_or("", |bytes| &bytes.media_type)),
        bytes.map_or_else(String::new, |bytes| size(bytes.size, language)),
        clean(&row.source),
        short(&row.id.to_string()),
    ]
}

/// What `show` says of the document behind an item.
pub fn original_line(bytes: &DocumentBytes, id: &str, language: Language) -> String {
    let text = match bytes.here {
        true => documents::ORIGINAL,
        false => documents::ORIGINAL_ELSEWHERE,
    };
    let length = size(bytes.size, language);
    text.fill(language, &[&clean(&bytes.media_type), &length, &short(id)])
}

/// Writes a document's bytes to a new file.
pub fn attachment(arguments: &Attachment, context: &mut Context) -> CliResult {
    let out = &arguments.out;
    let to_stdout = out.as_os_str() == "-";
    if !to_stdout {
        must_be_free(out)?;
    }
    let vault = context.open()?;
    let id = vault.find(&arguments.id)?;
    if to_stdout {
        // Only whole documents leave: what is damaged is known at its end.
        let mut bytes = Vec::new();
        vault.write_document(id, &mut bytes)?;
        return context.console.bytes(&bytes);
    }
    let mut file = beside(out)?;
    let mut writer = BufWriter::new(&mut file);
    let length = vault.write_document(id, &mut writer)?;
    writer.flush()?;
    drop(writer);
    settle(file, out, false)?;
    let console = &mut context.console;
    let path = out.to_string_lossy();
    match console.json {
        true => console.json(&json!({ "path": path, "size": length })),
        false => {
            let length = size(length, console.language);
            console.say(documents::WRITTEN, &[&clean(&path), &length])
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use carnet::record::ids::AttachmentId;

    fn bytes(here: bool) -> DocumentBytes {
        DocumentBytes {
            id: AttachmentId([1; 16]),
            media_type: "application/pdf\u{1b}".to_owned(),
            size: 2_048,
            here,
        }
    }

    #[test]
    fn a_document_is_listed_with_its_size_and_the_way_to_it() {
        let row = DocumentRow {
            row: crate::json::tests::row(),
            bytes: Some(bytes(true)),
        };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &[row]).unwrap();
        let text = printed.text();
        assert!(text.contains("application/pdf") && text.contains("bilan.json"));
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_line_of_an_original_says_how_to_get_it() {
        let line = original_line(&bytes(true), &"3f".repeat(16), Language::En);
        assert!(line.contains("carnet attachment 3f3f"), "{line}");
        let line = original_line(&bytes(false), &"3f".repeat(16), Language::Fr);
        assert!(line.contains("synchroniser"), "{line}");
    }
}
