//! Invitations at a distance: a link brings two people's devices together, and words they read to each other show that nobody
//! stands between.
//!
//! ```text
//! code     = version: 1 ‖ secret: 16 ‖ relay                         as a code of domain "carnet/1 invitation-code"
//! mailbox    R, W, O = HKDF( secret, "carnet/1 invitation read" | "carnet/1 invitation write" | "carnet/1 invitation retire" )
//!            record = BLAKE3 derive_key( "carnet/1 invitation-record", secret ), compartment "invitation", no parents
//! commit   = [ 1, version = 1, commitment: bstr32 ]                  guest
//! offer    = [ 2, version = 1, nonce: bstr32, host: bstr ]           host
//! answer   = [ 3, version = 1, nonce: bstr32, guest: bstr, more: bstr ]   guest
//! grant    = [ 4, version = 1, wrapped: bstr ]                       host
//! commitment = BLAKE3 derive_key( "carnet/1 invitation-commit", nonce of the guest ‖ guest )
//! transcript = BLAKE3 derive_key( "carnet/1 invitation-transcript",
//!                                 mailbox ‖ commitment ‖ nonce of the host ‖ nonce of the guest ‖ BLAKE3(host) ‖ BLAKE3(guest) )
//! words      = the first 44 bits of HKDF( transcript, "carnet/1 invitation words" ), 11 bits each, from the lists of BIP-39
//! wrapped    = HPKE to the guest's account, info "carnet/1 invitation grant\0" ‖ transcript
//! ```
//! Messages are framed, padded and sealed like a pairing's, under the epoch of the mailbox. `host` and `guest` say who each is
//! (account, key, device); what they hold is for the caller. `more` is what the guest can only say after the offer (the signed
//! acceptance): it is **not** in the words, because whoever could vary it after seeing both nonces could search for equal
//! words; the caller checks that it is signed by who `guest` names.
//!
//! Why commit, then reveal: somebody who read the link and answers in the middle must fix their own part before they see
//! the other nonce on either side, so they have one guess in 2^44 at making both pairs hear the same words. Until the words
//! were compared the member is unverified, and every screen says so. The words of a screen prove nothing to a person who
//! does not compare them.
//!
//! A link works once: a second commit, or an answer to another offer, shows that it was used.

use super::code::{read_relay, read_version, relay_bytes, write_relay_code};
use super::kit::WordLanguage;
use super::pairing::{open_message, seal_message};
use super::{AccountKeys, Epoch, EpochSecrets, derive_key, encode_secret, make_random, wrap};
use crate::error::{Error, Result};
use carnet_wire::{Canonical, CompartmentId, RecordId, WireError};
use core::fmt;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How long a link lives, and its mailbox: a week.
pub const INVITATION_LIFETIME_SECONDS: u32 = 7 * 24 * 60 * 60;
/// Longest text in which one side says who it is, and what it adds.
pub const MAX_INVITATION_PART_BYTES: usize = 64 << 10;
/// Words to compare.
pub const COMPARED_WORDS: usize = 4;

const VERSION: u8 = 1;
const DOMAIN: &str = "carnet/1 invitation-code";
const COMMIT: u8 = 1;
const OFFER: u8 = 2;
const ANSWER: u8 = 3;
const GRANT: u8 = 4;

const NOT_A_CODE: Error = Error::Pairing("this is not a valid invitation: check it and try again");
const USED: Error = Error::Pairing("this invitation was already used: ask for a new one");
const CHANGED: Error =
    Error::Pairing("the answer does not belong to this invitation: ask for a new one");

/// What the link carries.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub struct InvitationCode {
    /// What both sides know, and whoever read the link.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub secret: [u8; 16],
    /// Where they meet.
    #[n(1)]
    pub relay: String,
}

impl InvitationCode {
    /// Draws a new one.
    pub fn make(relay: &str) -> Result<Self> {
        relay_bytes(relay)?;
        Ok(Self {
            secret: make_random()?,
            relay: relay.to_owned(),
        })
    }

    /// The text of the link or QR.
    pub fn to_text(&self) -> Result<Zeroizing<String>> {
        write_relay_code(DOMAIN, VERSION, &[&self.secret], &self.relay)
    }

    /// Reads a text as people type it.
    pub fn from_text(text: &str) -> Result<Self> {
        let content = read_version(DOMAIN, VERSION, text)?.ok_or(NOT_A_CODE)?;
        let (secret, relay) = content.split_first_chunk::<16>().ok_or(NOT_A_CODE)?;
        Ok(Self {
            secret: *secret,
            relay: read_relay(relay).ok_or(NOT_A_CODE)?,
        })
    }

