//! The Withings cloud as its recorded answers (`corpus/withings`) show it, over real HTTP: pages of a hundred groups, errors in the
//! body, tokens that rotate. Once it is busy, and once it forgets a token.

use crate::paths::corpus;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const PAGE: usize = 100;

/// A cloud on this machine.
pub struct Cloud {
    state: Arc<State>,
    url: String,
}

struct State {
    groups: Vec<Value>,
    activity: Value,
    sleep: Value,
    /// Number of the valid pair of tokens.
    pair: AtomicU64,
    asked: Mutex<Vec<String>>,
}

impl Cloud {
    /// Starts one; `None`, loudly, without the corpus.
    pub fn start(test: &str) -> Option<Self> {
        let folder = corpus(test)?.join("withings");
        let read = |name: &str| {
            let bytes = std::fs::read(folder.join(name)).expect("a recorded answer");
            serde_json::from_slice::<Value>(&bytes).expect("JSON")
        };
        let groups = read("measurement_list.json")
            .as_array()
            .expect("groups")
            .clone();
        let state = Arc::new(State {
            groups,
            activity: read("activity.json"),
            sleep: read("sleep_summary.json"),
            pair: AtomicU64::new(0),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = serving.clone();
                std::thread::spawn(move || serve(&state, stream));
            }
        });
        Some(Self { state, url })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The forms and addresses it was asked by.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().expect("a log").clone()
    }

    /// How often tokens were given out.
    pub fn pairs(&self) -> u64 {
        self.state.pair.load(Ordering::Relaxed)
    }
}

/// Answers one request and closes.
fn serve(state: &State, mut stream: TcpStream) {
    let Some((path, authorization, form)) = read_request(&stream) else {
        return;
    };
    let count = {
        let mut asked = state.asked.lock().expect("a log");
        asked.push(format!("{path} {form}"));
        asked.len()
    };
    if let Some((_, query)) = path.split_once("/oauth2_user/authorize2?") {
        let field = |name: &str| {
            query
                .split('&')
                .find_map(|field| field.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        let redirect = field("redirect_uri=")
            .replace("%3A", ":")
            .replace("%2F", "/");
        let location = format!("{redirect}?code=c0de&state={}", field("state="));
        let _ = write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        return;
    }
    let body = state
        .answer(&path, &authorization, &form, count)
        .to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn read_request(stream: &TcpStream) -> Option<(String, String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut authorization) = (String::new(), 0, String::new());
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
        if header.starts_with("authorization: ") {
            authorization = line.trim_end().split_once(": ")?.1.to_owned();
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).ok()?;
    Some((path, authorization, String::from_utf8(form).ok()?))
}

impl State {
    fn answer(&self, path: &str, authorization: &str, form: &str, count: usize) -> Value {
        let pair = self.pair.load(Ordering::Relaxed);
        if path == "/v2/oauth2" {
            let known =
                form.contains("code=c0de") || form.contains(&format!("refresh_token=r{pair}&"));
            if !known || !form.contains("client_secret=s3cret") {
                return json!({"status": 401, "body": {}});
            }
            self.pair.store(pair + 1, Ordering::Relaxed);
            return json!({"status": 0, "body": {"userid": "363", "access_token": format!("a{}", pair + 1),
                "refresh_token": format!("r{}", pair + 1), "expires_in": 10800, "scope": "user.metrics,user.activity", "token_type": "Bearer"}});
        }
        if authorization != format!("Bearer a{pair}") {
            return json!({"status": 401, "body": {}});
        }
        match path {
            // The sixth request is too much, the eighth comes with a token that was forgotten.
            _ if count == 6 => json!({"status": 601, "body": {}}),
            _ if count == 8 => json!({"status": 401, "body": {}}),
            "/measure" => self.measures(form),
            "/v2/measure" if form.contains("lastupdate=0") => self.activity.clone(),
            "/v2/sleep" if form.contains("lastupdate=0") && !form.contains("offset=") => {
                self.sleep.clone()
            }
            _ => json!({"status": 0, "body": {"activities": [], "series": [], "more": false}}),
        }
    }

    fn measures(&self, form: &str) -> Value {
        let number = |name: &str| {
            form.split('&')
                .find_map(|field| field.strip_prefix(name)?.parse::<i64>().ok())
                .unwrap_or(0)
        };
        let since = number("lastupdate=");
        let changed = |group: &&Value| group["modified"].as_i64().unwrap_or(0) > since;
        let changed: Vec<&Value> = self.groups.iter().filter(changed).collect();
        let from = usize::try_from(number("offset=")).unwrap_or(0);
        let to = (from + PAGE).min(changed.len());
        let newest = self
            .groups
            .iter()
            .filter_map(|group| group["modified"].as_i64())
            .max();
        let mut body = json!({"updatetime": newest, "timezone": "Europe/Paris", "measuregrps": changed.get(from..to)});
        if to < changed.len() {
            body["more"] = json!(1);
            body["offset"] = json!(to);
        }
        json!({"status": 0, "body": body})
    }
}
