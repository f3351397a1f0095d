//! `carnet import`: files become a record.

use crate::arguments::Import;
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, integer, when};
use crate::json;
use crate::language::Language;
use crate::progress::{Unit, Watch};
use crate::table::{self, Column};
use crate::texts::{engine, import, message};
use carnet::vault::{Fate, FileReport, ImportOptions, ImportReport, WrongPerson};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

/// Rejections printed one by one; programs get all.
const SHOWN_REJECTIONS: usize = 20;
/// Files printed one by one; programs get all.
const SHOWN_FILES: usize = 50;

/// Imports.
pub fn run(arguments: &Import, context: &mut Context) -> CliResult {
    arguments
        .paths
        .iter()
        .try_for_each(|path| must_exist(path))?;
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let mut options = ImportOptions {
        anyway: arguments.anyway,
        ..ImportOptions::default()
    };
    let read = |console: &mut Console, options: &ImportOptions| -> CliResult<ImportReport> {
        let watch = Watch::start(console, message::IMPORTING, Unit::Bytes);
        let report = vault.import_with(person.record, &arguments.paths, options, Some(&watch));
        watch.finish();
        let report = report?;
        match console.json {
            true => console.json(&json::import(&report))?,
            false => print(console, &report)?,
        }
        Ok(report)
    };
    let mut report = read(&mut context.console, &options)?;
    options.accepted = ask(&mut context.console, &report)?;
    if !options.accepted.is_empty() {
        report = read(&mut context.console, &options)?;
    }
    let lost = |file: &FileReport| {
        !file.rejected.is_empty() || matches!(file.fate, Fate::Rejected | Fate::Held)
    };
    let rejected = report.files.iter().any(lost);
    if arguments.strict && rejected {
        return Err(CliError::said(
            Exit::Rejected,
            message::REJECTED_STRICT,
            &[],
        ));
    }
    Ok(())
}

/// Asks about each document that is held back; the answer is the hashes of those that are wanted. Programs, and people
/// without a keyboard, are told how to say it beforehand.
fn ask(console: &mut Console, report: &ImportReport) -> CliResult<Vec<[u8; 32]>> {
    let held = report.files.iter();
    let held = held.filter_map(|file| Some((file, file.question.as_ref()?)));
    let mut accepted = Vec::new();
    if console.json {
        return Ok(accepted);
    }
    let can_answer = console.terminal && std::io::stdin().is_terminal();
    for (file, question) in held {
        console.line(&about(file, question, console.language))?;
        match can_answer {
            true if says_yes(console)? => accepted.push(question.hash),
            true => (),
            false => console.say(import::HOW, &[])?,
        }
    }
    Ok(accepted)
}

fn about(file: &FileReport, question: &WrongPerson, language: Language) -> String {
    let somebody = import::SOMEBODY.pick(language);
    let name = clean(question.name.as_deref().unwrap_or(somebody));
    let born = question.birth_date.as_deref();
    let who = born.map_or(name.clone(), |date| {
        import::BORN.fill(language, &[&name, &when(&clean(date), language)])
    });
    let differs = engine::translate(question.differs, language);
    import::ABOUT.fill(language, &[&place(file), &who, differs])
}

fn says_yes(console: &mut Console) -> CliResult<bool> {
    let question = import::ASK.pick(console.language);
    console.bytes(question.as_bytes())?;
    console.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let first = answer.trim().chars().next().map(|c| c.to_ascii_lowercase());
    Ok(matches!(first, Some('y' | 'o')))
}

/// A path that is not there is a mistake of the line, told before the passphrase is asked.
fn must_exist(path: &Path) -> CliResult {
    match path.try_exists() {
        Ok(true) => Ok(()),
        _ => Err(CliError::said(
            Exit::NotFound,
            message::NO_SUCH_PATH,
            &[&path.to_string_lossy()],
        )),
    }
}

