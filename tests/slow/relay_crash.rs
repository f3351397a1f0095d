//! The relay is killed at its writes while devices append: what it answered for is there at the same place after it starts
//! again, numbers have no gap, and what a device sends again is not there twice.

use carnet_tests::faults::{Fault, Watch, spread};
use carnet_tests::paths::{scale, scratch};
use carnet_tests::relays::{Client, Keys, RelayProgram, free_address};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

const PUSHES: u64 = 60;
const BATCH: u64 = 4;
const MAILBOXES: u64 = 3;

/// Envelopes the relay answered for, by mailbox and number.
type Answered = BTreeMap<(u64, u64), Vec<u8>>;

/// Appends until all is done or the relay is gone.
fn append(address: SocketAddr, answered: &mut Answered) -> std::io::Result<()> {
    let keys: Vec<Keys> = (0..MAILBOXES).map(Keys::derive).collect();
    let mut client = Client::open(address, &keys.iter().collect::<Vec<_>>())?;
    for push in 0..PUSHES {
        let mailbox = push % MAILBOXES;
        let batch: Vec<Vec<u8>> = (0..BATCH)
            .map(|n| keys[mailbox as usize].envelope(push * BATCH + n, 700))
            .collect();
        let numbers = client.push(batch.clone())?;
        for (number, envelope) in numbers.into_iter().zip(batch) {
            let old = answered.insert((mailbox, number), envelope.clone());
            assert!(
                old.is_none_or(|old| old == envelope),
                "one number for two envelopes"
            );
        }
    }
    Ok(())
}

fn stored(address: SocketAddr) -> Answered {
    let keys: Vec<Keys> = (0..MAILBOXES).map(Keys::derive).collect();
    let mut client = Client::open(address, &keys.iter().collect::<Vec<_>>()).expect("a session");
    let mut found = Answered::new();
    for (mailbox, keys) in keys.iter().enumerate() {
        let entries = client.pull_all(keys.mailbox).expect("a mailbox");
        for (at, entry) in entries.into_iter().enumerate() {
            assert_eq!(entry.seq, at as u64 + 1, "a gap");
            found.insert((mailbox as u64, entry.seq), entry.envelope);
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
        append(address, &mut Answered::new()).expect("appends without faults");
        drop(relay);
        watch.writes()
    };
    let points = spread(writes, (80 * scale("CARNET_CRASH_SHARE", 100) / 100).max(4));
    let mut met = 0;
    for (turn, at) in points.iter().enumerate() {
        let data = scratch.path().join(format!("at-{at}"));
        std::fs::create_dir(&data).expect("a folder");
        let (watch, address) = (Watch::new(&data), free_address());
        let mut answered = Answered::new();
        let relay = start_watched(&data, address, &watch, Some((*at, Fault::kill(turn))));
        let _ = append(address, &mut answered);
        drop(relay);
        met += usize::from(watch.was_met());
        let address = free_address();
        let relay = RelayProgram::start_at(&data, address);
        let kept = stored(address);
        assert!(
            answered
                .iter()
                .all(|(place, envelope)| kept.get(place) == Some(envelope)),
            "write {at}: an answer is lost"
        );
        append(address, &mut answered).expect("appends after the crash");
        let all = stored(address);
        assert_eq!(
            all, answered,
            "write {at}: something is there twice or not at all"
        );
        assert_eq!(all.len() as u64, PUSHES * BATCH);
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
    let mut answered = Answered::new();
    let failed = append(address, &mut answered);
    assert!(
        failed.is_err() && watch.was_met(),
        "a full disk was not noticed"
    );
    let keys = Keys::derive(0);
    let read = Client::open(address, &[&keys]).and_then(|mut client| client.pull_all(keys.mailbox));
    assert!(
        read.is_ok_and(|entries| !entries.is_empty()),
        "reading stopped with the disk full"
    );
    drop(relay);
    let relay = RelayProgram::start_at(&data, free_address());
    append(relay.address(), &mut answered).expect("appends once there is room");
    assert_eq!(stored(relay.address()), answered);
}