    /// Where they meet: registration, proofs, mailbox.
    pub fn mailbox(&self) -> Result<Epoch> {
        let derive = |info| derive_key(&self.secret, info).map(|key| *key);
        let secrets = EpochSecrets {
            read: derive("carnet/1 invitation read")?,
            write: Some(derive("carnet/1 invitation write")?),
            retire: Some(derive("carnet/1 invitation retire")?),
        };
        let record = RecordId(blake3::derive_key(
            "carnet/1 invitation-record",
            &self.secret,
        ));
        let compartment = CompartmentId::derive(record, "invitation");
        Epoch::derive(record, compartment, Vec::new(), secrets)
    }
}

impl fmt::Debug for InvitationCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("InvitationCode(…)")
    }
}

#[derive(Clone, Encode, Decode)]
struct Commit {
    #[n(0)]
    kind: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    commitment: [u8; 32],
}

#[derive(Clone, Encode, Decode)]
struct Offer {
    #[n(0)]
    kind: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 32],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    host: Vec<u8>,
}

#[derive(Clone, Encode, Decode)]
struct Answer {
    #[n(0)]
    kind: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 32],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    guest: Vec<u8>,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    more: Vec<u8>,
}

#[derive(Encode, Decode)]
struct Grant {
    #[n(0)]
    kind: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    wrapped: Vec<u8>,
}

/// The words both sides hear when nobody stands between.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct ShortAuthentication(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 32],
);

impl ShortAuthentication {
    /// To read aloud, in a language both speak.
    pub fn words(&self, language: WordLanguage) -> Result<Vec<&'static str>> {
        let bits = derive_key(&self.0, "carnet/1 invitation words")?;
        let (first, _) = bits
            .split_first_chunk::<8>()
            .ok_or(Error::Bug("a derived key has a wrong length"))?;
        let bits = u64::from_be_bytes(*first);
        let word = |at: usize| {
            let number = bits >> (64 - 11 * (at + 1)) & 0x7ff;
            language.words().nth(usize::try_from(number).ok()?)
        };
        Ok((0..COMPARED_WORDS).filter_map(word).collect())
    }
}

impl fmt::Debug for ShortAuthentication {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ShortAuthentication(…)")
    }
}

/// Who was invited. Kept between steps as bytes: an invitation takes days.
#[derive(Encode, Decode)]
pub struct Guest {
    #[n(0)]
    code: InvitationCode,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 32],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    guest: Vec<u8>,
    /// Sealed once, so that sending it again is the same envelope and not a second commit.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    commit: Vec<u8>,
    #[n(4)]
    offer: Option<Offer>,
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    answer: Option<Vec<u8>>,
}

impl Guest {
    /// Reads the link and fixes what this side will say of itself.
    pub fn make(code: &str, guest: &[u8]) -> Result<Self> {
        let code = InvitationCode::from_text(code)?;
        Self::with_nonce(code, make_random()?, guest)
    }

    fn with_nonce(code: InvitationCode, nonce: [u8; 32], guest: &[u8]) -> Result<Self> {
        check_part(guest)?;
        let commit = Commit {
            kind: COMMIT,
            version: VERSION,
            commitment: derive_commitment(&nonce, guest),
        };
        let commit = seal_message(&code.mailbox()?, &commit.to_canonical())?;
        Ok(Self {
            code,
            nonce,
            guest: guest.to_vec(),
            commit,
            offer: None,
            answer: None,
        })
    }

    /// Where they meet.
    pub fn code(&self) -> &InvitationCode {
        &self.code
    }

    /// The first envelope for the mailbox.
    pub fn commit(&self) -> &[u8] {
        &self.commit
    }

