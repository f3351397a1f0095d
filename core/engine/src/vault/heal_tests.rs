//! Relays that omit, roll back, split and are put back from a backup; phones that are copies. What is wrong is named once
//! an honest witness is met, what can be healed is, and honest relays are never accused.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::keyring::GENERAL;
use super::sync_tests::{FakeRelay, Phone, SECOND, URL, host, pair, same};
use super::tests::TestKeys;
use super::*;
use crate::store::log;
use carnet_wire::DeviceId;
use carnet_wire::MailboxId;
use carnet_wire::relay::Pulled;
use std::collections::BTreeMap;
use tempfile::TempDir;

type Boxes = BTreeMap<MailboxId, Vec<Vec<u8>>>;

/// Three phones of one person that hold the same.
fn three() -> (Arc<FakeRelay>, [Phone; 3]) {
    let (relay, old, new) = pair();
    let third = old.add_named(&relay, "Third");
    forget_rendezvous(&relay, &old);
    let phones = [old, new, third];
    settle(&phones);
    (relay, phones)
}

fn forget_rendezvous(relay: &FakeRelay, phone: &Phone) {
    let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
    relay.alter(|boxes| boxes.retain(|mailbox, _| keyring.epoch_of(*mailbox).is_some()));
}

/// Everybody syncs until nothing moves.
fn settle(phones: &[Phone]) {
    for _ in 0..3 {
        for phone in phones {
            assert!(phone.sync().unwrap().complete);
        }
    }
    for phone in &phones[1..] {
        same(&phones[0], phone);
    }
}

/// The mailbox of the general compartment.
fn general(phone: &Phone) -> MailboxId {
    let open = phone.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let record = phone.vault.persons().unwrap()[0].record;
    let log = open
        .store
        .read(|conn| keyring::log_number(conn, record, GENERAL))
        .unwrap();
    keyring.current_epoch(log).unwrap().mailbox
}

/// The words of what a sync found or healed.
fn told(report: &SyncReport) -> Vec<(&'static str, bool)> {
    let findings = report.findings.iter();
    findings
        .map(|finding| (finding.kind.word(), finding.healed.is_some()))
        .collect()
}

#[test]
fn an_omission_is_named_with_who_wrote_it_and_who_has_it_and_heals() {
    let (relay, phones) = three();
    let [old, new, third] = &phones;
    let mailbox = general(old);
    let before = relay_len(&relay, mailbox);
    (2..5).for_each(|id| old.import(id));
    old.sync().unwrap();
    new.sync().unwrap();
    new.import(5);
    new.sync().unwrap();
    // What the first phone wrote is left out for the third.
    relay.spoil_replies(move |reply| {
        for pulled in reply
            .pulled
            .iter_mut()
            .filter(|pulled| pulled.mailbox == mailbox)
        {
            pulled
                .entries
                .retain(|entry| !(before + 1..before + 4).contains(&entry.seq));
        }
    });
    let report = third.sync().unwrap();
    let [finding] = report.findings.clone().try_into().unwrap();
    assert_eq!((finding.kind, finding.missing), (FindingKind::Omission, 3));
    assert_eq!(finding.device_name.as_deref(), Some("First"));
    assert_eq!(finding.witness_name.as_deref(), Some("Second"));
    assert_eq!(finding.compartment.as_deref(), Some(GENERAL));
    assert_eq!(finding.severity, Severity::Warning);
    let history = third.vault.history(finding.record).unwrap();
    let chains = history.logs.iter().flat_map(|log| &log.chains);
    assert_eq!(chains.map(|chain| chain.missing).sum::<u64>(), 3);
    assert_eq!(history.findings, [finding]);
    // It is not searched for with every sync, but again after a while.
    relay.paths();
    let bytes = third.bytes();
    assert_eq!(third.sync().unwrap().round_trips, 1);
    assert!(bytes == third.bytes(), "an idle sync wrote");
    relay.be_honest();
    let open = third.vault.unlocked().unwrap();
    open.write(|tx| Ok(tx.execute("UPDATE audited SET at = 0", [])?))
        .unwrap();
    let report = third.sync().unwrap();
    assert_eq!(told(&report), [("omission", true)]);
    settle(&phones);
    assert_eq!(third.open_findings(), []);
}

fn relay_len(relay: &FakeRelay, mailbox: MailboxId) -> u64 {
    let mut len = 0;
    relay.alter(|boxes| len = boxes.get(&mailbox).map_or(0, Vec::len));
    len as u64
}

