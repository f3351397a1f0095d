//! Servers as they are, and as they should not be.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::answer::LinkedFile;
use proptest::prelude::*;
use serde_json::{Value, json};

const BASE: &str = "https://hospital.example/fhir";
const NOW: i64 = 1_796_032_800_000;

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![(
            "date".to_owned(),
            "Mon, 30 Nov 2026 10:00:00 GMT".to_owned(),
        )],
        body: body.to_string().into_bytes(),
    }
}

fn resource(kind: &str, id: &str) -> Value {
    json!({"resourceType": kind, "id": id, "status": "final", "code": {"text": "x"}})
}

fn page(resources: &[Value], next: Option<&str>) -> HttpResponse {
    let link: Vec<_> = next
        .iter()
        .map(|next| json!({"relation": "next", "url": next}))
        .collect();
    let entry: Vec<_> = resources
        .iter()
        .map(|resource| json!({"resource": resource}))
        .collect();
    answer(
        200,
        &json!({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entry}),
    )
}

fn outcome(status: u16) -> HttpResponse {
    answer(
        status,
        &json!({"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no, sorry"}]}),
    )
}

/// What a run asked and what it brought.
#[derive(Default)]
struct Played {
    asked: Vec<String>,
    drafts: Vec<String>,
    whole: Vec<String>,
    gone: Vec<String>,
    files: Vec<Fetched>,
    state: FhirState,
    reports: Reports,
}

impl Played {
    fn asked_for(&self, part: &str) -> Vec<&str> {
        let parts = self.asked.iter().map(String::as_str);
        parts.filter(|url| url.contains(part)).collect()
    }

    fn report(&self, kind: &str) -> (Outcome, Option<&str>) {
        let report = &self.reports[kind];
        (report.outcome, report.reason.as_deref())
    }
}

/// Plays a run against a server, writing and reading its state between all answers.
fn play(state: FhirState, more: &[Wanted], server: impl Fn(&str) -> HttpResponse) -> Played {
    let mut played = Played::default();
    let mut run = FhirRun::new(BASE, "p", None, state, false, NOW);
    for wanted in more {
        run.want(wanted.clone());
    }
    while let Some(ask) = run.ask() {
        assert!(played.asked.len() < 200_000, "the run has no end");
        let response = server(&ask.url);
        played.asked.push(ask.url);
        let brought = run.hear(&response);
        played.drafts.extend(
            brought
                .drafts
                .into_iter()
                .map(|draft| draft.resource.native),
        );
        played.whole.extend(brought.whole);
        played.gone.extend(brought.gone);
        played.files.extend(brought.file);
        for wanted in brought.wanted {
            run.want(wanted);
        }
        let text = serde_json::to_string(run.state()).unwrap();
        assert_eq!(
            serde_json::from_str::<FhirState>(&text).unwrap(),
            *run.state()
        );
    }
    played.reports = run.reports();
    run.finish();
    played.state = run.state().clone();
    played
}

/// A server with two pages of observations and nothing else.
fn usual(url: &str) -> HttpResponse {
    match url.strip_prefix(BASE).unwrap() {
        "/metadata" => answer(404, &json!({})),
        "/Patient/p" => answer(200, &resource("Patient", "p")),
        "/page/2" => page(&[resource("Observation", "2")], None),
        other if other.starts_with("/Observation") => {
            page(&[resource("Observation", "1")], Some("/fhir/page/2"))
        }
        _ => page(&[], None),
    }
}

#[test]
fn everything_of_the_patient_is_read_page_by_page() {
    let played = play(FhirState::default(), &[], usual);
    assert_eq!(
        played.drafts,
        ["Patient/p", "Observation/1", "Observation/2"].map(|native| format!("{BASE}/{native}"))
    );
    assert_eq!(played.report("Observation"), (Outcome::Complete, None));
    assert_eq!(played.reports["Observation"].received, 2);
    assert!(played.whole.contains(&"Observation".to_owned()));
    assert_eq!(played.asked.len(), 1 + 1 + plan::KINDS.len() + 1);
}

