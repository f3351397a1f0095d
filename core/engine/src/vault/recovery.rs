//! The recovery kit in use: made, checked, and used on a blank phone. Its keys and layouts stand at the head of `seal/kit.rs`.
//!
//! A kit is a device of the account that may add devices and nothing else. Phones know its card from the `devices` log and its
//! mailbox from the `keyring` (as a record of its own, [`derive_kit_record`]), never its words. Each phone leaves a **letter** in
//! that mailbox after a sync in which the account's keys had changed, so that paper made years ago opens the account as it is.
//!
//! On the blank phone: words, mailbox, letters, then what the letters open is pulled; the kit signs that the new phone belongs
//! to the account; from there on it is a phone like one that was paired.
//!
//! # Who could write a letter
//! Whoever knows the mailbox: every phone of the account, so also one that was lost. Hence
//! * the first letter says whose account it is; it was written when the kit was made, before any phone was lost. Letters of
//!   other accounts are left aside;
//! * **every** letter is kept, not the last: together they open what the honest ones open, and the fold decides which keys
//!   count, because operations are signed and name what they followed. A letter that hides a removal hides nothing as long as
//!   one honest letter is there;
//! * a removed phone still gets no part: it is not in the fold.
//!
//! A relay that withholds the newest letters and the newest of the account together shows an old account. The floor in each
//! letter says how far the account was known when it was written: less than that is found and reported (`detect`).

use super::absorb;
use super::brake::Brake;
use super::keyring::{self, Keyring};
use super::open::Unlocked;
use super::pairing;
use super::persons;
use super::rendezvous::{Rendezvous, unknown_is};
use super::sync::Exchange;
use super::write;
use super::{Kit, RecoverySheet};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::roster::{DEVICES, KEYRING, Operation};
use crate::seal::pairing::Welcome;
use crate::seal::{
    self, AccountKeys, DeviceCard, DeviceKeys, DeviceKind, Epoch, RecoveryKit, WordLanguage,
    derive_kit_record, kit_mailbox,
};
use crate::store::log;
use carnet_wire::{Author, DeviceId, Incarnation, MailboxId};
use rusqlite::{Connection, Transaction};
use std::sync::Arc;

/// Setting: the keys a kit's letter at a relay was last written for.
const LETTER: &str = "letter ";
/// Most kits of an account: one on paper, one with guardians, and what replaces them.
const MAX_KITS: usize = 8;
/// Most letters that are read.
const MAX_LETTERS: usize = 1_000;
/// How often a recovery pulls again because new keys opened more.
const MAX_TURNS: usize = 8;

const TOO_MANY: Error = Error::TooLarge(
    "recovery kits: an account has eight at most; remove one that is not needed any more",
);
const NO_LETTER: Error = Error::Pairing(
    "this relay knows nothing of this recovery kit: check the words and the relay's address",
);
const OTHER_KIT: Error = Error::NotFound(
    "a recovery kit of this account with these words: they are right, but of another account or of a kit never used here",
);
const REPLACED: Error = Error::Invalid("this recovery kit was removed: use the newer one");
const INCOMPLETE: Error =
    Error::Pairing("the relay did not give the whole account: try again, or with another relay");
const NAME_A_RELAY: Error =
    Error::Invalid("the words do not say where the account is: name the relay");

/// Makes a kit, and returns what is to be printed. The next sync leaves its letter.
pub fn make_kit(
    tx: &Transaction<'_>,
    open: &Unlocked,
    name: &str,
    relay: &str,
) -> Result<RecoverySheet> {
    let kit = RecoveryKit::make()?;
    let id = enrol(tx, open, &kit, name)?;
    Ok(RecoverySheet {
        kit: id,
        french: kit.words(WordLanguage::French),
        english: kit.words(WordLanguage::English),
        code: kit.code(relay)?,
    })
}

/// Makes a kit known to the account: its card in `devices`, its mailbox in the `keyring`.
pub fn enrol(
    tx: &Transaction<'_>,
    open: &Unlocked,
    kit: &RecoveryKit,
    name: &str,
) -> Result<DeviceId> {
    persons::check_name(name)?;
    let keyring = open.keyring_in(tx)?;
    let record = keyring.account_record();
    if cards(&keyring).count() >= MAX_KITS {
        return Err(TOO_MANY);
    }
    let card = kit.card(name)?;
    let id = card.id;
    let devices = keyring::log_number(tx, record, DEVICES)?;
    let add = Operation::AddDevice { device: card };
    write::write_operations(tx, &keyring, devices, &[add])?;
    let known = keyring::log_number(tx, record, KEYRING)?;
    let mailbox = Operation::KnowRecord {
        record: derive_kit_record(id),
        roster: kit.mailbox()?.grant(),
    };
    write::write_operations(tx, &keyring, known, &[mailbox])?;
    Ok(id)
}

