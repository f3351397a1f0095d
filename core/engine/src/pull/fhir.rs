//! A FHIR R4 server, asked for everything it has of one patient.
//!
//! A run asks for the CapabilityStatement (a hint), then for each kind of the plan page by page; after each page for what it names
//! and did not bring: files, and resources outside the patient's compartment. What waits is therefore never more than a page
//! names, and the state that is kept with every answer stays small.
//!
//! **Pages.** The `next` link is followed as it is, at the same origin only. A server that leads in a circle is noticed by Brent's
//! method (constant memory), one that leads on for ever by [`MAX_PAGES`] and [`MAX_EMPTY_PAGES`]. A link that has expired
//! begins the kind again, once: what came before is found unchanged.
//!
//! **Increments.** A kind that was read to its end leaves a mark: the *server's* time when its reading began. The next run asks for what
//! changed since, minus ten minutes. A kind that did not end leaves its mark where it was. A server that refuses
//! `_lastUpdated` is read whole.
//!
//! **What is gone.** Searches do not show deletions. Every [`FULL_EVERY`] a run reads whole; what the record has from here and did not
//! come is asked for by name, and only an answer of 404 or 410 to that says that it is gone. The record keeps it and marks it.
//!
//! **Refusals.** 403 is this kind, not the run. A 400, 403 or 422 to a whole kind is asked again by category (many servers
//! refuse Observation without one), then without `_lastUpdated`. A category a server does not know is no refusal of the
//! kind, unless it refuses them all.

mod plan;

use super::address::{ELSEWHERE, follow};
use super::{Ask, Brought, FHIR_JSON, Fetched, KindReport, Outcome, Reports, Wanted, retry};
use crate::host::HttpResponse;
use crate::source::answer::{Answer, MAX_ANSWER, read_answer, read_capabilities};
use plan::{EVERYTHING, PAGE_SIZES, Query, questions};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most pages of one question.
pub const MAX_PAGES: u32 = 20_000;
/// Most pages without a resource in a row.
pub const MAX_EMPTY_PAGES: u32 = 50;
/// Most files and single resources that wait to be fetched.
pub const MAX_WANTED: usize = 2_000;
/// Largest file.
pub const MAX_FILE: usize = 64 << 20;
/// How often everything is read, in milliseconds.
pub const FULL_EVERY: i64 = 30 * 24 * 3_600 * 1_000;

const NOT_OFFERED: &str = "the source does not have this";
const NOT_GIVEN: &str = "the source does not give this to this connection";
const CIRCLE: &str = "the server leads in a circle";
const ENDLESS: &str = "the server has no last page";
const EXPIRED: &str = "the server forgot its pages before they were read";
const MOVED: &str = "the server answers from another address: connect to that one";
const TOO_LARGE: &str = "an answer of the server is too large";
const FAILED: &str = "the server failed";
const REFUSED: &str = "the server refused";
const NO_PAGE: &str = "the answer is not a page of results";
const FILE_MISSING: &str = "a file could not be fetched";

/// What is kept of a source between answers and between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FhirState {
    /// By kind: the server's time when its last complete reading began.
    marks: BTreeMap<String, i64>,
    /// When the last whole reading began, by this device's clock.
    last_full: Option<i64>,
    /// The run under way.
    run: Option<Run>,
    /// What became of each kind in the last run.
    last: Reports,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    full: bool,
    /// The statement was read, or could not be.
    planned: bool,
    plan: VecDeque<Query>,
    page: Option<Page>,
    wanted: VecDeque<Wanted>,
    /// By kind: the server's time when its first question was answered.
    begun: BTreeMap<String, i64>,
    reports: Reports,
}

/// Where a question stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    query: Query,
    url: String,
    pages: u32,
    empty: u32,
    /// Brent's method: the page that is compared with, and how many more before the next is taken.
    landmark: String,
    left: u32,
    power: u32,
}

/// A run against one server.
#[derive(Debug)]
pub struct FhirRun {
    base: String,
    patient: String,
    granted: Option<BTreeSet<String>>,
    state: FhirState,
}

impl FhirRun {
    /// Goes on with the run of `state`, or begins one at `now`. `granted` are the kinds the scopes open, none for all.
    pub fn new(
        base: &str,
        patient: &str,
        granted: Option<BTreeSet<String>>,
        mut state: FhirState,
        whole: bool,
        now: i64,
    ) -> Self {
        // Who asks for everything does not want the rest of a smaller run.
        if whole && state.run.as_ref().is_some_and(|run| !run.full) {
            state.run = None;
        }
        if state.run.is_none() {
            let due = state
                .last_full
                .is_none_or(|last| now.saturating_sub(last) >= FULL_EVERY);
            let full = due || whole;
            if full {
                state.last_full = Some(now);
            }
            state.run = Some(Run {
                full,
                planned: false,
                plan: VecDeque::new(),
                page: None,
                wanted: VecDeque::new(),
                begun: BTreeMap::new(),
                reports: Reports::new(),
            });
        }
        Self {
            base: base.to_owned(),
            patient: patient.to_owned(),
            granted,
            state,
        }
    }

