//! What the app lends, and how far it is trusted: a key store, optionally a network, a log. Foreign methods that change
//! something return what a fresh read gives, because an error that Kotlin swallows (`java.lang.Error`) would otherwise arrive
//! as success (uniffi-rs #2903).

mod keys;
mod log;
mod network;
#[cfg(test)]
mod tests;

pub use keys::{DistrustedKeyStore, KeyStore};
pub use log::{LogLevel, LogSink, install_panic_hook, set_log_sink};
pub use network::{HttpReply, LentTransport, Transport, TransportRequest};

pub use crate::ids::Header;

use crate::error::Result;
use carnet::host::{SystemClock, Transport as EngineTransport};
use carnet::sync::HttpTransport;
use carnet::vault::Host;
use std::sync::{Arc, LazyLock};

/// The library's own network, shared by all vaults: it has a thread and a pool of connections.
static NETWORK: LazyLock<std::result::Result<Arc<HttpTransport>, carnet::VaultError>> =
    LazyLock::new(|| HttpTransport::new(&[]).map(Arc::new));

/// What an engine's vault is lent.
pub fn host(keys: Arc<dyn KeyStore>, network: Option<Arc<dyn Transport>>) -> Result<Host> {
    let transport: Arc<dyn EngineTransport> = match network {
        Some(lent) => Arc::new(LentTransport::new(lent)),
        None => NETWORK.clone()?,
    };
    Ok(Host {
        key_store: Arc::new(DistrustedKeyStore::new(keys)),
        clock: Arc::new(SystemClock),
        transport,
    })
}
