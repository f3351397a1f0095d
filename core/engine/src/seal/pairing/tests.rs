#![allow(clippy::unwrap_used)]
use super::super::AccountKeys;
use super::message::open_message;
use super::*;
use carnet_wire::{AccountId, Author, DeviceId, Envelope, Incarnation, Seen};

struct Met {
    joiner: Joiner,
    introducer: Introducer,
    phone: DeviceKeys,
}

fn meet() -> Met {
    let phone = DeviceKeys::make().unwrap();
    let joiner = Joiner::make(&phone, "Téléphone de Zoé", "http://127.0.0.1:4321").unwrap();
    let introducer = Introducer::new(&joiner.code()).unwrap();
    Met {
        joiner,
        introducer,
        phone,
    }
}

fn floor_chain(seq: u64) -> FloorChain {
    FloorChain {
        record: RecordId([1; 32]),
        compartment: CompartmentId([2; 16]),
        seen: Seen {
            author: Author {
                device: DeviceId([3; 32]),
                incarnation: Incarnation([4; 8]),
            },
            seq,
        },
    }
}

#[test]
fn a_full_floor_fits_in_a_welcome_and_a_longer_one_is_refused() {
    let mut full = welcome();
    assert_eq!(full.floor.len(), MAX_FLOOR_CHAINS);
    let mut met = meet();
    met.introducer
        .read_hello(&met.joiner.hello().unwrap())
        .unwrap();
    full.floor.push(floor_chain(8));
    assert!(met.introducer.welcome(&full).is_err());
    full.floor.pop();
    let reply = met.introducer.welcome(&full).unwrap();
    assert_eq!(met.joiner.accept(&reply).unwrap().0.floor, full.floor);
}

fn welcome() -> Welcome {
    let account = AccountId([5; 32]);
    let record = RecordId(account.0);
    let epochs = ["devices", "keyring"].map(|name| {
        let compartment = CompartmentId::derive(record, name);
        WelcomeEpoch {
            name: name.to_owned(),
            grant: Epoch::make(record, compartment, vec![]).unwrap().grant(),
        }
    });
    let keys = AccountKeys::make().unwrap().to_bytes();
    let floor = vec![floor_chain(7); MAX_FLOOR_CHAINS + 1];
    Welcome::new(account, &keys, epochs.into(), DeviceId([6; 32]), floor)
}

fn is_pairing_error<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Pairing(_)))
}

#[test]
fn two_phones_pair_with_one_code() {
    let mut met = meet();
    assert!(met.joiner.code().len() <= 120);
    assert_eq!(met.introducer.relay(), "http://127.0.0.1:4321");
    assert_eq!(met.introducer.epoch(), met.joiner.epoch());
    let card = met
        .introducer
        .read_hello(&met.joiner.hello().unwrap())
        .unwrap();
    assert_eq!(
        (card.id, card.name.as_str()),
        (met.phone.id(), "Téléphone de Zoé")
    );
    assert_eq!(card.kem, met.phone.kem_public());
    let sent = welcome();
    let reply = met.introducer.welcome(&sent).unwrap();
    let (received, ack) = met.joiner.accept(&reply).unwrap();
    assert_eq!(received, sent);
    assert_eq!(received.open_epochs().unwrap().len(), 2);
    met.introducer.check_ack(&ack).unwrap();
}

#[test]
fn the_rendezvous_is_an_ordinary_mailbox_that_the_relay_forgets() {
    let met = meet();
    let registered = met
        .joiner
        .epoch()
        .registration(PAIRING_LIFETIME_SECONDS)
        .unwrap();
    assert_eq!(registered.lifetime, 120);
    assert_eq!(registered.mailbox, met.introducer.epoch().mailbox);
    let hello = Envelope::from_bytes(&met.joiner.hello().unwrap()).unwrap();
    assert_eq!(hello.mailbox, registered.mailbox);
}

#[test]
fn a_wrong_code_leads_elsewhere_and_opens_nothing() {
    let (mut met, other) = (meet(), meet());
    assert_ne!(met.introducer.epoch().mailbox, other.joiner.epoch().mailbox);
    assert!(is_pairing_error(
        &met.introducer.read_hello(&other.joiner.hello().unwrap())
    ));
    let typo = met.joiner.code().replacen(|c: char| c != '-', "2", 1);
    assert!(is_pairing_error(&Introducer::new(&typo).map(|_| ())));
}

