//! Servers that are slow, endless or silent, over a real socket: a request stops when it is told, and keeps its limits.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::HttpTransport;
use crate::host::{HostError, HttpRequest, HttpResponse, Method, Transport};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The promise is 250 ms; machines that run seven builds at once are given more.
const PROMISE: Duration = Duration::from_millis(1_000);

/// A server on this machine that does this with every connection, after it has read the head of a request.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            serve(stream);
        }
    });
    url
}

fn request(url: &str, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        max_answer: 1 << 20,
        timeout,
    }
}

const LONG: Duration = Duration::from_secs(30);

/// How long after it was told to stop a request goes on.
fn cancelled(url: &str) -> Duration {
    let transport = HttpTransport::new(&[]).unwrap();
    let (stop, begun) = (AtomicBool::new(false), Instant::now());
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            stop.store(true, Ordering::Relaxed);
        });
        transport.send_while(request(url, LONG), &|| !stop.load(Ordering::Relaxed))
    });
    assert_eq!(outcome.unwrap_err(), HostError::Cancelled);
    drop(transport);
    begun.elapsed() - Duration::from_millis(200)
}

/// One byte a second, for ever.
fn drip(mut stream: TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    while stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn a_request_to_a_slow_server_stops_when_it_is_told() {
    let late = cancelled(&server(drip));
    println!("cancelled {late:?} after it was asked, at one byte a second");
    assert!(late <= PROMISE, "{late:?}");
}

#[test]
fn a_request_to_a_silent_server_stops_when_it_is_told() {
    let silent = server(|stream| {
        std::thread::sleep(LONG);
        drop(stream);
    });
    let late = cancelled(&silent);
    assert!(late <= PROMISE, "{late:?}");
}

#[test]
fn a_large_answer_stops_when_it_is_told() {
    let endless = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        // Slow enough not to reach the limit of the answer before it is stopped.
        let chunk = [b"400\r\n".as_slice(), &[b'x'; 0x400], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(cancelled(&endless) <= PROMISE);
}

#[test]
fn a_timeout_counts_the_whole_answer() {
    let (url, begun) = (server(drip), Instant::now());
    let transport = HttpTransport::new(&[]).unwrap();
    let outcome = transport.send(request(&url, Duration::from_millis(300)));
    assert_eq!(outcome.unwrap_err(), HostError::Offline);
    assert!(begun.elapsed() <= Duration::from_millis(300) + PROMISE);
}

#[test]
fn an_answer_without_end_is_cut_at_its_limit() {
    let endless = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let transport = HttpTransport::new(&[]).unwrap();
    let outcome = transport.send(request(&endless, LONG));
    assert_eq!(outcome.unwrap_err(), HostError::Garbled);
}

#[test]
fn what_the_protocol_reads_of_an_answer_comes_through() {
    let url = server(|mut stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 503 no\r\nretry-after: 7\r\nset-cookie: x\r\ncontent-length: 2\r\n\r\nhi",
        );
    });
    let transport = HttpTransport::new(&[]).unwrap();
    let response: HttpResponse = transport.send(request(&url, LONG)).unwrap();
    assert_eq!(
        (response.status, response.body.as_slice()),
        (503, b"hi".as_slice())
    );
    assert_eq!(
        response.headers,
        [("retry-after".to_owned(), "7".to_owned())]
    );
}
