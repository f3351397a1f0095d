//! What every connector needs: tokens, patience, and an end.
//!
//! ```text
//! step ─► Send ─► answer ─┬─ 2xx, 4xx ───────► the connector reads it
//!                         ├─ 401 ────────────► Send (refresh) ─► Save ─► saved ─► Send again    once; then Reconnect
//!                         └─ 429, 5xx, silence ► Wait ─► Send again      a few times; then Paused, or the connector goes on
//! ```
//! A renewed pair of tokens is handed out by [`Step::Save`] again and again until [`Session::saved`]: nothing is sent with it
//! before. Where the process dies between the provider's answer and the save, the pair is lost with it and the person connects again; no
//! client can help that.

use super::fhir::FhirRun;
use super::nightscout::NightscoutRun;
use super::oauth::{self, Client, Endpoints, Granted, MAX_TOKEN_ANSWER, Manner, Tokens};
use super::retry::{self, LONGEST_WAIT, TRIES};
use super::withings::WithingsRun;
use super::{Ask, Brought, Heard, JSON, REQUEST_TIMEOUT, Reports, Wanted};
use crate::error::Error;
use crate::host::{HostError, HttpRequest, HttpResponse, Method};
use std::time::Duration;

/// What a session wants.
#[derive(Debug)]
pub enum Step {
    /// Send it, and give what comes to [`Session::answer`].
    Send(Box<HttpRequest>),
    /// Keep these durably, then call [`Session::saved`].
    Save(Box<Tokens>),
    /// Do nothing for so long.
    Wait(Duration),
    /// The source wants to be left alone for so long: go on another time.
    Paused(Duration),
    /// It does not answer: go on another time.
    Offline,
    /// Only the person can go on: the source takes no token of this connection any more.
    Reconnect,
    /// Everything was asked.
    Done,
}

/// One kind of source.
#[derive(Debug)]
pub enum Connector {
    /// A FHIR server.
    Fhir(Box<FhirRun>),
    /// The Withings cloud.
    Withings(Box<WithingsRun>),
    /// A Nightscout server.
    Nightscout(Box<NightscoutRun>),
}

/// How a source is opened.
#[derive(Debug)]
pub enum Access {
    /// It is open.
    Open,
    /// By tokens.
    OAuth(Box<Grant>),
    /// By a header that never changes.
    Header(&'static str, String),
}

/// What tokens are renewed with.
#[derive(Debug)]
pub struct Grant {
    /// This app.
    pub client: Client,
    /// The provider.
    pub endpoints: Endpoints,
    /// The dialect.
    pub manner: Manner,
    /// The pair in use.
    pub tokens: Tokens,
}

/// A run under way.
#[derive(Debug)]
pub struct Session {
    connector: Connector,
    access: Access,
    /// Renewed, not yet kept.
    fresh: Option<Tokens>,
    /// The request under way is a renewal.
    renewing: bool,
    /// The last renewal was for the request that is asked now.
    renewed: bool,
    tries: u32,
    end: Option<End>,
    wait: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Paused(Duration),
    Offline,
    Reconnect,
}

impl Session {
    /// A session for a connector that has something to ask.
    pub fn new(connector: Connector, access: Access) -> Self {
        Self {
            connector,
            access,
            fresh: None,
            renewing: false,
            renewed: false,
            tries: 0,
            end: None,
            wait: None,
        }
    }

    /// The state to keep.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Everything was asked: the next session begins a new run.
    pub fn finish(&mut self) {
        self.connector.finish();
    }

    /// Adds something to fetch; `false` where that is refused.
    pub fn want(&mut self, wanted: Wanted) -> bool {
        self.connector.want(wanted)
    }

    /// What is wanted now. Asking twice gives the same, but for a wait.
    pub fn step(&mut self, now: i64) -> Step {
        if let Some(fresh) = &self.fresh {
            return Step::Save(Box::new(fresh.clone()));
        }
        match self.end {
            Some(End::Paused(pause)) => return Step::Paused(pause),
            Some(End::Offline) => return Step::Offline,
            Some(End::Reconnect) => return Step::Reconnect,
            None => (),
        }
        if let Some(wait) = self.wait.take() {
            return Step::Wait(wait);
        }
        let Some(ask) = self.connector.ask() else {
            return Step::Done;
        };
        if let Access::OAuth(grant) = &self.access
            && grant.tokens.is_old(now)
            && grant.tokens.refresh.is_some()
        {
            self.renewing = true;
        }
        Step::Send(Box::new(match self.renewing {
            true => self.renewal(),
            false => self.request(ask),
        }))
    }

    /// The tokens of the last [`Step::Save`] are kept: from now on they are used.
    pub fn saved(&mut self) {
        if let (Some(fresh), Access::OAuth(grant)) = (self.fresh.take(), &mut self.access) {
            grant.tokens = fresh;
        }
    }

    /// Takes the answer to the last [`Step::Send`].
    pub fn answer(&mut self, answer: Result<HttpResponse, HostError>, now: i64) -> Option<Brought> {
        let response = match answer {
            Ok(response) => response,
            // Longer than it may be: the connector asks for less.
            Err(HostError::Garbled) if !self.renewing => {
                self.settled();
                return Some(self.connector.too_large());
            }
            Err(_) => {
                self.failed(None, now);
                return None;
            }
        };
        if self.renewing {
            self.renew(&response, now);
            return None;
        }
        match response.status {
            429 | 503 => self.busy(&response, now),
            401 => self.unauthorised(),
            500 | 502 | 504 => return self.failed(Some(&response), now),
            _ => match self.connector.hear(&response) {
                Heard::Brought(brought) => {
                    self.settled();
                    return Some(*brought);
                }
                Heard::Unauthorised => self.unauthorised(),
                Heard::Busy => self.busy(&response, now),
            },
        }
        None
    }

