//! Members of a record: who they are, and every change of their rights. Whatever is said here is first folded as everybody
//! will fold it; what would count for nothing is refused in words and leaves no trace ([`say`]).
//!
//! **A removal is one change**: how far the removed devices' chains were known, and new keys for the roster and for every
//! compartment the member reached. So there is no moment in which a device knows of the removal and still writes under a key
//! the removed have. It is *pending* until the relay has it and another device has shown that it knows ([`removals`]): before
//! that, somebody who has not heard may still write for the removed to read.
//!
//! What somebody has read cannot be taken back: their phone keeps what it has. They get nothing that is written from now on by
//! anybody who knows.

use super::keyring::{self, Keyring};
use super::rotation;
use super::steps;
use super::write;
use super::{Beyond, Member, MemberDevice, Removal};
use crate::error::{Error, Result};
use crate::roster::{
    Access, Chain, KnownRecord, MAX_ADOPTED, MAX_CHAINS, Operation, ROSTER, Recipient, Refusal,
    Role, Roster,
};
use crate::seal::{self, DeviceKind, Epoch};
use crate::store::log::{self, HeldFor};
use carnet_wire::{AccountId, ChangeId, DeviceId, Envelope, RecordId};
use rusqlite::{Connection, Transaction};
use std::collections::{BTreeMap, BTreeSet};

const NO_MEMBER: Error = Error::NotFound("a member with this name or id");

/// The roster and what it knows of a record.
pub fn known(keyring: &Keyring, record: RecordId) -> Result<(&Roster, &KnownRecord)> {
    let roster = keyring.roster(record);
    let known = roster.and_then(|roster| Some((roster, roster.record(record)?)));
    known.ok_or(Error::NotFound("this record"))
}

/// The members of a record, the founder first.
pub fn members(keyring: &Keyring, record: RecordId) -> Result<Vec<Member>> {
    let (roster, known) = known(keyring, record)?;
    let members = known.members.iter();
    Ok(members
        .map(|member| Member {
            account: member.account,
            name: member.name.clone(),
            access: member.access(),
            rank: member.rank,
            verified: member.verified,
            this: member.account == keyring.account,
            devices: devices(roster, member.account),
        })
        .collect())
}

fn devices(roster: &Roster, account: AccountId) -> Vec<MemberDevice> {
    let known = roster.account(account).into_iter();
    let phones = known.flat_map(|account| account.devices.values());
    phones
        .filter(|device| device.card.kind == DeviceKind::Phone)
        .map(|device| MemberDevice {
            id: device.card.id,
            name: device.card.name.clone(),
        })
        .collect()
}

/// Writes operations into a record's roster if they count, and refuses them in words if they would not. Returns the keyring as
/// it is afterwards.
pub fn say(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    operations: &[Operation],
) -> Result<Keyring> {
    let log = keyring::log_number(tx, record, ROSTER)?;
    let change = write::write_operations(tx, keyring, log, operations)?;
    let after = keyring.refold(tx)?;
    match refusal(&after, record, change) {
        // The caller's transaction ends with the error, and the change with it.
        Some(refusal) => Err(Error::Unauthorised(in_words(refusal))),
        None => Ok(after),
    }
}

/// Why a change of an account or record counts for nothing, if so.
pub fn refusal(keyring: &Keyring, record: RecordId, change: ChangeId) -> Option<Refusal> {
    let refused = keyring.roster(record)?.refused();
    refused
        .iter()
        .find(|(id, _)| *id == change)
        .map(|(_, why)| *why)
}

fn in_words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotAuthorised | Refusal::NotTheFounder => {
            "only an owner of this record may do this, and only with what they have themselves"
        }
        Refusal::Senior => {
            "they were an owner before you: only somebody who was earlier, or they themselves, may take this from them"
        }
        Refusal::Conflicting => {
            "this was already done, or done otherwise: look at the members again"
        }
        Refusal::Beyond => "your right to do this has ended: sync and look at the members again",
        Refusal::PastIncomplete => "not everything about the members is here yet: sync first",
        Refusal::Unknown | Refusal::Misplaced => "this cannot be said about this record",
    }
}

/// How far the chains of devices are known here, in every compartment of a record.
pub fn chains(
    conn: &Connection,
    record: RecordId,
    devices: &BTreeSet<DeviceId>,
) -> Result<Vec<Chain>> {
    let mut chains = Vec::new();
    for log in log::logs(conn)?
        .into_iter()
        .filter(|log| log.record == record)
    {
        for tip in log::tips(conn, log.number)? {
            if devices.contains(&tip.author.device) {
                chains.push(Chain {
                    device: tip.author.device,
                    incarnation: tip.author.incarnation,
                    compartment: log.compartment,
                    seq: tip.seq,
                });
            }
        }
    }
    chains.sort_unstable();
    if chains.len() > MAX_CHAINS {
        return Err(Error::TooLarge(
            "the devices of this member have begun too many lives",
        ));
    }
    Ok(chains)
}

