//! A Nightscout server: the entries of a glucose sensor, newest first, page by page back to where the last run ended.
//!
//! The server has no pages of its own: the next question asks for what is not newer than the oldest entry that came. Entries of
//! one moment come again then, and are found unchanged. A day is read again by every run, because phones upload late.
//!
//! The secret is the server's own `API_SECRET`; its SHA-1 is what Nightscout wants in a header. In an address it would stand in logs.

use super::address::with_query;
use super::{Ask, Brought, Heard, JSON, KindReport, Outcome, Reports};
use crate::host::HttpResponse;
use crate::source::nightscout::read_entries;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// Entries of one page.
const PAGE: u64 = 1_000;
/// Most bytes of one answer.
const MAX_ANSWER: usize = 8 << 20;
/// Most pages of one run: twenty years of a sensor.
pub const MAX_PAGES: u32 = 3_000;
/// Uploads may be this late, in milliseconds.
const OVERLAP: i64 = 24 * 3_600 * 1_000;

const NAME: &str = "entries";
const FAILED: &str = "the source answers with an error of its own";
const NOT_GIVEN: &str = "the source does not give this to this connection";
const TOO_LARGE: &str = "an answer of the server is too large";
const ENDLESS: &str = "the server has no last page";

/// The value of its `api-secret` header.
pub fn secret_header(secret: &str) -> String {
    let digest = Sha1::digest(secret.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept between answers and between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightscoutState {
    /// The time of the newest entry of the last complete run, in milliseconds since 1970.
    mark: Option<i64>,
    run: Option<Run>,
    last: Reports,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    since: i64,
    /// Not newer than this.
    until: Option<i64>,
    newest: Option<i64>,
    pages: u32,
    done: bool,
    report: KindReport,
}

/// A run against one server.
#[derive(Debug)]
pub struct NightscoutRun {
    address: String,
    state: NightscoutState,
}

impl NightscoutRun {
    /// Goes on with the run of `state`, or begins one.
    pub fn new(address: &str, mut state: NightscoutState, whole: bool) -> Self {
        if whole && state.run.as_ref().is_some_and(|run| run.since > 0) {
            state.run = None;
        }
        let mark = state.mark.filter(|_| !whole);
        state.run.get_or_insert_with(|| Run {
            since: mark.map_or(0, |mark| mark.saturating_sub(OVERLAP)),
            ..Run::default()
        });
        Self {
            address: address.to_owned(),
            state,
        }
    }

    /// What to keep.
    pub fn state(&self) -> &NightscoutState {
        &self.state
    }

    /// What became of its entries, in this run or the last.
    pub fn reports(&self) -> Reports {
        match &self.state.run {
            Some(run) => Reports::from([(NAME.to_owned(), run.report.clone())]),
            None => self.state.last.clone(),
        }
    }

    /// The next question; none when the run has ended.
    pub fn ask(&self) -> Option<Ask> {
        let run = self.state.run.as_ref().filter(|run| !run.done)?;
        let (since, count) = (run.since.to_string(), PAGE.to_string());
        let until = run.until.map(|until| until.to_string());
        let mut query = vec![("find[date][$gte]", since.as_str()), ("count", &count)];
        query.extend(until.as_deref().map(|until| ("find[date][$lte]", until)));
        let url = with_query(&format!("{}/api/v1/entries.json", self.address), &query);
        Some(Ask::get(url, JSON, MAX_ANSWER))
    }

    /// Takes an answer.
    pub fn hear(&mut self, response: &HttpResponse) -> Heard {
        let read = match response.status {
            200 => {
                read_entries(&response.body, &self.address).map_err(|_| (Outcome::Partial, FAILED))
            }
            403 => Err((Outcome::Denied, NOT_GIVEN)),
            _ => Err((Outcome::Partial, FAILED)),
        };
        let brought = match read {
            Ok(entries) => {
                self.turn(entries.items, entries.span);
                Brought {
                    drafts: entries.drafts,
                    refused: entries.refused,
                    ..Brought::default()
                }
            }
            Err((outcome, reason)) => self.stop(outcome, reason),
        };
        Heard::Brought(Box::new(brought))
    }

    fn turn(&mut self, items: u64, span: Option<(i64, i64)>) {
        let Some(run) = &mut self.state.run else {
            return;
        };
        run.pages += 1;
        run.report.received += items;
        let oldest = span.map(|(_, oldest)| oldest);
        run.newest = run.newest.max(span.map(|(newest, _)| newest));
        let last = items < PAGE || oldest.is_none_or(|oldest| oldest <= run.since);
        // A page of one single moment would come again and again.
        let advances = oldest.is_some_and(|oldest| run.until.is_none_or(|until| oldest < until));
        if last {
            run.done = true;
            self.state.mark = self.state.mark.max(run.newest);
        } else if !advances || run.pages >= MAX_PAGES {
            run.done = true;
            run.report.note(Outcome::Partial, Some(ENDLESS), Vec::new());
        } else {
            run.until = oldest;
        }
    }

    fn stop(&mut self, outcome: Outcome, reason: &'static str) -> Brought {
        if let Some(run) = &mut self.state.run {
            run.done = true;
            run.report.note(outcome, Some(reason), Vec::new());
        }
        Brought::default()
    }

    /// An answer was larger than it may be.
    pub fn too_large(&mut self) -> Brought {
        self.stop(Outcome::Partial, TOO_LARGE)
    }

    /// The server fails whenever it is asked.
    pub fn give_up(&mut self) -> Brought {
        self.stop(Outcome::Partial, FAILED)
    }

    /// Ends the run.
    pub fn finish(&mut self) {
        let reports = self.reports();
        if self.state.run.take().is_some() {
            self.state.last = reports;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::address::parameters;
    use super::*;
    use serde_json::{Value, json};

    /// A server with one entry every five minutes at these times.
    fn server(times: &[i64], url: &str) -> Value {
        let asked = parameters(url);
        let number = |name: &str| {
            let found = asked.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.parse::<i64>().unwrap())
        };
        let (since, until) = (
            number("find[date][$gte]").unwrap(),
            number("find[date][$lte]").unwrap_or(i64::MAX),
        );
        let mut within: Vec<i64> = times
            .iter()
            .copied()
            .filter(|at| (since..=until).contains(at))
            .collect();
        within.sort_by_key(|at| -at);
        let count = usize::try_from(number("count").unwrap()).unwrap();
        within
            .iter()
            .take(count)
            .map(|at| json!({"type": "sgv", "sgv": 100, "date": at, "sysTime": format!("t{at}")}))
            .collect()
    }

    fn play(
        state: NightscoutState,
        times: &[i64],
    ) -> (usize, Vec<String>, NightscoutState, Reports) {
        let mut run = NightscoutRun::new("https://cgm.example", state, false);
        let (mut asked, mut names) = (0, Vec::new());
        while let Some(ask) = run.ask() {
            asked += 1;
            let body = server(times, &ask.url).to_string().into_bytes();
            let heard = run.hear(&HttpResponse {
                status: 200,
                headers: Vec::new(),
                body,
            });
            let Heard::Brought(brought) = heard else {
                panic!("{heard:?}")
            };
            names.extend(
                brought
                    .drafts
                    .into_iter()
                    .map(|draft| draft.resource.native),
            );
            let text = serde_json::to_string(run.state()).unwrap();
            assert_eq!(
                serde_json::from_str::<NightscoutState>(&text).unwrap(),
                *run.state()
            );
        }
        let reports = run.reports();
        run.finish();
        names.sort();
        names.dedup();
        (asked, names, run.state().clone(), reports)
    }

    #[test]
    fn everything_comes_page_by_page_and_then_only_what_is_new() {
        let mut times: Vec<i64> = (1..=2_500).map(|at| at * 300_000).collect();
        let (asked, names, state, reports) = play(NightscoutState::default(), &times);
        assert_eq!((asked, names.len()), (3, 2_500));
        assert_eq!(reports[NAME].outcome, Outcome::Complete);
        times.push(2_501 * 300_000);
        let (asked, names, ..) = play(state, &times);
        assert_eq!(asked, 1);
        assert!(names.len() < 300 && names.iter().any(|name| name.contains("t750300000")));
    }

    #[test]
    fn a_page_of_one_moment_does_not_come_for_ever() {
        let times = vec![5_000; 2_000];
        let (asked, _, state, reports) = play(NightscoutState::default(), &times);
        assert!(asked <= 2);
        assert_eq!(reports[NAME].reason.as_deref(), Some(ENDLESS));
        assert_eq!(state.mark, None);
    }

    #[test]
    fn errors_are_said_and_move_no_mark() {
        for (status, body, outcome) in [
            (403, "", Outcome::Denied),
            (404, "", Outcome::Partial),
            (200, "<html>", Outcome::Partial),
        ] {
            let mut run =
                NightscoutRun::new("https://cgm.example", NightscoutState::default(), false);
            run.hear(&HttpResponse {
                status,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            });
            assert!(run.ask().is_none());
            assert_eq!(run.reports()[NAME].outcome, outcome);
            assert_eq!(run.state().mark, None);
        }
    }

    /// `printf secret | sha1sum`
    #[test]
    fn the_secret_is_hashed_as_the_server_wants_it() {
        assert_eq!(
            secret_header("secret"),
            "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4"
        );
    }
}
