#![allow(clippy::unwrap_used, clippy::panic)]
use super::super::vectors::{fixed, hex, vectors};
use super::*;

const RELAY: &str = "https://relay.example";

/// An append-only mailbox.
#[derive(Default)]
struct Mailbox(Vec<Vec<u8>>);

impl Mailbox {
    fn put(&mut self, envelope: &[u8]) {
        self.0.push(envelope.to_vec());
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.0.iter().map(Vec::as_slice)
    }
}

fn meet() -> (Host, Guest, Mailbox) {
    let host = Host::make(RELAY, b"Mum").unwrap();
    let guest = Guest::make(&host.code().to_text().unwrap(), b"the nurse").unwrap();
    (host, guest, Mailbox::default())
}

fn exchange(host: &mut Host, guest: &mut Guest, mailbox: &mut Mailbox) {
    mailbox.put(guest.commit());
    let offer = host.read_commit(mailbox.all()).unwrap().unwrap();
    mailbox.put(&offer);
    assert_eq!(guest.read_offer(mailbox.all()).unwrap().unwrap(), b"Mum");
    mailbox.put(&guest.answer(b"signed").unwrap());
    let (said, more) = host.read_answer(mailbox.all()).unwrap().unwrap();
    assert_eq!((said, more), (b"the nurse".to_vec(), b"signed".to_vec()));
}

#[test]
fn two_who_meet_hear_the_same_words_and_the_grant_arrives() {
    let (mut host, mut guest, mut mailbox) = meet();
    assert!(host.read_commit(mailbox.all()).unwrap().is_none());
    exchange(&mut host, &mut guest, &mut mailbox);
    for language in WordLanguage::ALL {
        let words = host.authentication().unwrap().words(language).unwrap();
        assert_eq!(
            words,
            guest.authentication().unwrap().words(language).unwrap()
        );
        assert_eq!(words.len(), COMPARED_WORDS);
    }
    let keys = AccountKeys::make().unwrap();
    assert!(guest.read_grant(mailbox.all(), &keys).unwrap().is_none());
    mailbox.put(&host.grant(&keys.kem_public(), b"roster").unwrap());
    let granted = guest.read_grant(mailbox.all(), &keys).unwrap().unwrap();
    assert_eq!(granted.as_slice(), b"roster");
    let other = AccountKeys::make().unwrap();
    assert!(guest.read_grant(mailbox.all(), &other).is_err());
}

/// A process may end between any two steps, and everything may be sent twice.
#[test]
fn every_step_survives_a_restart_and_a_repetition() {
    let (mut host, mut guest, mut mailbox) = meet();
    let turn = |host: &mut Host, guest: &mut Guest| {
        *host = Host::from_bytes(&host.to_bytes()).unwrap();
        *guest = Guest::from_bytes(&guest.to_bytes()).unwrap();
    };
    for _ in 0..2 {
        mailbox.put(guest.commit());
        turn(&mut host, &mut guest);
        let offer = host.read_commit(mailbox.all()).unwrap().unwrap();
        mailbox.put(&offer);
        turn(&mut host, &mut guest);
        guest.read_offer(mailbox.all()).unwrap().unwrap();
        turn(&mut host, &mut guest);
        let answer = guest.answer(b"signed").unwrap();
        assert_eq!(guest.answer(b"something else").unwrap(), answer);
        mailbox.put(&answer);
        turn(&mut host, &mut guest);
        host.read_answer(mailbox.all()).unwrap().unwrap();
        turn(&mut host, &mut guest);
    }
    assert_eq!(
        host.authentication().unwrap(),
        guest.authentication().unwrap()
    );
    assert!(Host::from_bytes(&guest.to_bytes()).is_err());
    assert_eq!(
        format!("{host:?} {guest:?} {:?}", host.code()),
        "Host(…) Guest(…) InvitationCode(…)"
    );
}

/// Somebody who read the link answers both sides. The words differ, whatever they copy.
#[test]
fn whoever_stands_between_is_heard() {
    let (mut host, mut guest, _) = meet();
    let link = host.code().to_text().unwrap();
    let mut false_guest = Guest::make(&link, b"the nurse").unwrap();
    let mut to_host = Mailbox::default();
    exchange(&mut host, &mut false_guest, &mut to_host);
    let code = InvitationCode::from_text(&link).unwrap();
    let mut false_host = Host::with_nonce(code, host.offer.nonce, b"Mum").unwrap();
    let mut to_guest = Mailbox::default();
    exchange(&mut false_host, &mut guest, &mut to_guest);
    let (one, other) = (
        host.authentication().unwrap(),
        guest.authentication().unwrap(),
    );
    assert_ne!(
        one.words(WordLanguage::French).unwrap(),
        other.words(WordLanguage::French).unwrap()
    );
    // In one mailbox both would be seen at once.
    to_host.0.extend(to_guest.0);
    assert!(matches!(
        host.read_commit(to_host.all()),
        Err(Error::Pairing(_))
    ));
    assert!(matches!(
        guest.read_offer(to_host.all()),
        Err(Error::Pairing(_))
    ));
}

