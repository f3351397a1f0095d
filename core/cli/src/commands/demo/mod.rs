//! `carnet demo`: what Carnet is for, in one command. Two phones, then a family, and a relay in this process, on invented records;
//! fifteen steps, each checked, each told in one line. A step that does not show what it should ends the command with an error.

mod data;
mod documents;
mod family;
mod hospital;
mod phones;
mod scan;
mod server;

use crate::arguments::Demo;
use crate::commands::{edit, show, view};
use crate::console::Console;
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, decimal, integer, size};
use crate::language::{Language, Text};
use crate::texts::{demo, message};
use carnet::record::ids::ResourceId;
use carnet::vault::{Filter, Person, SmartServer, SyncReport};
use carnet::{Vault, VaultError};
use hospital::Hospital;
use serde_json::json;
use server::Server;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

/// Rows of the timeline a demonstration shows.
const ROWS: u32 = 12;
/// The folders of the first person's phones.
const PHONES: [&str; 2] = ["phone-a", "phone-b"];
/// The field both phones correct, and what each says.
const FIELD: &str = "when";
const DATE_A: &str = "2019-03-14";
const DATE_B: &str = "2019-03-21";

/// Runs the demonstration.
pub fn run(arguments: &Demo, console: &mut Console) -> CliResult {
    let started = Instant::now();
    let stage = Stage::build(arguments.keep.as_deref())?;
    let mut told = Steps { console, at: 0 };
    let proof = play(&stage, &mut told)?;
    let seconds = started.elapsed().as_secs_f32();
    if told.console.json {
        let summary = json!({
            "steps": told.at, "resources": data::RESOURCES, "pulled": hospital::RESOURCES, "conflicts": 1, "relay_bytes": proof.relay,
            "vault_bytes": proof.vaults, "people": 4, "words": proof.words, "found": 0, "seconds": seconds,
        });
        return told.console.json(&summary);
    }
    farewell(told.console, arguments.keep.as_deref(), seconds)
}

