//! Random concurrent histories, honest and not, folded here and by an independent model in Python, compared change by change.
//!
//! `CARNET_ROSTER_HISTORIES=10000 cargo test -p carnet --lib roster::model_tests` runs ten thousand; 300 is the default.
//! `CARNET_ROSTER_SEED` is the first of them.

#![allow(clippy::unwrap_used, clippy::print_stdout)]
use super::facts::{Cut, Said};
use super::testing::{Entry, Family, GENERAL, card, refusal};
use super::*;
use carnet_wire::AccountId;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// SplitMix64: a history is its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

const ACCOUNTS: usize = 5;

/// A family that invites, changes, removes, loses phones, hands over, writes, hears late, and lies about what it knew.
fn history(seed: u64) -> (Family, Dice) {
    let mut dice = Dice(seed);
    let mut family = Family::of(ACCOUNTS);
    for account in 1..3 {
        let access = access(&mut dice);
        family.join(0, account, &access);
    }
    if dice.below(2) == 0 {
        family.join(0, 1, &Access::everywhere(Role::Owner));
    }
    family.meet_all();
    let (mut spare, steps) = (ACCOUNTS, 8 + dice.below(28));
    for _ in 0..steps {
        step(&mut family, &mut dice, &mut spare);
    }
    (family, dice)
}

fn access(dice: &mut Dice) -> Access {
    let role = [Role::Owner, Role::Owner, Role::Caregiver, Role::Reader][dice.below(4)];
    match dice.below(4) {
        0 => Access::within(role, &[GENERAL]),
        1 => Access::within(role, &[GENERAL, "private"]),
        _ => Access::everywhere(role),
    }
}

fn step(family: &mut Family, dice: &mut Dice, spare: &mut usize) {
    let phone = dice.below(family.phones.len());
    match dice.below(12) {
        0..=3 => {
            let from = dice.below(family.phones.len());
            family.hear(phone, from);
        }
        4..=5 => {
            let name = [GENERAL, "private"][dice.below(2)];
            if dice.below(4) == 0 {
                let frontier = some_past(family, dice, phone);
                family.write_after(phone, name, frontier);
            } else {
                family.write(phone, name);
            }
        }
        6 if *spare < 9 && dice.below(2) == 0 => {
            family.add_phone(phone, *spare);
            *spare += 1;
        }
        7 if dice.below(2) == 0 => {
            let own = family.phones[phone].account;
            // One in four claims somebody else's phone for their own account, to be able to remove it.
            let steals = dice.below(4) == 0;
            let others: Vec<usize> = (0..family.phones.len())
                .filter(|other| *other != phone)
                .filter(|other| (family.phones[*other].account == own) != steals)
                .collect();
            if let Some(lost) = dice.pick(&others) {
                if steals {
                    let device = card(family.phones[lost].card);
                    family.say_account(phone, &[Operation::AddDevice { device }]);
                }
                family.lose(phone, lost);
            }
        }
        _ => {
            let operations = operations(family, dice, phone);
            let record = family.record;
            // One in four lies about what it knew, half of those in a life of their own.
            if dice.below(4) == 0 {
                let after = some_past(family, dice, phone);
                if dice.below(2) == 0 {
                    family.begin_life(phone);
                }
                family.say_after(phone, record, &operations, &after);
            } else {
                family.say(phone, record, &operations);
            }
        }
    }
}

/// One or two changes a phone has heard, as if it knew nothing else.
fn some_past(family: &Family, dice: &mut Dice, phone: usize) -> Vec<ChangeId> {
    let heard: Vec<usize> = family.phones[phone].heard.iter().copied().collect();
    let mut after: Vec<ChangeId> = (0..2)
        .filter_map(|_| dice.pick(&heard))
        .map(|at| family.said[at].id)
        .collect();
    after.sort_unstable();
    after.dedup();
    after
}

