//! The exported calls, driven from Rust by hosts that mean no good: whatever they do, a call ends in an error that says what to
//! do, and the vault is as it was.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use carnet::VaultError;
use carnet::vault::{Filter, Phase, Progress};
use carnet_ffi::{
    Cancel, ChangesObserver, HostError, KeyStore, LogLevel, LogSink, ProgressObserver, Vault,
    set_log_sink,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn wait<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(call)
}

/// Wraps by turning every bit; fails with what it is told to.
#[derive(Default)]
struct Keys {
    fails: Mutex<Option<HostError>>,
    forgets: bool,
    anchors: Mutex<HashMap<String, Vec<u8>>>,
}

impl Keys {
    fn answer(&self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        match *self.fails.lock().unwrap() {
            Some(error) => Err(error),
            None => Ok(bytes.iter().map(|byte| !byte).collect()),
        }
    }
}

impl KeyStore for Keys {
    fn wrap(&self, key: Vec<u8>) -> Result<Vec<u8>, HostError> {
        self.answer(&key)
    }
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, HostError> {
        self.answer(&wrapped)
    }
    fn load_anchor(&self, vault: String) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.anchors.lock().unwrap().get(&vault).cloned())
    }
    fn store_anchor(&self, vault: String, anchor: Vec<u8>) -> Result<Vec<u8>, HostError> {
        let mut anchors = self.anchors.lock().unwrap();
        if !self.forgets {
            anchors.insert(vault.clone(), anchor);
        }
        Ok(anchors.get(&vault).cloned().unwrap_or_default())
    }
}

fn create(folder: &Path, keys: Arc<dyn KeyStore>) -> Result<Arc<Vault>, VaultError> {
    let vault = Vault::create(
        folder.to_owned(),
        keys,
        None,
        "phone".into(),
        "Léa".into(),
        None,
    );
    wait(vault)
}

fn open(folder: &Path, keys: Arc<dyn KeyStore>) -> Result<Arc<Vault>, VaultError> {
    wait(Vault::open(folder.to_owned(), keys, None))
}

/// A folder with `count` observations in it.
fn samples(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: usize| {
        format!(
            r#"{{"resourceType":"Observation","id":"o{number}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4"}}]}},"effectiveDateTime":"2026-01-01T00:00:{:02}Z","valueQuantity":{{"value":{},"unit":"/min"}}}}"#,
            number % 60,
            60 + number % 40
        ) + "\n"
    };
    let text: String = (0..count).map(line).collect();
    std::fs::write(folder.path().join("samples.ndjson"), text).unwrap();
    folder
}

fn import(
    vault: &Vault,
    samples: &TempDir,
    cancel: Option<Arc<Cancel>>,
    observer: Option<Arc<dyn ProgressObserver>>,
) -> Result<u64, VaultError> {
    let record = wait(vault.persons()).unwrap()[0].record;
    let paths = vec![samples.path().to_owned()];
    let report = wait(vault.import_files(record, paths, cancel, observer))?;
    Ok(report.files.iter().map(|file| file.new).sum())
}

#[test]
fn a_failing_key_store_is_told_apart_and_leaves_the_folder_vacant() {
    let room = tempfile::tempdir().unwrap();
    let folder = room.path().join("vault");
    let cases = [
        (HostError::Locked, VaultError::Locked),
        (HostError::WrongKey, VaultError::WrongKey),
        (HostError::Cancelled, VaultError::Cancelled),
    ];
    for (thrown, seen) in cases {
        let keys = Keys {
            fails: Mutex::new(Some(thrown)),
            ..Keys::default()
        };
        assert_eq!(create(&folder, Arc::new(keys)).err(), Some(seen));
    }
    assert!(create(&folder, Arc::new(Keys::default())).is_ok());
}

#[test]
fn before_the_first_unlock_everything_is_locked_and_nothing_lost() {
    let room = tempfile::tempdir().unwrap();
    let folder = room.path().join("vault");
    let keys = Arc::new(Keys::default());
    let vault = create(&folder, keys.clone()).unwrap();
    assert_eq!(import(&vault, &samples(3), None, None), Ok(3));
    drop(vault);
    *keys.fails.lock().unwrap() = Some(HostError::Locked);
    assert_eq!(open(&folder, keys.clone()).err(), Some(VaultError::Locked));
    *keys.fails.lock().unwrap() = None;
    let vault = open(&folder, keys).unwrap();
    assert_eq!(wait(vault.list(Filter::default())).unwrap().len(), 3);
}

#[test]
fn a_key_store_that_forgets_the_anchor_is_noticed() {
    let room = tempfile::tempdir().unwrap();
    let keys = Arc::new(Keys {
        forgets: true,
        ..Keys::default()
    });
    let made = create(&room.path().join("vault"), keys);
    assert!(matches!(made.err(), Some(VaultError::HostFailed(_))));
}

/// An observer that does something with what it hears.
struct Hears<F>(F);

impl<F: Fn(Progress) -> Result<(), HostError> + Send + Sync> ProgressObserver for Hears<F> {
    fn on_progress(&self, progress: Progress) -> Result<(), HostError> {
        (self.0)(progress)
    }
}

