//! Wraps: a secret sealed to a public key. HPKE (RFC 9180) with X-Wing, so that what is recorded today stays closed to a
//! quantum computer tomorrow.
//!
//! ```text
//! wrapped = enc: 1120 bytes ‖ ciphertext ‖ tag: 16 bytes         base mode, empty AAD
//! suite   = KEM 0x647A X-Wing · KDF 0x0001 HKDF-SHA256 · AEAD 0x0003 ChaCha20Poly1305
//! ```
//! Drafts differ on the KDF that goes with X-Wing; HKDF-SHA256 is pinned because platform libraries offer it.
//! The `info` string names the place of the wrap (what it is, whose, of which record), so one cannot be put in another's place.

use super::make_random;
use crate::error::{Error, Result};
use core::convert::Infallible;
use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::rand_core::{CryptoRng, TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use zeroize::Zeroizing;

/// Length of an X-Wing public key.
pub const KEM_PUBLIC_BYTES: usize = 1216;
/// Length of the encapsulated key that opens every wrap.
pub const KEM_ENCAPSULATED_BYTES: usize = 1120;
/// How much longer a wrap is than its secret.
pub const WRAP_OVERHEAD_BYTES: usize = KEM_ENCAPSULATED_BYTES + 16;
/// Longest secret a wrap may carry.
pub const MAX_WRAPPED_BYTES: usize = 1 << 20;
/// Longest `info`. HPKE's own code panics at 64 KiB.
const MAX_INFO_BYTES: usize = 4 << 10;

pub(super) type PublicKey = <XWing as Kem>::PublicKey;
type PrivateKey = <XWing as Kem>::PrivateKey;
pub(crate) type SenderContext = AeadCtxS<ChaCha20Poly1305, HkdfSha256, XWing>;
pub(crate) type ReceiverContext = AeadCtxR<ChaCha20Poly1305, HkdfSha256, XWing>;

/// An X-Wing key pair, kept as the 32-byte seed it is expanded from.
#[derive(Clone)]
pub(crate) struct KemSecret {
    seed: Zeroizing<[u8; 32]>,
    public: Vec<u8>,
}

impl KemSecret {
    pub(crate) fn make() -> Result<Self> {
        Self::from_seed(make_random()?)
    }

    pub(crate) fn from_seed(seed: [u8; 32]) -> Result<Self> {
        let seed = Zeroizing::new(seed);
        let public = XWing::sk_to_pk(&expand(&seed)?).to_bytes().to_vec();
        Ok(Self { seed, public })
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    pub(crate) fn unwrap(&self, info: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.unwrap_mode(OpModeR::Base, info, wrapped)
            .map(|(secret, _)| secret)
    }

    /// Opens a wrap that only who knows `psk` can have made, and returns the context both sides can export keys from.
    pub(crate) fn unwrap_with_psk(
        &self,
        psk: &[u8; 32],
        psk_id: &[u8],
        info: &[u8],
        wrapped: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, ReceiverContext)> {
        let bundle = PskBundle::new(psk, psk_id).map_err(|_| Error::Bug("an empty psk id"))?;
        self.unwrap_mode(OpModeR::Psk(bundle), info, wrapped)
    }

    fn unwrap_mode(
        &self,
        mode: OpModeR<'_, XWing>,
        info: &[u8],
        wrapped: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, ReceiverContext)> {
        check_lengths(info, wrapped.len().saturating_sub(WRAP_OVERHEAD_BYTES))?;
        open_first(&mode, &expand(&self.seed)?, info, b"", wrapped)
    }
}

/// What a receiver goes on with under any KEM.
type Receiver<K> = AeadCtxR<ChaCha20Poly1305, HkdfSha256, K>;

/// `enc ‖ first message` under HPKE with any KEM: X-Wing here, the KEM of RFC 9180's vectors in the tests.
pub(super) fn open_first<K: Kem>(
    mode: &OpModeR<'_, K>,
    private: &K::PrivateKey,
    info: &[u8],
    aad: &[u8],
    wrapped: &[u8],
) -> Result<(Zeroizing<Vec<u8>>, Receiver<K>)> {
    let (encapsulated, ciphertext) = wrapped
        .split_at_checked(K::EncappedKey::size())
        .ok_or(Error::Unsealable)?;
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).map_err(|_| Error::Unsealable)?;
    let mut context: Receiver<K> =
        hpke::setup_receiver(mode, private, &encapsulated, info).map_err(|_| Error::Unsealable)?;
    let secret = context
        .open(ciphertext, aad)
        .map_err(|_| Error::Unsealable)?;
    Ok((Zeroizing::new(secret), context))
}

fn expand(seed: &[u8; 32]) -> Result<PrivateKey> {
    PrivateKey::from_bytes(seed).map_err(|_| Error::Bug("a KEM seed has a wrong length"))
}

/// Seals `secret` to the owner of an X-Wing public key. `info` must be the same when it is unwrapped.
pub fn wrap(recipient_kem_public: &[u8], info: &[u8], secret: &[u8]) -> Result<Vec<u8>> {
    wrap_mode(OpModeS::Base, recipient_kem_public, info, secret).map(|(wrapped, _)| wrapped)
}

/// Seals `secret` so that the recipient knows it comes from someone who knows `psk`.
pub(crate) fn wrap_with_psk(
    recipient_kem_public: &[u8],
    psk: &[u8; 32],
    psk_id: &[u8],
    info: &[u8],
    secret: &[u8],
) -> Result<(Vec<u8>, SenderContext)> {
    let bundle = PskBundle::new(psk, psk_id).map_err(|_| Error::Bug("an empty psk id"))?;
    wrap_mode(OpModeS::Psk(bundle), recipient_kem_public, info, secret)
}

fn wrap_mode(
    mode: OpModeS<'_, XWing>,
    recipient_kem_public: &[u8],
    info: &[u8],
    secret: &[u8],
) -> Result<(Vec<u8>, SenderContext)> {
    check_lengths(info, secret.len())?;
    let recipient = read_kem_public(recipient_kem_public)?;
    let mut random = DrawnRandom::make()?;
    seal_first(&mode, &recipient, info, b"", secret, &mut random)
}

/// What [`open_first`] opens.
pub(super) fn seal_first<K: Kem>(
    mode: &OpModeS<'_, K>,
    recipient: &K::PublicKey,
    info: &[u8],
    aad: &[u8],
    secret: &[u8],
    random: &mut impl CryptoRng,
) -> Result<(Vec<u8>, AeadCtxS<ChaCha20Poly1305, HkdfSha256, K>)> {
    let (encapsulated, mut context): (_, AeadCtxS<ChaCha20Poly1305, HkdfSha256, K>) =
        hpke::setup_sender_with_rng(mode, recipient, info, random)
            .map_err(|_| Error::Bug("a secret could not be wrapped"))?;
    let ciphertext = context
        .seal(secret, aad)
        .map_err(|_| Error::Bug("a secret could not be wrapped"))?;
    let mut wrapped = encapsulated.to_bytes().to_vec();
    wrapped.extend_from_slice(&ciphertext);
    Ok((wrapped, context))
}

/// Refuses bytes that are no X-Wing public key: wrong length, or an ML-KEM part out of range.
pub(crate) fn check_kem_public(bytes: &[u8]) -> Result<()> {
    read_kem_public(bytes).map(|_| ())
}

pub(super) fn read_kem_public(bytes: &[u8]) -> Result<PublicKey> {
    PublicKey::from_bytes(bytes).map_err(|_| Error::Invalid("a public key is malformed"))
}

fn check_lengths(info: &[u8], secret: usize) -> Result<()> {
    if info.len() > MAX_INFO_BYTES || secret > MAX_WRAPPED_BYTES {
        return Err(Error::TooLarge("a wrapped secret"));
    }
    Ok(())
}

/// Randomness for HPKE, whose own source panics when the system's fails: 32 bytes drawn before, stretched with BLAKE3.
struct DrawnRandom {
    seed: Zeroizing<[u8; 32]>,
    blocks: u64,
}

impl DrawnRandom {
    fn make() -> Result<Self> {
        let seed = Zeroizing::new(make_random()?);
        Ok(Self { seed, blocks: 0 })
    }

    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            self.blocks += 1;
            let block = blake3::keyed_hash(&self.seed, &self.blocks.to_le_bytes());
            chunk
                .iter_mut()
                .zip(block.as_bytes())
                .for_each(|(byte, random)| *byte = *random);
        }
    }
}

