//! One device, no network: what a vault promises by itself.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::host::{HostError, HttpRequest, HttpResponse};
use carnet_wire::RecordId;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Wraps by exclusive or with its own key: enough to tell two key stores apart.
pub(super) struct TestKeys {
    key: [u8; 32],
    anchors: Mutex<HashMap<String, Vec<u8>>>,
}

impl TestKeys {
    pub(super) fn new(byte: u8) -> Arc<Self> {
        Arc::new(Self {
            key: [byte; 32],
            anchors: Mutex::default(),
        })
    }

    /// Keeps what another platform keeps: a phone that was copied, platform and all.
    pub(super) fn take_anchors(&self, other: &Self) {
        let anchors = other.anchors.lock().unwrap().clone();
        *self.anchors.lock().unwrap() = anchors;
    }
}

impl KeyStore for TestKeys {
    fn wrap(&self, key: &[u8; 32]) -> std::result::Result<Vec<u8>, HostError> {
        Ok([
            self.key.as_slice(),
            &std::array::from_fn::<u8, 32, _>(|at| key[at] ^ self.key[at]),
        ]
        .concat())
    }

    fn unwrap(&self, wrapped: &[u8]) -> std::result::Result<Zeroizing<[u8; 32]>, HostError> {
        let (by, sealed) = wrapped.split_at_checked(32).ok_or(HostError::Failed)?;
        if by != self.key {
            return Err(HostError::WrongKey);
        }
        Ok(Zeroizing::new(std::array::from_fn(|at| {
            sealed[at] ^ self.key[at]
        })))
    }

    fn load_anchor(&self, vault: &str) -> std::result::Result<Option<Vec<u8>>, HostError> {
        Ok(self.anchors.lock().unwrap().get(vault).cloned())
    }

    fn store_anchor(&self, vault: &str, anchor: &[u8]) -> std::result::Result<Vec<u8>, HostError> {
        self.anchors
            .lock()
            .unwrap()
            .insert(vault.to_owned(), anchor.to_vec());
        Ok(anchor.to_vec())
    }
}

pub(super) struct Ticking(pub(super) AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> i64 {
        self.0.fetch_add(1000, Ordering::Relaxed)
    }
}

struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: HttpRequest) -> std::result::Result<HttpResponse, HostError> {
        Err(HostError::Offline)
    }
}

fn host(keys: &Arc<TestKeys>) -> Host {
    Host {
        key_store: keys.clone(),
        clock: Arc::new(Ticking(AtomicI64::new(1_790_000_000_000))),
        transport: Arc::new(NoNetwork),
    }
}

pub(super) struct Phone {
    folder: TempDir,
    keys: Arc<TestKeys>,
    pub(super) vault: Vault,
}

impl Phone {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let keys = TestKeys::new(7);
        let vault = Vault::create(
            &folder.path().join("v"),
            host(&keys),
            "Téléphone",
            "Camille",
            Some("1984-05"),
        )
        .unwrap();
        Self {
            folder,
            keys,
            vault,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("v")
    }

    fn record(&self) -> RecordId {
        self.vault.persons().unwrap()[0].record
    }

    pub(super) fn import(&self, text: &str) -> FileReport {
        let path = self.folder.path().join("file.json");
        std::fs::write(&path, text).unwrap();
        self.vault
            .import(self.record(), &[path], None)
            .unwrap()
            .files
            .remove(0)
    }

    fn reopen(self) -> Self {
        let Self {
            folder,
            keys,
            vault,
        } = self;
        drop(vault);
        let vault = Vault::open(&folder.path().join("v"), host(&keys)).unwrap();
        Self {
            folder,
            keys,
            vault,
        }
    }
}

pub(super) const GLUCOSE: &str = r#"{"resourceType":"Observation","id":"6d1f5a3c-0000-4000-8000-000000000001","status":"final",
 "category":[{"coding":[{"code":"laboratory"}]}],"code":{"text":"Glycémie à jeun"},"effectiveDateTime":"2021-03-12",
 "valueQuantity":{"value":5.50,"unit":"mmol/L"}}"#;