fn print(console: &mut Console, report: &ImportReport) -> CliResult {
    let language = console.language;
    let columns = [
        Column::new(message::H_FILE),
        Column::spare(message::H_FORMAT),
        Column::new(import::H_RESULT),
        Column::number(message::H_NEW),
        Column::number(message::H_UNCHANGED),
        Column::number(message::H_UPDATED),
    ];
    let files = report.files.iter().take(SHOWN_FILES);
    let rows: Vec<Vec<String>> = files.map(|file| cells(file, language)).collect();
    table::print(console, &columns, &rows)?;
    let more = report.files.len().saturating_sub(SHOWN_FILES);
    if more > 0 {
        console.say(import::AND_MORE, &[&integer(more as u64, language)])?;
    }
    print_reasons(console, report)?;
    print_rejections(console, report)?;
    print_warnings(console, report)?;
    print_totals(console, report)
}

fn print_totals(console: &mut Console, report: &ImportReport) -> CliResult {
    let language = console.language;
    let with = |fate: Fate| {
        let files = report.files.iter().filter(|file| file.fate == fate);
        integer(files.count() as u64, language)
    };
    let by_result = [Fate::Understood, Fate::Kept, Fate::Rejected].map(with);
    console.say(import::BY_RESULT, &by_result.each_ref().map(String::as_str))?;
    let sum = |count: fn(&FileReport) -> u64| {
        let total = report.files.iter().map(count).sum();
        integer(total, language)
    };
    let totals = [
        sum(|file| file.new),
        sum(|file| file.unchanged),
        sum(|file| file.updated),
        sum(|file| file.rejected.len() as u64),
    ];
    console.say(
        message::IMPORT_TOTAL,
        &totals.each_ref().map(String::as_str),
    )?;
    print_samples(console, report)
}

/// What became of samples, where there were any.
fn print_samples(console: &mut Console, report: &ImportReport) -> CliResult {
    let language = console.language;
    let counts = || report.files.iter().map(|file| &file.samples);
    let shown = |count: u64| integer(count, language);
    let (read, kept) = (counts().map(|one| one.read), counts().map(|one| one.kept));
    let (read, kept): (u64, u64) = (read.sum(), kept.sum());
    let new: u64 = counts().map(|one| one.new).sum();
    let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in counts().flat_map(|one| &one.unknown) {
        *unknown.entry(kind).or_default() += count;
    }
    if read > 0 {
        let words = [shown(new), shown(read.saturating_sub(new)), shown(kept)];
        console.say(import::SAMPLES, &words.each_ref().map(String::as_str))?;
    }
    for (kind, count) in unknown.iter().take(SHOWN_REJECTIONS) {
        console.say(import::UNKNOWN, &[&clean(kind), &shown(*count)])?;
    }
    match unknown.len().saturating_sub(SHOWN_REJECTIONS) {
        0 => Ok(()),
        more => console.say(import::MORE_UNKNOWN, &[&shown(more as u64)]),
    }
}

/// The file as given, and the names inside it that lead to the item.
fn place(file: &FileReport) -> String {
    let path = clean(&file.path.to_string_lossy());
    match &file.inside {
        Some(inside) => format!("{path}/{}", clean(inside)),
        None => path,
    }
}

fn cells(file: &FileReport, language: Language) -> Vec<String> {
    vec![
        place(file),
        file.format.to_owned(),
        import::fate(file.fate, language).to_owned(),
        integer(file.new, language),
        integer(file.unchanged, language),
        integer(file.updated, language),
    ]
}

/// Why items were kept as documents or rejected; parts of them follow one by one.
fn print_reasons(console: &mut Console, report: &ImportReport) -> CliResult {
    let language = console.language;
    let said = |file: &&FileReport| file.reason.is_some() && file.rejected.is_empty();
    for file in report.files.iter().filter(said).take(SHOWN_FILES) {
        let reason = engine::translate(file.reason.unwrap_or_default(), language);
        console.say(import::ITEM_REASON, &[&place(file), reason])?;
    }
    Ok(())
}