/// Somebody photographed the code: they know the secret and the commitment, but not the phone's keys.
#[test]
fn who_saw_the_code_can_neither_replace_the_key_nor_the_card() {
    let mut met = meet();
    let (epoch, code) = (met.joiner.epoch().clone(), met.joiner.code.clone());
    let (hello, _): (Hello, _) = read(&epoch, &met.joiner.hello, HELLO).unwrap();
    let thief = DeviceKeys::make().unwrap();
    let forge = |ephemeral: &[u8], card: DeviceCard| {
        let signature = thief.sign(&hello_bytes(&epoch, ephemeral, &card));
        let forged = Hello {
            kind: HELLO,
            version: MESSAGE_VERSION,
            ephemeral: ephemeral.to_vec(),
            card,
            signature,
        };
        seal_message(&epoch, &forged.to_canonical()).unwrap()
    };
    let own_key = KemSecret::make().unwrap();
    let attempts = [
        forge(own_key.public(), hello.card.clone()),
        forge(&hello.ephemeral, thief.card("Téléphone de Zoé").unwrap()),
        forge(own_key.public(), thief.card("Téléphone de Zoé").unwrap()),
        forge(&hello.ephemeral, hello.card.clone()),
    ];
    for attempt in &attempts {
        assert!(is_pairing_error(&met.introducer.read_hello(attempt)));
    }
    assert_eq!(code, met.introducer.code);
}

#[test]
fn a_welcome_opens_for_its_hello_only() {
    let (mut met, other) = (meet(), meet());
    met.introducer
        .read_hello(&met.joiner.hello().unwrap())
        .unwrap();
    let reply = met.introducer.welcome(&welcome()).unwrap();
    assert!(is_pairing_error(&other.joiner.accept(&reply)));
    // Even a thief who can read the mailbox and knows the psk lacks the ephemeral key.
    let (sealed, _): (SealedWelcome, _) = read(met.joiner.epoch(), &reply, WELCOME).unwrap();
    let psk = derive_psk(&met.joiner.code).unwrap();
    let info = welcome_info(&met.joiner.transcript);
    let own_key = KemSecret::make().unwrap();
    assert!(
        own_key
            .unwrap_with_psk(&psk, PSK_ID, &info, &sealed.wrapped)
            .is_err()
    );
}

#[test]
fn a_welcome_without_the_code_is_refused() {
    let met = meet();
    let (hello, _): (Hello, _) = read(met.joiner.epoch(), &met.joiner.hello, HELLO).unwrap();
    let info = welcome_info(&met.joiner.transcript);
    let bytes = welcome().to_bytes().unwrap();
    let (wrapped, _) = wrap_with_psk(&hello.ephemeral, &[0; 32], PSK_ID, &info, &bytes).unwrap();
    let message = SealedWelcome {
        kind: WELCOME,
        version: MESSAGE_VERSION,
        wrapped,
    };
    let reply = seal_message(met.joiner.epoch(), &message.to_canonical()).unwrap();
    assert!(is_pairing_error(&met.joiner.accept(&reply)));
}

