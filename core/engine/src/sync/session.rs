//! One sync with one relay, as a state machine.
//!
//! ```text
//!          ┌────────────── 401, or the mailboxes changed ──────────────┐
//!          ▼                                                           │
//!      Challenge ──► Open session ──► Plan ──► Exchange ──► Merge ──► Plan ──► … ──► Done
//!                         ▲                                            │
//!                         └── a live token skips both ─────────────────┘
//! ```
//! With a live token a sync is **one** round trip: the exchange carries the push and brings the pull. The caller loops on
//! [`Session::step`]; it never blocks and holds no lock, so a caller may stop between any two actions.

use super::heirs::proofs;
use crate::error::{Error, Result};
use crate::host::{HostError, HttpRequest, HttpResponse, Method};
use crate::seal::Epoch;
use crate::store::log::Outgoing;
use carnet_wire::relay::{
    Challenge, Exchange, ExchangeReply, OpenSession, Problem, Pull, Pulled, Pushed, code,
};
use carnet_wire::{Canonical, MailboxId, WireError, limits};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a session may be opened before one serves: a relay that forgets every session is refused, not obeyed for ever.
const MAX_SESSIONS: u32 = 3;
/// Something that is not a Carnet relay answered.
const NOT_A_RELAY: Error = Error::Garbled(
    "what answered is not a Carnet relay: check its address, or log in to this network first",
);
/// Room for framing around the envelopes of an answer.
const ANSWER_OVERHEAD: usize = 1 << 20;

/// What to exchange next.
#[derive(Debug, Default)]
pub struct Plan {
    /// Envelopes to push, in the order of the outbox.
    pub push: Vec<Outgoing>,
    /// Mailboxes to read, and from where.
    pub pull: Vec<Pull>,
}

/// What an exchange brought.
#[derive(Debug)]
pub struct Answer {
    /// The relay's generation.
    pub generation: u64,
    /// What was pushed and what became of each, in order.
    pub pushed: Vec<(Outgoing, Pushed)>,
    /// What was pulled.
    pub pulled: Vec<Pulled>,
}

/// What the session wants done next.
#[derive(Debug)]
pub enum Action {
    /// Say what to exchange: call [`Session::plan`].
    Plan,
    /// Send this and give the outcome to [`Session::answer`].
    Send(HttpRequest),
    /// Merge this, move the cursors, and call [`Session::merged`].
    Merge(Answer),
    /// Keep this session token: call nothing. `None` forgets the one that was kept.
    Remember(Option<[u8; 32]>),
    /// Everything was exchanged.
    Done,
}

enum State {
    Begin,
    AskChallenge,
    AwaitChallenge,
    Challenged([u8; 32]),
    AwaitSession,
    Forget,
    Opened,
    AskPlan,
    Planned(Plan),
    AwaitExchange(Plan),
    Answered(Answer),
    Merging,
    Done,
}

/// One sync with one relay.
pub struct Session {
    url: String,
    origin: String,
    epochs: BTreeMap<MailboxId, Epoch>,
    registers: bool,
    lifetime: u32,
    token: Option<[u8; 32]>,
    state: State,
    sessions: u32,
    /// Requests made.
    pub round_trips: u64,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of answer bodies.
    pub bytes_received: u64,
}

