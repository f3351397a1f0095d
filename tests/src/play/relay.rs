//! A relay of a play: the real service in this process, which can be copied, put back from a copy and moved in time.

use crate::inprocess::{InProcess, NEW_YEAR_SECONDS};
use crate::paths::copy_folder;
use carnet::host::{HostError, HttpRequest, HttpResponse, Transport};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// A relay on a folder, closed and opened as the play wants it.
pub struct SimRelay {
    folder: PathBuf,
    url: String,
    seconds: Arc<AtomicU64>,
    running: RwLock<Option<InProcess>>,
    copies: Mutex<u64>,
}

impl SimRelay {
    /// Opens the relay of this folder under this name.
    pub fn open(folder: &Path, url: &str) -> Self {
        let seconds = Arc::new(AtomicU64::new(NEW_YEAR_SECONDS));
        let running = InProcess::open_as(folder, url, Arc::clone(&seconds));
        Self {
            folder: folder.to_owned(),
            url: url.to_owned(),
            seconds,
            running: RwLock::new(Some(running)),
            copies: Mutex::new(0),
        }
    }

    /// What phones call it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets time pass: sessions run out, what was retired is swept.
    pub fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
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
        drop(running.take());
        work();
        let opened = InProcess::open_as(&self.folder, &self.url, Arc::clone(&self.seconds));
        *running = Some(opened);
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
        running.as_ref().ok_or(HostError::Offline)?.send(request)
    }
}
