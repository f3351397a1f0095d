//! Keys and AEAD.
