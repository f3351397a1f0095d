//! The HTTP skin: paths, headers, bodies and statuses, exactly as [`carnet_wire::relay`] lists them.
//!
//! Invariants: every error is a [`Problem`] with a constant text; a body is read only after its token was checked and its
//! memory reserved; nothing of a request is logged or repeated. Work that blocks runs on threads for it, and work once handed
//! over is not undone by a client that hangs up.

mod wait;

pub(crate) use wait::{Parked, Parking};

use crate::blobs::{BlobBytes, BlobPart, BlobRange, Progress};
use crate::origin::Origin;
use crate::{RelayError, Service};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, FromRequest, Path, Request, State};
use axum::http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    HeaderName, HeaderValue, RANGE, RETRY_AFTER,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use carnet_wire::relay::{Close, Delete, Exchange, OpenSession, Problem, Retire, code};
use carnet_wire::{BlobId, Canonical, MailboxId, limits};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unread::Unread;

/// How long a request may take, its body's arrival included: 4 MiB at 300 kbit/s.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Most requests being worked on; more are told to come back.
const MAX_REQUESTS: usize = 1_024;
/// Most KiB of request bodies in memory.
const MAX_BODIES_KIB: usize = 256 << 10;
/// Longest body of a session request: the most mailboxes and proofs it may name.
const MAX_SESSION_BYTES: usize = 512 << 10;
/// Longest body of a retirement: the most ids and blobs it may name, 34 bytes each.
const MAX_RETIRE_BYTES: usize = 2 * limits::MAX_RETIRED * 34 + 64;
/// Longest body of a closing: the most mailboxes it may name, with two keys each.
const MAX_CLOSE_BYTES: usize = limits::MAX_MAILBOXES * (3 * 34 + 1) + 64;
/// Longest body that only names one mailbox.
const MAX_NAME_BYTES: usize = 64;
/// Longest exchange that is decoded and hashed on the thread that drives the network.
const INLINE_BYTES: usize = 32 << 10;
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// What every handler shares: one count to move for each that holds it.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) service: Arc<Service>,
    pub(crate) stopping: AtomicBool,
    origin: Origin,
    /// Where a trusted proxy says whom it stands for.
    client_header: Option<HeaderName>,
    requests: Semaphore,
    bodies: Arc<Semaphore>,
}

/// A request's connection: its two ends, and where it is told to be parked.
#[derive(Clone)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) parking: Arc<Parking>,
}

type Answer = Result<Response, RelayError>;

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(
        service: Arc<Service>,
        origin: Origin,
        client_header: Option<HeaderName>,
    ) -> Self {
        Self(Arc::new(Shared {
            service,
            stopping: AtomicBool::new(false),
            origin,
            client_header,
            requests: Semaphore::new(MAX_REQUESTS),
            bodies: Arc::new(Semaphore::new(MAX_BODIES_KIB)),
        }))
    }

    /// All paths.
    pub(crate) fn router(self) -> Router {
        let blob = get(get_blob).head(head_blob).put(put_blob);
        Router::new()
            .route("/v1/challenge", post(challenge))
            .route("/v1/session", post(session))
            .route("/v1/exchange", post(exchange))
            .route("/v1/retire", post(retire))
            .route("/v1/close", post(close))
            .route("/v1/delete", post(delete))
            .route("/v1/blobs/{mailbox}/{blob}", blob)
            .route_layer(from_fn_with_state(self.clone(), guard))
            // Outside the guard: whoever waits works on nothing, and there are many of them.
            .route("/v1/wait", post(wait::wait))
            .route("/healthz", get(async || StatusCode::OK))
            .route("/readyz", get(ready))
            .fallback(async || RelayError::NOT_FOUND)
            .method_not_allowed_fallback(async || RelayError::BAD_METHOD)
            // `App::body` sets the limit of each path; this is the ceiling above all of them.
            .layer(DefaultBodyLimit::max(limits::MAX_EXCHANGE_BYTES))
            .with_state(self)
    }

    /// The paths for the operator, on an address of their own.
    pub(crate) fn operators(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || StatusCode::OK))
            .route("/readyz", get(ready))
            .with_state(self)
    }

    /// Counts a request against the network it comes from.
    fn count(&self, request: &Request) -> Result<(), RelayError> {
        self.service.count_request(self.client(request)?)
    }

    /// Whose request it is. The last name in the header is the one the proxy wrote; those before it are the client's to make up.
    fn client(&self, request: &Request) -> Result<IpAddr, RelayError> {
        let ends = request.extensions().get::<Ends>();
        let peer = ends.ok_or(RelayError::INTERNAL)?.peer.ip();
        let named = self
            .client_header
            .as_ref()
            .and_then(|name| request.headers().get_all(name).iter().next_back())
            .and_then(|value| value.to_str().ok()?.rsplit(',').next())
            .and_then(|last| last.trim().parse().ok());
        Ok(named.unwrap_or(peer))
    }

    /// Reads a body of at most `limit` bytes. The permit keeps its memory accounted for.
    async fn body(
        &self,
        request: Request,
        limit: usize,
    ) -> Result<(Bytes, OwnedSemaphorePermit), RelayError> {
        let announced = header_number(request.headers(), &CONTENT_LENGTH)?;
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(RelayError::TOO_LARGE);
        }
        let length = announced.map_or(limit, |length| length as usize);
        let kib = u32::try_from(length.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.bodies)
            .try_acquire_many_owned(kib)
            .map_err(|_| RelayError::BUSY)?;
        let body =
            Bytes::from_request(request, &())
                .await
                .map_err(|refused| match refused.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => RelayError::TOO_LARGE,
                    _ => RelayError::MALFORMED,
                })?;
        // Without an announced length only the ceiling held while reading.
        match body.len() > limit {
            true => Err(RelayError::TOO_LARGE),
            false => Ok((body, permit)),
        }
    }
}

