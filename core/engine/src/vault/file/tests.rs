//! Phones that meet only by a file.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::Filter;
use super::super::peer::tests::renew_keys;
use super::super::sync_tests::{FakeRelay, Phone};
use super::*;
use crate::error::VaultError;
use tempfile::TempDir;

fn visit(phone: &Phone, path: &Path) -> SyncReport {
    let report = phone.vault.sync_file(path, None, None).unwrap();
    assert!(report.complete);
    report
}

fn same(phones: &[&Phone]) {
    let first = phones[0].vault.fingerprint().unwrap();
    for phone in phones {
        assert_eq!(phone.vault.fingerprint().unwrap(), first);
        phone.check();
    }
}

struct Stick {
    folder: TempDir,
    path: PathBuf,
}

impl Stick {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("family.carnet-sync");
        Self { folder, path }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    fn files(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn family() -> (Phone, Phone) {
    let relay = FakeRelay::new();
    let old = Phone::found(&relay);
    let new = old.add(&relay);
    for phone in [&new, &old, &new] {
        phone.sync().unwrap();
    }
    (old, new)
}

#[test]
fn a_stick_goes_both_ways_and_what_is_there_already_is_not_written_again() {
    let ((a, b), stick) = (family(), Stick::new());
    a.import(1);
    b.import(2);
    let first = visit(&a, &stick.path);
    assert!(first.sent > 1 && first.received == 0);
    let second = visit(&b, &stick.path);
    assert_eq!((second.sent, second.received), (1, 1));
    let third = visit(&a, &stick.path);
    assert_eq!((third.sent, third.received), (0, 1));
    same(&[&a, &b]);
    assert_eq!(a.rows(), 2);
    let (bytes, of_a) = (stick.bytes(), a.bytes());
    let modified = fs::metadata(&stick.path).unwrap().modified().unwrap();
    for phone in [&a, &b, &a] {
        let report = visit(phone, &stick.path);
        assert_eq!((report.sent, report.received, report.bytes_sent), (0, 0, 0));
    }
    assert_eq!(stick.bytes(), bytes);
    assert_eq!(
        fs::metadata(&stick.path).unwrap().modified().unwrap(),
        modified
    );
    assert!(of_a == a.bytes(), "nothing to do wrote");
    assert_eq!(stick.files(), 1);
}

#[test]
fn what_one_phone_wrote_reaches_a_third_that_only_meets_the_second_by_file() {
    let relay = FakeRelay::new();
    let a = Phone::found(&relay);
    let (b, c) = (a.add(&relay), a.add(&relay));
    for phone in [&b, &c, &a, &b, &c] {
        phone.sync().unwrap();
    }
    a.import(1);
    let row = a.vault.list(&Filter::default()).unwrap()[0].id;
    a.vault.annotate(row, "two years later").unwrap();
    for phone in [&a, &b] {
        phone.sync().unwrap();
    }
    c.import(3);
    let stick = Stick::new();
    visit(&b, &stick.path);
    assert_eq!(visit(&c, &stick.path).received, 2);
    visit(&b, &stick.path);
    b.sync().unwrap();
    a.sync().unwrap();
    // c's import came to a: b carried it to the file's reader only; c gives it to the relay itself.
    c.sync().unwrap();
    a.sync().unwrap();
    same(&[&a, &b, &c]);
    assert_eq!(c.rows(), 2);
}

#[test]
fn keys_that_were_changed_meanwhile_are_learned_from_a_file_of_somebody_else() {
    let relay = FakeRelay::new();
    let a = Phone::found(&relay);
    let (b, c) = (a.add(&relay), a.add(&relay));
    for phone in [&b, &c, &a, &b, &c] {
        phone.sync().unwrap();
    }
    renew_keys(&a);
    a.import(1);
    let (first, second) = (Stick::new(), Stick::new());
    visit(&a, &first.path);
    visit(&b, &first.path);
    renew_keys(&b);
    b.import(2);
    visit(&b, &second.path);
    visit(&c, &second.path);
    visit(&a, &second.path);
    same(&[&a, &b, &c]);
    assert_eq!(c.rows(), 2);
}

#[test]
fn a_record_founded_meanwhile_is_learned_from_the_file() {
    let ((a, b), stick) = (family(), Stick::new());
    let lou = a.vault.add_person("Lou", Some("2019")).unwrap();
    let path = a.folder.path().join("lou.json");
    fs::write(&path, super::super::tests::GLUCOSE).unwrap();
    a.vault.import(lou.record, &[path], None).unwrap();
    visit(&a, &stick.path);
    assert_eq!(b.vault.persons().unwrap().len(), 1);
    // The keys of the record come with the account's log: what they open is read in the next reading.
    visit(&b, &stick.path);
    assert_eq!(b.vault.persons().unwrap().len(), 2);
    assert_eq!(b.rows(), 1);
    assert_eq!(visit(&a, &stick.path).received, 0);
    same(&[&a, &b]);
}

#[test]
fn another_family_s_records_and_unknown_ones_stay_byte_for_byte() {
    let ((a, b), stick) = (family(), Stick::new());
    let stranger = Phone::found(&FakeRelay::new());
    stranger.import(7);
    visit(&stranger, &stick.path);
    let mut bytes = stick.bytes();
    let unknown = {
        let head = [200, 0, 0, 0, 3];
        let check = blake3::hash(&[head.as_slice(), b"new"].concat());
        [head.as_slice(), b"new", &check.as_bytes()[..8]].concat()
    };
    bytes.extend_from_slice(&unknown);
    fs::write(&stick.path, &bytes).unwrap();
    a.import(1);
    assert_eq!(visit(&a, &stick.path).received, 0);
    assert!(stick.bytes().starts_with(&bytes));
    visit(&b, &stick.path);
    same(&[&a, &b]);
    assert!(stick.bytes().starts_with(&bytes));
    assert_eq!(visit(&stranger, &stick.path).received, 0);
    assert_eq!(stranger.rows(), 1);
    for phone in [&a, &b, &stranger] {
        assert_eq!(phone.vault.stats(None).unwrap().quarantined, 0);
    }
    let keyring = a.vault.unlocked().unwrap().keyring().unwrap();
    let secret = keyring.epochs[0].1.secrets.read;
    assert!(
        !stick
            .bytes()
            .windows(16)
            .any(|window| window == &secret[..16])
    );
    assert!(!stick.bytes().windows(7).any(|window| window == b"Camille"));
}

#[test]
fn a_damaged_file_is_left_alone_and_merges_nothing_wrong() {
    let ((a, b), stick) = (family(), Stick::new());
    a.import(1);
    a.import(2);
    visit(&a, &stick.path);
    let whole = stick.bytes();
    let mut ends = vec![13];
    while let Some(head) = whole
        .get(ends[ends.len() - 1]..)
        .filter(|rest| !rest.is_empty())
    {
        let length = u32::from_be_bytes(head[1..5].try_into().unwrap()) as usize;
        ends.push(ends[ends.len() - 1] + 5 + length + 8);
    }
    let places = (0..whole.len()).step_by(whole.len() / 60);
    for at in places {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        for damaged in [flipped, whole[..at].to_vec()] {
            if damaged.is_empty() || ends.contains(&damaged.len()) {
                continue;
            }
            fs::write(&stick.path, &damaged).unwrap();
            let error = b.vault.sync_file(&stick.path, None, None).unwrap_err();
            let said = matches!(
                error,
                VaultError::InvalidInput(_) | VaultError::NewerVersion
            );
            assert!(said, "{at}: {error}");
            assert!(stick.bytes() == damaged, "the file was touched at {at}");
            assert_eq!(b.vault.stats(None).unwrap().quarantined, 0);
            assert_eq!(stick.files(), 1);
        }
    }
    // What was intact before the damage has been taken in.
    assert!(b.rows() >= 1);
    fs::write(&stick.path, &whole).unwrap();
    visit(&b, &stick.path);
    same(&[&a, &b]);
}

#[test]
fn what_is_no_sync_file_is_refused_and_kept() {
    let ((a, _), stick) = (family(), Stick::new());
    let refused = |path: &Path| a.vault.sync_file(path, None, None).unwrap_err();
    fs::write(&stick.path, b"%PDF-1.4 a letter somebody wrote").unwrap();
    assert!(
        matches!(refused(&stick.path), VaultError::InvalidInput(text) if text.contains("not a sync file"))
    );
    assert_eq!(stick.bytes(), b"%PDF-1.4 a letter somebody wrote");
    fs::write(&stick.path, b"carnet-sync\0\x02anything").unwrap();
    assert_eq!(refused(&stick.path), VaultError::NewerVersion);
    assert!(matches!(
        refused(stick.folder.path()),
        VaultError::InvalidInput(_) | VaultError::HostFailed(_)
    ));
    assert!(matches!(
        refused(&stick.folder.path().join("no/where")),
        VaultError::NotFound(_)
    ));
    // A terabyte of nothing, and a hundred gigabytes of zeros after a good beginning.
    let huge = File::create(&stick.path).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert!(matches!(refused(&stick.path), VaultError::InvalidInput(_)));
    let mut huge = File::create(&stick.path).unwrap();
    file::write_begin(&mut huge).unwrap();
    huge.set_len(limits::MAX_SYNC_FILE_BYTES).unwrap();
    assert!(matches!(refused(&stick.path), VaultError::InvalidInput(_)));
    assert_eq!(stick.files(), 1);
}

#[test]
fn documents_travel_in_the_file_and_a_false_one_is_passed_over() {
    let ((a, b), stick) = (family(), Stick::new());
    let path = a.folder.path().join("old.json");
    let old = r#"{"resourceType":"MedicationOrder","id":"m","status":"active","medicationCodeableConcept":{"text":"x"}}"#;
    fs::write(&path, old).unwrap();
    let record = a.vault.persons().unwrap()[0].record;
    a.vault.import(record, &[path], None).unwrap();
    let held = |phone: &Phone| {
        phone
            .vault
            .unlocked()
            .unwrap()
            .store
            .attachments()
            .list()
            .unwrap()
    };
    assert_eq!(held(&a).len(), 1);
    // Its name with other bytes, put there first by somebody who wants it lost.
    let mut false_one = Vec::new();
    file::write_begin(&mut false_one).unwrap();
    visit(&a, &stick.path);
    let honest = stick.bytes()[13..].to_vec();
    false_one.extend_from_slice(&honest);
    let blob = held(&a)[0];
    let end = false_one.len()
        - (5 + 32 + 8)
        - a.vault
            .unlocked()
            .unwrap()
            .store
            .attachments()
            .size(blob)
            .unwrap()
            .unwrap() as usize;
    false_one.truncate(end);
    file::write_document(&mut false_one, &blob.0, 9, &mut &b"something"[..]).unwrap();
    fs::write(&stick.path, &false_one).unwrap();
    let report = visit(&b, &stick.path);
    assert!(
        held(&b).is_empty()
            && report
                .notices
                .contains(&"a document is not what its author said of it")
    );
    fs::remove_file(&stick.path).unwrap();
    visit(&a, &stick.path);
    visit(&b, &stick.path);
    assert_eq!(held(&a), held(&b));
    same(&[&a, &b]);
}

#[test]
fn two_phones_at_one_file_at_once_lose_nothing() {
    let ((a, b), stick) = (family(), Stick::new());
    std::thread::scope(|scope| {
        for (phone, first) in [(&a, 10), (&b, 30)] {
            let path = &stick.path;
            scope.spawn(move || {
                for at in 0..6 {
                    phone.import(first + at);
                    visit(phone, path);
                }
            });
        }
    });
    for phone in [&a, &b, &a] {
        visit(phone, &stick.path);
    }
    same(&[&a, &b]);
    assert_eq!(a.rows(), 12);
    assert_eq!(stick.files(), 1);
}

#[test]
fn a_stop_leaves_the_file_as_it_was_and_a_kill_s_leftover_is_swept() {
    let ((a, b), stick) = (family(), Stick::new());
    visit(&a, &stick.path);
    let before = stick.bytes();
    b.import(2);
    struct No;
    impl super::super::Observer for No {
        fn progress(&self, _: super::super::Progress) -> bool {
            false
        }
    }
    let stopped = b.vault.sync_file(&stick.path, None, Some(&No));
    assert_eq!(stopped.unwrap_err(), VaultError::Cancelled);
    let late = b
        .vault
        .sync_file(&stick.path, Some(Duration::ZERO), None)
        .unwrap();
    assert!(!late.complete && late.sent == 0);
    assert!(stick.bytes() == before && stick.files() == 1);
    let new = stick.folder.path().join("another.carnet-sync");
    assert!(
        !b.vault
            .sync_file(&new, Some(Duration::ZERO), None)
            .unwrap()
            .complete
    );
    assert!(!new.exists(), "an empty file was left");
    let leftover = stick
        .folder
        .path()
        .join(".family.carnet-sync.0123456789abcdef.part");
    fs::write(&leftover, b"half").unwrap();
    visit(&b, &stick.path);
    assert!(!leftover.exists());
    visit(&a, &stick.path);
    same(&[&a, &b]);
}

#[test]
fn a_stick_with_its_switch_on_is_told_from_a_full_one() {
    for (kind, expected) in [
        (io::ErrorKind::ReadOnlyFilesystem, true),
        (io::ErrorKind::PermissionDenied, true),
        (io::ErrorKind::StorageFull, false),
        (io::ErrorKind::Other, false),
    ] {
        assert_eq!(is_read_only(&Error::from(io::Error::from(kind))), expected);
    }
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_file_that_is_replaced() {
    let ((a, b), stick) = (family(), Stick::new());
    visit(&a, &stick.path);
    let elsewhere = TempDir::new().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(&stick.path, &link).unwrap();
    b.import(2);
    visit(&b, &link);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    visit(&a, &stick.path);
    same(&[&a, &b]);
}
