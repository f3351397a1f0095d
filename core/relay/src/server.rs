//! Listening, connections, stopping.
//!
//! `axum::serve` has no header timeout, so the loop is written out on hyper: a client that sends its headers slowly, keeps a
//! connection idle or stops reading is cut off. HTTP/1.1 only: TLS and HTTP/2 are a proxy's in front of it, and
//! a protocol not spoken here is one that cannot be abused here.

use crate::http::{App, Ends, Parked, Parking, REQUEST_TIMEOUT};
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::{Clock, Limits, Service, StartError};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderName;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt;

/// How long the headers of a request may take, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });
/// After this a connection is closed once its request is answered.
const CONNECTION_AGE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 600 });
/// Longest request head.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// How long a stop waits for requests under way.
const DRAIN: Duration = Duration::from_secs(6);
/// How long a stop waits for the database after that.
const CLOSE: Duration = Duration::from_secs(3);
/// How often what has ended is deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How to run a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayConfig {
    /// The directory it keeps everything in.
    pub data: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The origin devices reach it by, if it is not the address itself.
    pub public_url: Option<String>,
    /// The address operators read metrics at, if they do.
    pub metrics: Option<SocketAddr>,
    /// The header in which a proxy in front says whom it stands for. Without a proxy it must be none: anybody could write it.
    pub client_header: Option<String>,
    /// What is allowed.
    pub limits: Limits,
}

impl RelayConfig {
    /// A relay with everything as usual.
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data,
            listen,
            public_url: None,
            metrics: None,
            client_header: None,
            limits: Limits::default(),
        }
    }
}

/// A relay that listens and is ready to run.
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Option<TcpListener>,
    app: App,
}

/// Opens, listens and runs until `shutdown`.
pub async fn serve(
    config: RelayConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    Relay::bind(config).await?.run(shutdown).await;
    Ok(())
}

impl Relay {
    /// Opens the data directory and starts to listen.
    pub async fn bind(config: RelayConfig) -> Result<Self, StartError> {
        let origin = match &config.public_url {
            Some(url) => Origin::from_public_url(url)?,
            None => Origin::LocalAddress,
        };
        let client_header = config.client_header.as_deref().map(HeaderName::try_from);
        let client_header = client_header
            .transpose()
            .map_err(|_| StartError::ClientHeader)?;
        let open = move || Service::open(&config.data, Clock::system(), config.limits);
        let service = tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| StartError::Database(crate::RelayError::INTERNAL))??;
        let listen = |error: std::io::Error| StartError::Listen(error.kind());
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let metrics = match config.metrics {
            Some(address) => Some(TcpListener::bind(address).await.map_err(listen)?),
            None => None,
        };
        Ok(Self {
            address: listener.local_addr().map_err(listen)?,
            listener,
            metrics,
            app: App::new(Arc::new(service), origin, client_header),
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where operators read metrics.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }

    /// What it serves.
    pub fn service(&self) -> Arc<Service> {
        Arc::clone(&self.app.service)
    }

    /// Serves until `shutdown`, then stops within ten seconds: not ready, no new connections, whoever waits answered, requests under
    /// way answered, accepted writes written and moved into the database's own file.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(());
        let router = self.app.clone().router();
        let mut connections = JoinSet::new();
        tokio::select! {
            () = shutdown => {}
            () = accept(self.listener, &self.app, router, &mut connections, stopped) => {}
            () = sweep(Arc::clone(&self.app.service)) => {}
            () = operators(self.metrics, self.app.clone()) => {}
        }
        self.app.stopping.store(true, Ordering::Relaxed);
        self.app.service.stop_waiting();
        drop(stop);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(DRAIN, drained).await;
        // Waits until the rest is gone too: it holds the service, and the service its directory.
        connections.shutdown().await;
        let service = Arc::clone(&self.app.service);
        let closed = tokio::task::spawn_blocking(move || service.close());
        let _ = tokio::time::timeout(CLOSE, closed).await;
    }
}

/// Takes connections for ever. Dropping it closes the listener.
async fn accept(
    listener: TcpListener,
    app: &App,
    router: Router,
    connections: &mut JoinSet<()>,
    stopped: watch::Receiver<()>,
) {
    let most = app.service.limits().connections;
    let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    let metrics = app.service.metrics();
    // The semaphore is never closed, so this ends only by being dropped.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let place = Place::new(place, metrics);
                let serving = connection(stream, peer, router.clone(), stopped.clone(), place);
                connections.spawn(serving);
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A connection's place among all, given up when dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, metrics: &Arc<Metrics>) -> Self {
        metrics.connections.add(1);
        Self {
            _permit: permit,
            metrics: Arc::clone(metrics),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connections.sub(1);
    }
}

/// One connection to its end. Between two spans of serving it may be parked, and then costs little more than its socket.
async fn connection(
    mut stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stopped: watch::Receiver<()>,
    _place: Place,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Answers are written whole; waiting for more to put in a packet only delays them.
    let _ = stream.set_nodelay(true);
    let end = Instant::now() + CONNECTION_AGE;
    loop {
        // Boxed, and gone while the connection is parked: buffers, parser and request together are ten times what is left.
        let serving = Box::pin(span(
            stream,
            (local, peer),
            router.clone(),
            stopped.clone(),
            end,
        ));
        let Some((parked, waits)) = serving.await else {
            return;
        };
        let is_last = stopped.has_changed().unwrap_or(true) || Instant::now() >= end;
        match waits.answer(parked, is_last).await {
            Some(kept) if !stopped.has_changed().unwrap_or(true) => stream = kept,
            _ => return,
        }
    }
}