#[test]
fn messages_cannot_be_swapped() {
    let mut met = meet();
    let hello = met.joiner.hello().unwrap();
    met.introducer.read_hello(&hello).unwrap();
    let reply = met.introducer.welcome(&welcome()).unwrap();
    let (_, ack) = met.joiner.accept(&reply).unwrap();
    for wrong in [&hello, &ack] {
        assert!(is_pairing_error(&met.joiner.accept(wrong)));
    }
    for wrong in [&hello, &reply] {
        assert!(is_pairing_error(&met.introducer.check_ack(wrong)));
    }
    let kinds = [&hello, &reply, &ack].map(|envelope| met.introducer.classify(envelope));
    assert_eq!(kinds, [Message::Hello, Message::Welcome, Message::Ack]);
    assert_eq!(met.introducer.classify(b"noise"), Message::Other);
    let mut fresh = Introducer::new(&met.joiner.code()).unwrap();
    for wrong in [&reply, &ack] {
        assert!(is_pairing_error(&fresh.read_hello(wrong)));
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let mut met = meet();
    let hello = met.joiner.hello().unwrap();
    for at in (0..hello.len()).step_by(41).chain([hello.len() - 1]) {
        let mut changed = hello.clone();
        changed[at] ^= 1;
        assert!(
            is_pairing_error(&met.introducer.read_hello(&changed)),
            "byte {at}"
        );
    }
    met.introducer.read_hello(&hello).unwrap();
    let reply = met.introducer.welcome(&welcome()).unwrap();
    for at in (0..reply.len()).step_by(41).chain([reply.len() - 1]) {
        let mut changed = reply.clone();
        changed[at] ^= 1;
        assert!(is_pairing_error(&met.joiner.accept(&changed)), "byte {at}");
    }
}

#[test]
fn a_used_code_is_refused() {
    let mut met = meet();
    let hello = met.joiner.hello().unwrap();
    let once = [hello.as_slice()];
    assert_eq!(
        met.introducer.find_hello(once).unwrap(),
        Some(hello.as_slice())
    );
    assert_eq!(met.introducer.find_hello([]).unwrap(), None);
    let twice = [hello.as_slice(), b"noise", hello.as_slice()];
    assert!(
        met.introducer.find_hello(twice).unwrap().is_some(),
        "the same bytes are one hello"
    );
    let message = open_message(met.joiner.epoch(), &hello).unwrap();
    let again = seal_message(met.joiner.epoch(), &message).unwrap();
    assert!(is_pairing_error(
        &met.introducer
            .find_hello([hello.as_slice(), again.as_slice()])
    ));

    met.introducer.read_hello(&hello).unwrap();
    assert!(is_pairing_error(&met.introducer.read_hello(&hello)));
    let reply = met.introducer.welcome(&welcome()).unwrap();
    assert!(is_pairing_error(&met.introducer.welcome(&welcome())));
    let late = Introducer::new(&met.joiner.code()).unwrap();
    assert!(is_pairing_error(
        &late.find_hello([hello.as_slice(), reply.as_slice()])
    ));
}

#[test]
fn two_answers_to_one_code_are_refused() {
    let mut met = meet();
    let mut thief = Introducer::new(&met.joiner.code()).unwrap();
    let hello = met.joiner.hello().unwrap();
    let replies = [&mut met.introducer, &mut thief].map(|introducer| {
        introducer.read_hello(&hello).unwrap();
        introducer.welcome(&welcome()).unwrap()
    });
    let mailbox = [
        hello.as_slice(),
        replies[0].as_slice(),
        replies[1].as_slice(),
    ];
    assert!(is_pairing_error(&met.joiner.find_welcome(mailbox)));
    assert!(
        met.joiner
            .find_welcome(mailbox[..2].iter().copied())
            .unwrap()
            .is_some()
    );
}

#[test]
fn an_ack_of_another_welcome_is_refused() {
    let mut met = meet();
    let mut second = Introducer::new(&met.joiner.code()).unwrap();
    let hello = met.joiner.hello().unwrap();
    met.introducer.read_hello(&hello).unwrap();
    second.read_hello(&hello).unwrap();
    met.introducer.welcome(&welcome()).unwrap();
    let (_, ack) = met
        .joiner
        .accept(&second.welcome(&welcome()).unwrap())
        .unwrap();
    assert!(is_pairing_error(&met.introducer.check_ack(&ack)));
    second.check_ack(&ack).unwrap();
}

#[test]
fn a_welcome_with_secrets_that_are_not_the_epochs_own_is_refused() {
    let mut met = meet();
    met.introducer
        .read_hello(&met.joiner.hello().unwrap())
        .unwrap();
    let mut sent = welcome();
    sent.epochs[0].grant.secrets.read[0] ^= 1;
    let reply = met.introducer.welcome(&sent).unwrap();
    assert!(matches!(
        met.joiner.accept(&reply),
        Err(Error::Unauthorised(_))
    ));
    assert_eq!(format!("{sent:?}"), format!("Welcome({}, …)", sent.account));
}
