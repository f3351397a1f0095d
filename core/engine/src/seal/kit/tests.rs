#![allow(clippy::unwrap_used, clippy::panic)]
use super::super::pairing::WelcomeEpoch;
use super::super::vectors::{fixed, hex, vectors};
use super::super::{AccountKeys, verify};
use super::*;
use carnet_wire::AccountId;

fn message(error: &Error) -> &'static str {
    match error {
        Error::Invalid(text) => text,
        other => panic!("{other:?}"),
    }
}

/// `tests/vectors/people.py` wrote them from the prose.
#[test]
fn words_keys_and_codes_are_those_of_the_script() {
    let mut seen = 0;
    for vector in vectors("kits") {
        let text = vector["text"].as_str().unwrap();
        match vector["expect"].as_str().unwrap() {
            "ok" => {
                let kit = RecoveryKit::from_words(text).unwrap();
                assert_eq!(
                    *kit.entropy,
                    fixed(&vector["entropy"]),
                    "{}",
                    vector["name"]
                );
                assert_eq!(
                    *kit.words(WordLanguage::English),
                    vector["english"].as_str().unwrap()
                );
                assert_eq!(
                    *kit.words(WordLanguage::French),
                    vector["french"].as_str().unwrap()
                );
                let card = kit.card("kit").unwrap();
                assert_eq!(card.id.0, fixed(&vector["device"]));
                assert_eq!(card.kem, hex(&vector["kem"]));
                assert_eq!(kit.mailbox().unwrap().mailbox.0, fixed(&vector["mailbox"]));
                let code = vector["code"].as_str().unwrap();
                assert_eq!(*kit.code("https://relay.example").unwrap(), code);
                let (read, relay) = RecoveryKit::from_code(code).unwrap();
                assert_eq!((read, &*relay), (kit, "https://relay.example"));
            }
            "refused" => {
                let error = RecoveryKit::from_words(text).unwrap_err();
                let says = vector["says"].as_str().unwrap();
                assert!(
                    message(&error).contains(says),
                    "{}: {error}",
                    vector["name"]
                );
            }
            other => panic!("{other}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn what_people_write_is_read_and_a_wrong_word_is_named_by_its_place() {
    for language in WordLanguage::ALL {
        let kit = RecoveryKit::make().unwrap();
        let words = kit.words(language);
        let listed: Vec<&str> = words.split(' ').collect();
        let numbered: String = (1..)
            .zip(&listed)
            .map(|(number, word)| format!("{number}. {}\n", word.to_uppercase()))
            .collect();
        let short: String = listed
            .iter()
            .map(|word| word.chars().take(4).collect::<String>() + ", ")
            .collect();
        for text in [words.as_str(), &numbered, &short] {
            assert_eq!(RecoveryKit::from_words(text).unwrap(), kit, "{text}");
        }
        for at in 0..KIT_WORDS {
            let mut wrong = listed.clone();
            wrong[at] = "xylophage";
            let error = RecoveryKit::from_words(&wrong.join(" ")).unwrap_err();
            let text = message(&error);
            assert!(text.starts_with(&format!("word {} of", at + 1)), "{text}");
            assert!(!text.contains("xylophage"));
        }
        let mut swapped = listed.clone();
        swapped.swap(3, 4);
        swapped.swap(10, 20);
        // One in 256 orders has a good checksum, and is another kit.
        match RecoveryKit::from_words(&swapped.join(" ")) {
            Ok(other) => assert_ne!(other, kit),
            Err(error) => assert!(message(&error).contains("do not fit together")),
        }
        for text in ["", "one two", &listed[1..].join(" "), &"a ".repeat(5000)] {
            assert!(message(&RecoveryKit::from_words(text).unwrap_err()).contains("24 words"));
        }
    }
}

#[test]
fn a_kit_is_a_device_of_its_own_kind_and_knows_its_card() {
    let kit = RecoveryKit::make().unwrap();
    let card = kit.card("Fiche de secours").unwrap();
    assert_eq!(card.kind, DeviceKind::Recovery);
    assert!(kit.matches(&card).unwrap());
    assert!(!RecoveryKit::make().unwrap().matches(&card).unwrap());
    let signature = kit.device().unwrap().sign(b"message");
    assert!(verify(card.id, b"message", &signature).is_ok());
    assert_eq!(format!("{kit:?}"), "RecoveryKit(…)");
}

#[test]
fn a_letter_brings_the_account_to_the_words_and_to_nobody_else() {
    let kit = RecoveryKit::make().unwrap();
    let (card, mailbox) = (kit.card("kit").unwrap(), kit.mailbox().unwrap());
    let account = AccountId([7; 32]);
    let record = RecordId(account.0);
    let compartment = CompartmentId::derive(record, "devices");
    let epoch = Epoch::make(record, compartment, Vec::new()).unwrap();
    let keys = AccountKeys::make().unwrap();
    let epochs = vec![WelcomeEpoch {
        name: "devices".into(),
        grant: epoch.grant(),
    }];
    let welcome = Welcome::new(account, &keys.to_bytes(), epochs, DeviceId([3; 32]), vec![]);
    let letter = write_letter(&mailbox, &card, &welcome).unwrap();
    assert_eq!(kit.open_letter(&letter).unwrap(), welcome);
    assert!(RecoveryKit::make().unwrap().open_letter(&letter).is_err());
    for at in [0, 60, letter.len() / 2, letter.len() - 1] {
        let mut changed = letter.clone();
        changed[at] ^= 1;
        assert!(kit.open_letter(&changed).is_err(), "byte {at}");
    }
    // Who has the mailbox's secrets, as every phone does, still cannot open it.
    let other = RecoveryKit::make().unwrap();
    let device = other.device().unwrap();
    let opened = open_letter(&mailbox, &letter, |wrapped| {
        device.unwrap(&letter_info(card.id), wrapped)
    });
    assert!(opened.is_err());
}

#[test]
fn slips_in_a_code_are_noticed_and_later_versions_said() {
    let kit = RecoveryKit::make().unwrap();
    let code = kit.code("http://r").unwrap();
    let mut slip = code.as_bytes().to_vec();
    slip[7] = if slip[7] == b'X' { b'Y' } else { b'X' };
    assert!(RecoveryKit::from_code(core::str::from_utf8(&slip).unwrap()).is_err());
    assert!(RecoveryKit::from_code("").is_err());
    assert!(kit.code("ftp://r").is_err());
    let mut later = read_code(DOMAIN, &code).unwrap();
    later[0] = 2;
    assert!(matches!(
        RecoveryKit::from_code(&write_code(DOMAIN, &later)),
        Err(Error::Newer)
    ));
}