    /// Whether nothing has been asked yet and everything will be.
    pub fn begins_whole(&self) -> bool {
        let run = self.state.run.as_ref();
        run.is_some_and(|run| run.full && !run.planned)
    }

    /// What to keep.
    pub fn state(&self) -> &FhirState {
        &self.state
    }

    /// What became of each kind, in this run or the last.
    pub fn reports(&self) -> Reports {
        let run = self.state.run.as_ref().map(|run| &run.reports);
        run.unwrap_or(&self.state.last).clone()
    }

    /// The next question; none when the run has ended.
    pub fn ask(&self) -> Option<Ask> {
        let run = self.state.run.as_ref()?;
        if !run.planned {
            let url = format!("{}/metadata", self.base);
            return Some(Ask::get(url, FHIR_JSON, MAX_ANSWER));
        }
        let Some(wanted) = run.wanted.front() else {
            let page = run.page.as_ref()?;
            return Some(Ask::get(page.url.clone(), FHIR_JSON, MAX_ANSWER));
        };
        match wanted {
            Wanted::Beside(native) | Wanted::Missing(native) => Some(Ask::get(
                format!("{}/{native}", self.base),
                FHIR_JSON,
                MAX_ANSWER,
            )),
            Wanted::File(file) => {
                let media_type = file
                    .media_type
                    .as_deref()
                    .filter(|text| is_media_type(text));
                let url = self.file_address(&file.url).unwrap_or_default();
                Some(Ask::get(url, media_type.unwrap_or("*/*"), MAX_FILE))
            }
        }
    }

    /// Adds something to fetch before the next page. `false` where that is refused, and its kind said to be partial: it lies
    /// elsewhere, or too much waits already.
    pub fn want(&mut self, wanted: Wanted) -> bool {
        let reachable = match &wanted {
            Wanted::File(file) => self.file_address(&file.url).is_ok(),
            _ => true,
        };
        let Some(run) = &mut self.state.run else {
            return false;
        };
        let taken = reachable && run.wanted.len() < MAX_WANTED;
        match taken {
            true => run.wanted.push_back(wanted),
            false => {
                let kind = wanted.kind();
                note(run, &kind, Outcome::Partial, Some(FILE_MISSING), Vec::new());
            }
        }
        taken
    }