    /// Looks for the host's offer among all envelopes of the mailbox; returns who the host says they are. None yet, or an
    /// error when the link was used by somebody else.
    pub fn read_offer<'a>(
        &mut self,
        mailbox: impl IntoIterator<Item = &'a [u8]> + Clone,
    ) -> Result<Option<Vec<u8>>> {
        let epoch = self.code.mailbox()?;
        let own = derive_commitment(&self.nonce, &self.guest);
        let commits: Vec<Commit> = all(&epoch, mailbox.clone(), COMMIT);
        if commits.iter().any(|commit| commit.commitment != own) {
            return Err(USED);
        }
        let Some(offer) = one::<Offer>(all(&epoch, mailbox, OFFER))? else {
            return Ok(None);
        };
        check_part(&offer.host)?;
        let same = |known: &Offer| known.to_canonical() == offer.to_canonical();
        if !self.offer.as_ref().is_none_or(same) {
            return Err(USED);
        }
        let host = offer.host.clone();
        self.offer = Some(offer);
        Ok(Some(host))
    }

    /// Opens what this side committed to. `more` is fixed the first time; the envelope is the same every time.
    pub fn answer(&mut self, more: &[u8]) -> Result<Vec<u8>> {
        if self.offer.is_none() {
            return Err(Error::Bug("an answer before the offer"));
        }
        if let Some(answer) = &self.answer {
            return Ok(answer.clone());
        }
        check_part(more)?;
        let answer = Answer {
            kind: ANSWER,
            version: VERSION,
            nonce: self.nonce,
            guest: self.guest.clone(),
            more: more.to_vec(),
        };
        let answer = seal_message(&self.code.mailbox()?, &answer.to_canonical())?;
        self.answer = Some(answer.clone());
        Ok(answer)
    }

    /// What to compare, once the offer is known.
    pub fn authentication(&self) -> Result<ShortAuthentication> {
        let offer = self.offer.as_ref();
        let offer = offer.ok_or(Error::Bug("words before the offer"))?;
        let commitment = derive_commitment(&self.nonce, &self.guest);
        derive_transcript(&self.code, &commitment, offer, &self.nonce, &self.guest)
    }

    /// Opens what the host grants. None yet.
    pub fn read_grant<'a>(
        &self,
        mailbox: impl IntoIterator<Item = &'a [u8]>,
        account: &AccountKeys,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(grant) = one::<Grant>(all(&self.code.mailbox()?, mailbox, GRANT))? else {
            return Ok(None);
        };
        let info = grant_info(&self.authentication()?);
        let granted = account.unwrap(&info, &grant.wrapped).map_err(|_| CHANGED)?;
        Ok(Some(granted))
    }

    /// Canonical bytes, to be sealed before they are stored.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(&(VERSION, self))
    }

    /// Goes on where [`Self::to_bytes`] was.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read_stored(bytes)
    }
}

/// Who invites. Kept between steps as bytes.
#[derive(Encode, Decode)]
pub struct Host {
    #[n(0)]
    code: InvitationCode,
    #[n(1)]
    offer: Offer,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    commitment: Option<[u8; 32]>,
    /// Sealed when the guest had committed, and the same from then on.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    sealed_offer: Option<Vec<u8>>,
    #[n(4)]
    answer: Option<Answer>,
}

impl Host {
    /// Makes a link. `host` says who this side is.
    pub fn make(relay: &str, host: &[u8]) -> Result<Self> {
        Self::with_nonce(InvitationCode::make(relay)?, make_random()?, host)
    }

    fn with_nonce(code: InvitationCode, nonce: [u8; 32], host: &[u8]) -> Result<Self> {
        check_part(host)?;
        Ok(Self {
            code,
            offer: Offer {
                kind: OFFER,
                version: VERSION,
                nonce,
                host: host.to_vec(),
            },
            commitment: None,
            sealed_offer: None,
            answer: None,
        })
    }

    /// The link, and where they meet.
    pub fn code(&self) -> &InvitationCode {
        &self.code
    }

    /// Looks for the guest's commit; returns the offer to put into the mailbox. None yet, or an error when several committed.
    pub fn read_commit<'a>(
        &mut self,
        mailbox: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Vec<u8>>> {
        let epoch = self.code.mailbox()?;
        let Some(commit) = one::<Commit>(all(&epoch, mailbox, COMMIT))? else {
            return Ok(None);
        };
        if self
            .commitment
            .is_some_and(|known| known != commit.commitment)
        {
            return Err(USED);
        }
        self.commitment = Some(commit.commitment);
        if self.sealed_offer.is_none() {
            self.sealed_offer = Some(seal_message(&epoch, &self.offer.to_canonical())?);
        }
        Ok(self.sealed_offer.clone())
    }

