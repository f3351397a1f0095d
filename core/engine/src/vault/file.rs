//! A sync file: a relay without a program, that goes from device to device on a stick or by a messenger. What it holds and
//! this vault lacks is merged; what this vault has and it lacks is added.
//!
//! Invariant: the file that is there is replaced whole or not at all, by one that begins with the same bytes, whatever they
//! are: another family's envelopes, or records of a later version. A damaged file is read up to the damage and left alone.

use super::brake::Brake;
use super::keyring::Keyring;
use super::open::Unlocked;
use super::paths::{self, Intake};
use super::reseal::{self, Resealing};
use super::snapshot::{self, HandOn};
use super::{Phase, SyncReport};
use crate::error::{Error, Result};
use crate::record::snapshot::Snapshot;
use crate::seal;
use crate::store::log::{self, Runs};
use crate::sync::file::{self, Reader};
use carnet_wire::{Author, BlobId, ChangeId, Envelope, MailboxId, limits};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of envelopes taken in together.
const BATCH_BYTES: usize = 512 << 10;
/// Readings of one file: each may bring keys for what the one before could not open.
const MAX_READINGS: u32 = 8;
/// How often a file that another device changed meanwhile is begun again.
const MAX_TRIES: u32 = 4;
/// How long to wait for another program that holds the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

const IN_USE: Error =
    Error::Invalid("another program is using the sync file: try again when it has finished");
const READ_ONLY: &str =
    "the sync file cannot be written: what it held was taken in, nothing was added";
const UNOPENABLE: &str = "unopenable";

/// Exchanges with the file at `path`, which is made when there is none.
pub fn sync(open: &Unlocked, path: &Path, brake: &Brake<'_>) -> Result<SyncReport> {
    let place = Place::of(path)?;
    place.sweep()?;
    let mut settled = SyncReport::default();
    if !paths::settle(open, brake, &mut settled)? {
        return Ok(settled);
    }
    brake.enter(Phase::Exchanging);
    for _ in 0..MAX_TRIES {
        let mut original = Original::open(&place, brake)?;
        let mut visit = Visit::begin(open, brake)?;
        visit.report.received = settled.received;
        match visit.exchange(&place, &mut original) {
            Ok(true) => {
                original.keep();
                paths::conclude(open, &mut visit.report)?;
                return Ok(visit.report);
            }
            Ok(false) => {}
            // The deadline passed: what was merged stays, the file is as it was.
            Err(Error::Cancelled) if visit.too_late => {
                visit.report.quarantined = paths::quarantined(open)?;
                visit.report.complete = false;
                return Ok(visit.report);
            }
            Err(error) => return Err(error),
        }
    }
    Err(IN_USE)
}

/// Where the file is.
struct Place {
    folder: PathBuf,
    name: String,
    path: PathBuf,
}

impl Place {
    /// Follows links, so that the file they lead to is replaced and not they.
    fn of(path: &Path) -> Result<Self> {
        const NO_NAME: Error = Error::Invalid("the sync file needs a name");
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = path.file_name().ok_or(NO_NAME)?;
                let parent = path
                    .parent()
                    .filter(|parent| !parent.as_os_str().is_empty());
                let parent = fs::canonicalize(parent.unwrap_or(Path::new(".")));
                let missing = |_| Error::NotFound("the folder of the sync file");
                parent.map_err(missing)?.join(name)
            }
            Err(error) => return Err(error.into()),
        };
        let name = path
            .file_name()
            .ok_or(NO_NAME)?
            .to_string_lossy()
            .into_owned();
        let folder = path.parent().ok_or(NO_NAME)?.to_owned();
        Ok(Self { folder, name, path })
    }

    /// Begins the file that will take the place of this one.
    fn make_new(&self) -> Result<New> {
        let random: [u8; 8] = seal::make_random()?;
        let name = format!(".{}.{:016x}.part", self.name, u64::from_be_bytes(random));
        let path = self.folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        // Where locks are unknown, a sweep may take it: the rename then fails, and nothing is lost.
        let _ = file.try_lock();
        Ok(New {
            path,
            file: BufWriter::new(file),
            done: false,
        })
    }

    /// Removes what a kill left half written.
    fn sweep(&self) -> Result<()> {
        let begin = format!(".{}.", self.name);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = name.starts_with(&begin)
                && name.ends_with(".part")
                && name.len() == begin.len() + 21;
            let unused = |file: File| file.try_lock().is_ok();
            if ours && entry.file_type()?.is_file() && File::open(entry.path()).is_ok_and(unused) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

/// The file that is there, held so that another Carnet waits.
struct Original<'p> {
    place: &'p Place,
    file: File,
    length: u64,
    modified: Option<std::time::SystemTime>,
    /// Made by this call: taken away again unless it became a sync file.
    made: bool,
}

