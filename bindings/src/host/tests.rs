//! Hosts that do not do what they promise, one at a time.

#![allow(clippy::panic, clippy::unwrap_used)]

use super::keys::{DistrustedKeyStore, KeyStore};
use super::network::{HttpReply, LentTransport, Transport, TransportRequest};
use crate::error::HostError;
use crate::ids::Header;
use carnet::host::{HostError as EngineError, HttpRequest, KeyStore as _, Method, Transport as _};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const KEY: [u8; 32] = [7; 32];

/// A key store that answers with what it was made with.
struct Answers {
    wrap: fn(Vec<u8>) -> Result<Vec<u8>, HostError>,
    unwrap: fn(Vec<u8>) -> Result<Vec<u8>, HostError>,
}

impl KeyStore for Answers {
    fn wrap(&self, key: Vec<u8>) -> Result<Vec<u8>, HostError> {
        (self.wrap)(key)
    }
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, HostError> {
        (self.unwrap)(wrapped)
    }
    fn load_anchor(&self, _: String) -> Result<Option<Vec<u8>>, HostError> {
        Ok(Some(vec![0; 1 << 20]))
    }
    fn store_anchor(&self, _: String, anchor: Vec<u8>) -> Result<Vec<u8>, HostError> {
        Ok(anchor)
    }
}

fn store(
    wrap: fn(Vec<u8>) -> Result<Vec<u8>, HostError>,
    unwrap: fn(Vec<u8>) -> Result<Vec<u8>, HostError>,
) -> DistrustedKeyStore {
    DistrustedKeyStore::with_patience(
        Arc::new(Answers { wrap, unwrap }),
        Duration::from_millis(200),
    )
}

#[test]
fn an_honest_key_store_is_believed() {
    let honest = store(Ok, Ok);
    let wrapped = honest.wrap(&KEY).unwrap();
    assert_eq!(*honest.unwrap(&wrapped).unwrap(), KEY);
}

#[test]
fn rubbish_is_noticed_before_a_vault_is_made_with_it() {
    let forgets = store(|_| Ok(vec![1, 2, 3]), |_| Ok(vec![9; 32]));
    assert_eq!(forgets.wrap(&KEY), Err(EngineError::Failed));
    let swells = store(|_| Ok(vec![0; 65_537]), |_| Ok(KEY.to_vec()));
    assert_eq!(swells.wrap(&KEY), Err(EngineError::Failed));
}

#[test]
fn a_key_of_another_length_is_none() {
    for length in [0, 31, 33, 1 << 20] {
        let wrong = DistrustedKeyStore::new(Arc::new(Answers {
            wrap: Ok,
            unwrap: |wrapped| Ok(wrapped),
        }));
        assert_eq!(wrong.unwrap(&vec![7; length]), Err(EngineError::Failed));
    }
    assert_eq!(
        store(Ok, Ok).load_anchor("00"),
        Err(EngineError::Failed),
        "an anchor of a megabyte"
    );
}

#[test]
fn what_it_throws_is_passed_on() {
    let locked = store(|_| Err(HostError::Locked), |_| Err(HostError::KeyLost));
    assert_eq!(locked.wrap(&KEY), Err(EngineError::Locked));
    assert_eq!(locked.unwrap(&[]), Err(EngineError::KeyLost));
}

#[test]
fn one_that_panics_or_never_returns_has_failed() {
    let panics = store(|_| panic!("secret"), Ok);
    assert_eq!(panics.wrap(&KEY), Err(EngineError::Failed));
    let hangs = store(
        |_| loop {
            thread::park()
        },
        Ok,
    );
    let began = Instant::now();
    assert_eq!(hangs.wrap(&KEY), Err(EngineError::Failed));
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A transport that does something with the request and its reply.
struct Sends(fn(TransportRequest, Arc<HttpReply>) -> Result<(), HostError>);

impl Transport for Sends {
    fn send(&self, request: TransportRequest, reply: Arc<HttpReply>) -> Result<(), HostError> {
        (self.0)(request, reply)
    }
}

fn lent(send: fn(TransportRequest, Arc<HttpReply>) -> Result<(), HostError>) -> LentTransport {
    LentTransport::new(Arc::new(Sends(send)))
}

fn request() -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        url: "https://relay.example/v1".into(),
        headers: vec![("x", "1".into())],
        body: vec![1, 2, 3],
        max_answer: 8,
        timeout: Duration::from_millis(300),
    }
}

#[test]
fn an_answer_arrives_whatever_thread_it_comes_from() {
    let answers = lent(|request, reply| {
        assert_eq!((request.method.as_str(), request.body.len()), ("POST", 3));
        thread::spawn(move || {
            let header = Header {
                name: "retry-after".into(),
                value: "3".into(),
            };
            reply.complete(429, vec![header], vec![5]);
        });
        Ok(())
    });
    let response = answers.send(request()).unwrap();
    assert_eq!((response.status, response.body), (429, vec![5]));
    assert_eq!(response.headers, [("retry-after".into(), "3".into())]);
}

#[test]
fn the_first_answer_counts() {
    let twice = lent(|_, reply| {
        reply.complete(200, vec![], vec![1]);
        reply.complete(500, vec![], vec![2]);
        reply.fail(HostError::Offline);
        Ok(())
    });
    assert_eq!(twice.send(request()).unwrap().body, [1]);
}

#[test]
fn a_forgotten_answer_is_an_error_and_no_hang() {
    let dropped = lent(|_, _| Ok(()));
    assert_eq!(dropped.send(request()).unwrap_err(), EngineError::Offline);
    static KEPT: Mutex<Vec<Arc<HttpReply>>> = Mutex::new(Vec::new());
    let kept = lent(|_, reply| {
        KEPT.lock().unwrap().push(reply);
        Ok(())
    });
    let began = Instant::now();
    assert_eq!(kept.send(request()).unwrap_err(), EngineError::Offline);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let late = KEPT.lock().unwrap().pop().unwrap();
    late.complete(200, vec![], vec![]);
}

#[test]
fn an_answer_over_the_limit_is_refused() {
    let floods = lent(|_, reply| {
        reply.complete(200, vec![], vec![0; 9]);
        Ok(())
    });
    assert_eq!(floods.send(request()).unwrap_err(), EngineError::Garbled);
}

#[test]
fn waiting_ends_when_it_is_not_wanted_any_longer() {
    static KEPT: Mutex<Vec<Arc<HttpReply>>> = Mutex::new(Vec::new());
    let kept = lent(|_, reply| {
        KEPT.lock().unwrap().push(reply);
        Ok(())
    });
    let patient = HttpRequest {
        timeout: Duration::from_secs(60),
        ..request()
    };
    let began = Instant::now();
    let go_on = || began.elapsed() < Duration::from_millis(100);
    let answer = kept.send_while(patient, &go_on);
    assert_eq!(answer.unwrap_err(), EngineError::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(350));
}
