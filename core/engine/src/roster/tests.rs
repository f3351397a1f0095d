#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::seal::{AccountKeys, DeviceCard, DeviceKeys, DeviceKind, Epoch, EpochGrant};
use carnet_wire::{AccountId, EpochId};
use proptest::prelude::*;
use std::sync::OnceLock;

/// Devices are slow to make; the roster looks at their cards only.
fn card(number: usize) -> DeviceCard {
    static CARDS: OnceLock<Vec<DeviceCard>> = OnceLock::new();
    let make = || {
        let cards =
            (0..8).map(|number| DeviceKeys::make().unwrap().card(&format!("phone {number}")));
        cards.collect::<Result<Vec<_>>>().unwrap()
    };
    CARDS.get_or_init(make)[number].clone()
}

fn kem() -> Vec<u8> {
    card(7).kem
}

/// Signs operations as `author`, after the given changes. The id is any hash of all of it.
fn signed(
    record: RecordId,
    compartment: &str,
    author: usize,
    after: &[ChangeId],
    operations: &[Operation],
) -> SignedOperations {
    let compartment = CompartmentId::derive(record, compartment);
    let mut after = after.to_vec();
    after.sort_unstable();
    let content = format!("{record} {compartment} {author} {after:?} {operations:?}");
    SignedOperations {
        id: ChangeId::derive(content.as_bytes()),
        record,
        compartment,
        author: card(author).id,
        incarnation: Incarnation([0; 8]),
        seq: 1,
        after,
        lamport: 1,
        operations: operations.to_vec(),
    }
}

fn found_account(founder: usize) -> (AccountId, SignedOperations) {
    let operation = Operation::FoundAccount {
        nonce: [1; 32],
        kem: kem(),
        device: card(founder),
    };
    let account = operation.founded_account().unwrap();
    (
        account,
        signed(RecordId(account.0), DEVICES, founder, &[], &[operation]),
    )
}

fn add(account: AccountId, author: usize, new: usize, after: &[ChangeId]) -> SignedOperations {
    let operation = Operation::AddDevice { device: card(new) };
    signed(RecordId(account.0), DEVICES, author, after, &[operation])
}

fn found_record(
    account: AccountId,
    founder: usize,
    after: &[ChangeId],
) -> (RecordId, SignedOperations) {
    let operation = Operation::FoundRecord {
        nonce: [2; 32],
        account,
        kem: kem(),
        device: card(founder),
    };
    let record = operation.founded_record().unwrap();
    (record, signed(record, ROSTER, founder, after, &[operation]))
}

fn mint(
    record: RecordId,
    author: usize,
    id: u8,
    parents: &[u8],
    after: &[ChangeId],
) -> SignedOperations {
    let operation = Operation::MintEpoch {
        compartment: general(record),
        name: "general".into(),
        epoch: EpochId([id; 32]),
        parents: parents
            .iter()
            .map(|parent| EpochId([*parent; 32]))
            .collect(),
        wraps: vec![],
        previous: None,
    };
    signed(record, ROSTER, author, after, &[operation])
}

fn general(record: RecordId) -> CompartmentId {
    CompartmentId::derive(record, "general")
}

fn refusal(roster: &Roster, change: &SignedOperations) -> Option<Refusal> {
    let found = roster.refused().iter().find(|(id, _)| *id == change.id);
    found.map(|(_, refusal)| *refusal)
}

#[test]
fn an_account_grows_device_by_device() {
    let (account, founding) = found_account(0);
    let second = add(account, 0, 1, &[founding.id]);
    let third = add(account, 1, 2, &[second.id]);
    let roster = fold(&[third.clone(), founding.clone(), second]);
    assert_eq!(roster.refused(), []);
    assert_eq!(roster.account(account).unwrap().devices.len(), 3);
    assert_eq!(roster.heads(), [third.id]);
    let devices = CompartmentId::derive(RecordId(account.0), DEVICES);
    assert!((0..3).all(|device| roster.may_write(card(device).id, devices)));
    assert!(!roster.may_write(card(3).id, devices));
    assert!(!roster.may_write(card(0).id, CompartmentId([0; 16])));
}

