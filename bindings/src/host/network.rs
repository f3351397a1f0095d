//! The phone's own HTTP stack in place of the library's, for apps that need its proxies or background sessions.
//!
//! Sending is a call that returns at once and an object to answer with: it fits `URLSession` and OkHttp, and needs no
//! asynchronous foreign method (those do not compile under Swift 6, uniffi-rs #2929). An answer that never comes is `Offline` at
//! the request's own timeout; an object that is let go unanswered says so at once where the language frees at once (Swift).

use super::log::report;
use crate::error::HostError;
use crate::ids::Header;
use carnet::host::{self, HostError as EngineError, HttpRequest, HttpResponse, Method};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a wait looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One request to a relay. Its body is ciphertext; its address and headers name a mailbox, no person.
#[derive(Debug, Clone, uniffi::Record)]
pub struct TransportRequest {
    /// `GET`, `HEAD`, `POST` or `PUT`.
    pub method: String,
    /// Where.
    pub url: String,
    /// What to send along.
    pub headers: Vec<Header>,
    /// The body, empty where there is none.
    pub body: Vec<u8>,
    /// Most bytes of an answer to take.
    pub max_answer: u64,
    /// Give up after this long.
    pub timeout: Duration,
}

/// Sends requests. Redirects must not be followed, and nothing cached or logged.
#[uniffi::export(foreign)]
pub trait Transport: Send + Sync {
    /// Begins to send, returns at once, and answers `reply` later, from any thread.
    fn send(&self, request: TransportRequest, reply: Arc<HttpReply>) -> Result<(), HostError>;
}

type Answer = Result<HttpResponse, HostError>;

/// Answers one request, once: what comes after the first answer, or after nobody waits any longer, is ignored.
#[derive(uniffi::Object)]
pub struct HttpReply {
    answer: Mutex<Option<SyncSender<Answer>>>,
}

#[uniffi::export]
impl HttpReply {
    /// The answer that came. Header names in lower case.
    pub fn complete(&self, status: u16, headers: Vec<Header>, body: Vec<u8>) {
        let pairs = headers
            .into_iter()
            .map(|header| (header.name, header.value));
        self.settle(Ok(HttpResponse {
            status,
            headers: pairs.collect(),
            body,
        }));
    }

    /// That none will come.
    pub fn fail(&self, error: HostError) {
        self.settle(Err(error));
    }
}

impl HttpReply {
    fn new() -> (Arc<Self>, Receiver<Answer>) {
        let (sender, receiver) = sync_channel(1);
        let answer = Mutex::new(Some(sender));
        (Arc::new(Self { answer }), receiver)
    }

    fn settle(&self, answer: Answer) {
        let sender = self
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(sender) = sender {
            // Nobody may be waiting any more.
            let _ = sender.try_send(answer);
        }
    }
}

/// The app's transport as the engine sees it.
pub struct LentTransport(Arc<dyn Transport>);

impl LentTransport {
    /// Sends by `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }
}

impl host::Transport for LentTransport {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, EngineError> {
        self.send_while(request, &|| true)
    }

    fn send_while(
        &self,
        request: HttpRequest,
        go_on: &dyn Fn() -> bool,
    ) -> Result<HttpResponse, EngineError> {
        let (ends, max_answer) = (Instant::now() + request.timeout, request.max_answer);
        let (reply, answer) = HttpReply::new();
        if let Err(error) = self.0.send(crossing(request), reply) {
            report("the transport did not send");
            return Err(error.into());
        }
        let response = wait(&answer, ends, go_on)?;
        if response.body.len() > max_answer {
            return Err(EngineError::Garbled);
        }
        Ok(response)
    }
}

fn wait(
    answer: &Receiver<Answer>,
    ends: Instant,
    go_on: &dyn Fn() -> bool,
) -> Result<HttpResponse, EngineError> {
    while go_on() {
        let left = ends.saturating_duration_since(Instant::now());
        match answer.recv_timeout(LOOK_EVERY.min(left)) {
            Ok(answer) => return Ok(answer?),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(_) => return Err(EngineError::Offline),
        }
    }
    Err(EngineError::Cancelled)
}

fn crossing(request: HttpRequest) -> TransportRequest {
    let method = match request.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let headers = request.headers.into_iter().map(|(name, value)| Header {
        name: name.to_owned(),
        value,
    });
    TransportRequest {
        method: method.to_owned(),
        url: request.url,
        headers: headers.collect(),
        body: request.body,
        max_answer: request.max_answer as u64,
        timeout: request.timeout,
    }
}
