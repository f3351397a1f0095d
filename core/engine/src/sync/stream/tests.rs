//! Two ends in memory, and somebody between them.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::seal::Epoch;
use carnet_wire::{CompartmentId, RecordId};

fn key(name: &str) -> StreamKey {
    let record = RecordId([1; 32]);
    let epoch = Epoch::make(record, CompartmentId::derive(record, name), Vec::new()).unwrap();
    StreamKey::of(&epoch).unwrap()
}

fn ends(a: &[&StreamKey], b: &[&StreamKey]) -> (Stream, Stream) {
    let keys = |keys: &[&StreamKey]| keys.iter().map(|key| (*key).clone()).collect();
    (
        Stream::begin(Role::Initiator, keys(a)).unwrap(),
        Stream::begin(Role::Responder, keys(b)).unwrap(),
    )
}

fn pass(from: &mut Stream, to: &mut Stream) -> Result<Vec<Event>> {
    let bytes = from.take_output();
    to.feed(&bytes);
    let mut events = Vec::new();
    while let Some(event) = to.next_event()? {
        events.push(event);
    }
    Ok(events)
}

fn common(events: &[Event]) -> Vec<usize> {
    match events {
        [Event::Common(common)] => common.clone(),
        other => panic!("{other:?}"),
    }
}

fn opened(a: &mut Stream, b: &mut Stream) -> (Vec<usize>, Vec<usize>) {
    assert!(pass(a, b).unwrap().is_empty());
    let ours = common(&pass(b, a).unwrap());
    let theirs = common(&pass(a, b).unwrap());
    (ours, theirs)
}

