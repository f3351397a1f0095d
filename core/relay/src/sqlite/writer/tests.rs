//! What only a look inside the writer can show: failures in the middle of a group, a full queue, a full disk.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::mailboxes::FORGET_ROWS;
use super::*;
use crate::Pending;
use crate::pending::pending;
use carnet_wire::relay::Registration;
use carnet_wire::{EnvelopeId, MailboxId};

const NOW: i64 = 1_000;

fn database() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let (connection, _) = super::super::open::writer(&folder.path().join("relay.db")).unwrap();
    register(&connection, &[registration(1, 0)], NOW).unwrap();
    (folder, connection)
}

fn registration(id: u8, lifetime: u32) -> Registration {
    Registration {
        mailbox: MailboxId([id; 32]),
        read_key: [1; 32],
        write_key: [2; 32],
        retire_key: [3; 32],
        lifetime,
    }
}

fn envelope(text: &str) -> Append {
    sized(text.as_bytes().to_vec())
}

fn sized(bytes: Vec<u8>) -> Append {
    Append {
        mailbox: MailboxNumber(1),
        id: EnvelopeId::derive(&bytes),
        bytes,
    }
}

fn job(envelopes: Vec<Append>) -> (Job, Pending<Appended>) {
    let (reply, answer) = pending();
    let now = NOW;
    (
        Job::Append {
            envelopes,
            now,
            reply,
        },
        answer,
    )
}

fn shared() -> Shared {
    Shared {
        heads: Arc::new(Heads::new()),
        quota: Quota::NONE,
        metrics: Arc::default(),
        listener: Arc::default(),
    }
}

/// Appends in a transaction of its own.
fn append(connection: &Connection, item: &Append, now: i64) -> Result<u64, RelayError> {
    let mut tallies = Tallies::new(Quota::NONE);
    let answer = tallies.append(connection, item, now)?;
    tallies.finish(connection)?;
    answer
}

fn looped(connection: Connection) -> (Loop, SyncSender<Job>) {
    let (sender, jobs) = sync_channel(QUEUE_JOBS);
    let queued_bytes = Arc::default();
    (
        Loop {
            connection,
            tallies: Tallies::new(Quota::NONE),
            shared: shared(),
            jobs,
            queued_bytes,
        },
        sender,
    )
}

fn limit_growth(connection: &Connection, more: i64) {
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(()))
        .unwrap();
}

#[test]
fn one_envelope_too_many_for_the_disk_fails_no_other() {
    let (_folder, connection) = database();
    limit_growth(&connection, 4);
    let (mut writer, _queue) = looped(connection);
    let (first, first_answer) = job(vec![envelope("small")]);
    let (second, second_answer) = job(vec![sized(vec![7; 100_000]), envelope("also small")]);
    writer.commit(vec![first, second]);
    assert_eq!(first_answer.wait(), Ok(vec![Ok(1)]));
    assert_eq!(second_answer.wait(), Ok(vec![Err(RelayError::FULL), Ok(2)]));
}

#[test]
fn a_full_disk_is_said_and_reading_goes_on_and_room_made_is_used() {
    let (_folder, connection) = database();
    append(&connection, &envelope("before"), NOW).unwrap();
    limit_growth(&connection, 0);
    let (mut writer, _queue) = looped(connection);
    let (full, answer) = job(vec![sized(vec![1; 50_000])]);
    writer.commit(vec![full]);
    assert_eq!(answer.wait(), Ok(vec![Err(RelayError::FULL)]));
    let head: i64 = writer
        .connection
        .query_row("SELECT head FROM mailbox", [], |row| row.get(0))
        .unwrap();
    assert_eq!(head, 1);
    limit_growth(&writer.connection, 1_000);
    let (again, answer) = job(vec![sized(vec![1; 50_000])]);
    writer.commit(vec![again]);
    assert_eq!(answer.wait(), Ok(vec![Ok(2)]));
}

