//! The writer: a thread, a bounded queue, one transaction for all that queued.
//!
//! Invariants: answers go out after the commit; when a transaction fails, each of its items is tried alone, so that one bad
//! item costs the others nothing but time; a full queue refuses at once instead of keeping callers waiting.

use super::heads::Heads;
use crate::pending::Reply;
use crate::storage::{Append, Appended, MailboxNumber};
use crate::{RelayError, StartError};
use carnet_wire::relay::Registration;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Most jobs waiting.
const QUEUE_JOBS: usize = 1024;
/// Most envelope bytes waiting, so that a slow disk does not become a full memory.
const QUEUE_BYTES: usize = 64 << 20;
/// Envelope bytes after which a transaction is closed: keeps the write-ahead log and the wait of the first item bounded.
const TRANSACTION_BYTES: usize = 16 << 20;
/// Rows one call of `forget` deletes, for the same reason.
const FORGET_ROWS: i64 = 1_000;

/// Something to write and whom to answer.
pub(super) enum Job {
    Append {
        envelopes: Vec<Append>,
        now: i64,
        reply: Reply<Appended>,
    },
    Register {
        mailboxes: Vec<Registration>,
        now: i64,
        reply: Reply<()>,
    },
    Forget {
        mailboxes: Vec<MailboxNumber>,
        reply: Reply<bool>,
    },
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Append { envelopes, .. } => envelopes.iter().map(|item| item.bytes.len()).sum(),
            Self::Register { .. } | Self::Forget { .. } => 0,
        }
    }

    /// Mailboxes whose heads this may move.
    fn touched(&self) -> Vec<MailboxNumber> {
        match self {
            Self::Append { envelopes, .. } => envelopes.iter().map(|item| item.mailbox).collect(),
            Self::Forget { mailboxes, .. } => mailboxes.clone(),
            Self::Register { .. } => Vec::new(),
        }
    }

    fn answer(self, outcome: Outcome) {
        match (self, outcome) {
            (Self::Append { reply, .. }, Outcome::Appended(answer)) => reply.send(Ok(answer)),
            (Self::Register { reply, .. }, Outcome::Registered(answer)) => reply.send(answer),
            (Self::Forget { reply, .. }, Outcome::Forgotten(answer)) => reply.send(answer),
            // Not reachable: an outcome comes from its own job. The dropped reply answers INTERNAL.
            _ => {}
        }
    }
}

enum Outcome {
    Appended(Appended),
    Registered(Result<(), RelayError>),
    Forgotten(Result<bool, RelayError>),
}