#[test]
fn the_next_run_asks_what_changed_since_by_the_servers_time_with_overlap() {
    let first = play(FhirState::default(), &[], usual);
    let second = play(first.state, &[], usual);
    let asked = second.asked_for("/Observation?");
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].contains("_lastUpdated=ge2026-11-30T09%3A50%3A00Z"),
        "{asked:?}"
    );
    assert!(second.whole.is_empty());
}

#[test]
fn what_did_not_end_keeps_its_mark() {
    let broken = |url: &str| match url.ends_with("/page/2") {
        true => outcome(418),
        false => usual(url),
    };
    let first = play(FhirState::default(), &[], broken);
    assert_eq!(
        first.report("Observation"),
        (Outcome::Partial, Some(REFUSED))
    );
    assert_eq!(first.reports["Observation"].said, ["no, sorry"]);
    assert!(!first.whole.contains(&"Observation".to_owned()));
    let second = play(first.state, &[], usual);
    assert!(!second.asked_for("/Observation?")[0].contains("_lastUpdated"));
    assert!(second.asked_for("/Condition?")[0].contains("_lastUpdated"));
}

#[test]
fn a_server_that_refuses_the_whole_kind_is_asked_by_category() {
    let by_category = |url: &str| match url.split_once("/Observation?") {
        Some((_, query)) if query.contains("category=laboratory") => {
            page(&[resource("Observation", "1")], None)
        }
        Some((_, query)) if query.contains("category=activity") => outcome(400),
        Some((_, query)) if query.contains("category") => page(&[], None),
        Some(_) => outcome(403),
        None => usual(url),
    };
    let first = play(FhirState::default(), &[], by_category);
    assert_eq!(first.report("Observation"), (Outcome::Complete, None));
    assert_eq!(first.reports["Observation"].received, 1);
    assert_eq!(first.asked_for("category=").len(), 9);
    assert!(!first.whole.contains(&"Observation".to_owned()));
    let second = play(first.state, &[], by_category);
    assert!(second.asked_for("category=laboratory")[0].contains("_lastUpdated"));
}

#[test]
fn a_kind_that_is_refused_does_not_end_the_run() {
    let strict = |url: &str| match url {
        url if url.contains("/Condition?") => outcome(403),
        url if url.contains("/Goal?") => outcome(404),
        _ => usual(url),
    };
    let played = play(FhirState::default(), &[], strict);
    assert_eq!(
        played.report("Condition"),
        (Outcome::Denied, Some(NOT_GIVEN))
    );
    assert_eq!(
        played.report("Goal"),
        (Outcome::Unsupported, Some(NOT_OFFERED))
    );
    assert_eq!(played.report("Observation").0, Outcome::Complete);
}

#[test]
fn a_server_without_last_updated_is_read_whole() {
    let first = play(FhirState::default(), &[], usual);
    let plain = |url: &str| match url.contains("_lastUpdated") {
        true => outcome(400),
        false => usual(url),
    };
    let second = play(first.state, &[], plain);
    assert_eq!(second.report("Goal"), (Outcome::Complete, None));
    assert_eq!(second.asked_for("/Goal?").len(), 2);
}

#[test]
fn a_link_to_another_origin_is_not_followed() {
    for link in [
        "https://evil.example/fhir/page/2",
        "//evil.example/",
        "http://hospital.example/fhir/page/2",
    ] {
        let leading = |url: &str| match url.contains("/Observation?") {
            true => page(&[resource("Observation", "1")], Some(link)),
            false => usual(url),
        };
        let played = play(FhirState::default(), &[], leading);
        assert_eq!(
            played.report("Observation"),
            (Outcome::Partial, Some(ELSEWHERE))
        );
        assert!(played.asked.iter().all(|url| url.starts_with(BASE)));
        assert_eq!(played.drafts.len(), 2, "what came is kept");
    }
}

