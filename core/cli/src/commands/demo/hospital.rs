//! A hospital inside this process: a FHIR server on a free port of the loopback address, with pages of two and one letter. It is
//! open: `carnet source add smart` shows the sign-in, which takes a person and a browser.

use crate::error::CliResult;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Whose record it has.
pub const PATIENT: &str = "annecy-7";
/// Resources it has, and the letter they lead to.
pub const RESOURCES: u64 = 5;

const RECORD: &str = include_str!("../../../demo/hospital-annecy.json");
const LETTER: &str = "Annecy, le 5 février 2024. Bilan normal ; revoir dans un an. Dr Démo";
const PAGE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(5);

/// A running hospital. It stops when dropped.
pub struct Hospital {
    /// Its FHIR base.
    pub base: String,
    address: std::net::SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hospital {
    /// Starts it.
    pub fn start() -> CliResult<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("hospital".into())
            .spawn(move || {
                for visitor in listener.incoming().flatten() {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    // Whoever goes away before the answer needs none.
                    let _ = serve(visitor);
                }
            })?;
        Ok(Self {
            base: format!("http://{address}/fhir"),
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a visitor.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut visitor: TcpStream) -> std::io::Result<()> {
    visitor.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    let mut lines = BufReader::new(&visitor);
    lines.read_line(&mut line)?;
    let mut rest = String::new();
    while lines.read_line(&mut rest)? > 2 {
        rest.clear();
    }
    let target = line.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = answer(target.trim_start_matches("/fhir/"));
    write!(
        visitor,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn answer(target: &str) -> (&'static str, &'static str, String) {
    const FHIR: &str = "application/fhir+json";
    let all: Vec<Value> = serde_json::from_str(RECORD).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path == "metadata" {
        let statement = json!({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"});
        return ("200 OK", FHIR, statement.to_string());
    }
    if path == "Binary/a5" {
        return ("200 OK", "text/plain; charset=utf-8", LETTER.to_owned());
    }
    if let Some((kind, id)) = path.split_once('/') {
        let found = all
            .iter()
            .find(|one| one["resourceType"] == kind && one["id"] == id);
        return match found {
            Some(one) => ("200 OK", FHIR, one.to_string()),
            None => ("404 Not Found", FHIR, "{}".to_owned()),
        };
    }
    ("200 OK", FHIR, page(&all, path, query).to_string())
}

/// A page of a search; nothing has changed since anybody last asked.
fn page(all: &[Value], kind: &str, query: &str) -> Value {
    let number = |name: &str| {
        query
            .split('&')
            .find_map(|field| field.strip_prefix(name)?.parse().ok())
    };
    let from: usize = number("from=").unwrap_or(0);
    let of_kind = all.iter().filter(|one| one["resourceType"] == kind);
    let found: Vec<&Value> = match query.contains("_lastUpdated") {
        true => Vec::new(),
        false => of_kind.collect(),
    };
    let entry: Vec<Value> = found
        .iter()
        .skip(from)
        .take(PAGE)
        .map(|one| json!({ "resource": one }))
        .collect();
    let mut bundle = json!({
        "resourceType": "Bundle", "type": "searchset", "meta": {"lastUpdated": "2024-02-07T00:00:00Z"}, "entry": entry
    });
    if found.len() > from + PAGE {
        let next = format!("{kind}?from={}", from + PAGE);
        bundle["link"] = json!([{ "relation": "next", "url": next }]);
    }
    bundle
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_has_what_the_demonstration_counts_on() {
        let all: Vec<Value> = serde_json::from_str(RECORD).unwrap();
        assert_eq!(all.len() as u64, RESOURCES);
        let first = answer("Observation?patient=Patient/annecy-7").2;
        assert!(first.contains("?from=2") && first.contains("5.60"));
        let second: Value = serde_json::from_str(&answer("Observation?from=2").2).unwrap();
        assert_eq!(
            (second["entry"].as_array().unwrap().len(), &second["link"]),
            (1, &Value::Null)
        );
        assert!(
            answer("Observation?_lastUpdated=x")
                .2
                .contains("\"entry\":[]")
        );
        assert!(answer("Goal/1").0.starts_with("404"));
    }
}
