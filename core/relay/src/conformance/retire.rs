//! Retirement: not served, kept, brought back, purged; never renumbered, never revived by a push.

use super::*;

pub(super) fn check(open: &mut dyn FnMut(&str) -> Arc<dyn Storage>) {
    what_is_retired_is_not_served_and_keeps_its_number(&*open("retire"));
    the_head_is_served_until_it_is_passed(&*open("retire head"));
    what_is_retired_can_be_brought_back(&*open("bring back"));
    purging_takes_bytes_and_nothing_else(&*open("purge"));
    only_what_is_named_is_retired(&*open("retire apart"));
}

pub(super) fn retire(
    storage: &dyn Storage,
    mailbox: MailboxNumber,
    texts: &[&str],
) -> Result<u64, RelayError> {
    let ids = texts.iter().map(|text| EnvelopeId::derive(text.as_bytes()));
    let retirement = Retirement {
        mailbox,
        ids: ids.collect(),
        blobs: Vec::new(),
    };
    settle(storage.retire(retirement, NOW))
}

fn served(storage: &dyn Storage, mailbox: MailboxNumber) -> (u64, Vec<u64>) {
    let page = read(storage, mailbox, 0, EVERYTHING);
    (
        page.head,
        page.entries.iter().map(|entry| entry.seq).collect(),
    )
}

fn what_is_retired_is_not_served_and_keeps_its_number(storage: &dyn Storage) {
    let mailbox = fill(storage, 5);
    assert_eq!(retire(storage, mailbox, &["0", "2"]), Ok(2));
    assert_eq!(served(storage, mailbox), (5, vec![2, 4, 5]));
    // Again, and with one that is served and one that is unknown.
    assert_eq!(
        retire(storage, mailbox, &["0", "1", "nobody's", "1"]),
        Ok(1)
    );
    assert_eq!(served(storage, mailbox), (5, vec![4, 5]));
    assert_eq!(append(storage, mailbox, "0"), Ok(1));
    assert_eq!(append(storage, mailbox, "next"), Ok(6));
    assert_eq!(served(storage, mailbox), (6, vec![4, 5, 6]));
    let limit = ReadLimit {
        bytes: 0,
        entries: 0,
    };
    assert_eq!(read(storage, mailbox, 0, limit).entries, [entry(4, "3")]);
}

fn the_head_is_served_until_it_is_passed(storage: &dyn Storage) {
    let mailbox = fill(storage, 2);
    assert_eq!(retire(storage, mailbox, &["0", "1"]), Ok(2));
    assert_eq!(retire(storage, mailbox, &["1"]), Ok(0));
    assert_eq!(served(storage, mailbox), (2, vec![2]));
    assert_eq!(settle(storage.purge(NOW)), Ok(true));
    assert_eq!(
        read(storage, mailbox, 0, EVERYTHING).entries,
        [entry(2, "1")]
    );
    assert_eq!(append(storage, mailbox, "next"), Ok(3));
    assert_eq!(served(storage, mailbox), (3, vec![3]));
    assert_eq!(append(storage, mailbox, "1"), Ok(2));
    // In one transaction too: the head that is passed is retired, the new one is not.
    assert_eq!(retire(storage, mailbox, &["next"]), Ok(1));
    let both = ["x", "y"].map(|text| envelope(mailbox, text)).to_vec();
    assert_eq!(settle(storage.append(both, NOW)), Ok(vec![Ok(4), Ok(5)]));
    assert_eq!(served(storage, mailbox), (5, vec![4, 5]));
}

fn what_is_retired_can_be_brought_back(storage: &dyn Storage) {
    let mailbox = fill(storage, 4);
    let at = |time: u64, text: &str| {
        let retirement = Retirement {
            mailbox,
            ids: vec![EnvelopeId::derive(text.as_bytes())],
            blobs: Vec::new(),
        };
        assert_eq!(settle(storage.retire(retirement, time)), Ok(1));
    };
    at(NOW, "0");
    at(NOW + 10, "1");
    at(NOW + 10, "3");
    assert_eq!(settle(storage.bring_back(mailbox, NOW + 11)), Ok(0));
    assert_eq!(settle(storage.bring_back(mailbox, NOW + 10)), Ok(2));
    assert_eq!(served(storage, mailbox), (4, vec![2, 3, 4]));
    assert_eq!(append(storage, mailbox, "next"), Ok(5));
    assert_eq!(served(storage, mailbox), (5, vec![2, 3, 4, 5]));
    // Purged is gone for good.
    assert_eq!(settle(storage.purge(NOW)), Ok(true));
    assert_eq!(settle(storage.bring_back(mailbox, 0)), Ok(0));
    assert_eq!(served(storage, mailbox), (5, vec![2, 3, 4, 5]));
}

fn purging_takes_bytes_and_nothing_else(storage: &dyn Storage) {
    let mailbox = fill(storage, 3_000);
    let texts: Vec<_> = (0..2_500).map(|n| n.to_string()).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(retire(storage, mailbox, &texts), Ok(2_500));
    assert_eq!(settle(storage.purge(NOW - 1)), Ok(true));
    assert_eq!(settle(storage.bring_back(mailbox, NOW)), Ok(2_500));
    assert_eq!(retire(storage, mailbox, &texts), Ok(2_500));
    while settle(storage.purge(NOW)) != Ok(true) {}
    let (head, left) = served(storage, mailbox);
    assert_eq!(head, 3_000);
    assert!(left.into_iter().eq(2_501..=3_000));
    assert_eq!(append(storage, mailbox, "0"), Ok(1));
    assert_eq!(append(storage, mailbox, "2499"), Ok(2_500));
    assert_eq!(served(storage, mailbox).1.len(), 500);
    assert_eq!(retire(storage, mailbox, &texts), Ok(0));
}

fn only_what_is_named_is_retired(storage: &dyn Storage) {
    let (first, second) = (
        register(storage, registration(1)),
        register(storage, pairing(2)),
    );
    for mailbox in [first, second] {
        for text in ["same", "other"] {
            assert!(append(storage, mailbox, text).is_ok());
        }
    }
    assert_eq!(retire(storage, first, &["same"]), Ok(1));
    assert_eq!(served(storage, first), (2, vec![2]));
    assert_eq!(served(storage, second), (2, vec![1, 2]));
    let ended = Retirement {
        mailbox: second,
        ids: vec![EnvelopeId::derive(b"same")],
        blobs: Vec::new(),
    };
    let gone = settle(storage.retire(ended, NOW + 60));
    assert_eq!(gone, Err(RelayError::NOT_FOUND));
}
