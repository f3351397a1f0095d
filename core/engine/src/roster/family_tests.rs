//! The rules as stories of a family. Accounts: 0 the founder, 1 to 4 others; a phone has the number of its account.

#![allow(clippy::unwrap_used, clippy::panic)]
use super::testing::{Family, GENERAL, card, kem, refusal};
use super::*;
use carnet_wire::EpochId;

const OWNER: fn() -> Access = || Access::everywhere(Role::Owner);
const CAREGIVER: fn() -> Access = || Access::within(Role::Caregiver, &[GENERAL]);
const READER: fn() -> Access = || Access::within(Role::Reader, &[GENERAL]);

fn role(roster: &Roster, family: &Family, account: usize) -> Option<Role> {
    let known = roster.record(family.record()).unwrap();
    known
        .member(family.accounts[account])
        .map(|member| member.role)
}

fn founder(roster: &Roster, family: &Family) -> usize {
    let first = &roster.record(family.record()).unwrap().members[0];
    family
        .accounts
        .iter()
        .position(|account| *account == first.account)
        .unwrap()
}

fn verdict(family: &Family, entry: usize) -> Verdict {
    family
        .roster()
        .verdict(&family.entries[entry].written(family.record()))
}

#[test]
fn a_role_allows_what_it_says_in_its_compartments() {
    let mut family = Family::of(4);
    family.join(0, 1, &CAREGIVER());
    family.join(0, 2, &READER());
    family.meet_all();
    let wrote = [
        (family.write(1, GENERAL), Verdict::Counts),
        (family.write(1, "private"), Verdict::Refused),
        (family.write(2, GENERAL), Verdict::Refused),
        (family.write(3, GENERAL), Verdict::Refused),
        (family.write(0, "private"), Verdict::Counts),
        // Nobody writes where nothing was ever minted.
        (family.write(0, "unknown"), Verdict::Refused),
    ];
    for (entry, expected) in wrote {
        assert_eq!(
            verdict(&family, entry),
            expected,
            "{:?}",
            family.entries[entry]
        );
    }
    let said = [
        family.say_record(1, &[family.mint(GENERAL, 9, &[1])]),
        family.say_record(2, &[family.mint(GENERAL, 10, &[1])]),
        family.say_record(1, &[family.mint("private", 11, &[2])]),
        family.say_record(1, &[Family::invite(1, &READER())]),
        family.say_record(2, &[family.remove(2, 1)]),
    ];
    let roster = family.roster();
    assert_eq!(refusal(&roster, said[0]), None);
    for id in &said[1..] {
        assert_eq!(refusal(&roster, *id), Some(Refusal::NotAuthorised));
    }
    let general = CompartmentId::derive(family.record(), GENERAL);
    assert_eq!(
        roster.epoch_heads(family.record(), general),
        [EpochId([9; 32])]
    );
    let may = |phone: usize, name: &str| {
        roster.may_write(card(phone).id, CompartmentId::derive(family.record(), name))
    };
    assert!(may(1, GENERAL) && !may(1, "private") && !may(2, GENERAL) && !may(3, GENERAL));
    // Everybody says something of themselves in the roster.
    assert!(may(1, ROSTER) && may(2, ROSTER) && !may(3, ROSTER));
}

#[test]
fn an_invitation_is_used_once_and_by_its_inviter_only() {
    let mut family = Family::of(4);
    family.join(0, 1, &OWNER());
    family.meet_all();
    family.say_record(0, &[Family::invite(50, &READER())]);
    family.meet_all();
    let known = family.roster();
    let open = &known.record(family.record()).unwrap().invitations;
    assert_eq!((open.len(), open[0].by), (1, family.accounts[0]));
    let by_another = family.say_record(1, &[family.admit(50, 2)]);
    let admitted = family.say_record(0, &[family.admit(50, 2)]);
    let again = family.say_record(0, &[family.admit(50, 3)]);
    let roster = family.roster();
    assert_eq!(refusal(&roster, by_another), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, admitted), None);
    assert_eq!(refusal(&roster, again), Some(Refusal::Conflicting));
    assert_eq!(role(&roster, &family, 2), Some(Role::Reader));
    assert_eq!(role(&roster, &family, 3), None);
    assert!(
        roster
            .record(family.record())
            .unwrap()
            .invitations
            .is_empty()
    );
}