#[test]
fn only_the_named_device_can_found_what_hashes_to_the_id() {
    let (account, founding) = found_account(0);
    let other_signer = signed(founding.record, DEVICES, 1, &[], &founding.operations);
    let other_id = signed(RecordId([9; 32]), DEVICES, 0, &[], &founding.operations);
    let other_place = signed(founding.record, ROSTER, 0, &[], &founding.operations);
    let usurper = Operation::FoundAccount {
        nonce: [1; 32],
        kem: kem(),
        device: card(1),
    };
    let usurped = signed(founding.record, DEVICES, 1, &[], &[usurper]);
    let roster = fold(&[
        other_signer.clone(),
        other_id.clone(),
        other_place.clone(),
        usurped.clone(),
    ]);
    for change in [&other_signer, &other_id, &usurped] {
        assert_eq!(refusal(&roster, change), Some(Refusal::NotTheFounder));
    }
    assert_eq!(refusal(&roster, &other_place), Some(Refusal::Misplaced));
    assert!(roster.account(account).is_none());
    assert!(roster.heads().is_empty());
}

#[test]
fn a_recovery_sheet_founds_nothing_and_only_adds_devices() {
    let sheet = DeviceCard {
        kind: DeviceKind::Recovery,
        ..card(3)
    };
    let operation = Operation::FoundAccount {
        nonce: [1; 32],
        kem: kem(),
        device: sheet.clone(),
    };
    let account = operation.founded_account().unwrap();
    let founding = signed(RecordId(account.0), DEVICES, 3, &[], &[operation]);
    assert_eq!(
        refusal(&fold(std::slice::from_ref(&founding)), &founding),
        Some(Refusal::NotTheFounder)
    );

    let (account, founding) = found_account(0);
    let enrolled = Operation::AddDevice { device: sheet };
    let enrolled = signed(RecordId(account.0), DEVICES, 0, &[founding.id], &[enrolled]);
    let restored = add(account, 3, 4, &[enrolled.id]);
    let (record, record_founding) = found_record(account, 0, &[enrolled.id]);
    let minted = mint(record, 3, 1, &[], &[record_founding.id]);
    let roster = fold(&[
        founding,
        enrolled,
        restored.clone(),
        record_founding,
        minted.clone(),
    ]);
    assert_eq!(refusal(&roster, &restored), None);
    assert_eq!(refusal(&roster, &minted), Some(Refusal::NotAuthorised));
    assert!(!roster.may_write(card(3).id, CompartmentId::derive(record, ROSTER)));
    assert!(roster.may_write(card(4).id, CompartmentId::derive(record, ROSTER)));
}

#[test]
fn strangers_latecomers_and_back_dated_changes_are_refused() {
    let (account, founding) = found_account(0);
    let stranger = add(account, 5, 5, &[founding.id]);
    let second = add(account, 0, 1, &[founding.id]);
    // Device 1 is a device by now, but pretends to have acted before it was.
    let back_dated = add(account, 1, 6, &[founding.id]);
    let honest = add(account, 1, 2, &[second.id]);
    let roster = fold(&[
        founding,
        stranger.clone(),
        second,
        back_dated.clone(),
        honest.clone(),
    ]);
    assert_eq!(refusal(&roster, &stranger), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, &back_dated), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, &honest), None);
    let devices = &roster.account(account).unwrap().devices;
    assert!(!devices.contains_key(&card(5).id) && !devices.contains_key(&card(6).id));
}

/// Each adds the other: no founder, no members.
#[test]
fn two_strangers_cannot_lift_each_other_in() {
    let (account, founding) = found_account(0);
    let one = add(account, 5, 6, &[founding.id]);
    let two = add(account, 6, 5, &[one.id]);
    let mut circle = [add(account, 5, 6, &[]), add(account, 6, 5, &[])];
    circle[0].after = vec![circle[1].id];
    circle[1].after = vec![circle[0].id];
    let [three, four] = circle;
    let roster = fold(&[
        founding,
        one.clone(),
        two.clone(),
        three.clone(),
        four.clone(),
    ]);
    assert_eq!(refusal(&roster, &one), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, &two), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, &three), Some(Refusal::PastIncomplete));
    assert_eq!(refusal(&roster, &four), Some(Refusal::PastIncomplete));
    assert_eq!(roster.account(account).unwrap().devices.len(), 1);
}

