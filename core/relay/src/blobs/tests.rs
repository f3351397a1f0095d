//! Uploads that are resumed, repeated, corrupted and abandoned; ranges.

#![allow(clippy::unwrap_used)]

use super::*;

const MAILBOX: MailboxNumber = MailboxNumber(7);

fn blobs() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    (folder, blobs)
}

fn part(whole: &[u8], from: usize, to: usize) -> BlobPart<'_> {
    BlobPart {
        offset: from as u64,
        total: whole.len() as u64,
        bytes: &whole[from..to],
    }
}

fn range(first: u64, last: impl Into<Option<u64>>) -> BlobRange {
    let last = last.into();
    BlobRange { first, last }
}

#[test]
fn parts_become_a_whole_across_a_restart() {
    let (folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(0)));
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 0, 4)),
        Ok(Progress::Partial(4))
    );
    drop(blobs);
    let blobs = Blobs::open(folder.path()).unwrap();
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(4)));
    assert_eq!(
        blobs.read(MAILBOX, id, range(0, None)),
        Err(RelayError::NOT_FOUND)
    );
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 4, 10)),
        Ok(Progress::Whole(10))
    );
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Whole(10)));
    assert_eq!(
        blobs.read(MAILBOX, id, range(0, None)).unwrap().bytes,
        whole
    );
    assert_eq!(
        fs::read_dir(folder.path().join("uploads")).unwrap().count(),
        0
    );
}

#[test]
fn a_part_elsewhere_than_the_end_is_refused() {
    let (_folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    blobs.put(MAILBOX, id, part(whole, 0, 4)).unwrap();
    for (from, to) in [(0, 4), (5, 10), (3, 5)] {
        assert_eq!(
            blobs.put(MAILBOX, id, part(whole, from, to)),
            Err(RelayError::WRONG_OFFSET)
        );
    }
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(4)));
}

#[test]
fn a_finished_blob_takes_any_part_again() {
    let (_folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    blobs.put(MAILBOX, id, part(whole, 0, 10)).unwrap();
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 0, 4)),
        Ok(Progress::Whole(10))
    );
    assert_eq!(
        blobs.read(MAILBOX, id, range(0, None)).unwrap().bytes,
        whole
    );
}

#[test]
fn a_wrong_hash_starts_over() {
    let (_folder, blobs) = blobs();
    let id = BlobId::derive(b"something else");
    let refused = blobs.put(MAILBOX, id, part(b"0123456789", 0, 10));
    assert_eq!(refused, Err(RelayError::WRONG_HASH));
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(0)));
}

#[test]
fn a_crash_before_the_rename_is_finished_by_the_repeated_part() {
    let (folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    fs::write(folder.path().join(format!("uploads/7-{id}.part")), whole).unwrap();
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 4, 10)),
        Ok(Progress::Whole(10))
    );
}

#[test]
fn bytes_lost_in_a_crash_are_found_by_the_hash() {
    let (folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    fs::write(folder.path().join(format!("uploads/7-{id}.part")), [0; 4]).unwrap();
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 4, 10)),
        Err(RelayError::WRONG_HASH)
    );
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 0, 10)),
        Ok(Progress::Whole(10))
    );
}

#[test]
fn limits_and_impossible_numbers_are_refused() {
    let (_folder, blobs) = blobs();
    let id = BlobId::derive(b"");
    let put = |offset, total, bytes: &[u8]| {
        blobs.put(
            MAILBOX,
            id,
            BlobPart {
                offset,
                total,
                bytes,
            },
        )
    };
    let large = vec![0; limits::MAX_BLOB_PART_BYTES + 1];
    assert_eq!(
        put(0, limits::MAX_BLOB_BYTES + 1, b"a"),
        Err(RelayError::TOO_LARGE)
    );
    assert_eq!(
        put(0, limits::MAX_BLOB_BYTES, &large),
        Err(RelayError::TOO_LARGE)
    );
    assert_eq!(put(0, 1, b"ab"), Err(RelayError::MALFORMED));
    assert_eq!(put(u64::MAX, 1, b"a"), Err(RelayError::MALFORMED));
    assert_eq!(put(0, 0, b""), Ok(Progress::Whole(0)));
    assert_eq!(blobs.read(MAILBOX, id, range(0, None)).unwrap().bytes, b"");
}

