//! Pairing that goes wrong: whoever dies or types something else, both can start over and nothing is lost.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::sync_tests::{FakeRelay, Phone, URL, host, join};
use super::tests::TestKeys;
use super::*;
use crate::host::HostError;
use std::sync::mpsc;
use tempfile::TempDir;

/// Runs a join that shows its code and a pair that types `typed(code)`, both to their ends.
fn meet(
    relay: &Arc<FakeRelay>,
    old: &Phone,
    folder: &Path,
    typed: impl Fn(&str) -> String,
) -> (VaultResult<Device>, VaultResult<Vault>) {
    let keys = TestKeys::new(8);
    let (shown, read) = mpsc::channel();
    std::thread::scope(|scope| {
        let joining = scope.spawn(|| {
            join(relay, folder, &keys, &mut |code| {
                shown.send(code.to_owned()).unwrap();
            })
        });
        let paired = old.vault.pair(&typed(&read.recv().unwrap()));
        if paired.is_err() {
            // Nobody will complete this code: the waiting phone is switched off.
            relay.spoil(|_, _| Err(HostError::Offline));
        }
        (paired, joining.join().unwrap())
    })
}

fn recovers(relay: &Arc<FakeRelay>, old: &Phone, folder: &Path) {
    relay.be_honest();
    let devices = old.vault.devices().unwrap().len();
    let (paired, joined) = meet(relay, old, folder, str::to_owned);
    assert_eq!(paired.unwrap().name, "Second");
    let vault = joined.unwrap();
    vault.sync(None, None, None).unwrap();
    assert_eq!(old.vault.devices().unwrap().len(), devices + 1);
    assert_eq!(
        vault.fingerprint().unwrap(),
        old.vault.fingerprint().unwrap()
    );
}

fn start() -> (Arc<FakeRelay>, Phone, TempDir) {
    let relay = FakeRelay::new();
    let old = Phone::found(&relay);
    old.import(1);
    (relay, old, TempDir::new().unwrap())
}

/// Ends the network of whoever makes the `count`th exchange in a rendezvous from now on.
fn die_at(relay: &Arc<FakeRelay>, count: usize) {
    let mut exchanges = 0;
    relay.spoil(move |path, outcome| {
        exchanges += usize::from(path == "exchange");
        if exchanges >= count {
            return Err(HostError::Offline);
        }
        outcome
    });
}

#[test]
fn a_code_with_a_typo_or_of_nobody_adds_nothing() {
    let (relay, old, folder) = start();
    let path = folder.path().join("n");
    let (paired, joined) = meet(&relay, &old, &path, |code| {
        let last = if code.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", code.strip_suffix(|_: char| true).unwrap())
    });
    assert!(matches!(paired, Err(VaultError::Pairing(_))), "{paired:?}");
    assert_eq!(joined.unwrap_err(), VaultError::Offline);
    assert!(!path.join("vault.db").exists());
    relay.be_honest();
    for wrong in ["", "hello", "00000-00000"] {
        assert!(matches!(old.vault.pair(wrong), Err(VaultError::Pairing(_))));
    }
    recovers(&relay, &old, &path);
}

#[test]
fn a_code_works_once() {
    let (relay, old, folder) = start();
    let (shown, read) = mpsc::channel();
    let (paired, joined) = meet(&relay, &old, &folder.path().join("n"), |code| {
        shown.send(code.to_owned()).unwrap();
        code.to_owned()
    });
    assert!(paired.is_ok() && joined.is_ok());
    let code = read.recv().unwrap();
    assert!(matches!(old.vault.pair(&code), Err(VaultError::Pairing(_))));
    assert_eq!(old.vault.devices().unwrap().len(), 2);
}

#[test]
fn a_code_whose_phone_gave_up_adds_nothing() {
    let (relay, old, folder) = start();
    let path = folder.path().join("n");
    let mut shown = String::new();
    // Killed after the hello.
    let joined = join(&relay, &path, &TestKeys::new(8), &mut |code| {
        shown = code.to_owned();
        relay.spoil(|_, _| Err(HostError::Offline));
    });
    assert_eq!(joined.unwrap_err(), VaultError::Offline);
    relay.be_honest();
    assert!(matches!(
        old.vault.pair(&shown),
        Err(VaultError::Pairing(_))
    ));
    assert_eq!(old.vault.devices().unwrap().len(), 1);
    recovers(&relay, &old, &path);
}

#[test]
fn a_code_that_no_relay_knows_any_more_is_nobodys() {
    let (relay, _old, folder) = start();
    let mut shown = String::new();
    let _ = join(
        &relay,
        &folder.path().join("n"),
        &TestKeys::new(8),
        &mut |code| {
            shown = code.to_owned();
            relay.spoil(|_, _| Err(HostError::Offline));
        },
    );
    let other = FakeRelay::new();
    let stranger = Phone::found(&other);
    assert!(matches!(
        stranger.vault.pair(&shown),
        Err(VaultError::Pairing(_))
    ));
}

#[test]
fn whoever_dies_at_any_exchange_both_can_start_over() {
    for count in 1..14 {
        let (relay, old, folder) = start();
        let path = folder.path().join("n");
        let keys = TestKeys::new(8);
        let (shown, read) = mpsc::channel();
        std::thread::scope(|scope| {
            let joining = scope.spawn(|| {
                join(&relay, &path, &keys, &mut |code| {
                    die_at(&relay, count);
                    shown.send(code.to_owned()).unwrap();
                })
            });
            let _ = old.vault.pair(&read.recv().unwrap());
            let _ = joining.join().unwrap();
        });
        if Vault::open(&path, host(&keys, &relay)).is_ok() {
            continue;
        }
        recovers(&relay, &old, &path);
    }
}

#[test]
fn a_folder_that_holds_a_vault_is_refused_untouched() {
    let (relay, old, _) = start();
    let before = old.bytes();
    let mut announced = false;
    let joined = join(&relay, &old.path(), &old.keys, &mut |_| announced = true);
    assert!(matches!(joined, Err(VaultError::InvalidInput(_))));
    assert!(!announced && before == old.bytes());
}

#[test]
fn a_vault_that_appears_while_a_join_waits_is_refused_untouched() {
    let (relay, old, folder) = start();
    let path = folder.path().join("n");
    let keys = TestKeys::new(8);
    let (_, joined) = meet(&relay, &old, &path, |code| {
        Vault::create(&path, host(&keys, &relay), "Third", "Noé", None).unwrap();
        code.to_owned()
    });
    assert!(
        matches!(joined, Err(VaultError::InvalidInput(_))),
        "{joined:?}"
    );
    let vault = Vault::open(&path, host(&keys, &relay)).unwrap();
    assert_eq!(vault.persons().unwrap()[0].name, "Noé");
}

#[test]
fn a_relay_that_forgets_its_sessions_does_not_swallow_a_message() {
    let (relay, old, folder) = start();
    let mut refused = 0;
    relay.spoil(move |path, outcome| {
        if path == "exchange" {
            refused += 1;
            if refused % 4 == 0 {
                return Ok(super::sync_tests::refuse(401, 3));
            }
        }
        outcome
    });
    let (paired, joined) = meet(&relay, &old, &folder.path().join("n"), str::to_owned);
    assert!(paired.is_ok(), "{paired:?}");
    assert!(joined.is_ok(), "{joined:?}");
    assert_eq!(joined.unwrap().relay().unwrap().as_deref(), Some(URL));
}
