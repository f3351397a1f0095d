//! Waiting for news: one request that the relay answers when a mailbox moves, or when the time is over.

use super::session::{post, problem, read};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, HttpResponse};
use carnet_wire::relay::{Pull, Wait, Waited, code};
use carnet_wire::{Canonical, MailboxId, limits};
use std::collections::BTreeSet;
use std::time::Duration;

/// How much longer than it was asked for an answer may take.
const GRACE: Duration = Duration::from_secs(10);
/// Longest answer: each mailbox that was asked about, and a generation.
const MAX_ANSWER_BYTES: usize = limits::MAX_MAILBOXES * 40 + 64;

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A mailbox moved, or the relay wants to tell something that only an exchange brings.
    Exchange,
    /// The time is over.
    Nothing,
    /// This relay does not let anybody wait.
    Unsupported,
}

/// Asks to be told when one of `pulls` moves, within `seconds`.
pub fn request(url: &str, token: &[u8; 32], pulls: Vec<Pull>, seconds: u16) -> HttpRequest {
    let body = Wait { pulls, seconds }.to_canonical();
    HttpRequest {
        max_answer: MAX_ANSWER_BYTES,
        timeout: Duration::from_secs(seconds.into()) + GRACE,
        ..post(url, "/v1/wait", Some(token), body)
    }
}

/// Reads the answer. `generation` is the life of the relay that the cursors belong to.
pub fn news(
    response: &HttpResponse,
    asked: &BTreeSet<MailboxId>,
    generation: Option<u64>,
) -> Result<News> {
    if response.status != 200 {
        return match problem(response) {
            Error::Relay {
                code: code::NO_SESSION | code::FORBIDDEN,
                ..
            } => Ok(News::Exchange),
            Error::Relay {
                code: code::NOT_FOUND,
                ..
            } => Ok(News::Unsupported),
            _ if matches!(response.status, 404 | 405) => Ok(News::Unsupported),
            problem => Err(problem),
        };
    }
    let waited = read::<Waited>(&response.body)?;
    if !waited.moved.iter().all(|mailbox| asked.contains(mailbox)) {
        return Err(Error::Garbled(
            "the relay answered something that was not asked",
        ));
    }
    match waited.moved.is_empty() && generation == Some(waited.generation) {
        true => Ok(News::Nothing),
        false => Ok(News::Exchange),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet_wire::relay::Problem;

    const BOX: MailboxId = MailboxId([4; 32]);

    fn answer(status: u16, body: Vec<u8>) -> Result<News> {
        let response = HttpResponse {
            status,
            headers: Vec::new(),
            body,
        };
        news(&response, &BTreeSet::from([BOX]), Some(7))
    }

    fn waited(generation: u64, moved: &[MailboxId]) -> Result<News> {
        let moved = moved.to_vec();
        answer(200, Waited { generation, moved }.to_canonical())
    }

    fn refused(status: u16, code: u16) -> Result<News> {
        let title = String::new();
        answer(status, Problem { code, title }.to_canonical())
    }

    #[test]
    fn an_answer_says_whether_an_exchange_is_worth_it() {
        assert_eq!(waited(7, &[]).unwrap(), News::Nothing);
        assert_eq!(waited(7, &[BOX]).unwrap(), News::Exchange);
        assert_eq!(waited(8, &[]).unwrap(), News::Exchange);
        assert_eq!(refused(401, code::NO_SESSION).unwrap(), News::Exchange);
        assert_eq!(refused(404, code::NOT_FOUND).unwrap(), News::Unsupported);
        assert_eq!(answer(404, b"<html>".to_vec()).unwrap(), News::Unsupported);
    }

    #[test]
    fn refusals_and_nonsense_are_errors() {
        let busy = refused(503, code::BUSY);
        assert!(matches!(
            busy,
            Err(Error::Relay {
                code: code::BUSY,
                ..
            })
        ));
        let strange = waited(7, &[MailboxId([5; 32])]);
        assert!(matches!(strange, Err(Error::Garbled(_))));
        assert!(matches!(
            answer(200, b"<html>".to_vec()),
            Err(Error::Garbled(_))
        ));
    }

    #[test]
    fn the_longest_answer_has_room() {
        let most = Waited {
            generation: u64::MAX,
            moved: vec![BOX; limits::MAX_MAILBOXES],
        };
        assert!(most.to_canonical().len() <= MAX_ANSWER_BYTES);
        let asked = request("https://r", &[1; 32], Vec::new(), 55);
        assert!(asked.timeout > Duration::from_secs(55));
    }
}