/// Where it plays: a temporary folder, or one that is kept.
struct Stage {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Stage {
    fn build(keep: Option<&Path>) -> CliResult<Self> {
        let (folder, temporary) = match keep {
            Some(folder) => (kept(folder)?, None),
            None => {
                let temporary = tempfile::tempdir()?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let stage = Self {
            folder,
            _temporary: temporary,
        };
        write_all(&stage.files(), &data::FILES)?;
        write_all(&stage.documents(), &documents::FILES)?;
        write_all(&stage.family(), &family::FILES)?;
        Ok(stage)
    }

    fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    fn documents(&self) -> PathBuf {
        self.folder.join("documents")
    }

    fn family(&self) -> PathBuf {
        self.folder.join("family")
    }
}

fn write_all(folder: &Path, files: &[(&str, &[u8])]) -> CliResult {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

fn kept(folder: &Path) -> CliResult<PathBuf> {
    let unwritable = |_| {
        CliError::said(
            Exit::Other,
            message::UNWRITABLE,
            &[&folder.to_string_lossy()],
        )
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    if std::fs::read_dir(folder)
        .map_err(unwritable)?
        .next()
        .is_some()
    {
        return Err(CliError::said(
            Exit::Invalid,
            message::NOT_EMPTY,
            &[&folder.to_string_lossy()],
        ));
    }
    Ok(folder.to_path_buf())
}

/// Tells the steps, in order, and ends at the first that did not show what it should.
struct Steps<'a> {
    console: &'a mut Console,
    at: usize,
}

impl Steps<'_> {
    fn done(&mut self, text: Text, values: &[&str]) -> CliResult {
        self.at += 1;
        if self.console.json {
            return Ok(());
        }
        let line = text.fill(self.console.language, values);
        self.console
            .say(demo::STEP, &[&self.at.to_string(), &line])?;
        self.console.flush()
    }

    /// A line below a step.
    fn detail(&mut self, text: Text, values: &[&str]) -> CliResult {
        self.show(|console| console.say(text, values))
    }

    /// What only people are shown.
    fn show(&mut self, show: impl FnOnce(&mut Console) -> CliResult) -> CliResult {
        match self.console.json {
            true => Ok(()),
            false => show(self.console),
        }
    }

    fn check(&self, holds: bool, why: Text) -> CliResult {
        let step = (self.at + 1).to_string();
        let reason = why.pick(self.console.language);
        match holds {
            true => Ok(()),
            false => Err(CliError::said(
                Exit::Other,
                message::DEMO_FAILED,
                &[&step, reason],
            )),
        }
    }

    fn language(&self) -> Language {
        self.console.language
    }
}

fn play(stage: &Stage, told: &mut Steps) -> CliResult<Proof> {
    let relay = Server::start(&stage.folder.join("relay"))?;
    told.done(demo::RELAY, &[&relay.url])?;
    let language = told.language();
    let a = phones::create(&stage.folder, demo::NAME_A.pick(language))?;
    told.done(demo::PHONE_A, &[data::PERSON])?;
    import(stage, &a, told)?;
    documents::import(stage, &a, told)?;
    pull(&a, told)?;
    let b = phones::pair(&stage.folder, &a, &relay.url, demo::NAME_B.pick(language))?;
    told.done(demo::PAIRED, &[])?;
    sync(&a, &b, &relay, told)?;
    let edited = edit_apart(&a, &b, told)?;
    merge(&a, &b, &relay, &edited, told)?;
    show_merged(&b, edited.allergy, told)?;
    family::play(stage, &a, &relay, told)?;
    prove(stage, told)
}

fn first_person(vault: &Vault) -> CliResult<Person> {
    let first = vault.persons()?.into_iter().next();
    Ok(first.ok_or(VaultError::NotFound("person"))?)
}

fn import(stage: &Stage, phone: &Vault, told: &mut Steps) -> CliResult {
    let person = first_person(phone)?;
    let files = [stage.files()];
    let first = phone.import(person.record, &files, None)?;
    let new: u64 = first.files.iter().map(|file| file.new).sum();
    let clean_import = first.files.iter().all(|file| file.rejected.is_empty());
    told.check(new == data::RESOURCES && clean_import, demo::WHY_IMPORT)?;
    let again = phone.import(person.record, &files, None)?;
    told.check(
        again.files.iter().all(|file| file.new + file.updated == 0),
        demo::WHY_AGAIN,
    )?;
    let language = told.language();
    let count = integer(data::FILES.len() as u64, language);
    told.done(demo::IMPORTED, &[&integer(new, language), &count])
}

fn pull(phone: &Vault, told: &mut Steps) -> CliResult {
    let hospital = Hospital::start()?;
    let person = first_person(phone)?;
    let server = SmartServer {
        name: demo::HOSPITAL.pick(told.language()).to_owned(),
        address: hospital.base.clone(),
        patient: Some(hospital::PATIENT.to_owned()),
        ..SmartServer::default()
    };
    phone.connect_smart(person.record, &server)?;
    let first = phone.pull(&server.name, false, None, None)?;
    let whole = first.stopped.is_none() && first.new == hospital::RESOURCES && first.files == 1;
    told.check(whole, demo::WHY_PULLED)?;
    let again = phone.pull(&server.name, false, None, None)?;
    told.check(
        again.new + again.updated + again.files == 0,
        demo::WHY_AGAIN,
    )?;
    let count = integer(first.new, told.language());
    told.done(demo::PULLED, &[&hospital.base, &count])
}

fn sync(a: &Vault, b: &Vault, relay: &Server, told: &mut Steps) -> CliResult {
    let bytes = exchange(&[a, b, a], relay)?;
    told.check(a.fingerprint()? == b.fingerprint()?, demo::WHY_DIFFERENT)?;
    told.done(demo::SYNCED, &[&size(bytes, told.language())])
}

/// Syncs phones one after the other, and adds up the bytes both ways.
fn exchange(phones: &[&Vault], relay: &Server) -> CliResult<u64> {
    let mut bytes = 0;
    for phone in phones {
        let report: SyncReport = phone.sync(Some(&relay.url), None, None)?;
        bytes += report.bytes_sent + report.bytes_received;
    }
    Ok(bytes)
}

/// What both phones wrote about.
struct Edited {
    allergy: ResourceId,
}

fn edit_apart(a: &Vault, b: &Vault, told: &mut Steps) -> CliResult<Edited> {
    let language = told.language();
    let allergy = phones::find(a, "AllergyIntolerance", "nicillin")?;
    let vaccine = phones::find(a, "Immunization", "dipht")?;
    told.check(allergy.is_some() && vaccine.is_some(), demo::WHY_MISSING)?;
    let (Some(allergy), Some(vaccine)) = (allergy, vaccine) else {
        return Ok(Edited {
            allergy: ResourceId([0; 16]),
        });
    };
    for (phone, note, date) in [(a, demo::NOTE_A, DATE_A), (b, demo::NOTE_B, DATE_B)] {
        phone.annotate(allergy.id, note.pick(language))?;
        phone.correct(vaccine.id, FIELD, date)?;
        told.check(phone.stats(None)?.unsent > 0, demo::WHY_SENT)?;
    }
    told.done(demo::EDITED, &[])?;
    Ok(Edited {
        allergy: allergy.id,
    })
}

fn merge(a: &Vault, b: &Vault, relay: &Server, edited: &Edited, told: &mut Steps) -> CliResult {
    exchange(&[a, b, a], relay)?;
    told.check(a.fingerprint()? == b.fingerprint()?, demo::WHY_DIFFERENT)?;
    for phone in [a, b] {
        told.check(phones::notes(phone, edited.allergy)? == 2, demo::WHY_NOTES)?;
        let conflicts = phone.conflicts()?;
        let mut said: Vec<&str> = conflicts
            .iter()
            .flat_map(|one| &one.values)
            .map(|one| one.value.as_str())
            .collect();
        said.sort_unstable();
        told.check(
            conflicts.len() == 1 && said == [DATE_A, DATE_B],
            demo::WHY_CONFLICT,
        )?;
    }
    told.done(demo::MERGED, &["2"])
}

fn show_merged(phone: &Vault, allergy: ResourceId, told: &mut Steps) -> CliResult {
    told.done(demo::TIMELINE_DONE, &[])?;
    if told.console.json {
        return Ok(());
    }
    let filter = Filter {
        dated: true,
        limit: Some(ROWS),
        ..Filter::default()
    };
    let console = &mut *told.console;
    view::print(console, &phone.persons()?, &phone.list(&filter)?)?;
    console.say(demo::ONE_ITEM, &[])?;
    show::print(console, &phone.detail(allergy)?, &phone.devices()?)?;
    console.say(demo::CONFLICT, &[])?;
    edit::print(console, phone, &phone.conflicts()?)
}

/// How much was searched.
struct Proof {
    relay: u64,
    vaults: u64,
    words: usize,
}

fn prove(stage: &Stage, told: &mut Steps) -> CliResult<Proof> {
    let language = told.language();
    let written =
        [demo::NAME_A, demo::NAME_B, demo::NOTE_A, demo::NOTE_B].map(|text| text.pick(language));
    let mut words = data::WORDS.to_vec();
    words.extend(written);
    words.push(data::PASSPHRASE);
    words.extend(family::WORDS);
    let found = |folder: PathBuf, words: &[&str]| -> CliResult<bool> {
        Ok(scan::scan(&folder, words)?.found.len() == words.len())
    };
    let control = found(stage.files(), &data::WORDS)? && found(stage.family(), &family::WORDS)?;
    told.check(control, demo::WHY_CONTROL)?;
    let look = |name: &str| scan::scan(&stage.folder.join(name), &words);
    let relay = look("relay")?;
    let mut vaults = Vec::new();
    for phone in PHONES.iter().chain(&family::PHONES) {
        vaults.push(look(phone)?);
    }
    // Ciphertext of the record is larger than nothing: an empty relay would prove nothing.
    let full = relay.bytes > 0 && vaults.iter().all(|one| one.bytes > 0);
    told.check(full, demo::WHY_EMPTY)?;
    let state = look("state")?;
    let mut all = vaults.iter().chain([&relay, &state]);
    told.check(all.all(|scan| scan.found.is_empty()), demo::WHY_LEAK)?;
    let proof = Proof {
        relay: relay.bytes,
        vaults: vaults.iter().map(|scan| scan.bytes).sum(),
        words: words.len(),
    };
    let sizes = [size(proof.relay, language), size(proof.vaults, language)];
    told.done(
        demo::PRIVATE,
        &[&sizes[0], &sizes[1], &integer(proof.words as u64, language)],
    )?;
    Ok(proof)
}

fn farewell(console: &mut Console, keep: Option<&Path>, seconds: f32) -> CliResult {
    let shown = decimal(&format!("{seconds:.1}"), console.language);
    console.say(demo::SECONDS, &[&shown])?;
    console.line("")?;
    console.heading(demo::NEXT.pick(console.language))?;
    for line in [demo::NEXT_INIT, demo::NEXT_IMPORT, demo::NEXT_TIMELINE] {
        console.say(line, &[])?;
    }
    let Some(folder) = keep else {
        return console.say(demo::NEXT_KEEP, &[]);
    };
    let folder = clean(&folder.to_string_lossy());
    console.say(demo::KEPT, &[])?;
    for phone in PHONES.iter().chain(&family::PHONES) {
        console.say(demo::KEPT_LINE, &[&folder, data::PASSPHRASE, phone])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;

    #[test]
    fn a_kept_folder_must_be_empty() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::build(Some(folder.path())).unwrap();
        assert_eq!(
            std::fs::read_dir(stage.files()).unwrap().count(),
            data::FILES.len()
        );
        let again = Stage::build(Some(folder.path()));
        assert_eq!(again.err().unwrap().code(), Exit::Invalid as u8);
    }

    #[test]
    fn a_step_that_does_not_hold_is_named() {
        let (mut console, printed) = console(Language::Fr);
        let mut told = Steps {
            console: &mut console,
            at: 0,
        };
        told.done(demo::RELAY, &["http://127.0.0.1:1"]).unwrap();
        told.check(true, demo::WHY_LEAK).unwrap();
        let error = told.check(false, demo::WHY_LEAK).unwrap_err();
        assert_ne!(error.code(), 0);
        let line = error.line(Language::Fr).unwrap();
        assert!(
            line.contains("l'étape 2") && line.contains("un mot lisible"),
            "{line}"
        );
        assert!(
            printed
                .text()
                .starts_with("1/15  Un relais démarre sur http://127.0.0.1:1")
        );
    }

    #[test]
    fn where_to_go_next_and_how_to_look_at_what_was_kept() {
        let (mut console, printed) = console(Language::Fr);
        farewell(&mut console, Some(Path::new("ici")), 2.34).unwrap();
        let text = printed.text();
        for part in [
            "2,3 s",
            "carnet init",
            "ici/phone-b",
            "ici/phone-lou",
            data::PASSPHRASE,
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
