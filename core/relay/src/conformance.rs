//! What every [`Storage`] must do, run by the tests of each backend.
//!
//! [`check`] is given a [`Backend`]: a way to open a storage by name, and to see what a power cut would have left of one. A
//! backend that passes is one the relay can run on; nothing of the relay relies on what is not checked here.

mod blobs;
mod close;
mod model;
mod quota;
mod retire;

use crate::storage::{
    Append, BlobPlace, Closing, MailboxNumber, Moved, Page, Position, Quota, ReadLimit, Retirement,
    Storage, UNUSED_SECONDS,
};
use crate::{Pending, RelayError};
use carnet_wire::relay::{Entry, Registration};
use carnet_wire::{BlobId, EnvelopeId, MailboxId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is checked.
pub trait Backend {
    /// Opens the storage of a name: a new one, or what the one of this name held when it was closed.
    fn open(&mut self, name: &str, quota: Quota) -> Arc<dyn Storage>;

    /// Makes `copy` the name of what a power cut at this moment would leave of `name`, which is open and goes on.
    fn cut(&mut self, name: &str, copy: &str);
}

const NOW: u64 = 1_000;
const EVERYTHING: ReadLimit = ReadLimit {
    bytes: usize::MAX,
    entries: usize::MAX,
};
const WRITERS: usize = 8;

/// The whole suite.
pub fn check(backend: &mut dyn Backend) {
    let open = &mut |name: &str| backend.open(name, Quota::NONE);
    numbers_are_gapless_and_a_repetition_takes_none(&*open("repetition"));
    mailboxes_are_apart(&*open("apart"));
    the_first_registration_holds(&*open("registration"));
    a_mailbox_ends(&*open("end"));
    a_mailbox_nobody_uses_ends(&*open("unused"));
    an_id_is_free_after_its_end_and_nothing_is_inherited(&*open("reuse"));
    what_is_forgotten_is_gone(&*open("forget"));
    what_is_deleted_is_gone_at_once(&*open("delete"));
    reads_are_ordered_and_bounded(&*open("read"));
    nothing_new_is_never_said_of_something_new(&*open("unmoved"));
    unknown_mailboxes_are_not_found(&*open("unknown"));
    whoever_listens_is_told_before_the_answer(&*open("listen"));
    concurrent_writers_and_readers(&open("concurrent"), 1_000);
    retire::check(&mut |name| open(name));
    close::check(&mut |name| open(name));
    blobs::check(&*open("blobs"));
    quota::check(backend);
    generations_are_random(backend);
    closing_keeps_everything(backend);
    a_power_cut_keeps_what_was_answered(backend);
    for seed in 0..model::SEEDS {
        model::follow(backend, seed);
    }
}

/// Appends `count` envelopes to a new mailbox and returns its number.
pub fn fill(storage: &dyn Storage, count: usize) -> MailboxNumber {
    let mailbox = register(storage, registration(200));
    let envelopes: Vec<_> = (0..count)
        .map(|n| envelope(mailbox, &n.to_string()))
        .collect();
    let expected = (1..=count as u64).map(Ok).collect();
    assert_eq!(settle(storage.append(envelopes, NOW)), Ok(expected));
    mailbox
}

fn registration(id: u8) -> Registration {
    Registration {
        mailbox: MailboxId([id; 32]),
        read_key: [1; 32],
        write_key: [2; 32],
        retire_key: [3; 32],
        lifetime: 0,
    }
}

fn envelope(mailbox: MailboxNumber, text: &str) -> Append {
    Append {
        mailbox,
        id: EnvelopeId::derive(text.as_bytes()),
        bytes: text.as_bytes().to_vec(),
    }
}

fn settle<T>(accepted: Result<Pending<T>, RelayError>) -> Result<T, RelayError> {
    accepted.and_then(Pending::wait)
}

fn register(storage: &dyn Storage, mailbox: Registration) -> MailboxNumber {
    let id = mailbox.mailbox;
    assert_eq!(settle(storage.register(vec![mailbox], NOW)), Ok(()));
    number(storage, id, NOW).unwrap_or(MailboxNumber(0))
}

fn number(storage: &dyn Storage, id: MailboxId, now: u64) -> Option<MailboxNumber> {
    let found = storage.mailboxes(&[id], now).unwrap_or_default();
    found.into_iter().flatten().next().map(|found| found.number)
}

fn append(storage: &dyn Storage, mailbox: MailboxNumber, text: &str) -> Result<u64, RelayError> {
    let answers = settle(storage.append(vec![envelope(mailbox, text)], NOW))?;
    answers
        .into_iter()
        .next()
        .unwrap_or(Err(RelayError::INTERNAL))
}

fn read(storage: &dyn Storage, mailbox: MailboxNumber, after: u64, limit: ReadLimit) -> Page {
    let nothing = Page {
        head: u64::MAX,
        entries: Vec::new(),
    };
    let pages = storage.read(&[Position { mailbox, after }], limit, NOW);
    let first = pages.unwrap_or_default().into_iter().next();
    first.and_then(Result::ok).unwrap_or(nothing)
}

fn entry(seq: u64, text: &str) -> Entry {
    Entry {
        seq,
        envelope: text.as_bytes().to_vec(),
    }
}

fn numbers_are_gapless_and_a_repetition_takes_none(storage: &dyn Storage) {
    let mailbox = register(storage, registration(1));
    assert_eq!(append(storage, mailbox, "a"), Ok(1));
    assert_eq!(append(storage, mailbox, "b"), Ok(2));
    assert_eq!(append(storage, mailbox, "a"), Ok(1));
    let batch = ["b", "c", "c", "d"].map(|text| envelope(mailbox, text));
    assert_eq!(
        settle(storage.append(batch.to_vec(), NOW)),
        Ok(vec![Ok(2), Ok(3), Ok(3), Ok(4)])
    );
    let page = read(storage, mailbox, 0, EVERYTHING);
    assert_eq!(page.head, 4);
    let expected = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
    assert_eq!(page.entries, expected.map(|(seq, text)| entry(seq, text)));
}

fn mailboxes_are_apart(storage: &dyn Storage) {
    let first = register(storage, registration(1));
    let second = register(storage, registration(2));
    assert_ne!(first, second);
    let both = vec![
        envelope(first, "same"),
        envelope(second, "same"),
        envelope(first, "x"),
    ];
    assert_eq!(
        settle(storage.append(both, NOW)),
        Ok(vec![Ok(1), Ok(1), Ok(2)])
    );
    assert_eq!(read(storage, second, 0, EVERYTHING).entries.len(), 1);
}

fn the_first_registration_holds(storage: &dyn Storage) {
    let first = register(storage, registration(1));
    assert_eq!(append(storage, first, "kept"), Ok(1));
    assert_eq!(register(storage, registration(1)), first);
    for stranger in [
        Registration {
            read_key: [9; 32],
            ..registration(1)
        },
        Registration {
            write_key: [9; 32],
            ..registration(1)
        },
        Registration {
            retire_key: [9; 32],
            ..registration(1)
        },
    ] {
        let batch = vec![registration(2), stranger];
        assert_eq!(
            settle(storage.register(batch, NOW)),
            Err(RelayError::CONFLICT)
        );
    }
    // All or none: the registration beside a conflict was not made.
    assert_eq!(number(storage, MailboxId([2; 32]), NOW), None);
    let found = storage
        .mailboxes(&[MailboxId([1; 32])], NOW)
        .unwrap_or_default();
    assert_eq!(
        found
            .first()
            .copied()
            .flatten()
            .map(|found| found.write_key),
        Some([2; 32])
    );
    assert_eq!(read(storage, first, 0, EVERYTHING).head, 1);
}

fn pairing(id: u8) -> Registration {
    Registration {
        lifetime: 60,
        ..registration(id)
    }
}

fn a_mailbox_ends(storage: &dyn Storage) {
    let mailbox = register(storage, pairing(1));
    // Registering again does not prolong.
    assert_eq!(settle(storage.register(vec![pairing(1)], NOW + 30)), Ok(()));
    let position = [Position { mailbox, after: 0 }];
    let at = |now| {
        let appended = settle(storage.append(vec![envelope(mailbox, "a")], now));
        let page = storage.read(&position, EVERYTHING, now).unwrap_or_default();
        (
            appended.unwrap_or_default(),
            page.into_iter()
                .map(|page| page.map(|page| page.head))
                .collect::<Vec<_>>(),
            number(storage, MailboxId([1; 32]), now).is_some(),
        )
    };
    let gone = Err(RelayError::NOT_FOUND);
    assert_eq!(at(NOW + 59), (vec![Ok(1)], vec![Ok(1)], true));
    assert_eq!(at(NOW + 60), (vec![gone], vec![gone], false));
    assert_eq!(storage.expired(NOW + 59, 10), Ok(Vec::new()));
    assert_eq!(storage.expired(NOW + 60, 10), Ok(vec![mailbox]));
}

fn a_mailbox_nobody_uses_ends(storage: &dyn Storage) {
    let unused = register(storage, registration(1));
    let used = register(storage, registration(2));
    let holds_blob = register(storage, registration(3));
    assert_eq!(append(storage, used, "a"), Ok(1));
    let blob = BlobPlace {
        mailbox: holds_blob,
        blob: BlobId([1; 32]),
    };
    assert_eq!(settle(storage.reserve(blob, 1, NOW)), Ok(()));
    let end = NOW + UNUSED_SECONDS;
    let there = |now| [1, 2, 3].map(|id| number(storage, MailboxId([id; 32]), now).is_some());
    assert_eq!(there(end - 1), [true; 3]);
    assert_eq!(there(end), [false, true, true]);
    assert_eq!(there(u64::MAX >> 2), [false, true, true]);
    assert_eq!(storage.expired(u64::MAX >> 2, 10), Ok(vec![unused]));
    // Using one that was meant to end does not keep it.
    let pairing = register(storage, pairing(4));
    assert_eq!(append(storage, pairing, "a"), Ok(1));
    assert_eq!(storage.expired(NOW + 60, 10), Ok(vec![pairing]));
}

fn an_id_is_free_after_its_end_and_nothing_is_inherited(storage: &dyn Storage) {
    let old = register(storage, pairing(1));
    assert_eq!(append(storage, old, "secret"), Ok(1));
    let later = Registration {
        read_key: [9; 32],
        ..registration(1)
    };
    assert_eq!(settle(storage.register(vec![later], NOW + 60)), Ok(()));
    let new = number(storage, MailboxId([1; 32]), NOW + 60).unwrap_or(old);
    assert_ne!(new, old);
    let page = read(storage, new, 0, EVERYTHING);
    assert_eq!((page.head, page.entries.len()), (0, 0));
    assert_eq!(storage.expired(NOW + 60, 10), Ok(vec![old]));
}

fn what_is_forgotten_is_gone(storage: &dyn Storage) {
    let (old, kept) = (
        register(storage, pairing(1)),
        register(storage, registration(2)),
    );
    for mailbox in [old, kept] {
        assert_eq!(append(storage, mailbox, "a"), Ok(1));
    }
    while settle(storage.forget(vec![old])) != Ok(true) {}
    assert_eq!(storage.expired(u64::MAX, 10), Ok(Vec::new()));
    assert_eq!(append(storage, old, "b"), Err(RelayError::NOT_FOUND));
    assert_eq!(read(storage, kept, 0, EVERYTHING).entries, [entry(1, "a")]);
    let again = register(storage, pairing(1));
    assert_ne!(again, old);
    assert_eq!(append(storage, again, "a"), Ok(1));
}

fn what_is_deleted_is_gone_at_once(storage: &dyn Storage) {
    let (gone, kept) = (
        register(storage, registration(1)),
        register(storage, registration(2)),
    );
    for mailbox in [gone, kept] {
        assert_eq!(append(storage, mailbox, "a"), Ok(1));
        assert_eq!(read(storage, mailbox, 1, EVERYTHING).head, 1);
    }
    let blob = BlobPlace {
        mailbox: gone,
        blob: BlobId([1; 32]),
    };
    assert_eq!(settle(storage.reserve(blob, 1, NOW)), Ok(()));
    assert_eq!(settle(storage.delete(gone, NOW)), Ok(()));
    let refused = RelayError::NOT_FOUND;
    assert_eq!(number(storage, MailboxId([1; 32]), NOW), None);
    assert_eq!(append(storage, gone, "b"), Err(refused));
    assert_eq!(storage.heads(&[gone, kept], NOW), Ok(vec![None, Some(1)]));
    let all = [Position {
        mailbox: gone,
        after: 1,
    }];
    assert_eq!(storage.unmoved(&all, NOW), None);
    assert_eq!(storage.reserved(blob, NOW), Ok(None));
    assert_eq!(settle(storage.reserve(blob, 1, NOW)), Err(refused));
    assert_eq!(settle(storage.delete(gone, NOW)), Err(refused));
    assert_eq!(storage.expired(NOW, 10), Ok(vec![gone]));
    let again = register(storage, registration(1));
    assert_ne!(again, gone);
    assert_eq!(append(storage, again, "a"), Ok(1));
    while settle(storage.forget(vec![gone])) != Ok(true) {}
    assert_eq!(storage.expired(u64::MAX >> 2, 10), Ok(Vec::new()));
    assert_eq!(storage.heads(&[again, kept], NOW), Ok(vec![Some(1); 2]));
}

fn reads_are_ordered_and_bounded(storage: &dyn Storage) {
    let first = fill(storage, 10);
    let second = register(storage, registration(1));
    assert_eq!(append(storage, second, "large envelope"), Ok(1));
    let limit = |bytes, entries| ReadLimit { bytes, entries };
    let seqs = |after, limit| -> Vec<u64> {
        let page = read(storage, first, after, limit);
        assert_eq!(page.head, 10);
        page.entries.iter().map(|entry| entry.seq).collect()
    };
    assert_eq!(seqs(0, limit(3, 100)), [1, 2, 3]);
    assert_eq!(seqs(3, limit(100, 2)), [4, 5]);
    assert_eq!(seqs(8, limit(0, 0)), [9]);
    assert!(seqs(10, EVERYTHING).is_empty());
    assert!(seqs(u64::MAX, EVERYTHING).is_empty());
    let positions = [first, second].map(|mailbox| Position { mailbox, after: 0 });
    let pages = storage
        .read(&positions, limit(12, 100), NOW)
        .unwrap_or_default();
    let counts: Vec<_> = pages
        .into_iter()
        .map(|page| page.map(|page| (page.head, page.entries.len())))
        .collect();
    assert_eq!(counts, [Ok((10, 10)), Ok((1, 0))]);
}

fn nothing_new_is_never_said_of_something_new(storage: &dyn Storage) {
    let mailbox = register(storage, pairing(1));
    for seq in 1..=20 {
        let after = seq - 1;
        let position = [Position { mailbox, after }];
        // Reading and asking let a backend that remembers heads remember this one.
        assert_eq!(read(storage, mailbox, after, EVERYTHING).head, after);
        let heads = storage.unmoved(&position, NOW);
        assert!(heads.is_none_or(|heads| heads == [after]));
        assert_eq!(append(storage, mailbox, &seq.to_string()), Ok(seq));
        assert_eq!(storage.unmoved(&position, NOW), None);
    }
    read(storage, mailbox, 0, EVERYTHING);
    let all = [Position { mailbox, after: 20 }];
    assert_eq!(storage.unmoved(&all, NOW + 60), None);
    while settle(storage.forget(vec![mailbox])) != Ok(true) {}
    assert_eq!(storage.unmoved(&all, NOW), None);
}

fn unknown_mailboxes_are_not_found(storage: &dyn Storage) {
    let known = register(storage, registration(1));
    let unknown = MailboxNumber(known.0 + 1_000);
    let both = vec![envelope(unknown, "a"), envelope(known, "a")];
    assert_eq!(
        settle(storage.append(both, NOW)),
        Ok(vec![Err(RelayError::NOT_FOUND), Ok(1)])
    );
    let positions = [unknown, known].map(|mailbox| Position { mailbox, after: 1 });
    let pages = storage
        .read(&positions, EVERYTHING, NOW)
        .unwrap_or_default();
    let heads: Vec<_> = pages
        .into_iter()
        .map(|page| page.map(|page| page.head))
        .collect();
    assert_eq!(heads, [Err(RelayError::NOT_FOUND), Ok(1)]);
    let ids = [MailboxId([8; 32]), MailboxId([1; 32])];
    let found = storage.mailboxes(&ids, NOW).unwrap_or_default();
    assert_eq!(
        found.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true]
    );
}

