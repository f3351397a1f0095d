//! How a play of people ends: everybody meets, and everybody holds what they may hold, all of it, and nothing else.

use super::book::Note;
use super::{Fate, Handset, PeoplePlay};
use crate::play::family::FIRST_RELAY;
use crate::thief::envelopes;
use carnet::VaultError;
use carnet::record::ids::ResourceId;
use carnet::vault::{Access, Member};
use carnet_wire::AccountId;
use carnet_wire::relay::code;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which phones must come to rest.
const ROUNDS: usize = 24;
/// In one of so many plays every view of a phone is rebuilt and compared.
const VERIFY_EVERY: u64 = 10;

/// What a phone shows: each item, the compartments it lies in, and its notes.
type Shown = BTreeMap<ResourceId, (Vec<String>, BTreeSet<String>)>;

impl PeoplePlay {
    /// The weather clears; everybody who has a phone syncs until nothing moves.
    pub(super) fn heal(&mut self) {
        self.say(|| "the weather clears".to_owned());
        for handset in &self.handsets {
            if handset.fate != Fate::Gone {
                handset.sim.clear_weather();
            }
        }
        for _ in 0..ROUNDS {
            let mut moved = 0;
            for at in 0..self.handsets.len() {
                moved += self.sync_well(at);
            }
            self.note_relay();
            if moved == 0 {
                return;
            }
        }
        panic!("phones do not come to rest");
    }

    pub(super) fn sync_well(&mut self, at: usize) -> u64 {
        let handset = &self.handsets[at];
        if handset.fate == Fate::Gone {
            return 0;
        }
        let outcome = handset.sim.vault.sync(Some(FIRST_RELAY), None, None);
        self.say(|| format!("{at} heals: {}", crate::play::moves::told(&outcome)));
        match (outcome, self.handsets[at].fate) {
            (Ok(report), Fate::Held) => {
                assert!(report.complete, "a sync in fair weather ends: {report:?}");
                let device = self.handsets[at].device;
                self.book.sent(device);
                report.sent + report.received
            }
            // The relay forgot a mailbox in which nothing ever lay: an owner's phone registers it again.
            (Err(VaultError::RelayRefused(code::FORBIDDEN)), Fate::Held) => {
                self.count("mailboxes forgotten");
                1
            }
            // What a thief is told, and whether they are told anything, is nobody's concern.
            (_, Fate::Stolen) => 0,
            (Ok(_), Fate::Gone) => 0,
            (Err(error), _) => panic!("a sync in fair weather on {at}: {error:?}"),
        }
    }

    /// Keeps what the relay has, before somebody tells it to let go of it.
    pub(super) fn note_relay(&mut self) {
        let now = envelopes(&self.folder.join("relay-0"));
        self.seen_by_relay.extend(now);
    }

    /// A phone whose person has the founder's place, as it sees it itself.
    fn reference_at(&self) -> usize {
        let founds = |at: &usize| {
            let members = self.vault(*at).members(self.record).unwrap_or_default();
            let mut own = members.iter().filter(|member| member.this);
            self.handsets[*at].fate == Fate::Held && own.any(|member| member.rank == 0)
        };
        let mut all = 0..self.handsets.len();
        all.find(founds).expect("the founder has a phone")
    }

    /// The same, in the end.
    pub(super) fn reference(&self) -> &Handset {
        &self.handsets[self.reference_at()]
    }

    pub(super) fn check(&mut self) {
        let at = self.reference_at();
        let members = self.members(at);
        let shown = self.shown(at);
        for other in 0..self.handsets.len() {
            let (person, fate) = (self.handsets[other].person, self.handsets[other].fate);
            let member = members
                .iter()
                .find(|one| one.account == self.accounts[person]);
            if let (Some(member), Fate::Held) = (member, fate) {
                self.check_member(other, &members, member, &shown);
            }
        }
        self.check_nothing_lost(&members, &shown);
        self.check_closed(at);
        if self.dice.below(VERIFY_EVERY) == 0 {
            let report = self.vault(at).verify(true).expect("a check");
            assert_eq!(report.problems, Vec::<String>::new());
        }
    }

    fn members(&self, at: usize) -> Vec<Member> {
        let mut members = self.vault(at).members(self.record).expect("members");
        members.iter_mut().for_each(|member| member.this = false);
        members
    }

    fn shown(&self, at: usize) -> Shown {
        let vault = self.vault(at);
        let one = |id: ResourceId| {
            let detail = vault.detail(id).expect("a detail");
            let notes = detail.notes.into_iter().map(|note| note.text);
            let mut lies_in = vault.compartments_of(id).expect("compartments");
            lies_in.sort();
            (id, (lies_in, notes.collect()))
        };
        self.items(at).into_iter().map(one).collect()
    }