fn operations(family: &Family, dice: &mut Dice, phone: usize) -> Vec<Operation> {
    let target = dice.below(ACCOUNTS);
    let account = family.accounts[target];
    let key = dice.below(40) as u8;
    match dice.below(12) {
        0..=2 => {
            let invite = Family::invite(key, &access(dice));
            vec![invite, family.admit(key, target)]
        }
        3 => vec![Family::invite(key, &access(dice))],
        4 => vec![family.admit(key, target)],
        5..=6 => vec![family.remove(phone, target)],
        7..=8 => vec![family.change(phone, target, &access(dice))],
        9 => vec![Operation::Transfer { account }],
        10 => {
            let offers: Vec<ChangeId> = family
                .said
                .iter()
                .filter(|said| matches!(said.operations[..], [Operation::Transfer { .. }]))
                .map(|said| said.id)
                .collect();
            match dice.pick(&offers) {
                Some(transfer) => vec![Operation::AcceptTransfer { transfer }],
                None => vec![Operation::Verify { account }],
            }
        }
        _ => {
            let entries: Vec<ChangeId> = family.entries.iter().map(|entry| entry.id).collect();
            let said: Vec<ChangeId> = family.said.iter().map(|said| said.id).collect();
            let changes: Vec<ChangeId> = dice.pick(&[entries, said].concat()).into_iter().collect();
            vec![Operation::Adopt { changes }]
        }
    }
}

// ---- as the model reads it ----

fn chains(chains: &[Chain]) -> Value {
    let chain = |one: &Chain| {
        json!([
            one.device.to_string(),
            one.incarnation.to_string(),
            one.compartment.to_string(),
            one.seq
        ])
    };
    chains.iter().map(chain).collect()
}

fn access_value(access: &Access) -> Value {
    json!([access.role as u8, access.compartments])
}

fn operation_value(operation: &Operation) -> Value {
    let text = |id: &AccountId| id.to_string();
    match operation {
        Operation::FoundAccount { device, .. } => json!(["found_account", device.id.to_string()]),
        Operation::AddDevice { device } => json!(["add_device", device.id.to_string()]),
        Operation::RemoveDevice { device, chains: at } => {
            json!(["remove_device", device.to_string(), chains(at)])
        }
        Operation::FoundRecord { account, .. } => json!(["found_record", text(account)]),
        Operation::Invite { key, access, .. } => json!(["invite", key[0], access_value(access)]),
        Operation::Admit { acceptance } => json!([
            "admit",
            text(&acceptance.account),
            acceptance.invitation[0],
            acceptance.device.to_string()
        ]),
        Operation::Remove {
            account,
            chains: at,
        } => json!(["remove", text(account), chains(at)]),
        Operation::ChangeAccess {
            account,
            access,
            chains: at,
        } => json!([
            "change_access",
            text(account),
            access_value(access),
            chains(at)
        ]),
        Operation::Transfer { account } => json!(["transfer", text(account)]),
        Operation::AcceptTransfer { transfer } => json!(["accept_transfer", transfer.to_string()]),
        Operation::Verify { account } => json!(["verify", text(account)]),
        Operation::Adopt { changes } => {
            let ids: Vec<String> = changes.iter().map(ChangeId::to_string).collect();
            json!(["adopt", ids])
        }
        // The model has no keys.
        _ => Value::Null,
    }
}

fn change_value(family: &Family, change: &SignedOperations) -> Value {
    let is_record = change.record == family.record();
    let says: Vec<Value> = change
        .operations
        .iter()
        .map(operation_value)
        .filter(|value| !value.is_null())
        .collect();
    let after: Vec<String> = change.after.iter().map(ChangeId::to_string).collect();
    json!({
        "id": change.id.to_string(),
        "kind": if is_record { "record" } else { "account" },
        "of": change.record.to_string(),
        "place": change.compartment.to_string(),
        "author": change.author.to_string(),
        "life": change.incarnation.to_string(),
        "seq": change.seq,
        "after": after,
        "says": says,
    })
}

fn entry_value(family: &Family, entry: &Entry) -> Value {
    let frontier: Vec<String> = entry.frontier.iter().map(ChangeId::to_string).collect();
    json!({
        "id": entry.id.to_string(),
        "name": entry.name,
        "place": CompartmentId::derive(family.record(), entry.name).to_string(),
        "author": entry.author.device.to_string(),
        "life": entry.author.incarnation.to_string(),
        "seq": entry.seq,
        "frontier": frontier,
    })
}

