//! A household, by the program: people who share a record, each with a phone, and what they do again and again.
//!
//! A command that is refused has changed nothing: [`refused`] compares every byte of the vault before and after.

use crate::commands::{Outcome, PATIENCE, Phone, Running};
use crate::faults::compile;
use crate::paths::{contents, scratch};
use crate::relays::RelayHouse;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tempfile::TempDir;

/// A relay and a folder for phones.
pub struct Household {
    /// Where everything lies.
    pub scratch: TempDir,
    /// The relay they all use.
    pub relay: RelayHouse,
}

impl Household {
    /// An empty one.
    pub fn new() -> Self {
        let scratch = scratch();
        let relay = RelayHouse::new(scratch.path());
        Self { scratch, relay }
    }

    /// Where the relay is.
    pub fn url(&self) -> String {
        self.relay.relay.url()
    }

    /// A phone with nothing on it.
    pub fn blank(&self, folder: &str) -> Phone {
        Phone::new(self.scratch.path().join(folder))
    }

    /// Somebody with a phone called like them and a record of their own, known to the relay.
    pub fn person(&self, name: &str) -> Phone {
        let phone = self.blank(name);
        phone
            .run(["init", "--person", name, "--device-name", name])
            .expect_ok("init");
        phone
            .run(["sync", "--relay", &self.url()])
            .expect_ok("sync");
        phone
    }

    /// The same, with a recovery kit: whoever shares a record needs one.
    pub fn patient(&self, name: &str) -> Phone {
        let phone = self.person(name);
        phone
            .run(["recovery", "create", "--no-qr"])
            .expect_ok("recovery create");
        phone
    }

    /// Another phone of somebody.
    pub fn second(&self, first: &Phone, name: &str) -> Phone {
        let phone = self.blank(name);
        first.pair(&phone, &self.url());
        let named = phone.json(["device", "list"]);
        let this = named.as_array().expect("devices").iter();
        let this = this.clone().find(|device| device["this"] == true);
        let id = this.expect("this device")["id"].as_str().expect("an id");
        phone
            .run(["device", "rename", id, name])
            .expect_ok("device rename");
        settle(&[&phone, first]);
        phone
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

impl Default for Household {
    fn default() -> Self {
        Self::new()
    }
}

/// Everybody syncs, twice round: what one writes because of another's news has arrived too.
#[track_caller]
pub fn settle(phones: &[&Phone]) {
    for _ in 0..2 {
        for phone in phones {
            phone.run(["sync"]).expect_ok("sync");
        }
    }
}

/// Makes an invitation and returns its code.
#[track_caller]
pub fn invite(host: &Phone, arguments: &[&str]) -> String {
    let mut line = vec!["member", "invite"];
    line.extend(arguments);
    let made = host.json(line);
    made["code"].as_str().expect("a code").to_owned()
}

/// Lets a guest into the host's record.
#[track_caller]
pub fn join(host: &Phone, guest: &Phone, arguments: &[&str]) {
    let code = invite(host, arguments);
    settle(&[host]);
    guest
        .run(["member", "accept", &code])
        .expect_ok("member accept");
    settle(&[host, guest]);
    // How the guest calls themselves comes last.
    settle(&[host, guest]);
}

/// The host compares the words with a guest who was just let in.
#[track_caller]
pub fn compare(host: &Phone, guest: &str, person: &str) {
    let listed = host.json(["member", "list", "--person", person]);
    let invitations = listed["invitations"].as_array().expect("invitations");
    let theirs = invitations.iter().find(|one| one["name"] == guest);
    let words = theirs.expect("their invitation")["words"]["fr"].clone();
    let words = words.as_array().expect("words").iter();
    let mut verify = vec!["member", "verify", guest, "--person", person, "--"];
    verify.extend(words.map(|word| word.as_str().expect("a word")));
    host.run(verify).expect_ok("member verify");
}

/// What `member list` says of a person's record.
#[track_caller]
pub fn people(phone: &Phone, person: &str) -> Value {
    let listed = phone.json(["member", "list", "--person", person]);
    listed["records"][0].clone()
}

/// One member of a person's record.
pub fn member(phone: &Phone, person: &str, name: &str) -> Option<Value> {
    let people = people(phone, person);
    let mut members = people["members"].as_array().expect("members").iter();
    members.find(|one| one["name"] == name).cloned()
}

/// What ends a command that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a command line at all.
    Usage = 2,
    /// There is nothing of this name.
    NotFound = 4,
    /// It makes no sense, or this person may not do it.
    Invalid = 5,
    /// Codes or words that are wrong.
    Pairing = 10,
}

/// Runs a command that must be refused in one line, with nothing else printed and no byte of the vault changed. Returns the line.
#[track_caller]
pub fn refused(phone: &Phone, why: Refusal, arguments: &[&str]) -> String {
    let before = contents(&phone.vault());
    let outcome = phone.run(arguments);
    let said = outcome.stderr.trim().to_owned();
    assert_eq!(outcome.code, Some(why as i32), "{arguments:?}: {said}");
    assert_eq!(outcome.stdout, "", "{arguments:?}");
    let lines = said.lines().count();
    // What was typed wrongly comes with a word on how to go on.
    assert!(lines == 1 || why == Refusal::Usage, "{arguments:?}: {said}");
    let after = contents(&phone.vault());
    let changed = changed(&before, &after);
    assert!(changed.is_empty(), "{arguments:?} changed {changed:?}");
    said
}

fn changed<'a>(
    before: &'a BTreeMap<PathBuf, Vec<u8>>,
    after: &'a BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<&'a PathBuf> {
    let all = before.keys().chain(after.keys());
    let mut changed: Vec<_> = all
        .filter(|file| before.get(*file) != after.get(*file))
        .collect();
    changed.dedup();
    changed
}

/// Runs a command as if it were so many days later.
#[track_caller]
pub fn days_later(phone: &Phone, days: u32, arguments: &[&str]) -> Outcome {
    let mut command = phone.command(arguments);
    command
        .env("LD_PRELOAD", compile("clock.c"))
        .env("CARNET_CLOCK_DAYS", days.to_string());
    Running::start(&mut command).finish(PATIENCE)
}