#[test]
fn a_device_added_twice_may_rely_on_either() {
    let (account, founding) = found_account(0);
    let second = add(account, 0, 1, &[founding.id]);
    let twice = [
        add(account, 0, 2, &[second.id]),
        add(account, 1, 2, &[second.id]),
    ];
    let acts = twice.clone().map(|cause| add(account, 2, 3, &[cause.id]));
    let all = [&[founding, second], &twice[..], &acts[..]].concat();
    let roster = fold(&all);
    assert_eq!(roster.refused(), []);
    assert_eq!(roster.heads().len(), 2);
}

fn rename(
    account: AccountId,
    by: usize,
    device: usize,
    name: &str,
    after: &[ChangeId],
) -> SignedOperations {
    let operation = Operation::RenameDevice {
        device: card(device).id,
        name: name.to_owned(),
    };
    signed(RecordId(account.0), DEVICES, by, after, &[operation])
}

#[test]
fn any_device_names_any_other_it_knows_and_the_last_name_counts() {
    let (account, founding) = found_account(0);
    let second = add(account, 0, 1, &[founding.id]);
    let by_other = rename(account, 0, 1, "Mum's phone", &[second.id]);
    let later = rename(account, 1, 1, "Mum's tablet", &[by_other.id]);
    let all = [founding, second, by_other, later];
    let name = |roster: &Roster, device: usize| {
        roster
            .device(account, card(device).id)
            .unwrap()
            .card
            .name
            .clone()
    };
    let roster = fold(&all);
    assert_eq!(roster.refused(), []);
    assert_eq!(name(&roster, 1), "Mum's tablet");
    assert_eq!(name(&roster, 0), card(0).name);
    // Two at a time: everybody shows the same one, whatever the order they came in.
    let one = rename(account, 0, 0, "one", &[all[1].id]);
    let two = rename(account, 1, 0, "two", &[all[1].id]);
    let there = fold(&[&all[..], &[one.clone(), two.clone()]].concat());
    let back = fold(&[&[two, one], &all[..]].concat());
    assert_eq!(there, back);
    assert_ne!(name(&there, 0), card(0).name);
}

#[test]
fn strangers_and_sheets_of_paper_rename_nothing_and_nobody_renames_what_they_do_not_know() {
    let (account, founding) = found_account(0);
    let sheet = DeviceCard {
        kind: DeviceKind::Recovery,
        ..card(3)
    };
    let sheet = Operation::AddDevice { device: sheet };
    let sheet = signed(RecordId(account.0), DEVICES, 0, &[founding.id], &[sheet]);
    let refused = [
        rename(account, 5, 0, "stranger", &[founding.id]),
        rename(account, 3, 0, "paper", &[sheet.id]),
        rename(account, 0, 7, "nobody", &[founding.id]),
        // Added, but not in the past of this change.
        rename(account, 0, 3, "too early", &[founding.id]),
    ];
    let roster = fold(&[&[founding, sheet], &refused[..]].concat());
    for change in &refused {
        assert_eq!(refusal(&roster, change), Some(Refusal::NotAuthorised));
    }
    let long = "x".repeat(257);
    for name in [long.as_str(), "a\u{1b}[2J"] {
        let device = card(0).id;
        let name = name.to_owned();
        assert!(Operations::to_body(&[Operation::RenameDevice { device, name }]).is_err());
    }
}

#[test]
fn a_device_cannot_be_added_again_with_another_key() {
    let (account, founding) = found_account(0);
    let forged = DeviceCard {
        kem: card(5).kem,
        ..card(0)
    };
    let operation = Operation::AddDevice { device: forged };
    let change = signed(
        RecordId(account.0),
        DEVICES,
        0,
        &[founding.id],
        &[operation],
    );
    assert_eq!(
        refusal(&fold(&[founding, change.clone()]), &change),
        Some(Refusal::Conflicting)
    );
}

