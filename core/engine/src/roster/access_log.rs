//! The access log: who joined, was granted something, was removed, what was imported, exported and handed over, kept so that
//! the patient can check that nothing was changed, left out or moved.
//!
//! ```text
//! AccessEvent = [ version = 1, record: bstr32, Author, number: u64, prev: bstr32, [Tip …], at: u64, Act ]
//! Tip         = [ Author, number: u64, hash: bstr32 ]
//! Author      = [ device: bstr32, incarnation: bstr8 ]
//! hash        = BLAKE3 derive_key( "carnet/1 access-event", canonical AccessEvent )
//! Act         = [0, [account]] joined  | [1, [account, Access]] granted | [2, [account]] removed
//!             | [3, [device, account]] device added | [4, [device, account]] device removed
//!             | [5, [items: u64, from: tstr]] imported | [6, [form: tstr]] exported | [7, [to: tstr, [compartment: tstr]]] handed over
//!             | [8, [account]] took the founder's place
//! ```
//! Each life of a device writes one chain in each compartment of a record, because who has one compartment must not see how much
//! happens in another: `number` counts from 1, `prev` is the hash of the event before (zeros for the first),
//! and the tips name the last event of every other device that was known. So a chain cannot lose its middle, and cannot lose
//! its end either once anybody else's event, or a tip remembered from the last check, has named it. `at` is shown and
//! decides nothing. An event rides in a signed change of the record, which says who wrote it; this file knows no keys.

use super::access::{Access, check_sorted};
use crate::error::{Error, Result};
use carnet_wire::{AccountId, Author, Canonical, DeviceId, RecordId, WireError, limits};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

const EVENT_VERSION: u8 = 1;
/// Most devices an event links to.
pub const MAX_TIPS: usize = 1_000;
/// Most compartments a handover names.
const MAX_HANDED_COMPARTMENTS: usize = 64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Act {
    /// Somebody became a member.
    #[n(0)]
    Joined {
        /// Who.
        #[n(0)]
        account: AccountId,
    },
    /// A member got other rights.
    #[n(1)]
    Granted {
        /// Who.
        #[n(0)]
        account: AccountId,
        /// What.
        #[n(1)]
        access: Access,
    },
    /// A member was removed or left.
    #[n(2)]
    Removed {
        /// Who.
        #[n(0)]
        account: AccountId,
    },
    /// A member has another device.
    #[n(3)]
    DeviceAdded {
        /// Which.
        #[n(0)]
        device: DeviceId,
        /// Whose.
        #[n(1)]
        account: AccountId,
    },
    /// A member lost or gave away a device.
    #[n(4)]
    DeviceRemoved {
        /// Which.
        #[n(0)]
        device: DeviceId,
        /// Whose.
        #[n(1)]
        account: AccountId,
    },
    /// Data came in.
    #[n(5)]
    Imported {
        /// How many items.
        #[n(0)]
        items: u64,
        /// From what, as people call it.
        #[n(1)]
        from: String,
    },
    /// Data went out to a file.
    #[n(6)]
    Exported {
        /// In which form.
        #[n(0)]
        form: String,
    },
    /// A member took the founder's place over.
    #[n(8)]
    TookOver {
        /// Who.
        #[n(0)]
        account: AccountId,
    },
    /// Data was shared with somebody who is no member.
    #[n(7)]
    HandedOver {
        /// With whom, as people call them.
        #[n(0)]
        to: String,
        /// What it was taken from, sorted.
        #[n(1)]
        compartments: Vec<String>,
    },
}

/// The last event of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Tip {
    /// Whose chain.
    #[n(0)]
    pub author: Author,
    /// Its last number.
    #[n(1)]
    pub number: u64,
    /// The hash of that event.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub hash: [u8; 32],
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccessEvent {
    #[n(0)]
    version: u8,
    /// Whose record.
    #[n(1)]
    pub record: RecordId,
    /// Which device did it, in which of its lives.
    #[n(2)]
    pub author: Author,
    /// Its number on the chain.
    #[n(3)]
    pub number: u64,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    prev: [u8; 32],
    #[n(5)]
    others: Vec<Tip>,
    /// Unix seconds by the device's clock: shown, and decides nothing.
    #[n(6)]
    pub at: u64,
    /// What happened.
    #[n(7)]
    pub act: Act,
}

/// What was done to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// An event is not the one its follower, or a tip, names; or it is of another record.
    #[error("event {number} of a device was changed")]
    Changed {
        /// Whose.
        device: DeviceId,
        /// Which.
        number: u64,
    },
    /// An event that another one, or a tip, names is not there.
    #[error("event {number} of a device is missing")]
    Missing {
        /// Whose.
        device: DeviceId,
        /// Which.
        number: u64,
    },
    /// An event stands before one it names.
    #[error("event {number} of a device was moved")]
    Moved {
        /// Whose.
        device: DeviceId,
        /// Which.
        number: u64,
    },
}

