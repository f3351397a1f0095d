//! What every command needs: the console, the vault that was named, and the person who was meant.

use crate::arguments::{Global, Tls};
use crate::console::Console;
use crate::error::{CliError, CliResult, Exit};
use crate::network::{NoNetwork, https};
use crate::passphrase::{self, Passphrase};
use crate::passphrase_store::{PassphraseStore, anchors_folder};
use crate::texts::message;
use carnet::Vault;
use carnet::host::{SystemClock, Transport};
use carnet::vault::{Host, OpenWarning, Person};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fewest digits by which a record may be named.
const MIN_PREFIX: usize = 4;

/// What a command is given beside its own arguments.
pub struct Context {
    /// Where it answers.
    pub console: Console,
    /// What was said before or after any command.
    pub global: Global,
}

impl Context {
    /// Opens the vault for work that stays on this device.
    pub fn open(&self) -> CliResult<Vault> {
        let vault = self.open_with(Arc::new(NoNetwork))?;
        // What `sync --background` stored is part of what this command is asked about.
        vault.merge_inbox(None, None)?;
        Ok(vault)
    }

    /// Opens the vault for work with a relay.
    pub fn open_online(&self, tls: &Tls) -> CliResult<Vault> {
        self.open_with(https(tls)?)
    }

    fn open_with(&self, transport: Arc<dyn Transport>) -> CliResult<Vault> {
        let folder = self.folder()?;
        if !folder.join("vault.key").exists() && !folder.join("vault.db").exists() {
            return Err(self.about_folder(Exit::NotFound, message::NO_VAULT, folder));
        }
        let passphrase = passphrase::known(&self.console, self.global.passphrase_file.as_deref())?;
        let vault = Vault::open(folder, host(passphrase, anchors_folder(), transport))?;
        self.pass_on_warnings(&vault);
        Ok(vault)
    }

    /// The folder and the host of a vault about to be made.
    pub fn new_vault(&self, transport: Arc<dyn Transport>) -> CliResult<(&Path, Host)> {
        let folder = self.folder()?;
        if holds_other_things(folder) || folder.is_file() {
            return Err(self.about_folder(Exit::Invalid, message::NOT_EMPTY, folder));
        }
        let passphrase = passphrase::chosen(&self.console, self.global.passphrase_file.as_deref())?;
        Ok((folder, host(passphrase, anchors_folder(), transport)))
    }

    fn folder(&self) -> CliResult<&Path> {
        let missing = || CliError::said(Exit::Usage, message::NO_VAULT_NAMED, &[]);
        self.global.vault.as_deref().ok_or_else(missing)
    }

    fn about_folder(&self, exit: Exit, text: crate::language::Text, folder: &Path) -> CliError {
        CliError::said(exit, text, &[&folder.to_string_lossy()])
    }

    fn pass_on_warnings(&self, vault: &Vault) {
        for warning in vault.warnings() {
            let text = match warning {
                OpenWarning::RolledBack => message::ROLLED_BACK,
                OpenWarning::AnchorMissing => message::ANCHOR_MISSING,
            };
            self.console.warn(text, &[]);
        }
    }
}

/// What the command line lends to a vault.
pub fn host(
    passphrase: Passphrase,
    anchors: Option<PathBuf>,
    transport: Arc<dyn Transport>,
) -> Host {
    Host {
        key_store: Arc::new(PassphraseStore::new(passphrase, anchors)),
        clock: Arc::new(SystemClock),
        transport,
    }
}

/// Whether a folder is used for something else. What a killed `init` or `join` left behind is the vault's own, and the
/// engine knows what may be done with it.
fn holds_other_things(folder: &Path) -> bool {
    let is_ours = |name: &str| name.starts_with("vault.") || name == "attachments";
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| !entry.file_name().to_str().is_some_and(is_ours))
    })
}