fn history_value(family: &Family) -> Value {
    let changes = family
        .said
        .iter()
        .map(|change| change_value(family, change));
    let written = family
        .entries
        .iter()
        .map(|entry| entry_value(family, entry));
    json!({ "changes": changes.collect::<Vec<_>>(), "written": written.collect::<Vec<_>>() })
}

/// What the model should say too.
fn answer_value(family: &Family, roster: &Roster) -> Value {
    let outcome = |change: &SignedOperations| match refusal(roster, change.id) {
        None => "counts",
        Some(Refusal::PastIncomplete) => "waits",
        Some(Refusal::Beyond) if change.record == family.record() => "beyond",
        Some(_) => "refused",
    };
    let outcomes: serde_json::Map<String, Value> = family
        .said
        .iter()
        .map(|change| (change.id.to_string(), outcome(change).into()))
        .collect();
    let members = roster.record(family.record()).unwrap().members.iter();
    let members: Vec<Value> = members
        .map(|member| {
            json!([
                member.account.to_string(),
                member.role as u8,
                member.compartments
            ])
        })
        .collect();
    let verdict = |entry: &Entry| match roster.verdict(&entry.written(family.record())) {
        Verdict::Counts => "counts",
        Verdict::Waits => "waits",
        Verdict::Beyond => "beyond",
        Verdict::Refused => "refused",
    };
    let verdicts: Vec<&str> = family.entries.iter().map(verdict).collect();
    json!({ "outcomes": outcomes, "members": members, "verdicts": verdicts })
}

/// The model's answers, or none where there is no Python.
fn ask_the_model(histories: &[Value]) -> Option<Vec<Value>> {
    let script = format!("{}/../../tests/model/roster.py", env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new("python3")
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = histories.iter().map(Value::to_string).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the model failed");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

#[test]
fn the_fold_decides_as_the_model_does() {
    let (first, count) = (
        number("CARNET_ROSTER_SEED", 1),
        number("CARNET_ROSTER_HISTORIES", 300),
    );
    let seeds: Vec<u64> = (first..first + count).collect();
    let (mut changes, mut counted, mut beyond, mut written) = (0, 0, 0, 0);
    for batch in seeds.chunks(250) {
        let families: Vec<Family> = batch.iter().map(|seed| history(*seed).0).collect();
        let questions: Vec<Value> = families.iter().map(history_value).collect();
        let Some(answers) = ask_the_model(&questions) else {
            println!("NOT COMPARED: python3 is not here");
            return;
        };
        assert_eq!(answers.len(), batch.len());
        for ((seed, family), answer) in batch.iter().zip(&families).zip(answers) {
            let ours = answer_value(family, &family.roster());
            for (id, outcome) in ours["outcomes"].as_object().unwrap() {
                let said = family.said.iter().find(|said| said.id.to_string() == *id);
                assert_eq!(answer["outcomes"][id], *outcome, "seed {seed}: {said:?}");
                changes += 1;
                counted += usize::from(outcome == "counts");
                beyond += usize::from(outcome == "beyond");
            }
            assert_eq!(answer["members"], ours["members"], "seed {seed}");
            assert_eq!(answer["verdicts"], ours["verdicts"], "seed {seed}");
            written += family.entries.len();
        }
    }
    println!(
        "{count} histories: {changes} changes compared, {counted} count, {beyond} beyond a removal; {written} entries"
    );
    // The generator must reach what the rules are about.
    assert!(
        counted * 10 > changes * 3 && beyond > changes / 200,
        "{changes} {counted} {beyond}"
    );
}

#[test]
fn whoever_has_the_same_changes_decides_the_same_and_no_record_is_ownerless() {
    let (first, count) = (
        number("CARNET_ROSTER_SEED", 1),
        number("CARNET_ROSTER_HISTORIES", 300),
    );
    for seed in first..first + count {
        let (family, mut dice) = history(seed);
        let roster = family.roster();
        let mut shuffled = family.said.clone();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, dice.below(at + 1));
        }
        shuffled.extend(dice.pick(&family.said));
        assert_eq!(fold(&shuffled), roster, "seed {seed}");
        for phone in 0..family.phones.len() {
            let known = family.roster_of(phone);
            let members = &known.record(family.record()).unwrap().members;
            assert_eq!(members[0].role, Role::Owner, "seed {seed}");
            assert_eq!(members[0].rank, 0);
        }
    }
}

