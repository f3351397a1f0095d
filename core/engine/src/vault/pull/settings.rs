//! What the vault keeps of a source besides its data: settings in its row, and what opens it in `secret`, sealed once more under a
//! key of the database key. Secrets are never in a row that a view shows, an error names or a log prints.

use crate::error::{Error, Result};
use crate::pull::oauth::{Client, Endpoints, Pending, Tokens};
use crate::seal;
use crate::store::{SourceRow, log};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Of a source, readable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Its base.
    pub address: String,
    /// Whose data.
    pub subject: Option<String>,
    /// Where to sign in; none where it needs none.
    pub endpoints: Option<Endpoints>,
    /// What was asked for.
    pub scope: String,
    /// What was granted, where the server said it.
    pub granted: Option<String>,
    /// It took no token any more.
    pub reconnect: bool,
}

/// Of a source, secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// This app, as the source knows it.
    pub client: Option<Client>,
    /// A sign-in under way.
    pub pending: Option<Pending>,
    /// What opens it.
    pub tokens: Option<Tokens>,
    /// The value of a header that opens it.
    #[serde(default)]
    pub header: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secrets")
    }
}

impl Settings {
    /// From a row.
    pub fn read(row: &SourceRow) -> Result<Self> {
        serde_json::from_str(&row.settings).map_err(|_| Error::Corrupt("the settings of a source"))
    }

    /// For a row.
    pub fn write(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|_| Error::Bug("settings that cannot be written"))
    }
}

impl Secrets {
    /// What opens a source; empty where nothing does.
    pub fn read(conn: &Connection, database_key: &[u8; 32], source: i64) -> Result<Self> {
        let slot = slot(source);
        let Some(sealed) = log::secret(conn, &slot)? else {
            return Ok(Self::default());
        };
        let plain = seal::open_secret(database_key, &slot, &sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Error::Corrupt("the secrets of a source"))
    }

    /// Keeps them instead of those before.
    pub fn write(&self, conn: &Connection, database_key: &[u8; 32], source: i64) -> Result<()> {
        let plain =
            serde_json::to_vec(self).map_err(|_| Error::Bug("secrets that cannot be written"))?;
        let plain = Zeroizing::new(plain);
        let slot = slot(source);
        log::set_secret(
            conn,
            &slot,
            &seal::seal_secret(database_key, &slot, &plain)?,
        )
    }

    /// Forgets them.
    pub fn remove(conn: &Connection, source: i64) -> Result<()> {
        log::remove_secret(conn, &slot(source))
    }
}

fn slot(source: i64) -> String {
    format!("source {source}")
}