fn export(vault: &Vault, record: RecordId, format: ExportFormat) -> String {
    let mut out = Vec::new();
    vault.export(record, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_file_becomes_a_record_that_survives_reopening() {
    let phone = Phone::new();
    let first = phone.import(GLUCOSE);
    assert_eq!(
        (first.new, first.unchanged, first.rejected.len()),
        (1, 0, 0),
        "{first:?}"
    );
    let second = phone.import(GLUCOSE);
    assert_eq!((second.new, second.unchanged), (0, 1));
    let phone = phone.reopen();
    assert!(phone.vault.warnings().is_empty());
    let persons = phone.vault.persons().unwrap();
    assert_eq!(
        (
            persons.len(),
            persons[0].name.as_str(),
            persons[0].birth_date.as_deref()
        ),
        (1, "Camille", Some("1984-05"))
    );
    let rows = phone.vault.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (
            rows[0].value.as_deref(),
            rows[0].unit.as_deref(),
            rows[0].when.as_deref()
        ),
        (Some("5.50"), Some("mmol/L"), Some("2021-03-12"))
    );
    assert_eq!(rows[0].source, "file.json");
    assert_eq!(
        phone
            .vault
            .search("glycemie", &Filter::default())
            .unwrap()
            .len(),
        1
    );
    assert!(export(&phone.vault, phone.record(), ExportFormat::Fhir).contains(GLUCOSE));
}

#[test]
fn what_people_write_stands_beside_the_source() {
    let phone = Phone::new();
    phone.import(GLUCOSE);
    let id = phone.vault.list(&Filter::default()).unwrap()[0].id;
    phone
        .vault
        .annotate(id, "  à jeun depuis la veille ")
        .unwrap();
    phone.vault.correct(id, "value", "5.6").unwrap();
    phone.vault.correct(id, "value", "5.7").unwrap();
    let detail = phone.vault.detail(id).unwrap();
    assert_eq!(detail.notes.len(), 1);
    assert_eq!(detail.notes[0].text, "à jeun depuis la veille");
    assert_eq!(
        (
            detail.corrections.len(),
            detail.corrections[0].value.as_str()
        ),
        (1, "5.7")
    );
    assert_eq!(detail.corrections[0].source.as_deref(), Some("5.50"));
    assert_eq!(
        (detail.row.value.as_deref(), detail.row.corrected),
        (Some("5.7"), true)
    );
    assert_eq!(detail.original, GLUCOSE);
    assert!(phone.vault.conflicts().unwrap().is_empty());
    assert_eq!(
        phone.vault.annotate(id, " "),
        Err(VaultError::InvalidInput("a note cannot be empty"))
    );
    assert!(phone.vault.correct(id, "a b", "x").is_err());
}

#[test]
fn every_view_can_be_computed_again() {
    let phone = Phone::new();
    phone.import(GLUCOSE);
    let id = phone.vault.list(&Filter::default()).unwrap()[0].id;
    phone.vault.annotate(id, "note").unwrap();
    phone.vault.add_person("Noé", None).unwrap();
    let report = phone.vault.verify(true).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.changes >= 5 && report.views > 0, "{report:?}");
    assert_eq!(
        phone.vault.fingerprint().unwrap(),
        phone.reopen().vault.fingerprint().unwrap()
    );
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let phone = Phone::new();
    phone.import(GLUCOSE);
    let path = phone.path();
    drop(phone.vault);
    let before = std::fs::read(path.join("vault.db")).unwrap();
    assert_eq!(
        Vault::open(&path, host(&TestKeys::new(8))).unwrap_err(),
        VaultError::WrongKey
    );
    assert_eq!(std::fs::read(path.join("vault.db")).unwrap(), before);
    assert_eq!(
        Vault::create(&path, host(&phone.keys), "x", "x", None).unwrap_err(),
        VaultError::InvalidInput("this folder already holds a vault: choose another")
    );
}

#[test]
fn a_locked_vault_answers_locked_until_it_is_unlocked() {
    let phone = Phone::new();
    phone.import(GLUCOSE);
    phone.vault.lock().unwrap();
    assert!(phone.vault.is_locked());
    assert_eq!(
        phone.vault.list(&Filter::default()),
        Err(VaultError::Locked)
    );
    phone.vault.unlock().unwrap();
    assert_eq!(phone.vault.list(&Filter::default()).unwrap().len(), 1);
}

