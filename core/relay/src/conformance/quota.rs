//! Quotas: what a mailbox may keep, to the byte and to the object.

use super::retire::retire;
use super::*;

const FULL: RelayError = RelayError::QUOTA;

pub(super) fn check(backend: &mut dyn Backend) {
    let quota = |bytes, objects| Quota { bytes, objects };
    bytes_are_counted(&*backend.open("quota bytes", quota(10, 100)));
    objects_are_counted(&*backend.open("quota objects", quota(100, 3)));
    counts_last(backend);
}

fn bytes_are_counted(storage: &dyn Storage) {
    let (mailbox, other) = (
        register(storage, registration(1)),
        register(storage, registration(2)),
    );
    let batch = ["aaaa", "bbbb", "cccc", "dd", "e"].map(|text| envelope(mailbox, text));
    // The third is over, the fourth still fits: one refused item fails no other and takes no number.
    assert_eq!(
        settle(storage.append(batch.to_vec(), NOW)),
        Ok(vec![Ok(1), Ok(2), Err(FULL), Ok(3), Err(FULL)])
    );
    assert_eq!(append(storage, mailbox, "aaaa"), Ok(1));
    assert_eq!(append(storage, other, "cccc"), Ok(1));
    // What is retired counts until it is purged.
    assert_eq!(retire(storage, mailbox, &["aaaa"]), Ok(1));
    assert_eq!(append(storage, mailbox, "cccc"), Err(FULL));
    while settle(storage.purge(NOW)) != Ok(true) {}
    assert_eq!(append(storage, mailbox, "cccc"), Ok(4));
    assert_eq!(append(storage, mailbox, "e"), Err(FULL));
    // Blobs count beside envelopes.
    let blob = BlobPlace {
        mailbox: other,
        blob: BlobId([1; 32]),
    };
    assert_eq!(settle(storage.reserve(blob, 7, NOW)), Err(FULL));
    assert_eq!(storage.reserved(blob, NOW), Ok(None));
    assert_eq!(settle(storage.reserve(blob, 5, NOW)), Ok(()));
    assert_eq!(settle(storage.reserve(blob, 7, NOW)), Err(FULL));
    assert_eq!(storage.reserved(blob, NOW), Ok(Some(5)));
    assert_eq!(settle(storage.reserve(blob, 6, NOW)), Ok(()));
    assert_eq!(append(storage, other, "e"), Err(FULL));
    assert_eq!(settle(storage.release(blob, None)), Ok(true));
    assert_eq!(settle(storage.release(blob, None)), Ok(true));
    assert_eq!(append(storage, other, "aaaa"), Ok(2));
    assert_eq!(append(storage, other, "bbb"), Err(FULL));
}

fn objects_are_counted(storage: &dyn Storage) {
    let mailbox = register(storage, registration(1));
    let blob = BlobPlace {
        mailbox,
        blob: BlobId([1; 32]),
    };
    assert_eq!(append(storage, mailbox, "a"), Ok(1));
    assert_eq!(settle(storage.reserve(blob, 1, NOW)), Ok(()));
    assert_eq!(append(storage, mailbox, "b"), Ok(2));
    assert_eq!(append(storage, mailbox, "c"), Err(FULL));
    // At the bound a known blob may still be announced again, and an envelope sent again.
    assert_eq!(settle(storage.reserve(blob, 1, NOW)), Ok(()));
    assert_eq!(settle(storage.reserve(blob, 2, NOW)), Ok(()));
    assert_eq!(append(storage, mailbox, "a"), Ok(1));
    // A number once given is counted for ever: retiring makes no room for more of them.
    assert_eq!(retire(storage, mailbox, &["a"]), Ok(1));
    while settle(storage.purge(NOW)) != Ok(true) {}
    assert_eq!(append(storage, mailbox, "c"), Err(FULL));
    assert_eq!(settle(storage.release(blob, None)), Ok(true));
    assert_eq!(append(storage, mailbox, "c"), Ok(3));
}

fn counts_last(backend: &mut dyn Backend) {
    let quota = |bytes| Quota {
        bytes,
        objects: 100,
    };
    let storage = backend.open("quota last", quota(10));
    let mailbox = register(&*storage, registration(1));
    assert_eq!(append(&*storage, mailbox, "12345678"), Ok(1));
    storage.close();
    drop(storage);
    let storage = backend.open("quota last", quota(10));
    assert_eq!(append(&*storage, mailbox, "123"), Err(FULL));
    assert_eq!(append(&*storage, mailbox, "12"), Ok(2));
    storage.close();
    drop(storage);
    // The operator may allow more, or less: what is there stays.
    let storage = backend.open("quota last", quota(5));
    assert_eq!(read(&*storage, mailbox, 0, EVERYTHING).entries.len(), 2);
    assert_eq!(append(&*storage, mailbox, ""), Err(FULL));
    storage.close();
    drop(storage);
    assert_eq!(
        append(&*backend.open("quota last", quota(20)), mailbox, "123"),
        Ok(3)
    );
}
