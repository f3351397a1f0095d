//! The independent Python script's codes, and both sides of one whole pairing it played: `tests/vectors/rooms.py`.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::vectors::{fixed, hex, vectors};
use super::*;
use serde_json::Value;

fn of_type(name: &str) -> Vec<Value> {
    let all = vectors("pairing");
    all.into_iter()
        .filter(|vector| vector["type"] == name)
        .collect()
}

#[test]
fn codes_say_what_the_script_wrote() {
    let all = of_type("code");
    for vector in &all {
        let (name, text) = (&vector["name"], vector["text"].as_str().unwrap());
        match (
            vector["expect"].as_str().unwrap(),
            PairingCode::from_text(text),
        ) {
            ("ok", Ok(code)) => {
                assert_eq!(code.secret, fixed(&vector["secret"]), "{name}");
                assert_eq!(code.commitment, fixed(&vector["commitment"]), "{name}");
                assert_eq!(code.relay, vector["relay"].as_str().unwrap(), "{name}");
                let typed: String = text.to_uppercase().replace(' ', "-").replace('O', "0");
                assert_eq!(code.to_text().unwrap(), typed.replace('L', "1"), "{name}");
            }
            ("malformed", Err(Error::Pairing(_))) | ("unknown-version", Err(Error::Newer)) => {}
            (expect, outcome) => panic!("{name}: {expect}, {:?}", outcome.err()),
        }
    }
    assert_eq!(all.len(), 17);
}

/// The new phone of the vector: its keys are the script's, and so is its hello.
fn joiner(vector: &Value) -> Joiner {
    let code = PairingCode::from_text(vector["text"].as_str().unwrap()).unwrap();
    Joiner {
        text: code.to_text().unwrap(),
        epoch: derive_rendezvous(&code).unwrap(),
        ephemeral: KemSecret::from_seed(fixed(&vector["ephemeral_seed"])).unwrap(),
        hello: hex(&vector["hello"]),
        transcript: fixed(&vector["transcript"]),
        code,
    }
}

#[test]
fn the_new_phone_accepts_the_scripts_welcome() {
    let vector = &of_type("pairing")[0];
    let new_phone = joiner(vector);
    assert_eq!(new_phone.code.secret, fixed(&vector["secret"]));
    assert_eq!(new_phone.epoch.mailbox.0, fixed(&vector["mailbox"]));
    assert_eq!(new_phone.epoch.id.0, fixed(&vector["epoch"]));
    let secrets = &new_phone.epoch.secrets;
    assert_eq!(secrets.write, Some(fixed(&vector["write_secret"])));
    assert_eq!(secrets.retire, Some(fixed(&vector["retire_secret"])));
    let (welcome, ack) = new_phone.accept(&hex(&vector["welcome"])).unwrap();
    assert_eq!(welcome.account.0, fixed(&vector["account"]));
    assert_eq!(welcome.account_keys, hex(&vector["account_keys"]));
    assert_eq!(welcome.introducer.0, fixed(&vector["introducer"]));
    assert_eq!(welcome.floor.to_canonical(), hex(&vector["floor"]));
    assert_eq!(welcome.floor.len(), 2);
    let epochs = welcome.open_epochs().unwrap();
    let expected = vector["epochs"].as_array().unwrap();
    assert!(
        epochs
            .iter()
            .map(|(_, epoch)| epoch.id.0)
            .eq(expected.iter().map(fixed))
    );
    let (ours, _): (Ack, _) = read(&new_phone.epoch, &ack, ACK).unwrap();
    assert_eq!(ours.mac, fixed::<32>(&vector["mac"]));
}

#[test]
fn the_old_phone_reads_the_scripts_hello_and_ack() {
    let vector = &of_type("pairing")[0];
    let mut old_phone = Introducer::new(vector["text"].as_str().unwrap()).unwrap();
    let mailbox = [hex(&vector["hello"])];
    let found = old_phone
        .find_hello(mailbox.iter().map(Vec::as_slice))
        .unwrap();
    let card = old_phone.read_hello(found.unwrap()).unwrap();
    assert_eq!(card.id.0, fixed(&vector["device"]));
    assert_eq!(card.kem, hex(&vector["kem"]));
    assert_eq!(card.name, vector["device_name"].as_str().unwrap());
    let (_, transcript) = old_phone.hello.as_ref().unwrap();
    assert_eq!(*transcript, fixed(&vector["transcript"]));
    // A welcome of ours would be wrapped with other randomness: what it exports is taken from the script's.
    let (sealed, _): (SealedWelcome, _) =
        read(&old_phone.epoch, &hex(&vector["welcome"]), WELCOME).unwrap();
    let (_, context) = joiner(vector)
        .ephemeral
        .unwrap_with_psk(
            &derive_psk(&old_phone.code).unwrap(),
            PSK_ID,
            &welcome_info(transcript),
            &sealed.wrapped,
        )
        .unwrap();
    let key = receiver_key(&context).unwrap();
    let message = hex(&vector["welcome_message"]);
    old_phone.expected = Some(derive_mac(&key, transcript, &message));
    old_phone.check_ack(&hex(&vector["ack"])).unwrap();
    assert!(old_phone.check_ack(&hex(&vector["welcome"])).is_err());
}