/// The queue's end that the rest of the relay holds.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Job>>>,
    queued_bytes: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, heads: Arc<Heads>) -> Result<Self, StartError> {
        let (sender, jobs) = sync_channel(QUEUE_JOBS);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let work = Loop {
            connection,
            heads,
            jobs,
            queued_bytes: Arc::clone(&queued_bytes),
        };
        let thread = std::thread::Builder::new()
            .name("relay-writer".into())
            .spawn(move || work.run())?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            queued_bytes,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), RelayError> {
        let bytes = job.bytes();
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // A lone job over the limit passes: it could never pass otherwise.
        let accepted = if before > 0 && before + bytes > QUEUE_BYTES {
            Err(RelayError::BUSY)
        } else {
            lock(&self.queue)
                .as_ref()
                .ok_or(RelayError::BUSY)
                .and_then(|queue| queue.try_send(job).map_err(|_| RelayError::BUSY))
        };
        if accepted.is_err() {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        accepted
    }

    pub(super) fn is_alive(&self) -> bool {
        let accepts = lock(&self.queue).is_some();
        let runs = lock(&self.thread)
            .as_ref()
            .is_some_and(|thread| !thread.is_finished());
        accepts && runs
    }

    /// Lets the thread finish what is queued, and waits for it.
    pub(super) fn close(&self) {
        drop(lock(&self.queue).take());
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What runs on the writer's thread.
struct Loop {
    connection: Connection,
    heads: Arc<Heads>,
    jobs: Receiver<Job>,
    queued_bytes: Arc<AtomicUsize>,
}

impl Loop {
    fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let (batch, bytes) = self.drain(first);
            self.commit(batch);
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        // Failing here loses nothing: the next start replays the log.
        let _ = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Everything that waits, up to the size of a transaction, and its bytes.
    fn drain(&self, first: Job) -> (Vec<Job>, usize) {
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while bytes < TRANSACTION_BYTES && batch.len() < QUEUE_JOBS {
            let Ok(job) = self.jobs.try_recv() else { break };
            bytes += job.bytes();
            batch.push(job);
        }
        (batch, bytes)
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let touched: BTreeSet<MailboxNumber> = batch.iter().flat_map(Job::touched).collect();
        touched.iter().for_each(|it| self.heads.begin_write(*it));
        let outcomes = self.write(&batch);
        touched.iter().for_each(|it| self.heads.end_write(*it));
        for (job, outcome) in batch.into_iter().zip(outcomes) {
            job.answer(outcome);
        }
    }

    fn write(&mut self, batch: &[Job]) -> Vec<Outcome> {
        let together = transact(&mut self.connection, |connection| {
            batch.iter().map(|job| perform(connection, job)).collect()
        });
        match together {
            Ok(outcomes) => outcomes,
            Err(_) => batch.iter().map(|job| self.alone(job)).collect(),
        }
    }

    /// A job whose transaction failed in company: each of its items gets a transaction of its own.
    fn alone(&mut self, job: &Job) -> Outcome {
        let connection = &mut self.connection;
        match job {
            Job::Append { envelopes, now, .. } => Outcome::Appended(
                envelopes
                    .iter()
                    .map(|item| transact(connection, |inner| append(inner, item, *now)).flatten())
                    .collect(),
            ),
            Job::Register { mailboxes, now, .. } => Outcome::Registered(
                transact(connection, |inner| register(inner, mailboxes, *now)).flatten(),
            ),
            Job::Forget { mailboxes, .. } => {
                Outcome::Forgotten(transact(connection, |inner| forget(inner, mailboxes)))
            }
        }
    }
}

/// Runs `work` in a transaction. An `Err` from inside, or from the commit, leaves nothing behind.
fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, RelayError>,
) -> Result<T, RelayError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

fn perform(connection: &Connection, job: &Job) -> Result<Outcome, RelayError> {
    Ok(match job {
        Job::Append { envelopes, now, .. } => Outcome::Appended(
            envelopes
                .iter()
                .map(|item| append(connection, item, *now))
                .collect::<Result<_, _>>()?,
        ),
        Job::Register { mailboxes, now, .. } => {
            Outcome::Registered(register(connection, mailboxes, *now)?)
        }
        Job::Forget { mailboxes, .. } => Outcome::Forgotten(Ok(forget(connection, mailboxes)?)),
    })
}

/// The outer error fails the transaction, the inner one only this envelope.
fn append(
    connection: &Connection,
    item: &Append,
    now: i64,
) -> Result<Result<u64, RelayError>, RelayError> {
    let inserted: Option<i64> = connection
        .prepare_cached(
            "INSERT INTO log (mailbox, seq, envelope, bytes)
             SELECT number, head + 1, ?2, ?3 FROM mailbox WHERE number = ?1 AND expires_at > ?4
             ON CONFLICT (mailbox, envelope) DO NOTHING
             RETURNING seq",
        )?
        .query_row(
            params![item.mailbox.0, item.id.as_ref(), item.bytes, now],
            |row| row.get(0),
        )
        .optional()?;
    let seq = match inserted {
        Some(seq) => Some(seq),
        None => earlier(connection, item, now)?,
    };
    Ok(seq.map(i64::cast_unsigned).ok_or(RelayError::NOT_FOUND))
}

/// The number an envelope got when it was pushed before.
fn earlier(connection: &Connection, item: &Append, now: i64) -> Result<Option<i64>, RelayError> {
    Ok(connection
        .prepare_cached(
            "SELECT log.seq FROM mailbox JOIN log ON log.mailbox = mailbox.number
             WHERE mailbox.number = ?1 AND mailbox.expires_at > ?2 AND log.envelope = ?3",
        )?
        .query_row(params![item.mailbox.0, now, item.id.as_ref()], |row| {
            row.get(0)
        })
        .optional()?)
}

/// All or none: a conflict undoes the registrations before it and fails nothing else of the transaction.
fn register(
    connection: &Connection,
    mailboxes: &[Registration],
    now: i64,
) -> Result<Result<(), RelayError>, RelayError> {
    connection.execute_batch("SAVEPOINT register")?;
    for mailbox in mailboxes {
        if !register_one(connection, mailbox, now)? {
            connection.execute_batch("ROLLBACK TO register; RELEASE register")?;
            return Ok(Err(RelayError::CONFLICT));
        }
    }
    connection.execute_batch("RELEASE register")?;
    Ok(Ok(()))
}

fn register_one(
    connection: &Connection,
    mailbox: &Registration,
    now: i64,
) -> Result<bool, RelayError> {
    // A mailbox that has ended but was not swept yet gives up its id; its number and its rows go with the next sweep.
    connection
        .prepare_cached(
            "UPDATE mailbox SET id = randomblob(32) WHERE id = ?1 AND expires_at <= ?2",
        )?
        .execute(params![mailbox.mailbox.as_ref(), now])?;
    connection
        .prepare_cached(
            "INSERT INTO mailbox (id, expires_at, read_key, write_key, retire_key)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            mailbox.mailbox.as_ref(),
            end_of(mailbox.lifetime, now),
            mailbox.read_key,
            mailbox.write_key,
            mailbox.retire_key,
        ])?;
    Ok(connection
        .prepare_cached(
            "SELECT read_key = ?2 AND write_key = ?3 AND retire_key = ?4 FROM mailbox WHERE id = ?1",
        )?
        .query_row(
            params![
                mailbox.mailbox.as_ref(),
                mailbox.read_key,
                mailbox.write_key,
                mailbox.retire_key,
            ],
            |row| row.get(0),
        )?)
}

fn end_of(lifetime: u32, now: i64) -> i64 {
    match lifetime {
        0 => i64::MAX,
        // One less than the end of time, which means "kept".
        _ => now.saturating_add(lifetime.into()).min(i64::MAX - 1),
    }
}

/// Deletes rows, then mailboxes; `true` when nothing of them is left.
fn forget(connection: &Connection, mailboxes: &[MailboxNumber]) -> Result<bool, RelayError> {
    let mut left = FORGET_ROWS;
    for mailbox in mailboxes {
        let deleted = connection
            .prepare_cached(
                "DELETE FROM log WHERE number IN (SELECT number FROM log WHERE mailbox = ?1 LIMIT ?2)",
            )?
            .execute([mailbox.0, left])?;
        left -= i64::try_from(deleted).unwrap_or(left);
        if left <= 0 {
            return Ok(false);
        }
        connection
            .prepare_cached("DELETE FROM mailbox WHERE number = ?1")?
            .execute([mailbox.0])?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
