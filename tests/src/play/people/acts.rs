//! What happens in a step. What the engine refuses is refused for a reason and changes nothing; what it accepts goes into the
//! book with what the phone knew.

use super::book::Note;
use super::cast::PEOPLE;
use super::{Fate, Handset, PeoplePlay};
use crate::devices::{MemoryKeyStore, NEW_YEAR};
use crate::play::family::FIRST_RELAY;
use crate::play::moves::observation;
use crate::play::phone::{SimPhone, StopAfter, reachable};
use carnet::record::ids::ResourceId;
use carnet::vault::{Access, Filter, InvitationStage, MemberRole};
use carnet::{Vault, VaultError};
use carnet_wire::AccountId;
use carnet_wire::relay::code;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicI64;

/// What an item is imported with that its source labels confidential.
const LABEL: &str = r#""meta":{"security":[{"code":"R"}],"#;

impl PeoplePlay {
    /// One step of one phone.
    pub(super) fn step(&mut self) {
        let Some(at) = self.somebody() else {
            return;
        };
        // Whoever stole a phone writes and syncs; all else they do is told apart nowhere from that.
        let throw = match self.handsets[at].fate {
            Fate::Held => self.dice.below(100),
            _ => *self.dice.pick(&[0, 99]),
        };
        let (name, act): (_, fn(&mut Self, usize)) = match throw {
            0..25 => ("note", Self::annotate),
            25..30 => ("secret", Self::import_secret),
            30..35 => ("move", Self::move_item),
            35..39 => ("role", Self::change_role),
            39..42 => ("remove", Self::remove_member),
            42..43 => ("leave", Self::leave),
            43..49 => ("invite", Self::invite),
            49..51 => ("lose", Self::lose_phone),
            51..53 => ("recover", Self::recover),
            53..55 => ("adopt", Self::adopt),
            55..57 => ("hand over", Self::hand_over),
            57..59 => ("restart", |play, at| play.handsets[at].sim.reopen()),
            _ => ("sync", Self::sync),
        };
        self.say(|| format!("{at} {name}"));
        match name {
            "note" | "secret" | "move" | "restart" | "sync" => act(self, at),
            _ if self.apart => act(self, at),
            _ => self.tell_at_once(at, act),
        }
    }

    /// Who does something about people has heard everything, and tells it at once.
    fn tell_at_once(&mut self, at: usize, act: fn(&mut Self, usize)) {
        if self.handsets[at].away {
            return;
        }
        let phones = self.handsets.len();
        self.sync_in_the_sun(at);
        act(self, at);
        let last = self.handsets.len() - 1;
        let told = if last < phones { at } else { last };
        self.sync_in_the_sun(told);
    }

    fn sync_in_the_sun(&mut self, at: usize) {
        self.handsets[at].sim.clear_weather();
        for _ in 0..2 {
            self.sync_well(at);
        }
        self.note_joined(at);
        self.note_relay();
        let weather = self.handsets[at].weather;
        self.handsets[at].sim.set_weather(|| weather);
    }

    /// A phone that somebody has, or a thief.
    fn somebody(&mut self) -> Option<usize> {
        let all = (0..self.handsets.len()).filter(|at| self.handsets[*at].fate != Fate::Gone);
        let all: Vec<usize> = all.collect();
        (!all.is_empty()).then(|| *self.dice.pick(&all))
    }

    pub(super) fn vault(&self, at: usize) -> &Vault {
        &self.handsets[at].sim.vault
    }

    /// What a phone sees of a person's access; none where they are no member to it.
    pub(super) fn access_seen(&self, at: usize, person: AccountId) -> Option<Access> {
        let members = self.vault(at).members(self.record).unwrap_or_default();
        let member = members.into_iter().find(|one| one.account == person);
        member.map(|member| member.access)
    }

    fn own(&self, at: usize) -> AccountId {
        self.accounts[self.handsets[at].person]
    }

    pub(super) fn items(&self, at: usize) -> Vec<ResourceId> {
        let filter = Filter {
            record: Some(self.record),
            ..Filter::default()
        };
        let rows = self.vault(at).list(&filter).expect("rows");
        let mut ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids
    }

    fn some_item(&mut self, at: usize) -> Option<ResourceId> {
        let ids = self.items(at);
        (!ids.is_empty()).then(|| *self.dice.pick(&ids))
    }