#[test]
fn what_was_not_committed_to_is_refused_and_what_comes_after_changes_no_word() {
    let (mut host, mut guest, mut mailbox) = meet();
    exchange(&mut host, &mut guest, &mut mailbox);
    let words = host.authentication().unwrap();
    let epoch = host.code().mailbox().unwrap();
    let answer = |nonce, said: &[u8], more: &[u8]| {
        let answer = Answer {
            kind: ANSWER,
            version: VERSION,
            nonce,
            guest: said.to_vec(),
            more: more.to_vec(),
        };
        seal_message(&epoch, &answer.to_canonical()).unwrap()
    };
    let before: Vec<Vec<u8>> = mailbox.0[..2].to_vec();
    for (nonce, said, more, fits) in [
        (
            guest.nonce,
            b"the nurse".as_slice(),
            b"other".as_slice(),
            true,
        ),
        (guest.nonce, b"somebody", b"signed", false),
        ([0; 32], b"the nurse", b"signed", false),
    ] {
        let mut changed = Mailbox(before.clone());
        changed.put(&answer(nonce, said, more));
        assert_eq!(host.read_answer(changed.all()).is_ok(), fits);
        assert_eq!(host.authentication().unwrap(), words);
    }
    let mut twice = Mailbox(mailbox.0.clone());
    twice.put(&answer(guest.nonce, b"the nurse", b"other"));
    assert!(host.read_answer(twice.all()).is_err());
}

#[test]
fn nothing_happens_out_of_turn_and_nothing_is_too_long() {
    let (mut host, mut guest, mailbox) = meet();
    assert!(guest.answer(b"").is_err() && guest.authentication().is_err());
    assert!(host.read_answer(mailbox.all()).is_err() && host.authentication().is_err());
    assert!(host.grant(&[], b"").is_err());
    let long = vec![0; MAX_INVITATION_PART_BYTES + 1];
    assert!(Host::make(RELAY, &long).is_err());
    assert!(Guest::make(&host.code().to_text().unwrap(), &long).is_err());
    assert!(Guest::make("no link", b"").is_err());
    assert!(Host::make("no relay", b"").is_err());
    // Strangers' bytes in the mailbox are nobody's.
    let noise = [vec![], vec![0; 100], vec![0x86; 500]];
    assert!(
        host.read_commit(noise.iter().map(Vec::as_slice))
            .unwrap()
            .is_none()
    );
}

/// `tests/vectors/people.py` played it from the prose.
#[test]
fn a_meeting_is_the_one_of_the_script() {
    let all = vectors("invitations");
    for vector in &all {
        let text = vector["code"].as_str().unwrap();
        let code = InvitationCode::from_text(text).unwrap();
        assert_eq!(*code.to_text().unwrap(), text);
        assert_eq!(code.mailbox().unwrap().mailbox.0, fixed(&vector["mailbox"]));
        let (said_host, said_guest) = (hex(&vector["host"]), hex(&vector["guest"]));
        let mut host =
            Host::with_nonce(code.clone(), fixed(&vector["host_nonce"]), &said_host).unwrap();
        let mut guest =
            Guest::with_nonce(code, fixed(&vector["guest_nonce"]), &said_guest).unwrap();
        let envelopes = ["commit", "offer", "answer", "grant"].map(|name| hex(&vector[name]));
        let mailbox = || envelopes.iter().map(Vec::as_slice);
        host.read_commit(mailbox()).unwrap().unwrap();
        assert_eq!(guest.read_offer(mailbox()).unwrap().unwrap(), said_host);
        let (said, more) = host.read_answer(mailbox()).unwrap().unwrap();
        assert_eq!((said, more), (said_guest, hex(&vector["more"])));
        for authentication in [host.authentication(), guest.authentication()] {
            let authentication = authentication.unwrap();
            for (language, name) in WordLanguage::ALL.into_iter().zip(["english", "french"]) {
                let words = authentication.words(language).unwrap().join(" ");
                assert_eq!(words, vector[name].as_str().unwrap());
            }
        }
        let seed = minicbor::bytes::ByteArray::from(fixed::<32>(&vector["kem_seed"]));
        let keys = AccountKeys::from_bytes(&(1_u8, 0_u32, seed).to_canonical()).unwrap();
        let granted = guest.read_grant(mailbox(), &keys).unwrap().unwrap();
        assert_eq!(*granted, hex(&vector["granted"]));
    }
    assert_eq!(all.len(), 1);
}