fn whoever_listens_is_told_before_the_answer(storage: &dyn Storage) {
    let told: Arc<Mutex<Vec<Moved>>> = Arc::default();
    let telling = Arc::clone(&told);
    storage.listen(Arc::new(move |moved| {
        let mut told = telling.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend_from_slice(moved);
    }));
    let news = || std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    let mailbox = register(storage, registration(1));
    assert_eq!(news(), []);
    let both = ["a", "b"].map(|text| envelope(mailbox, text)).to_vec();
    assert_eq!(settle(storage.append(both, NOW)), Ok(vec![Ok(1), Ok(2)]));
    assert_eq!(news(), [(mailbox, 2)]);
    // Nothing moves by a repetition.
    assert_eq!(append(storage, mailbox, "a"), Ok(1));
    assert_eq!(news(), []);
    assert_eq!(settle(storage.delete(mailbox, NOW)), Ok(()));
    assert_eq!(news(), [(mailbox, u64::MAX)]);
}

fn generations_are_random(backend: &mut dyn Backend) {
    let mut generation = |name: &str| {
        let storage = backend.open(name, Quota::NONE);
        storage.close();
        storage.generation()
    };
    assert_eq!(generation("generation a"), generation("generation a"));
    assert_ne!(generation("generation a"), generation("generation b"));
}

