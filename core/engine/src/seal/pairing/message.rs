//! What the two phones put into the rendezvous mailbox, and how it is framed.
//!
//! ```text
//! plaintext = length: u32 big-endian ‖ message ‖ zeros up to padded_len(4 + length)
//! hello     = [ 1, version = 1, ephemeral: bstr1216, card: DeviceCard, signature: bstr64 ]
//! welcome   = [ 2, version = 1, wrapped: bstr ]
//! ack       = [ 3, version = 1, mac: bstr32 ]
//! ```
//! The plaintext is sealed as an envelope under the rendezvous epoch. The leading type keeps the messages apart.

use super::super::envelope::{open_plaintext, seal_plaintext};
use super::super::{DeviceCard, Epoch, make_random};
use crate::error::{Error, Result};
use carnet_wire::{Canonical, Envelope, padded_len};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

pub(super) const MESSAGE_VERSION: u8 = 1;
pub(super) const HELLO: u8 = 1;
pub(super) const WELCOME: u8 = 2;
pub(super) const ACK: u8 = 3;

/// The new phone introduces itself.
#[derive(Encode, Decode)]
pub(super) struct Hello {
    #[n(0)]
    pub(super) kind: u8,
    #[n(1)]
    pub(super) version: u8,
    /// The X-Wing public key the welcome is wrapped to.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) ephemeral: Vec<u8>,
    #[n(3)]
    pub(super) card: DeviceCard,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) signature: [u8; 64],
}

/// The old phone hands over the account.
#[derive(Encode, Decode)]
pub(super) struct SealedWelcome {
    #[n(0)]
    pub(super) kind: u8,
    #[n(1)]
    pub(super) version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) wrapped: Vec<u8>,
}

/// The new phone proves that it opened the welcome.
#[derive(Encode, Decode)]
pub(super) struct Ack {
    #[n(0)]
    pub(super) kind: u8,
    #[n(1)]
    pub(super) version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) mac: [u8; 32],
}

/// What an envelope of a rendezvous mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The new phone's introduction.
    Hello,
    /// The old phone's answer.
    Welcome,
    /// The new phone's proof.
    Ack,
    /// Nothing this build knows, or bytes of somebody without the code.
    Other,
}

/// Seals a message for the rendezvous mailbox.
pub(in crate::seal) fn seal_message(epoch: &Epoch, message: &[u8]) -> Result<Vec<u8>> {
    let framed = message.len() + 4;
    let length = u32::try_from(message.len()).map_err(|_| Error::TooLarge("a pairing message"))?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(padded_len(framed)));
    plaintext.extend_from_slice(&length.to_be_bytes());
    plaintext.extend_from_slice(message);
    plaintext.resize(padded_len(framed), 0);
    // A rendezvous lives two minutes and its key seals three messages: a fresh nonce secret hedges nothing here.
    seal_plaintext(epoch, &make_random()?, &plaintext)
}

/// Opens an envelope of the rendezvous mailbox down to the message. None for anything that does not open.
pub(in crate::seal) fn open_message(epoch: &Epoch, envelope: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let envelope = Envelope::from_bytes(envelope).ok()?;
    let plaintext = open_plaintext(epoch, &envelope).ok()?;
    let (length, rest) = plaintext.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (message, padding) = rest.split_at_checked(length)?;
    let exact = plaintext.len() == padded_len(length + 4) && padding.iter().all(|byte| *byte == 0);
    exact.then(|| Zeroizing::new(message.to_vec()))
}

/// Tells what an envelope is, without trusting it.
pub(super) fn classify(epoch: &Epoch, envelope: &[u8]) -> Message {
    // Every message begins with an array header of at most 23 elements and its type.
    match open_message(epoch, envelope).as_deref().map(Vec::as_slice) {
        Some([0x80..=0x97, HELLO, ..]) => Message::Hello,
        Some([0x80..=0x97, WELCOME, ..]) => Message::Welcome,
        Some([0x80..=0x97, ACK, ..]) => Message::Ack,
        _ => Message::Other,
    }
}

/// Reads a message of one kind; `None` when it is malformed, of another kind or version.
pub(super) fn read<T: Canonical>(
    epoch: &Epoch,
    envelope: &[u8],
    kind: u8,
) -> Option<(T, Zeroizing<Vec<u8>>)> {
    let message = open_message(epoch, envelope)?;
    if !matches!(message.as_slice(), [0x80..=0x97, found, MESSAGE_VERSION, ..] if *found == kind) {
        return None;
    }
    Some((T::from_canonical(&message).ok()?, message))
}
