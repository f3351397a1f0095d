//! Guardians: three or five people of whom two, or three, together bring the account back when paper and phones are gone.
//!
//! Guardians keep the shares of a kit of their own, made like the one on paper ([`super::recovery`]) and known to nobody else:
//! its words are never shown. Each share is sealed to a guardian's account and lies in the person's `devices` log, which the
//! members of a shared record read anyway; so it reaches every phone of the guardian, and is there for as long as they are.
//! Removing the kit as a device ends what all its shares are worth.
//!
//! Guardians must be members whose words were compared: a share for somebody who only calls themselves Grandma is hers who
//! stood between. A guardian's phone that was lost may have kept a share; with one share nobody learns anything.
//!
//! On the blank phone: a code, which each guardian types after having made sure who asks; enough answers make the kit.

use super::keyring::{self, Keyring};
use super::members;
use super::open::Unlocked;
use super::recovery;
use super::rendezvous::{Rendezvous, unknown_is};
use super::write;
use super::{GuardianSet, Observer, Phase, Progress, Ward};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::roster::{DEVICES, GuardedShare, Operation};
use crate::seal::guardians::request::{REQUEST_LIFETIME_SECONDS, Request};
use crate::seal::guardians::{self, Quorum, Share};
use crate::seal::{DeviceKeys, RecoveryKit};
use carnet_wire::{AccountId, DeviceId, RecordId};
use rusqlite::Transaction;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What an observer sees while guardians are waited for: nothing to count.
const WAITING: Progress = Progress {
    phase: Phase::Waiting,
    done: 0,
    total: None,
};

const HOW_MANY: Error = Error::Invalid(
    "guardians are three people, of whom two are needed, or five, of whom three are needed",
);
const NOT_A_MEMBER: Error = Error::NotFound("a member with this name or id");
const NOT_ONESELF: Error = Error::Invalid("nobody is their own guardian");
const UNVERIFIED: Error = Error::Invalid(
    "compare words with each guardian first: a share must not go to somebody unverified",
);
const NOT_A_GUARDIAN: Error =
    Error::NotFound("a share you guard for this person: ask them to name their guardians again");
const WHOSE: Error = Error::Ambiguous("you are a guardian of several persons: say of whom");
const NO_REQUEST: Error =
    Error::Pairing("no phone asks with this code: it is wrong or has expired");
const TOO_FEW: Error =
    Error::Pairing("too few guardians answered in time: start again with a new code");

/// Makes members of a record guardians of this account. The ones before stay guardians until their kit is removed.
pub fn appoint(
    tx: &Transaction<'_>,
    open: &Unlocked,
    record: RecordId,
    guardians: &[AccountId],
    name: &str,
) -> Result<DeviceId> {
    let quorum = match guardians.len() {
        3 => Quorum::TWO_OF_THREE,
        5 => Quorum::THREE_OF_FIVE,
        _ => return Err(HOW_MANY),
    };
    if guardians.iter().collect::<BTreeSet<_>>().len() != guardians.len() {
        return Err(HOW_MANY);
    }
    let keyring = open.keyring_in(tx)?;
    let keys = keys_of(&keyring, record, guardians)?;
    let kit = RecoveryKit::make()?;
    let id = recovery::enrol(tx, open, &kit, name)?;
    let shares = guardians::split(&kit, keyring.account, quorum)?;
    let mut operations = Vec::new();
    for (share, (guardian, kem)) in shares.iter().zip(keys) {
        operations.push(Operation::Guard {
            guardian,
            kit: id,
            sealed: share.seal_to(guardian, &kem)?,
        });
    }
    let keyring = keyring.refold(tx)?;
    let log = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
    write::write_operations(tx, &keyring, log, &operations)?;
    Ok(id)
}

/// What to seal each guardian's share to: the key their own log vouches for.
fn keys_of(
    keyring: &Keyring,
    record: RecordId,
    guardians: &[AccountId],
) -> Result<Vec<(AccountId, Vec<u8>)>> {
    let (roster, known) = members::known(keyring, record)?;
    let key = |account: &AccountId| {
        if *account == keyring.account {
            return Err(NOT_ONESELF);
        }
        let member = known.member(*account).ok_or(NOT_A_MEMBER)?;
        let vouched = roster.account(*account).ok_or(NOT_A_MEMBER)?;
        match member.verified && !roster.is_account_outdated(*account) {
            true => Ok((*account, vouched.kem.clone())),
            false => Err(UNVERIFIED),
        }
    };
    guardians.iter().map(key).collect()
}