/// Limits requests in number and in time, and hears a request out before it refuses it.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Answer {
    let (head, body) = request.into_parts();
    let unread = Unread::new(body);
    let request = Request::from_parts(head, Body::new(unread.clone()));
    let answer = limited(&app, request, next).await;
    if !answer.as_ref().is_ok_and(|it| it.status().is_success()) {
        unread.discard().await;
    }
    answer
}

async fn limited(app: &App, request: Request, next: Next) -> Answer {
    app.count(&request)?;
    let _permit = app.requests.try_acquire().map_err(|_| RelayError::BUSY)?;
    tokio::time::timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .map_err(|_| RelayError::TOO_SLOW)
}

async fn ready(State(app): State<App>) -> Answer {
    let stopping = app.stopping.load(Ordering::Relaxed);
    match !stopping && app.service.is_healthy() {
        true => Ok(StatusCode::OK.into_response()),
        false => Err(RelayError::BUSY),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    let text = app.service.metrics().text().into_bytes();
    typed(text, HeaderValue::from_static("text/plain; version=0.0.4"))
}

async fn challenge(State(app): State<App>) -> Answer {
    Ok(cbor(app.service.challenge()?.to_canonical()))
}

async fn session(
    State(app): State<App>,
    Extension(Ends { local, .. }): Extension<Ends>,
    request: Request,
) -> Answer {
    let from = app.client(&request)?;
    let (body, permit) = app.body(request, MAX_SESSION_BYTES).await?;
    blocking(move || {
        let _permit = permit;
        let request = OpenSession::from_canonical(&body)?;
        let session = app
            .service
            .open_session(&app.origin.accepted(local), request, from)?;
        Ok(cbor(session.to_canonical()))
    })
    .await
}

async fn exchange(State(app): State<App>, request: Request) -> Answer {
    let token = bearer(request.headers())?;
    let session = app.service.session(&token)?;
    let (body, permit) = app.body(request, limits::MAX_EXCHANGE_BYTES).await?;
    if body.len() > INLINE_BYTES {
        return blocking(move || {
            let _permit = permit;
            let reply = app.service.exchange_in(&session, decode_exchange(&body)?)?;
            Ok(cbor(reply.to_canonical()))
        })
        .await;
    }
    let Exchange {
        push,
        pull,
        max_bytes,
    } = decode_exchange(&body)?;
    // Most syncs find nothing new; changing threads would cost more than the answer.
    let pulled = match app.service.needs_reading(&session, &pull) {
        true => {
            let (service, session) = (app.service.clone(), session.clone());
            blocking(move || service.pull(&session, &pull, max_bytes)).await?
        }
        false => app.service.pull(&session, &pull, max_bytes)?,
    };
    let pushed = app.service.push(&session, push)?.settle().await?;
    Ok(cbor(app.service.reply(pushed, pulled).to_canonical()))
}

/// Counts before it decodes: a body of empty strings would take thirty times its size in memory.
fn decode_exchange(body: &[u8]) -> Result<Exchange, RelayError> {
    let mut decoder = minicbor::Decoder::new(body);
    let fields = decoder.array().map_err(|_| RelayError::MALFORMED)?;
    let pushed = decoder.array().map_err(|_| RelayError::MALFORMED)?;
    match (fields, pushed) {
        (Some(3), Some(count)) if count <= limits::MAX_PUSHED_ENVELOPES as u64 => {
            Ok(Exchange::from_canonical(body)?)
        }
        (Some(3), Some(_)) => Err(RelayError::TOO_LARGE),
        _ => Err(RelayError::MALFORMED),
    }
}

async fn retire(State(app): State<App>, request: Request) -> Answer {
    let session = app.service.session(&bearer(request.headers())?)?;
    let (body, permit) = app.body(request, MAX_RETIRE_BYTES).await?;
    blocking(move || {
        let _permit = permit;
        let retire = Retire::from_canonical(&body)?;
        let retired = app.service.retire_in(&session, retire)?;
        Ok(cbor(retired.to_canonical()))
    })
    .await
}

async fn close(State(app): State<App>, request: Request) -> Answer {
    let token = bearer(request.headers())?;
    let session = app.service.session(&token)?;
    let (body, permit) = app.body(request, MAX_CLOSE_BYTES).await?;
    blocking(move || {
        let _permit = permit;
        let close = Close::from_canonical(&body)?;
        let closed = app.service.close_in(&session, &token, &close)?;
        Ok(cbor(closed.to_canonical()))
    })
    .await
}

async fn delete(State(app): State<App>, request: Request) -> Answer {
    let session = app.service.session(&bearer(request.headers())?)?;
    let (body, _permit) = app.body(request, MAX_NAME_BYTES).await?;
    let Delete { mailbox } = Delete::from_canonical(&body)?;
    blocking(move || {
        let deleted = app.service.delete_in(&session, mailbox)?;
        Ok(cbor(deleted.to_canonical()))
    })
    .await
}

async fn head_blob(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let token = bearer(&headers)?;
    let (mailbox, blob) = blob_path(&path)?;
    blocking(move || {
        let progress = app.service.blob_head(&token, mailbox, blob)?;
        let mut response = offset(progress);
        match progress {
            // A HEAD answer announces the length its GET would have.
            Progress::Whole(length) => set(&mut response, CONTENT_LENGTH, length),
            Progress::Partial(_) => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        Ok(response)
    })
    .await
}

async fn put_blob(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    request: Request,
) -> Answer {
    let token = bearer(request.headers())?;
    let (mailbox, blob) = blob_path(&path)?;
    let (offset_at, total) = upload_numbers(request.headers())?;
    let session = app.service.session(&token)?;
    let (bytes, permit) = app.body(request, limits::MAX_BLOB_PART_BYTES).await?;
    blocking(move || {
        let _permit = permit;
        let part = BlobPart {
            offset: offset_at,
            total,
            bytes: &bytes,
        };
        let progress = app.service.put_part_in(&session, mailbox, blob, part)?;
        Ok(offset(progress))
    })
    .await
}

async fn get_blob(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let token = bearer(&headers)?;
    let (mailbox, blob) = blob_path(&path)?;
    let range = headers.get(RANGE).map(parse_range).transpose()?;
    let asked = range.unwrap_or(BlobRange {
        first: 0,
        last: None,
    });
    blocking(move || {
        let found = app.service.get_blob_range(&token, mailbox, blob, asked)?;
        match range {
            Some(_) => Ok(partial(found)),
            None if found.bytes.len() as u64 == found.total => Ok(binary(found.bytes)),
            // Too long for one answer: it has to be asked for in ranges.
            None => Err(RelayError::TOO_LARGE),
        }
    })
    .await
}

/// Runs work that waits for a disk. It runs to its end even if nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RelayError> + Send + 'static,
) -> Result<T, RelayError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| RelayError::INTERNAL)?
}