#[test]
fn an_old_copy_is_noticed_and_goes_on_under_a_new_incarnation() {
    let phone = Phone::new();
    phone.import(GLUCOSE);
    let id = phone.vault.list(&Filter::default()).unwrap()[0].id;
    let phone = phone.reopen();
    phone.vault.lock().unwrap();
    let copy = std::fs::read(phone.path().join("vault.db")).unwrap();
    phone.vault.unlock().unwrap();
    phone.vault.annotate(id, "after the copy").unwrap();
    phone.vault.lock().unwrap();
    for file in ["vault.db-wal", "vault.db-shm"] {
        let _ = std::fs::remove_file(phone.path().join(file));
    }
    std::fs::write(phone.path().join("vault.db"), copy).unwrap();
    let phone = phone.reopen();
    assert_eq!(phone.vault.warnings(), vec![OpenWarning::RolledBack]);
    phone.vault.annotate(id, "in the new life").unwrap();
    assert_eq!(
        phone.vault.verify(true).unwrap().problems,
        Vec::<String>::new()
    );
    assert!(phone.reopen().vault.warnings().is_empty());
}

#[test]
fn sync_without_a_network_is_offline_and_keeps_everything() {
    let phone = Phone::new();
    phone.import(GLUCOSE);
    assert_eq!(
        phone.vault.sync(None, None, None).unwrap_err(),
        VaultError::NotFound("a relay: name one to sync with")
    );
    assert_eq!(
        phone
            .vault
            .sync(Some("http://127.0.0.1:1"), None, None)
            .unwrap_err(),
        VaultError::Offline
    );
    assert_eq!(phone.vault.relay().unwrap(), None);
    assert!(phone.vault.sync(Some("ftp://x"), None, None).is_err());
    assert!(phone.vault.stats(None).unwrap().unsent > 0);
}

#[test]
fn an_observer_can_stop_an_import_and_the_next_one_goes_on() {
    struct Stop;
    impl Observer for Stop {
        fn progress(&self, _: Progress) -> bool {
            false
        }
    }
    let phone = Phone::new();
    let path = phone.folder.path().join("file.json");
    std::fs::write(&path, GLUCOSE).unwrap();
    assert_eq!(
        phone
            .vault
            .import(phone.record(), std::slice::from_ref(&path), Some(&Stop)),
        Err(VaultError::Cancelled)
    );
    let report = phone.vault.import(phone.record(), &[path], None).unwrap();
    assert_eq!(report.files[0].new + report.files[0].unchanged, 1);
    assert_eq!(phone.vault.list(&Filter::default()).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_a_resource_of_the_record_is_kept_as_a_document() {
    let phone = Phone::new();
    let older = r#"{"resourceType":"MedicationOrder","id":"1","status":"active"}"#;
    let report = phone.import(older);
    assert_eq!(
        (report.new, report.rejected.len(), report.warnings.len()),
        (1, 0, 2),
        "{report:?}"
    );
    assert_eq!(phone.import(older).unchanged, 1);
    let rows = phone.vault.list(&Filter::default()).unwrap();
    assert_eq!(rows[0].kind, "DocumentReference");
    let report = phone.vault.verify(true).unwrap();
    assert_eq!((report.attachments, report.problems), (1, Vec::new()));
    assert_eq!(phone.vault.stats(None).unwrap().attachments, 1);
}

#[test]
fn a_resource_too_large_for_an_envelope_is_kept_as_a_document() {
    let phone = Phone::new();
    // A generator nobody can compress: what an embedded scan looks like.
    let mut state = 7_u64;
    let noise: String = (0..6 << 20)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                    [(state >> 58) as usize],
            )
        })
        .collect();
    let report = phone.import(&format!(
        r#"{{"resourceType":"Binary","contentType":"image/png","data":"{noise}"}}"#
    ));
    assert_eq!(
        (report.new, report.rejected.len(), report.warnings.len()),
        (1, 0, 1)
    );
    assert_eq!(
        phone.vault.verify(false).unwrap().problems,
        Vec::<String>::new()
    );
}