    fn request(&self, ask: Ask) -> HttpRequest {
        let mut headers = vec![("accept", ask.accept)];
        match &self.access {
            Access::Open => (),
            Access::OAuth(grant) => {
                headers.push(("authorization", format!("Bearer {}", grant.tokens.access)));
            }
            Access::Header(name, value) => headers.push((name, value.clone())),
        }
        http(ask.url, ask.form, headers, ask.most)
    }

    fn renewal(&self) -> HttpRequest {
        let Access::OAuth(grant) = &self.access else {
            return http(String::new(), None, Vec::new(), 0);
        };
        let refresh = grant.tokens.refresh.as_deref().unwrap_or_default();
        let request = oauth::refresh(&grant.client, refresh, grant.manner);
        token_request(&grant.endpoints.token, request)
    }

    fn renew(&mut self, response: &HttpResponse, now: i64) {
        let Access::OAuth(grant) = &self.access else {
            return;
        };
        let before = Some(&grant.tokens);
        match oauth::read_grant(response.status, &response.body, before, now, grant.manner) {
            Granted::Tokens(tokens) => {
                self.fresh = Some(*tokens);
                (self.renewing, self.renewed) = (false, true);
                self.tries = 0;
            }
            Granted::Refused(_) => self.end = Some(End::Reconnect),
            Granted::Failed => self.busy(response, now),
        }
    }

    fn unauthorised(&mut self) {
        let renewable = match &self.access {
            Access::OAuth(grant) => grant.tokens.refresh.is_some(),
            _ => false,
        };
        match renewable && !self.renewed {
            true => self.renewing = true,
            false => self.end = Some(End::Reconnect),
        }
    }

    fn busy(&mut self, response: &HttpResponse, now: i64) {
        self.tries += 1;
        let pause = retry::pause(Some(response), self.tries, now);
        match self.tries >= TRIES || pause > LONGEST_WAIT {
            true => self.end = Some(End::Paused(pause)),
            false => self.wait = Some(pause),
        }
    }

    /// A server that fails on one question may answer the next; one that is silent will not.
    fn failed(&mut self, response: Option<&HttpResponse>, now: i64) -> Option<Brought> {
        self.tries += 1;
        let pause = retry::pause(response, self.tries, now);
        if self.tries < TRIES / 2 && pause <= LONGEST_WAIT {
            self.wait = Some(pause);
            return None;
        }
        if response.is_none() {
            self.end = Some(End::Offline);
            return None;
        }
        self.settled();
        Some(self.connector.give_up())
    }

    fn settled(&mut self) {
        (self.tries, self.renewed) = (0, false);
    }
}

/// Does the same with whichever it is.
macro_rules! each {
    ($connector:expr, $run:ident => $what:expr) => {
        match $connector {
            Connector::Fhir($run) => $what,
            Connector::Withings($run) => $what,
            Connector::Nightscout($run) => $what,
        }
    };
}

impl Connector {
    fn ask(&self) -> Option<Ask> {
        each!(self, run => run.ask())
    }

    fn hear(&mut self, response: &HttpResponse) -> Heard {
        match self {
            Self::Fhir(run) => Heard::Brought(Box::new(run.hear(response))),
            Self::Withings(run) => run.hear(response),
            Self::Nightscout(run) => run.hear(response),
        }
    }

    fn too_large(&mut self) -> Brought {
        each!(self, run => run.too_large())
    }

    fn give_up(&mut self) -> Brought {
        each!(self, run => run.give_up())
    }

    fn want(&mut self, wanted: Wanted) -> bool {
        match self {
            Self::Fhir(run) => run.want(wanted),
            Self::Withings(_) | Self::Nightscout(_) => false,
        }
    }

    /// Whether it is at the beginning of a reading after which what did not come may be gone.
    pub fn begins_whole(&self) -> bool {
        match self {
            Self::Fhir(run) => run.begins_whole(),
            Self::Withings(_) | Self::Nightscout(_) => false,
        }
    }

    fn finish(&mut self) {
        each!(self, run => run.finish());
    }

    /// What became of each kind so far.
    pub fn reports(&self) -> Reports {
        each!(self, run => run.reports())
    }

    /// The state, for the next time.
    pub fn write(&self) -> Result<String, Error> {
        let text = each!(self, run => serde_json::to_string(run.state()));
        text.map_err(|_| Error::Bug("the state of a source cannot be written"))
    }
}

fn http(
    url: String,
    form: Option<String>,
    mut headers: Vec<(&'static str, String)>,
    most: usize,
) -> HttpRequest {
    let method = match form {
        Some(_) => Method::Post,
        None => Method::Get,
    };
    if form.is_some() {
        headers.push((
            "content-type",
            "application/x-www-form-urlencoded".to_owned(),
        ));
    }
    HttpRequest {
        method,
        url,
        headers,
        body: form.unwrap_or_default().into_bytes(),
        max_answer: most,
        timeout: REQUEST_TIMEOUT,
    }
}

/// A request without a token.
pub fn open_request(ask: Ask) -> HttpRequest {
    http(ask.url, ask.form, vec![("accept", ask.accept)], ask.most)
}

/// A request to the token endpoint.
pub fn token_request(endpoint: &str, request: oauth::TokenRequest) -> HttpRequest {
    let mut headers = vec![("accept", JSON.to_owned())];
    headers.extend(request.authorization.map(|value| ("authorization", value)));
    http(
        endpoint.to_owned(),
        Some(request.body),
        headers,
        MAX_TOKEN_ANSWER,
    )
}

#[cfg(test)]
mod tests;