#[test]
fn circles_and_endless_pages_end() {
    for length in [1_u32, 2, 7, 100] {
        let circle = move |url: &str| match url.split_once("/page/") {
            Some((_, at)) => {
                let next = (at.parse::<u32>().unwrap() + 1) % length;
                page(
                    &[resource("Observation", at)],
                    Some(&format!("/fhir/page/{next}")),
                )
            }
            None if url.contains("/Observation?") => {
                page(&[resource("Observation", "x")], Some("page/0"))
            }
            None => usual(url),
        };
        let played = play(FhirState::default(), &[], circle);
        assert_eq!(
            played.report("Observation"),
            (Outcome::Partial, Some(CIRCLE)),
            "{length}"
        );
        assert!(played.asked_for("/page/").len() as u32 <= 4 * length + 4);
    }
    let endless = |url: &str| match url.split_once("/page/") {
        Some((_, at)) => page(
            &[],
            Some(&format!("/fhir/page/{}", at.parse::<u64>().unwrap() + 1)),
        ),
        None if url.contains("/Observation?") => page(&[], Some("page/0")),
        None => usual(url),
    };
    let played = play(FhirState::default(), &[], endless);
    assert_eq!(
        played.report("Observation"),
        (Outcome::Partial, Some(ENDLESS))
    );
    assert!(played.asked_for("/page/").len() as u32 <= MAX_EMPTY_PAGES);
}

#[test]
fn expired_pages_are_read_again_once() {
    let forgetful = |url: &str| match url.ends_with("/page/2") {
        true => outcome(410),
        false => usual(url),
    };
    let played = play(FhirState::default(), &[], forgetful);
    assert_eq!(
        played.report("Observation"),
        (Outcome::Partial, Some(EXPIRED))
    );
    assert_eq!(played.asked_for("/Observation?").len(), 2);
}

#[test]
fn pages_that_are_too_large_are_asked_for_smaller() {
    let mut run = FhirRun::new(BASE, "p", None, FhirState::default(), false, NOW);
    run.hear(&outcome(404));
    run.hear(&answer(200, &resource("Patient", "p")));
    let mut sizes = Vec::new();
    for _ in PAGE_SIZES {
        sizes.push(
            run.ask()
                .unwrap()
                .url
                .rsplit('=')
                .next()
                .unwrap()
                .to_owned(),
        );
        run.too_large();
    }
    assert_eq!(sizes, ["50", "20", "5", "1"]);
    assert_eq!(
        run.reports()["AllergyIntolerance"].reason.as_deref(),
        Some(TOO_LARGE)
    );
    assert!(run.ask().unwrap().url.contains("/MedicationRequest?"));
}

#[test]
fn files_and_neighbours_are_fetched_after_their_page() {
    let hospital = |url: &str| match url.strip_prefix(BASE).unwrap() {
        "/Binary/5" => HttpResponse {
            status: 200,
            headers: vec![(
                "content-type".to_owned(),
                "application/pdf; charset=x".to_owned(),
            )],
            body: b"%PDF".to_vec(),
        },
        "/Practitioner/9" => answer(200, &resource("Practitioner", "9")),
        other if other.starts_with("/DocumentReference?") => page(
            &[json!({
            "resourceType": "DocumentReference", "id": "d", "status": "current", "author": [{"reference": "Practitioner/9"}],
            "content": [{"attachment": {"url": "Binary/5"}}, {"attachment": {"url": "Binary/lost"}}, {"attachment": {"url": "https://files.example/1"}}]})],
            None,
        ),
        "/Binary/lost" => outcome(404),
        _ => usual(url),
    };
    let played = play(FhirState::default(), &[], hospital);
    assert_eq!(played.files.len(), 1);
    assert_eq!(
        (
            played.files[0].bytes.as_slice(),
            played.files[0].media_type.as_str()
        ),
        (b"%PDF".as_slice(), "application/pdf")
    );
    assert!(played.drafts.contains(&format!("{BASE}/Practitioner/9")));
    assert_eq!(played.report("DocumentReference").1, Some(FILE_MISSING));
    assert!(played.asked.iter().all(|url| url.starts_with(BASE)));
}

#[test]
fn only_an_answer_about_the_resource_itself_says_that_it_is_gone() {
    let missing =
        ["Goal/1", "Goal/2", "Goal/3", "Goal/4"].map(|native| Wanted::Missing(native.to_owned()));
    let hospital = |url: &str| match url.strip_prefix(BASE).unwrap() {
        "/Goal/1" => outcome(404),
        "/Goal/2" => outcome(410),
        "/Goal/3" => outcome(403),
        "/Goal/4" => answer(200, &resource("Goal", "4")),
        _ => usual(url),
    };
    let played = play(FhirState::default(), &missing, hospital);
    assert_eq!(played.gone, ["Goal/1", "Goal/2"]);
    assert!(played.drafts.contains(&format!("{BASE}/Goal/4")));
}

