//! Pairing: one code, shown by the new phone and read by the old one, authenticates both to each other.
//!
//! They meet in an ordinary relay mailbox whose secrets come from the code, and which the relay forgets after
//! [`PAIRING_LIFETIME_SECONDS`]. The new phone registers it and puts its hello there; the old phone reads the code, checks the hello,
//! answers with a welcome, and believes that the new phone is in when it has seen the ack.
//! ```text
//! rendezvous  R, W, O = HKDF( code secret, "carnet/1 pairing read" | "carnet/1 pairing write" | "carnet/1 pairing retire" )
//!             record = BLAKE3 derive_key( "carnet/1 pairing-record", commitment ), compartment "pairing", no parents
//! commitment  first 16 bytes of BLAKE3 derive_key( "carnet/1 pairing-hello", ephemeral ‖ canonical DeviceCard )
//! signature   Ed25519 by the card's device over "carnet/1 pairing hello\0" ‖ rendezvous mailbox ‖ ephemeral ‖ canonical DeviceCard
//! wrapped     HPKE mode psk to the ephemeral key; psk = HKDF( code secret, "carnet/1 pairing psk" ), psk id "carnet/1 pairing",
//!             info = "carnet/1 pairing welcome\0" ‖ BLAKE3(hello message)
//! mac         BLAKE3 keyed_hash( HPKE export "carnet/1 pairing ack", BLAKE3(hello message) ‖ BLAKE3(welcome message) )
//! ```
//! Why each part: the commitment in the code binds the key **and** the card, so whoever photographed the code can neither
//! replace the key nor smuggle their own device in under it; the psk tells the new phone that the welcome comes from somebody
//! who read its code; the ephemeral key keeps the welcome closed to who learns the code later; the mac tells the old phone that
//! this very device opened it. HPKE asks for 32 bytes of entropy in a psk to stop guessing; the code carries 16, far
//! beyond guessing too.
//!
//! What remains: whoever photographs the code **and** acts within its two minutes can answer first and draw the new phone into
//! their own account. Both phones then see two welcomes or a missing ack, and refuse.
//!
//! A code works once. The mailbox is append-only, so a second hello or a welcome already there shows that it was used.

mod code;
mod message;
mod welcome;

pub use super::code::MAX_CODE_RELAY_BYTES;
pub use code::PairingCode;
pub use message::Message;
pub use welcome::{FloorChain, MAX_FLOOR_CHAINS, Welcome, WelcomeEpoch};

use super::wrap::{KemSecret, ReceiverContext, SenderContext, wrap, wrap_with_psk};
use super::{DeviceCard, DeviceKeys, Epoch, EpochSecrets, derive_key, make_random, verify};
use crate::error::{Error, Result};
use carnet_wire::{Canonical, CompartmentId, RecordId};
use core::fmt;
use message::{ACK, Ack, HELLO, Hello, MESSAGE_VERSION, SealedWelcome, WELCOME};
use message::{classify, read};
pub(super) use message::{open_message, seal_message};
use zeroize::Zeroizing;

/// How long a code, and its mailbox, lives.
pub const PAIRING_LIFETIME_SECONDS: u32 = 120;

const PSK_ID: &[u8] = b"carnet/1 pairing";
const USED: Error = Error::Pairing("this code was already used: make a new one");
const NOT_THIS_PHONE: Error =
    Error::Pairing("the other phone is not the one that shows this code: make a new one");
const NOT_ANSWERED: Error =
    Error::Pairing("the answer was not made with this code: make a new one");

/// The new phone's side.
pub struct Joiner {
    code: PairingCode,
    text: String,
    epoch: Epoch,
    ephemeral: KemSecret,
    /// Sealed once, so that sending it again after a lost answer is the same envelope and not a second hello.
    hello: Vec<u8>,
    transcript: [u8; 32],
}

impl Joiner {
    /// Makes a code for this device. `name` is what the old phone will show.
    pub fn make(device: &DeviceKeys, name: &str, relay: &str) -> Result<Self> {
        let ephemeral = KemSecret::make()?;
        let card = device.card(name)?;
        let commitment = derive_commitment(ephemeral.public(), &card);
        let code = PairingCode::new(make_random()?, commitment, relay)?;
        let epoch = derive_rendezvous(&code)?;
        let hello = Hello {
            kind: HELLO,
            version: MESSAGE_VERSION,
            signature: device.sign(&hello_bytes(&epoch, ephemeral.public(), &card)),
            ephemeral: ephemeral.public().to_vec(),
            card,
        };
        let message = hello.to_canonical();
        Ok(Self {
            text: code.to_text()?,
            hello: seal_message(&epoch, &message)?,
            transcript: *blake3::hash(&message).as_bytes(),
            code,
            epoch,
            ephemeral,
        })
    }

    /// The text to show.
    pub fn code(&self) -> String {
        self.text.clone()
    }

