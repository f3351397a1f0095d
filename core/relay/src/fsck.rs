//! What is wrong with the data of a relay that does not run, or with a backup.
//!
//! It changes nothing. Every finding is a line for the operator; it names mailboxes by the relay's own numbers and blobs by
//! their ids, which are no secrets to somebody who holds the directory.

use crate::StartError;
use crate::blobs::{hash, upload_name};
use crate::service::lock;
use crate::sqlite::{FILE, prefix, reader};
use carnet_wire::{BlobId, EnvelopeId};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Mailboxes looked at.
    pub mailboxes: u64,
    /// Envelopes looked at, and hashed where their bytes are kept.
    pub envelopes: u64,
    /// Blobs looked at and hashed.
    pub blobs: u64,
    /// Uploads under way.
    pub uploads: u64,
    /// What is wrong: something is lost, changed or counted wrongly.
    pub problems: Vec<String>,
    /// What only takes space.
    pub orphans: Vec<String>,
}

/// Looks through everything in `data`. Blocks for as long as it takes to read all of it.
pub fn fsck(data: &Path) -> Result<Report, StartError> {
    fs::metadata(data.join(FILE))?;
    let _alone = lock(data)?;
    let connection = reader(&data.join(FILE))?;
    let mut report = Report::default();
    check_database(&connection, &mut report)?;
    let found = check_log(&connection, &mut report)?;
    let blobs = announced(&connection)?;
    check_mailboxes(&connection, &found, &blobs, &mut report)?;
    check_files(data, blobs, &mut report)?;
    Ok(report)
}

/// What the log and the blobs of one mailbox add up to.
#[derive(Debug, Default)]
struct Sum {
    rows: i64,
    last: i64,
    bytes: i64,
}

type Blobs = BTreeMap<(i64, BlobId), (i64, bool)>;

fn check_database(connection: &Connection, report: &mut Report) -> Result<(), StartError> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            report.problems.push(format!("database: {line}"));
        }
    }
    Ok(())
}

/// Hashes every envelope, and looks for gaps: the rows of a mailbox are numbered 1, 2, 3 … up to its head.
fn check_log(
    connection: &Connection,
    report: &mut Report,
) -> Result<BTreeMap<i64, Sum>, StartError> {
    let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
    let mut statement = connection.prepare(
        "SELECT mailbox, seq, prefix, envelope, retired, bytes FROM log ORDER BY mailbox, seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (mailbox, seq): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (kept, id): (i64, [u8; 32]) = (row.get(2)?, row.get(3)?);
        let is_purged = row.get::<_, Option<i64>>(4)? == Some(-1);
        let bytes = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
        let id = EnvelopeId(id);
        let sum = sums.entry(mailbox).or_default();
        if seq != sum.last + 1 {
            let last = sum.last;
            let problem = format!("mailbox {mailbox}: envelope {seq} follows {last}");
            report.problems.push(problem);
        }
        if prefix(&id) != kept || !is_purged && EnvelopeId::derive(bytes) != id {
            let problem = format!("mailbox {mailbox}: envelope {seq} is not what was stored");
            report.problems.push(problem);
        }
        report.envelopes += 1;
        sum.rows += 1;
        sum.last = seq;
        sum.bytes += bytes.len() as i64;
    }
    Ok(sums)
}