impl<'p> Original<'p> {
    fn open(place: &'p Place, brake: &Brake<'_>) -> Result<Self> {
        let began = Instant::now();
        loop {
            let (file, made) = match File::open(&place.path) {
                Ok(file) => (file, false),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let mut new = OpenOptions::new();
                    new.read(true).write(true).create_new(true);
                    match new.open(&place.path) {
                        Ok(file) => (file, true),
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            };
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(Error::Invalid("the sync file is not a plain file"));
            }
            if metadata.len() > limits::MAX_SYNC_FILE_BYTES {
                return Err(Error::TooLarge("the sync file: begin a new one"));
            }
            let original = Self {
                place,
                length: metadata.len(),
                modified: metadata.modified().ok(),
                file,
                made,
            };
            match original.file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    if began.elapsed() > LOCK_PATIENCE || brake.check(0)? {
                        return Err(IN_USE);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                // Some file systems know no locks; the check before the rename stands.
                _ if original.is_still_there() => return Ok(original),
                _ => {}
            }
        }
    }

    /// Whether the path still leads to what was read.
    fn is_still_there(&self) -> bool {
        fs::metadata(&self.place.path).is_ok_and(|now| {
            now.len() == self.length
                && now.modified().ok() == self.modified
                && self.is_same_file(&now)
        })
    }

    #[cfg(unix)]
    fn is_same_file(&self, now: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let held = self.file.metadata();
        held.is_ok_and(|held| (held.dev(), held.ino()) == (now.dev(), now.ino()))
    }

    #[cfg(not(unix))]
    fn is_same_file(&self, _: &fs::Metadata) -> bool {
        true
    }

    fn keep(&mut self) {
        self.made = false;
    }
}

impl Drop for Original<'_> {
    fn drop(&mut self) {
        if self.made && self.is_still_there() {
            let _ = fs::remove_file(&self.place.path);
        }
    }
}

/// A file on its way to the place of another. Dropped before [`New::finish`], it leaves nothing.
struct New {
    path: PathBuf,
    file: BufWriter<File>,
    done: bool,
}

