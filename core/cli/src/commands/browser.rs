//! Waiting for the browser to come back from a sign-in: a port of this machine, open only meanwhile (RFC 8252 §7.3).
//!
//! Whatever program or page of this machine may knock there. Only an answer that the engine accepts ends the wait: it knows the
//! state it gave out. Nothing that comes is printed or kept: a redirect carries a code.

use crate::cancel::Cancel;
use crate::error::{CliError, CliResult, Exit};
use crate::language::{Language, Text};
use crate::texts::sources as texts;
use carnet::VaultError;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Longest head of a request.
const MAX_HEAD: u64 = 32 << 10;
/// How long one visitor may take.
const PATIENCE: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The port where a browser comes back.
pub struct Browser {
    listener: TcpListener,
    port: u16,
}

impl Browser {
    /// Listens on this machine only, at a free port or a given one.
    pub fn listen(port: Option<u16>) -> CliResult<Self> {
        let taken = |_| {
            let port = port.unwrap_or_default().to_string();
            CliError::said(Exit::Invalid, texts::PORT_TAKEN, &[&port])
        };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).map_err(taken)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The redirect address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Waits for a redirect that `accept` takes, and returns what it gave.
    pub fn wait<T>(
        &self,
        language: Language,
        patience: Duration,
        cancel: &Cancel,
        accept: &mut dyn FnMut(&str) -> Result<T, VaultError>,
    ) -> CliResult<T> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if cancel.asked() {
                return Err(VaultError::Cancelled.into());
            }
            let Ok((visitor, _)) = self.listener.accept() else {
                std::thread::sleep(ASK_EVERY);
                continue;
            };
            if let Some(outcome) = self.receive(visitor, language, accept) {
                return Ok(outcome?);
            }
        }
        Err(CliError::said(Exit::Relay, texts::NOBODY_SIGNED_IN, &[]))
    }

    /// What one visitor brought, if it was the answer.
    fn receive<T>(
        &self,
        mut visitor: TcpStream,
        language: Language,
        accept: &mut dyn FnMut(&str) -> Result<T, VaultError>,
    ) -> Option<Result<T, VaultError>> {
        visitor.set_nonblocking(false).ok()?;
        visitor.set_read_timeout(Some(PATIENCE)).ok()?;
        visitor.set_write_timeout(Some(PATIENCE)).ok()?;
        let Some(target) = target(&visitor) else {
            answer(
                &mut visitor,
                "404 Not Found",
                texts::NOT_THIS_ANSWER,
                language,
            );
            return None;
        };
        let outcome = accept(&format!("http://127.0.0.1:{}{target}", self.port));
        let foreign = matches!(outcome, Err(VaultError::InvalidInput(_)));
        match outcome.is_ok() {
            true => answer(&mut visitor, "200 OK", texts::BACK_IN_BROWSER, language),
            false => answer(
                &mut visitor,
                "400 Bad Request",
                texts::NOT_THIS_ANSWER,
                language,
            ),
        }
        (!foreign).then_some(outcome)
    }
}

/// What a browser asks for at the root, with parameters.
fn target(visitor: &TcpStream) -> Option<String> {
    let mut line = String::new();
    let mut lines = BufReader::new(visitor.take(MAX_HEAD));
    lines.read_line(&mut line).ok()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    // The rest of the head is read, or the answer would be cut short by a reset.
    let mut rest = String::new();
    while lines.read_line(&mut rest).is_ok_and(|read| read > 2) {
        rest.clear();
    }
    target.starts_with("/?").then(|| target.to_owned())
}

fn answer(visitor: &mut TcpStream, status: &str, text: Text, language: Language) {
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>Carnet</title><p>{}",
        text.pick(language)
    );
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nreferrer-policy: no-referrer\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n",
        page.len()
    );
    // A visitor that has gone needs no page.
    let _ = visitor.write_all((head + &page).as_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn visit(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn only_the_answer_that_is_accepted_ends_the_wait() {
        let browser = Browser::listen(None).unwrap();
        let port = browser.port;
        let visits = std::thread::spawn(move || {
            let requests = [
                "GET /favicon.ico HTTP/1.1\r\n\r\n",
                "POST /?state=good HTTP/1.1\r\n\r\n",
                "rubbish\r\n\r\n",
                "GET /?state=other HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET /?state=good&code=1 HTTP/1.1\r\nhost: x\r\n\r\n",
            ];
            requests.map(|request| visit(port, request))
        });
        let found = browser.wait(
            Language::Fr,
            PATIENCE * 4,
            &Cancel::default(),
            &mut |redirect| match redirect.contains("state=good") {
                true => Ok(redirect.to_owned()),
                false => Err(VaultError::InvalidInput("x")),
            },
        );
        assert_eq!(
            found.unwrap(),
            format!("http://127.0.0.1:{port}/?state=good&code=1")
        );
        let answers = visits.join().unwrap();
        assert!(
            answers[..3]
                .iter()
                .all(|answer| answer.starts_with("HTTP/1.1 404"))
        );
        assert!(answers[3].starts_with("HTTP/1.1 400"));
        assert!(answers[4].contains("peut être fermée") && !answers[4].contains("code"));
    }

    #[test]
    fn a_wait_ends_by_time_or_by_the_person() {
        let browser = Browser::listen(None).unwrap();
        let never = &mut |_: &str| Ok(());
        let late = browser.wait(
            Language::En,
            Duration::from_millis(1),
            &Cancel::default(),
            never,
        );
        assert_eq!(late.unwrap_err().code(), Exit::Relay as u8);
        let cancel = Cancel::default();
        cancel.ask();
        let stopped = browser.wait(Language::En, PATIENCE, &cancel, never);
        assert_eq!(stopped.unwrap_err().code(), Exit::Cancelled as u8);
        assert!(Browser::listen(Some(browser.port)).is_err());
    }
}
