//! A family for the tests: accounts with devices, each device with its chains and with what it has heard, so that
//! changes name what their author knew as the vault would.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::seal::{DeviceCard, DeviceKeys};
use carnet_wire::{AccountId, Author, EpochId, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Always the same devices, so that a history is its seed. They are slow to make; the roster looks at their cards only.
pub(super) fn card(number: usize) -> DeviceCard {
    static CARDS: OnceLock<Vec<DeviceCard>> = OnceLock::new();
    let make = || {
        let cards = (0..16_u8).map(|number| {
            let keys = DeviceKeys::from_secrets([number; 32], [number; 32], [number; 32])?;
            keys.card(&format!("phone {number}"))
        });
        cards.collect::<Result<Vec<_>>>().unwrap()
    };
    CARDS.get_or_init(make)[number].clone()
}

/// The public key of an account, by the number of the account.
pub(super) fn kem(number: usize) -> Vec<u8> {
    card(15 - number % 5).kem
}

pub(super) const GENERAL: &str = "general";

/// A change of the record, as its header says it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: ChangeId,
    pub(super) name: &'static str,
    pub(super) author: Author,
    pub(super) seq: u64,
    pub(super) seen: Vec<Seen>,
    pub(super) frontier: Vec<ChangeId>,
}

impl Entry {
    pub(super) fn written(&self, record: RecordId) -> Written<'_> {
        Written {
            id: self.id,
            record,
            compartment: CompartmentId::derive(record, self.name),
            author: self.author,
            seq: self.seq,
            seen: &self.seen,
            frontier: &self.frontier,
        }
    }
}

/// A device of somebody, and what it has heard.
#[derive(Debug, Clone)]
pub(super) struct Phone {
    pub(super) card: usize,
    pub(super) account: usize,
    pub(super) life: Incarnation,
    pub(super) heard: BTreeSet<usize>,
    pub(super) read: BTreeSet<usize>,
    chains: BTreeMap<CompartmentId, (u64, ChangeId)>,
}

/// Everybody, everything that was said, and who heard what.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    pub(super) accounts: Vec<AccountId>,
    pub(super) phones: Vec<Phone>,
    pub(super) said: Vec<SignedOperations>,
    pub(super) entries: Vec<Entry>,
    pub(super) record: Option<RecordId>,
    lives: u64,
}

impl Family {
    /// Accounts with one phone each, the first of which founds a record. Everybody has heard of everybody.
    pub(super) fn of(accounts: usize) -> Self {
        let mut family = Self::default();
        for number in 0..accounts {
            let founding = Operation::FoundAccount {
                nonce: [number as u8; 32],
                kem: kem(number),
                device: card(number),
            };
            family.accounts.push(founding.founded_account().unwrap());
            let phone = family.phone(number, number);
            family.say(phone, None, &[founding]);
        }
        let founding = Operation::FoundRecord {
            nonce: [99; 32],
            account: family.accounts[0],
            kem: kem(0),
            device: card(0),
        };
        family.record = founding.founded_record();
        let general = family.mint(GENERAL, 1, &[]);
        let private = family.mint("private", 2, &[]);
        family.say_record(0, &[founding, general, private]);
        family.meet_all();
        family
    }

    fn phone(&mut self, card: usize, account: usize) -> usize {
        self.lives += 1;
        self.phones.push(Phone {
            card,
            account,
            life: Incarnation(self.lives.to_be_bytes()),
            heard: BTreeSet::new(),
            read: BTreeSet::new(),
            chains: BTreeMap::new(),
        });
        self.phones.len() - 1
    }

    pub(super) fn record(&self) -> RecordId {
        self.record.unwrap()
    }

    pub(super) fn account_of(&self, phone: usize) -> AccountId {
        self.accounts[self.phones[phone].account]
    }

    /// A new phone for the person who has another one, which knows what that one knows.
    pub(super) fn add_phone(&mut self, by: usize, number: usize) -> usize {
        self.say_account(
            by,
            &[Operation::AddDevice {
                device: card(number),
            }],
        );
        let phone = self.phone(number, self.phones[by].account);
        self.hear(phone, by);
        phone
    }

    /// A phone begins a new life: what it writes is on no chain anybody knows.
    pub(super) fn begin_life(&mut self, phone: usize) {
        self.lives += 1;
        self.phones[phone].life = Incarnation(self.lives.to_be_bytes());
        self.phones[phone].chains.clear();
    }

