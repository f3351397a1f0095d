//! What owners may have taken away, and how a device waits for news.
//!
//! Names are hashes, never the relay's numbers: after a relay was put back from a backup a number names another envelope, and
//! an owner who retires by number would delete what nobody has.

use crate::canonical::decode_at_most;
use crate::relay::Pull;
use crate::{BlobId, EnvelopeId, MailboxId, limits};
use minicbor::{Decode, Encode};

/// Takes envelopes and blobs of a mailbox away, softly. Needs [`crate::relay::Access::Retire`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Retire {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// Envelopes that a snapshot covers.
    #[n(1)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_RETIRED }, _, _>")]
    pub ids: Vec<EnvelopeId>,
    /// Pieces of superseded snapshots.
    #[n(2)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_RETIRED }, _, _>")]
    pub blobs: Vec<BlobId>,
}

/// The answer to [`Retire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Retired {
    /// How many of the named the relay held and served until now. Asking again is harmless and counts none twice.
    #[n(0)]
    pub retired: u64,
}

/// Waits until a mailbox moves. Needs [`crate::relay::Access::Read`] of each.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wait {
    /// Mailboxes and what the device has of them.
    #[n(0)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub pulls: Vec<Pull>,
    /// Longest wait; more than [`limits::MAX_WAIT_SECONDS`] is taken for it.
    #[n(1)]
    pub seconds: u16,
}

/// The answer to [`Wait`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Waited {
    /// As in [`crate::relay::ExchangeReply::generation`].
    #[n(0)]
    pub generation: u64,
    /// Mailboxes worth an exchange: their head is not the cursor, or they cannot be read and the exchange will say why. Empty
    /// when the time is over or the relay stops.
    #[n(1)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub moved: Vec<MailboxId>,
}

/// Closes mailboxes whose epoch another one follows. Needs [`crate::relay::Access::Retire`] of each.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Close {
    /// Each on its own: one that is refused stops no other.
    #[n(0)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub mailboxes: Vec<Closing>,
}

/// One mailbox to close, and the keys it has from then on. Nothing is written to it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Closing {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// Ed25519 public key of those who still read it: the readers' of the epoch that follows.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub read_key: [u8; 32],
    /// Ed25519 public key of those who retire, delete, or close it again: the owners' of the epoch that follows.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub retire_key: [u8; 32],
}

/// The answer to [`Close`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Closed {
    /// The mailboxes that stay as they were: the session does not hold their retire key.
    #[n(0)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub refused: Vec<MailboxId>,
}

/// Deletes a mailbox: its log, its blobs, its keys. Needs [`crate::relay::Access::Retire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Delete {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
}

/// The answer to [`Delete`]: from now on the relay answers as if the mailbox had never been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Deleted {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Canonical, WireError};

    const MAILBOX: MailboxId = MailboxId([1; 32]);

    fn reread<T: Canonical>(value: &T) -> Result<(), WireError> {
        T::from_canonical(&value.to_canonical()).map(drop)
    }

    #[test]
    fn retirement_has_limits_and_fits_a_request() {
        let retire = |ids: usize, blobs: usize| Retire {
            mailbox: MAILBOX,
            ids: vec![EnvelopeId([2; 32]); ids],
            blobs: vec![BlobId([3; 32]); blobs],
        };
        let most = limits::MAX_RETIRED;
        assert_eq!(reread(&retire(most, most)), Ok(()));
        assert_eq!(reread(&retire(most + 1, 0)), Err(WireError::TooLarge));
        assert_eq!(reread(&retire(0, most + 1)), Err(WireError::TooLarge));
        assert!(retire(most, most).to_canonical().len() <= limits::MAX_EXCHANGE_BYTES);
    }

    #[test]
    fn waiting_has_limits() {
        let pull = Pull {
            mailbox: MAILBOX,
            after: u64::MAX,
        };
        let wait = |pulls: usize| Wait {
            pulls: vec![pull; pulls],
            seconds: u16::MAX,
        };
        let waited = |moved: usize| Waited {
            generation: 1,
            moved: vec![MAILBOX; moved],
        };
        let most = limits::MAX_MAILBOXES;
        assert_eq!(reread(&wait(most)), Ok(()));
        assert_eq!(reread(&waited(most)), Ok(()));
        assert_eq!(reread(&wait(most + 1)), Err(WireError::TooLarge));
        assert_eq!(reread(&waited(most + 1)), Err(WireError::TooLarge));
    }

    #[test]
    fn closing_has_limits_and_fits_a_request() {
        let closing = Closing {
            mailbox: MAILBOX,
            read_key: [2; 32],
            retire_key: [3; 32],
        };
        let close = |count: usize| Close {
            mailboxes: vec![closing; count],
        };
        let closed = |count: usize| Closed {
            refused: vec![MAILBOX; count],
        };
        let most = limits::MAX_MAILBOXES;
        assert_eq!(reread(&close(most)), Ok(()));
        assert_eq!(reread(&closed(most)), Ok(()));
        assert_eq!(reread(&close(most + 1)), Err(WireError::TooLarge));
        assert_eq!(reread(&closed(most + 1)), Err(WireError::TooLarge));
        assert!(close(most).to_canonical().len() <= limits::MAX_EXCHANGE_BYTES);
    }

    #[test]
    fn the_answer_to_a_deletion_is_an_empty_array() {
        assert_eq!(Deleted {}.to_canonical(), b"\x80");
        assert_eq!(Deleted::from_canonical(b"\x80"), Ok(Deleted {}));
        assert_eq!(
            Deleted::from_canonical(b"\x81\x00"),
            Err(WireError::NotCanonical)
        );
    }
}