impl TryRng for DrawnRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> core::result::Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> core::result::Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> core::result::Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for DrawnRandom {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wrap_opens_for_its_recipient_only() {
        let (mum, stranger) = (KemSecret::make().unwrap(), KemSecret::make().unwrap());
        let wrapped = wrap(mum.public(), b"epoch", b"secret").unwrap();
        assert_eq!(wrapped.len(), 6 + WRAP_OVERHEAD_BYTES);
        assert_eq!(
            mum.unwrap(b"epoch", &wrapped).unwrap().as_slice(),
            b"secret"
        );
        assert!(matches!(
            stranger.unwrap(b"epoch", &wrapped),
            Err(Error::Unsealable)
        ));
        assert!(matches!(
            mum.unwrap(b"other place", &wrapped),
            Err(Error::Unsealable)
        ));
    }

    #[test]
    fn a_changed_or_cut_wrap_does_not_open() {
        let mum = KemSecret::make().unwrap();
        let wrapped = wrap(mum.public(), b"", b"secret").unwrap();
        for at in [0, 500, 1087, 1088, 1119, 1120, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(mum.unwrap(b"", &changed).is_err(), "byte {at}");
        }
        for length in [0, 1, 1119, 1120, 1135, wrapped.len() - 1] {
            assert!(
                mum.unwrap(b"", &wrapped[..length]).is_err(),
                "length {length}"
            );
        }
    }