fn message(events: &[Event]) -> Vec<u8> {
    match events {
        [Event::Message(bytes)] => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_number_what_is_in_common_alike_and_talk() {
    let keys: Vec<StreamKey> = (0..5).map(|at| key(&at.to_string())).collect();
    let own = key("own");
    let (mut a, mut b) = ends(
        &[&keys[0], &own, &keys[1], &keys[2]],
        &[&keys[2], &keys[4], &keys[1], &keys[3], &keys[0]],
    );
    let (ours, theirs) = opened(&mut a, &mut b);
    assert_eq!(ours.len(), 3);
    let a_names: Vec<_> = ours.iter().map(|at| a.keys[*at].mailbox).collect();
    let b_names: Vec<_> = theirs.iter().map(|at| b.keys[*at].mailbox).collect();
    assert_eq!(a_names, b_names);
    a.send(b"to b").unwrap();
    assert_eq!(message(&pass(&mut a, &mut b).unwrap()), b"to b");
    b.send(&vec![7; 200_000]).unwrap();
    assert_eq!(message(&pass(&mut b, &mut a).unwrap()), vec![7; 200_000]);
    assert!(
        a.send(&vec![0; limits::MAX_STREAM_MESSAGE_BYTES + 1])
            .is_err()
    );
    let (mut one, mut two) = (a, b);
    one.restart(vec![keys[0].clone()]).unwrap();
    two.restart(vec![keys[0].clone()]).unwrap();
    assert_eq!(opened(&mut one, &mut two), (vec![0], vec![0]));
}

#[test]
fn strangers_learn_nothing_and_get_nothing() {
    let (mine, theirs) = (key("mine"), key("theirs"));
    let (mut a, mut b) = ends(&[&mine], &[&theirs]);
    assert!(pass(&mut a, &mut b).unwrap().is_empty());
    assert!(common(&pass(&mut b, &mut a).unwrap()).is_empty());
    assert!(a.take_output().is_empty());
    assert!(a.send(b"hello?").is_err());
    // Shown twice, the same keys give other tags, and no byte of a mailbox is among them.
    let shown = |key: &StreamKey| {
        let (mut a, mut b) = ends(&[], &[key]);
        pass(&mut a, &mut b).unwrap();
        b.take_output()
    };
    let (one, two) = (shown(&mine), shown(&mine));
    assert_eq!(one.len(), two.len());
    assert_ne!(one[40..], two[40..]);
    let window = |bytes: &[u8]| bytes.windows(8).any(|at| at == &mine.mailbox.0[..8]);
    assert!(!window(&one) && !window(&two));
    assert_eq!(shown(&mine).len(), shown(&theirs).len());
}

#[test]
fn a_connection_repeated_reflected_or_crossed_does_not_open() {
    let key = key("k");
    let (mut a, mut b) = ends(&[&key], &[&key]);
    let first = a.take_output();
    b.feed(&first);
    assert!(b.next_event().unwrap().is_none());
    let second = b.take_output();
    a.feed(&second);
    common(&[a.next_event().unwrap().unwrap()]);
    a.send(b"secret").unwrap();
    let third = a.take_output();
    // Repeated to another end: its nonce is another, so the tags are noise.
    let (_, mut again) = ends(&[], &[&key]);
    again.feed(&first);
    assert!(again.next_event().unwrap().is_none());
    again.feed(&third);
    let Some(Event::Common(none)) = again.next_event().unwrap() else {
        panic!("tags of another connection")
    };
    assert!(none.is_empty() && again.next_event().is_err());
    // Sent back to who said it.
    let (mut mirror, _) = ends(&[&key], &[]);
    let hello = mirror.take_output();
    mirror.feed(&hello);
    assert!(mirror.next_event().unwrap().is_none());
    mirror.feed(&third);
    let Some(Event::Common(none)) = mirror.next_event().unwrap() else {
        panic!("own tags")
    };
    assert!(none.is_empty());
    // And the right end takes it once.
    b.feed(&third);
    assert!(matches!(b.next_event().unwrap(), Some(Event::Common(_))));
    assert_eq!(message(&[b.next_event().unwrap().unwrap()]), b"secret");
    let last = third[third.len() - 49..].to_vec();
    assert_eq!(usize::from(last[1]) + 2, last.len(), "the sealed frame");
    b.feed(&last);
    assert!(b.next_event().is_err());
    assert!(
        b.send(b"x").is_err(),
        "a stream that was tampered with goes on"
    );
}

#[test]
fn bytes_may_come_one_by_one_and_every_flipped_bit_is_the_end() {
    let key = key("k");
    let talk = |spoil: &mut dyn FnMut(&mut Vec<u8>)| -> Result<Vec<Vec<u8>>> {
        let (mut a, mut b) = ends(&[&key], &[&key]);
        let mut heard = Vec::new();
        let mut said = [false; 2];
        for _ in 0..4 {
            for (turn, spoke) in said.iter_mut().enumerate() {
                let (from, to) = if turn == 0 {
                    (&mut a, &mut b)
                } else {
                    (&mut b, &mut a)
                };
                let mut bytes = from.take_output();
                spoil(&mut bytes);
                for byte in bytes {
                    to.feed(&[byte]);
                    while let Some(event) = to.next_event()? {
                        match event {
                            Event::Common(common) if common.is_empty() => return Ok(heard),
                            Event::Common(_) => {}
                            Event::Message(bytes) => heard.push(bytes),
                        }
                        if !std::mem::replace(spoke, true) {
                            to.send(&[turn as u8; 70_000])?;
                        }
                    }
                }
            }
        }
        Ok(heard)
    };
    let mut total = 0;
    let whole = talk(&mut |bytes| total += bytes.len()).unwrap();
    assert_eq!(whole.len(), 2);
    for at in (0..total).step_by(997).chain(0..400) {
        let mut left = at;
        let heard = talk(&mut |bytes| {
            if left < bytes.len() {
                bytes[left] ^= 1 << (at % 8);
                left = usize::MAX;
            } else {
                left -= bytes.len().min(left);
            }
        });
        // Whatever was changed, in the clear too, nothing arrives of what came after it.
        let heard = heard.unwrap_or_default();
        assert!(heard.len() < 2, "byte {at} was changed unseen");
        assert!(heard.iter().all(|bytes| whole.contains(bytes)), "byte {at}");
    }
}

#[test]
fn noise_ends_a_stream_and_nothing_piles_up() {
    let key = key("k");
    let responder = || ends(&[], &[&key]).1;
    for noise in [
        b"\0\0".as_slice(),
        b"\0\x01\xff",
        b"GET / HTTP/1.1\r\n\r\n GET",
    ] {
        let mut end = responder();
        end.feed(noise);
        let mut outcome = end.next_event();
        for _ in 0..200 {
            if outcome.is_err() {
                break;
            }
            end.feed(&[0x20; 1_000]);
            outcome = end.next_event();
            assert!(end.input.len() <= 70_000);
        }
        assert!(outcome.is_err(), "{noise:?}");
        assert!(end.take_output().is_empty());
    }
    let later = [b"\0\x24\x82\x02\x58\x20".as_slice(), &[7; 32]].concat();
    let mut end = responder();
    end.feed(&later);
    assert!(matches!(
        end.next_event(),
        Err(Error::Wire(carnet_wire::WireError::UnknownVersion))
    ));
}

#[test]
fn a_message_that_never_ends_is_cut_off() {
    let key = key("k");
    let (mut a, mut b) = ends(&[&key], &[&key]);
    opened(&mut a, &mut b);
    let State::Open(channel) = &mut a.state else {
        panic!("not open")
    };
    let frames: Vec<Vec<u8>> = (0..100)
        .map(|_| channel.seal(true, &[0; MAX_FRAME_PAYLOAD]).unwrap())
        .collect();
    let mut outcome = Ok(None);
    for frame in &frames {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, frame).unwrap();
        b.feed(&bytes);
        outcome = b.next_event();
        assert!(b.message.len() <= limits::MAX_STREAM_MESSAGE_BYTES);
        if outcome.is_err() {
            break;
        }
    }
    assert!(matches!(outcome, Err(Error::TooLarge(_))));
}
