//! The Withings cloud: measures, days of activity, nights, each by pages and from where the last complete reading ended.
//!
//! Every question is a POST to a fixed address and every answer says 200; the `status` inside decides: 0 is well, some are about the
//! token, some say "later", the rest fail this question only. A mark is the greatest time of change that a reading to its end has
//! shown, in the cloud's own clock.
//!
//! The app's id and secret are the person's own, from the developer portal of Withings: a secret inside an open app would be none.
//! Tested against recorded answers, not against the cloud. Endpoints that ask for a signed nonce (contracts of Withings with
//! companies) are not supported.

use super::address::form;
use super::oauth::{Endpoints, is_busy};
use super::{Ask, Brought, Heard, JSON, KindReport, Outcome, Reports};
use crate::host::HttpResponse;
use crate::source::withings::read_withings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where it is.
pub const ADDRESS: &str = "https://wbsapi.withings.net";
/// Where people sign in.
const SIGN_IN: &str = "https://account.withings.com/oauth2_user/authorize2";
/// What is asked for.
pub const SCOPE: &str = "user.metrics,user.activity";
/// Most bytes of one answer.
const MAX_ANSWER: usize = 32 << 20;
/// Most pages of one question.
pub const MAX_PAGES: u32 = 10_000;

const FAILED: &str = "the source answers with an error of its own";
const ENDLESS: &str = "the server has no last page";
const TOO_LARGE: &str = "an answer of the server is too large";

/// Its endpoints; those of a stand-in for tests lie below it.
pub fn endpoints(address: &str) -> Endpoints {
    let sign_in = match address {
        ADDRESS => SIGN_IN.to_owned(),
        other => format!("{other}/oauth2_user/authorize2"),
    };
    Endpoints {
        authorise: sign_in,
        token: format!("{address}/v2/oauth2"),
        issuer: None,
    }
}

/// One question.
struct Service {
    name: &'static str,
    path: &'static str,
    action: &'static str,
    fields: &'static str,
}

const SERVICES: [Service; 3] = [
    Service {
        name: "measures",
        path: "measure",
        action: "getmeas",
        fields: "",
    },
    Service {
        name: "activity",
        path: "v2/measure",
        action: "getactivity",
        fields: "steps,distance,calories,totalcalories",
    },
    Service {
        name: "sleep",
        path: "v2/sleep",
        action: "getsummary",
        fields: "total_sleep_time,lightsleepduration,deepsleepduration,remsleepduration",
    },
];

/// What is kept between answers and between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithingsState {
    /// By service: seconds since 1970.
    marks: BTreeMap<String, i64>,
    run: Option<Run>,
    last: Reports,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    whole: bool,
    /// Position in [`SERVICES`].
    service: usize,
    offset: Option<i64>,
    pages: u32,
    newest: Option<i64>,
    reports: Reports,
}

/// A run against the cloud.
#[derive(Debug)]
pub struct WithingsRun {
    address: String,
    user: String,
    state: WithingsState,
}

impl WithingsRun {
    /// Goes on with the run of `state`, or begins one. `user` is the cloud's number for the person.
    pub fn new(address: &str, user: &str, mut state: WithingsState, whole: bool) -> Self {
        if whole && state.run.as_ref().is_some_and(|run| !run.whole) {
            state.run = None;
        }
        state.run.get_or_insert_with(|| Run {
            whole,
            ..Run::default()
        });
        Self {
            address: address.to_owned(),
            user: user.to_owned(),
            state,
        }
    }

    /// What to keep.
    pub fn state(&self) -> &WithingsState {
        &self.state
    }

    /// What became of each service, in this run or the last.
    pub fn reports(&self) -> Reports {
        let run = self.state.run.as_ref().map(|run| &run.reports);
        run.unwrap_or(&self.state.last).clone()
    }