#[test]
fn observers_that_throw_panic_or_block_stop_nobody() {
    let room = tempfile::tempdir().unwrap();
    let vault = create(&room.path().join("vault"), Arc::new(Keys::default())).unwrap();
    let hostile: [Arc<dyn ProgressObserver>; 3] = [
        Arc::new(Hears(|_| Err(HostError::Failed))),
        Arc::new(Hears(|_| panic!("Léa"))),
        Arc::new(Hears(|_| {
            loop {
                thread::park()
            }
        })),
    ];
    for (number, observer) in hostile.into_iter().enumerate() {
        let samples = samples(10 + number);
        let new = import(&vault, &samples, None, Some(observer));
        assert_eq!(new, Ok(if number == 0 { 10 } else { 1 }));
    }
}

#[test]
fn an_observer_may_call_back_in() {
    let room = tempfile::tempdir().unwrap();
    let vault = create(&room.path().join("vault"), Arc::new(Keys::default())).unwrap();
    let (inside, (told, heard)) = (vault.clone(), channel());
    let told = Mutex::new(told);
    let observer = Hears(move |progress: Progress| {
        assert_eq!(progress.phase, Phase::Reading);
        let rows = wait(inside.list(Filter::default())).unwrap().len();
        told.lock().unwrap().send(rows).unwrap();
        Ok(())
    });
    assert_eq!(
        import(&vault, &samples(500), None, Some(Arc::new(observer))),
        Ok(500)
    );
    assert!(heard.recv_timeout(Duration::from_secs(10)).is_ok());
}

#[test]
fn cancelling_keeps_what_was_committed_and_the_next_call_goes_on() {
    let room = tempfile::tempdir().unwrap();
    let vault = create(&room.path().join("vault"), Arc::new(Keys::default())).unwrap();
    let (samples, cancel) = (samples(2_000), Cancel::new());
    cancel.cancel();
    assert!(cancel.is_cancelled());
    assert_eq!(
        import(&vault, &samples, Some(cancel), None),
        Err(VaultError::Cancelled)
    );
    import(&vault, &samples, None, None).unwrap();
    assert_eq!(wait(vault.stats(None)).unwrap().versions, 2_000);
}

struct Counts(AtomicUsize);

impl ChangesObserver for Counts {
    fn on_changes(&self) -> Result<(), HostError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn a_subscription_tells_of_writes_until_it_is_stopped() {
    let room = tempfile::tempdir().unwrap();
    let vault = create(&room.path().join("vault"), Arc::new(Keys::default())).unwrap();
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    let subscription = vault.subscribe(counts.clone()).unwrap();
    wait(vault.add_person("Tom".into(), None)).unwrap();
    let began = Instant::now();
    while counts.0.load(Ordering::SeqCst) == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "nothing was told"
        );
        thread::sleep(Duration::from_millis(10));
    }
    subscription.stop();
    thread::sleep(Duration::from_millis(600));
    let told = counts.0.load(Ordering::SeqCst);
    wait(vault.add_person("Zoé".into(), None)).unwrap();
    thread::sleep(Duration::from_millis(600));
    assert_eq!(counts.0.load(Ordering::SeqCst), told);
}

#[test]
fn fifty_threads_use_one_vault() {
    let room = tempfile::tempdir().unwrap();
    let vault = create(&room.path().join("vault"), Arc::new(Keys::default())).unwrap();
    import(&vault, &samples(50), None, None).unwrap();
    let rows = wait(vault.list(Filter::default())).unwrap();
    thread::scope(|scope| {
        for row in &rows {
            let vault = &vault;
            scope.spawn(move || {
                wait(vault.annotate(row.id, "vu".into())).unwrap();
                assert_eq!(wait(vault.detail(row.id)).unwrap().notes.len(), 1);
            });
        }
    });
    assert_eq!(wait(vault.stats(None)).unwrap().notes, 50);
}

/// A sink that panics at the first line and keeps the others.
struct Lines(Mutex<Sender<(LogLevel, String)>>);

impl LogSink for Lines {
    fn log(&self, level: LogLevel, line: String) -> Result<(), HostError> {
        self.0.lock().unwrap().send((level, line)).unwrap();
        Err(HostError::Failed)
    }
}

/// A key store that panics with what it was given.
struct Panics;

impl KeyStore for Panics {
    fn wrap(&self, key: Vec<u8>) -> Result<Vec<u8>, HostError> {
        panic!("canary {key:?}")
    }
    fn unwrap(&self, _: Vec<u8>) -> Result<Vec<u8>, HostError> {
        panic!("canary")
    }
    fn load_anchor(&self, _: String) -> Result<Option<Vec<u8>>, HostError> {
        panic!("canary")
    }
    fn store_anchor(&self, _: String, _: Vec<u8>) -> Result<Vec<u8>, HostError> {
        panic!("canary")
    }
}

#[test]
fn a_panic_is_logged_as_a_place_and_fails_as_a_constant() {
    let (lines, logged) = channel();
    set_log_sink(Some(Arc::new(Lines(Mutex::new(lines)))));
    let room = tempfile::tempdir().unwrap();
    let error = create(&room.path().join("vault"), Arc::new(Panics)).err();
    assert!(matches!(error, Some(VaultError::HostFailed(_))));
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.push(
            logged
                .recv_timeout(Duration::from_secs(10))
                .expect("a line"),
        );
    }
    set_log_sink(None);
    assert!(
        seen.iter().all(|(_, line)| !line.contains("canary")),
        "{seen:?}"
    );
    assert!(
        seen.iter()
            .any(|(level, line)| *level == LogLevel::Error
                && line.starts_with("panic at hostile.rs:")),
        "{seen:?}"
    );
}