fn bearer(headers: &HeaderMap) -> Result<[u8; 32], RelayError> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        // A token has the shape of an id.
        .and_then(BlobId::from_hex)
        .map(|token| token.0)
        .ok_or(RelayError::NO_SESSION)
}

fn blob_path((mailbox, blob): &(String, String)) -> Result<(MailboxId, BlobId), RelayError> {
    MailboxId::from_hex(mailbox)
        .zip(BlobId::from_hex(blob))
        .ok_or(RelayError::NOT_FOUND)
}

/// Where a part starts, and how long the whole is.
fn upload_numbers(headers: &HeaderMap) -> Result<(u64, u64), RelayError> {
    let number = |name| header_number(headers, name)?.ok_or(RelayError::MALFORMED);
    Ok((number(&UPLOAD_OFFSET)?, number(&UPLOAD_LENGTH)?))
}

fn header_number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, RelayError> {
    headers
        .get(name)
        .map(|value| digits(value.to_str().unwrap_or_default()))
        .transpose()
}

/// Digits only: `parse` would take a plus sign too.
fn digits(text: &str) -> Result<u64, RelayError> {
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(|_| RelayError::MALFORMED),
        false => Err(RelayError::MALFORMED),
    }
}

/// `bytes=a-b` or `bytes=a-`: one range from a known start is all a resuming download needs.
fn parse_range(value: &HeaderValue) -> Result<BlobRange, RelayError> {
    let (first, last) = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("bytes="))
        .and_then(|text| text.split_once('-'))
        .ok_or(RelayError::BAD_RANGE)?;
    let number = |text| digits(text).map_err(|_| RelayError::BAD_RANGE);
    Ok(BlobRange {
        first: number(first)?,
        last: match last {
            "" => None,
            last => Some(number(last)?),
        },
    })
}

