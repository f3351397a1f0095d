//! Listening, connections, stopping.
//!
//! `axum::serve` has no header timeout, so the loop is written out on hyper: a client that sends its headers slowly, keeps a
//! connection idle or stops reading is cut off. HTTP/1.1 only: TLS and HTTP/2 are a proxy's in front of it, and
//! a protocol not spoken here is one that cannot be abused here.

use crate::http::{App, LocalAddress, REQUEST_TIMEOUT};
use crate::origin::Origin;
use crate::{Clock, Service, StartError};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Most connections at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4_096;
/// How long the headers of a request may take, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// After this a connection is closed once its request is answered.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
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
}

/// A relay that listens and is ready to run.
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
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
        let open = move || Service::open(&config.data, Clock::system());
        let service = tokio::task::spawn_blocking(open)
            .await
            .map_err(|_| StartError::Database(crate::RelayError::INTERNAL))??;
        let listen = |error: std::io::Error| StartError::Listen(error.kind());
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        Ok(Self {
            address: listener.local_addr().map_err(listen)?,
            listener,
            app: App::new(Arc::new(service), origin),
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub fn service(&self) -> Arc<Service> {
        Arc::clone(&self.app.service)
    }

    /// Serves until `shutdown`, then stops within ten seconds: not ready, no new connections, requests under way answered,
    /// accepted writes written.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(());
        let router = self.app.clone().router();
        let mut connections = JoinSet::new();
        tokio::select! {
            () = shutdown => {}
            () = accept(self.listener, router, &mut connections, stopped) => {}
            () = sweep(Arc::clone(&self.app.service)) => {}
        }
        self.app.stopping.store(true, Ordering::Relaxed);
        drop(stop);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(DRAIN, drained).await;
        connections.abort_all();
        let service = Arc::clone(&self.app.service);
        let closed = tokio::task::spawn_blocking(move || service.close());
        let _ = tokio::time::timeout(CLOSE, closed).await;
    }
}

/// Takes connections for ever. Dropping it closes the listener.
async fn accept(
    listener: TcpListener,
    router: Router,
    connections: &mut JoinSet<()>,
    stopped: watch::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // The semaphore is never closed, so this ends only by being dropped.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = connection(stream, router.clone(), stopped.clone(), place);
                connections.spawn(serving);
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    mut stopped: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Answers are written whole; waiting for more to put in a packet only delays them.
    let _ = stream.set_nodelay(true);
    let answer = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(LocalAddress(local));
        router.clone().oneshot(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = stopped.changed() => {}
        () = tokio::time::sleep(CONNECTION_AGE) => {}
    }
    serving.as_mut().graceful_shutdown();
    // Whoever does not read its answer is not waited for.
    let _ = tokio::time::timeout(REQUEST_TIMEOUT, serving).await;
}

/// Deletes what has ended, for ever.
async fn sweep(service: Arc<Service>) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        let service = Arc::clone(&service);
        // A sweep that fails has deleted what it could; the next one goes on.
        let _ = tokio::task::spawn_blocking(move || service.sweep()).await;
    }
}
