//! Plain Automerge: one document, documents sharded as Carnet's, its own sync protocol, its changes sealed one by one.

use crate::entry::Entry;
use crate::projection::Projection;
use crate::{BATCH, SHARD, own_cpu, tell};
use automerge::sync::{State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, Change, ObjType, ROOT, ReadDoc};

/// Nonce and tag of an XChaCha20-Poly1305 message.
const SEAL_BYTES: usize = 40;

fn document() -> Automerge {
    Automerge::new().with_actor(ActorId::from([7; 16]))
}

fn write(document: &mut Automerge, entries: &[Entry]) {
    let mut transaction = document.transaction();
    for entry in entries {
        let map = transaction
            .put_object(ROOT, entry.id.as_str(), ObjType::Map)
            .expect("a map");
        for (name, text) in &entry.texts {
            transaction
                .put(&map, *name, text.as_str())
                .expect("a field");
        }
        transaction.put(&map, "value", entry.value).expect("a field");
        transaction.put(&map, "at", entry.at).expect("a field");
    }
    transaction.commit();
}

/// A document written in batches.
fn written(entries: &[Entry], batch: usize) -> Automerge {
    let mut document = document();
    for part in entries.chunks(batch) {
        write(&mut document, part);
    }
    document
}

/// One document's save; the same in shards; single changes, each sealed.
pub fn sizes(entries: &[Entry]) {
    tell("automerge_one", written(entries, BATCH).save().len() as f64);
    let shards = entries.chunks(SHARD).map(|part| written(part, BATCH).save().len());
    tell("automerge_shards", shards.sum::<usize>() as f64);
    let some = entries.get(..SHARD).unwrap_or(entries);
    let single = written(some, 1).get_changes(&[]);
    let sealed: usize = single.iter().map(|change| change.raw_bytes().len() + SEAL_BYTES).sum();
    tell("sealed_single", sealed as f64 / some.len() as f64 * entries.len() as f64);
}

/// Bytes that two devices exchange over Automerge's own protocol when one of them has new entries, in a document of ten thousand.
pub fn wire(entries: &[Entry]) {
    let (old, new) = entries.split_at(entries.len().saturating_sub(2 * BATCH).min(10_000));
    let base = written(old, BATCH);
    for (name, count) in [("sync_one", 1), ("sync_batch", BATCH)] {
        let mut ours = base.fork();
        let mut theirs = base.fork();
        for entry in new.get(..count).expect("enough entries") {
            write(&mut ours, std::slice::from_ref(entry));
        }
        let (bytes, messages) = exchange(&mut ours, &mut theirs);
        assert_eq!(ours.get_heads(), theirs.get_heads());
        tell(name, bytes as f64);
        tell(&format!("{name}_messages"), messages as f64);
    }
}

fn exchange(ours: &mut Automerge, theirs: &mut Automerge) -> (usize, usize) {
    let (mut our_state, mut their_state) = (State::new(), State::new());
    let (mut bytes, mut messages) = (0, 0);
    loop {
        let there = ours.generate_sync_message(&mut our_state);
        let back = theirs.generate_sync_message(&mut their_state);
        if there.is_none() && back.is_none() {
            return (bytes, messages);
        }
        if let Some(message) = there {
            let encoded = message.encode();
            (bytes, messages) = (bytes + encoded.len(), messages + 1);
            let message = automerge::sync::Message::decode(&encoded).expect("a message");
            theirs.receive_sync_message(&mut their_state, message).expect("received");
        }
        if let Some(message) = back {
            let encoded = message.encode();
            (bytes, messages) = (bytes + encoded.len(), messages + 1);
            let message = automerge::sync::Message::decode(&encoded).expect("a message");
            ours.receive_sync_message(&mut our_state, message).expect("received");
        }
    }
}

/// Applies changes of fifty entries, all of a shard at once (Automerge's fastest way), and writes the rows.
pub fn apply(entries: &[Entry]) {
    let changes: Vec<Vec<Vec<u8>>> = entries
        .chunks(SHARD)
        .map(|part| {
            let changes = written(part, BATCH).get_changes(&[]);
            changes.iter().map(|change| change.raw_bytes().to_vec()).collect()
        })
        .collect();
    let mut projection = Projection::new();
    let from = own_cpu();
    for (part, shard) in entries.chunks(SHARD).zip(&changes) {
        let parsed: Vec<Change> = shard
            .iter()
            .map(|bytes| Change::try_from(bytes.as_slice()).expect("a change"))
            .collect();
        let mut document = document();
        document.apply_changes(parsed).expect("applied");
        assert_eq!(document.length(ROOT), part.len());
        let saved = document.save();
        assert!(!saved.is_empty());
        projection.write(part);
    }
    tell("cpu", own_cpu() - from);
}

/// Loads saved shards, reads every entry out of them, and writes the rows.
pub fn load(entries: &[Entry]) {
    let saved: Vec<Vec<u8>> = entries
        .chunks(SHARD)
        .map(|part| written(part, BATCH).save())
        .collect();
    let mut projection = Projection::new();
    let from = own_cpu();
    for (part, bytes) in entries.chunks(SHARD).zip(&saved) {
        let document = Automerge::load(bytes).expect("loaded");
        let mut fields = 0;
        for item in document.map_range(ROOT, ..) {
            fields += document.map_range(item.id(), ..).count();
        }
        assert_eq!(fields, part.len() * 10);
        projection.write(part);
    }
    tell("cpu", own_cpu() - from);
}
