//! Names of things inside a record. Deterministic where two phones must agree without talking, random elsewhere.

use core::fmt;
use minicbor::{Decode, Encode};

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] #[cbor(with = "minicbor::bytes")] pub [u8; 16]);

        impl $name {
            /// Reads the id from a slice of exactly 16 bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads the id from 32 lower-case hexadecimal digits.
            pub fn from_hex(text: &str) -> Option<Self> {
                let well_formed = text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
                let number = well_formed.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
                Some(Self(number.to_be_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id16! {
    /// A resource: derived from its source identity and native id, so that two phones importing one file agree.
    ResourceId
}
id16! {
    /// One Automerge document of the patient layer: random.
    ShardId
}
id16! {
    /// One entry a person wrote: random.
    EntryId
}
id16! {
    /// The bytes of a document: a keyed hash of the plaintext, keyed by the record's id, which only members know.
    AttachmentId
}

id16! {
    /// A version of a resource: a hash of its content, blind to white space and to the order of object members.
    ContentHash
}
