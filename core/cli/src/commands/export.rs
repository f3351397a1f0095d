//! `carnet export`: the record in an open format. The file appears whole or not at all, and only its owner can read it.

use crate::arguments::{Export, Format};
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::passphrase_store::sync_folder;
use crate::texts::message;
use carnet::Vault;
use carnet::vault::{ExportFormat, Person};
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Exports.
pub fn run(arguments: &Export, context: &mut Context) -> CliResult {
    let to_stdout = arguments.out.as_os_str() == "-";
    if !to_stdout && !arguments.force {
        must_be_free(&arguments.out)?;
    }
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let format = format(arguments.format);
    if to_stdout {
        vault.export(person.record, format, context.console.writer())?;
        return note(&vault, &person, arguments.to.as_deref());
    }
    let count = to_file(&vault, &person, format, &arguments.out, arguments.force)?;
    note(&vault, &person, arguments.to.as_deref())?;
    let path = arguments.out.to_string_lossy();
    if context.console.json {
        return context
            .console
            .json(&json!({ "path": path, "resources": count }));
    }
    let language = context.console.language;
    let place = message::EXPORTED_TO.fill(language, &[&crate::format::clean(&path)]);
    context.console.warn(message::EXPORT_IS_PLAIN, &[]);
    context
        .console
        .line(&message::EXPORTED.fill(language, count, &[&place]))
}

/// Writes down to whom the file is given.
fn note(vault: &Vault, person: &Person, to: Option<&str>) -> CliResult {
    to.map_or(Ok(()), |to| Ok(vault.note_handover(person.record, to)?))
}

fn format(format: Format) -> ExportFormat {
    match format {
        Format::Fhir => ExportFormat::Fhir,
        Format::Ndjson => ExportFormat::Ndjson,
        Format::Archive => ExportFormat::Archive,
    }
}

/// Told before the passphrase is asked; [`settle`] makes sure.
pub fn must_be_free(out: &Path) -> CliResult {
    match out.symlink_metadata() {
        Ok(_) => Err(exists(out)),
        Err(_) => Ok(()),
    }
}

fn exists(out: &Path) -> CliError {
    CliError::said(Exit::Invalid, message::EXISTS, &[&out.to_string_lossy()])
}

fn unwritable(out: &Path) -> CliError {
    CliError::said(Exit::Other, message::UNWRITABLE, &[&out.to_string_lossy()])
}

fn to_file(
    vault: &Vault,
    person: &Person,
    format: ExportFormat,
    out: &Path,
    force: bool,
) -> CliResult<u64> {
    let mut beside = beside(out)?;
    let mut writer = BufWriter::new(&mut beside);
    let count = vault.export(person.record, format, &mut writer)?;
    writer.flush()?;
    drop(writer);
    settle(beside, out, force)?;
    Ok(count)
}

/// A temporary file in the folder of `out`, readable by its owner only, removed if it is not settled.
pub fn beside(out: &Path) -> CliResult<NamedTempFile> {
    NamedTempFile::new_in(folder(out)).map_err(|_| unwritable(out))
}

fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives the file its name, durably; replaces another only when `force` says so.
pub fn settle(file: NamedTempFile, out: &Path, force: bool) -> CliResult {
    file.as_file().sync_all()?;
    let settled = match force {
        true => file.persist(out),
        false => file.persist_noclobber(out),
    };
    match settled {
        Ok(_) => Ok(sync_folder(folder(out))?),
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(out)),
        Err(_) => Err(unwritable(out)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn write(out: &Path, text: &str, force: bool) -> CliResult {
        let mut file = beside(out)?;
        file.write_all(text.as_bytes())?;
        settle(file, out, force)
    }

    #[test]
    fn nothing_is_replaced_unless_forced_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.json");
        write(&out, "one", false).unwrap();
        assert_eq!(
            write(&out, "two", false).unwrap_err().code(),
            Exit::Invalid as u8
        );
        assert_eq!(must_be_free(&out).unwrap_err().code(), Exit::Invalid as u8);
        assert_eq!(fs::read_to_string(&out).unwrap(), "one");
        write(&out, "three", true).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it_even_where_a_wider_file_stood() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.json");
        fs::write(&out, "old").unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o644)).unwrap();
        write(&out, "new", true).unwrap();
        assert_eq!(
            fs::metadata(&out).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_missing_folder_is_told_with_the_path_as_typed() {
        let error = write(Path::new("no/such/out.json"), "x", false).unwrap_err();
        let line = error.line(crate::language::Language::En).unwrap();
        assert!(line.contains("no/such/out.json"));
        assert_eq!(folder(Path::new("out.json")), Path::new("."));
    }
}