    pub(super) fn hear(&mut self, phone: usize, from: usize) {
        let (heard, read) = (
            self.phones[from].heard.clone(),
            self.phones[from].read.clone(),
        );
        self.phones[phone].heard.extend(heard);
        self.phones[phone].read.extend(read);
    }

    pub(super) fn meet_all(&mut self) {
        let all: BTreeSet<usize> = (0..self.said.len()).collect();
        let entries: BTreeSet<usize> = (0..self.entries.len()).collect();
        for phone in &mut self.phones {
            phone.heard.extend(&all);
            phone.read.extend(&entries);
        }
    }

    /// The roster as a phone knows it.
    pub(super) fn roster_of(&self, phone: usize) -> Roster {
        let heard = self.phones[phone].heard.iter();
        fold(&heard.map(|at| self.said[*at].clone()).collect::<Vec<_>>())
    }

    /// The roster of who has heard everything.
    pub(super) fn roster(&self) -> Roster {
        fold(&self.said)
    }

    pub(super) fn say_account(&mut self, phone: usize, operations: &[Operation]) -> ChangeId {
        self.say(phone, None, operations)
    }

    pub(super) fn say_record(&mut self, phone: usize, operations: &[Operation]) -> ChangeId {
        self.say(phone, self.record, operations)
    }

    /// Signs operations after all the phone knows.
    pub(super) fn say(
        &mut self,
        phone: usize,
        record: Option<RecordId>,
        operations: &[Operation],
    ) -> ChangeId {
        let heads = self.roster_of(phone).heads_of(self.account_of(phone));
        self.say_after(phone, record, operations, &heads)
    }

    /// Signs operations after chosen changes and the phone's own last one there.
    pub(super) fn say_after(
        &mut self,
        phone: usize,
        record: Option<RecordId>,
        operations: &[Operation],
        after: &[ChangeId],
    ) -> ChangeId {
        let of = record.unwrap_or(RecordId(self.account_of(phone).0));
        let name = if record.is_some() { ROSTER } else { DEVICES };
        let compartment = CompartmentId::derive(of, name);
        let (seq, prev) = self.next(phone, compartment);
        let mut after: Vec<ChangeId> = after.iter().copied().chain(prev).collect();
        after.sort_unstable();
        after.dedup();
        let (author, life) = (card(self.phones[phone].card).id, self.phones[phone].life);
        let content = format!("{of} {author} {life} {seq} {after:?} {operations:?}");
        let id = ChangeId::derive(content.as_bytes());
        self.phones[phone].chains.insert(compartment, (seq, id));
        self.phones[phone].heard.insert(self.said.len());
        self.said.push(SignedOperations {
            id,
            record: of,
            compartment,
            author,
            incarnation: life,
            seq,
            after,
            lamport: 1,
            operations: operations.to_vec(),
        });
        id
    }

    fn next(&self, phone: usize, compartment: CompartmentId) -> (u64, Option<ChangeId>) {
        match self.phones[phone].chains.get(&compartment) {
            Some((seq, id)) => (seq + 1, Some(*id)),
            None => (1, None),
        }
    }

    /// Writes into the record after all the phone knows.
    pub(super) fn write(&mut self, phone: usize, name: &'static str) -> usize {
        let heads = self.roster_of(phone).heads_of(self.account_of(phone));
        self.write_after(phone, name, heads)
    }

    pub(super) fn write_after(
        &mut self,
        phone: usize,
        name: &'static str,
        frontier: Vec<ChangeId>,
    ) -> usize {
        let compartment = CompartmentId::derive(self.record(), name);
        let (seq, _) = self.next(phone, compartment);
        let author = Author {
            device: card(self.phones[phone].card).id,
            incarnation: self.phones[phone].life,
        };
        let content = format!("{name} {author:?} {seq} {frontier:?}");
        let id = ChangeId::derive(content.as_bytes());
        let seen = self.seen_by(phone, name);
        self.phones[phone].chains.insert(compartment, (seq, id));
        self.phones[phone].read.insert(self.entries.len());
        self.entries.push(Entry {
            id,
            name,
            author,
            seq,
            seen,
            frontier,
        });
        self.entries.len() - 1
    }

    fn seen_by(&self, phone: usize, name: &str) -> Vec<Seen> {
        let mut last: BTreeMap<Author, u64> = BTreeMap::new();
        for at in &self.phones[phone].read {
            let entry = &self.entries[*at];
            if entry.name == name {
                let seq = last.entry(entry.author).or_default();
                *seq = entry.seq.max(*seq);
            }
        }
        last.into_iter()
            .map(|(author, seq)| Seen { author, seq })
            .collect()
    }