/// An acceptance in the name of somebody else: the account's log does not know the key it names.
#[test]
fn nobody_joins_under_the_name_of_another() {
    let mut family = Family::of(3);
    let mut admit = family.admit(50, 1);
    if let Operation::Admit { acceptance } = &mut admit {
        acceptance.kem = kem(2);
    }
    let stolen = family.say_record(0, &[Family::invite(50, &OWNER()), admit]);
    let mut admit = family.admit(51, 1);
    if let Operation::Admit { acceptance } = &mut admit {
        acceptance.device = card(2).id;
    }
    let other_device = family.say_record(0, &[Family::invite(51, &OWNER()), admit]);
    let roster = family.roster();
    for id in [stolen, other_device] {
        assert_eq!(refusal(&roster, id), Some(Refusal::Conflicting));
    }
    assert_eq!(roster.record(family.record()).unwrap().members.len(), 1);
}

#[test]
fn rights_are_taken_from_juniors_only() {
    let mut family = Family::of(4);
    family.join(0, 1, &OWNER());
    family.join(0, 2, &OWNER());
    family.meet_all();
    let refused = [
        (1, family.remove(1, 0)),
        (2, family.remove(2, 1)),
        (2, family.change(2, 1, &READER())),
        (0, family.remove(0, 0)),
        (2, family.change(2, 2, &READER())),
    ];
    for (phone, operation) in refused {
        let id = family.say_record(phone, &[operation]);
        assert_eq!(refusal(&family.roster(), id), Some(Refusal::Senior));
    }
    let removed = family.say_record(1, &[family.remove(1, 2)]);
    family.meet_all();
    let demoted = family.say_record(0, &[family.change(0, 1, &READER())]);
    let roster = family.roster();
    assert_eq!(
        (refusal(&roster, removed), refusal(&roster, demoted)),
        (None, None)
    );
    assert_eq!(role(&roster, &family, 2), None);
    assert_eq!(role(&roster, &family, 1), Some(Role::Reader));
}

/// Without hearing of each other. The one of higher rank stays, whatever the ids.
#[test]
fn of_two_owners_who_remove_each_other_the_senior_stays() {
    for twist in 0..8 {
        let mut family = Family::of(5);
        family.join(0, 1, &OWNER());
        family.join(0, 2, &OWNER());
        family.meet_all();
        for _ in 0..twist {
            family.begin_life(2);
        }
        let by_senior = family.say_record(1, &[family.remove(1, 2)]);
        let by_junior = family.say_record(2, &[family.remove(2, 1)]);
        let also_by_junior =
            family.say_record(2, &[Family::invite(77, &OWNER()), family.admit(77, 4)]);
        let roster = family.roster();
        assert_eq!(refusal(&roster, by_senior), None);
        assert_eq!(refusal(&roster, by_junior), Some(Refusal::Senior));
        assert_eq!(refusal(&roster, also_by_junior), Some(Refusal::Beyond));
        assert_eq!(role(&roster, &family, 1), Some(Role::Owner));
        assert_eq!(role(&roster, &family, 2), None);
        assert_eq!(role(&roster, &family, 4), None);
    }
}

/// Two owners decide about one member without hearing of each other: the senior's word holds, also for what the member did
/// meanwhile.
#[test]
fn of_two_words_said_at_once_the_seniors_holds() {
    let mut family = Family::of(4);
    family.join(0, 1, &OWNER());
    family.join(0, 2, &CAREGIVER());
    family.meet_all();
    let by_junior = family.say_record(1, &[family.change(1, 2, &READER())]);
    let by_founder = family.say_record(0, &[family.change(0, 2, &OWNER())]);
    family.hear(2, 0);
    let invites = family.join(2, 3, &READER());
    let entry = family.write(2, "private");
    let roster = family.roster();
    for id in [by_junior, by_founder, invites] {
        assert_eq!(refusal(&roster, id), None);
    }
    assert_eq!(role(&roster, &family, 2), Some(Role::Owner));
    assert_eq!(role(&roster, &family, 3), Some(Role::Reader));
    assert_eq!(verdict(&family, entry), Verdict::Counts);
}

