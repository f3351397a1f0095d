//! A few values about the vault itself: who it is, and how many writes it has seen.

use crate::error::{Error, Result};
use rusqlite::Connection;

const VAULT: &str = "vault";
const WRITES: &str = "writes";

/// The identity of a vault: random, the name of its anchor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VaultId(pub [u8; 32]);

impl std::fmt::Display for VaultId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

pub(super) fn initialise(connection: &Connection) -> Result<()> {
    let mut vault = [0_u8; 32];
    getrandom::fill(&mut vault).map_err(|_| Error::Host("no random numbers"))?;
    let mut insert = connection.prepare("INSERT INTO meta(key, value) VALUES(?1, ?2)")?;
    insert.execute((VAULT, vault))?;
    insert.execute((WRITES, 0))?;
    Ok(())
}

/// Who this vault is.
pub fn vault_id(connection: &Connection) -> Result<VaultId> {
    let mut select = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(VaultId(select.query_row([VAULT], |row| row.get(0))?))
}

/// How many transactions have been committed: what the rollback anchor remembers.
pub fn writes(connection: &Connection) -> Result<u64> {
    let mut select = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let writes: i64 = select.query_row([WRITES], |row| row.get(0))?;
    u64::try_from(writes).map_err(|_| Error::Corrupt("the count of writes"))
}

pub(super) fn count_write(connection: &Connection) -> Result<()> {
    let mut update =
        connection.prepare_cached("UPDATE meta SET value = value + 1 WHERE key = ?1")?;
    match update.execute([WRITES])? {
        1 => Ok(()),
        _ => Err(Error::Corrupt("the count of writes")),
    }
}