#[test]
fn a_gap_is_a_finding_until_what_is_missing_arrives() {
    let (relay, phones) = three();
    let [old, _, third] = &phones;
    let mailbox = general(old);
    let before = relay_len(&relay, mailbox);
    (2..4).for_each(|id| old.import(id));
    old.sync().unwrap();
    relay.spoil_replies(move |reply| {
        for pulled in reply
            .pulled
            .iter_mut()
            .filter(|pulled| pulled.mailbox == mailbox)
        {
            pulled.entries.retain(|entry| entry.seq != before + 1);
        }
    });
    let report = third.sync().unwrap();
    assert_eq!(
        (told(&report), report.notices),
        (vec![("gap", false)], vec!["gap"])
    );
    relay.be_honest();
    let report = third.sync().unwrap();
    assert_eq!(
        (told(&report), report.notices.len()),
        (vec![("gap", true)], 0)
    );
    settle(&phones);
}

#[test]
fn any_holder_gives_a_relay_that_lost_its_tail_what_it_lost() {
    for generation in [1, 2] {
        let (relay, phones) = three();
        let [old, new, third] = &phones;
        let mailbox = general(old);
        (2..5).for_each(|id| old.import(id));
        old.sync().unwrap();
        new.sync().unwrap();
        let all = relay.envelopes();
        relay.set_generation(generation);
        relay.alter(|boxes| {
            let held = boxes.get_mut(&mailbox).unwrap();
            held.truncate(held.len() - 3);
        });
        // The author never comes back: the second phone sends what it merged.
        let report = new.sync().unwrap();
        let word = ["relay-rolled-back", "relay-restored"][generation as usize - 1];
        assert_eq!(told(&report), [(word, true)]);
        assert_eq!((report.findings[0].missing, report.sent), (3, 3));
        assert_eq!(relay.envelopes(), all);
        let bytes = new.bytes();
        assert_eq!((new.sync().unwrap().sent, relay.envelopes()), (0, all));
        assert!(bytes == new.bytes(), "an idle sync wrote");
        third.sync().unwrap();
        assert_eq!((third.rows(), third.open_findings()), (4, vec![]));
        // The author finds everything there and sends nothing twice.
        old.sync().unwrap();
        assert_eq!(relay.envelopes(), all);
        settle(&phones);
    }
}

#[test]
fn a_relay_that_lost_everything_is_filled_again_by_whoever_comes_first() {
    let (relay, phones) = three();
    let [old, new, _] = &phones;
    new.import(2);
    old.vault.add_person("Noé", None).unwrap();
    settle(&phones);
    let all = relay.envelopes();
    relay.set_generation(7);
    relay.alter(Boxes::clear);
    let report = phones[2].sync().unwrap();
    assert!(report.complete, "{report:?}");
    assert_eq!(relay.envelopes(), all);
    let fourth = old.add_named(&relay, "Fourth");
    forget_rendezvous(&relay, old);
    fourth.sync().unwrap();
    same(old, &fourth);
    settle(&phones);
}

#[test]
fn a_relay_that_replaced_what_it_had_is_found_out_by_another_device() {
    let (relay, phones) = three();
    let [old, new, third] = &phones;
    let mailbox = general(old);
    old.import(2);
    old.sync().unwrap();
    // The last envelope goes, another takes its number: nobody's cursor is ahead of the head.
    relay.alter(|boxes| drop(boxes.get_mut(&mailbox).unwrap().pop()));
    new.import(3);
    let _ = new.vault.unlocked().unwrap().write(|tx| {
        // The second phone had not read the mailbox to its end.
        Ok(tx.execute("UPDATE cursor SET after = 0", [])?)
    });
    new.sync().unwrap();
    third.sync().unwrap();
    assert_eq!((third.rows(), old.rows()), (2, 2));
    third.import(4);
    third.sync().unwrap();
    let report = old.sync().unwrap();
    let mut words = told(&report);
    words.sort_unstable();
    assert_eq!(words, [("relay-rolled-back", true)]);
    assert_eq!(report.findings[0].severity, Severity::Alarm);
    settle(&phones);
    assert_eq!(third.rows(), 4);
    for phone in &phones {
        assert_eq!(phone.open_findings(), []);
    }
}

