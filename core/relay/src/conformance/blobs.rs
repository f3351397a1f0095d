//! What is counted for blobs.

use super::*;

pub(super) fn check(storage: &dyn Storage) {
    let (mine, others) = (
        register(storage, registration(1)),
        register(storage, registration(2)),
    );
    let place = |mailbox, id| BlobPlace {
        mailbox,
        blob: BlobId([id; 32]),
    };
    let blob = place(mine, 1);
    assert_eq!(storage.reserved(blob, NOW), Ok(None));
    assert_eq!(settle(storage.reserve(blob, 10, NOW)), Ok(()));
    // The largest announcement counts: a smaller one would hide what has arrived.
    assert_eq!(settle(storage.reserve(blob, 4, NOW)), Ok(()));
    assert_eq!(storage.reserved(blob, NOW), Ok(Some(10)));
    assert_eq!(settle(storage.reserve(blob, 11, NOW)), Ok(()));
    assert_eq!(storage.reserved(blob, NOW), Ok(Some(11)));
    assert_eq!(storage.reserved(place(others, 1), NOW), Ok(None));

    let retire = |blobs: Vec<BlobId>, now| {
        let ids = Vec::new();
        let mailbox = mine;
        settle(storage.retire(
            Retirement {
                mailbox,
                ids,
                blobs,
            },
            now,
        ))
    };
    assert_eq!(settle(storage.reserve(place(others, 1), 5, NOW)), Ok(()));
    assert_eq!(retire(vec![blob.blob, BlobId([7; 32])], NOW), Ok(1));
    assert_eq!(retire(vec![blob.blob], NOW + 5), Ok(0));
    assert_eq!(storage.reserved(blob, NOW), Ok(None));
    assert_eq!(storage.reserved(place(others, 1), NOW), Ok(Some(5)));
    assert_eq!(storage.retired_blobs(NOW - 1, 10), Ok(Vec::new()));
    assert_eq!(storage.retired_blobs(NOW, 10), Ok(vec![blob]));
    assert_eq!(storage.retired_blobs(NOW, 0), Ok(Vec::new()));

    // Uploaded again, it is there again, and not for the sweep any more.
    assert_eq!(settle(storage.reserve(blob, 11, NOW)), Ok(()));
    assert_eq!(storage.reserved(blob, NOW), Ok(Some(11)));
    assert_eq!(settle(storage.release(blob, Some(NOW))), Ok(false));
    assert_eq!(storage.reserved(blob, NOW), Ok(Some(11)));
    assert_eq!(retire(vec![blob.blob], NOW + 5), Ok(1));
    assert_eq!(settle(storage.release(blob, Some(NOW))), Ok(false));
    assert_eq!(settle(storage.bring_back(mine, NOW + 6)), Ok(0));
    assert_eq!(settle(storage.bring_back(mine, NOW + 5)), Ok(1));
    assert_eq!(storage.reserved(blob, NOW), Ok(Some(11)));
    assert_eq!(retire(vec![blob.blob], NOW), Ok(1));
    assert_eq!(settle(storage.release(blob, Some(NOW))), Ok(true));
    assert_eq!(storage.retired_blobs(NOW, 10), Ok(Vec::new()));
    assert_eq!(settle(storage.release(blob, None)), Ok(true));
    assert_eq!(settle(storage.release(place(others, 1), None)), Ok(true));
    assert_eq!(storage.reserved(place(others, 1), NOW), Ok(None));
}