#[test]
fn what_a_senior_built_on_or_adopts_survives_a_removal() {
    let mut family = Family::of(5);
    family.join(0, 1, &OWNER());
    family.join(0, 2, &OWNER());
    family.meet_all();
    // The junior lets two people in; the founder has heard of neither and removes the junior.
    let first = family.join(2, 3, &READER());
    family.hear(1, 2);
    let second = family.join(2, 4, &READER());
    family.say_record(0, &[family.remove(0, 2)]);
    let roster = family.roster();
    assert_eq!(refusal(&roster, first), Some(Refusal::Beyond));
    assert_eq!(refusal(&roster, second), Some(Refusal::Beyond));
    // The senior owner, who knew the first before hearing of the removal, said something on top of it.
    family.say_record(1, &[Family::invite(60, &READER())]);
    let roster = family.roster();
    assert_eq!(refusal(&roster, first), None);
    assert_eq!(refusal(&roster, second), Some(Refusal::Beyond));
    family.meet_all();
    family.say_record(
        0,
        &[Operation::Adopt {
            changes: vec![second],
        }],
    );
    let roster = family.roster();
    assert_eq!(refusal(&roster, second), None);
    assert_eq!(role(&roster, &family, 4), Some(Role::Reader));
    assert_eq!(role(&roster, &family, 2), None);
}

#[test]
fn late_writes_count_up_to_the_frontier_if_seen_or_if_adopted() {
    let mut family = Family::of(4);
    family.join(0, 1, &CAREGIVER());
    family.join(0, 2, &CAREGIVER());
    family.meet_all();
    let known = family.write(1, GENERAL);
    family.hear(0, 1);
    let seen = family.write(1, GENERAL);
    family.hear(2, 1);
    let witness = family.write(2, GENERAL);
    let unseen = family.write(1, GENERAL);
    family.say_record(0, &[family.remove(0, 1)]);
    let written: Vec<Written<'_>> = family
        .entries
        .iter()
        .map(|entry| entry.written(family.record()))
        .collect();
    let roster = family.roster();
    assert_eq!(roster.verdict(&written[known]), Verdict::Counts);
    assert_eq!(roster.verdict(&written[seen]), Verdict::Beyond);
    let settled = roster.settle(&written);
    for (entry, expected) in [
        (known, Verdict::Counts),
        (seen, Verdict::Counts),
        (witness, Verdict::Counts),
        (unseen, Verdict::Beyond),
    ] {
        assert_eq!(settled[entry], expected);
    }
    let changes = vec![family.entries[unseen].id];
    family.say_record(0, &[Operation::Adopt { changes }]);
    assert_eq!(verdict(&family, unseen), Verdict::Counts);
    // Who knows of their removal writes nothing at all, and a roster that is not here yet is waited for.
    family.meet_all();
    let after = family.write(1, GENERAL);
    assert_eq!(verdict(&family, after), Verdict::Refused);
    let unknown = family.write_after(2, GENERAL, vec![ChangeId([7; 32])]);
    assert_eq!(verdict(&family, unknown), Verdict::Waits);
}

/// An adoption signed in advance would let a removed owner date back.
#[test]
fn nobody_adopts_their_own_changes() {
    let mut family = Family::of(3);
    family.join(0, 1, &OWNER());
    family.meet_all();
    let drawer = family.write(1, GENERAL);
    let changes = vec![family.entries[drawer].id];
    let own = family.say_record(1, &[Operation::Adopt { changes }]);
    family.hear(0, 1);
    family.say_record(0, &[family.remove(0, 1)]);
    // Beyond what the founder knew of that chain.
    family.entries[drawer].seq = 100;
    assert_eq!(refusal(&family.roster(), own), None);
    assert_eq!(verdict(&family, drawer), Verdict::Beyond);
}