impl AccessEvent {
    /// The next event of a device, after the tips of everything it has.
    pub fn next(record: RecordId, author: Author, tips: &[Tip], at: u64, act: Act) -> Result<Self> {
        let own = tips.iter().find(|tip| tip.author == author);
        let mut others: Vec<Tip> = tips
            .iter()
            .filter(|tip| tip.author != author)
            .copied()
            .collect();
        others.sort_unstable();
        let event = Self {
            version: EVENT_VERSION,
            record,
            author,
            number: own.map_or(0, |tip| tip.number) + 1,
            prev: own.map_or([0; 32], |tip| tip.hash),
            others,
            at,
            act,
        };
        event.check()?;
        Ok(event)
    }

    /// Canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let event = Self::from_canonical(bytes)?;
        event.check()?;
        Ok(event)
    }

    /// What its follower names it by.
    pub fn tip(&self) -> Tip {
        Tip {
            author: self.author,
            number: self.number,
            hash: blake3::derive_key("carnet/1 access-event", &self.to_canonical()),
        }
    }

    fn check(&self) -> Result<()> {
        if self.version != EVENT_VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        let authors: Vec<Author> = self.others.iter().map(|tip| tip.author).collect();
        check_sorted(&authors, MAX_TIPS)?;
        if self.number == 0 || (self.number == 1) != (self.prev == [0; 32]) {
            return Err(WireError::NotCanonical.into());
        }
        match &self.act {
            Act::Granted { access, .. } => access.check(),
            Act::Imported { from: text, .. } | Act::Exported { form: text } => check_text(text),
            Act::HandedOver { to, compartments } => {
                check_text(to)?;
                check_sorted(compartments, MAX_HANDED_COMPARTMENTS)?;
                compartments.iter().try_for_each(|name| check_text(name))
            }
            _ => Ok(()),
        }
    }
}

fn check_text(text: &str) -> Result<()> {
    if text.len() > limits::MAX_NAME_BYTES {
        return Err(WireError::TooLarge.into());
    }
    if text.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "a name in the access log has control characters",
        ));
    }
    Ok(())
}

/// Checks a record's log in the order it is kept, against tips remembered from an earlier check, and returns the tips to
/// remember.
pub fn verify_access_log(
    record: RecordId,
    events: &[AccessEvent],
    remembered: &[Tip],
) -> core::result::Result<Vec<Tip>, Tampering> {
    let mut chains: BTreeMap<Author, Vec<Tip>> = BTreeMap::new();
    for event in events {
        if event.record != record || event.check().is_err() {
            let (device, number) = (event.author.device, event.number);
            return Err(Tampering::Changed { device, number });
        }
        check_links(events, &chains, event)?;
        chains.entry(event.author).or_default().push(event.tip());
    }
    for tip in remembered {
        check_named(events, &chains, *tip)?;
    }
    Ok(chains
        .into_values()
        .filter_map(|chain| chain.last().copied())
        .collect())
}

/// An event follows the one before it on its chain, and stands after everything it names.
fn check_links(
    events: &[AccessEvent],
    chains: &BTreeMap<Author, Vec<Tip>>,
    event: &AccessEvent,
) -> core::result::Result<(), Tampering> {
    let (author, number) = (event.author, event.number);
    let before = chains.get(&author).map_or(0, Vec::len) as u64;
    if number <= before {
        let device = author.device;
        return Err(Tampering::Moved { device, number });
    }
    let prev = Tip {
        author,
        number: number - 1,
        hash: event.prev,
    };
    if number > 1 {
        check_named(events, chains, prev)?;
    }
    event
        .others
        .iter()
        .try_for_each(|tip| check_named(events, chains, *tip))
}