    /// The rendezvous: registration, proofs, mailbox.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The envelope to put into the mailbox; the same every time.
    pub fn hello(&self) -> Result<Vec<u8>> {
        Ok(self.hello.clone())
    }

    /// Tells what an envelope of the mailbox is.
    pub fn classify(&self, envelope: &[u8]) -> Message {
        classify(&self.epoch, envelope)
    }

    /// The one welcome among all envelopes of the mailbox; none yet, or an error when the code was used by several.
    pub fn find_welcome<'a, I>(&self, mailbox: I) -> Result<Option<&'a [u8]>>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        find_one(&self.epoch, mailbox, Message::Welcome)
    }

    /// Opens the old phone's answer; returns what it says and the ack to put into the mailbox.
    pub fn accept(&self, reply: &[u8]) -> Result<(Welcome, Vec<u8>)> {
        let (sealed, message): (SealedWelcome, _) =
            read(&self.epoch, reply, WELCOME).ok_or(NOT_ANSWERED)?;
        let info = welcome_info(&self.transcript);
        let psk = derive_psk(&self.code)?;
        let (bytes, context) = self
            .ephemeral
            .unwrap_with_psk(&psk, PSK_ID, &info, &sealed.wrapped)
            .map_err(|_| NOT_ANSWERED)?;
        let welcome = Welcome::from_bytes(&bytes)?;
        let key = receiver_key(&context)?;
        let ack = Ack {
            kind: ACK,
            version: MESSAGE_VERSION,
            mac: derive_mac(&key, &self.transcript, &message).into(),
        };
        Ok((welcome, seal_message(&self.epoch, &ack.to_canonical())?))
    }
}

/// The old phone's side.
pub struct Introducer {
    code: PairingCode,
    epoch: Epoch,
    /// The hello that was checked: the key to answer to and the hash of the message.
    hello: Option<(Vec<u8>, [u8; 32])>,
    /// The ack to expect, once the welcome was made.
    expected: Option<blake3::Hash>,
}

impl Introducer {
    /// Reads a code as people type it.
    pub fn new(code: &str) -> Result<Self> {
        let code = PairingCode::from_text(code)?;
        Ok(Self {
            epoch: derive_rendezvous(&code)?,
            code,
            hello: None,
            expected: None,
        })
    }

    /// Where to meet.
    pub fn relay(&self) -> &str {
        &self.code.relay
    }

    /// The rendezvous: proofs and mailbox.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Tells what an envelope of the mailbox is.
    pub fn classify(&self, envelope: &[u8]) -> Message {
        classify(&self.epoch, envelope)
    }

    /// The one hello among all envelopes of the mailbox; none yet, or an error when the code was already used.
    pub fn find_hello<'a, I>(&self, mailbox: I) -> Result<Option<&'a [u8]>>
    where
        I: IntoIterator<Item = &'a [u8]> + Clone,
    {
        let answered =
            |envelope| matches!(self.classify(envelope), Message::Welcome | Message::Ack);
        if mailbox.clone().into_iter().any(answered) {
            return Err(USED);
        }
        find_one(&self.epoch, mailbox, Message::Hello)
    }

    /// Checks that the hello is of the phone that shows the code, and returns the card of its device.
    pub fn read_hello(&mut self, envelope: &[u8]) -> Result<DeviceCard> {
        if self.hello.is_some() {
            return Err(USED);
        }
        let (hello, message): (Hello, _) =
            read(&self.epoch, envelope, HELLO).ok_or(NOT_THIS_PHONE)?;
        if derive_commitment(&hello.ephemeral, &hello.card) != self.code.commitment {
            return Err(NOT_THIS_PHONE);
        }
        let signed = hello_bytes(&self.epoch, &hello.ephemeral, &hello.card);
        verify(hello.card.id, &signed, &hello.signature).map_err(|_| NOT_THIS_PHONE)?;
        hello.card.check().map_err(|_| NOT_THIS_PHONE)?;
        self.hello = Some((hello.ephemeral, *blake3::hash(&message).as_bytes()));
        Ok(hello.card)
    }

    /// Seals the account for the phone whose hello was read. Once: a code brings in one phone.
    pub fn welcome(&mut self, welcome: &Welcome) -> Result<Vec<u8>> {
        if self.expected.is_some() {
            return Err(USED);
        }
        let (ephemeral, transcript) = self
            .hello
            .as_ref()
            .ok_or(Error::Bug("a welcome before the hello"))?;
        let info = welcome_info(transcript);
        let psk = derive_psk(&self.code)?;
        let bytes = welcome.to_bytes()?;
        let (wrapped, context) = wrap_with_psk(ephemeral, &psk, PSK_ID, &info, &bytes)?;
        let message = SealedWelcome {
            kind: WELCOME,
            version: MESSAGE_VERSION,
            wrapped,
        }
        .to_canonical();
        let key = sender_key(&context)?;
        self.expected = Some(derive_mac(&key, transcript, &message));
        seal_message(&self.epoch, &message)
    }