    fn file_address(&self, url: &str) -> Result<String, &'static str> {
        follow(url, &format!("{}/", self.base))
    }

    /// Takes an answer that is neither a failure of the server nor about the token.
    pub fn hear(&mut self, response: &HttpResponse) -> Brought {
        let Some(mut run) = self.state.run.take() else {
            return Brought::default();
        };
        let brought = if !run.planned {
            self.plan(&mut run, response);
            Brought::default()
        } else if run.wanted.is_empty() {
            self.page(&mut run, response)
        } else {
            self.single(&mut run, response)
        };
        self.settle(run);
        brought
    }

    /// An answer was larger than it may be: fewer resources at a time, or without this one.
    pub fn too_large(&mut self) -> Brought {
        self.without(TOO_LARGE, |page| page.query.size + 1 < PAGE_SIZES.len())
    }

    /// The server fails whenever it is asked this.
    pub fn give_up(&mut self) -> Brought {
        self.without(FAILED, |_| false)
    }

    fn without(&mut self, reason: &'static str, narrower: fn(&Page) -> bool) -> Brought {
        let Some(mut run) = self.state.run.take() else {
            return Brought::default();
        };
        if !run.planned {
            self.questions(&mut run, &BTreeSet::new(), false);
        } else if let Some(wanted) = run.wanted.pop_front() {
            note(
                &mut run,
                &wanted.kind(),
                Outcome::Partial,
                Some(reason),
                Vec::new(),
            );
        } else if let Some(page) = run.page.take() {
            match narrower(&page) {
                true => run.plan.push_front(Query {
                    size: page.query.size + 1,
                    ..page.query
                }),
                false => note(
                    &mut run,
                    &page.query.kind,
                    Outcome::Partial,
                    Some(reason),
                    Vec::new(),
                ),
            }
        }
        self.settle(run);
        Brought::default()
    }

    fn plan(&mut self, run: &mut Run, response: &HttpResponse) {
        let statement = read_capabilities(&response.body).filter(|_| response.status == 200);
        let hint = statement.unwrap_or_default();
        self.questions(run, &hint.kinds, hint.everything && run.full);
    }

    fn questions(&self, run: &mut Run, offered: &BTreeSet<String>, everything: bool) {
        let since = |kind: &str| match run.full {
            true => None,
            false => self.state.marks.get(kind).copied(),
        };
        run.plan = questions(offered, self.granted.as_ref(), since, everything);
        run.planned = true;
    }

    /// One page of a search.
    fn page(&mut self, run: &mut Run, response: &HttpResponse) -> Brought {
        let Some(page) = run.page.take() else {
            return Brought::default();
        };
        match response.status {
            200 => self.read_page(run, page, response),
            304 => Brought::default(),
            400 | 403 | 422 if self.ask_otherwise(run, &page) => Brought::default(),
            404 | 410 if page.pages > 0 => {
                self.begin_again(run, page);
                Brought::default()
            }
            _ => {
                self.refused(run, &page, response);
                Brought::default()
            }
        }
    }

    fn refused(&mut self, run: &mut Run, page: &Page, response: &HttpResponse) {
        let kind = &page.query.kind;
        let (outcome, reason) = refusal(response.status);
        let last = !run.plan.iter().any(|query| query.kind == *kind);
        let one_of_many = page.query.category.is_some() && outcome != Outcome::Partial;
        if one_of_many && (!last || run.reports.contains_key(kind)) {
            return self.end(run, page, &mut Brought::default());
        }
        let said = read_answer(&response.body, &self.base).map(|answer| answer.messages);
        note(run, kind, outcome, Some(reason), said.unwrap_or_default());
    }

    /// A refused question in another form.
    fn ask_otherwise(&self, run: &mut Run, page: &Page) -> bool {
        if page.pages > 0 {
            return false;
        }
        let mut others = page.query.by_category();
        if others.is_empty() && page.query.since.is_some() {
            others.push(Query {
                since: None,
                ..page.query.clone()
            });
        }
        others
            .iter()
            .rev()
            .for_each(|other| run.plan.push_front(other.clone()));
        !others.is_empty()
    }

    fn begin_again(&self, run: &mut Run, page: Page) {
        match page.query.restarted {
            true => note(
                run,
                &page.query.kind,
                Outcome::Partial,
                Some(EXPIRED),
                Vec::new(),
            ),
            false => run.plan.push_front(Query {
                restarted: true,
                ..page.query
            }),
        }
    }

    fn read_page(&mut self, run: &mut Run, mut page: Page, response: &HttpResponse) -> Brought {
        let answer = match read_answer(&response.body, &self.base) {
            Ok(answer) if answer.kind == "Bundle" || page.query.kind == "Patient" => answer,
            other => {
                let said = other.map(|answer| answer.messages).unwrap_or_default();
                note(run, &page.query.kind, Outcome::Partial, Some(NO_PAGE), said);
                return Brought::default();
            }
        };
        if page.pages == 0 {
            let time = answer
                .time
                .or_else(|| retry::millis(response.header("date")?));
            if let Some(time) = time {
                let begun = run.begun.entry(page.query.kind.clone()).or_insert(time);
                *begun = time.min(*begun);
            }
        }
        page.pages += 1;
        page.empty = if answer.entries == 0 {
            page.empty + 1
        } else {
            0
        };
        count(run, &page.query.kind, &answer);
        let next = answer.next.clone();
        let mut brought = bring(answer);
        match next {
            Some(next) => self.turn(run, page, &next),
            None => self.end(run, &page, &mut brought),
        }
        brought
    }

    /// To the next page.
    fn turn(&self, run: &mut Run, mut page: Page, next: &str) {
        let stop = |run: &mut Run, reason| {
            note(
                run,
                &page.query.kind,
                Outcome::Partial,
                Some(reason),
                Vec::new(),
            );
        };
        let Ok(next) = follow(next, &page.url) else {
            return stop(run, ELSEWHERE);
        };
        if next == page.url || next == page.landmark {
            return stop(run, CIRCLE);
        }
        if page.pages >= MAX_PAGES || page.empty >= MAX_EMPTY_PAGES {
            return stop(run, ENDLESS);
        }
        if page.left == 0 {
            page.landmark = next.clone();
            page.power = page.power.saturating_mul(2);
            page.left = page.power;
        }
        page.left -= 1;
        page.url = next;
        run.page = Some(page);
    }

    /// The last page of a question.
    fn end(&mut self, run: &mut Run, page: &Page, brought: &mut Brought) {
        let kind = &page.query.kind;
        let more = run.plan.iter().any(|query| query.kind == *kind);
        let complete = run
            .reports
            .get(kind)
            .is_none_or(|report| report.outcome == Outcome::Complete);
        if more || !complete || kind == EVERYTHING {
            return;
        }
        if let Some(begun) = run.begun.get(kind) {
            self.state.marks.insert(kind.clone(), *begun);
        }
        if page.query.is_whole() && kind != "Patient" {
            brought.whole.push(kind.clone());
        }
    }

    /// A file or a single resource.
    fn single(&mut self, run: &mut Run, response: &HttpResponse) -> Brought {
        let Some(wanted) = run.wanted.pop_front() else {
            return Brought::default();
        };
        match (wanted, response.status) {
            (Wanted::File(file), 200) => fetched(file, response),
            (Wanted::Beside(_) | Wanted::Missing(_), 200) => {
                match read_answer(&response.body, &self.base) {
                    Ok(answer) if answer.kind != "Bundle" => bring(answer),
                    _ => Brought::default(),
                }
            }
            (Wanted::Missing(native), 404 | 410) => Brought {
                gone: Some(native),
                ..Brought::default()
            },
            (Wanted::File(file), status) => {
                let (outcome, _) = refusal(status);
                let outcome = outcome.max(Outcome::Partial);
                let kind = Wanted::File(file).kind();
                note(run, &kind, outcome, Some(FILE_MISSING), Vec::new());
                Brought::default()
            }
            _ => Brought::default(),
        }
    }

    /// Turns to the next question, or ends the run.
    fn settle(&mut self, mut run: Run) {
        if run.planned
            && run.page.is_none()
            && let Some(query) = run.plan.pop_front()
        {
            let url = query.url(&self.base, &self.patient);
            run.page = Some(Page {
                landmark: url.clone(),
                url,
                query,
                pages: 0,
                empty: 0,
                left: 1,
                power: 1,
            });
        }
        self.state.run = Some(run);
    }

    /// Whether everything was asked.
    pub fn is_done(&self) -> bool {
        self.ask().is_none()
    }

    /// Ends the run: its reports become those of the last.
    pub fn finish(&mut self) {
        if let Some(run) = self.state.run.take() {
            self.state.last = run.reports;
        }
    }
}