    /// How far a phone knows the chains of devices in this record.
    pub(super) fn chains(&self, phone: usize, devices: &[DeviceId]) -> Vec<Chain> {
        let mut last: BTreeMap<(DeviceId, Incarnation, CompartmentId), u64> = BTreeMap::new();
        let mut note = |device, life, compartment, seq: u64| {
            if devices.contains(&device) {
                let known = last.entry((device, life, compartment)).or_default();
                *known = seq.max(*known);
            }
        };
        for at in &self.phones[phone].heard {
            let said = &self.said[*at];
            if said.record == self.record() {
                note(said.author, said.incarnation, said.compartment, said.seq);
            }
        }
        for at in &self.phones[phone].read {
            let entry = &self.entries[*at];
            let compartment = CompartmentId::derive(self.record(), entry.name);
            let author = entry.author;
            note(author.device, author.incarnation, compartment, entry.seq);
        }
        let chain = |((device, incarnation, compartment), seq)| Chain {
            device,
            incarnation,
            compartment,
            seq,
        };
        last.into_iter().map(chain).collect()
    }

    /// All devices of an account, whoever knows them.
    pub(super) fn devices_of(&self, account: usize) -> Vec<DeviceId> {
        let phones = self.phones.iter().filter(|phone| phone.account == account);
        phones.map(|phone| card(phone.card).id).collect()
    }

    // ---- sentences ----

    pub(super) fn mint(&self, name: &str, id: u8, parents: &[u8]) -> Operation {
        Operation::MintEpoch {
            compartment: CompartmentId::derive(self.record(), name),
            name: name.to_owned(),
            epoch: EpochId([id; 32]),
            parents: parents.iter().map(|id| EpochId([*id; 32])).collect(),
            wraps: vec![],
            previous: None,
        }
    }

    pub(super) fn invite(key: u8, access: &Access) -> Operation {
        Operation::Invite {
            key: [key; 32],
            access: access.clone(),
            expires: 0,
        }
    }

    pub(super) fn admit(&self, key: u8, account: usize) -> Operation {
        let device = self.phones.iter().find(|phone| phone.account == account);
        Operation::Admit {
            acceptance: Box::new(Acceptance::unsigned(
                self.record(),
                [key; 32],
                self.accounts[account],
                &kem(account),
                card(device.unwrap().card).id,
            )),
        }
    }

    /// Invites and admits at once, as in one room.
    pub(super) fn join(&mut self, by: usize, account: usize, access: &Access) -> ChangeId {
        let key = u8::try_from(self.said.len()).unwrap();
        let operations = [Self::invite(key, access), self.admit(key, account)];
        self.say_record(by, &operations)
    }

    pub(super) fn remove(&self, by: usize, account: usize) -> Operation {
        Operation::Remove {
            account: self.accounts[account],
            chains: self.chains(by, &self.devices_of(account)),
        }
    }

    pub(super) fn change(&self, by: usize, account: usize, access: &Access) -> Operation {
        Operation::ChangeAccess {
            account: self.accounts[account],
            access: access.clone(),
            chains: self.chains(by, &self.devices_of(account)),
        }
    }

    /// A phone removes another one of its account, there and in the record.
    pub(super) fn lose(&mut self, by: usize, lost: usize) {
        let device = card(self.phones[lost].card).id;
        let chains = self.chains(by, &[device]);
        let in_account = self.phones[by].heard.iter().map(|at| &self.said[*at]);
        let in_account = in_account
            .filter(|said| said.author == device && said.record.0 == self.account_of(by).0)
            .map(|said| (said.incarnation, said.compartment, said.seq));
        let mut last: BTreeMap<(Incarnation, CompartmentId), u64> = BTreeMap::new();
        for (incarnation, compartment, seq) in in_account {
            let known = last.entry((incarnation, compartment)).or_default();
            *known = seq.max(*known);
        }
        let own = last
            .into_iter()
            .map(|((incarnation, compartment), seq)| Chain {
                device,
                incarnation,
                compartment,
                seq,
            });
        let own = own.collect();
        self.say_account(
            by,
            &[Operation::RemoveDevice {
                device,
                chains: own,
            }],
        );
        self.say_record(by, &[Operation::RemoveDevice { device, chains }]);
    }
}

/// Why a change counts for nothing, if it does.
pub(super) fn refusal(roster: &Roster, id: ChangeId) -> Option<Refusal> {
    let found = roster.refused().iter().find(|(other, _)| *other == id);
    found.map(|(_, refusal)| *refusal)
}