#[test]
fn ranges_are_cut_to_what_is_there_and_to_the_limit() {
    let (_folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    blobs.put(MAILBOX, id, part(whole, 0, 10)).unwrap();
    let bytes = |asked| blobs.read(MAILBOX, id, asked).map(|found| found.bytes);
    assert_eq!(bytes(range(2, 4)).unwrap(), b"234");
    assert_eq!(bytes(range(8, 100)).unwrap(), b"89");
    assert_eq!(bytes(range(9, None)).unwrap(), b"9");
    for outside in [range(10, None), range(4, 3), range(u64::MAX, u64::MAX)] {
        assert_eq!(bytes(outside), Err(RelayError::BAD_RANGE));
    }
    let large = vec![5; limits::MAX_BLOB_PART_BYTES];
    let id = BlobId::derive(&[large.as_slice(), b"more"].concat());
    let total = large.len() as u64 + 4;
    let put = |offset, bytes| {
        blobs.put(
            MAILBOX,
            id,
            BlobPart {
                offset,
                total,
                bytes,
            },
        )
    };
    put(0, &large).unwrap();
    put(total - 4, b"more").unwrap();
    let found = blobs.read(MAILBOX, id, range(0, None)).unwrap();
    assert_eq!((found.bytes.len(), found.total), (large.len(), total));
}

#[test]
fn mailboxes_share_nothing_and_are_forgotten_alone() {
    let (_folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    // The same first folder: 7 and 7 + 256.
    let other = MailboxNumber(7 + 256);
    blobs.put(MAILBOX, id, part(whole, 0, 10)).unwrap();
    assert_eq!(blobs.progress(other, id), Ok(Progress::Partial(0)));
    blobs.put(other, id, part(whole, 0, 10)).unwrap();
    blobs.forget(MAILBOX).unwrap();
    blobs.forget(MAILBOX).unwrap();
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(0)));
    assert_eq!(blobs.progress(other, id), Ok(Progress::Whole(10)));
}

#[test]
fn only_abandoned_uploads_are_swept() {
    let (_folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    blobs.put(MAILBOX, id, part(whole, 0, 4)).unwrap();
    let now = SystemTime::now();
    assert_eq!(blobs.sweep(now + ABANDONED / 2), Ok(Vec::new()));
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(4)));
    assert_eq!(blobs.sweep(now + ABANDONED * 2), Ok(vec![(MAILBOX, id)]));
    assert_eq!(blobs.progress(MAILBOX, id), Ok(Progress::Partial(0)));
}

#[test]
fn one_blob_has_one_writer_at_a_time() {
    let (_folder, blobs) = blobs();
    let whole = b"0123456789".as_slice();
    let id = BlobId::derive(whole);
    let alone = blobs.enter(MAILBOX, id).unwrap();
    assert!(matches!(blobs.enter(MAILBOX, id), Err(RelayError::BUSY)));
    assert!(blobs.enter(MailboxNumber(2), id).is_ok());
    drop(alone);
    assert!(blobs.enter(MAILBOX, id).is_ok());
}

#[test]
fn more_than_there_can_be_is_thrown_away() {
    let (_folder, blobs) = blobs();
    let whole = b"0123".as_slice();
    let id = BlobId::derive(whole);
    blobs.put(MAILBOX, id, part(b"garbage!", 0, 6)).unwrap();
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 0, 4)),
        Err(RelayError::WRONG_HASH)
    );
    assert_eq!(
        blobs.put(MAILBOX, id, part(whole, 0, 4)),
        Ok(Progress::Whole(4))
    );
}
