//! Names of things that cross the network: fixed-length byte strings, each with its own type so that they cannot be swapped.

use core::fmt;
use minicbor::{Decode, Encode};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] #[cbor(with = "minicbor::bytes")] pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Reads the id from a slice of exactly [`Self::LEN`] bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads the id from lower-case hexadecimal, as [`fmt::Display`] writes it.
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut id = [0; $len];
                decode_hex(text, &mut id).then_some(Self(id))
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

fn decode_hex(text: &str, out: &mut [u8]) -> bool {
    let digits = text.as_bytes();
    digits.len() == out.len() * 2
        && digits.chunks_exact(2).zip(out).all(|(pair, byte)| {
            let digit = |c: u8| match c {
                b'0'..=b'9' => Some(c - b'0'),
                b'a'..=b'f' => Some(c - b'a' + 10),
                _ => None,
            };
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => {
                    *byte = high << 4 | low;
                    true
                }
                _ => false,
            }
        })
}

id! {
    /// A record: the hash of the signed operation that founded its roster, so nobody can found it again.
    RecordId, 32
}
id! {
    /// A person's account: the hash of the operation that founded it.
    AccountId, 32
}
id! {
    /// A compartment of a record: derived from the record and the compartment's name.
    CompartmentId, 16
}
id! {
    /// A device: its Ed25519 public key. New at every install and restore.
    DeviceId, 32
}
id! {
    /// One life of a device's database: random, drawn again when a database was put back from a copy.
    Incarnation, 8
}
id! {
    /// What a relay keeps for one epoch of one compartment: derived from the epoch key, so it rotates with it.
    MailboxId, 32
}
id! {
    /// A generation of a compartment's key: a commitment to that key.
    EpochId, 32
}
id! {
    /// One sealed envelope: the hash of its bytes. Changes when the same change is sealed again.
    EnvelopeId, 32
}
id! {
    /// The lasting identity of a change or operation: the hash of its header, whatever envelope carried it.
    ChangeId, 32
}
id! {
    /// A sealed attachment: the hash of its ciphertext.
    BlobId, 32
}

impl EnvelopeId {
    /// The id of an envelope: BLAKE3 of its bytes. The relay computes it too.
    pub fn derive(envelope: &[u8]) -> Self {
        Self(*blake3::hash(envelope).as_bytes())
    }
}

impl BlobId {
    /// The id of a blob: BLAKE3 of its ciphertext. The relay checks it when an upload ends.
    pub fn derive(ciphertext: &[u8]) -> Self {
        Self(*blake3::hash(ciphertext).as_bytes())
    }
}

impl ChangeId {
    /// The id of a change: BLAKE3 of its header bytes under the domain `carnet/1 change-id`.
    pub fn derive(header: &[u8]) -> Self {
        Self(blake3::derive_key("carnet/1 change-id", header))
    }
}

impl CompartmentId {
    /// The id of the compartment `name` of `record`: the first 16 bytes of BLAKE3 under `carnet/1 compartment-id`.
    pub fn derive(record: RecordId, name: &str) -> Self {
        let input = [record.as_ref(), name.as_bytes()].concat();
        let hash = blake3::derive_key("carnet/1 compartment-id", &input);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }
}

/// Who wrote: a device in one of its lives. Each author writes one hash-linked chain per compartment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Author {
    /// The device, whose key signs.
    #[n(0)]
    pub device: DeviceId,
    /// Which life of the device.
    #[n(1)]
    pub incarnation: Incarnation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_and_comes_back() {
        let id = CompartmentId(core::array::from_fn(|i| i as u8 * 17));
        let text = id.to_string();
        assert_eq!(text, "00112233445566778899aabbccddeeff");
        assert_eq!(CompartmentId::from_hex(&text), Some(id));
        assert_eq!(format!("{id:?}"), format!("CompartmentId({text})"));
    }

    #[test]
    fn hexadecimal_has_one_form() {
        let wrong = [
            "",
            "00",
            "00112233445566778899AABBCCDDEEFF",
            "0x112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddeeff0",
            "00112233445566778899aabbccddee\u{e9}",
        ];
        for text in wrong {
            assert_eq!(CompartmentId::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn slices_must_have_the_length() {
        assert_eq!(Incarnation::from_slice(&[9; 8]), Some(Incarnation([9; 8])));
        assert_eq!(Incarnation::from_slice(&[9; 7]), None);
        assert_eq!(Incarnation::from_slice(&[9; 9]), None);
    }

    #[test]
    fn compartments_differ_by_record_and_by_name() {
        let general = CompartmentId::derive(RecordId([1; 32]), "general");
        assert_ne!(general, CompartmentId::derive(RecordId([2; 32]), "general"));
        assert_ne!(general, CompartmentId::derive(RecordId([1; 32]), "private"));
    }

    #[test]
    fn one_input_has_different_ids_in_different_domains() {
        let bytes = b"the same bytes";
        assert_ne!(EnvelopeId::derive(bytes).0, ChangeId::derive(bytes).0);
    }
}
