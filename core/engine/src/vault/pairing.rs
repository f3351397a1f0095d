//! Pairing: a new phone of the same person joins the account. The cryptography is in `seal::pairing`; here is who says
//! what when, over a rendezvous mailbox whose keys both sides derive from the code.
//!
//! ```text
//! new phone                         relay                        old phone
//! ── registers the rendezvous, hello ──►
//! shows the code ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ a person types it ─ ─ ─ ─ ►
//!                                        ◄── reads hello, checks it against the code
//!                                        ◄── welcome (account keys, sealed to hello's key and the code)
//! ── reads welcome, ack ──►
//!                                        ◄── reads ack; signs AddDevice into the devices log, syncs
//! ── syncs until it sees itself among the devices, then everything else
//! ```
//! The old phone adds nothing before the new one has proved that it opened the welcome; the new phone keeps nothing
//! before it has seen itself added. Either may die at any point: a new code starts over. The welcome carries how far the old
//! phone has merged every chain: a relay that gives the new one less is found out (`detect`).

use super::Device;
use super::brake::Brake;
use super::keyring::{self, Keyring};
use super::open::Unlocked;
use super::rendezvous::{POLL, Rendezvous, unknown_is};
use super::sync::{Exchange, RELAY};
use super::write;
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::roster::{DEVICES, KEYRING, Operation};
use crate::seal::pairing::{
    FloorChain, Introducer, Joiner, Message, PAIRING_LIFETIME_SECONDS, Welcome, WelcomeEpoch,
};
use crate::seal::{AccountKeys, DeviceCard, DeviceKeys};
use crate::store::log::{self, Floor};
use rusqlite::{Connection, Transaction};
use std::time::{Duration, Instant};

/// How long the old phone waits for the new one's acknowledgement.
const ACK_WAIT: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 30 });
/// The longest sync between two looks whether it has completed.
const TURN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });
/// How long the new phone waits to be added after its acknowledgement.
const ADDED_WAIT: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 60 });

const NOBODY: Error = Error::Pairing(
    "no phone is waiting with this code: it is wrong or has expired; make a new one on the new phone",
);
const NO_ANSWER: Error = Error::Pairing(
    "the new phone did not answer: make a new code on it and try again; nothing was added",
);
const NOT_COMPLETED: Error = Error::Pairing("nobody completed this code in time: start again");
const NOT_ADDED: Error =
    Error::Pairing("the other phone did not finish: start again with a new code");

/// The new phone's side up to the welcome; `announce` gets the code once the relay holds the hello.
pub struct Joining<'a> {
    rendezvous: Rendezvous<'a>,
    ack: Vec<u8>,
    /// What the old phone gave.
    pub welcome: Welcome,
}

impl<'a> Joining<'a> {
    /// Shows a code and waits for the welcome.
    pub fn begin(
        transport: &'a dyn Transport,
        device: &DeviceKeys,
        name: &str,
        relay: &str,
        wait: Duration,
        announce: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let joiner = Joiner::make(device, name, relay)?;
        let mut rendezvous = Rendezvous::new(transport, relay, joiner.epoch().clone());
        rendezvous.exchange(Some(joiner.hello()?), Some(PAIRING_LIFETIME_SECONDS))?;
        announce(&joiner.code());
        let wait = wait.min(Duration::from_secs(u64::from(PAIRING_LIFETIME_SECONDS)));
        let reply = rendezvous
            .wait(wait, NOT_COMPLETED, |messages| {
                Ok(joiner
                    .find_welcome(messages.iter().map(Vec::as_slice))?
                    .map(<[u8]>::to_vec))
            })
            .map_err(unknown_is(NOT_COMPLETED))?;
        let (welcome, ack) = joiner.accept(&reply)?;
        Ok(Self {
            rendezvous,
            ack,
            welcome,
        })
    }

    /// Proves to the old phone that the welcome was opened.
    pub fn acknowledge(&mut self) -> Result<()> {
        let ack = std::mem::take(&mut self.ack);
        self.rendezvous
            .exchange(Some(ack), None)
            .map_err(unknown_is(NOT_COMPLETED))
    }
}

/// Writes what the welcome gave into a new vault.
pub fn adopt(
    tx: &Transaction<'_>,
    database_key: &[u8; 32],
    device: &DeviceKeys,
    welcome: &Welcome,
    relay: &str,
) -> Result<()> {
    let account_keys = AccountKeys::from_bytes(&welcome.account_keys)?;
    keyring::write_identity(tx, database_key, device, welcome.account, &account_keys)?;
    log::set_meta(tx, RELAY, relay.as_bytes())?;
    for (name, epoch) in welcome.open_epochs()? {
        keyring::keep_epoch(tx, &epoch, &name)?;
    }
    keep_floor(tx, welcome)
}