fn print_rejections(console: &mut Console, report: &ImportReport) -> CliResult {
    let language = console.language;
    let all = report
        .files
        .iter()
        .flat_map(|file| file.rejected.iter().map(move |item| (file, item)));
    for (file, item) in all.clone().take(SHOWN_REJECTIONS) {
        let path = place(file);
        let reason = engine::translate(item.reason, language);
        console.say(
            message::REJECTED_ITEM,
            &[&path, &clean(&item.location), reason],
        )?;
    }
    match all.count().saturating_sub(SHOWN_REJECTIONS) {
        0 => Ok(()),
        more => console.line(&message::MORE_REJECTED.fill(language, more as u64, &[])),
    }
}

fn print_warnings(console: &mut Console, report: &ImportReport) -> CliResult {
    let language = console.language;
    for file in &report.files {
        for warning in &file.warnings {
            let path = place(file);
            let text = clean(engine::translate(warning, language));
            console.say(message::FILE_NOTE, &[&path, &text])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use carnet::vault::{Rejection, SampleCounts};

    fn report(rejections: usize) -> ImportReport {
        let rejection = Rejection {
            location: "entry[3]".to_owned(),
            reason: "the bytes are malformed",
        };
        let file = FileReport {
            path: "bilan.json".into(),
            format: "fhir-json",
            new: 1200,
            rejected: vec![rejection; rejections],
            warnings: vec!["kept\u{1b}[2J".to_owned()],
            ..FileReport::default()
        };
        ImportReport { files: vec![file] }
    }

    fn printed(language: Language, rejections: usize) -> String {
        let (mut console, printed) = console(language);
        print(&mut console, &report(rejections)).unwrap();
        printed.text()
    }

    #[test]
    fn rejections_are_told_where_and_why_in_the_language() {
        let fr = printed(Language::Fr, 1);
        assert!(
            fr.contains("bilan.json, entry[3] : les octets sont mal formés"),
            "{fr}"
        );
        assert!(
            fr.contains(
                "Nouveaux : 1\u{202f}200 · déjà là : 0 · nouvelles versions : 0 · rejetés : 1"
            ),
            "{fr}"
        );
        let en = printed(Language::En, 1);
        assert!(
            en.contains("bilan.json, entry[3]: the bytes are malformed"),
            "{en}"
        );
        assert!(!en.contains('\u{1b}'));
    }

    #[test]
    fn measurements_are_counted_and_what_has_no_series_is_named() {
        let mut report = report(0);
        report.files[0].samples = SampleCounts {
            read: 1_500,
            new: 1_200,
            unknown: BTreeMap::from([("ActivitySummary\u{1b}".to_owned(), 3)]),
            kept: 2,
        };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &report).unwrap();
        let text = printed.text();
        assert!(
            text.contains("Mesures nouvelles : 1\u{202f}200 · déjà là : 300 · sans série : 2"),
            "{text}"
        );
        assert!(text.contains("Pas de série pour ActivitySummary"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_flood_of_rejections_is_summed_up() {
        let en = printed(Language::En, 25);
        assert_eq!(en.matches("entry[3]").count(), SHOWN_REJECTIONS);
        assert!(en.contains("and 5 more"));
    }

    #[test]
    fn an_item_of_a_zip_is_named_by_its_way_there_with_its_result_and_reason() {
        let kept = FileReport {
            path: "mes.zip".into(),
            inside: Some("labo/cr\u{1b}.bin".to_owned()),
            format: "unknown",
            fate: Fate::Kept,
            reason: Some("the zip holds nothing"),
            ..FileReport::default()
        };
        let report = ImportReport { files: vec![kept] };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &report).unwrap();
        let text = printed.text();
        assert!(text.contains("gardé comme document"), "{text}");
        assert!(text.contains("mes.zip/labo/cr"), "{text}");
        assert!(text.contains(": le zip ne contient rien"), "{text}");
        assert!(
            text.contains("Compris : 0 · gardés comme documents : 1"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_missing_path_is_named_as_typed() {
        let error = must_exist(Path::new("no/such.json")).unwrap_err();
        assert_eq!(error.code(), Exit::NotFound as u8);
        assert!(error.line(Language::Fr).unwrap().contains("no/such.json"));
        assert!(must_exist(Path::new(".")).is_ok());
    }
}