fn check_named(
    events: &[AccessEvent],
    chains: &BTreeMap<Author, Vec<Tip>>,
    named: Tip,
) -> core::result::Result<(), Tampering> {
    let (author, number) = (named.author, named.number);
    let device = author.device;
    let place = number
        .checked_sub(1)
        .and_then(|at| usize::try_from(at).ok());
    let before = chains.get(&author).zip(place);
    match before.and_then(|(chain, at)| chain.get(at)) {
        Some(tip) if *tip == named => Ok(()),
        Some(_) => Err(Tampering::Changed { device, number }),
        None => {
            let mut later = events.iter();
            let elsewhere = later.any(|event| event.author == author && event.number == number);
            Err(if elsewhere {
                Tampering::Moved { device, number }
            } else {
                Tampering::Missing { device, number }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::roster::Role;

    const RECORD: RecordId = RecordId([8; 32]);

    fn act(number: u64) -> Act {
        let account = AccountId([4; 32]);
        match number % 6 {
            0 => Act::Joined { account },
            1 => Act::Granted {
                account,
                access: Access::within(Role::Reader, &["general"]),
            },
            2 => Act::Imported {
                items: 12,
                from: "Ameli".into(),
            },
            3 => Act::HandedOver {
                to: "Dr Martin".into(),
                compartments: vec!["general".into()],
            },
            4 => Act::DeviceRemoved {
                device: DeviceId([7; 32]),
                account,
            },
            _ => Act::Removed { account },
        }
    }

    fn author(n: u8) -> Author {
        Author {
            device: DeviceId([n; 32]),
            incarnation: carnet_wire::Incarnation([n; 8]),
        }
    }

    /// Two devices that write in turns, each after what it has of the other.
    fn log() -> Vec<AccessEvent> {
        let mut events: Vec<AccessEvent> = Vec::new();
        for number in 0..12_u64 {
            let author = author(u8::from(number % 3 == 0) + 1);
            let tips = verify_access_log(RECORD, &events, &[]).unwrap();
            events.push(AccessEvent::next(RECORD, author, &tips, number, act(number)).unwrap());
        }
        events
    }

    #[test]
    fn a_log_that_nobody_touched_holds_and_is_read_back() {
        let events = log();
        let tips = verify_access_log(RECORD, &events, &[]).unwrap();
        assert_eq!(tips.len(), 2);
        assert_eq!(verify_access_log(RECORD, &events, &tips), Ok(tips));
        for event in &events {
            assert_eq!(AccessEvent::from_bytes(&event.to_bytes()).unwrap(), *event);
        }
        assert_eq!(verify_access_log(RECORD, &[], &[]), Ok(vec![]));
    }

    #[test]
    fn every_change_of_every_event_is_found() {
        let events = log();
        let tips = verify_access_log(RECORD, &events, &[]).unwrap();
        let changes: [fn(&mut AccessEvent); 8] = [
            |event| event.at += 1,
            |event| event.act = Act::Exported { form: "zip".into() },
            |event| event.record.0[0] ^= 1,
            |event| event.prev[0] ^= 1,
            |event| event.author.device.0[0] ^= 1,
            |event| event.author.incarnation.0[0] ^= 1,
            |event| event.number += 1,
            |event| event.others.clear(),
        ];
        for at in 0..events.len() {
            for change in changes {
                let mut touched = events.clone();
                change(&mut touched[at]);
                if touched != events {
                    assert!(verify_access_log(RECORD, &touched, &tips).is_err(), "{at}");
                }
            }
        }
    }

    #[test]
    fn every_event_left_out_or_moved_is_found() {
        let events = log();
        let tips = verify_access_log(RECORD, &events, &[]).unwrap();
        for at in 0..events.len() {
            let mut dropped = events.clone();
            dropped.remove(at);
            assert!(verify_access_log(RECORD, &dropped, &tips).is_err(), "{at}");
            let mut doubled = events.clone();
            doubled.insert(at, events[at].clone());
            assert!(verify_access_log(RECORD, &doubled, &tips).is_err(), "{at}");
            for to in (0..events.len()).filter(|to| *to != at) {
                let mut moved = events.clone();
                let event = moved.remove(at);
                moved.insert(to, event);
                assert!(
                    verify_access_log(RECORD, &moved, &tips).is_err(),
                    "{at} to {to}"
                );
            }
        }
        // The end of a log is missed by who remembers it, or by the other device's next event.
        let cut = &events[..events.len() - 1];
        assert!(matches!(
            verify_access_log(RECORD, cut, &tips),
            Err(Tampering::Missing { .. })
        ));
        let other = AccessEvent::next(RECORD, author(9), &tips, 0, act(0)).unwrap();
        let cut = [cut, &[other]].concat();
        assert!(verify_access_log(RECORD, &cut, &[]).is_err());
    }

    #[test]
    fn hostile_events_are_refused_without_a_panic() {
        let event = log().pop().unwrap();
        let bytes = event.to_bytes();
        for at in 0..bytes.len() {
            assert!(AccessEvent::from_bytes(&bytes[..at]).is_err());
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            let _ = AccessEvent::from_bytes(&changed);
        }
        let long = Act::Exported {
            form: "x".repeat(257),
        };
        assert!(AccessEvent::next(RECORD, event.author, &[], 0, long).is_err());
        let garbling = Act::Exported {
            form: "\u{1b}[2J".into(),
        };
        assert!(AccessEvent::next(RECORD, event.author, &[], 0, garbling).is_err());
        let many = vec![event.tip(); MAX_TIPS + 1];
        assert!(AccessEvent::next(RECORD, author(0), &many, 0, act(0)).is_err());
    }
}