#[test]
fn whoever_leaves_is_out_and_may_be_invited_again() {
    let mut family = Family::of(3);
    family.join(0, 1, &READER());
    family.meet_all();
    let left = family.say_record(1, &[family.remove(1, 1)]);
    assert_eq!(refusal(&family.roster(), left), None);
    assert_eq!(role(&family.roster(), &family, 1), None);
    family.meet_all();
    family.join(0, 1, &CAREGIVER());
    assert_eq!(role(&family.roster(), &family, 1), Some(Role::Caregiver));
    // An invitation from before a removal, used by somebody who had not heard of it, does not bring anybody back.
    family.meet_all();
    family.join(0, 2, &OWNER());
    family.meet_all();
    family.say_record(2, &[family.remove(2, 1)]);
    family.join(0, 1, &CAREGIVER());
    assert_eq!(role(&family.roster(), &family, 1), None);
}

#[test]
fn an_owner_gives_only_what_they_have_and_can_give_up_what_they_have() {
    let mut family = Family::of(4);
    let limited = Access::within(Role::Owner, &[GENERAL]);
    family.join(0, 1, &limited);
    family.join(0, 2, &OWNER());
    family.meet_all();
    let more = family.say_record(
        1,
        &[Family::invite(
            1,
            &Access::within(Role::Reader, &["private"]),
        )],
    );
    let all = family.say_record(1, &[Family::invite(2, &Access::everywhere(Role::Reader))]);
    let own = family.say_record(1, &[family.change(1, 1, &OWNER())]);
    // The founder gives up the secrets of the other owner, for good: only that one can give them back.
    let gave_up = family.say_record(0, &[family.change(0, 0, &limited)]);
    family.meet_all();
    let back = family.say_record(0, &[family.change(0, 0, &OWNER())]);
    let roster = family.roster();
    assert_eq!(refusal(&roster, more), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, all), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, own), Some(Refusal::Senior));
    assert_eq!(refusal(&roster, gave_up), None);
    assert_eq!(refusal(&roster, back), Some(Refusal::Senior));
    let known = roster.record(family.record()).unwrap();
    let reads = |account: usize, name: &str| {
        known
            .entitled(name)
            .any(|member| member.account == family.accounts[account])
    };
    assert!(!reads(0, "private") && !reads(1, "private") && reads(2, "private"));
    assert!(reads(0, ROSTER) && reads(1, ROSTER));
    let given = family.say_record(2, &[family.change(2, 0, &OWNER())]);
    assert_eq!(refusal(&family.roster(), given), None);
    assert_eq!(founder(&family.roster(), &family), 0);
}

#[test]
fn a_child_comes_of_age() {
    let mut family = Family::of(4);
    family.join(0, 1, &OWNER());
    family.join(0, 2, &READER());
    family.meet_all();
    let offer = Operation::Transfer {
        account: family.accounts[2],
    };
    let by_other = family.say_record(1, std::slice::from_ref(&offer));
    let offered = family.say_record(0, &[offer]);
    assert_eq!(
        founder(&family.roster(), &family),
        0,
        "not before it is accepted"
    );
    family.meet_all();
    let accept = Operation::AcceptTransfer { transfer: offered };
    let by_stranger = family.say_record(3, std::slice::from_ref(&accept));
    let accepted = family.say_record(2, &[accept]);
    family.say_record(2, &[family.change(2, 0, &READER()), family.remove(2, 1)]);
    // Neither parent has heard of it.
    let father = family.say_record(0, &[family.remove(0, 2)]);
    let mother = family.say_record(1, &[Family::invite(9, &OWNER()), family.admit(9, 3)]);
    let roster = family.roster();
    assert_eq!(refusal(&roster, by_other), Some(Refusal::NotAuthorised));
    assert_eq!(refusal(&roster, by_stranger), Some(Refusal::Conflicting));
    assert_eq!(refusal(&roster, accepted), None);
    assert_eq!(refusal(&roster, father), Some(Refusal::Senior));
    assert_eq!(refusal(&roster, mother), Some(Refusal::Beyond));
    assert_eq!(founder(&roster, &family), 2);
    assert_eq!(role(&roster, &family, 0), Some(Role::Reader));
    assert_eq!(
        (role(&roster, &family, 1), role(&roster, &family, 3)),
        (None, None)
    );
    assert!(roster.record(family.record()).unwrap().contested.is_empty());
}

