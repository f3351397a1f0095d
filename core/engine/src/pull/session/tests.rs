//! Tokens, patience and ends, against a server that is a list of answers.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::fhir::FhirState;
use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_000_000;

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access: access.to_owned(),
        refresh: refresh.map(str::to_owned),
        expires_at: Some(NOW + 3_600_000),
        scope: None,
        subject: Some("p".to_owned()),
    }
}

fn session(tokens: Tokens) -> Session {
    let run = FhirRun::new(
        "https://a.example/fhir",
        "p",
        None,
        FhirState::default(),
        false,
        NOW,
    );
    let grant = Grant {
        client: Client {
            id: "c".to_owned(),
            secret: None,
            redirect: String::new(),
        },
        endpoints: Endpoints {
            authorise: String::new(),
            token: "https://login.example/token".to_owned(),
            issuer: None,
        },
        manner: Manner::Standard,
        tokens,
    };
    Session::new(
        Connector::Fhir(Box::new(run)),
        Access::OAuth(Box::new(grant)),
    )
}

fn http_answer(status: u16, body: &str) -> Result<HttpResponse, HostError> {
    Ok(HttpResponse {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    })
}

fn sent(session: &mut Session) -> HttpRequest {
    match session.step(NOW) {
        Step::Send(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request
        .headers
        .iter()
        .find(|(name, _)| *name == "authorization")?;
    header.1.strip_prefix("Bearer ")
}

const RENEWED: &str = r#"{"access_token":"new","refresh_token":"r2","token_type":"bearer"}"#;

#[test]
fn a_renewed_token_is_not_used_before_it_is_kept() {
    let mut session = session(tokens("old", Some("r1")));
    assert_eq!(bearer(&sent(&mut session)), Some("old"));
    assert!(session.answer(http_answer(401, ""), NOW).is_none());
    let renewal = sent(&mut session);
    assert_eq!(renewal.url, "https://login.example/token");
    assert!(
        bearer(&renewal).is_none()
            && String::from_utf8(renewal.body)
                .unwrap()
                .contains("refresh_token=r1")
    );
    session.answer(http_answer(200, RENEWED), NOW);
    for _ in 0..3 {
        let Step::Save(tokens) = session.step(NOW) else {
            panic!("it goes on without keeping")
        };
        assert_eq!(tokens.refresh.as_deref(), Some("r2"));
    }
    session.saved();
    assert_eq!(bearer(&sent(&mut session)), Some("new"));
}

#[test]
fn an_old_token_is_renewed_before_it_is_refused() {
    let mut session = session(Tokens {
        expires_at: Some(NOW + 1_000),
        ..tokens("old", Some("r1"))
    });
    assert_eq!(sent(&mut session).url, "https://login.example/token");
}

#[test]
fn a_second_refusal_or_one_of_the_renewal_asks_the_person() {
    let mut twice = session(tokens("old", Some("r1")));
    sent(&mut twice);
    twice.answer(http_answer(401, ""), NOW);
    sent(&mut twice);
    twice.answer(http_answer(200, RENEWED), NOW);
    twice.saved();
    sent(&mut twice);
    twice.answer(http_answer(401, ""), NOW);
    assert!(matches!(twice.step(NOW), Step::Reconnect));

    let mut revoked = session(tokens("old", Some("r1")));
    sent(&mut revoked);
    revoked.answer(http_answer(401, ""), NOW);
    sent(&mut revoked);
    revoked.answer(http_answer(400, r#"{"error":"invalid_grant"}"#), NOW);
    assert!(matches!(revoked.step(NOW), Step::Reconnect));

    let mut without = session(tokens("old", None));
    sent(&mut without);
    without.answer(http_answer(401, ""), NOW);
    assert!(matches!(without.step(NOW), Step::Reconnect));
}

#[test]
fn a_busy_server_is_waited_for_as_long_as_it_says_and_not_for_ever() {
    let mut session = session(tokens("a", None));
    let first = sent(&mut session).url;
    let mut wait = http_answer(429, "").unwrap();
    wait.headers = vec![("retry-after".to_owned(), "7".to_owned())];
    session.answer(Ok(wait.clone()), NOW);
    assert!(matches!(session.step(NOW), Step::Wait(pause) if pause == Duration::from_secs(7)));
    assert_eq!(sent(&mut session).url, first, "the same question");
    for _ in 1..TRIES {
        session.answer(Ok(wait.clone()), NOW);
        session.step(NOW);
    }
    assert!(matches!(session.step(NOW), Step::Paused(_)));
}

#[test]
fn a_long_wait_ends_the_run() {
    let mut session = session(tokens("a", None));
    sent(&mut session);
    let mut wait = http_answer(503, "").unwrap();
    wait.headers = vec![("retry-after".to_owned(), "3600".to_owned())];
    session.answer(Ok(wait), NOW);
    assert!(
        matches!(session.step(NOW), Step::Paused(pause) if pause == Duration::from_secs(3_600))
    );
}

#[test]
fn a_failing_question_is_left_and_a_silent_server_ends_the_run() {
    let mut failing = session(tokens("a", None));
    let first = sent(&mut failing).url;
    let mut gave_up = false;
    for _ in 0..TRIES {
        gave_up |= failing.answer(http_answer(500, ""), NOW).is_some();
        while matches!(failing.step(NOW), Step::Wait(_)) {}
        if gave_up {
            break;
        }
    }
    assert!(gave_up);
    assert_ne!(sent(&mut failing).url, first);

    let mut silent = session(tokens("a", None));
    for _ in 0..TRIES {
        silent.step(NOW);
        silent.answer(Err(HostError::Offline), NOW);
    }
    assert!(matches!(silent.step(NOW), Step::Offline));
}

#[test]
fn an_open_server_gets_no_token() {
    let run = FhirRun::new(
        "https://a.example/fhir",
        "p",
        None,
        FhirState::default(),
        false,
        NOW,
    );
    let mut session = Session::new(Connector::Fhir(Box::new(run)), Access::Open);
    assert!(bearer(&sent(&mut session)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Tokens go to their two origins only, and every session ends.
    #[test]
    fn whatever_is_answered_a_session_ends(answers in proptest::collection::vec((prop_oneof![Just(200_u16), Just(401), Just(429), Just(500), Just(302), 100_u16..999], "[ -~]{0,40}", any::<bool>()), 1..8)) {
        let mut session = session(tokens("secret", Some("r1")));
        let mut at = 0;
        for _ in 0..20_000 {
            match session.step(NOW) {
                Step::Send(request) => {
                    let own = request.url.starts_with("https://a.example/") || request.url == "https://login.example/token";
                    prop_assert!(own && !request.url.contains("secret"));
                    let (status, body, silent) = answers[at % answers.len()].clone();
                    at += 1;
                    let answer = if silent { Err(HostError::Garbled) } else { http_answer(status, &body) };
                    session.answer(answer, NOW);
                }
                Step::Save(_) => session.saved(),
                Step::Wait(_) => (),
                Step::Paused(_) | Step::Offline | Step::Reconnect | Step::Done => return Ok(()),
            }
        }
        prop_assert!(false, "no end");
    }
}