#[test]
fn a_change_waits_until_its_past_is_complete() {
    let (account, founding) = found_account(0);
    let second = add(account, 0, 1, &[founding.id]);
    let third = add(account, 1, 2, &[second.id]);
    let partial = fold(&[founding.clone(), third.clone()]);
    assert_eq!(refusal(&partial, &third), Some(Refusal::PastIncomplete));
    assert_eq!(partial.heads(), [founding.id]);
    assert_eq!(fold(&[founding, third, second]).refused(), []);
}

#[test]
fn a_change_counts_whole_or_not_at_all() {
    let (account, founding) = found_account(0);
    let operations = [
        Operation::AddDevice { device: card(1) },
        Operation::AddDevice {
            device: DeviceCard {
                kem: card(5).kem,
                ..card(0)
            },
        },
    ];
    let change = signed(RecordId(account.0), DEVICES, 0, &[founding.id], &operations);
    let roster = fold(&[founding, change.clone()]);
    assert_eq!(refusal(&roster, &change), Some(Refusal::Conflicting));
    assert_eq!(roster.account(account).unwrap().devices.len(), 1);
}

#[test]
fn an_unknown_change_is_a_place_in_history_and_nothing_else() {
    let (account, founding) = found_account(0);
    let unknown = signed(RecordId(account.0), DEVICES, 0, &[founding.id], &[]);
    let after = add(account, 0, 1, &[unknown.id]);
    let roster = fold(&[founding, unknown.clone(), after.clone()]);
    assert_eq!(refusal(&roster, &unknown), Some(Refusal::Unknown));
    assert_eq!(refusal(&roster, &after), None);
}

#[test]
fn a_record_is_written_by_its_founder_and_the_founders_devices() {
    let (account, founding) = found_account(0);
    let second = add(account, 0, 1, &[founding.id]);
    let (record, record_founding) = found_record(account, 0, &[founding.id]);
    let first = mint(record, 0, 1, &[], &[record_founding.id]);
    let too_early = mint(record, 1, 2, &[1], &[first.id]);
    let rotated = mint(record, 1, 3, &[1], &[first.id, second.id]);
    let all = [
        founding,
        second,
        record_founding.clone(),
        first.clone(),
        too_early.clone(),
        rotated.clone(),
    ];
    let roster = fold(&all);
    assert_eq!(
        refusal(&roster, &too_early),
        Some(Refusal::NotAuthorised),
        "it did not know it was a device"
    );
    assert_eq!(
        roster.epoch_heads(record, general(record)),
        [EpochId([3; 32])]
    );
    let member = &roster.record(record).unwrap().members[0];
    assert_eq!(
        (member.account, member.role, member.rank),
        (account, Role::Owner, 0)
    );
    assert!(roster.may_write(card(1).id, general(record)));
    assert!(!roster.may_write(card(2).id, general(record)));
    // Who has no part of the account's log still knows the founder.
    let alone = signed(record, ROSTER, 0, &[], &record_founding.operations);
    let minted = mint(record, 0, 1, &[], &[alone.id]);
    let roster = fold(&[alone, minted]);
    assert_eq!(roster.refused(), []);
    assert!(roster.may_write(card(0).id, general(record)));
    assert!(!roster.may_write(card(1).id, general(record)));
}