/// Serves requests until the connection ends, or until one of them is to wait.
async fn span(
    stream: TcpStream,
    (local, peer): (SocketAddr, SocketAddr),
    router: Router,
    mut stopped: watch::Receiver<()>,
    end: Instant,
) -> Option<(TcpStream, Parked)> {
    let parking: Arc<Parking> = Arc::default();
    let ends = Ends {
        local,
        peer,
        parking: Arc::clone(&parking),
    };
    let answer = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ends.clone());
        router.clone().oneshot(request)
    });
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    let waits = tokio::select! {
        _ = &mut serving => return None,
        waits = parking.parked() => Some(waits),
        _ = stopped.changed() => None,
        () = tokio::time::sleep_until(end) => None,
    };
    let waits = match waits {
        Some(waits) => waits,
        None => {
            Pin::new(&mut serving).graceful_shutdown();
            tokio::select! {
                // Whoever does not read its answer is not waited for.
                _ = tokio::time::timeout(REQUEST_TIMEOUT, &mut serving) => return None,
                waits = parking.parked() => waits,
            }
        }
    };
    let parts = serving.into_parts();
    // What a client sent beyond its request would be lost: nobody pipelines behind a wait.
    parts
        .read_buf
        .is_empty()
        .then(|| (parts.io.into_inner(), waits))
}

/// Deletes what has ended, for ever.
async fn sweep(service: Arc<Service>) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        let sweeping = Arc::clone(&service);
        // A sweep that fails has deleted what it could; the next one goes on.
        let swept = tokio::task::spawn_blocking(move || sweeping.sweep()).await;
        if !matches!(swept, Ok(Ok(()))) {
            service.metrics().sweep_failures.add(1);
        }
    }
}

/// Answers operators for ever.
async fn operators(listener: Option<TcpListener>, app: App) {
    if let Some(listener) = listener {
        let _ = axum::serve(listener, app.operators()).await;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    async fn relay() -> (tempfile::TempDir, Relay) {
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = RelayConfig::new(folder.path().to_owned(), listen);
        (folder, Relay::bind(config).await.unwrap())
    }

    /// Seconds until the relay hangs up on a client that sends the next of `pieces` every 100 ms.
    async fn hangs_up_after(address: SocketAddr, pieces: &[&str]) -> u64 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let started = Instant::now();
        let mut pieces = pieces.iter().cycle();
        while started.elapsed() < Duration::from_secs(20) {
            let gone = match pieces.next() {
                Some(piece) => stream.write_all(piece.as_bytes()).await.is_err(),
                None => false,
            };
            let mut buffer = [0; 1024];
            let read = timeout(Duration::from_millis(100), stream.read(&mut buffer)).await;
            if gone || matches!(read, Ok(Ok(0) | Err(_))) {
                break;
            }
        }
        started.elapsed().as_secs()
    }

    #[tokio::test]
    async fn slow_silent_and_endless_clients_are_cut_off() {
        let (_folder, relay) = relay().await;
        let address = relay.local_addr();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(relay.run(async { drop(stopped.await) }));
        let slow = hangs_up_after(address, &["GET / HTTP/1.1\r\nx:", "y", "y", "y"]);
        let silent = hangs_up_after(address, &[]);
        // Complete requests, one after the other, on a connection that would never end by itself.
        let endless = hangs_up_after(address, &["GET / HTTP/1.1\r\n\r\n"]);
        let (slow, silent, endless) = tokio::join!(slow, silent, endless);
        assert!(slow < 5 && silent < 5, "{slow} {silent}");
        assert!((2..10).contains(&endless), "{endless}");
        drop(stop);
        timeout(Duration::from_secs(10), running)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn readiness_follows_the_writer() {
        let (_folder, relay) = relay().await;
        let address = relay.local_addr();
        let service = relay.service();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(relay.run(async { drop(stopped.await) }));
        let status = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            answer.split(' ').nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(status("/readyz").await, "200");
        service.close();
        assert_eq!(status("/readyz").await, "503");
        assert_eq!(status("/healthz").await, "200");
        drop(stop);
        running.await.unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_an_error_of_its_kind() {
        let (folder, relay) = relay().await;
        let taken = RelayConfig::new(folder.path().join("other"), relay.local_addr());
        let error = Relay::bind(taken.clone()).await.err();
        assert_eq!(
            error,
            Some(StartError::Listen(std::io::ErrorKind::AddrInUse))
        );
        let no_url = RelayConfig {
            public_url: Some("relay.example".to_owned()),
            ..taken.clone()
        };
        assert_eq!(Relay::bind(no_url).await.err(), Some(StartError::PublicUrl));
        let no_folder = RelayConfig {
            data: folder.path().join("relay.db"),
            ..taken
        };
        let error = Relay::bind(no_folder).await.err();
        assert!(matches!(error, Some(StartError::Data(_))));
    }
}