impl Session {
    /// A session with the relay at `url` for the mailboxes of `epochs`. A `token` that covers them saves two round trips.
    pub fn new(url: &str, epochs: Vec<Epoch>, token: Option<[u8; 32]>) -> Result<Self> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            origin: origin(url)?,
            epochs: epochs
                .into_iter()
                .map(|epoch| (epoch.mailbox, epoch))
                .collect(),
            registers: true,
            lifetime: 0,
            token,
            state: State::Begin,
            sessions: 0,
            round_trips: 0,
            bytes_sent: 0,
            bytes_received: 0,
        })
    }

    /// Registers the mailboxes for this many seconds only (pairing).
    pub fn with_lifetime(mut self, seconds: u32) -> Self {
        self.lifetime = seconds;
        self
    }

    /// Does not create mailboxes: one that is unknown to the relay is an error (pairing).
    pub fn without_registering(mut self) -> Self {
        self.registers = false;
        self
    }

    /// What to do next.
    pub fn step(&mut self) -> Result<Action> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Begin if self.token.is_some() => self.state = State::AskPlan,
                State::Begin => self.state = State::AskChallenge,
                State::AskChallenge => {
                    self.sessions += 1;
                    if self.sessions > MAX_SESSIONS {
                        return Err(Error::Relay {
                            code: code::NO_SESSION,
                            retry_after: None,
                        });
                    }
                    self.state = State::AwaitChallenge;
                    return Ok(self.post("/v1/challenge", Vec::new()));
                }
                State::Challenged(nonce) => {
                    self.state = State::AwaitSession;
                    let open = self.open_request(nonce);
                    return Ok(self.post("/v1/session", open.to_canonical()));
                }
                State::Forget => {
                    self.state = State::AskChallenge;
                    return Ok(Action::Remember(None));
                }
                State::Opened => {
                    self.state = State::AskPlan;
                    return Ok(Action::Remember(self.token));
                }
                State::AskPlan => {
                    self.state = State::AskPlan;
                    return Ok(Action::Plan);
                }
                State::Planned(plan) => {
                    let exchange = Exchange {
                        push: plan
                            .push
                            .iter()
                            .map(|item| item.bytes.clone().into())
                            .collect(),
                        pull: plan.pull.clone(),
                        max_bytes: limits::EXCHANGE_BATCH_BYTES as u32,
                    };
                    self.state = State::AwaitExchange(plan);
                    return Ok(self.post("/v1/exchange", exchange.to_canonical()));
                }
                State::Answered(answer) => {
                    self.state = State::Merging;
                    return Ok(Action::Merge(answer));
                }
                State::Done => return Ok(Action::Done),
                State::AwaitChallenge
                | State::AwaitSession
                | State::AwaitExchange(_)
                | State::Merging => {
                    return Err(Error::Bug("the session waits for an answer"));
                }
            }
        }
    }

    /// Says what to exchange. An empty plan ends the session.
    pub fn plan(&mut self, plan: Plan) -> Result<()> {
        if !matches!(self.state, State::AskPlan) {
            return Err(Error::Bug("the session did not ask for a plan"));
        }
        self.state = if plan.push.is_empty() && plan.pull.is_empty() {
            State::Done
        } else {
            State::Planned(plan)
        };
        Ok(())
    }

    /// Says that an answer was merged. With `epochs` the session is opened again for more mailboxes.
    pub fn merged(&mut self, more: Vec<Epoch>) {
        let before = self.epochs.len();
        self.epochs
            .extend(more.into_iter().map(|epoch| (epoch.mailbox, epoch)));
        self.state = if self.epochs.len() > before {
            State::AskChallenge
        } else {
            State::AskPlan
        };
    }

    /// Gives the outcome of the request that was sent.
    pub fn answer(&mut self, outcome: std::result::Result<HttpResponse, HostError>) -> Result<()> {
        let response = outcome?;
        self.bytes_received += response.body.len() as u64;
        let state = std::mem::replace(&mut self.state, State::Done);
        if response.status != 200 {
            return self.refused(state, &response);
        }
        match state {
            State::AwaitChallenge => {
                let challenge = read::<Challenge>(&response.body)?;
                self.state = State::Challenged(challenge.nonce);
            }
            State::AwaitSession => {
                let session = read::<carnet_wire::relay::Session>(&response.body)?;
                self.token = Some(session.token);
                self.state = State::Opened;
            }
            State::AwaitExchange(plan) => {
                self.state = State::Answered(pair_up(plan, &response.body)?);
                // The session served: new mailboxes, which come one after the other, may need as many again.
                self.sessions = 0;
            }
            _ => return Err(Error::Bug("no answer was awaited")),
        }
        Ok(())
    }

    fn refused(&mut self, state: State, response: &HttpResponse) -> Result<()> {
        let problem = problem(response);
        match (state, &problem) {
            (
                State::AwaitExchange(_),
                Error::Relay {
                    code: code::NO_SESSION | code::FORBIDDEN,
                    ..
                },
            ) => {
                self.token = None;
                self.state = State::Forget;
                Ok(())
            }
            (
                State::AwaitSession,
                Error::Relay {
                    code: code::STALE_CHALLENGE,
                    ..
                },
            ) => {
                self.state = State::AskChallenge;
                Ok(())
            }
            _ => Err(problem),
        }
    }

    fn open_request(&self, nonce: [u8; 32]) -> OpenSession {
        let epochs: Vec<&Epoch> = self.epochs.values().collect();
        let registered = self.epochs.values().filter(|_| self.registers);
        let register = registered
            .filter_map(|epoch| epoch.registration(self.lifetime))
            .collect();
        OpenSession {
            nonce,
            origin: self.origin.clone(),
            register,
            proofs: proofs(&epochs, &nonce, &self.origin),
        }
    }

    fn post(&mut self, path: &str, body: Vec<u8>) -> Action {
        self.round_trips += 1;
        self.bytes_sent += body.len() as u64;
        Action::Send(post(&self.url, path, self.token.as_ref(), body))
    }
}