fn closing_keeps_everything(backend: &mut dyn Backend) {
    let storage = backend.open("close", Quota::NONE);
    let (generation, mailbox) = (storage.generation(), fill(&*storage, 5));
    assert!(storage.is_healthy());
    storage.close();
    assert!(!storage.is_healthy());
    assert!(
        storage
            .append(vec![envelope(mailbox, "late")], NOW)
            .is_err()
    );
    drop(storage);
    let storage = backend.open("close", Quota::NONE);
    assert_eq!(storage.generation(), generation);
    assert_eq!(read(&*storage, mailbox, 0, EVERYTHING).entries.len(), 5);
    assert_eq!(append(&*storage, mailbox, "next"), Ok(6));
    assert!(storage.size().is_ok_and(|size| size > 0));
}

fn a_power_cut_keeps_what_was_answered(backend: &mut dyn Backend) {
    let storage = backend.open("power", Quota::NONE);
    let mailbox = fill(&*storage, 3);
    let place = BlobPlace {
        mailbox,
        blob: BlobId([1; 32]),
    };
    let retirement = Retirement {
        mailbox,
        ids: vec![EnvelopeId::derive(b"0")],
        blobs: Vec::new(),
    };
    type Step<'a> = (
        &'a str,
        &'a dyn Fn() -> bool,
        &'a dyn Fn(&dyn Storage) -> bool,
    );
    let steps: [Step<'_>; 4] = [
        (
            "cut append",
            &|| append(&*storage, mailbox, "answered") == Ok(4),
            &|left| append(left, mailbox, "answered") == Ok(4),
        ),
        (
            "cut reserve",
            &|| settle(storage.reserve(place, 7, NOW)) == Ok(()),
            &|left| left.reserved(place, NOW) == Ok(Some(7)),
        ),
        (
            "cut retire",
            &|| settle(storage.retire(retirement.clone(), NOW)) == Ok(1),
            &|left| read(left, mailbox, 0, EVERYTHING).entries.len() == 3,
        ),
        (
            "cut delete",
            &|| settle(storage.delete(mailbox, NOW)) == Ok(()),
            &|left| left.heads(&[mailbox], NOW) == Ok(vec![None]),
        ),
    ];
    for (name, act, holds) in steps {
        assert!(act(), "{name}");
        backend.cut("power", name);
        let left = backend.open(name, Quota::NONE);
        assert!(holds(&*left), "{name}: an answer is lost");
        left.close();
    }
}