fn cards(keyring: &Keyring) -> impl Iterator<Item = &DeviceCard> {
    let account = keyring.own_account().into_iter();
    account.flat_map(|account| account.live(DeviceKind::Recovery))
}

/// The kits of the account that count.
pub fn kits(conn: &Connection, keyring: &Keyring) -> Result<Vec<Kit>> {
    let written = log::meta_of(conn, LETTER)?;
    let state = letter_state(conn, keyring).ok();
    let describe = |card: &DeviceCard| {
        let of_kit = slot(card.id, "");
        let mut letters = written.iter().filter(|(key, _)| key.starts_with(&of_kit));
        Kit {
            id: card.id,
            name: card.name.clone(),
            ready: letters.any(|(_, value)| {
                Some(value.as_slice()) == state.as_ref().map(<[u8; 32]>::as_slice)
            }),
        }
    };
    Ok(cards(keyring).map(describe).collect())
}

/// Which kit of the account some words, or the text of a QR, are of.
pub fn check_kit(conn: &Connection, keyring: &Keyring, text: &str) -> Result<Kit> {
    let (kit, _) = read(text)?;
    let id = kit.device()?.id();
    let removed = keyring.own_account();
    if removed.is_some_and(|account| account.removed.contains_key(&id)) {
        return Err(REPLACED);
    }
    let mut known = kits(conn, keyring)?.into_iter();
    known.find(|known| known.id == id).ok_or(OTHER_KIT)
}

/// A kit, and its relay where it is a QR's text.
pub fn read(text: &str) -> Result<(RecoveryKit, Option<String>)> {
    // A code has no spaces between letters only; words never read as one.
    match RecoveryKit::from_code(text) {
        Ok((kit, relay)) => Ok((kit, Some(relay))),
        Err(Error::Newer) => Err(Error::Newer),
        Err(_) => Ok((RecoveryKit::from_words(text)?, None)),
    }
}

/// A kit and the relay to ask: the one that was named, or the kit's own.
pub fn read_with_relay(text: &str, named: Option<&str>) -> Result<(RecoveryKit, String)> {
    let (kit, own) = read(text)?;
    let relay = named.map(str::to_owned).or(own).ok_or(NAME_A_RELAY)?;
    Ok((kit, relay.trim_end_matches('/').to_owned()))
}

// ---- letters ----

/// Leaves a letter for every kit whose last one at this relay is of other keys. A kit made by a phone whose keyring has not
/// come yet waits.
pub fn leave_letters(open: &Unlocked, transport: &dyn Transport, url: &str) -> Result<()> {
    let keyring = open.keyring()?;
    if !keyring.is_live() {
        return Ok(());
    }
    for card in cards(&keyring) {
        let slot = slot(card.id, url);
        let (state, known) = open
            .store
            .read(|conn| Ok((letter_state(conn, &keyring).ok(), log::meta(conn, &slot)?)))?;
        let (Some(state), Some(mailbox)) = (state, mailbox_of(&keyring, card.id)) else {
            continue;
        };
        if known.as_deref() == Some(&state) {
            continue;
        }
        let letter = seal::write_letter(&mailbox, card, &pairing::make_welcome(open)?)?;
        Rendezvous::new(transport, url, mailbox).exchange(Some(letter), Some(0))?;
        open.write(|tx| log::set_meta(tx, &slot, &state))?;
    }
    Ok(())
}

fn slot(kit: DeviceId, url: &str) -> String {
    format!("{LETTER}{} {url}", MailboxId(kit.0))
}

/// What a letter depends on: the account's key and the epochs of its logs.
fn letter_state(conn: &Connection, keyring: &Keyring) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 letter state");
    hasher.update(&keyring.account_keys()?.kem_public());
    for name in [DEVICES, KEYRING] {
        let log = keyring::log_number(conn, keyring.account_record(), name)?;
        hasher.update(keyring.current_epoch(log)?.id.as_ref());
    }
    Ok(*hasher.finalize().as_bytes())
}

fn mailbox_of(keyring: &Keyring, kit: DeviceId) -> Option<Epoch> {
    let grants = keyring
        .own_account()?
        .records
        .get(&derive_kit_record(kit))?;
    grants.iter().find_map(|grant| kit_mailbox(kit, grant).ok())
}