#[test]
fn a_relay_put_back_in_silence_and_filled_again_is_found_out_by_who_comes_next() {
    let (relay, phones) = three();
    let [old, new, third] = &phones;
    let mailbox = general(old);
    let copy = relay_len(&relay, mailbox);
    (2..4).for_each(|id| third.import(id));
    third.sync().unwrap();
    // Nobody has read what the third phone wrote when the relay is put back; others fill it past its cursor.
    relay.alter(|boxes| boxes.get_mut(&mailbox).unwrap().truncate(copy as usize));
    relay.restart();
    (4..7).for_each(|id| new.import(id));
    new.sync().unwrap();
    let report = third.sync().unwrap();
    assert_eq!(told(&report), [("relay-rolled-back", true)]);
    assert_eq!((report.sent, report.received), (2, 3));
    settle(&phones);
    assert_eq!(old.rows(), 6);
    // A relay that was merely started again is not accused, and asked for nothing twice.
    relay.restart();
    relay.paths();
    let bytes = third.bytes();
    let report = third.sync().unwrap();
    assert_eq!((told(&report), report.received), (vec![], 0));
    assert_eq!(
        relay.paths(),
        ["exchange", "challenge", "session", "exchange"]
    );
    assert!(third.sync().unwrap().complete && bytes <= third.bytes());
}

#[test]
fn what_the_background_sent_and_nobody_read_is_sent_again_to_a_relay_put_back() {
    for refilled in [false, true] {
        let (relay, phones) = three();
        let [old, new, third] = &phones;
        let mailbox = general(old);
        old.import(2);
        old.sync().unwrap();
        let copy = relay_len(&relay, mailbox);
        third.import(3);
        third.vault.sync_background(Some(URL), None, None).unwrap();
        // As where the relay answers what is read before what is sent: the cursor stays behind it.
        let open = third.vault.unlocked().unwrap();
        open.write(|tx| Ok(tx.execute("UPDATE cursor SET after = min(after, ?1)", [copy])?))
            .unwrap();
        relay.alter(|boxes| boxes.get_mut(&mailbox).unwrap().truncate(copy as usize));
        relay.restart();
        if refilled {
            (4..7).for_each(|id| new.import(id));
            new.sync().unwrap();
        }
        let report = third.sync().unwrap();
        assert_eq!(told(&report), [("relay-rolled-back", true)], "{refilled}");
        settle(&phones);
        assert_eq!(old.rows(), if refilled { 6 } else { 3 });
    }
}

#[test]
fn an_envelope_that_was_retired_at_the_cursor_accuses_nobody() {
    let (relay, phones) = three();
    let [old, new, _] = &phones;
    let mailbox = general(old);
    let last = relay_len(&relay, mailbox);
    relay.spoil_replies(move |reply| {
        for pulled in reply.pulled.iter_mut().filter(|one| one.mailbox == mailbox) {
            pulled.entries.retain(|entry| entry.seq != last);
        }
    });
    relay.restart();
    old.import(2);
    old.sync().unwrap();
    let report = new.sync().unwrap();
    assert_eq!((told(&report), report.received), (vec![], 1));
    assert!(report.complete);
}