    /// A phone that belongs: the same people, and the same items and notes as far as its person reaches. Whoever had more before
    /// keeps what they had read.
    fn check_member(&self, at: usize, members: &[Member], member: &Member, all: &Shown) {
        let who = format!("{} (phone {at})", self.handsets[at].sim.name);
        assert_eq!(self.members(at), members, "{who}: people differ");
        let reaches = |one: &&String| member.access.reaches(one);
        let here = self.shown(at);
        for (id, (lies_in, notes)) in all {
            let reached: Vec<&String> = lies_in.iter().filter(reaches).collect();
            if reached.is_empty() {
                continue;
            }
            let Some((found_in, found)) = here.get(id) else {
                panic!("{who}: {id} of {reached:?} is not here");
            };
            let found_in: Vec<&String> = found_in.iter().filter(reaches).collect();
            assert_eq!(found_in, reached, "{who}: {id} lies elsewhere");
            // Notes in a compartment of the item's that is not theirs are not theirs either.
            if reached.len() == lies_in.len() {
                assert!(found.is_superset(notes), "{who}: {id}: {notes:?} {found:?}");
            }
            self.check_nothing_more(member, found.difference(notes).next(), &who);
        }
        let seen = |id: &ResourceId| {
            let there = all.get(id);
            there.is_some_and(|(lies_in, _)| lies_in.iter().any(|one| member.access.reaches(one)))
        };
        let more = here.keys().find(|id| !seen(id));
        self.check_nothing_more(member, more, &who);
    }

    fn check_nothing_more<T: std::fmt::Debug>(&self, member: &Member, more: Option<T>, who: &str) {
        let had_more = self.book.acts(member.account) > 1;
        assert!(more.is_none() || had_more, "{who} shows {more:?}");
    }

    /// Whatever somebody was entitled to write, and knew it, is there.
    fn check_nothing_lost(&mut self, members: &[Member], shown: &Shown) {
        let mut certain = 0;
        for note in &self.book.notes {
            let Some(member) = members.iter().find(|one| one.account == note.person) else {
                continue;
            };
            if !self.is_certain(note, &member.access) {
                continue;
            }
            certain += 1;
            let there = shown
                .get(&note.on)
                .is_some_and(|(_, notes)| notes.contains(&note.text));
            assert!(there, "lost: {note:?}");
        }
        *self.counts.entry("notes certain").or_default() += certain;
    }

    fn is_certain(&self, note: &Note, access: &Access) -> bool {
        let known = self.book.is_known(note.person, Some(access));
        let untouched = note.acts == Some(self.book.acts(note.person));
        let lost = self.book.lost.contains(&note.device);
        // Somebody may have moved the item where the author does not get, while they wrote.
        let moved = self.book.moved.contains(&note.on) && access.compartments.is_some();
        known && untouched && note.sent && (!lost || note.kept) && !moved
    }

    /// What was closed to somebody is not shown to them, and does not open with all they ever had.
    fn check_closed(&mut self, reference: usize) {
        let mut proved = 0;
        for at in 0..self.handsets.len() {
            let closed = self.closed_texts(at, reference);
            if closed.is_empty() || self.handsets[at].fate == Fate::Gone {
                continue;
            }
            proved += closed.len() as u64;
            let shown = self.shown(at);
            let shown: BTreeSet<&String> = shown.values().flat_map(|(_, notes)| notes).collect();
            let opened = self.opened(at);
            for text in closed {
                assert!(!shown.contains(&text), "phone {at} shows {text}");
                assert!(!opened.contains(&text), "phone {at} can open {text}");
            }
        }
        *self.counts.entry("closed, proved").or_default() += proved;
    }

    /// The notes that a phone may not see, by what their authors knew and nobody changed since.
    fn closed_notes(&self, at: usize, reference: usize) -> impl Iterator<Item = &Note> {
        let handset = &self.handsets[at];
        let person: AccountId = self.accounts[handset.person];
        let access = self.access_seen(reference, person);
        let settled = self.book.is_known(person, access.as_ref());
        let out = access.is_none();
        self.book.notes.iter().filter(move |note| {
            let acts = note.closed_to.get(&person);
            let by_person = settled && acts == Some(&self.book.acts(person));
            // An item that is carried about may come to where they are.
            let stays = out || !self.book.moved.contains(&note.on);
            by_person && stays || note.closed_to_devices.contains(&handset.device)
        })
    }

    fn closed_texts(&self, at: usize, reference: usize) -> Vec<String> {
        let closed = self.closed_notes(at, reference);
        closed.map(|note| note.text.clone()).collect()
    }

    /// All that a phone's keys, and the keys they lead to, open of everything the relay ever had.
    fn opened(&self, at: usize) -> String {
        let mut thief = self.handsets[at].sim.robbed();
        let mut text = thief.everything();
        for (_, body) in thief.open(&self.seen_by_relay) {
            text.push_str(&String::from_utf8_lossy(&body));
        }
        text
    }
}