    /// Checks that the new phone opened the welcome.
    pub fn check_ack(&self, envelope: &[u8]) -> Result<()> {
        let expected = self
            .expected
            .ok_or(Error::Bug("an ack before the welcome"))?;
        let (ack, _): (Ack, _) = read(&self.epoch, envelope, ACK).ok_or(NOT_ANSWERED)?;
        // `blake3::Hash` compares in constant time.
        if expected != ack.mac {
            return Err(NOT_ANSWERED);
        }
        Ok(())
    }
}

/// A welcome for a recovery kit, in its mailbox.
pub(super) fn seal_letter(
    mailbox: &Epoch,
    kem: &[u8],
    info: &[u8],
    welcome: &Welcome,
) -> Result<Vec<u8>> {
    let wrapped = wrap(kem, info, &welcome.to_bytes()?)?;
    let message = SealedWelcome {
        kind: WELCOME,
        version: MESSAGE_VERSION,
        wrapped,
    };
    seal_message(mailbox, &message.to_canonical())
}

/// Opens what [`seal_letter`] sealed.
pub(super) fn open_letter(
    mailbox: &Epoch,
    envelope: &[u8],
    unwrap: impl FnOnce(&[u8]) -> Result<Zeroizing<Vec<u8>>>,
) -> Result<Welcome> {
    let (sealed, _): (SealedWelcome, _) =
        read(mailbox, envelope, WELCOME).ok_or(Error::Unsealable)?;
    Welcome::from_bytes(&unwrap(&sealed.wrapped)?)
}

impl fmt::Debug for Joiner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Joiner(…)")
    }
}

impl fmt::Debug for Introducer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Introducer(…)")
    }
}

fn find_one<'a, I>(epoch: &Epoch, mailbox: I, wanted: Message) -> Result<Option<&'a [u8]>>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    let mut found = mailbox
        .into_iter()
        .filter(|envelope| classify(epoch, envelope) == wanted);
    let first = found.next();
    if found.any(|other| Some(other) != first) {
        return Err(USED);
    }
    Ok(first)
}

fn derive_rendezvous(code: &PairingCode) -> Result<Epoch> {
    let derive = |info| derive_key(&code.secret, info).map(|key| *key);
    let secrets = EpochSecrets {
        read: derive("carnet/1 pairing read")?,
        write: Some(derive("carnet/1 pairing write")?),
        retire: Some(derive("carnet/1 pairing retire")?),
    };
    let record = RecordId(blake3::derive_key(
        "carnet/1 pairing-record",
        &code.commitment,
    ));
    let compartment = CompartmentId::derive(record, "pairing");
    Epoch::derive(record, compartment, Vec::new(), secrets)
}

fn derive_psk(code: &PairingCode) -> Result<Zeroizing<[u8; 32]>> {
    derive_key(&code.secret, "carnet/1 pairing psk")
}

fn derive_commitment(ephemeral: &[u8], card: &DeviceCard) -> [u8; 16] {
    let input = [ephemeral, &card.to_canonical()].concat();
    let hash = blake3::derive_key("carnet/1 pairing-hello", &input);
    let mut commitment = [0; 16];
    commitment
        .iter_mut()
        .zip(hash)
        .for_each(|(to, from)| *to = from);
    commitment
}

fn hello_bytes(epoch: &Epoch, ephemeral: &[u8], card: &DeviceCard) -> Vec<u8> {
    [
        b"carnet/1 pairing hello\0".as_slice(),
        epoch.mailbox.as_ref(),
        ephemeral,
        &card.to_canonical(),
    ]
    .concat()
}

fn welcome_info(transcript: &[u8; 32]) -> Vec<u8> {
    [b"carnet/1 pairing welcome\0".as_slice(), transcript].concat()
}

fn derive_mac(key: &[u8; 32], transcript: &[u8; 32], welcome: &[u8]) -> blake3::Hash {
    let welcome = blake3::hash(welcome);
    blake3::keyed_hash(key, &[transcript.as_slice(), welcome.as_bytes()].concat())
}

fn sender_key(context: &SenderContext) -> Result<Zeroizing<[u8; 32]>> {
    exported(|key| context.export(b"carnet/1 pairing ack", key))
}

fn receiver_key(context: &ReceiverContext) -> Result<Zeroizing<[u8; 32]>> {
    exported(|key| context.export(b"carnet/1 pairing ack", key))
}

fn exported<E>(
    export: impl FnOnce(&mut [u8]) -> core::result::Result<(), E>,
) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    export(key.as_mut()).map_err(|_| Error::Bug("an exported key has a wrong length"))?;
    Ok(key)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
