//! A relay of a play, which can be copied and put back from a copy: the real service in this process, whose time can be
//! moved, or the real program behind real sockets.

use crate::dice::Dice;
use crate::inprocess::{InProcess, NEW_YEAR_SECONDS};
use crate::paths::{copy_folder, files_below};
use crate::relays::{RelayProgram, free_address};
use carnet::host::{HostError, HttpRequest, HttpResponse, Transport};
use carnet::sync::HttpTransport;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// A relay on a folder, closed and opened as the play wants it.
pub struct SimRelay {
    folder: PathBuf,
    url: String,
    seconds: Arc<AtomicU64>,
    /// Where the program listens and how it is reached; none for a relay in this process.
    outside: Option<(SocketAddr, HttpTransport)>,
    running: RwLock<Option<Running>>,
    copies: Mutex<u64>,
    /// What was retired at it before it was last opened.
    retired: AtomicU64,
}

enum Running {
    Here(Box<InProcess>),
    Outside { _program: RelayProgram },
}

impl SimRelay {
    /// Opens the relay of this folder under this name, in this process.
    pub fn open(folder: &Path, url: &str) -> Self {
        Self::around(folder, url.to_owned(), None)
    }

    /// Starts the relay of this folder as a program.
    pub fn start(folder: &Path) -> Self {
        let address = free_address();
        let transport = HttpTransport::new(&[]).expect("a network");
        let url = format!("http://{address}");
        Self::around(folder, url, Some((address, transport)))
    }

    fn around(folder: &Path, url: String, outside: Option<(SocketAddr, HttpTransport)>) -> Self {
        let relay = Self {
            folder: folder.to_owned(),
            url,
            seconds: Arc::new(AtomicU64::new(NEW_YEAR_SECONDS)),
            outside,
            running: RwLock::new(None),
            copies: Mutex::new(0),
            retired: AtomicU64::new(0),
        };
        relay.while_stopped(|| ());
        relay
    }

    /// What phones call it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets time pass: sessions run out, and what was retired thirty days ago is deleted.
    pub fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
        if let Some(Running::Here(relay)) = self.running.read().expect("the relay").as_ref() {
            relay.sweep();
        }
    }

    /// How many envelopes and pieces it was told to let go of.
    pub fn retired(&self) -> u64 {
        let before = self.retired.load(Ordering::Relaxed);
        match self.running.read().expect("the relay").as_ref() {
            Some(Running::Here(relay)) => before + relay.retired(),
            _ => before,
        }
    }

    /// Loses the bytes of a document or piece; returns whether it had any.
    pub fn lose_a_blob(&self, dice: &mut Dice) -> bool {
        let blobs = files_below(&self.folder.join("blobs"));
        if blobs.is_empty() {
            return false;
        }
        std::fs::remove_file(dice.pick(&blobs)).expect("a blob goes");
        true
    }

    /// Copies its folder, as an operator's backup does, and returns the copy.
    pub fn copy(&self) -> PathBuf {
        let mut copies = self.copies.lock().expect("a number");
        *copies += 1;
        let to = self.folder.with_extension(format!("copy-{copies}"));
        self.while_stopped(|| copy_folder(&self.folder, &to));
        to
    }

    /// Puts a copy back. An honest operator says so: the relay then begins another generation.
    pub fn put_back(&self, copy: &Path, honest: bool) {
        self.while_stopped(|| {
            std::fs::remove_dir_all(&self.folder).expect("the folder goes");
            copy_folder(copy, &self.folder);
            if honest {
                begin_generation(&self.folder);
            }
        });
    }

    fn while_stopped(&self, work: impl FnOnce()) {
        let mut running = self.running.write().expect("the relay");
        if let Some(Running::Here(relay)) = running.take() {
            self.retired.fetch_add(relay.retired(), Ordering::Relaxed);
        }
        work();
        *running = Some(match &self.outside {
            Some((address, _)) => Running::Outside {
                _program: RelayProgram::start_at(&self.folder, *address),
            },
            None => {
                let seconds = Arc::clone(&self.seconds);
                Running::Here(Box::new(InProcess::open_as(
                    &self.folder,
                    &self.url,
                    seconds,
                )))
            }
        });
    }
}

fn begin_generation(folder: &Path) {
    let database = rusqlite::Connection::open(folder.join("relay.db")).expect("its database");
    let changed = database.execute("UPDATE relay SET generation = generation / 2 + 1", []);
    assert_eq!(changed.ok(), Some(1), "one generation");
}

impl Transport for SimRelay {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let running = self.running.read().expect("the relay");
        match (running.as_ref(), &self.outside) {
            (Some(Running::Here(relay)), _) => relay.send(request),
            (Some(Running::Outside { .. }), Some((_, transport))) => transport.send(request),
            _ => Err(HostError::Offline),
        }
    }
}