#[test]
fn epochs_follow_epochs_their_author_knew() {
    let (account, founding) = found_account(0);
    let (record, record_founding) = found_record(account, 0, &[founding.id]);
    let first = mint(record, 0, 1, &[], &[record_founding.id]);
    let second = mint(record, 0, 2, &[1], &[first.id]);
    let concurrent = mint(record, 0, 3, &[1], &[first.id]);
    let merged = mint(record, 0, 4, &[2, 3], &[second.id, concurrent.id]);
    let starts_over = mint(record, 0, 5, &[], &[first.id]);
    let unseen_parent = mint(record, 0, 6, &[2], &[first.id]);
    let misnamed = {
        let mut change = mint(record, 0, 7, &[1], &[second.id]);
        if let Operation::MintEpoch { name, .. } = &mut change.operations[0] {
            *name = "private".into();
        }
        change
    };
    let base = [founding, record_founding, first, second, concurrent];
    let heads = fold(&base).epoch_heads(record, general(record));
    assert_eq!(heads, [EpochId([2; 32]), EpochId([3; 32])]);
    let more = [
        merged,
        starts_over.clone(),
        unseen_parent.clone(),
        misnamed.clone(),
    ];
    let roster = fold(&[&base[..], &more[..]].concat());
    assert_eq!(
        roster.epoch_heads(record, general(record)),
        [EpochId([4; 32])]
    );
    assert_eq!(refusal(&roster, &starts_over), Some(Refusal::NotAuthorised));
    assert_eq!(
        refusal(&roster, &unseen_parent),
        Some(Refusal::NotAuthorised)
    );
    assert_eq!(refusal(&roster, &misnamed), Some(Refusal::Misplaced));
}

#[test]
fn a_keyring_tells_the_accounts_devices_and_is_never_a_head() {
    let (account, founding) = found_account(0);
    let record = RecordId([8; 32]);
    let epoch = Epoch::make(record, CompartmentId::derive(record, ROSTER), vec![]).unwrap();
    let known = Operation::KnowRecord {
        record,
        roster: epoch.grant(),
    };
    let operations = [known];
    let keyring = signed(founding.record, KEYRING, 0, &[founding.id], &operations);
    let misplaced = signed(founding.record, DEVICES, 0, &[founding.id], &operations);
    let stranger = signed(founding.record, KEYRING, 1, &[founding.id], &operations);
    let roster = fold(&[
        founding.clone(),
        keyring,
        misplaced.clone(),
        stranger.clone(),
    ]);
    assert_eq!(
        roster.account(account).unwrap().records[&record],
        [epoch.grant()]
    );
    assert_eq!(roster.heads(), [founding.id]);
    assert_eq!(refusal(&roster, &misplaced), Some(Refusal::Misplaced));
    assert_eq!(refusal(&roster, &stranger), Some(Refusal::NotAuthorised));
}