    /// Looks for the guest's answer; returns who the guest says they are, and what they add. None yet.
    pub fn read_answer<'a>(
        &mut self,
        mailbox: impl IntoIterator<Item = &'a [u8]> + Clone,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let epoch = self.code.mailbox()?;
        let commitment = self
            .commitment
            .ok_or(Error::Bug("an answer before the commit"))?;
        if self.read_commit(mailbox.clone())?.is_none() {
            return Err(CHANGED);
        }
        let Some(answer) = one::<Answer>(all(&epoch, mailbox, ANSWER))? else {
            return Ok(None);
        };
        check_part(&answer.guest)?;
        check_part(&answer.more)?;
        if derive_commitment(&answer.nonce, &answer.guest) != commitment {
            return Err(CHANGED);
        }
        let said = (answer.guest.clone(), answer.more.clone());
        self.answer = Some(answer);
        Ok(Some(said))
    }

    /// What to compare, once the answer is known.
    pub fn authentication(&self) -> Result<ShortAuthentication> {
        let (Some(commitment), Some(answer)) = (&self.commitment, &self.answer) else {
            return Err(Error::Bug("words before the answer"));
        };
        derive_transcript(
            &self.code,
            commitment,
            &self.offer,
            &answer.nonce,
            &answer.guest,
        )
    }

    /// Seals what the guest gets to their account's key, which the caller took from the guest's own log.
    pub fn grant(&self, kem: &[u8], granted: &[u8]) -> Result<Vec<u8>> {
        let info = grant_info(&self.authentication()?);
        let grant = Grant {
            kind: GRANT,
            version: VERSION,
            wrapped: wrap(kem, &info, granted)?,
        };
        seal_message(&self.code.mailbox()?, &grant.to_canonical())
    }

    /// Canonical bytes, to be sealed before they are stored.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(&(VERSION, self))
    }

    /// Goes on where [`Self::to_bytes`] was.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read_stored(bytes)
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Guest(…)")
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Host(…)")
    }
}

fn read_stored<T>(bytes: &[u8]) -> Result<T>
where
    (u8, T): Canonical,
{
    let (version, state) = <(u8, T)>::from_canonical(bytes)?;
    if version != VERSION {
        return Err(WireError::UnknownVersion.into());
    }
    Ok(state)
}

fn check_part(part: &[u8]) -> Result<()> {
    if part.len() > MAX_INVITATION_PART_BYTES {
        return Err(Error::TooLarge("a message of an invitation"));
    }
    Ok(())
}

/// The messages of one kind, once each; what does not open or is of another version is nobody's.
fn all<'a, T: Canonical>(
    epoch: &Epoch,
    mailbox: impl IntoIterator<Item = &'a [u8]>,
    kind: u8,
) -> Vec<T> {
    let mut messages: Vec<Zeroizing<Vec<u8>>> = mailbox
        .into_iter()
        .filter_map(|envelope| open_message(epoch, envelope))
        .filter(|message| {
            matches!(message.as_slice(), [0x80..=0x97, found, VERSION, ..] if *found == kind)
        })
        .collect();
    messages.dedup();
    messages
        .iter()
        .filter_map(|message| T::from_canonical(message).ok())
        .collect()
}

/// The only one; several show that the link was used by several.
fn one<T: Canonical>(messages: Vec<T>) -> Result<Option<T>> {
    let mut messages = messages.into_iter();
    let first = messages.next();
    let bytes = first.as_ref().map(Canonical::to_canonical);
    if messages.any(|other| Some(other.to_canonical()) != bytes) {
        return Err(USED);
    }
    Ok(first)
}

fn derive_commitment(nonce: &[u8; 32], guest: &[u8]) -> [u8; 32] {
    blake3::derive_key(
        "carnet/1 invitation-commit",
        &[nonce.as_slice(), guest].concat(),
    )
}

fn derive_transcript(
    code: &InvitationCode,
    commitment: &[u8; 32],
    offer: &Offer,
    nonce: &[u8; 32],
    guest: &[u8],
) -> Result<ShortAuthentication> {
    let input = [
        code.mailbox()?.mailbox.as_ref(),
        commitment,
        &offer.nonce,
        nonce,
        blake3::hash(&offer.host).as_bytes(),
        blake3::hash(guest).as_bytes(),
    ]
    .concat();
    let transcript = blake3::derive_key("carnet/1 invitation-transcript", &input);
    Ok(ShortAuthentication(transcript))
}

fn grant_info(transcript: &ShortAuthentication) -> Vec<u8> {
    [b"carnet/1 invitation grant\0".as_slice(), &transcript.0].concat()
}

#[cfg(test)]
mod tests;
