//! A relay inside this process, on a free port of the loopback address.

use crate::error::CliResult;
use carnet::VaultError;
use carnet_relay::{Relay, RelayConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// How long a stop may take.
const STOP: Duration = Duration::from_secs(2);

/// A running relay. It stops when dropped.
pub struct Server {
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    /// Where it answers.
    pub url: String,
}

impl Server {
    /// Starts a relay that keeps everything in `data`.
    pub fn start(data: &Path) -> CliResult<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let config = RelayConfig::new(
            data.to_path_buf(),
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        );
        let failed = VaultError::HostFailed("the relay did not start");
        let relay = runtime.block_on(Relay::bind(config)).map_err(|_| failed)?;
        let url = format!("http://{}", relay.local_addr());
        let (stop, stopped) = oneshot::channel();
        runtime.spawn(relay.run(async move {
            // An error means the sender is gone, which is a stop too.
            let _ = stopped.await;
        }));
        Ok(Self {
            runtime: Some(runtime),
            stop: Some(stop),
            url,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP);
        }
    }
}