    /// The next question; none when the run has ended.
    pub fn ask(&self) -> Option<Ask> {
        let run = self.state.run.as_ref()?;
        let service = SERVICES.get(run.service)?;
        let since = match run.whole {
            true => 0,
            false => self.state.marks.get(service.name).copied().unwrap_or(0),
        };
        let (since, offset) = (
            since.to_string(),
            run.offset.map(|offset| offset.to_string()),
        );
        let mut fields = vec![("action", service.action), ("lastupdate", &since)];
        if !service.fields.is_empty() {
            fields.push(("data_fields", service.fields));
        }
        fields.extend(offset.as_deref().map(|offset| ("offset", offset)));
        Some(Ask {
            url: format!("{}/{}", self.address, service.path),
            form: Some(form(&fields)),
            accept: JSON.to_owned(),
            most: MAX_ANSWER,
        })
    }

    /// Takes an answer.
    pub fn hear(&mut self, response: &HttpResponse) -> Heard {
        let read = match response.status {
            200 => read_withings(&response.body, &self.user).map_err(|_| FAILED),
            _ => Err(FAILED),
        };
        let answer = match read {
            Ok(answer) if answer.status == 0 => answer,
            Ok(answer) if is_about_token(answer.status) => return Heard::Unauthorised,
            Ok(answer) if is_busy(answer.status) => return Heard::Busy,
            _ => return self.end(Some(FAILED)),
        };
        let Some(run) = &mut self.state.run else {
            return self.end(None);
        };
        run.pages += 1;
        run.newest = run.newest.max(answer.newest);
        report(run).received += answer.items;
        let next = answer.offset;
        let goes_on = next.is_some() && next > run.offset && run.pages < MAX_PAGES;
        let ended = match (goes_on, next) {
            (true, _) => {
                run.offset = next;
                Brought::default()
            }
            (false, Some(_)) => self.turn(Some(ENDLESS)),
            (false, None) => self.turn(None),
        };
        Heard::Brought(Box::new(Brought {
            drafts: answer.drafts,
            refused: answer.refused,
            ..ended
        }))
    }

    fn end(&mut self, reason: Option<&'static str>) -> Heard {
        Heard::Brought(Box::new(self.turn(reason)))
    }

    /// To the next service; the mark moves only where this one was read to its end.
    fn turn(&mut self, reason: Option<&'static str>) -> Brought {
        if let Some(run) = &mut self.state.run {
            match reason {
                Some(reason) => report(run).note(Outcome::Partial, Some(reason), Vec::new()),
                None => {
                    report(run);
                    let name = SERVICES
                        .get(run.service)
                        .map(|service| service.name.to_owned());
                    if let Some((name, newest)) = name.zip(run.newest) {
                        self.state.marks.insert(name, newest);
                    }
                }
            }
            run.service += 1;
            (run.offset, run.pages, run.newest) = (None, 0, None);
        }
        Brought::default()
    }

    /// An answer was larger than it may be.
    pub fn too_large(&mut self) -> Brought {
        self.turn(Some(TOO_LARGE))
    }

    /// The cloud fails whenever it is asked this.
    pub fn give_up(&mut self) -> Brought {
        self.turn(Some(FAILED))
    }

    /// Ends the run.
    pub fn finish(&mut self) {
        if let Some(run) = self.state.run.take() {
            self.state.last = run.reports;
        }
    }
}

fn report(run: &mut Run) -> &mut KindReport {
    let name = SERVICES.get(run.service).map_or("", |service| service.name);
    run.reports.entry(name.to_owned()).or_default()
}