/// Nothing can tell which was first: everybody decides alike, and everybody is told.
#[test]
fn a_rank_offered_twice_is_shown_as_contested() {
    let mut family = Family::of(3);
    family.join(0, 1, &READER());
    family.join(0, 2, &READER());
    family.meet_all();
    let heads = family.roster_of(0).heads();
    let mut accepted = Vec::new();
    for account in [1, 2] {
        family.begin_life(0);
        let offer = Operation::Transfer {
            account: family.accounts[account],
        };
        let offered = family.say_after(0, family.record, &[offer], &heads);
        let accept = Operation::AcceptTransfer { transfer: offered };
        accepted.push(family.say_after(account, family.record, &[accept], &[offered]));
    }
    let roster = family.roster();
    let contested = &roster.record(family.record()).unwrap().contested;
    assert_eq!(contested.len(), 1);
    assert!(accepted.contains(&contested[0]));
    assert_eq!(refusal(&roster, contested[0]), Some(Refusal::Conflicting));
    family.said.reverse();
    assert_eq!(family.roster(), roster);
}

#[test]
fn members_are_unverified_until_an_owner_compared() {
    let mut family = Family::of(3);
    family.join(0, 1, &READER());
    family.meet_all();
    let account = family.accounts[1];
    let verified = |family: &Family| {
        let roster = family.roster();
        roster
            .record(family.record())
            .unwrap()
            .member(account)
            .unwrap()
            .verified
    };
    let own = family.say_record(1, &[Operation::Verify { account }]);
    assert_eq!(refusal(&family.roster(), own), Some(Refusal::NotAuthorised));
    assert!(!verified(&family));
    family.say_record(0, &[Operation::Verify { account }]);
    assert!(verified(&family));
    assert!(family.roster().record(family.record()).unwrap().members[0].verified);
}

#[test]
fn a_lost_phone_is_removed_by_any_other_and_what_it_writes_late_waits() {
    let mut family = Family::of(3);
    let second = family.add_phone(0, 5);
    family.join(0, 1, &CAREGIVER());
    family.meet_all();
    let known = family.write(0, GENERAL);
    family.hear(second, 0);
    // The phone that founded everything is the lost one.
    family.lose(second, 0);
    let late = family.write(0, GENERAL);
    let invites = family.say_record(0, &[Family::invite(9, &OWNER()), family.admit(9, 2)]);
    let adds = family.say_account(0, &[Operation::AddDevice { device: card(6) }]);
    let roster = family.roster();
    assert_eq!(verdict(&family, known), Verdict::Counts);
    assert_eq!(verdict(&family, late), Verdict::Beyond);
    assert_eq!(refusal(&roster, invites), Some(Refusal::Beyond));
    assert_eq!(refusal(&roster, adds), Some(Refusal::Beyond));
    let account = roster.account(family.accounts[0]).unwrap();
    assert!(account.removed.contains_key(&card(0).id));
    assert_eq!(account.devices.keys().collect::<Vec<_>>(), [&card(5).id]);
    let general = CompartmentId::derive(family.record(), GENERAL);
    assert!(!roster.may_write(card(0).id, general) && roster.may_write(card(5).id, general));
    // It cannot come back under its key, and nothing it says after hearing of it counts.
    family.meet_all();
    let back = family.say_account(second, &[Operation::AddDevice { device: card(0) }]);
    assert_eq!(refusal(&family.roster(), back), Some(Refusal::Conflicting));
    let after = family.write(0, GENERAL);
    assert_eq!(verdict(&family, after), Verdict::Refused);
}

