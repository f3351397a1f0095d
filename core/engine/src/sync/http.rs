//! The network by `reqwest` on a runtime of its own: rustls with one provider and roots that are compiled in, so that no
//! platform verifier is needed (on Android it panics unless the app initialises it).
//!
//! TLS is defence in depth: what is secret is sealed before it comes here.

use crate::error::VaultError;
use crate::host::{HostError, HttpRequest, HttpResponse, Method, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How often a request under way asks whether it is still wanted.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The answer headers somebody reads: relays' and providers'.
const READ_HEADERS: [&str; 5] = [
    "retry-after",
    "upload-offset",
    "content-range",
    "content-type",
    "date",
];

/// Sends requests over the machine's own network.
pub struct HttpTransport {
    client: reqwest::Client,
    /// There until dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl HttpTransport {
    /// A transport that trusts the bundled roots and `extra_roots` (PEM certificates, one or more in each).
    pub fn new(extra_roots: &[Vec<u8>]) -> Result<Self, VaultError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(extra_roots)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| VaultError::HostFailed("the network could not be set up"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("carnet-http")
            .enable_all()
            .build()
            .map_err(|_| VaultError::HostFailed("the network thread could not be started"))?;
        Ok(Self {
            client,
            runtime: Some(runtime),
        })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut builder = self
            .client
            .request(method, &request.url)
            .timeout(request.timeout)
            .body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(|_| HostError::Offline)?;
        let status = response.status().as_u16();
        let headers = READ_HEADERS
            .iter()
            .filter_map(|name| {
                Some((
                    (*name).to_owned(),
                    response.headers().get(*name)?.to_str().ok()?.to_owned(),
                ))
            })
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| HostError::Offline)? {
            if body.len() + chunk.len() > request.max_answer {
                return Err(HostError::Garbled);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse {
            status,
            headers,
            body,
        })
    }
}

fn tls_config(extra_roots: &[Vec<u8>]) -> Result<ClientConfig, VaultError> {
    const BAD_ROOT: VaultError =
        VaultError::InvalidInput("the extra TLS root is not a PEM certificate");
    const FAILED: VaultError = VaultError::HostFailed("TLS could not be set up");
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for pem in extra_roots {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots
                .add(certificate.map_err(|_| BAD_ROOT)?)
                .map_err(|_| BAD_ROOT)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| FAILED)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Ends as soon as `go_on` says no.
async fn until_stopped(go_on: &dyn Fn() -> bool) {
    while go_on() {
        tokio::time::sleep(ASK_EVERY).await;
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        self.send_while(request, &|| true)
    }

    fn send_while(
        &self,
        request: HttpRequest,
        go_on: &dyn Fn() -> bool,
    ) -> Result<HttpResponse, HostError> {
        let runtime = self.runtime.as_ref().ok_or(HostError::Failed)?;
        runtime.block_on(async {
            let mut stopped = pin!(until_stopped(go_on));
            let mut exchange = pin!(self.exchange(request));
            poll_fn(|context| match stopped.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(HostError::Cancelled)),
                Poll::Pending => exchange.as_mut().poll(context),
            })
            .await
        })
    }
}

impl Drop for HttpTransport {
    /// A look-up of a name cannot be stopped and may last half a minute: nobody waits for it.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