// ---- attacks ----

/// Everybody who is out at the end: accounts that were removed and to whom the founder's rank was never offered (an
/// offer cannot be taken back), with the changes that put them out.
fn outsiders(family: &Family, roster: &Roster) -> Vec<(usize, Vec<ChangeId>)> {
    let known = roster.record(family.record()).unwrap();
    let offered = |account: AccountId| {
        family.said.iter().any(|said| {
            said.operations
                .iter()
                .any(|one| matches!(one, Operation::Transfer { account: to } if *to == account))
        })
    };
    let mut found = Vec::new();
    for (number, account) in family.accounts.iter().enumerate() {
        let events = known.facts.events.get(account).into_iter().flatten();
        let removals: Vec<ChangeId> = events
            .filter(|event| event.said == Said::Removed)
            .map(|event| {
                family
                    .said
                    .iter()
                    .find(|said| roster.history.place(said.id) == Some(event.place))
            })
            .map(|said| said.unwrap().id)
            .collect();
        if known.member(*account).is_none() && !removals.is_empty() && !offered(*account) {
            found.push((number, removals));
        }
    }
    found
}

/// The latest changes that came after none of the given ones: the most an attacker can pretend to have known.
fn latest_without(family: &Family, avoided: &[ChangeId]) -> Vec<ChangeId> {
    let after_one = |id: &ChangeId| {
        let (mut open, mut seen) = (vec![*id], std::collections::BTreeSet::new());
        while let Some(id) = open.pop() {
            if avoided.contains(&id) {
                return true;
            }
            if seen.insert(id) {
                let said = family.said.iter().find(|said| said.id == id);
                open.extend(said.map(|said| said.after.clone()).unwrap_or_default());
            }
        }
        false
    };
    let all: Vec<ChangeId> = family.said.iter().map(|said| said.id).collect();
    all.into_iter().filter(|id| !after_one(id)).collect()
}

/// What an attacker would sign: each lets an accomplice in, puts somebody out, or takes the record.
fn attacks(family: &Family, phone: usize, dice: &mut Dice) -> Vec<Vec<Operation>> {
    let own = family.phones[phone].account;
    // Leaving once more is nobody's attack.
    let others: Vec<usize> = (0..ACCOUNTS).filter(|other| *other != own).collect();
    let (accomplice, victim) = (dice.pick(&others).unwrap(), dice.pick(&others).unwrap());
    let owner = Access::everywhere(Role::Owner);
    let mut all = vec![
        vec![Family::invite(200, &owner), family.admit(200, accomplice)],
        vec![Family::invite(201, &owner), family.admit(201, own)],
        vec![family.remove(phone, victim)],
        vec![family.remove(phone, usize::from(own == 0))],
        vec![family.change(phone, own, &owner)],
        vec![family.change(phone, victim, &Access::within(Role::Reader, &[]))],
        vec![family.change(phone, accomplice, &owner)],
        vec![Operation::Transfer {
            account: family.accounts[accomplice],
        }],
        vec![Operation::Adopt {
            changes: family
                .said
                .iter()
                .rev()
                .take(1)
                .map(|said| said.id)
                .collect(),
        }],
        vec![Operation::Verify {
            account: family.accounts[victim],
        }],
    ];
    all.extend(
        family
            .said
            .iter()
            .filter(|said| matches!(said.operations[..], [Operation::FoundRecord { .. }, ..]))
            .map(|said| said.operations.clone()),
    );
    all
}

/// Whether another account ever added the phone: what it signs is that account's word too, and theirs to cut.
fn is_claimed(family: &Family, roster: &Roster, phone: usize) -> bool {
    let (own, device) = (family.account_of(phone), card(family.phones[phone].card).id);
    roster
        .accounts()
        .any(|(account, _)| account != own && roster.device(account, device).is_some())
}