/// A card is not signed by its device, so anybody can add it to their own account: it gives them nothing.
#[test]
fn nobody_removes_the_phone_of_another_by_claiming_it_first() {
    let mut family = Family::of(3);
    family.join(0, 1, &OWNER());
    family.join(0, 2, &CAREGIVER());
    family.meet_all();
    for victim in [0, 1] {
        let device = card(victim);
        family.say_account(2, &[Operation::AddDevice { device }]);
        family.meet_all();
        family.lose(2, victim);
        family.meet_all();
        let entry = family.write(victim, GENERAL);
        assert_eq!(verdict(&family, entry), Verdict::Counts);
        let said = family.say_record(victim, &[Family::invite(victim as u8, &READER())]);
        assert_eq!(refusal(&family.roster(), said), None);
    }
}

/// A phone that was lost before its owner joined a record has no chains there, and a cut that says so.
#[test]
fn a_phone_lost_before_joining_is_cut_by_who_joined() {
    let mut family = Family::of(2);
    let lost = family.add_phone(1, 5);
    family.hear(0, 1);
    let device = card(5).id;
    let chains = vec![];
    family.say_account(
        1,
        &[Operation::RemoveDevice {
            device,
            chains: chains.clone(),
        }],
    );
    family.join(0, 1, &OWNER());
    let joined = family.roster_of(0).heads();
    family.hear(1, 0);
    family.say_record(1, &[Operation::RemoveDevice { device, chains }]);
    let entry = family.write_after(lost, GENERAL, joined.clone());
    let invite = [Family::invite(9, &OWNER())];
    let said = family.say_after(lost, family.record, &invite, &joined);
    assert_eq!(verdict(&family, entry), Verdict::Beyond);
    assert_eq!(refusal(&family.roster(), said), Some(Refusal::Beyond));
}

#[test]
fn of_two_phones_that_remove_each_other_the_older_stays() {
    let mut family = Family::of(2);
    let second = family.add_phone(0, 5);
    family.meet_all();
    family.lose(0, second);
    family.lose(second, 0);
    let roster = family.roster();
    let account = roster.account(family.accounts[0]).unwrap();
    assert_eq!(account.devices.keys().collect::<Vec<_>>(), [&card(0).id]);
}

#[test]
fn an_accounts_key_is_rotated_generation_by_generation() {
    let mut family = Family::of(2);
    family.meet_all();
    let rotate = |generation: u32, key: usize| Operation::RotateAccount {
        generation,
        kem: kem(key),
        wraps: vec![],
        previous: vec![],
    };
    let skipped = family.say_account(0, &[rotate(2, 3)]);
    let first = family.say_account(0, &[rotate(1, 2)]);
    let again = family.say_account(0, &[rotate(1, 2)]);
    let another = family.say_account(0, &[rotate(1, 3)]);
    let roster = family.roster();
    assert_eq!(refusal(&roster, skipped), Some(Refusal::Conflicting));
    assert_eq!(
        (refusal(&roster, first), refusal(&roster, again)),
        (None, None)
    );
    assert_eq!(refusal(&roster, another), Some(Refusal::Conflicting));
    let account = roster.account(family.accounts[0]).unwrap();
    assert_eq!((account.generation, &account.kem), (1, &kem(2)));
    let recipients = roster.recipients(family.record(), GENERAL);
    assert_eq!(recipients[0].kem, kem(2), "secrets go to the new key");
}