/// Every device an account ever had.
fn all_devices(roster: &Roster, known: &KnownRecord, account: AccountId) -> BTreeSet<DeviceId> {
    let of_account = roster.account(account).into_iter();
    let mut devices: BTreeSet<DeviceId> = of_account
        .flat_map(|account| account.devices.keys().chain(account.removed.keys()))
        .copied()
        .collect();
    let member = known.member(account);
    devices.extend(member.and_then(|member| member.founding_device));
    devices
}

/// Gives a member another role, other compartments or another last day, and new keys to every compartment that is concerned.
pub fn change_access(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    account: AccountId,
    access: &Access,
) -> Result<Keyring> {
    let (roster, known) = known(keyring, record)?;
    let before = known.member(account).ok_or(NO_MEMBER)?.access();
    if before == *access {
        return Err(Error::Invalid("this is what they have already"));
    }
    let devices = all_devices(roster, known, account);
    let mut operations = vec![Operation::ChangeAccess {
        account,
        access: access.clone(),
        chains: chains(tx, record, &devices)?,
    }];
    let concerned = |name: &str| {
        let (had, gets) = (before.reaches(name), access.reaches(name));
        had != gets || had && before.role != access.role
    };
    let loses_roster = before.role == Role::Owner && access.role != Role::Owner;
    let renewed = renew(keyring, record, &mut operations, |name, recipients| {
        if name == ROSTER {
            return loses_roster;
        }
        replace(recipients, roster, account, access, name);
        concerned(name)
    })?;
    let after = say(tx, keyring, record, &operations)?;
    rotation::keep(tx, &renewed)?;
    after.refold(tx)
}

/// Removes a member, or leaves.
pub fn remove(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    account: AccountId,
) -> Result<Keyring> {
    let (roster, known) = known(keyring, record)?;
    let member = known.member(account).ok_or(NO_MEMBER)?;
    if member.rank == 0 {
        return Err(Error::Invalid(
            "the founder cannot be removed: they hand the founder's place over first",
        ));
    }
    let access = member.access();
    let devices = all_devices(roster, known, account);
    let mut operations = vec![Operation::Remove {
        account,
        chains: chains(tx, record, &devices)?,
    }];
    // Who leaves gives no new keys: an owner's device does as soon as it hears of it.
    let renewed = match account == keyring.account {
        true => Vec::new(),
        false => renew(keyring, record, &mut operations, |name, recipients| {
            recipients.retain(|recipient| recipient.account != account);
            name == ROSTER || access.reaches(name)
        })?,
    };
    let after = say(tx, keyring, record, &operations)?;
    rotation::keep(tx, &renewed)?;
    after.refold(tx)
}

/// Adds new keys for those compartments this device has and `choose` says, wrapped to the recipients as it leaves them.
fn renew<'k>(
    keyring: &'k Keyring,
    record: RecordId,
    operations: &mut Vec<Operation>,
    mut choose: impl FnMut(&str, &mut Vec<Recipient>) -> bool,
) -> Result<Vec<(&'k str, Epoch)>> {
    let (roster, _) = known(keyring, record)?;
    let mut renewed = Vec::new();
    for (_, name) in keyring.logs_of(record) {
        let mut recipients = roster.recipients(record, name);
        if choose(name, &mut recipients) && rotation::may_mint(keyring, record, name) {
            let epoch = rotation::next_epoch(keyring, record, name)?;
            operations.push(rotation::mint_for(keyring, &epoch, name, &recipients)?);
            renewed.push((name, epoch));
        }
    }
    Ok(renewed)
}

/// Puts a member among the recipients of a compartment, or out of them, as another access says.
fn replace(
    recipients: &mut Vec<Recipient>,
    roster: &Roster,
    account: AccountId,
    access: &Access,
    name: &str,
) {
    recipients.retain(|recipient| recipient.account != account);
    if let Some(known) = roster.account(account).filter(|_| access.reaches(name)) {
        recipients.push(Recipient {
            account,
            kem: known.kem.clone(),
            role: access.role,
        });
    }
}

/// Says that words were compared with a member: their keys are theirs.
pub fn verify(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    account: AccountId,
) -> Result<Keyring> {
    known(keyring, record)?.1.member(account).ok_or(NO_MEMBER)?;
    say(tx, keyring, record, &[Operation::Verify { account }])
}

/// Offers the founder's place to a member. It cannot be taken back; it ends when it is accepted.
pub fn offer_founding(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    account: AccountId,
) -> Result<Keyring> {
    let member = known(keyring, record)?.1.member(account).ok_or(NO_MEMBER)?;
    if !member.verified {
        return Err(Error::Invalid(
            "compare words with them first: nobody hands a record over to somebody unverified",
        ));
    }
    say(tx, keyring, record, &[Operation::Transfer { account }])
}

/// Accepts the founder's place, if it was offered to this account.
pub fn accept_founding(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
) -> Result<Keyring> {
    let offer = offers(tx, keyring, record)?
        .into_iter()
        .rev()
        .find(|(_, account)| *account == keyring.account);
    let (transfer, _) = offer.ok_or(Error::NotFound("an offer of this record to you"))?;
    say(
        tx,
        keyring,
        record,
        &[Operation::AcceptTransfer { transfer }],
    )
}

