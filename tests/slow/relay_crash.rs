//! The relay is killed at its writes while devices append, retire and delete: what it answered for is so after it starts again,
//! numbers have no gap but where an owner made one, and what a device sends again is not there twice.
//!
//! `CARNET_RELAY_KILLS` is how often (80).

use carnet_tests::faults::{Fault, Watch, spread};
use carnet_tests::paths::{scale, scratch};
use carnet_tests::relays::{Client, Keys, RelayProgram, free_address};
use carnet_wire::EnvelopeId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

const PUSHES: u64 = 60;
const BATCH: u64 = 4;
const MAILBOXES: u64 = 3;
/// A mailbox that is filled and deleted, twice.
const DELETED: u64 = 7;

/// A mailbox and a number in it.
type Place = (u64, u64);

/// What the relay answered for, and what it was asked and may have done.
#[derive(Debug, Default, Clone, PartialEq)]
struct Answered {
    stored: BTreeMap<Place, Vec<u8>>,
    retired: BTreeSet<Place>,
    perhaps_retired: BTreeSet<Place>,
    is_deleted: bool,
}

impl Answered {
    /// Whether what is found is what was answered.
    fn holds(&self, found: &BTreeMap<Place, Vec<u8>>) -> bool {
        let kept = self.stored.iter().all(|(place, envelope)| {
            let is_head = found.keys().rfind(|it| it.0 == place.0) == Some(place);
            match found.get(place) {
                Some(bytes) => bytes == envelope && (is_head || !self.retired.contains(place)),
                None => self.perhaps_retired.contains(place),
            }
        });
        kept && !(self.is_deleted && found.keys().any(|place| place.0 == DELETED))
    }
}

fn keys() -> Vec<Keys> {
    (0..MAILBOXES).chain([DELETED]).map(Keys::derive).collect()
}

fn open(address: SocketAddr) -> std::io::Result<Client> {
    Client::open(address, &keys().iter().collect::<Vec<_>>())
}

/// Appends, retires and deletes until all is done or the relay is gone.
fn append(address: SocketAddr, answered: &mut Answered) -> std::io::Result<()> {
    let keys = keys();
    let mut client = open(address)?;
    for push in 0..PUSHES {
        let mailbox = push % MAILBOXES;
        let mine = &keys[mailbox as usize];
        let batch: Vec<Vec<u8>> = (0..BATCH)
            .map(|n| mine.envelope(push * BATCH + n, 700))
            .collect();
        let numbers = client.push(batch.clone())?;
        for (number, envelope) in numbers.iter().zip(&batch) {
            let old = answered.stored.insert((mailbox, *number), envelope.clone());
            assert!(
                old.is_none_or(|old| old == *envelope),
                "one number for two envelopes"
            );
        }
        if push % 5 == 0 {
            let places: Vec<Place> = numbers[1..3].iter().map(|it| (mailbox, *it)).collect();
            answered.perhaps_retired.extend(&places);
            let ids = batch[1..3].iter().map(|it| EnvelopeId::derive(it));
            client.retire(mine.mailbox, ids.collect())?;
            answered.retired.extend(&places);
        }
        if push == PUSHES / 3 || push == PUSHES * 2 / 3 {
            delete(address, &keys[MAILBOXES as usize], answered)?;
        }
    }
    Ok(())
}

/// Fills a mailbox and deletes it.
fn delete(address: SocketAddr, keys: &Keys, answered: &mut Answered) -> std::io::Result<()> {
    answered.is_deleted = false;
    let mut client = Client::open(address, &[keys])?;
    client.push((0..BATCH).map(|n| keys.envelope(n, 700)).collect())?;
    client.delete(keys.mailbox)?;
    answered.is_deleted = true;
    Ok(())
}

fn stored(address: SocketAddr) -> BTreeMap<Place, Vec<u8>> {
    let mut client = open(address).expect("a session");
    let mut found = BTreeMap::new();
    for (mailbox, keys) in (0..MAILBOXES).chain([DELETED]).zip(keys()) {
        for entry in client.pull_all(keys.mailbox).expect("a mailbox") {
            found.insert((mailbox, entry.seq), entry.envelope);
        }
    }
    found
}

fn start_watched(
    data: &Path,
    address: SocketAddr,
    watch: &Watch,
    fault: Option<(u64, Fault)>,
) -> RelayProgram {
    let mut command = RelayProgram::command(data, address);
    match fault {
        Some((at, fault)) => watch.fault(&mut command, at, fault),
        None => watch.count(&mut command),
    }
    RelayProgram::start_with(&mut command, address)
}

#[test]
fn a_killed_relay_keeps_what_it_answered_for() {
    let scratch = scratch();
    let writes = {
        let data = scratch.path().join("whole");
        std::fs::create_dir(&data).expect("a folder");
        let watch = Watch::new(&data);
        let address = free_address();
        let relay = start_watched(&data, address, &watch, None);
        append(address, &mut Answered::default()).expect("appends without faults");
        drop(relay);
        watch.writes()
    };
    let points = spread(writes, scale("CARNET_RELAY_KILLS", 80).max(4));
    let mut met = 0;
    for (turn, at) in points.iter().enumerate() {
        let data = scratch.path().join(format!("at-{at}"));
        std::fs::create_dir(&data).expect("a folder");
        let (watch, address) = (Watch::new(&data), free_address());
        let mut answered = Answered::default();
        let relay = start_watched(&data, address, &watch, Some((*at, Fault::kill(turn))));
        let _ = append(address, &mut answered);
        drop(relay);
        met += usize::from(watch.was_met());
        let address = free_address();
        let relay = RelayProgram::start_at(&data, address);
        let kept = stored(address);
        assert!(answered.holds(&kept), "write {at}: an answer is lost");
        append(address, &mut answered).expect("work after the crash");
        let all = stored(address);
        assert!(
            answered.holds(&all),
            "write {at}: something is there twice or not at all"
        );
        assert_eq!(answered.retired, answered.perhaps_retired);
        assert_eq!(answered.stored.len() as u64, PUSHES * BATCH);
        assert!(all.len() < answered.stored.len() && answered.is_deleted);
        drop(relay);
        let _ = std::fs::remove_dir_all(&data);
    }
    println!(
        "relay: {writes} writes, {} points, {met} kills, 0 lost answers",
        points.len()
    );
    assert!(met * 10 >= points.len() * 8, "most kills were not met");
}

#[test]
fn a_relay_whose_disk_is_full_says_so_and_goes_on_afterwards() {
    let scratch = scratch();
    let data = scratch.path().join("relay");
    std::fs::create_dir(&data).expect("a folder");
    let (watch, address) = (Watch::new(&data), free_address());
    let relay = start_watched(
        &data,
        address,
        &watch,
        Some((80, Fault::FailOn(carnet_tests::faults::ENOSPC))),
    );
    let mut answered = Answered::default();
    let failed = append(address, &mut answered);
    assert!(
        failed.is_err() && watch.was_met(),
        "a full disk was not noticed"
    );
    let keys = Keys::derive(0);
    let read =
        Client::enter(address, &[&keys]).and_then(|mut client| client.pull_all(keys.mailbox));
    let entries = read.expect("reading goes on with the disk full");
    assert!(
        !entries.is_empty(),
        "reading shows nothing with the disk full"
    );
    drop(relay);
    let relay = RelayProgram::start_at(&data, free_address());
    append(relay.address(), &mut answered).expect("appends once there is room");
    assert!(answered.holds(&stored(relay.address())));
}
