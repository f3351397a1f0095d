#![allow(clippy::unwrap_used, clippy::print_stderr)]
use super::super::body::tests::{fifty_observations, one_medication, one_observation};
use super::super::{EpochSecrets, pack_body, unpack_body};
use super::*;
use carnet_wire::{Author, CompartmentId, DeviceId, Incarnation, RecordId, Seen, kind};

const RECORD: RecordId = RecordId([1; 32]);
const COMPARTMENT: CompartmentId = CompartmentId([2; 16]);

fn epoch() -> Epoch {
    Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap()
}

/// A header as it is in daily use: two phones, one head of the roster, a few hundred changes.
fn header(device: &DeviceKeys, body: &[u8]) -> Header {
    let author = Author {
        device: device.id(),
        incarnation: Incarnation([3; 8]),
    };
    let other = Author {
        device: DeviceId([9; 32]),
        incarnation: Incarnation([4; 8]),
    };
    let mut seen = vec![
        Seen { author, seq: 299 },
        Seen {
            author: other,
            seq: 500,
        },
    ];
    seen.sort_unstable();
    Header {
        version: carnet_wire::HEADER_VERSION,
        record: RECORD,
        compartment: COMPARTMENT,
        author,
        seq: 300,
        prev: ChangeId([5; 32]),
        seen,
        frontier: vec![ChangeId([6; 32])],
        lamport: 800,
        kind: kind::CHANGE,
        body_hash: *blake3::hash(body).as_bytes(),
    }
}

fn inner_of(device: &DeviceKeys, header: &Header, body: Vec<u8>) -> Inner {
    let signed = sign_header(device, header);
    Inner {
        header: signed.header,
        signature: signed.signature,
        body,
    }
}

fn inner(device: &DeviceKeys, plain: &[u8]) -> Inner {
    let body = pack_body(plain).unwrap();
    inner_of(device, &header(device, &body), body)
}

fn sealed(epoch: &Epoch, device: &DeviceKeys) -> Envelope {
    let bytes = seal(epoch, device, &inner(device, &one_observation())).unwrap();
    Envelope::from_bytes(&bytes).unwrap()
}

fn opens(epoch: &Epoch, device: &DeviceKeys, inner: &Inner) -> Result<Opened> {
    open(epoch, &Envelope::from_bytes(&seal(epoch, device, inner)?)?)
}

#[test]
fn a_change_comes_back_with_its_identity() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let inner = inner(&device, &one_observation());
    let opened = opens(&epoch, &device, &inner).unwrap();
    assert_eq!(opened.header_bytes, inner.header);
    assert_eq!(opened.id, ChangeId::derive(&inner.header));
    assert_eq!(unpack_body(&opened.body).unwrap(), one_observation());
    let later = Epoch::make(RECORD, COMPARTMENT, vec![epoch.id]).unwrap();
    assert_eq!(
        opens(&later, &device, &inner).unwrap(),
        opened,
        "sealed again, the same change"
    );
}

/// The epoch puts in what does not travel.
#[test]
fn a_change_that_claims_another_body_or_place_opens_as_what_it_is_or_not_at_all() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let honest = inner(&device, b"honest");
    let claim = Header {
        record: RecordId([8; 32]),
        body_hash: [8; 32],
        ..Header::from_bytes(&honest.header).unwrap()
    };
    let claimed = Inner {
        header: claim.to_canonical(),
        ..honest.clone()
    };
    let opened = opens(&epoch, &device, &claimed).unwrap();
    assert_eq!(opened.header_bytes, honest.header);
}

#[test]
fn one_entry_takes_at_most_640_bytes_on_the_wire() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    for plain in [one_observation(), one_medication()] {
        let length = seal(&epoch, &device, &inner(&device, &plain))
            .unwrap()
            .len();
        assert!(
            length <= 640,
            "{length} bytes, {} of them body",
            pack_body(&plain).unwrap().len()
        );
    }
}

#[test]
fn fifty_entries_take_at_most_160_bytes_each() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let length = seal(&epoch, &device, &inner(&device, &fifty_observations()))
        .unwrap()
        .len();
    assert!(length <= 50 * 160, "{} bytes an entry", length / 50);
}

#[test]
fn every_changed_byte_of_an_envelope_is_noticed() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let bytes = sealed(&epoch, &device).to_canonical();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let opened = Envelope::from_bytes(&changed)
            .map_err(Error::from)
            .and_then(|envelope| open(&epoch, &envelope));
        assert!(opened.is_err(), "byte {at}");
    }
}

#[test]
fn every_cut_of_a_ciphertext_is_noticed() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let mut envelope = sealed(&epoch, &device);
    while envelope.ciphertext.pop().is_some() {
        assert!(matches!(open(&epoch, &envelope), Err(Error::Unsealable)));
    }
}