#[test]
fn a_failing_statement_leaves_no_gap() {
    let (_folder, connection) = database();
    // Stands for any error of a single row: the trigger runs inside the statement that takes the number.
    connection
        .execute_batch(
            "CREATE TRIGGER fails BEFORE INSERT ON log WHEN new.bytes = x'626164'
             BEGIN SELECT RAISE(ABORT, 'bad'); END",
        )
        .unwrap();
    let (mut writer, _queue) = looped(connection);
    let (mixed, answer) = job(vec![envelope("a"), envelope("bad"), envelope("b")]);
    let (other, other_answer) = job(vec![envelope("c")]);
    writer.commit(vec![mixed, other]);
    assert_eq!(
        answer.wait(),
        Ok(vec![Ok(1), Err(RelayError::INTERNAL), Ok(2)])
    );
    assert_eq!(other_answer.wait(), Ok(vec![Ok(3)]));
}

#[test]
fn a_conflict_undoes_its_own_registrations_only() {
    let (_folder, connection) = database();
    let (mut writer, _queue) = looped(connection);
    let stranger = Registration {
        read_key: [9; 32],
        ..registration(1, 0)
    };
    let mailboxes = [registration(2, 0), stranger];
    let (conflicting, answer) = task(0, Vec::new(), move |connection| {
        register(connection, &mailboxes, NOW)
    });
    let (append, append_answer) = job(vec![envelope("a")]);
    writer.commit(vec![conflicting, append]);
    assert_eq!(answer.wait(), Err(RelayError::CONFLICT));
    assert_eq!(append_answer.wait(), Ok(vec![Ok(1)]));
    let count: i64 = writer
        .connection
        .query_row("SELECT count(*) FROM mailbox", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (sender, _jobs) = sync_channel(1);
    let writer = Writer {
        queue: Mutex::new(Some(sender)),
        queued_bytes: Arc::default(),
        thread: Mutex::new(None),
        metrics: Arc::default(),
    };
    assert_eq!(writer.submit(job(vec![envelope("a")]).0), Ok(()));
    assert_eq!(
        writer.submit(job(vec![envelope("b")]).0),
        Err(RelayError::BUSY)
    );
    assert_eq!(writer.queued_bytes.load(Ordering::Relaxed), 1);
    assert_eq!(writer.metrics.queue_depth.get(), 1);
    assert_eq!(writer.metrics.queue_refusals.get(), 1);
}

#[test]
fn queued_bytes_are_bounded() {
    let (sender, _jobs) = sync_channel(10);
    let writer = Writer {
        queue: Mutex::new(Some(sender)),
        queued_bytes: Arc::new(AtomicUsize::new(QUEUE_BYTES - 1)),
        thread: Mutex::new(None),
        metrics: Arc::default(),
    };
    assert_eq!(
        writer.submit(job(vec![envelope("ab")]).0),
        Err(RelayError::BUSY)
    );
    assert_eq!(writer.submit(job(vec![envelope("a")]).0), Ok(()));
}

#[test]
fn a_group_is_cut_at_its_size() {
    let (_folder, connection) = database();
    let (writer, queue) = looped(connection);
    let large = || job(vec![sized(vec![0; TRANSACTION_BYTES / 2])]).0;
    for _ in 0..3 {
        queue.try_send(large()).unwrap_or_else(|_| panic!("full"));
    }
    let (batch, bytes) = writer.drain(large());
    assert_eq!((batch.len(), bytes), (2, TRANSACTION_BYTES));
}

#[test]
fn forgetting_goes_in_steps_and_takes_everything() {
    let (_folder, connection) = database();
    let rows = 2 * FORGET_ROWS + 1;
    for number in 0..rows {
        append(&connection, &envelope(&number.to_string()), NOW).unwrap();
    }
    let gone = [MailboxNumber(1)];
    assert_eq!(forget(&connection, &gone), Ok(false));
    assert_eq!(forget(&connection, &gone), Ok(false));
    assert_eq!(forget(&connection, &gone), Ok(true));
    for table in ["log", "mailbox"] {
        let count: i64 = connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 0);
    }
}

#[test]
fn after_closing_everything_is_refused_and_nothing_is_healthy() {
    let (_folder, connection) = database();
    let writer = Writer::start(connection, shared()).unwrap();
    let (accepted, answer) = job(vec![envelope("a")]);
    writer.submit(accepted).unwrap();
    assert!(writer.is_alive());
    writer.close();
    assert_eq!(answer.wait(), Ok(vec![Ok(1)]));
    assert!(!writer.is_alive());
    assert_eq!(
        writer.submit(job(vec![envelope("b")]).0),
        Err(RelayError::BUSY)
    );
    writer.close();
}
