//! The rollback anchor: how many writes this vault had seen, sealed by a keyed hash and kept outside its folder.
//!
//! Page authentication cannot notice that the whole file was put back from a copy. The anchor can: a database below it was
//! rolled back. One at or above it is valid, so the anchor may lag behind and need not be written with every commit.
//!
//! ```text
//! anchor = version: u8 = 1 ‖ vault: 32 bytes ‖ writes: u64 big-endian ‖ BLAKE3 keyed hash of all before: 32 bytes
//! ```

use super::meta::VaultId;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const BODY: usize = 41;
const LENGTH: usize = BODY + 32;
/// Commits after which the anchor is stored again: at most so many can be undone unnoticed after a kill.
pub const ANCHOR_EVERY: u64 = 64;

/// What the anchor says about a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The database is at or above the anchor.
    Valid,
    /// The database is older than the anchor: it was put back from a copy.
    RolledBack,
    /// There is no anchor.
    Missing,
    /// The anchor was not made for this vault by a holder of its key.
    Forged,
}

/// Makes and checks anchors.
pub struct AnchorKey(Zeroizing<[u8; 32]>);

impl AnchorKey {
    /// The key of the vault with this database key.
    pub fn derive(database_key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(blake3::derive_key(
            "carnet/1 rollback anchor",
            database_key,
        )))
    }

    /// The anchor of a vault that has seen `writes`.
    pub fn derive_anchor(&self, vault: VaultId, writes: u64) -> Vec<u8> {
        let mut anchor = Vec::with_capacity(LENGTH);
        anchor.push(VERSION);
        anchor.extend_from_slice(&vault.0);
        anchor.extend_from_slice(&writes.to_be_bytes());
        let mac = blake3::keyed_hash(&self.0, &anchor);
        anchor.extend_from_slice(mac.as_bytes());
        anchor
    }

    /// Compares a database with what was stored for it.
    pub fn check(&self, vault: VaultId, writes: u64, anchor: Option<&[u8]>) -> Anchor {
        let Some(anchor) = anchor else {
            return Anchor::Missing;
        };
        match self.open(vault, anchor) {
            None => Anchor::Forged,
            Some(anchored) if writes < anchored => Anchor::RolledBack,
            Some(_) => Anchor::Valid,
        }
    }

    fn open(&self, vault: VaultId, anchor: &[u8]) -> Option<u64> {
        let (body, mac) = anchor.split_at_checked(BODY)?;
        let mac = blake3::Hash::from_bytes(mac.try_into().ok()?);
        // Comparing two `Hash`es takes constant time.
        if blake3::keyed_hash(&self.0, body) != mac {
            return None;
        }
        let (version, rest) = body.split_first()?;
        let (named, writes) = rest.split_at_checked(32)?;
        let ours = *version == VERSION && named == vault.0;
        ours.then(|| writes.try_into().ok().map(u64::from_be_bytes))?
    }
}

/// Decides when the anchor is worth storing again: writing to a phone's key store costs milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct AnchorPace {
    stored: u64,
}

impl AnchorPace {
    /// Begins with what the stored anchor says.
    pub fn new(stored: u64) -> Self {
        Self { stored }
    }

    /// Whether it is time, after a commit.
    pub fn due(self, writes: u64) -> bool {
        writes.saturating_sub(self.stored) >= ANCHOR_EVERY
    }

    /// Whether there is anything to store, at close.
    pub fn behind(self, writes: u64) -> bool {
        writes > self.stored
    }

    /// Remembers that the anchor now says `writes`. Never goes back: another process may have stored a higher one.
    pub fn stored(&mut self, writes: u64) {
        self.stored = self.stored.max(writes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const VAULT: VaultId = VaultId([7; 32]);

    fn key() -> AnchorKey {
        AnchorKey::derive(&[1; 32])
    }

    #[test]
    fn at_or_above_is_valid_below_is_rolled_back() {
        let anchor = key().derive_anchor(VAULT, 10);
        assert_eq!(key().check(VAULT, 10, Some(&anchor)), Anchor::Valid);
        assert_eq!(key().check(VAULT, u64::MAX, Some(&anchor)), Anchor::Valid);
        assert_eq!(key().check(VAULT, 9, Some(&anchor)), Anchor::RolledBack);
        assert_eq!(key().check(VAULT, 9, None), Anchor::Missing);
    }

    #[test]
    fn any_changed_bit_or_length_is_forged() {
        let anchor = key().derive_anchor(VAULT, 10);
        for bit in 0..anchor.len() * 8 {
            let mut forged = anchor.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                key().check(VAULT, 10, Some(&forged)),
                Anchor::Forged,
                "bit {bit}"
            );
        }
        for length in 0..anchor.len() {
            assert_eq!(
                key().check(VAULT, 10, Some(&anchor[..length])),
                Anchor::Forged
            );
        }
        let longer = [anchor.as_slice(), &[0]].concat();
        assert_eq!(key().check(VAULT, 10, Some(&longer)), Anchor::Forged);
    }

    #[test]
    fn another_vault_or_key_is_forged() {
        let anchor = key().derive_anchor(VAULT, 10);
        assert_eq!(
            key().check(VaultId([8; 32]), 10, Some(&anchor)),
            Anchor::Forged
        );
        assert_eq!(
            AnchorKey::derive(&[2; 32]).check(VAULT, 10, Some(&anchor)),
            Anchor::Forged
        );
    }

    #[test]
    fn the_pace_is_bounded() {
        let mut pace = AnchorPace::new(100);
        assert!(!pace.due(100) && !pace.behind(100));
        assert!(pace.behind(101) && !pace.due(101));
        assert!(pace.due(100 + ANCHOR_EVERY));
        pace.stored(200);
        pace.stored(150);
        assert!(!pace.behind(200));
    }
}