    #[test]
    fn a_psk_wrap_needs_the_psk_and_both_sides_export_one_key() {
        let phone = KemSecret::make().unwrap();
        let public = phone.public();
        let (wrapped, sender) = wrap_with_psk(public, &[1; 32], b"id", b"i", b"s").unwrap();
        assert!(
            phone
                .unwrap_with_psk(&[2; 32], b"id", b"i", &wrapped)
                .is_err()
        );
        assert!(
            phone
                .unwrap_with_psk(&[1; 32], b"di", b"i", &wrapped)
                .is_err()
        );
        assert!(phone.unwrap(b"i", &wrapped).is_err());
        let (secret, receiver) = phone
            .unwrap_with_psk(&[1; 32], b"id", b"i", &wrapped)
            .unwrap();
        assert_eq!(secret.as_slice(), b"s");
        let (mut ours, mut theirs) = ([0; 32], [0; 32]);
        sender.export(b"x", &mut ours).unwrap();
        receiver.export(b"x", &mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn malformed_public_keys_and_oversize_secrets_are_refused() {
        let good = KemSecret::make().unwrap().public().to_vec();
        assert_eq!(good.len(), KEM_PUBLIC_BYTES);
        assert!(wrap(&good[1..], b"", b"s").is_err());
        assert!(wrap(&[], b"", b"s").is_err());
        // All ones: the coefficients of the ML-KEM part exceed its modulus.
        assert!(wrap(&[0xff; KEM_PUBLIC_BYTES], b"", b"s").is_err());
        assert!(wrap(&good, &vec![0; MAX_INFO_BYTES + 1], b"s").is_err());
        assert!(wrap(&good, b"", &vec![0; MAX_WRAPPED_BYTES + 1]).is_err());
    }

    #[test]
    fn two_wraps_of_one_secret_differ() {
        let public = KemSecret::make().unwrap().public().to_vec();
        assert_ne!(
            wrap(&public, b"", b"s").unwrap(),
            wrap(&public, b"", b"s").unwrap()
        );
    }
}