/// Withings' own words for a token that is no good.
fn is_about_token(status: i64) -> bool {
    matches!(status, 100..=102 | 200 | 401)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::{Value, json};

    fn answer(value: &Value) -> HttpResponse {
        HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: value.to_string().into_bytes(),
        }
    }

    fn group(grpid: i64, modified: i64) -> Value {
        json!({"grpid": grpid, "attrib": 0, "date": 1, "modified": modified, "category": 1, "measures": [{"value": 70, "type": 1, "unit": 0}]})
    }

    /// Plays a run; the forms that were asked, and how many drafts came.
    fn play(
        state: WithingsState,
        server: impl Fn(&str) -> Value,
    ) -> (Vec<String>, usize, WithingsState, Reports) {
        let mut run = WithingsRun::new(ADDRESS, "363", state, false);
        let (mut asked, mut drafts) = (Vec::new(), 0);
        while let Some(ask) = run.ask() {
            let question = format!("{} {}", ask.url, ask.form.unwrap());
            let heard = run.hear(&answer(&server(&question)));
            asked.push(question);
            let Heard::Brought(brought) = heard else {
                panic!("{heard:?}")
            };
            drafts += brought.drafts.len();
            assert!(asked.len() < 40_000);
        }
        let reports = run.reports();
        run.finish();
        (asked, drafts, run.state().clone(), reports)
    }

    fn cloud(question: &str) -> Value {
        match question {
            page if page.contains("getmeas") && page.contains("offset=2") => {
                json!({"status": 0, "body": {"updatetime": 900, "measuregrps": [group(3, 800)]}})
            }
            first if first.contains("getmeas") => {
                json!({"status": 0, "body": {"updatetime": 900, "more": 1, "offset": 2, "measuregrps": [group(1, 100), group(2, 200)]}})
            }
            _ => json!({"status": 0, "body": {"activities": [], "more": false}}),
        }
    }

    #[test]
    fn pages_are_followed_and_the_next_run_asks_what_changed() {
        let (asked, drafts, state, reports) = play(WithingsState::default(), cloud);
        assert_eq!((asked.len(), drafts), (4, 3));
        assert!(asked[0].contains("/measure action=getmeas&lastupdate=0"));
        assert!(
            asked[2].contains("/v2/measure action=getactivity")
                && asked[3].contains("/v2/sleep action=getsummary")
        );
        assert_eq!(reports["measures"].received, 3);
        let (asked, ..) = play(state, cloud);
        assert!(asked[0].contains("lastupdate=900"), "{}", asked[0]);
        assert!(
            asked.last().unwrap().contains("lastupdate=0"),
            "nothing changed there yet"
        );
    }

    #[test]
    fn an_error_fails_one_service_and_keeps_its_mark() {
        let (_, _, state, reports) = play(WithingsState::default(), |question| {
            match question.contains("offset=2") {
                true => json!({"status": 503}),
                false => cloud(question),
            }
        });
        assert_eq!(
            (reports["measures"].outcome, reports["sleep"].outcome),
            (Outcome::Partial, Outcome::Complete)
        );
        assert!(state.marks.is_empty());
    }

    #[test]
    fn pages_that_do_not_advance_end() {
        let (asked, ..) = play(
            WithingsState::default(),
            |_| json!({"status": 0, "body": {"more": 1, "offset": 5}}),
        );
        assert_eq!(asked.len(), 6, "each service was asked twice");
        let count = std::cell::Cell::new(0_i64);
        let (_, _, _, reports) = play(WithingsState::default(), |_| {
            count.set(count.get() + 1);
            json!({"status": 0, "body": {"more": 1, "offset": count.get()}})
        });
        assert_eq!(reports["measures"].reason.as_deref(), Some(ENDLESS));
    }

    #[test]
    fn the_body_says_whether_it_is_the_token_or_too_much() {
        let mut run = WithingsRun::new(ADDRESS, "363", WithingsState::default(), false);
        let before = run.state().clone();
        assert!(matches!(
            run.hear(&answer(&json!({"status": 401}))),
            Heard::Unauthorised
        ));
        assert!(matches!(
            run.hear(&answer(&json!({"status": 601}))),
            Heard::Busy
        ));
        assert_eq!(*run.state(), before, "the same is asked again");
    }
}