/// The letters that lie at a relay for a kit: of one account, the first one's.
pub fn fetch_letters(
    transport: &dyn Transport,
    relay: &str,
    kit: &RecoveryKit,
) -> Result<Vec<Welcome>> {
    let mut rendezvous = Rendezvous::new(transport, relay, kit.mailbox()?);
    rendezvous
        .exchange(None, None)
        .map_err(unknown_is(NO_LETTER))?;
    let mut letters: Vec<Welcome> = Vec::new();
    for letter in rendezvous.envelopes().take(MAX_LETTERS) {
        let Ok(letter) = kit.open_letter(letter) else {
            continue;
        };
        let first = letters.first().map(|first| first.account);
        if first.is_none_or(|first| first == letter.account) {
            letters.push(letter);
        }
    }
    match letters.is_empty() {
        true => Err(NO_LETTER),
        false => Ok(letters),
    }
}

// ---- the blank phone ----

/// Writes what the letters gave into a new vault.
pub fn adopt(
    tx: &Transaction<'_>,
    database_key: &[u8; 32],
    device: &DeviceKeys,
    letters: &[Welcome],
    relay: &str,
) -> Result<()> {
    let (first, more) = letters.split_first().ok_or(NO_LETTER)?;
    pairing::adopt(tx, database_key, device, first, relay)?;
    for letter in more {
        let keys = AccountKeys::from_bytes(&letter.account_keys)?;
        keyring::keep_account_keys(tx, database_key, &keys)?;
        for (name, epoch) in letter.open_epochs()? {
            keyring::keep_epoch(tx, &epoch, &name)?;
        }
        pairing::keep_floor(tx, letter)?;
    }
    Ok(())
}

/// Pulls the account with the kit's keys, signs as the kit that this phone belongs to it, and pulls the rest.
pub fn add_itself(
    open: &Unlocked,
    transport: &dyn Transport,
    relay: &str,
    kit: &RecoveryKit,
    name: &str,
    brake: &Brake<'_>,
) -> Result<()> {
    let keys = kit.device()?;
    let sync = || Exchange::new(open, transport, relay)?.run(brake);
    for _ in 0..MAX_TURNS {
        if !sync()?.complete {
            return Err(INCOMPLETE);
        }
        if !keep_for_kit(open, &keys)? {
            break;
        }
    }
    open.write(|tx| sign_as_kit(tx, open, keys, name))?;
    match sync()?.complete {
        true => Ok(()),
        false => Err(INCOMPLETE),
    }
}

/// Keeps every generation of the account's key that was wrapped to the kit; returns whether one was new.
fn keep_for_kit(open: &Unlocked, kit: &DeviceKeys) -> Result<bool> {
    open.write(|tx| {
        let mut keyring = open.keyring_in(tx)?;
        let before = keyring.all_account_keys().count();
        let number = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
        let logs = log::logs(tx)?.into_iter();
        for log in logs.filter(|log| log.number == number) {
            for change in keyring::read_operations(tx, &log)? {
                for operation in &change.operations {
                    if let Ok(Some(keys)) = operation.open_account(keyring.account, kit) {
                        keyring::keep_account_keys(tx, &open.database_key, &keys)?;
                    }
                }
            }
        }
        keyring = Arc::new(keyring.reload(tx, &open.database_key)?);
        if keyring.all_account_keys().count() == before {
            return Ok(false);
        }
        keyring::count_operations(tx)?;
        absorb::operations(tx, &mut keyring, &open.database_key)?;
        Ok(true)
    })
}

/// The kit's only right, used: this device is one of the account's. The kit writes in a life that is used once, because nobody
/// knows what it signed before.
fn sign_as_kit(tx: &Transaction<'_>, open: &Unlocked, kit: DeviceKeys, name: &str) -> Result<()> {
    let keyring = open.keyring_in(tx)?;
    let account = keyring.own_account().ok_or(INCOMPLETE)?;
    if account.removed.contains_key(&kit.id()) {
        return Err(REPLACED);
    }
    if !account.devices.contains_key(&kit.id()) {
        return Err(INCOMPLETE);
    }
    let card = keyring.device.card(name)?;
    let mut as_kit = keyring.refold(tx)?;
    as_kit.author = Author {
        device: kit.id(),
        incarnation: Incarnation(seal::make_random()?),
    };
    as_kit.device = Arc::new(kit);
    let log = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
    let add = Operation::AddDevice { device: card };
    write::write_operations(tx, &as_kit, log, &[add])?;
    Ok(())
}
