//! Relays that are no relays: sockets that answer without end, or hardly at all. They let any phone in, so that it gets as
//! far as the question that is answered badly.

use carnet_wire::relay::{Challenge, Entry, Exchange, ExchangeReply, Pulled, Pushed, Session};
use carnet_wire::{Canonical, limits};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How a question is answered badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evil {
    /// 10 GB, announced.
    Long,
    /// Chunks for ever, unannounced.
    Endless,
    /// Headers for ever.
    Headers,
    /// One byte a second.
    Drip,
    /// Nothing, for ever.
    Silence,
    /// A true answer of the greatest length, full of small envelopes nobody wrote, and always more of them.
    Chaff,
    /// The same with few large ones.
    Bulk,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\n";

/// Starts a server that answers requests to `path` badly. It ends with the process.
pub fn serve(evil: Evil, path: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(attend(stream, evil, path)));
        }
    });
    address
}

fn attend(stream: TcpStream, evil: Evil, path: &str) -> io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut from = BufReader::new(stream);
    let mut serial = 0;
    loop {
        let (head, body) = read_message(&mut from)?;
        match head.split(' ').nth(1).unwrap_or_default() {
            asked if asked == path => answer(&mut out, evil, &body, &mut serial)?,
            "/v1/challenge" => {
                let challenge = Challenge {
                    nonce: [1; 32],
                    expires_in: 60,
                };
                send(&mut out, &challenge.to_canonical())?;
            }
            _ => {
                let session = Session {
                    token: [2; 32],
                    expires_in: 60,
                    refused: Vec::new(),
                };
                send(&mut out, &session.to_canonical())?;
            }
        }
    }
}

/// The head with its empty line, and the body.
fn read_message(from: &mut impl BufRead) -> io::Result<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begins = head.len();
        if from.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = head[begins..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}

fn answer(out: &mut TcpStream, evil: Evil, body: &[u8], serial: &mut u64) -> io::Result<()> {
    let megabyte = vec![0x5c; 1 << 20];
    match evil {
        Evil::Long => {
            write!(out, "{OK}content-length: 10000000000\r\n\r\n")?;
            (0..10_000).try_for_each(|_| out.write_all(&megabyte))
        }
        Evil::Endless => {
            write!(out, "{OK}transfer-encoding: chunked\r\n\r\n")?;
            (0..10_000).try_for_each(|_| {
                write!(out, "{:x}\r\n", megabyte.len())?;
                out.write_all(&megabyte)?;
                out.write_all(b"\r\n")
            })
        }
        Evil::Headers => {
            out.write_all(OK.as_bytes())?;
            (0..10_000_000).try_for_each(|at| write!(out, "x-header-{at}: {at:0>1000}\r\n"))
        }
        Evil::Drip => {
            write!(out, "{OK}content-length: 1000\r\n\r\n")?;
            (0..1_000).try_for_each(|_| {
                std::thread::sleep(Duration::from_secs(1));
                out.write_all(b"x")
            })
        }
        Evil::Silence => {
            std::thread::sleep(Duration::from_secs(1_000));
            Ok(())
        }
        Evil::Chaff => send(out, &chaff(body, 64, serial)),
        Evil::Bulk => send(out, &chaff(body, 3 << 20, serial)),
    }
}

fn send(out: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    write!(out, "{OK}content-length: {}\r\n\r\n", body.len())?;
    out.write_all(body)
}

/// The longest answer a phone takes, in its own words: all of it under the first mailbox it asked for.
fn chaff(request: &[u8], size: usize, serial: &mut u64) -> Vec<u8> {
    const ROOM: usize = 8_000_000;
    let Ok(asked) = Exchange::from_canonical(request) else {
        return Vec::new();
    };
    let count = (ROOM / (size + 12)).clamp(1, limits::MAX_PULLED_ENTRIES);
    let mut pulled: Vec<Pulled> = asked
        .pull
        .iter()
        .map(|pull| Pulled {
            mailbox: pull.mailbox,
            refused: 0,
            head: pull.after,
            entries: Vec::new(),
        })
        .collect();
    if let (Some(first), Some(pull)) = (pulled.first_mut(), asked.pull.first()) {
        first.head = 1 << 40;
        first.entries = (1..=count as u64)
            .map(|at| {
                *serial += 1;
                let mut envelope = vec![0x5c; size];
                envelope[..8].copy_from_slice(&serial.to_be_bytes());
                Entry {
                    seq: pull.after + at,
                    envelope,
                }
            })
            .collect();
    }
    let pushed = asked.push.iter().map(|_| Pushed::Stored(1)).collect();
    ExchangeReply {
        generation: 1,
        pushed,
        pulled,
    }
    .to_canonical()
}