/// A history of random adds, honest and not, over a few devices, and epochs of a record.
fn history(steps: &[(u8, u8, u8, u8)]) -> Vec<SignedOperations> {
    let (account, founding) = found_account(0);
    let (record, record_founding) = found_record(account, 0, &[founding.id]);
    let mut changes = vec![founding, record_founding];
    for (author, new, one, two) in steps {
        let pick = |at: &u8| changes[usize::from(*at) % changes.len()].id;
        let mut after = vec![pick(one), pick(two)];
        after.sort_unstable();
        after.dedup();
        let author = usize::from(author % 6);
        let change = match new % 7 {
            6 => mint(record, author, *one, &[], &after),
            device => add(account, author, usize::from(device), &after),
        };
        changes.push(change);
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn order_and_repetition_do_not_matter(
        steps in proptest::collection::vec(any::<(u8, u8, u8, u8)>(), 0..40),
        seed in any::<u64>(),
        repeated in any::<prop::sample::Index>(),
    ) {
        let changes = history(&steps);
        let mut shuffled = changes.clone();
        shuffled.sort_by_key(|change| blake3::keyed_hash(&[1; 32], &[change.id.as_ref(), &seed.to_le_bytes()].concat()).to_hex());
        shuffled.push(changes[repeated.index(changes.len())].clone());
        prop_assert_eq!(fold(&shuffled), fold(&changes));
    }

    /// Checked against the rule as a sentence: a device counts if a chain of accepted adds leads from the founder to it,
    /// and each add's author was added in that add's own past.
    #[test]
    fn a_device_counts_only_through_a_chain_from_the_founder(
        steps in proptest::collection::vec(any::<(u8, u8, u8, u8)>(), 0..30),
    ) {
        let changes = history(&steps);
        let roster = fold(&changes);
        let past = |change: &SignedOperations| {
            let (mut found, mut open) = (std::collections::BTreeSet::new(), change.after.clone());
            while let Some(id) = open.pop() {
                if found.insert(id) {
                    open.extend(changes.iter().find(|other| other.id == id).unwrap().after.clone());
                }
            }
            found
        };
        let accepted = |change: &&SignedOperations| refusal(&roster, change).is_none();
        let brings = |change: &SignedOperations, device| change.operations.iter().any(|operation| match operation {
            Operation::AddDevice { device: new } | Operation::FoundAccount { device: new, .. } => new.id == device,
            _ => false,
        });
        for change in changes.iter().filter(accepted).skip(1) {
            let past = past(change);
            let cause = changes.iter().filter(accepted).any(|cause| past.contains(&cause.id) && brings(cause, change.author));
            prop_assert!(cause);
        }
    }
}

#[test]
fn a_minted_epoch_opens_for_its_members_only() {
    let record = RecordId([8; 32]);
    let (mum, dad) = (AccountKeys::make().unwrap(), AccountKeys::make().unwrap());
    let members = [
        (AccountId([2; 32]), mum.kem_public()),
        (AccountId([1; 32]), dad.kem_public()),
    ];
    let first = Epoch::make(record, general(record), vec![]).unwrap();
    let second = Epoch::make(record, general(record), vec![first.id]).unwrap();
    let minted =
        Operation::mint(&second, "general", &members, std::slice::from_ref(&first)).unwrap();
    let body = Operations::to_body(std::slice::from_ref(&minted)).unwrap();
    let Operations::Known(read) = Operations::from_body(&body).unwrap() else {
        panic!("known operations");
    };
    for (account, keys) in [(members[0].0, &mum), (members[1].0, &dad)] {
        assert_eq!(
            read[0].open_epoch(record, account, keys).unwrap(),
            Some(second.clone())
        );
    }
    assert!(read[0].open_epoch(record, members[0].0, &dad).is_err());
    assert!(
        read[0]
            .open_epoch(RecordId([9; 32]), members[0].0, &mum)
            .is_err()
    );
    assert_eq!(
        read[0]
            .open_epoch(record, AccountId([3; 32]), &mum)
            .unwrap(),
        None
    );
    let Operation::MintEpoch {
        previous: Some(sealed),
        ..
    } = &read[0]
    else {
        panic!("a previous epoch");
    };
    assert_eq!(second.open_previous(sealed).unwrap()[0].id, first.id);
}

#[test]
fn lists_of_later_versions_and_unknown_operations_are_unknown_as_a_whole() {
    let known = Operations::to_body(&[Operation::AddDevice { device: card(1) }]).unwrap();
    assert!(matches!(
        Operations::from_body(&known).unwrap(),
        Operations::Known(_)
    ));
    // [1, [AddDevice, [23, []]]]
    let mut with_later = known.clone();
    with_later[2] = 0x82;
    with_later.extend_from_slice(&[0x82, 0x17, 0x80]);
    let mut later_version = known.clone();
    later_version[1] = 2;
    for body in [with_later, later_version] {
        assert_eq!(Operations::from_body(&body).unwrap(), Operations::Unknown);
    }
}

#[test]
fn malformed_lists_are_refused_without_a_panic() {
    let grant = EpochGrant {
        parents: vec![EpochId([2; 32]), EpochId([1; 32])],
        ..Epoch::make(RecordId([1; 32]), general(RecordId([1; 32])), vec![])
            .unwrap()
            .grant()
    };
    let unsorted = Operation::KnowRecord {
        record: RecordId([1; 32]),
        roster: grant,
    };
    assert!(Operations::to_body(&[unsorted]).is_err());
    assert!(Operations::to_body(&[]).is_err());
    let many = vec![Operation::AddDevice { device: card(1) }; MAX_OPERATIONS + 1];
    assert!(Operations::to_body(&many).is_err());
    let good = Operations::to_body(&many[..2]).unwrap();
    for length in 0..good.len() {
        assert!(Operations::from_body(&good[..length]).is_err());
    }
    assert!(Operations::from_body(&[good.as_slice(), &[0]].concat()).is_err());
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0xff;
        let _ = Operations::from_body(&changed);
    }
    // An array that claims more elements than there are atoms.
    let claim = [
        0x82, 0x01, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    assert!(Operations::from_body(&claim).is_err());
}