#[test]
fn a_compartment_needs_a_new_key_when_somebody_holds_one_they_should_not() {
    let mut family = Family::of(3);
    family.join(0, 1, &CAREGIVER());
    family.meet_all();
    let wrapped = |family: &Family, id: u8, parents: &[u8], accounts: &[usize]| {
        let mut mint = family.mint(GENERAL, id, parents);
        if let Operation::MintEpoch { wraps, .. } = &mut mint {
            *wraps = accounts
                .iter()
                .map(|account| Wrap {
                    account: family.accounts[*account],
                    sealed: vec![],
                })
                .collect();
        }
        mint
    };
    let record = family.record();
    family.say_record(0, &[wrapped(&family, 5, &[1], &[0, 1])]);
    assert!(!family.roster().needs_rotation(record, GENERAL));
    let names: Vec<_> = family.roster().recipients(record, GENERAL);
    assert_eq!(
        names.iter().map(|one| one.role).collect::<Vec<_>>(),
        [Role::Owner, Role::Caregiver]
    );
    family.say_record(0, &[family.remove(0, 1)]);
    assert!(family.roster().needs_rotation(record, GENERAL));
    family.say_record(0, &[wrapped(&family, 6, &[5], &[0])]);
    assert!(!family.roster().needs_rotation(record, GENERAL));
    // Two at once: they must be merged.
    family.say_after(0, Some(record), &[wrapped(&family, 7, &[6], &[0])], &[]);
    family.say_after(0, Some(record), &[wrapped(&family, 8, &[6], &[0])], &[]);
    assert!(family.roster().needs_rotation(record, GENERAL));
}

#[test]
fn a_member_who_keeps_their_devices_from_others_holds_up_only_themselves() {
    let mut family = Family::of(3);
    family.join(0, 1, &OWNER());
    family.meet_all();
    // A phone that only the founder has heard of.
    let hidden = family.add_phone(1, 5);
    family.hear(0, 1);
    let said = family.say_record(0, &[Family::invite(9, &READER())]);
    let by_hidden = family.say_record(hidden, &[Family::invite(10, &READER())]);
    let without: Vec<SignedOperations> = family
        .said
        .iter()
        .filter(|change| !matches!(change.operations[..], [Operation::AddDevice { .. }]))
        .cloned()
        .collect();
    let roster = fold(&without);
    assert_eq!(refusal(&roster, said), None);
    assert_eq!(refusal(&roster, by_hidden), Some(Refusal::PastIncomplete));
}

#[test]
fn what_must_stand_alone_stands_alone() {
    let mut family = Family::of(3);
    family.join(0, 1, &OWNER());
    let account = family.accounts[1];
    let offered = family.say_record(0, &[Operation::Transfer { account }]);
    family.meet_all();
    let accept = Operation::AcceptTransfer { transfer: offered };
    let mixed = [
        vec![accept, Family::invite(1, &READER())],
        vec![
            Operation::RemoveDevice {
                device: card(1).id,
                chains: vec![],
            },
            Family::invite(2, &READER()),
        ],
        vec![Operation::AddDevice { device: card(7) }],
    ];
    for operations in mixed {
        let id = family.say_record(1, &operations);
        assert_eq!(refusal(&family.roster(), id), Some(Refusal::Misplaced));
    }
    let unremoved = Operation::RemoveDevice {
        device: card(1).id,
        chains: vec![],
    };
    let id = family.say_record(1, &[unremoved]);
    assert_eq!(refusal(&family.roster(), id), Some(Refusal::NotAuthorised));
    assert_eq!(founder(&family.roster(), &family), 0);
}

/// A member may sign as much as they like: the fold stays quick however much is said about one person.
#[test]
fn a_thousand_changes_of_one_member_fold_in_reasonable_time() {
    let mut family = Family::of(3);
    family.join(0, 1, &OWNER());
    family.meet_all();
    let mut heads = family.roster_of(0).heads();
    for number in 0..1_000 {
        let access = if number % 2 == 0 { READER() } else { OWNER() };
        let operation = family.change(0, 1, &access);
        heads = vec![family.say_after(0, family.record, &[operation], &heads)];
    }
    let began = std::time::Instant::now();
    let roster = family.roster();
    let took = began.elapsed();
    assert_eq!(roster.refused(), []);
    assert_eq!(role(&roster, &family, 1), Some(Role::Owner));
    assert!(took.as_secs() < 20, "{took:?}");
}
