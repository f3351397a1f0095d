//! The carers' view: one vault, several persons, what is new of each.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{first_row, join, patient, record, sync_all};
use super::keyring::GENERAL;
use super::sync_tests::{FakeRelay, Phone};
use super::*;

fn kinds(news: &News) -> Vec<NewsKind> {
    let mut kinds: Vec<NewsKind> = news.pieces.iter().map(|piece| piece.kind).collect();
    kinds.sort();
    kinds
}

#[test]
fn what_others_wrote_is_new_until_this_device_has_looked() {
    let relay = FakeRelay::new();
    let (host, carer) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    join(
        &host,
        &carer,
        &Access::within(MemberRole::Caregiver, &[GENERAL]),
    );
    let shared = record(&host);
    let first = carer.vault.news(shared, 50).unwrap();
    assert_eq!(
        (kinds(&first), first.since, first.more),
        (vec![NewsKind::Item], None, false)
    );
    carer.vault.look(shared).unwrap();
    let looked = carer.vault.news(shared, 50).unwrap();
    assert_eq!(looked.pieces, []);
    assert!(looked.since.is_some());
    // What the carer writes is no news to the carer; what comes from the other is.
    let id = first_row(&host, shared);
    carer.vault.annotate(id, "my own").unwrap();
    host.vault.annotate(id, "slept badly").unwrap();
    host.vault.correct(id, "value", "5.6").unwrap();
    host.import(2);
    sync_all(&[&carer, &host, &carer], 1);
    let news = carer.vault.news(shared, 50).unwrap();
    assert_eq!(
        kinds(&news),
        [NewsKind::Item, NewsKind::Note, NewsKind::Correction]
    );
    let note = news
        .pieces
        .iter()
        .find(|piece| piece.kind == NewsKind::Note)
        .unwrap();
    assert_eq!(
        (note.text.as_deref(), note.row.id),
        (Some("slept badly"), id)
    );
    assert_eq!(note.device_name.as_deref(), Some("First"));
    let limited = carer.vault.news(shared, 1).unwrap();
    assert_eq!((limited.pieces.len(), limited.more), (1, true));
    // A correction that was corrected again is news once, as it stands.
    host.vault.correct(id, "value", "5.7").unwrap();
    sync_all(&[&host, &carer], 1);
    let news = carer.vault.news(shared, 50).unwrap();
    let texts: Vec<_> = news
        .pieces
        .iter()
        .filter_map(|piece| piece.text.as_deref())
        .collect();
    assert_eq!(texts, ["5.7", "slept badly"]);
}

#[test]
fn looking_at_one_person_leaves_the_others_news_and_says_who_was_not_heard_of() {
    let relay = FakeRelay::new();
    let (dad, mum) = (patient(&relay), patient(&relay));
    let carer = Phone::found_by(&relay, "Denis");
    for host in [&dad, &mum] {
        join(
            host,
            &carer,
            &Access::within(MemberRole::Reader, &[GENERAL]),
        );
    }
    assert_eq!(carer.vault.persons().unwrap().len(), 3);
    let (his, hers) = (record(&dad), record(&mum));
    carer.vault.look(his).unwrap();
    let (his, hers) = (
        carer.vault.news(his, 50).unwrap(),
        carer.vault.news(hers, 50).unwrap(),
    );
    assert_eq!((his.pieces.len(), hers.pieces.len()), (0, 1));
    for (news, phone) in [(&his, &dad), (&hers, &mum)] {
        let devices: Vec<_> = news.heard.iter().map(|heard| heard.device).collect();
        assert_eq!(devices, [phone.vault.devices().unwrap()[0].id]);
        assert!(news.heard[0].at > 0);
    }
    // Of one's own record with one's own phone alone there is nobody to hear of.
    let own = record(&carer);
    assert_eq!(carer.vault.news(own, 50).unwrap().heard, []);
    let nobody = carnet_wire::RecordId([9; 32]);
    assert!(carer.vault.news(nobody, 50).is_err());
}