    fn annotate(&mut self, at: usize) {
        let Some(on) = self.some_item(at) else {
            return;
        };
        let text = format!("note-{:016x}", self.dice.throw());
        let lies_in = self.vault(at).compartments_of(on).expect("compartments");
        let written = self.vault(at).annotate(on, &text);
        self.say(|| format!("  {text}: {:?}", written.as_ref().err()));
        match written {
            Ok(_) => {}
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) => return self.count("notes refused"),
        }
        self.count("notes");
        let own = self.own(at);
        let known = self.book.is_known(own, self.access_seen(at, own).as_ref());
        let note = Note {
            text,
            on,
            person: own,
            device: self.handsets[at].device,
            acts: known.then(|| self.book.acts(own)),
            sent: false,
            kept: false,
            closed_to: self.closed_to(at, &lies_in),
            closed_to_devices: self.closed_to_devices(at),
        };
        self.book.notes.push(note);
    }

    /// Whom a phone knows to be out of these compartments, as the last act about them says.
    fn closed_to(&self, at: usize, lies_in: &[String]) -> BTreeMap<AccountId, u64> {
        let others = self.accounts.iter().filter(|one| **one != self.own(at));
        let mut closed = BTreeMap::new();
        for person in others {
            let seen = self.access_seen(at, *person);
            let reaches = |access: &Access| lies_in.iter().any(|name| access.reaches(name));
            if self.book.is_known(*person, seen.as_ref()) && !seen.as_ref().is_some_and(reaches) {
                closed.insert(*person, self.book.acts(*person));
            }
        }
        closed
    }

    /// Which lost phones a phone knows to be lost: its own person's, and those of members.
    fn closed_to_devices(&self, at: usize) -> BTreeSet<carnet_wire::DeviceId> {
        let vault = self.vault(at);
        let devices = vault.devices().expect("devices").into_iter();
        let mut live: BTreeSet<_> = devices.map(|device| device.id).collect();
        let members = vault.members(self.record).unwrap_or_default();
        let of_members = members.iter().flat_map(|member| &member.devices);
        live.extend(of_members.map(|device| device.id));
        let lost = self.book.lost.iter();
        lost.filter(|device| !live.contains(*device))
            .copied()
            .collect()
    }

    /// An item that its source labels confidential: it goes to `private`, or is refused.
    fn import_secret(&mut self, at: usize) {
        let number = self.dice.throw();
        let text = observation(&format!("secret-{number:x}"), number % 90, 0);
        let file = self.folder.join("secret.ndjson");
        std::fs::write(&file, text.replace(r#""meta":{"#, LABEL)).expect("a file");
        match self.vault(at).import(self.record, &[file], None) {
            Ok(report) => {
                let new: u64 = report.files.iter().map(|file| file.new).sum();
                self.say(|| format!("  {new} new"));
                self.count("secrets");
            }
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) => self.count("secrets refused"),
        }
    }

    fn move_item(&mut self, at: usize) {
        let Some(on) = self.some_item(at) else {
            return;
        };
        let to = *self.dice.pick(&["private", "general", "series"]);
        match self.vault(at).move_item(on, to) {
            Ok(()) => {
                self.book.moved.insert(on);
                self.say(|| format!("  {on} to {to}"));
                self.count("moves");
            }
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) => self.count("moves refused"),
        }
    }

    fn some_access(&mut self) -> Access {
        let roles = [MemberRole::Owner, MemberRole::Caregiver, MemberRole::Reader];
        let role = *self.dice.pick(&roles);
        match self.dice.below(3) {
            0 => Access::everywhere(role),
            1 => Access::within(role, &["general", "series"]),
            _ => Access::within(role, &["general", "private"]),
        }
    }

    /// Another member, as this phone sees them.
    fn some_member(&mut self, at: usize) -> Option<AccountId> {
        let own = self.own(at);
        let members = self.vault(at).members(self.record).unwrap_or_default();
        let others = members.iter().map(|member| member.account);
        let others: Vec<_> = others.filter(|account| *account != own).collect();
        (!others.is_empty()).then(|| *self.dice.pick(&others))
    }

    fn name_of(&self, account: AccountId) -> &'static str {
        let at = self.accounts.iter().position(|one| *one == account);
        at.map_or("?", |at| PEOPLE[at].0)
    }

    fn change_role(&mut self, at: usize) {
        let Some(member) = self.some_member(at) else {
            return;
        };
        let access = self.some_access();
        let done = self.vault(at).change_access(self.record, member, &access);
        let name = self.name_of(member);
        self.say(|| format!("  {name}: {access:?}: {:?}", done.as_ref().err()));
        self.acted("roles changed", done, member, Some(access));
    }

    fn remove_member(&mut self, at: usize) {
        let Some(member) = self.some_member(at) else {
            return;
        };
        let done = self.vault(at).remove_member(self.record, member);
        let name = self.name_of(member);
        self.say(|| format!("  {name}: {:?}", done.as_ref().err()));
        self.acted("removals", done, member, None);
    }

    fn leave(&mut self, at: usize) {
        let own = self.own(at);
        let done = self.vault(at).remove_member(self.record, own);
        self.acted("departures", done, own, None);
    }

    fn acted(
        &mut self,
        what: &'static str,
        done: Result<(), VaultError>,
        member: AccountId,
        access: Option<Access>,
    ) {
        match done {
            Ok(()) => {
                self.book.act(member, access);
                self.count(what);
            }
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) => self.count("acts refused"),
        }
    }

    /// Sends a link to somebody who is no member, or uses one that is on its way.
    fn invite(&mut self, at: usize) {
        let person = self.handsets[at].person;
        if let Some(link) = self.links.iter().position(|(to, _)| *to == person) {
            let (_, code) = self.links.remove(link);
            let taken = self
                .vault(at)
                .accept_invitation(&code, PEOPLE[person].0, None);
            self.say(|| format!("  accepts: {:?}", taken.as_ref().err()));
            if let Err(VaultError::Bug(what)) = taken {
                panic!("{what}");
            }
            return self.note_joined(at);
        }
        let members = self.vault(at).members(self.record).unwrap_or_default();
        let is_in = |person: &AccountId| members.iter().any(|one| one.account == *person);
        let out = (0..self.accounts.len()).filter(|one| !is_in(&self.accounts[*one]));
        let out: Vec<usize> = out.collect();
        if out.is_empty() {
            return;
        }
        let (guest, access) = (*self.dice.pick(&out), self.some_access());
        let name = PEOPLE[person].0;
        match self
            .vault(at)
            .invite(self.record, &access, name, Some(FIRST_RELAY))
        {
            Ok(code) => {
                self.say(|| format!("  {}: {access:?}", PEOPLE[guest].0));
                self.links.push((guest, code.to_string()));
                self.count("invitations");
            }
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) => self.count("acts refused"),
        }
    }

    /// Notes who was let in by this phone.
    fn note_joined(&mut self, at: usize) {
        let invitations = self.vault(at).invitations().expect("invitations");
        let joined = invitations
            .into_iter()
            .filter(|one| one.host && one.stage == InvitationStage::Joined);
        for one in joined {
            let (Some(account), Some(access)) = (one.account, one.access) else {
                continue;
            };
            if one.record == Some(self.record) && self.book.joined.insert(one.id) {
                self.book.act(account, Some(access));
                let name = self.name_of(account);
                self.say(|| format!("  {name} was let in"));
            }
        }
    }

    /// Another phone of the same person is gone: somebody else has it now.
    fn lose_phone(&mut self, at: usize) {
        let person = self.handsets[at].person;
        let mut others = (0..self.handsets.len()).filter(|other| {
            let one = &self.handsets[*other];
            *other != at && one.person == person && one.fate == Fate::Held
        });
        let Some(other) = others.next_back() else {
            return;
        };
        let device = self.handsets[other].device;
        match self.vault(at).remove_device(device) {
            Ok(()) => {
                self.say(|| format!("  {other} is stolen"));
                self.handsets[other].fate = Fate::Stolen;
                self.book.lost.insert(device);
                self.count("phones lost");
            }
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) => self.count("acts refused"),
        }
    }

    /// All phones of somebody are at the bottom of a lake: words bring a new one, which removes the others.
    fn recover(&mut self, at: usize) {
        let person = self.handsets[at].person;
        let recovered = self.handsets.len() >= self.accounts.len() * 2 + 2;
        if recovered || self.handsets[at].away {
            return;
        }
        let Some(sim) = self.recovered(person) else {
            return self.count("mailboxes forgotten");
        };
        let old: Vec<usize> = (0..self.handsets.len())
            .filter(|one| {
                self.handsets[*one].person == person && self.handsets[*one].fate == Fate::Held
            })
            .collect();
        for one in &old {
            self.vault(*one).lock().expect("a lock");
            self.handsets[*one].fate = Fate::Gone;
            self.book.lost.insert(self.handsets[*one].device);
        }
        let handset = Handset::of(sim, person);
        let synced = handset.sim.vault.sync(Some(FIRST_RELAY), None, None);
        assert!(synced.is_ok_and(|report| report.complete), "a first sync");
        for one in old {
            let device = self.handsets[one].device;
            let known = handset.sim.vault.devices().expect("devices");
            // One that another phone removed already, or that the relay had never heard of.
            if known.iter().any(|known| known.id == device) {
                let removed = handset.sim.vault.remove_device(device);
                removed.expect("a removal of one's own phone");
                self.book.keep(device);
            }
        }
        self.handsets.push(handset);
        self.count("recoveries");
    }

    /// A phone made from somebody's words alone; none where the relay has forgotten a mailbox, as in [`Self::sync_well`].
    fn recovered(&self, person: usize) -> Option<SimPhone> {
        let number = self.handsets.len();
        let folder = self.folder.join(format!("new-{number}"));
        let paths = reachable(std::slice::from_ref(&self.relay));
        let start = (NEW_YEAR + 1_000, self.seed * 16 + number as u64);
        let (store, words) = (MemoryKeyStore::default(), &self.kits[person]);
        SimPhone::try_begin("new", folder, &store, &paths, start, |folder, host| {
            match Vault::recover(folder, host, "new", words, Some(FIRST_RELAY), None) {
                Err(VaultError::RelayRefused(code::FORBIDDEN)) => None,
                recovered => Some(recovered.expect("a recovery")),
            }
        })
    }

    fn adopt(&mut self, at: usize) {
        let waiting = self.vault(at).beyond(self.record).unwrap_or_default();
        for device in waiting.iter().map(|one| one.device) {
            match self.vault(at).adopt(self.record, device) {
                Ok(()) => self.count("adopted"),
                Err(VaultError::Bug(what)) => panic!("{what}"),
                Err(_) => self.count("acts refused"),
            }
        }
    }

    /// The founder offers their place once; whoever was offered it accepts.
    fn hand_over(&mut self, at: usize) {
        let person = self.handsets[at].person;
        if self.offered == Some(person) {
            if self.vault(at).accept_founding(self.record).is_ok() {
                self.founder = person;
                let access = self.access_seen(at, self.accounts[person]);
                self.book.act(self.accounts[person], access);
                self.count("handed over");
            }
        } else if self.offered.is_none()
            && person == self.founder
            && let Some(to) = self.some_member(at)
        {
            // Words are compared in people's own time; an answer that fails because it was done already is one.
            let _ = self.vault(at).verify_member(self.record, to);
            if self.vault(at).offer_founding(self.record, to).is_ok() {
                self.offered = self.accounts.iter().position(|one| *one == to);
                self.count("offers");
            }
        }
    }

    /// A sync, which may be cut at any of its looks at the clock.
    fn sync(&mut self, at: usize) {
        if self.handsets[at].away {
            return;
        }
        let cut = self.dice.chance(15).then(|| self.dice.below(12) as i64);
        let stop = cut.map(|looks| StopAfter(AtomicI64::new(looks)));
        let outcome = self.handsets[at].sim.sync(FIRST_RELAY, stop);
        self.say(|| format!("  {}", crate::play::moves::told(&outcome)));
        match outcome {
            Ok(report) if report.complete => {
                let device = self.handsets[at].device;
                self.book.sent(device);
            }
            Ok(_) | Err(VaultError::Offline | VaultError::Cancelled) => {}
            Err(VaultError::RelayRefused(code::NO_SESSION)) => {}
            // As in [`Self::sync_well`].
            Err(VaultError::RelayRefused(code::FORBIDDEN)) => self.count("mailboxes forgotten"),
            Err(VaultError::Bug(what)) => panic!("{what}"),
            Err(_) if self.handsets[at].fate == Fate::Stolen => {}
            Err(error) => panic!("a sync in bad weather on {at}: {error:?}"),
        }
        self.note_joined(at);
        self.note_relay();
    }
}