impl New {
    fn finish(mut self, place: &Place) -> Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.path, &place.path)?;
        self.done = true;
        // Not every system can flush a folder; the file itself is safe.
        if let Ok(folder) = File::open(&place.folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn is_read_only(error: &Error) -> bool {
    let refused = |kind| {
        matches!(
            kind,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
    };
    matches!(error, Error::Io(error) if refused(error.kind()))
}

/// What a file holds.
#[derive(Default)]
struct Present {
    /// Changes, by log.
    changes: BTreeMap<i64, Runs>,
    documents: BTreeSet<BlobId>,
}

impl Present {
    fn add(&mut self, place: &log::Place) {
        let runs = self.changes.entry(place.log).or_default();
        runs.add(place.author, place.seq, place.seq);
    }

    /// What a reader of the file gets of a log: the changes in it, and what snapshots in it stand for.
    fn given(&self, conn: &Connection, log: i64) -> Result<Runs> {
        let mut given = self.changes.get(&log).cloned().unwrap_or_default();
        let whole = |snapshot: &Snapshot| {
            let mut pieces = snapshot.pieces.iter();
            pieces.all(|piece| self.documents.contains(&piece.blob))
        };
        let stands = snapshot::stands_for(conn, log, &given, whole)?;
        given.extend(&stands);
        Ok(given)
    }
}

/// What this vault has and the file has not.
struct Missing {
    changes: Vec<i64>,
    documents: Vec<BlobId>,
}

struct Visit<'a> {
    open: &'a Unlocked,
    brake: &'a Brake<'a>,
    intake: Intake,
    report: SyncReport,
    too_late: bool,
}

impl<'a> Visit<'a> {
    fn begin(open: &'a Unlocked, brake: &'a Brake<'a>) -> Result<Self> {
        Ok(Self {
            open,
            brake,
            intake: Intake::begin(open)?,
            report: SyncReport::default(),
            too_late: false,
        })
    }

    fn check(&mut self) -> Result<()> {
        self.too_late = self.brake.check(self.report.sent + self.report.received)?;
        match self.too_late {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }

    /// Both ways; `false` when the file was changed meanwhile.
    fn exchange(&mut self, place: &Place, original: &mut Original<'_>) -> Result<bool> {
        let present = match original.length {
            0 => Present::default(),
            _ => self.take_in(&original.file)?,
        };
        self.report.bytes_received = original.length;
        let missing = self.missing(&present)?;
        if !missing.changes.is_empty() || !missing.documents.is_empty() {
            let mut new = match place.make_new() {
                // A stick with its switch on: what it held was taken in.
                Err(error) if is_read_only(&error) => {
                    paths::notice(&mut self.report, READ_ONLY);
                    return Ok(true);
                }
                new => new?,
            };
            self.write(&mut new, original, &missing)?;
            if !original.is_still_there() {
                return Ok(false);
            }
            new.finish(place)?;
            self.report.sent = missing.changes.len() as u64;
        }
        self.report.complete = true;
        Ok(true)
    }

    fn take_in(&mut self, mut file: &File) -> Result<Present> {
        for _ in 0..MAX_READINGS {
            let before = self.open.keyring()?.mailboxes();
            file.rewind()?;
            let present = self.read(file)?;
            if self.open.keyring()?.mailboxes() == before {
                return Ok(present);
            }
        }
        Err(Error::Invalid(
            "the sync file goes on bringing keys: ask for another copy",
        ))
    }

    fn read(&mut self, file: &File) -> Result<Present> {
        let mut present = Present::default();
        let mut batch = Batch::default();
        let mut read = || -> Result<()> {
            let mut reader = Reader::open(BufReader::new(file))?;
            while let Some(head) = reader.next_head()? {
                self.check()?;
                match head.kind {
                    file::ENVELOPE => {
                        let mut bytes = Vec::new();
                        reader.rest(&mut bytes, &mut || Ok(()))?;
                        self.sort(bytes, &mut batch, &mut present)?;
                        if batch.bytes >= BATCH_BYTES {
                            self.merge(&mut batch, &mut present)?;
                        }
                    }
                    file::DOCUMENT => {
                        self.merge(&mut batch, &mut present)?;
                        self.take_document(&mut reader, &mut present)?;
                    }
                    _ => reader.rest(&mut io::sink(), &mut || self.check())?,
                }
            }
            Ok(())
        };
        let outcome = read();
        // What is intact before the damage is taken in all the same.
        if !self.too_late {
            self.merge(&mut batch, &mut present)?;
            if snapshot::take_in(self.open, self.brake, &mut self.report)? > 0 {
                self.intake.try_again(self.open, &mut self.report)?;
            }
        }
        outcome.map(|()| present)
    }

    /// Puts an envelope aside to be merged, if it is of this vault and new.
    fn sort(&mut self, bytes: Vec<u8>, batch: &mut Batch, present: &mut Present) -> Result<()> {
        let keyring = self.open.keyring()?;
        let Ok(envelope) = Envelope::from_bytes(&bytes) else {
            return Ok(());
        };
        let Some((log, epoch)) = keyring.epoch_of(envelope.mailbox) else {
            return Ok(());
        };
        let Ok(opened) = seal::open(epoch, &envelope) else {
            // The file keeps it: an update may know what to do with it.
            paths::notice(&mut self.report, UNOPENABLE);
            return Ok(());
        };
        let place = log::Place {
            log,
            author: opened.header.author,
            seq: opened.header.seq,
        };
        match self
            .open
            .store
            .read(|conn| log::number_of(conn, opened.id))?
        {
            Some(_) => present.add(&place),
            None => batch.add(envelope.mailbox, bytes, (opened.id, place)),
        }
        Ok(())
    }

    fn merge(&mut self, batch: &mut Batch, present: &mut Present) -> Result<()> {
        let Batch { envelopes, ids, .. } = std::mem::take(batch);
        let placed: Vec<_> = envelopes
            .iter()
            .map(|(mailbox, bytes)| (*mailbox, bytes.as_slice()))
            .collect();
        let taken = self.intake.receive(self.open, &placed)?;
        paths::note(&mut self.report, &taken);
        self.open.store.read(|conn| {
            for (id, place) in ids {
                // What a snapshot replaced here is there all the same.
                let covered = log::covered(conn, place.log, &place.author)? >= place.seq;
                if covered || log::number_of(conn, id)?.is_some() {
                    present.add(&place);
                }
            }
            Ok(())
        })
    }

    fn take_document<R: Read>(
        &mut self,
        reader: &mut Reader<R>,
        present: &mut Present,
    ) -> Result<()> {
        let blob = BlobId(reader.id()?);
        let attachments = self.open.store.attachments();
        let named = |conn: &Connection| {
            Ok(log::is_wanted(conn, blob)? || !log::logs_naming(conn, blob)?.is_empty())
        };
        let wanted = self.open.store.read(named)? && attachments.size(blob)?.is_none();
        if !wanted {
            reader.rest(&mut io::sink(), &mut || self.check())?;
            present.documents.insert(blob);
            return Ok(());
        }
        let mut incoming = attachments.make_incoming()?;
        reader.rest(&mut incoming, &mut || self.check())?;
        match incoming.finish_as(blob) {
            // Somebody put other bytes under its name: the right ones may still be added.
            Err(Error::Corrupt(_)) => {
                paths::notice(
                    &mut self.report,
                    "a document is not what its author said of it",
                );
            }
            finished => {
                finished?;
                present.documents.insert(blob);
            }
        }
        Ok(())
    }

    fn missing(&mut self, present: &Present) -> Result<Missing> {
        let keyring = self.open.keyring()?;
        let needs = self.open.store.read(paths::needs)?;
        let mut changes = Vec::new();
        let mut blobs = Vec::new();
        for (log, need) in needs {
            if keyring.current_epoch(log).is_err() {
                continue;
            }
            let given = self.open.store.read(|conn| present.given(conn, log))?;
            let theirs = |author: &Author| given.first_missing(author) - 1;
            let how = snapshot::hand_on(self.open, log, &theirs)?;
            if matches!(how, HandOn::Unable) {
                paths::notice(&mut self.report, snapshot::NEEDS_RELAY);
            }
            blobs.extend(how.pieces());
            let sendable = self.open.store.read(|conn| log::sendable(conn, log))?;
            let new = sendable.into_iter().filter(|(_, kept)| {
                let place = &kept.place;
                !given.holds(&place.author, place.seq) && place.seq > how.after(&place.author)
            });
            changes.extend(new.map(|(time, kept)| (need, time, kept.change)));
        }
        changes.sort_unstable();
        let named = self.open.store.read(log::named_blobs)?.into_iter();
        blobs.extend(named.map(|named| named.blob));
        let mut documents = Vec::new();
        for blob in blobs {
            let new = !present.documents.contains(&blob);
            if new && self.open.store.attachments().size(blob)?.is_some() {
                documents.push(blob);
            }
        }
        Ok(Missing {
            changes: changes.into_iter().map(|(.., change)| change).collect(),
            documents,
        })
    }

    fn write(
        &mut self,
        new: &mut New,
        original: &mut Original<'_>,
        missing: &Missing,
    ) -> Result<()> {
        let output = &mut new.file;
        match original.length {
            0 => file::write_begin(output)?,
            length => self.copy(&mut original.file, length, output)?,
        }
        let before = original.length;
        let keyring = self.open.keyring()?;
        for change in &missing.changes {
            self.check()?;
            let sealed = self
                .open
                .store
                .read(|conn| envelopes(conn, &keyring, *change));
            match sealed {
                Err(Error::NotFound(_)) => {}
                sealed => {
                    for envelope in sealed? {
                        file::write_envelope(output, &envelope)?;
                    }
                }
            }
        }
        for blob in &missing.documents {
            self.check()?;
            let mut document = self.open.store.attachments().open_file(*blob)?;
            let length = document.metadata()?.len();
            file::write_document(output, &blob.0, length, &mut document)?;
        }
        let length = output.stream_position()?;
        if length > limits::MAX_SYNC_FILE_BYTES {
            return Err(Error::TooLarge("the sync file: begin a new one"));
        }
        self.report.bytes_sent = length - before;
        Ok(())
    }

    fn copy(&mut self, from: &mut File, length: u64, to: &mut dyn Write) -> Result<()> {
        from.rewind()?;
        let mut left = length;
        while left > 0 {
            self.check()?;
            let copied = io::copy(&mut from.take(left.min(1 << 20)), to)?;
            if copied == 0 {
                return Err(file::DAMAGED);
            }
            left -= copied;
        }
        Ok(())
    }
}

/// A change under the current keys and, of a roster, under those its author had as well: who takes the file next may have
/// been away when the keys were changed.
fn envelopes(conn: &Connection, keyring: &Keyring, change: i64) -> Result<Vec<Vec<u8>>> {
    let first = Resealing::as_first(conn, keyring, change)?;
    let is_current = keyring.is_current(first.mailbox());
    let mut envelopes = vec![first.seal(keyring)?];
    if !is_current {
        envelopes.push(reseal::reseal(conn, keyring, change)?.1);
    }
    Ok(envelopes)
}

/// Envelopes to be merged together.
#[derive(Default)]
struct Batch {
    envelopes: Vec<(MailboxId, Vec<u8>)>,
    ids: Vec<(ChangeId, log::Place)>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, mailbox: MailboxId, bytes: Vec<u8>, id: (ChangeId, log::Place)) {
        self.bytes += bytes.len();
        self.envelopes.push((mailbox, bytes));
        self.ids.push(id);
    }
}

#[cfg(test)]
mod tests;
