//! Loro and Yrs with the same entries: their most compact forms.

use crate::entry::Entry;
use crate::{BATCH, raw, tell};
use loro::{ExportMode, LoroDoc, LoroMap};
use yrs::updates::encoder::{Encoder, EncoderV2};
use yrs::{Any, Doc, Map, MapPrelim, ReadTxn, StateVector, Transact};

/// Loro: a snapshot, which keeps the history.
pub fn loro(entries: &[Entry]) {
    let document = LoroDoc::new();
    let root = document.get_map("entries");
    for part in entries.chunks(BATCH) {
        for entry in part {
            let map = root
                .insert_container(&entry.id, LoroMap::new())
                .expect("a map");
            for (name, text) in &entry.texts {
                map.insert(name, text.as_str()).expect("a field");
            }
            map.insert("value", entry.value).expect("a field");
            map.insert("at", entry.at).expect("a field");
        }
        document.commit();
    }
    let snapshot = document.export(ExportMode::Snapshot).expect("a snapshot");
    tell("loro", snapshot.len() as f64);
    tell("loro_zstd", raw::zstd3(&snapshot).len() as f64);
}

/// Yrs: the whole state as one update in its second encoding, then zstd, which it needs.
pub fn yrs(entries: &[Entry]) {
    let document = Doc::new();
    let root = document.get_or_insert_map("entries");
    for part in entries.chunks(BATCH) {
        let mut transaction = document.transact_mut();
        for entry in part {
            let mut fields: Vec<(&str, Any)> = entry
                .texts
                .iter()
                .map(|(name, text)| (*name, Any::from(text.as_str())))
                .collect();
            fields.push(("value", Any::from(entry.value)));
            fields.push(("at", Any::from(entry.at as f64)));
            root.insert(
                &mut transaction,
                entry.id.as_str(),
                fields.into_iter().collect::<MapPrelim>(),
            );
        }
    }
    let mut encoder = EncoderV2::new();
    document
        .transact()
        .encode_state_as_update(&StateVector::default(), &mut encoder);
    let update = encoder.to_vec();
    tell("yrs", update.len() as f64);
    tell("yrs_zstd", raw::zstd3(&update).len() as f64);
}