/// Offers of the founder's place that nobody has accepted.
pub fn offers(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
) -> Result<Vec<(ChangeId, AccountId)>> {
    let (roster, _) = known(keyring, record)?;
    let log = keyring::log_number(conn, record, ROSTER)?;
    let log = log::logs(conn)?.into_iter().find(|one| one.number == log);
    let changes = match &log {
        Some(log) => keyring::read_operations(conn, log)?,
        None => Vec::new(),
    };
    let refused: BTreeSet<ChangeId> = roster.refused().iter().map(|(id, _)| *id).collect();
    let counting = || {
        changes
            .iter()
            .filter(|change| !refused.contains(&change.id))
    };
    let accepted = counting().flat_map(|change| &change.operations);
    let accepted: BTreeSet<ChangeId> = accepted
        .filter_map(|operation| match operation {
            Operation::AcceptTransfer { transfer } => Some(*transfer),
            _ => None,
        })
        .collect();
    let offered = counting().filter_map(|change| match change.operations.as_slice() {
        [Operation::Transfer { account }] => Some((change.id, *account)),
        _ => None,
    });
    Ok(offered.filter(|(id, _)| !accepted.contains(id)).collect())
}

/// What waits for an owner: written by a device whose right to write had ended, without knowing it. By device and compartment.
pub fn beyond(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<Vec<Beyond>> {
    let mut found: BTreeMap<(DeviceId, String), Vec<ChangeId>> = BTreeMap::new();
    for (mailbox, envelope) in log::held_for(conn, HeldFor::Beyond)? {
        let Some((log, epoch)) = keyring.epoch_of(mailbox) else {
            continue;
        };
        let Some((_, name)) = keyring.place_of(log).filter(|(of, _)| *of == record) else {
            continue;
        };
        let opened = Envelope::from_bytes(&log::held_bytes(conn, envelope)?)
            .map_err(Error::from)
            .and_then(|envelope| seal::open(epoch, &envelope))?;
        let place = (opened.header.author.device, name.to_owned());
        found.entry(place).or_default().push(opened.id);
    }
    let described = found
        .into_iter()
        .map(|((device, compartment), mut changes)| {
            changes.sort_unstable();
            changes.dedup();
            Beyond {
                device,
                device_name: keyring.name_of(device).unwrap_or_default(),
                compartment,
                changes,
            }
        });
    Ok(described.collect())
}

/// Takes what waits of a device into the record: all of it, because each change builds on the one before.
pub fn adopt(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    device: DeviceId,
) -> Result<Keyring> {
    let waiting = beyond(tx, keyring, record)?.into_iter();
    let of_device = waiting.filter(|beyond| beyond.device == device);
    let mut changes: Vec<ChangeId> = of_device.flat_map(|beyond| beyond.changes).collect();
    changes.sort_unstable();
    if changes.is_empty() {
        return Err(Error::NotFound(
            "changes of this device that wait for an owner",
        ));
    }
    let operations: Vec<Operation> = changes
        .chunks(MAX_ADOPTED)
        .map(|part| Operation::Adopt {
            changes: part.to_vec(),
        })
        .collect();
    let after = say(tx, keyring, record, &operations)?;
    steps::note_retry(tx)?;
    Ok(after)
}

/// Removals this device said, and how far they are known.
pub fn removals(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<Vec<Removal>> {
    let number = keyring::log_number(conn, record, ROSTER)?;
    let Some(log) = log::logs(conn)?
        .into_iter()
        .find(|log| log.number == number)
    else {
        return Ok(Vec::new());
    };
    let (roster, _) = known(keyring, record)?;
    let refused: BTreeSet<ChangeId> = roster.refused().iter().map(|(id, _)| *id).collect();
    let mut removals = Vec::new();
    for change in keyring::read_operations(conn, &log)? {
        for operation in &change.operations {
            let Operation::Remove { account, .. } = operation else {
                continue;
            };
            if refused.contains(&change.id) {
                continue;
            }
            removals.push(Removal {
                account: *account,
                sent: log::is_sent(conn, change.id)?,
                known_by: knowing(conn, keyring, record, change.id, change.author)?,
            });
        }
    }
    Ok(removals)
}

/// The devices, other than its author, that have shown that they know a change of the roster.
fn knowing(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    change: ChangeId,
    author: DeviceId,
) -> Result<Vec<DeviceId>> {
    let Some(roster) = keyring.roster(record) else {
        return Ok(Vec::new());
    };
    let mut knowing = BTreeSet::new();
    for (log, _) in keyring.logs_of(record) {
        for tip in log::tips(conn, log)? {
            let header = super::detect::header(conn, tip.id)?;
            let knows = header.is_some_and(|header| roster.knows(&header.frontier, change));
            if knows && tip.author.device != author {
                knowing.insert(tip.author.device);
            }
        }
    }
    Ok(knowing.into_iter().collect())
}
