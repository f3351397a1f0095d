//! The primitives alone: what no engine can be faster or smaller than.

use crate::{own_cpu, tell};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// One zstd frame at level 3.
pub fn zstd3(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).expect("zstd")
}

/// Bytes per CPU second of both, and what is left after zstd.
pub fn measure(bytes: &[u8]) {
    let from = own_cpu();
    let packed = zstd3(bytes);
    tell("zstd_rate", bytes.len() as f64 / (own_cpu() - from));
    let from = own_cpu();
    let again = zstd::bulk::decompress(&packed, bytes.len()).expect("zstd");
    tell("unzstd_rate", bytes.len() as f64 / (own_cpu() - from));
    assert_eq!(again.len(), bytes.len());
    tell("zstd_bytes", packed.len() as f64);
    let cipher = XChaCha20Poly1305::new(&[7; 32].into());
    let from = own_cpu();
    let mut sealed_bytes = 0;
    for (number, chunk) in bytes.chunks(64 << 10).enumerate() {
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let sealed = cipher.encrypt(&XNonce::from(nonce), chunk).expect("sealed");
        sealed_bytes += sealed.len();
    }
    assert!(sealed_bytes > bytes.len());
    tell("aead_rate", bytes.len() as f64 / (own_cpu() - from));
}