#[test]
fn everything_is_asked_where_it_is_offered_and_only_on_a_whole_reading() {
    let offering = |url: &str| match url.ends_with("/metadata") {
        true => answer(
            200,
            &json!({"resourceType": "CapabilityStatement", "rest": [{"resource": [
            {"type": "Patient", "operation": [{"name": "everything"}]}]}]}),
        ),
        false => usual(url),
    };
    let first = play(FhirState::default(), &[], offering);
    assert_eq!(first.asked_for("$everything").len(), 1);
    let second = play(first.state, &[], offering);
    assert!(second.asked_for("$everything").is_empty());
}

#[test]
fn rubbish_is_partial_and_never_an_end() {
    let bodies: [&[u8]; 5] = [
        b"",
        b"<html>log in</html>",
        b"[[[[[[",
        b"{\"resourceType\":\"Bundle\",\"entry\":5}",
        &[0xff; 100],
    ];
    for body in bodies {
        let rubbish = |_: &str| HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: body.to_vec(),
        };
        let played = play(FhirState::default(), &[], rubbish);
        assert!(played.drafts.is_empty() && played.reports.len() <= plan::KINDS.len() + 1);
    }
    let redirect = |url: &str| match url.contains('?') {
        true => HttpResponse {
            status: 302,
            headers: vec![("location".to_owned(), "https://evil.example".to_owned())],
            body: Vec::new(),
        },
        false => usual(url),
    };
    let played = play(FhirState::default(), &[], redirect);
    assert_eq!(
        played.report("Observation"),
        (Outcome::Partial, Some(MOVED))
    );
}

/// Whatever a server answers.
fn any_answer() -> impl Strategy<Value = (u16, String)> {
    let status = prop_oneof![
        Just(200),
        Just(400),
        Just(403),
        Just(404),
        Just(410),
        100_u16..999
    ];
    let next = prop_oneof![
        Just(None),
        Just(Some("?page=1".to_owned())),
        Just(Some("https://evil.example/x".to_owned())),
        "[ -~]{0,20}".prop_map(Some),
    ];
    let body = (next, any::<bool>(), "[A-Za-z]{1,12}", "[ -~]{0,12}").prop_map(|(next, good, kind, id)| {
        let kind = if good { "Observation".to_owned() } else { kind };
        let link: Vec<_> = next.iter().map(|next| json!({"relation": "next", "url": next})).collect();
        json!({"resourceType": "Bundle", "link": link, "entry": [{"resource": {"resourceType": kind, "id": id,
            "subject": {"reference": format!("Medication/{id}")}, "content": [{"attachment": {"url": id}}]}}]}).to_string()
    });
    (status, prop_oneof![4 => body, 1 => "[ -~]{0,60}"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_is_answered_a_run_ends_and_stays_at_its_origin(answers in proptest::collection::vec(any_answer(), 1..12)) {
        let at = std::cell::Cell::new(0_usize);
        let played = play(FhirState::default(), &[], |_| {
            at.set(at.get() + 1);
            let (status, body) = match answers.get(at.get() % answers.len()) {
                Some(answer) if at.get() < 3_000 => answer.clone(),
                _ => (404, String::new()),
            };
            HttpResponse { status, headers: Vec::new(), body: body.into_bytes() }
        });
        prop_assert!(played.asked.iter().all(|url| url.starts_with("https://hospital.example/")));
    }
}

#[test]
fn a_file_elsewhere_is_not_wanted_even_if_somebody_asks() {
    let file = LinkedFile {
        of: "Media/1".to_owned(),
        url: "https://evil.example/x".to_owned(),
        media_type: None,
        version: String::new(),
        confidential: false,
    };
    let played = play(FhirState::default(), &[Wanted::File(file)], usual);
    assert!(played.asked.iter().all(|url| url.starts_with(BASE)));
    assert_eq!(played.report("Media").1, Some(FILE_MISSING));
}
