//! Closing: nothing more is taken, what is there is kept and served, the keys are others, and nobody opens it again.

use super::*;

pub(super) fn check(open: &mut dyn FnMut(&str) -> Arc<dyn Storage>) {
    a_closed_mailbox_takes_nothing_more_and_keeps_what_it_has(&*open("closed mailbox"));
    it_stays_closed_and_is_closed_again_to_other_keys(&*open("closed mailbox again"));
}

fn close(storage: &dyn Storage, mailboxes: &[MailboxNumber], key: u8) {
    let closings = mailboxes.iter().map(|mailbox| Closing {
        mailbox: *mailbox,
        read_key: [key; 32],
        retire_key: [key + 1; 32],
    });
    assert_eq!(settle(storage.close_mailboxes(closings.collect())), Ok(()));
}

fn keys(storage: &dyn Storage, id: MailboxId) -> Option<([u8; 32], [u8; 32], bool)> {
    let found = storage.mailboxes(&[id], NOW).unwrap_or_default();
    let found = found.into_iter().flatten().next();
    found.map(|found| (found.read_key, found.retire_key, found.is_closed))
}

fn a_closed_mailbox_takes_nothing_more_and_keeps_what_it_has(storage: &dyn Storage) {
    let mailbox = fill(storage, 3);
    let beside = register(storage, registration(2));
    let blob = |id| BlobPlace {
        mailbox,
        blob: BlobId([id; 32]),
    };
    assert_eq!(settle(storage.reserve(blob(1), 5, NOW)), Ok(()));
    // One that is not there is passed over.
    close(storage, &[MailboxNumber(999), mailbox], 7);
    let closed = Err(RelayError::CLOSED);
    assert_eq!(append(storage, mailbox, "new"), closed);
    // A lost answer: what it has keeps its number. One refused item fails no other.
    let both = vec![
        envelope(mailbox, "1"),
        envelope(mailbox, "new"),
        envelope(beside, "new"),
    ];
    assert_eq!(
        settle(storage.append(both, NOW)),
        Ok(vec![Ok(2), closed, Ok(1)])
    );
    let more = settle(storage.reserve(blob(2), 5, NOW));
    assert_eq!(more, Err(RelayError::CLOSED));
    assert_eq!(storage.reserved(blob(1), NOW), Ok(Some(5)));
    let page = read(storage, mailbox, 0, EVERYTHING);
    assert_eq!((page.head, page.entries.len()), (3, 3));
    assert_eq!(retire::retire(storage, mailbox, &["0"]), Ok(1));
    assert_eq!(read(storage, mailbox, 0, EVERYTHING).entries.len(), 2);
}

fn it_stays_closed_and_is_closed_again_to_other_keys(storage: &dyn Storage) {
    let first = registration(1);
    let mailbox = register(storage, first.clone());
    assert_eq!(append(storage, mailbox, "kept"), Ok(1));
    assert_eq!(
        keys(storage, first.mailbox),
        Some(([1; 32], [3; 32], false))
    );
    close(storage, &[mailbox], 7);
    let stranger = Registration {
        write_key: [9; 32],
        ..registration(1)
    };
    for again in [first.clone(), stranger] {
        assert_eq!(register(storage, again), mailbox);
        assert_eq!(keys(storage, first.mailbox), Some(([7; 32], [8; 32], true)));
    }
    close(storage, &[mailbox], 20);
    assert_eq!(
        keys(storage, first.mailbox),
        Some(([20; 32], [21; 32], true))
    );
    assert_eq!(append(storage, mailbox, "new"), Err(RelayError::CLOSED));
}
