//! The keys of a direct stream: tags by which two devices find the epochs they both hold, and the channel that only
//! holders of all of these can read. The protocol stands in `carnet_wire` ("Direct stream").
//!
//! Invariant: a frame opens once, at its place, for the side it was sent to, in the connection it was sealed for.

use super::{Epoch, derive_key, make_random, open_bytes, seal_bytes};
use crate::error::{Error, Result};
use carnet_wire::stream::{Nonces, Role, Tag, frame_associated};
use carnet_wire::{MailboxId, limits};
use zeroize::Zeroizing;

/// What sealing adds to the bytes of a frame: nonce and tag.
const SEAL_BYTES: usize = 24 + 16;
/// Most bytes of a message in one frame: the rest is the byte that says whether more follows, and the seal.
pub const MAX_FRAME_PAYLOAD: usize = limits::MAX_STREAM_FRAME_BYTES - SEAL_BYTES - 1;

/// What an epoch lends to a direct stream.
#[derive(Clone)]
pub struct StreamKey {
    /// Where the epoch's envelopes lie.
    pub mailbox: MailboxId,
    key: Zeroizing<[u8; 32]>,
}

impl StreamKey {
    /// The key of an epoch.
    pub fn of(epoch: &Epoch) -> Result<Self> {
        Ok(Self {
            mailbox: epoch.mailbox,
            key: derive_key(&epoch.secrets.read, "carnet/1 peer")?,
        })
    }

    /// The tag a side shows in a round.
    pub fn tag(&self, role: Role, nonces: &Nonces) -> Tag {
        let hash = blake3::keyed_hash(&self.key, &nonces.tag_bytes(role));
        let mut tag = [0; 16];
        tag.iter_mut()
            .zip(hash.as_bytes())
            .for_each(|(to, from)| *to = *from);
        tag.into()
    }

    fn part(&self, nonces: &Nonces) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*blake3::keyed_hash(&self.key, &nonces.key_bytes()).as_bytes())
    }
}

impl std::fmt::Debug for StreamKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("StreamKey(…)")
    }
}

/// The sealed part of a round, as one side has it.
pub struct Channel {
    key: Zeroizing<[u8; 32]>,
    role: Role,
    sent: u64,
    received: u64,
}

impl Channel {
    /// The channel of `role` from the keys in common, in the order of the initiator's tags. `clear` is the hash of
    /// everything that was said before: whoever changed a byte of it has two channels that do not open each other.
    pub fn open<'k>(
        role: Role,
        nonces: &Nonces,
        clear: &[u8; 32],
        common: impl IntoIterator<Item = &'k StreamKey>,
    ) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("carnet/1 stream channel");
        hasher.update(clear);
        for key in common {
            hasher.update(key.part(nonces).as_ref());
        }
        Self {
            key: Zeroizing::new(*hasher.finalize().as_bytes()),
            role,
            sent: 0,
            received: 0,
        }
    }

    /// Seals the next frame; `more` says that the message goes on in another one.
    pub fn seal(&mut self, more: bool, bytes: &[u8]) -> Result<Vec<u8>> {
        if bytes.len() > MAX_FRAME_PAYLOAD {
            return Err(Error::Bug("a frame of a direct stream is too long"));
        }
        let data = frame_associated(self.role, self.sent);
        self.sent += 1;
        let plaintext = Zeroizing::new([&[u8::from(more)], bytes].concat());
        seal_bytes(&self.key, &data, &plaintext)
    }

    /// Opens the next frame of the other side, and says whether its message goes on.
    pub fn open_next(&mut self, frame: &[u8]) -> Result<(bool, Zeroizing<Vec<u8>>)> {
        let data = frame_associated(self.role.other(), self.received);
        let mut plaintext = open_bytes(&self.key, &data, frame)?;
        self.received += 1;
        let more = match plaintext.first() {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(Error::Unsealable),
        };
        plaintext.remove(0);
        Ok((more, plaintext))
    }
}