/// Keeps how far the other side had merged everything.
pub fn keep_floor(tx: &Transaction<'_>, welcome: &Welcome) -> Result<()> {
    for chain in &welcome.floor {
        let floor = Floor {
            record: chain.record,
            compartment: chain.compartment,
            seen: chain.seen,
            witness: welcome.introducer,
        };
        log::set_floor(tx, &floor)?;
    }
    Ok(())
}

/// Syncs until this device finds itself in the account.
pub fn wait_until_added(open: &Unlocked, transport: &dyn Transport, relay: &str) -> Result<()> {
    let end = Instant::now() + ADDED_WAIT;
    loop {
        // In turns: the first one may already bring the records, and a long record takes longer than the other phone needs to
        // complete. What a turn leaves, the next one or the first sync brings.
        Exchange::new(open, transport, relay)?.run(&Brake::new(Some(TURN), None))?;
        let keyring = open.keyring()?;
        let added = keyring
            .roster(keyring.account_record())
            .is_some_and(|roster| {
                roster
                    .device(keyring.account, keyring.author.device)
                    .is_some()
            });
        if added {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(NOT_ADDED);
        }
        std::thread::sleep(POLL);
    }
}

/// The old phone's side: completes a code and adds the device behind it.
pub fn introduce(open: &Unlocked, transport: &dyn Transport, code: &str) -> Result<Device> {
    let mut introducer = Introducer::new(code)?;
    let relay = introducer.relay().to_owned();
    // The new phone reads the account's logs from this relay, so they must be there before it is welcomed.
    Exchange::new(open, transport, &relay)?.run(&Brake::new(None, None))?;
    let mut rendezvous = Rendezvous::new(transport, &relay, introducer.epoch().clone());
    rendezvous
        .exchange(None, None)
        .map_err(unknown_is(NOBODY))?;
    let hello = introducer
        .find_hello(rendezvous.envelopes())?
        .ok_or(NOBODY)?
        .to_vec();
    let card = introducer.read_hello(&hello)?;
    let welcome = introducer.welcome(&make_welcome(open)?)?;
    rendezvous
        .exchange(Some(welcome), None)
        .map_err(unknown_is(NOBODY))?;
    rendezvous
        .wait(ACK_WAIT, NO_ANSWER, |messages| {
            let ack = messages
                .iter()
                .find(|message| introducer.classify(message) == Message::Ack);
            ack.map(|ack| introducer.check_ack(ack)).transpose()
        })
        .map_err(unknown_is(NO_ANSWER))?;
    let device = add_device(open, card)?;
    open.write(|tx| log::set_meta(tx, RELAY, relay.as_bytes()))?;
    Exchange::new(open, transport, &relay)?.run(&Brake::new(None, None))?;
    Ok(device)
}

/// The account as it is handed to a new phone, or left for a recovery kit.
pub fn make_welcome(open: &Unlocked) -> Result<Welcome> {
    open.store.read(|conn| {
        let keyring = open.keyring_in(conn)?;
        let given = [DEVICES, KEYRING].map(|name| give_epoch(conn, &keyring, name));
        let epochs = given.into_iter().collect::<Result<_>>()?;
        Ok(Welcome::new(
            keyring.account,
            &keyring.account_keys()?.to_bytes(),
            epochs,
            keyring.author.device,
            give_floor(conn)?,
        ))
    })
}

/// How far this phone has merged everything: the account and the rosters, made first, come first. Its own changes that no
/// relay has yet are pushed when the new phone is added.
fn give_floor(conn: &Connection) -> Result<Vec<FloorChain>> {
    let mut floor = Vec::new();
    for log in log::logs(conn)? {
        for seen in log::version_vector(conn, log.number, None)? {
            floor.push(FloorChain {
                record: log.record,
                compartment: log.compartment,
                seen,
            });
        }
    }
    Ok(floor)
}

fn give_epoch(conn: &Connection, keyring: &Keyring, name: &str) -> Result<WelcomeEpoch> {
    let log = keyring::log_number(conn, keyring.account_record(), name)?;
    Ok(WelcomeEpoch {
        name: name.to_owned(),
        grant: keyring.current_epoch(log)?.grant(),
    })
}

fn add_device(open: &Unlocked, card: DeviceCard) -> Result<Device> {
    let device = Device {
        id: card.id,
        name: card.name.clone(),
        this: false,
    };
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let log = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
        write::write_operations(tx, &keyring, log, &[Operation::AddDevice { device: card }])
    })?;
    Ok(device)
}