/// The person meant: by name, by the beginning of their record's id, or the only one there is.
pub fn person(persons: Vec<Person>, named: Option<&str>) -> CliResult<Person> {
    let Some(named) = named else {
        return only(persons);
    };
    let matches: [&dyn Fn(&Person) -> bool; 3] = [
        &|person| person.name == named,
        &|person| person.name.to_lowercase() == named.to_lowercase(),
        &|person| {
            named.len() >= MIN_PREFIX
                && person.record.to_string().starts_with(&named.to_lowercase())
        },
    ];
    for matching in matches {
        let mut found = persons.iter().filter(|person| matching(person));
        match (found.next(), found.next()) {
            (Some(person), None) => return Ok(person.clone()),
            (Some(_), Some(_)) => {
                return Err(CliError::said(Exit::Invalid, message::WHICH_PERSON, &[]));
            }
            (None, _) => {}
        }
    }
    Err(CliError::said(Exit::NotFound, message::UNKNOWN_PERSON, &[]))
}

fn only(mut persons: Vec<Person>) -> CliResult<Person> {
    match (persons.pop(), persons.is_empty()) {
        (Some(person), true) => Ok(person),
        (Some(_), false) => Err(CliError::said(Exit::Invalid, message::WHICH_PERSON, &[])),
        (None, _) => Err(CliError::said(Exit::NotFound, message::NOBODY, &[])),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;

    fn someone(name: &str, n: u8) -> Person {
        Person {
            record: crate::samples::record(n),
            name: name.to_owned(),
            birth_date: None,
        }
    }

    fn context(vault: Option<&Path>, passphrase_file: Option<&Path>) -> Context {
        let (console, _) = console(Language::En);
        let global = Global {
            vault: vault.map(Path::to_path_buf),
            lang: None,
            json: false,
            passphrase_file: passphrase_file.map(Path::to_path_buf),
            quiet: true,
        };
        Context { console, global }
    }

    #[test]
    fn a_person_is_found_by_name_case_or_record() {
        let both = vec![someone("Camille Démo", 0xab), someone("Lou", 0xcd)];
        for named in ["Lou", "lou", "cdcd", "CDCDCD"] {
            assert_eq!(
                person(both.clone(), Some(named)).unwrap().name,
                "Lou",
                "{named}"
            );
        }
        assert_eq!(
            person(both.clone(), Some("camille démo")).unwrap().name,
            "Camille Démo"
        );
        assert_eq!(
            person(both.clone(), Some("cd")).unwrap_err().code(),
            Exit::NotFound as u8
        );
        assert_eq!(
            person(both.clone(), None).unwrap_err().code(),
            Exit::Invalid as u8
        );
        assert_eq!(
            person(vec![], None).unwrap_err().code(),
            Exit::NotFound as u8
        );
        let lou = person(vec![someone("Lou", 1)], None).unwrap();
        assert_eq!(lou.name, "Lou");
    }

    #[test]
    fn two_persons_of_one_name_are_never_confused() {
        let twins = vec![someone("Lou", 1), someone("Lou", 2)];
        assert_eq!(
            person(twins.clone(), Some("Lou")).unwrap_err().code(),
            Exit::Invalid as u8
        );
        assert_eq!(
            person(twins, Some("0202")).unwrap().record,
            crate::samples::record(2)
        );
    }

    #[test]
    fn no_vault_is_told_before_a_passphrase_is_asked() {
        let error = context(None, None).open().err().unwrap();
        assert_eq!(error.code(), Exit::Usage as u8);
        let empty = tempfile::tempdir().unwrap();
        let error = context(Some(empty.path()), Some(Path::new("no/such")))
            .open()
            .err()
            .unwrap();
        assert!(error.line(Language::En).unwrap().contains("no vault"));
    }

    #[test]
    fn a_new_vault_never_takes_a_folder_in_use() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), b"x").unwrap();
        let context = context(Some(folder.path()), None);
        let error = context.new_vault(Arc::new(NoNetwork)).err().unwrap();
        assert_eq!(error.code(), Exit::Invalid as u8);
    }
}
