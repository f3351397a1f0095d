//! Phones of the bench: vaults on disk that each child opens by name, over real HTTP, with every request and byte counted.

use carnet::Vault;
use carnet::host::{HostError, HttpRequest, HttpResponse, Transport};
use carnet::sync::HttpTransport;
use carnet::vault::{Host, SyncReport};
use carnet_tests::devices::{FolderKeyStore, NEW_YEAR, StepClock};
use carnet_wire::RecordId;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What crossed the network: bodies of requests and answers, without HTTP's own heads.
#[derive(Default)]
pub struct Counted {
    requests: AtomicU64,
    exchanges: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Counts since the last look.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    pub requests: u64,
    pub exchanges: u64,
    pub sent: u64,
    pub received: u64,
}

impl Traffic {
    /// Both directions.
    pub fn bytes(self) -> u64 {
        self.sent + self.received
    }
}

struct Counting {
    inner: HttpTransport,
    counted: Arc<Counted>,
}

impl Transport for Counting {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let counted = &self.counted;
        counted.requests.fetch_add(1, Ordering::Relaxed);
        if request.url.ends_with("/v1/exchange") {
            counted.exchanges.fetch_add(1, Ordering::Relaxed);
        }
        counted
            .sent
            .fetch_add(request.body.len() as u64, Ordering::Relaxed);
        let answer = self.inner.send(request)?;
        counted
            .received
            .fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        Ok(answer)
    }
}

/// A phone.
pub struct Phone {
    pub vault: Vault,
    counted: Arc<Counted>,
    url: String,
}

fn host(folder: &Path, name: &str) -> (Host, Arc<Counted>) {
    let counted = Arc::new(Counted::default());
    let transport = Counting {
        inner: HttpTransport::new(&[]).expect("a network"),
        counted: Arc::clone(&counted),
    };
    let host = Host {
        key_store: Arc::new(FolderKeyStore::new(folder.join(format!("{name}-anchors")))),
        clock: Arc::new(StepClock::new(NEW_YEAR)),
        transport: Arc::new(transport),
    };
    (host, counted)
}

impl Phone {
    /// A new person with their first phone.
    pub fn create(folder: &Path, name: &str, url: &str) -> Self {
        let (host, counted) = host(folder, name);
        let vault = Vault::create(&folder.join(name), host, name, "Camille Martin", None);
        Self {
            vault: vault.expect("a vault"),
            counted,
            url: url.to_owned(),
        }
    }

    /// The phone that an earlier child left.
    pub fn open(folder: &Path, name: &str, url: &str) -> Self {
        let (host, counted) = host(folder, name);
        let vault = Vault::open(&folder.join(name), host).expect("the vault opens");
        Self {
            vault,
            counted,
            url: url.to_owned(),
        }
    }

    /// Joins as a new phone: `announce` gets the code to show. With what crossed the network until the account was there.
    pub fn join(
        folder: &Path,
        name: &str,
        url: &str,
        announce: &mut dyn FnMut(&str),
    ) -> (Self, Traffic) {
        let (host, counted) = host(folder, name);
        let wait = Duration::from_secs(120);
        let vault = Vault::join(&folder.join(name), host, name, url, wait, announce);
        let phone = Self {
            vault: vault.expect("a joined vault"),
            counted,
            url: url.to_owned(),
        };
        let traffic = phone.take_traffic();
        (phone, traffic)
    }

    /// Brings another phone of the same person in.
    pub fn introduce(&self, folder: &Path, name: &str) -> Self {
        let (send, code) = mpsc::channel();
        std::thread::scope(|scope| {
            let joining = scope.spawn(move || {
                let mut announce = |code: &str| drop(send.send(code.to_owned()));
                Self::join(folder, name, &self.url, &mut announce).0
            });
            let code = code.recv_timeout(Duration::from_secs(60)).expect("a code");
            self.vault.pair(&code).expect("a pairing");
            joining.join().expect("the new phone")
        })
    }

    /// The person's record.
    pub fn record(&self) -> RecordId {
        let persons = self.vault.persons().expect("persons");
        persons.first().expect("a person").record
    }

    /// Syncs until all is exchanged.
    pub fn sync(&self) -> (SyncReport, Traffic) {
        self.take_traffic();
        let report = self
            .vault
            .sync(Some(&self.url), None, None)
            .expect("a sync");
        assert!(report.complete, "the sync ends");
        (report, self.take_traffic())
    }

    fn take_traffic(&self) -> Traffic {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Traffic {
            requests: take(&self.counted.requests),
            exchanges: take(&self.counted.exchanges),
            sent: take(&self.counted.sent),
            received: take(&self.counted.received),
        }
    }
}
