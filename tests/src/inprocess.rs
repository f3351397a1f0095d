//! A relay inside the test: the real service without its network, behind the engine's transport seam. Its clock stands still
//! until moved, so that a simulation is the same every time.

use carnet::host::{HostError, HttpRequest, HttpResponse, Method, Transport};
use carnet_relay::blobs::{BlobPart, BlobRange, Progress};
use carnet_relay::{Clock, Limits, RelayError, Service};
use carnet_wire::relay::{Close, Delete, Exchange, OpenSession, Problem, Retire, Wait, code};
use carnet_wire::{BlobId, Canonical, MailboxId};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What devices call this relay.
pub const ORIGIN: &str = "https://relay.test";

/// Where the clock of a relay begins: 2026-01-01T00:00:00Z.
pub const NEW_YEAR_SECONDS: u64 = 1_767_225_600;

/// A relay one calls instead of connecting to.
pub struct InProcess {
    service: Service,
    origin: String,
    seconds: Arc<AtomicU64>,
    retired: AtomicU64,
}

/// Everybody comes from this machine.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

type Answer = Result<HttpResponse, RelayError>;

impl InProcess {
    /// A relay on this folder.
    pub fn open(data: &Path) -> Self {
        Self::open_as(data, ORIGIN, Arc::new(AtomicU64::new(NEW_YEAR_SECONDS)))
    }

    /// A relay on this folder that devices call by another name, with a clock that may outlive it.
    pub fn open_as(data: &Path, origin: &str, seconds: Arc<AtomicU64>) -> Self {
        let service = Service::open(
            data,
            Clock::manual(Arc::clone(&seconds)),
            Limits::without_rates(),
        )
        .expect("a relay");
        Self {
            service,
            origin: origin.to_owned(),
            seconds,
            retired: AtomicU64::new(0),
        }
    }

    /// How many envelopes and pieces it was told to let go of and served until then.
    pub fn retired(&self) -> u64 {
        self.retired.load(Ordering::Relaxed)
    }

    /// Lets time pass at the relay: sessions and challenges run out, and what was retired goes with the next sweep.
    pub fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// What the relay does now and then.
    pub fn sweep(&self) {
        self.service.sweep().expect("a sweep");
    }

    fn answer(&self, request: &HttpRequest) -> Answer {
        let path = request.url.strip_prefix(&self.origin).unwrap_or_default();
        match (request.method, path) {
            (Method::Post, "/v1/challenge") => Ok(body(self.service.challenge()?.to_canonical())),
            (Method::Post, "/v1/session") => {
                let open = OpenSession::from_canonical(&request.body)?;
                let session =
                    self.service
                        .open_session(std::slice::from_ref(&self.origin), open, HERE)?;
                Ok(body(session.to_canonical()))
            }
            (Method::Post, "/v1/exchange") => {
                let exchange = Exchange::from_canonical(&request.body)?;
                Ok(body(
                    self.service
                        .exchange(&token(request)?, exchange)?
                        .to_canonical(),
                ))
            }
            (Method::Post, "/v1/wait") => {
                // Nobody else acts while a simulation waits: as things stand is all there will be.
                let wait = Wait::from_canonical(&request.body)?;
                let waited = self.service.wait_now(&token(request)?, &wait)?;
                Ok(body(waited.to_canonical()))
            }
            (Method::Post, "/v1/retire") => {
                let retire = Retire::from_canonical(&request.body)?;
                let retired = self.service.retire(&token(request)?, retire)?;
                self.retired.fetch_add(retired.retired, Ordering::Relaxed);
                Ok(body(retired.to_canonical()))
            }
            (Method::Post, "/v1/close") => {
                let close = Close::from_canonical(&request.body)?;
                let closed = self.service.close_mailboxes(&token(request)?, &close)?;
                Ok(body(closed.to_canonical()))
            }
            (Method::Post, "/v1/delete") => {
                let Delete { mailbox } = Delete::from_canonical(&request.body)?;
                let deleted = self.service.delete(&token(request)?, mailbox)?;
                Ok(body(deleted.to_canonical()))
            }
            (method, path) => {
                let (mailbox, blob) = blob_path(path).ok_or(RelayError::NOT_FOUND)?;
                self.blob(request, method, mailbox, blob)
            }
        }
    }