/// A request to a relay: CBOR, under a session where there is one.
pub fn post(url: &str, path: &str, token: Option<&[u8; 32]>, body: Vec<u8>) -> HttpRequest {
    let mut headers = vec![("content-type", "application/cbor".to_owned())];
    headers.extend(token.map(|token| ("authorization", bearer(token))));
    HttpRequest {
        method: Method::Post,
        url: format!("{url}{path}"),
        headers,
        body,
        max_answer: limits::MAX_EXCHANGE_BYTES + ANSWER_OVERHEAD,
        timeout: REQUEST_TIMEOUT,
    }
}

/// The `Authorization` header of a token.
pub fn bearer(token: &[u8; 32]) -> String {
    format!("Bearer {}", carnet_wire::MailboxId(*token))
}

/// Joins what was pushed with what became of it; the relay must answer for exactly what it was asked.
fn pair_up(plan: Plan, body: &[u8]) -> Result<Answer> {
    let reply = read::<ExchangeReply>(body)?;
    let asked: Vec<MailboxId> = plan.pull.iter().map(|pull| pull.mailbox).collect();
    let answered: Vec<MailboxId> = reply.pulled.iter().map(|pulled| pulled.mailbox).collect();
    if reply.pushed.len() != plan.push.len() || asked != answered {
        return Err(Error::Garbled(
            "the relay answered something that was not asked",
        ));
    }
    Ok(Answer {
        generation: reply.generation,
        pushed: plan.push.into_iter().zip(reply.pushed).collect(),
        pulled: reply.pulled,
    })
}

/// Reads an answer. What cannot be read came from something that is not a relay of this version.
pub fn read<T: Canonical>(body: &[u8]) -> Result<T> {
    T::from_canonical(body).map_err(|error| match error {
        WireError::UnknownVersion => Error::Wire(error),
        _ => NOT_A_RELAY,
    })
}

/// The error an answer other than 200 stands for.
pub fn problem(response: &HttpResponse) -> Error {
    let retry_after = response
        .header("retry-after")
        .and_then(|seconds| seconds.parse().ok());
    match Problem::from_canonical(&response.body) {
        Ok(problem) => Error::Relay {
            code: problem.code,
            retry_after,
        },
        Err(_) => stranger(response.status, retry_after),
    }
}

/// What answered does not speak as a relay does: a proxy before one that is down, a captive portal, another server.
pub fn stranger(status: u16, retry_after: Option<u32>) -> Error {
    match status {
        429 | 502 | 503 | 504 => Error::Relay {
            code: code::BUSY,
            retry_after,
        },
        _ => NOT_A_RELAY,
    }
}