/// Eight writers append `each` envelopes to one mailbox while as many readers follow it: every reader must see 1, 2, 3 …
/// without a gap as it goes, and every answered number must be that envelope's.
pub fn concurrent_writers_and_readers(storage: &Arc<dyn Storage>, each: usize) {
    let mailbox = register(&**storage, registration(1));
    let total = (WRITERS * each) as u64;
    let failed = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| follow(&**storage, mailbox, total, &failed)))
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(&**storage, mailbox, writer, each)))
            .collect();
        let mut answers: Vec<(u64, String)> = Vec::new();
        for writer in writers {
            let answered = writer.join().unwrap_or_default();
            failed.fetch_or(answered.len() != each, Ordering::Relaxed);
            answers.extend(answered);
        }
        answers.sort_unstable();
        for reader in readers {
            let read = reader.join().unwrap_or_default();
            assert!(read == answers, "a reader skipped or misplaced an envelope");
        }
        answers
    });
    let numbers: Vec<u64> = seen.into_iter().map(|(seq, _)| seq).collect();
    assert!(numbers.into_iter().eq(1..=total), "the numbers have a gap");
}

fn write(
    storage: &dyn Storage,
    mailbox: MailboxNumber,
    writer: usize,
    each: usize,
) -> Vec<(u64, String)> {
    let mut answers = Vec::new();
    let mut sent = 0;
    while sent < each {
        // Uneven groups, so that writers do not fall into step.
        let group = (1 + (sent * 7 + writer) % 13).min(each - sent);
        let texts: Vec<_> = (sent..sent + group)
            .map(|n| format!("{writer}/{n}"))
            .collect();
        let envelopes: Vec<_> = texts.iter().map(|text| envelope(mailbox, text)).collect();
        match settle(storage.append(envelopes.clone(), NOW)) {
            Ok(numbers) => {
                // A repetition in the crowd takes no number either.
                if sent % 5 == 0 {
                    assert_eq!(settle(storage.append(envelopes, NOW)), Ok(numbers.clone()));
                }
                let numbers = numbers.into_iter().map(|seq| seq.unwrap_or(0));
                answers.extend(numbers.zip(texts));
                sent += group;
            }
            Err(RelayError::BUSY) => std::thread::yield_now(),
            Err(_) => return answers,
        }
    }
    answers
}

fn follow(
    storage: &dyn Storage,
    mailbox: MailboxNumber,
    total: u64,
    failed: &AtomicBool,
) -> Vec<(u64, String)> {
    let limit = ReadLimit {
        bytes: 4_096,
        entries: 500,
    };
    let mut seen = Vec::new();
    while (seen.len() as u64) < total && !failed.load(Ordering::Relaxed) {
        // The cursor is the last number met, as a device keeps it: a row that appears below it would be missed for good.
        let after = seen.last().map_or(0, |(seq, _)| *seq);
        let unmoved = storage.unmoved(&[Position { mailbox, after }], NOW);
        if let Some(heads) = unmoved {
            assert_eq!(heads, [after], "a head went back");
            std::thread::yield_now();
            continue;
        }
        let page = read(storage, mailbox, after, limit);
        assert!(page.head >= after, "a head went back");
        if page.entries.is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        seen.extend(page.entries.into_iter().map(|entry| {
            let text = String::from_utf8_lossy(&entry.envelope).into_owned();
            (entry.seq, text)
        }));
    }
    seen
}
