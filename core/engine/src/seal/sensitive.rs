//! Secrets in memory: a wrapper that prints nothing and is wiped when dropped, the random source, and the one key
//! derivation. Wiping is best effort: a value that was moved or grew may leave a copy behind.

use crate::error::{Error, Result};
use core::fmt;
use hkdf::Hkdf;
use minicbor::Encode;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// Room reserved before secrets are encoded, so that the buffer rarely grows and leaves a copy behind.
const SECRET_BUFFER_BYTES: usize = 8 << 10;

/// A secret: `Debug` and `Display` print `…`, the bytes are wiped on drop, and reading them takes the word `expose`.
#[derive(Clone)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Takes a secret into custody.
    pub fn new(secret: T) -> Self {
        Self(secret)
    }

    /// Lends the secret.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Sensitive<T> {
    fn from(secret: T) -> Self {
        Self(secret)
    }
}

impl<T: Zeroize> fmt::Debug for Sensitive<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

impl<T: Zeroize> fmt::Display for Sensitive<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// Draws bytes from the operating system.
pub fn make_random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Host("the random source failed"))?;
    Ok(bytes)
}

/// HKDF-SHA-256 with an empty salt: the only way one key comes from another here. `info` is one of the domain strings of
/// the protocol.
pub(crate) fn derive_key(secret: &[u8], info: &str) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    expand_key(None, secret, info.as_bytes(), key.as_mut())?;
    Ok(key)
}

/// HKDF-SHA-256 with everything given, as its published vectors need it.
pub(super) fn expand_key(
    salt: Option<&[u8]>,
    secret: &[u8],
    info: &[u8],
    key: &mut [u8],
) -> Result<()> {
    Hkdf::<Sha256>::new(salt, secret)
        .expand(info, key)
        .map_err(|_| Error::Bug("a derived key has a wrong length"))
}

/// Encodes secrets canonically into a buffer that is wiped.
pub(crate) fn encode_secret<T: Encode<()>>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BUFFER_BYTES));
    // Writing to a Vec cannot fail: its error type is `Infallible`.
    let _ = minicbor::encode(value, &mut *bytes);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_prints_nothing() {
        let secret = Sensitive::new([0x5a_u8; 32]);
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "… … …");
        assert_eq!(secret.expose()[0], 0x5a);
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(make_random::<32>().unwrap(), make_random::<32>().unwrap());
    }

    /// RFC 5869 has no vector with an info string of ours; this one was computed with Python's `hmac` and `hashlib`.
    #[test]
    fn derives_what_python_derives() {
        let key = derive_key(&[7; 32], "carnet/1 content").unwrap();
        assert_eq!(
            hex(key.as_ref()),
            "e5d2732244fd6ec3c14a0742282e355e584ce97df9a305d2458193b0312be3ea"
        );
    }

    /// RFC 5869, test case 3 (empty salt and info), first 32 bytes.
    #[test]
    fn derives_rfc_5869_case_3() {
        let key = derive_key(&[0x0b; 22], "").unwrap();
        assert_eq!(
            hex(key.as_ref()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