impl Wanted {
    /// The kind it belongs to.
    fn kind(&self) -> String {
        let native = match self {
            Self::Beside(native) | Self::Missing(native) => native,
            Self::File(file) => &file.of,
        };
        native.split('/').next().unwrap_or_default().to_owned()
    }
}

fn bring(answer: Answer) -> Brought {
    let beside = answer.beside.into_iter().map(Wanted::Beside);
    let files = answer.files.into_iter().map(Wanted::File);
    Brought {
        wanted: beside.chain(files).collect(),
        drafts: answer.drafts,
        documents: answer.documents,
        refused: answer.refused,
        ..Brought::default()
    }
}

fn fetched(file: crate::source::answer::LinkedFile, response: &HttpResponse) -> Brought {
    let said = response
        .header("content-type")
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    let media_type = said
        .or(file.media_type.as_deref())
        .filter(|text| is_media_type(text))
        .unwrap_or("application/octet-stream")
        .to_owned();
    Brought {
        file: Some(Fetched {
            file,
            bytes: response.body.clone(),
            media_type,
        }),
        ..Brought::default()
    }
}

/// Whether a text can stand in a header as a media type.
fn is_media_type(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-._".contains(&byte);
    text.len() <= 127 && text.contains('/') && text.bytes().all(plain)
}

fn refusal(status: u16) -> (Outcome, &'static str) {
    match status {
        401 | 403 => (Outcome::Denied, NOT_GIVEN),
        400 | 404 | 405 | 410 | 422 | 501 => (Outcome::Unsupported, NOT_OFFERED),
        300..=399 => (Outcome::Partial, MOVED),
        _ => (Outcome::Partial, REFUSED),
    }
}

fn count(run: &mut Run, kind: &str, answer: &Answer) {
    let report = run.reports.entry(kind.to_owned()).or_default();
    report.received += answer.entries;
    report.note(Outcome::Complete, None, answer.messages.clone());
    if answer.elsewhere > 0 {
        const ELSEWHERE_FILES: &str =
            "some files lie at another server: their address stays in the document";
        report
            .reason
            .get_or_insert_with(|| ELSEWHERE_FILES.to_owned());
    }
}

fn note(
    run: &mut Run,
    kind: &str,
    outcome: Outcome,
    reason: Option<&'static str>,
    said: Vec<String>,
) {
    let report: &mut KindReport = run.reports.entry(kind.to_owned()).or_default();
    report.note(outcome, reason, said);
}

#[cfg(test)]
mod tests;