/// `scheme://host[:port]` of a relay's URL as a proof names it: lower case, without the scheme's own port.
pub fn origin(url: &str) -> Result<String> {
    const BAD: Error = Error::Invalid("the relay's address must begin with https:// or http://");
    let (scheme, rest) = url.split_once("://").ok_or(BAD)?;
    let authority = rest
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(BAD),
    };
    let plain = authority
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
    if authority.is_empty() || !plain || url.len() > limits::MAX_NAME_BYTES {
        return Err(BAD);
    }
    Ok(format!(
        "{scheme}://{}",
        authority.strip_suffix(own_port).unwrap_or(&authority)
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use carnet_wire::{CompartmentId, RecordId};

    fn epoch() -> Epoch {
        let record = RecordId([1; 32]);
        Epoch::make(record, CompartmentId::derive(record, "general"), Vec::new()).unwrap()
    }

    fn ok(body: Vec<u8>) -> std::result::Result<HttpResponse, HostError> {
        Ok(HttpResponse {
            status: 200,
            headers: Vec::new(),
            body,
        })
    }

    fn refuse(status: u16, code: u16) -> std::result::Result<HttpResponse, HostError> {
        let body = Problem {
            code,
            title: "no".to_owned(),
        }
        .to_canonical();
        Ok(HttpResponse {
            status,
            headers: vec![("retry-after".to_owned(), "7".to_owned())],
            body,
        })
    }

    fn sent(session: &mut Session) -> String {
        match session.step().unwrap() {
            Action::Send(request) => request.url.rsplit('/').next().unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    fn open(session: &mut Session) {
        assert_eq!(sent(session), "challenge");
        session
            .answer(ok(Challenge {
                nonce: [3; 32],
                expires_in: 60,
            }
            .to_canonical()))
            .unwrap();
        assert_eq!(sent(session), "session");
        let opened = carnet_wire::relay::Session {
            token: [4; 32],
            expires_in: 60,
            refused: Vec::new(),
        };
        session.answer(ok(opened.to_canonical())).unwrap();
        assert!(
            matches!(session.step().unwrap(), Action::Remember(Some(token)) if token == [4; 32])
        );
    }

    fn reply(mailbox: MailboxId) -> Vec<u8> {
        let pulled = vec![Pulled {
            mailbox,
            refused: 0,
            head: 0,
            entries: Vec::new(),
        }];
        ExchangeReply {
            generation: 1,
            pushed: Vec::new(),
            pulled,
        }
        .to_canonical()
    }

    fn plan(mailbox: MailboxId) -> Plan {
        Plan {
            push: Vec::new(),
            pull: vec![Pull { mailbox, after: 0 }],
        }
    }

    #[test]
    fn a_live_token_makes_it_one_round_trip() {
        let epoch = epoch();
        let mailbox = epoch.mailbox;
        let mut session = Session::new("http://relay:8080/", vec![epoch], Some([9; 32])).unwrap();
        assert!(matches!(session.step().unwrap(), Action::Plan));
        session.plan(plan(mailbox)).unwrap();
        assert_eq!(sent(&mut session), "exchange");
        session.answer(ok(reply(mailbox))).unwrap();
        assert!(matches!(session.step().unwrap(), Action::Merge(_)));
        session.merged(Vec::new());
        assert!(matches!(session.step().unwrap(), Action::Plan));
        session.plan(Plan::default()).unwrap();
        assert!(matches!(session.step().unwrap(), Action::Done));
        assert_eq!(session.round_trips, 1);
    }

    #[test]
    fn an_expired_token_is_forgotten_and_replaced() {
        let epoch = epoch();
        let mailbox = epoch.mailbox;
        let mut session = Session::new("http://relay", vec![epoch], Some([9; 32])).unwrap();
        session.step().unwrap();
        session.plan(plan(mailbox)).unwrap();
        sent(&mut session);
        session.answer(refuse(401, code::NO_SESSION)).unwrap();
        assert!(matches!(session.step().unwrap(), Action::Remember(None)));
        open(&mut session);
        assert!(matches!(session.step().unwrap(), Action::Plan));
    }

    #[test]
    fn a_relay_that_forgets_every_session_is_not_obeyed_for_ever() {
        let epoch = epoch();
        let mailbox = epoch.mailbox;
        let mut session = Session::new("http://relay", vec![epoch], None).unwrap();
        for _ in 0..MAX_SESSIONS {
            open(&mut session);
            session.step().unwrap();
            session.plan(plan(mailbox)).unwrap();
            sent(&mut session);
            session.answer(refuse(401, code::NO_SESSION)).unwrap();
            assert!(matches!(session.step().unwrap(), Action::Remember(None)));
        }
        assert!(matches!(
            session.step(),
            Err(Error::Relay {
                code: code::NO_SESSION,
                ..
            })
        ));
    }

    #[test]
    fn refusals_and_strangers_are_errors() {
        let start = || {
            let mut session = Session::new("http://relay", vec![epoch()], None).unwrap();
            sent(&mut session);
            session
        };
        assert!(matches!(
            start().answer(refuse(503, code::BUSY)),
            Err(Error::Relay {
                code: code::BUSY,
                retry_after: Some(7)
            })
        ));
        assert!(matches!(
            start().answer(ok(b"<html>".to_vec())),
            Err(Error::Garbled(_))
        ));
        assert!(matches!(
            start().answer(Err(HostError::Offline)),
            Err(Error::Offline)
        ));
        let portal = HttpResponse {
            status: 302,
            headers: Vec::new(),
            body: b"<html>".to_vec(),
        };
        assert!(matches!(start().answer(Ok(portal)), Err(Error::Garbled(_))));
        let gateway = HttpResponse {
            status: 502,
            headers: vec![("retry-after".to_owned(), "9".to_owned())],
            body: b"<html>".to_vec(),
        };
        assert!(matches!(
            start().answer(Ok(gateway)),
            Err(Error::Relay {
                code: code::BUSY,
                retry_after: Some(9)
            })
        ));
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let epoch = epoch();
        let mailbox = epoch.mailbox;
        let mut session = Session::new("http://relay", vec![epoch], Some([9; 32])).unwrap();
        session.step().unwrap();
        session.plan(plan(mailbox)).unwrap();
        sent(&mut session);
        assert!(matches!(
            session.answer(ok(reply(MailboxId([5; 32])))),
            Err(Error::Garbled(_))
        ));
    }

    #[test]
    fn origins() {
        assert_eq!(
            origin("HTTPS://Relay.Example:443/x?y").unwrap(),
            "https://relay.example"
        );
        assert_eq!(
            origin("http://127.0.0.1:8080").unwrap(),
            "http://127.0.0.1:8080"
        );
        assert_eq!(origin("http://[::1]:80/").unwrap(), "http://[::1]");
        for bad in [
            "",
            "relay",
            "ftp://x",
            "http://",
            "http://user@host",
            "http://a b",
            "http:///path",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
