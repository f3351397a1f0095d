//! The writer: a thread, a bounded queue, one transaction for all that queued.
//!
//! Invariants: answers go out after the commit; when a transaction fails, each of its items is tried alone, so that one bad
//! item costs the others nothing but time; a full queue refuses at once instead of keeping callers waiting.

mod append;
mod blobs;
mod mailboxes;
mod retire;
mod task;

pub(crate) use append::prefix;
pub(super) use blobs::{release, reserve};
pub(super) use mailboxes::{close, delete, forget, register};
pub(super) use retire::{bring_back, purge, retire};
pub(super) use task::task;

use super::heads::Heads;
use crate::metrics::Metrics;
use crate::pending::Reply;
use crate::storage::{Append, Appended, Listener, MailboxNumber, Moved, Quota};
use crate::{RelayError, StartError};
use append::Tallies;
use rusqlite::{Connection, TransactionBehavior};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use task::Work;

/// Most jobs waiting.
const QUEUE_JOBS: usize = 1024;
/// Most envelope bytes waiting, so that a slow disk does not become a full memory.
const QUEUE_BYTES: usize = 64 << 20;
/// Envelope bytes after which a transaction is closed: keeps the write-ahead log and the wait of the first item bounded.
const TRANSACTION_BYTES: usize = 16 << 20;

/// Something to write and whom to answer.
pub(super) enum Job {
    /// Envelopes: by far the most frequent.
    Append {
        envelopes: Vec<Append>,
        now: i64,
        reply: Reply<Appended>,
    },
    /// Everything else.
    Task(Box<dyn Work>),
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Append { envelopes, .. } => envelopes.iter().map(|item| item.bytes.len()).sum(),
            Self::Task(task) => task.bytes(),
        }
    }

    /// Mailboxes whose heads this may move.
    fn touched(&self, into: &mut BTreeSet<MailboxNumber>) {
        match self {
            Self::Append { envelopes, .. } => into.extend(envelopes.iter().map(|it| it.mailbox)),
            Self::Task(task) => into.extend(task.touched()),
        }
    }

    fn answer(self, appended: Option<Appended>) {
        match self {
            Self::Append { reply, .. } => reply.send(appended.ok_or(RelayError::INTERNAL)),
            Self::Task(task) => task.answer(),
        }
    }
}

/// What every part of the writer shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) heads: Arc<Heads>,
    pub(super) quota: Quota,
    pub(super) metrics: Arc<Metrics>,
    pub(super) listener: Arc<OnceLock<Listener>>,
}

/// The queue's end that the rest of the relay holds.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Job>>>,
    queued_bytes: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
    metrics: Arc<Metrics>,
}

impl Writer {
    pub(super) fn start(connection: Connection, shared: Shared) -> Result<Self, StartError> {
        let (sender, jobs) = sync_channel(QUEUE_JOBS);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let metrics = Arc::clone(&shared.metrics);
        let work = Loop {
            connection,
            tallies: Tallies::new(shared.quota),
            shared,
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
            metrics,
        })
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), RelayError> {
        let bytes = job.bytes();
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.queue_depth.add(1);
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
            self.metrics.queue_depth.sub(1);
            self.metrics.queue_refusals.add(1);
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
    tallies: Tallies,
    shared: Shared,
    jobs: Receiver<Job>,
    queued_bytes: Arc<AtomicUsize>,
}

/// One answer per envelope for a job that appends, none for a task, which keeps its own; and what moved.
type Written = (Vec<Option<Appended>>, Vec<Moved>);

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

    fn commit(&mut self, mut batch: Vec<Job>) {
        let mut touched = BTreeSet::new();
        batch.iter().for_each(|job| job.touched(&mut touched));
        let heads = &self.shared.heads;
        touched.iter().for_each(|it| heads.begin_write(*it));
        let started = Instant::now();
        let (answers, moved) = self.write(&mut batch);
        self.shared.metrics.commit(started.elapsed(), batch.len());
        let heads = &self.shared.heads;
        touched.iter().for_each(|it| heads.end_write(*it));
        if let (Some(listener), false) = (self.shared.listener.get(), moved.is_empty()) {
            listener(&moved);
        }
        for (job, answer) in batch.into_iter().zip(answers) {
            self.shared.metrics.queue_depth.sub(1);
            job.answer(answer);
        }
    }

    fn write(&mut self, batch: &mut [Job]) -> Written {
        let tallies = &mut self.tallies;
        let together = transact(&mut self.connection, |connection| {
            let answers = batch
                .iter_mut()
                .map(|job| perform(connection, tallies, job))
                .collect::<Result<Vec<_>, _>>()?;
            Ok((answers, tallies.finish(connection)?))
        });
        let (answers, mut moved) = match together {
            Ok(written) => written,
            Err(_) => self.one_by_one(batch),
        };
        for job in batch {
            if let Job::Task(task) = job {
                moved.extend(task.moved());
            }
        }
        (answers, moved)
    }

    /// Jobs whose transaction failed in company: each of their items gets a transaction of its own.
    fn one_by_one(&mut self, batch: &mut [Job]) -> Written {
        let mut all = Written::default();
        for job in batch {
            // What is remembered may be of a transaction that was undone.
            self.tallies.clear();
            let answer = match job {
                Job::Append { envelopes, now, .. } => {
                    let each = envelopes
                        .iter()
                        .map(|item| self.alone(item, *now, &mut all.1));
                    Some(each.collect())
                }
                Job::Task(task) => {
                    let done = transact(&mut self.connection, |inner| task.perform(inner));
                    if let Err(error) = done {
                        task.fail(error);
                    }
                    None
                }
            };
            all.0.push(answer);
        }
        all
    }

    fn alone(
        &mut self,
        item: &Append,
        now: i64,
        moved: &mut Vec<Moved>,
    ) -> Result<u64, RelayError> {
        let tallies = &mut self.tallies;
        let done = transact(&mut self.connection, |connection| {
            let answer = tallies.append(connection, item, now)?;
            Ok((answer, tallies.finish(connection)?))
        });
        if done.is_err() {
            tallies.clear();
        }
        let (answer, mine) = done?;
        moved.extend(mine);
        answer
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

fn perform(
    connection: &Connection,
    tallies: &mut Tallies,
    job: &mut Job,
) -> Result<Option<Appended>, RelayError> {
    match job {
        Job::Append { envelopes, now, .. } => envelopes
            .iter()
            .map(|item| tallies.append(connection, item, *now))
            .collect::<Result<_, _>>()
            .map(Some),
        Job::Task(task) => {
            tallies.step_aside(connection)?;
            task.perform(connection)?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