#[test]
fn an_envelope_opens_under_its_own_epoch_and_mailbox_only() {
    let (one, other, device) = (epoch(), epoch(), DeviceKeys::make().unwrap());
    let envelope = sealed(&one, &device);
    assert!(matches!(open(&other, &envelope), Err(Error::Unsealable)));
    // The same, relabelled by a relay: the labels are associated data.
    let moved = Envelope {
        mailbox: other.mailbox,
        epoch: other.id,
        ..envelope.clone()
    };
    assert!(matches!(open(&other, &moved), Err(Error::Unsealable)));
    // Even with the right key under another label.
    let mut relabelled = one.clone();
    (relabelled.id, relabelled.mailbox) = (other.id, other.mailbox);
    assert!(matches!(open(&relabelled, &moved), Err(Error::Unsealable)));
    let suite = Envelope {
        suite: 2,
        ..envelope
    };
    assert!(matches!(
        open(&one, &suite),
        Err(Error::Wire(WireError::UnknownVersion))
    ));
}

#[test]
fn a_change_of_another_record_or_compartment_is_refused() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let body = pack_body(b"body").unwrap();
    let places = [
        (RecordId([8; 32]), COMPARTMENT),
        (RECORD, CompartmentId([8; 16])),
    ];
    for (record, compartment) in places {
        let header = Header {
            record,
            compartment,
            ..header(&device, &body)
        };
        let result = opens(&epoch, &device, &inner_of(&device, &header, body.clone()));
        assert!(matches!(result, Err(Error::Unauthorised(_))));
    }
}

/// A member with the epoch's keys may try what a relay cannot.
#[test]
fn a_member_can_neither_write_for_another_device_nor_change_its_words() {
    let (epoch, mum, dad) = (
        epoch(),
        DeviceKeys::make().unwrap(),
        DeviceKeys::make().unwrap(),
    );
    let honest = inner(&mum, b"honest");
    let forged = inner_of(&dad, &header(&mum, &honest.body), honest.body.clone());
    let other_body = Inner {
        body: pack_body(b"forged").unwrap(),
        ..honest.clone()
    };
    let later = Header {
        lamport: 801,
        ..header(&mum, &honest.body)
    };
    let other_header = Inner {
        header: later.to_canonical(),
        ..honest.clone()
    };
    let mut flipped = honest.clone();
    flipped.signature[40] ^= 1;
    for attempt in [forged, other_body, other_header, flipped] {
        assert!(matches!(
            opens(&epoch, &dad, &attempt),
            Err(Error::Unauthorised(_))
        ));
    }
    assert!(
        opens(&epoch, &dad, &honest).is_ok(),
        "passing it on is harmless"
    );
}

#[test]
fn malformed_insides_are_refused_without_a_panic() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    let secret = device.nonce_secret();
    let padded = inner(&device, b"body").to_padded().unwrap();
    let mut insides = vec![
        vec![],
        vec![0; 3],
        vec![0xff; 128],
        vec![0; 128],
        vec![0; 256],
    ];
    let (mut longer, mut stained) = (padded.clone(), padded.clone());
    longer.extend_from_slice(&[0; 128]);
    *stained.last_mut().unwrap() = 1;
    insides.extend([longer, stained]);
    for inside in insides {
        let bytes = seal_plaintext(&epoch, secret, &inside).unwrap();
        assert!(open(&epoch, &Envelope::from_bytes(&bytes).unwrap()).is_err());
    }
    let body = pack_body(b"body").unwrap();
    let unsorted = Header {
        frontier: vec![ChangeId([6; 32]); 2],
        ..header(&device, &body)
    };
    let newer = Header {
        version: 2,
        ..header(&device, &body)
    };
    for header in [unsorted, newer] {
        let result = opens(&epoch, &device, &inner_of(&device, &header, body.clone()));
        assert!(matches!(result, Err(Error::Wire(_))));
    }
}

#[test]
fn nonces_differ_for_one_plaintext_and_oversize_changes_are_refused() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    assert_ne!(sealed(&epoch, &device).nonce, sealed(&epoch, &device).nonce);
    for length in [
        limits::MAX_ENVELOPE_BYTES - 200,
        limits::MAX_ENVELOPE_BYTES + 1,
    ] {
        let body = vec![7; length];
        let inner = inner_of(&device, &header(&device, &body), body);
        assert!(matches!(
            seal(&epoch, &device, &inner),
            Err(Error::TooLarge(_))
        ));
    }
}

#[test]
fn two_members_cannot_be_given_two_keys_for_one_epoch() {
    let epoch = epoch();
    let other = EpochSecrets {
        read: [1; 32],
        ..epoch.secrets.clone()
    };
    let taken = Epoch::from_secrets(RECORD, COMPARTMENT, vec![], other, epoch.id);
    assert!(matches!(taken, Err(Error::Unauthorised(_))));
}

#[test]
#[ignore = "a measurement"]
fn measure_sizes() {
    let (epoch, device) = (epoch(), DeviceKeys::make().unwrap());
    for plain in [one_observation(), one_medication(), fifty_observations()] {
        let inner = inner(&device, &plain);
        let (header, body) = (inner.header.len(), inner.body.len());
        let envelope = seal(&epoch, &device, &inner).unwrap().len();
        eprintln!(
            "change {} B: body {body} B, header {header} B, envelope {envelope} B",
            plain.len()
        );
    }
}