    fn blob(
        &self,
        request: &HttpRequest,
        method: Method,
        mailbox: MailboxId,
        blob: BlobId,
    ) -> Answer {
        let token = token(request)?;
        match method {
            Method::Head => Ok(progress(self.service.blob_head(&token, mailbox, blob)?)),
            Method::Put => {
                let number = |name| {
                    header(request, name)
                        .and_then(|text| text.parse().ok())
                        .ok_or(RelayError::MALFORMED)
                };
                let part = BlobPart {
                    offset: number("upload-offset")?,
                    total: number("upload-length")?,
                    bytes: &request.body,
                };
                let (Progress::Whole(at) | Progress::Partial(at)) =
                    self.service.put_blob_part(&token, mailbox, blob, part)?;
                let headers = vec![("upload-offset".to_owned(), at.to_string())];
                Ok(HttpResponse {
                    status: 200,
                    headers,
                    body: Vec::new(),
                })
            }
            Method::Get => {
                let range = header(request, "range")
                    .and_then(range)
                    .unwrap_or(BlobRange {
                        first: 0,
                        last: None,
                    });
                let found = self.service.get_blob_range(&token, mailbox, blob, range)?;
                let last = (found.first + found.bytes.len() as u64).saturating_sub(1);
                let text = format!("bytes {}-{last}/{}", found.first, found.total);
                let headers = vec![("content-range".to_owned(), text)];
                Ok(HttpResponse {
                    status: 206,
                    headers,
                    body: found.bytes,
                })
            }
            Method::Post => Err(RelayError::BAD_METHOD),
        }
    }
}

impl Transport for InProcess {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let answer = self.answer(&request).unwrap_or_else(refusal);
        if answer.body.len() > request.max_answer {
            return Err(HostError::Failed);
        }
        Ok(answer)
    }
}

fn body(bytes: Vec<u8>) -> HttpResponse {
    HttpResponse {
        status: 200,
        headers: Vec::new(),
        body: bytes,
    }
}

fn refusal(error: RelayError) -> HttpResponse {
    let status = match error.code {
        code::MALFORMED => 400,
        code::TOO_LARGE => 413,
        code::NO_SESSION => 401,
        code::FORBIDDEN | code::CLOSED => 403,
        code::NOT_FOUND => 404,
        code::STALE_CHALLENGE => 410,
        code::CONFLICT | code::WRONG_OFFSET => 409,
        code::BUSY => 503,
        code::FULL | code::QUOTA => 507,
        code::RATE_LIMITED => 429,
        code::WRONG_HASH => 422,
        _ => 500,
    };
    let problem = Problem {
        code: error.code,
        title: error.title.to_owned(),
    };
    let wait = error
        .retry_after
        .map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
    HttpResponse {
        status,
        headers: wait.into_iter().collect(),
        body: problem.to_canonical(),
    }
}

fn progress(progress: Progress) -> HttpResponse {
    let (status, at) = match progress {
        Progress::Whole(length) => (200, length),
        Progress::Partial(offset) => (404, offset),
    };
    HttpResponse {
        status,
        headers: vec![("upload-offset".to_owned(), at.to_string())],
        body: Vec::new(),
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.as_str())
}

fn token(request: &HttpRequest) -> Result<[u8; 32], RelayError> {
    let text = header(request, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = text
        .and_then(BlobId::from_hex)
        .ok_or(RelayError::NO_SESSION)?;
    Ok(token.0)
}

fn blob_path(path: &str) -> Option<(MailboxId, BlobId)> {
    let (mailbox, blob) = path.strip_prefix("/v1/blobs/")?.split_once('/')?;
    Some((MailboxId::from_hex(mailbox)?, BlobId::from_hex(blob)?))
}

fn range(text: &str) -> Option<BlobRange> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some(BlobRange {
        first: first.parse().ok()?,
        last: last.parse().ok(),
    })
}