fn announced(connection: &Connection) -> Result<Blobs, StartError> {
    let mut statement =
        connection.prepare("SELECT mailbox, id, size, retired IS NOT NULL FROM blob")?;
    let rows = statement.query_map([], |row| {
        let key = (row.get(0)?, BlobId(row.get(1)?));
        Ok((key, (row.get(2)?, row.get(3)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn check_mailboxes(
    connection: &Connection,
    log: &BTreeMap<i64, Sum>,
    blobs: &Blobs,
    report: &mut Report,
) -> Result<(), StartError> {
    let mut unknown: BTreeMap<i64, &Sum> =
        log.iter().map(|(mailbox, sum)| (*mailbox, sum)).collect();
    let mut statement = connection.prepare("SELECT number, head, bytes, objects FROM mailbox")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (mailbox, head): (i64, i64) = (row.get(0)?, row.get(1)?);
        let none = Sum::default();
        let sum = unknown.remove(&mailbox).unwrap_or(&none);
        let mine = blobs.range((mailbox, BlobId([0; 32]))..=(mailbox, BlobId([255; 32])));
        let (count, size) = mine.fold((0, 0), |(count, size), (_, blob)| {
            (count + 1, size + blob.0)
        });
        let last = sum.last;
        if head != last {
            let problem =
                format!("mailbox {mailbox}: the head is {head}, the last envelope {last}");
            report.problems.push(problem);
        }
        let counted: (i64, i64) = (row.get(2)?, row.get(3)?);
        let found = (sum.bytes + size, sum.rows + count);
        if counted != found {
            let problem =
                format!("mailbox {mailbox}: counted {counted:?}, found {found:?} (bytes, objects)");
            report.problems.push(problem);
        }
        report.mailboxes += 1;
    }
    for mailbox in unknown.keys() {
        let orphan = format!("envelopes of mailbox {mailbox}, which is not there");
        report.orphans.push(orphan);
    }
    Ok(())
}

/// Files against rows, both ways. What is announced and not whole must be an upload or nothing yet.
fn check_files(data: &Path, mut blobs: Blobs, report: &mut Report) -> Result<(), StartError> {
    for folder in folders(&data.join("blobs"))? {
        for mailbox in folders(&folder)? {
            let number = mailbox
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            for file in files(&mailbox)? {
                let name = file.file_name().and_then(|name| name.to_str());
                let key = number.zip(name.and_then(BlobId::from_hex));
                let Some((key, announced)) = key.and_then(|key| Some((key, blobs.remove(&key)?)))
                else {
                    report.orphans.push(format!("file {}", shown(&file, data)));
                    continue;
                };
                check_blob(&file, key, announced.0, report)?;
            }
        }
    }
    for file in files(&data.join("uploads"))? {
        let name = file.file_name().and_then(|name| name.to_str());
        match name.and_then(upload_name) {
            Some((mailbox, blob)) => drop(blobs.remove(&(mailbox.0, blob))),
            None => report.orphans.push(format!("file {}", shown(&file, data))),
        }
        report.uploads += 1;
    }
    for ((mailbox, blob), (_, is_retired)) in blobs {
        let line = format!("mailbox {mailbox}: blob {blob} was announced and is not there");
        match is_retired {
            true => report.orphans.push(line),
            false => report.problems.push(line),
        }
    }
    Ok(())
}

fn check_blob(
    file: &Path,
    (mailbox, blob): (i64, BlobId),
    announced: i64,
    report: &mut Report,
) -> Result<(), StartError> {
    let mut open = File::open(file)?;
    let length = open.metadata()?.len();
    let is_same = hash(&mut open).map_err(StartError::from)? == blob;
    if !is_same || length > announced.cast_unsigned() {
        let problem = format!("mailbox {mailbox}: blob {blob} is not what was stored");
        report.problems.push(problem);
    }
    report.blobs += 1;
    Ok(())
}

fn folders(folder: &Path) -> Result<Vec<std::path::PathBuf>, StartError> {
    Ok(list(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect())
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>, StartError> {
    Ok(list(folder)?
        .into_iter()
        .filter(|path| path.is_file())
        .collect())
}

/// Sorted, so that two runs report the same; nothing if there is no such folder.
fn list(folder: &Path) -> Result<Vec<std::path::PathBuf>, StartError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, StartError>>()?;
    paths.sort();
    Ok(paths)
}

/// Below the data directory only: where that is, is the operator's business.
fn shown(file: &Path, data: &Path) -> String {
    file.strip_prefix(data)
        .unwrap_or(file)
        .display()
        .to_string()
}
