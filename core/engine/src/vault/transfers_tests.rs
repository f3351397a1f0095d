//! Documents carried by somebody else: parts in any order, twice, cut short, or of another document.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::sync_tests::{FakeRelay, Phone};
use super::*;
use crate::host::{HttpRequest, HttpResponse, Method};
use std::io::{Read, Seek, SeekFrom};

/// What becomes a document of some five megabytes, so of more than one part.
fn import_document(phone: &Phone) {
    let path = phone.folder.path().join("old.json");
    let mut text = r#"{"resourceType":"MedicationOrder","id":"1","note":""#.to_owned();
    let mut word = 1_u64;
    while text.len() < 5 << 20 {
        word = word
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{word:016x}"));
    }
    text.push_str("\"}");
    std::fs::write(&path, text).unwrap();
    let record = phone.vault.persons().unwrap()[0].record;
    let report = phone.vault.import(record, &[path], None).unwrap();
    assert!(report.files[0].rejected.is_empty(), "{report:?}");
}

/// As the platform's transfer service would.
fn carry(relay: &FakeRelay, transfer: &Transfer) -> HttpResponse {
    let mut body = Vec::new();
    if let Some(file) = &transfer.file {
        let mut file = std::fs::File::open(file).unwrap();
        file.seek(SeekFrom::Start(transfer.offset)).unwrap();
        file.take(transfer.length).read_to_end(&mut body).unwrap();
    }
    let headers = transfer.headers.iter();
    let request = HttpRequest {
        method: match transfer.direction {
            Direction::Upload => Method::Put,
            Direction::Download => Method::Get,
        },
        url: transfer.url.clone(),
        headers: headers
            .map(|(name, value)| (&*name.clone().leak(), value.clone()))
            .collect(),
        body,
        max_answer: usize::MAX,
        timeout: Duration::from_secs(30),
    };
    relay.send(request).unwrap()
}

/// Carries everything there is; returns how many parts that were.
fn carry_all(relay: &FakeRelay, phone: &Phone) -> usize {
    let mut parts = 0;
    loop {
        let transfers = phone.vault.transfers().unwrap();
        if transfers.is_empty() {
            return parts;
        }
        for transfer in transfers {
            let response = carry(relay, &transfer);
            assert_eq!(response.status, 200);
            let fetched = phone.folder.path().join("fetched");
            std::fs::write(&fetched, &response.body).unwrap();
            phone
                .vault
                .finish_transfer(&transfer.id, Some(&fetched))
                .unwrap();
            parts += 1;
            assert!(parts < 20, "it never ends");
        }
    }
}

/// A phone whose document the relay does not have yet, and another that has not even heard of it.
fn start() -> (Arc<FakeRelay>, Phone, Phone) {
    let relay = FakeRelay::new();
    let old = Phone::found(&relay);
    let new = old.add(&relay);
    new.sync().unwrap();
    old.sync().unwrap();
    import_document(&old);
    // In the background a document is left to the platform.
    assert!(
        old.vault
            .sync_background(None, None, None)
            .unwrap()
            .complete
    );
    (relay, old, new)
}

#[test]
fn a_document_travels_by_the_platform_alone() {
    let (relay, old, new) = start();
    assert_eq!(carry_all(&relay, &old), 2);
    new.vault.sync_background(None, None, None).unwrap();
    assert!(
        new.vault.transfers().unwrap().is_empty(),
        "before it is merged"
    );
    new.vault.merge_inbox(None, None).unwrap();
    assert_eq!(carry_all(&relay, &new), 2);
    new.check();
    relay.paths();
    // The sync asks once whether the upload arrived, and moves nothing.
    assert!(old.sync().unwrap().complete);
    assert_eq!(relay.paths().len(), 2);
    assert!(old.sync().unwrap().complete && new.sync().unwrap().complete);
    assert_eq!(relay.paths(), ["exchange", "exchange"]);
}

#[test]
fn the_sync_goes_on_where_the_platform_stopped() {
    let (relay, old, new) = start();
    let first = old.vault.transfers().unwrap().remove(0);
    assert_eq!((first.direction, first.offset), (Direction::Upload, 0));
    carry(&relay, &first);
    old.vault.finish_transfer(&first.id, None).unwrap();
    let second = old.vault.transfers().unwrap().remove(0);
    assert_eq!(second.offset, first.length);
    assert!(old.sync().unwrap().complete);
    assert!(old.vault.transfers().unwrap().is_empty());

    new.vault.sync_background(None, None, None).unwrap();
    new.vault.merge_inbox(None, None).unwrap();
    let first = new.vault.transfers().unwrap().remove(0);
    let fetched = new.folder.path().join("fetched");
    std::fs::write(&fetched, carry(&relay, &first).body).unwrap();
    assert!(
        !new.vault
            .finish_transfer(&first.id, Some(&fetched))
            .unwrap()
    );
    // Twice, and late.
    assert!(
        !new.vault
            .finish_transfer(&first.id, Some(&fetched))
            .unwrap()
    );
    let report = new.sync().unwrap();
    assert!(
        report.complete && report.bytes_received < 2 << 20,
        "{report:?}"
    );
    new.check();
}

#[test]
fn other_bytes_become_no_document() {
    let (relay, old, new) = start();
    carry_all(&relay, &old);
    new.vault.sync_background(None, None, None).unwrap();
    new.vault.merge_inbox(None, None).unwrap();
    let fetched = new.folder.path().join("fetched");
    let wrong = |transfer: &Transfer, bytes: &[u8]| {
        std::fs::write(&fetched, bytes).unwrap();
        new.vault.finish_transfer(&transfer.id, Some(&fetched))
    };
    let first = new.vault.transfers().unwrap().remove(0);
    for length in [0, first.length - 1, first.length + 1] {
        let cut = vec![7; usize::try_from(length).unwrap()];
        assert!(matches!(
            wrong(&first, &cut),
            Err(VaultError::RelayGarbled(_))
        ));
    }
    let bent = vec![7; usize::try_from(first.length).unwrap()];
    assert!(!wrong(&first, &bent).unwrap());
    let second = new.vault.transfers().unwrap().remove(0);
    assert_eq!(second.offset, first.length);
    let honest = carry(&relay, &second).body;
    assert!(matches!(
        wrong(&second, &honest),
        Err(VaultError::RelayGarbled(_))
    ));
    // Nothing of it is left, and the true bytes are still wanted.
    assert_eq!(carry_all(&relay, &new), 2);
    new.check();
    for id in ["", "zz-1-1", &second.id.replace('-', "_")] {
        assert!(matches!(
            new.vault.finish_transfer(id, None),
            Err(VaultError::NotFound(_))
        ));
    }
}

#[test]
fn nothing_readable_is_in_what_the_platform_sees() {
    let (_relay, old, _new) = start();
    let seen = format!("{:?}", old.vault.transfers().unwrap());
    for word in ["Medication", "Camille", "First", "old.json", "fhir"] {
        assert!(!seen.contains(word), "{word}");
    }
}

#[test]
fn without_a_session_there_is_nothing_to_carry() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    import_document(&phone);
    assert!(phone.vault.transfers().unwrap().is_empty());
}