/// A tag of no epoch.
pub fn make_decoy() -> Result<Tag> {
    Ok(make_random::<16>()?.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet_wire::{CompartmentId, RecordId};

    const NONCES: Nonces = Nonces {
        initiator: [1; 32],
        responder: [2; 32],
    };

    const CLEAR: [u8; 32] = [3; 32];

    fn key() -> StreamKey {
        let record = RecordId([1; 32]);
        let epoch = Epoch::make(record, CompartmentId::derive(record, "general"), Vec::new());
        StreamKey::of(&epoch.unwrap()).unwrap()
    }

    fn ends(keys: &[&StreamKey]) -> (Channel, Channel) {
        let end = |role| Channel::open(role, &NONCES, &CLEAR, keys.iter().copied());
        (end(Role::Initiator), end(Role::Responder))
    }

    #[test]
    fn a_tag_is_of_one_epoch_role_and_round() {
        let (one, other) = (key(), key());
        let next = Nonces {
            initiator: [3; 32],
            ..NONCES
        };
        let tags = [
            one.tag(Role::Initiator, &NONCES),
            one.tag(Role::Responder, &NONCES),
            one.tag(Role::Initiator, &next),
            other.tag(Role::Initiator, &NONCES),
            make_decoy().unwrap(),
        ];
        assert_eq!(tags[0], one.clone().tag(Role::Initiator, &NONCES));
        for (at, tag) in tags.iter().enumerate() {
            assert!(tags.iter().skip(at + 1).all(|other| other != tag), "{at}");
        }
    }

    #[test]
    fn frames_open_in_order_once_and_on_the_other_side() {
        let key = key();
        let (mut a, mut b) = ends(&[&key]);
        let (first, second) = (a.seal(true, b"one").unwrap(), a.seal(false, b"").unwrap());
        assert!(b.open_next(&second).is_err(), "out of order");
        assert!(a.open_next(&first).is_err(), "sent back");
        assert!(b.open_next(&first).unwrap().0);
        assert!(b.open_next(&first).is_err(), "repeated");
        let (more, bytes) = b.open_next(&second).unwrap();
        assert_eq!((more, bytes.len()), (false, 0));
        let back = b.seal(false, b"back").unwrap();
        assert_eq!(a.open_next(&back).unwrap().1.as_slice(), b"back");
    }

    #[test]
    fn every_key_in_common_is_needed_and_every_bit_counts() {
        let (one, other) = (key(), key());
        let frame = ends(&[&one, &other]).0.seal(false, b"secret").unwrap();
        for keys in [vec![&one], vec![&other], vec![&other, &one], Vec::new()] {
            assert!(ends(&keys).1.open_next(&frame).is_err());
        }
        let next = Nonces {
            responder: [9; 32],
            ..NONCES
        };
        let mut later = Channel::open(Role::Responder, &next, &CLEAR, [&one, &other]);
        assert!(later.open_next(&frame).is_err(), "another connection");
        let mut changed = Channel::open(Role::Responder, &NONCES, &[4; 32], [&one, &other]);
        assert!(changed.open_next(&frame).is_err(), "changed tags");
        let (_, mut b) = ends(&[&one, &other]);
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            assert!(b.open_next(&changed).is_err(), "byte {at}");
            assert!(b.open_next(&frame[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(b.open_next(&frame).unwrap().1.as_slice(), b"secret");
    }

    #[test]
    fn the_longest_payload_is_the_longest_frame() {
        let key = key();
        let (mut a, mut b) = ends(&[&key]);
        let frame = a.seal(false, &vec![7; MAX_FRAME_PAYLOAD]).unwrap();
        assert_eq!(frame.len(), limits::MAX_STREAM_FRAME_BYTES);
        assert_eq!(b.open_next(&frame).unwrap().1.len(), MAX_FRAME_PAYLOAD);
        assert!(a.seal(false, &vec![7; MAX_FRAME_PAYLOAD + 1]).is_err());
    }
}