fn cbor(body: Vec<u8>) -> Response {
    typed(body, CBOR)
}

fn binary(body: Vec<u8>) -> Response {
    let mut response = typed(body, HeaderValue::from_static("application/octet-stream"));
    let bytes = HeaderValue::from_static("bytes");
    response.headers_mut().insert(ACCEPT_RANGES, bytes);
    response
}

fn typed(body: Vec<u8>, kind: HeaderValue) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn partial(found: BlobBytes) -> Response {
    let BlobBytes {
        first,
        bytes,
        total,
    } = found;
    // An empty blob has no last byte to name.
    let range = match (first + bytes.len() as u64).checked_sub(1) {
        Some(last) => format!("bytes {first}-{last}/{total}"),
        None => "bytes */0".to_owned(),
    };
    let mut response = binary(bytes);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    if let Ok(range) = HeaderValue::from_str(&range) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    response
}

fn offset(progress: Progress) -> Response {
    let (Progress::Whole(offset) | Progress::Partial(offset)) = progress;
    let mut response = binary(Vec::new());
    set(&mut response, UPLOAD_OFFSET, offset);
    response
}

fn set(response: &mut Response, name: HeaderName, number: u64) {
    response.headers_mut().insert(name, number.into());
}

impl IntoResponse for RelayError {
    fn into_response(self) -> Response {
        let problem = Problem {
            code: self.code,
            title: self.title.to_owned(),
        };
        let mut response = cbor(problem.to_canonical());
        *response.status_mut() = status(self);
        if let Some(seconds) = self.retry_after {
            set(&mut response, RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn status(error: RelayError) -> StatusCode {
    match error {
        RelayError::BAD_METHOD => return StatusCode::METHOD_NOT_ALLOWED,
        RelayError::BAD_RANGE => return StatusCode::RANGE_NOT_SATISFIABLE,
        RelayError::TOO_SLOW => return StatusCode::REQUEST_TIMEOUT,
        _ => {}
    }
    match error.code {
        code::MALFORMED => StatusCode::BAD_REQUEST,
        code::TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        code::NO_SESSION => StatusCode::UNAUTHORIZED,
        code::FORBIDDEN | code::CLOSED => StatusCode::FORBIDDEN,
        code::NOT_FOUND => StatusCode::NOT_FOUND,
        code::STALE_CHALLENGE => StatusCode::GONE,
        code::CONFLICT | code::WRONG_OFFSET => StatusCode::CONFLICT,
        code::BUSY => StatusCode::SERVICE_UNAVAILABLE,
        code::FULL | code::QUOTA => StatusCode::INSUFFICIENT_STORAGE,
        code::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        code::WRONG_HASH => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

mod unread;

#[cfg(test)]
mod tests;