/// The guardians of this account, by kit.
pub fn sets(keyring: &Keyring) -> Vec<GuardianSet> {
    let Some(account) = keyring.own_account() else {
        return Vec::new();
    };
    let mut sets: BTreeMap<DeviceId, GuardianSet> = BTreeMap::new();
    let shares = account.shares.iter();
    for share in shares.filter(|share| account.devices.contains_key(&share.kit)) {
        let set = sets.entry(share.kit).or_insert_with(|| GuardianSet {
            kit: share.kit,
            needed: 0,
            guardians: Vec::new(),
        });
        set.guardians.push(Ward {
            account: share.guardian,
            name: name_of(keyring, share.guardian),
        });
        // 2 of 3, 3 of 5.
        set.needed = set.guardians.len() as u64 / 2 + 1;
    }
    sets.into_values().collect()
}

/// The persons this one is a guardian of.
pub fn wards(keyring: &Keyring) -> Vec<Ward> {
    let accounts: BTreeSet<AccountId> = guarded(keyring).map(|(account, _)| account).collect();
    accounts
        .into_iter()
        .map(|account| Ward {
            account,
            name: name_of(keyring, account),
        })
        .collect()
}

/// The shares this account keeps, of kits that still count, with whose they are.
fn guarded(keyring: &Keyring) -> impl Iterator<Item = (AccountId, &GuardedShare)> {
    let folds = keyring.rosters.iter();
    let accounts = folds.filter_map(|(record, roster)| {
        let account = AccountId(record.0);
        Some((account, roster.account(account)?))
    });
    accounts.flat_map(|(account, known)| {
        let shares = known.shares.iter();
        let live = shares.filter(|share| known.devices.contains_key(&share.kit));
        live.filter(|share| share.guardian == keyring.account)
            .map(move |share| (account, share))
    })
}

fn name_of(keyring: &Keyring, account: AccountId) -> String {
    let mut records = keyring.records();
    let name = records.find_map(|record| {
        let (_, known) = members::known(keyring, record).ok()?;
        let name = known.member(account)?.name.clone();
        (!name.is_empty()).then_some(name)
    });
    name.unwrap_or_default()
}

/// Answers a request with the share kept for a person (the only one, if none is named). Returns what the phone that asks is
/// called.
pub fn answer(
    open: &Unlocked,
    transport: &dyn Transport,
    code: &str,
    ward: Option<AccountId>,
) -> Result<String> {
    let request = Request::from_code(code)?;
    let keyring = open.keyring()?;
    let shares = open_shares(&keyring, ward)?;
    let mut rendezvous = Rendezvous::new(transport, request.relay(), request.mailbox()?);
    rendezvous
        .exchange(None, None)
        .map_err(unknown_is(NO_REQUEST))?;
    let card = request.read_ask(rendezvous.envelopes())?;
    for share in shares {
        let answer = request.answer(&share, &card)?;
        rendezvous.exchange(Some(answer), None)?;
    }
    Ok(card.name)
}

fn open_shares(keyring: &Keyring, ward: Option<AccountId>) -> Result<Vec<Share>> {
    let ward = match (ward, wards(keyring).as_slice()) {
        (Some(ward), _) => ward,
        (None, [only]) => only.account,
        (None, []) => return Err(NOT_A_GUARDIAN),
        (None, _) => return Err(WHOSE),
    };
    let sealed = guarded(keyring).filter(|(account, _)| *account == ward);
    let open = |share: &GuardedShare| {
        let mut keys = keyring.all_account_keys();
        keys.find_map(|keys| Share::open(&share.sealed, keyring.account, keys).ok())
    };
    let opened = sealed.filter_map(|(_, share)| open(share));
    let shares: Vec<Share> = opened.filter(|share| share.account == ward).collect();
    match shares.is_empty() {
        true => Err(NOT_A_GUARDIAN),
        false => Ok(shares),
    }
}

/// On the blank phone: shows a code and waits until enough guardians have answered.
pub fn gather(
    transport: &dyn Transport,
    relay: &str,
    device_name: &str,
    wait: Duration,
    observer: Option<&dyn Observer>,
    announce: &mut dyn FnMut(&str),
) -> Result<RecoveryKit> {
    let keys = DeviceKeys::make()?;
    let request = Request::make(relay)?;
    let ask = request.ask(&keys.card(device_name)?)?;
    let mut rendezvous = Rendezvous::new(transport, relay, request.mailbox()?);
    rendezvous.exchange(Some(ask), Some(REQUEST_LIFETIME_SECONDS))?;
    announce(&request.code()?);
    rendezvous.wait(wait, TOO_FEW, |messages| {
        if observer.is_some_and(|observer| !observer.progress(WAITING)) {
            return Err(Error::Cancelled);
        }
        let answers = request.read_answers(messages.iter().map(Vec::as_slice), &keys)?;
        Ok(guardians::combine(&answers).ok())
    })
}