#[test]
fn a_damaged_last_envelope_is_sent_again_by_who_sees_that_another_lacks_it() {
    let (relay, phones) = three();
    let [old, new, third] = &phones;
    let mailbox = general(old);
    old.import(2);
    old.sync().unwrap();
    new.sync().unwrap();
    relay.alter(|boxes| {
        let bytes = boxes.get_mut(&mailbox).unwrap().last_mut().unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let report = third.sync().unwrap();
    assert_eq!(told(&report), [("unreadable", false)]);
    // The second phone's next change names the one that is missing; the third's shows that it never got it.
    new.import(3);
    new.sync().unwrap();
    let report = third.sync().unwrap();
    assert!(told(&report).contains(&("omission", false)), "{report:?}");
    third.import(4);
    third.sync().unwrap();
    let before = relay.envelopes();
    assert_eq!(new.sync().unwrap().sent, 1);
    assert_eq!(relay.envelopes(), before + 1);
    let report = third.sync().unwrap();
    assert_eq!(third.open_findings(), [], "{report:?}");
    assert_eq!(third.rows(), 4);
    for phone in [new, old, new, third] {
        phone.sync().unwrap();
    }
    // The author may have answered too; nobody answers twice.
    assert!(relay.envelopes() <= before + 2);
    let quiet = relay.envelopes();
    settle(&phones);
    assert_eq!(relay.envelopes(), quiet);
}

#[test]
fn what_came_by_one_relay_is_given_to_the_other() {
    let (relay, phones) = three();
    let [old, new, third] = &phones;
    let second = FakeRelay::new();
    relay.with_second(second.clone());
    old.import(2);
    settle(&phones);
    let all = relay.envelopes();
    // Nobody has ever been there: whoever comes first brings everything.
    let report = third.vault.sync(Some(SECOND), None, None).unwrap();
    assert_eq!((report.complete, told(&report)), (true, vec![]));
    assert_eq!(second.envelopes(), all);
    new.vault.sync(Some(SECOND), None, None).unwrap();
    assert_eq!(second.envelopes(), all);
    // The first relay keeps from the second phone what the first phone writes: the other relay has it.
    old.import(3);
    old.vault.sync(Some(SECOND), None, None).unwrap();
    new.vault.sync(Some(SECOND), None, None).unwrap();
    assert_eq!(new.rows(), 3);
    new.sync().unwrap();
    third.sync().unwrap();
    assert_eq!(third.rows(), 3);
    for phone in &phones {
        assert_eq!(phone.vault.findings().unwrap(), []);
    }
}

#[test]
fn a_relay_that_refuses_what_it_lost_does_not_stop_a_sync() {
    let (relay, phones) = three();
    let [old, new, _] = &phones;
    let mailbox = general(old);
    old.import(2);
    settle(&phones);
    relay.alter(|boxes| drop(boxes.get_mut(&mailbox).unwrap().pop()));
    relay.refuse_pushes();
    let report = new.sync().unwrap();
    assert_eq!(told(&report), [("relay-rolled-back", false)]);
    relay.be_honest();
    let report = new.sync().unwrap();
    assert_eq!(told(&report), [("relay-rolled-back", true)]);
    settle(&phones);
}

#[test]
fn a_relay_that_withholds_its_tail_is_named_until_it_gives_it() {
    let (relay, old, new) = pair();
    old.import(2);
    old.sync().unwrap();
    relay.spoil_replies(|reply| reply.pulled.iter_mut().for_each(|pulled| pulled.head += 9));
    assert_eq!(told(&new.sync().unwrap()), [("withheld", false)]);
    relay.be_honest();
    // The head it promised was never there.
    let report = new.sync().unwrap();
    assert!(told(&report).contains(&("withheld", true)), "{report:?}");
    same(&old, &new);
    assert_eq!(new.open_findings(), []);
}

#[test]
fn a_new_phone_knows_when_the_relay_gives_it_less_than_the_old_one_had() {
    let (relay, old, new) = pair();
    let mailbox = general(&old);
    new.import(2);
    new.sync().unwrap();
    old.sync().unwrap();
    (3..6).for_each(|id| old.import(id));
    old.sync().unwrap();
    // Who has read to the end sees nothing of it; who has not is shown less.
    relay.spoil_replies(move |reply| {
        let spoilt = |pulled: &&mut Pulled| pulled.mailbox == mailbox && !pulled.entries.is_empty();
        for pulled in reply.pulled.iter_mut().filter(spoilt) {
            let before = pulled.head - 4;
            pulled.head = before;
            pulled.entries.retain(|entry| entry.seq <= before);
        }
    });
    let third = old.add_named(&relay, "Third");
    let report = third.sync().unwrap();
    let mut found = third.open_findings();
    found.sort_unstable();
    assert_eq!(
        found,
        [("below-floor", 1), ("below-floor", 3)],
        "{report:?}"
    );
    let findings = third.vault.findings().unwrap();
    let witnesses = findings
        .iter()
        .map(|finding| finding.witness_name.as_deref());
    assert!(witnesses.eq([Some("First"), Some("First")]));
    relay.be_honest();
    third.sync().unwrap();
    assert_eq!((third.open_findings(), third.rows()), (vec![], 5));
}

#[test]
fn a_phone_that_is_joining_accuses_nobody() {
    let (relay, old, _new) = pair();
    (2..5).for_each(|id| old.import(id));
    let third = old.add_named(&relay, "Third");
    third.sync().unwrap();
    assert_eq!(third.vault.findings().unwrap(), []);
    let open = third.vault.unlocked().unwrap();
    assert_eq!(open.store.read(log::floors).unwrap(), []);
}

/// The same phone twice: its folder and all its platform kept.
fn clone_of(phone: &Phone, relay: &Arc<FakeRelay>, keys: &Arc<TestKeys>) -> Phone {
    phone.vault.lock().unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v");
    std::fs::create_dir(&path).unwrap();
    for file in ["vault.db", "vault.key"] {
        std::fs::copy(phone.path().join(file), path.join(file)).unwrap();
    }
    phone.vault.unlock().unwrap();
    keys.take_anchors(&phone.keys);
    let vault = Vault::open(&path, host(keys, relay)).unwrap();
    assert_eq!(vault.warnings(), []);
    Phone {
        folder,
        keys: keys.clone(),
        vault,
    }
}

#[test]
fn a_cloned_phone_is_found_out_and_its_later_changes_are_accepted_again() {
    let (relay, old, new) = pair();
    let twin = clone_of(&old, &relay, &TestKeys::new(7));
    old.import(2);
    twin.import(3);
    old.sync().unwrap();
    let report = twin.sync().unwrap();
    assert!(told(&report).contains(&("fork", false)), "{report:?}");
    assert!(
        told(&report)
            .iter()
            .any(|(word, _)| *word == "device-restored")
    );
    new.sync().unwrap();
    assert!(new.open_findings().contains(&("fork", 0)));
    // From now on both write into chains of their own.
    twin.import(4);
    twin.sync().unwrap();
    old.sync().unwrap();
    old.import(5);
    old.sync().unwrap();
    new.sync().unwrap();
    assert!(new.rows() >= 4, "{}", new.rows());
    new.check();
}

#[test]
fn a_phone_put_back_from_a_copy_says_so_until_it_is_whole_again() {
    let (relay, old, new) = pair();
    old.vault.lock().unwrap();
    let copy = std::fs::read(old.path().join("vault.db")).unwrap();
    old.vault.unlock().unwrap();
    (2..4).for_each(|id| old.import(id));
    old.sync().unwrap();
    new.sync().unwrap();
    let old = old.put_back(copy, &relay);
    assert_eq!(old.open_findings(), [("device-restored", 0)]);
    old.import(5);
    let all = relay.envelopes();
    let report = old.sync().unwrap();
    assert_eq!(told(&report), [("device-restored", true)]);
    // What it wrote before counts as sent: only the new change went out.
    assert_eq!((report.sent, relay.envelopes()), (1, all + 1));
    new.sync().unwrap();
    same(&old, &new);
    let history = new.vault.history(None).unwrap();
    let lives = history.logs.iter().flat_map(|log| &log.chains);
    assert!(lives.clone().any(|chain| chain.life == 2));
    assert!(
        lives
            .filter(|chain| !chain.this)
            .all(|chain| chain.heard.is_some())
    );
}

#[test]
fn honest_relays_are_never_accused() {
    let (relay, phones) = three();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for step in 0..160 {
        let phone = &phones[dice(3) as usize];
        match dice(10) {
            0..4 => phone.import(dice(40) as u32 + 2),
            4 => relay.page(dice(4) as usize + 1),
            5 => relay.page(1_000),
            6 => {
                let deadline = Some(Duration::from_millis(dice(8)));
                let report = phone.vault.sync(None, deadline, None).unwrap();
                assert_eq!(report.findings, [], "step {step}");
            }
            _ => {
                let report = phone.sync().unwrap();
                assert_eq!(report.findings, [], "step {step}");
            }
        }
    }
    relay.page(1_000);
    let before = relay.envelopes();
    settle(&phones);
    for phone in &phones {
        assert_eq!(phone.vault.findings().unwrap(), []);
        assert_eq!(phone.vault.stats(None).unwrap().quarantined, 0);
    }
    // Nothing was sent twice: as many envelopes as changes.
    let open = phones[0].vault.unlocked().unwrap();
    let count = |conn: &rusqlite::Connection| {
        Ok(conn.query_row("SELECT count(*) FROM change", [], |row| {
            row.get::<_, usize>(0)
        })?)
    };
    assert!(before <= relay.envelopes());
    assert_eq!(relay.envelopes(), open.store.read(count).unwrap());
}

#[test]
fn a_device_is_renamed_for_everybody() {
    let (_relay, old, new) = pair();
    let id = |name: &str| {
        let devices = old.vault.devices().unwrap();
        devices.iter().find(|one| one.name == name).unwrap().id
    };
    let second = id("Second");
    old.vault
        .rename_device(second, "Tablette de Maman")
        .unwrap();
    // The same name again writes nothing.
    let bytes = old.bytes();
    old.vault
        .rename_device(second, "Tablette de Maman")
        .unwrap();
    assert!(bytes == old.bytes());
    for phone in [&old, &new] {
        phone.sync().unwrap();
    }
    for phone in [&old, &new] {
        let names = phone.vault.devices().unwrap();
        let name = names.iter().find(|one| one.id == second).unwrap();
        assert_eq!(name.name, "Tablette de Maman");
    }
    same(&old, &new);
    let nobody = DeviceId([9; 32]);
    assert!(matches!(
        old.vault.rename_device(nobody, "x"),
        Err(VaultError::NotFound(_))
    ));
    assert!(old.vault.rename_device(second, "").is_err());
    assert!(old.vault.rename_device(second, &"x".repeat(300)).is_err());
}