/// Signs an attack in a life nobody knows and checks that everything is as it was.
fn must_fail(
    family: &Family,
    roster: &Roster,
    phone: usize,
    operations: &[Operation],
    after: &[ChangeId],
    seed: u64,
) {
    let mut family = family.clone();
    family.begin_life(phone);
    let attack = family.say_after(phone, family.record, operations, after);
    let attacked = family.roster();
    assert!(
        refusal(&attacked, attack).is_some(),
        "seed {seed}: {operations:?}"
    );
    let others = |roster: &Roster| -> Vec<_> {
        let all = roster.refused().iter().filter(|(id, _)| *id != attack);
        all.copied().collect()
    };
    assert_eq!(
        others(&attacked),
        others(roster),
        "seed {seed}: {operations:?}"
    );
    assert_eq!(
        attacked.record(family.record()).unwrap().members,
        roster.record(family.record()).unwrap().members,
        "seed {seed}: {operations:?}"
    );
}

#[test]
fn who_was_removed_changes_nothing_by_dating_back() {
    let (first, count) = (
        number("CARNET_ROSTER_SEED", 1),
        number("CARNET_ROSTER_HISTORIES", 300),
    );
    let (mut tried, mut histories) = (0, 0);
    for seed in first..first + count {
        let (family, mut dice) = history(seed);
        let roster = family.roster();
        let outsiders = outsiders(&family, &roster);
        histories += usize::from(!outsiders.is_empty());
        for (account, removals) in outsiders {
            let latest = latest_without(&family, &removals);
            let phones = 0..family.phones.len();
            let own = phones.filter(|phone| family.phones[*phone].account == account);
            for phone in own.filter(|phone| !is_claimed(&family, &roster, *phone)) {
                for operations in attacks(&family, phone, &mut dice) {
                    let after = dice.pick(&latest);
                    let after = [after.as_slice(), &latest].concat();
                    let after = if dice.below(2) == 0 {
                        &after[..1]
                    } else {
                        &after
                    };
                    must_fail(&family, &roster, phone, &operations, after, seed);
                    tried += 1;
                }
                let mut late = family.clone();
                late.begin_life(phone);
                let entry = late.write_after(phone, GENERAL, latest.clone());
                let written = late.entries[entry].written(late.record());
                assert_ne!(roster.verdict(&written), Verdict::Counts, "seed {seed}");
            }
        }
    }
    println!(
        "{tried} attacks by removed members in {histories} of {count} histories: none changes anything"
    );
    assert!(histories as u64 * 8 > count, "{histories}");
}

#[test]
fn a_phone_that_was_removed_changes_nothing_by_dating_back() {
    let (first, count) = (
        number("CARNET_ROSTER_SEED", 1),
        number("CARNET_ROSTER_HISTORIES", 300),
    );
    let mut tried = 0;
    for seed in first..first + count {
        let (family, mut dice) = history(seed);
        let roster = family.roster();
        let cuts = roster.record(family.record()).unwrap().facts.cuts.clone();
        for phone in 0..family.phones.len() {
            let device = card(family.phones[phone].card).id;
            let own: Vec<ChangeId> = family
                .said
                .iter()
                .filter(|said| {
                    said.operations.iter().any(
                        |one| matches!(one, Operation::RemoveDevice { device: lost, .. } if *lost == device),
                    )
                })
                .map(|said| said.id)
                .collect();
            let account = family.account_of(phone);
            let cut = |cut: &Cut| cut.device == device && cut.account == account;
            if !cuts.iter().any(cut) || is_claimed(&family, &roster, phone) {
                continue;
            }
            let latest = latest_without(&family, &own);
            for operations in attacks(&family, phone, &mut dice) {
                must_fail(&family, &roster, phone, &operations, &latest, seed);
                tried += 1;
            }
        }
    }
    println!("{tried} attacks by removed phones in {count} histories: none changes anything");
    assert!(tried as u64 * 2 > count, "{tried}");
}
