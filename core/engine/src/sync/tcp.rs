//! The driver of a direct stream over TCP: bytes from the socket to a party and back, with patience but not for ever.
//!
//! The two sides speak in turn, so this side only reads when it has nothing left to write, and two blocking ends never wait
//! for each other.

use crate::error::{Error, Result};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long somebody who has not shown to belong here may take in all.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);
/// Fewest bytes a second, once patience is over.
const SLOWEST: u64 = 1 << 10;
/// How often the brake is looked at while nothing comes.
const TICK: Duration = Duration::from_millis(100);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 64 << 10;

/// One end of a conversation, without its socket.
pub trait Party {
    /// Takes bytes that arrived.
    fn input(&mut self, bytes: &[u8]) -> Result<()>;
    /// Bytes to send, handed out once.
    fn output(&mut self) -> Vec<u8>;
    /// Whether everything was said.
    fn is_over(&self) -> bool;
    /// Whether the other side has shown to belong here.
    fn is_known(&self) -> bool;
    /// How much was done, for who watches.
    fn done(&self) -> u64;
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was said.
    Over,
    /// The other side went away, or was too slow.
    Gone,
    /// The brake acted.
    Stopped,
}

/// Connects to `HOST:PORT`.
pub fn connect(address: &str) -> Result<TcpStream> {
    let found = address
        .to_socket_addrs()
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => {
                Error::Invalid("the address of the other device is HOST:PORT")
            }
            _ => Error::Offline,
        })?;
    for one in found {
        if let Ok(socket) = TcpStream::connect_timeout(&one, CONNECT_TIMEOUT) {
            return Ok(socket);
        }
    }
    Err(Error::Offline)
}

/// Waits for others at an address; `0` as the port takes any that is free.
pub fn bind(address: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|_| {
        Error::Invalid("this address cannot be listened on: it is taken, or not one of this device")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The next device that connects, if one has.
pub fn accept(listener: &TcpListener) -> Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((socket, _)) => {
            socket.set_nonblocking(false)?;
            Ok(Some(socket))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            std::thread::sleep(TICK / 4);
            Ok(None)
        }
        // One that connected and left again is no reason to stop listening.
        Err(_) => {
            std::thread::sleep(TICK);
            Ok(None)
        }
    }
}

/// The address to tell others: where the listener listens, with this machine's own address in place of "any".
pub fn reachable(listener: &TcpListener) -> Result<SocketAddr> {
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        // Asks the system which address it would send from; nothing is sent.
        let probe = std::net::UdpSocket::bind((address.ip(), 0)).and_then(|socket| {
            socket.connect(match address.ip() {
                std::net::IpAddr::V4(_) => "192.0.2.1:9",
                std::net::IpAddr::V6(_) => "[2001:db8::1]:9",
            })?;
            socket.local_addr()
        });
        if let Ok(own) = probe {
            address.set_ip(own.ip());
        }
    }
    Ok(address)
}

/// Lets a party talk until everything is said, the other side is gone, or `stop` says so.
pub fn converse(
    socket: &mut TcpStream,
    party: &mut impl Party,
    stop: &mut dyn FnMut(u64) -> Result<bool>,
) -> Result<Ended> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(TICK))?;
    socket.set_write_timeout(Some(TICK))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let begun = Instant::now();
    let mut pace = Pace::begin();
    loop {
        let output = party.output();
        if !output.is_empty() {
            pace = Pace::begin();
            match write(socket, &output, &mut pace, &mut || stop(party.done()))? {
                Ended::Over => pace = Pace::begin(),
                ended => return Ok(ended),
            }
        }
        if party.is_over() {
            return Ok(Ended::Over);
        }
        if stop(party.done())? {
            return Ok(Ended::Stopped);
        }
        let stranger = !party.is_known() && begun.elapsed() > STRANGER_PATIENCE;
        if stranger || pace.is_lost() {
            return Ok(Ended::Gone);
        }
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(Ended::Gone),
            Ok(count) => {
                pace.count(count);
                party.input(buffer.get(..count).unwrap_or_default())?;
            }
            Err(error) if is_pause(&error) => {}
            Err(_) => return Ok(Ended::Gone),
        }
    }
}

fn write(
    socket: &mut TcpStream,
    mut bytes: &[u8],
    pace: &mut Pace,
    stop: &mut dyn FnMut() -> Result<bool>,
) -> Result<Ended> {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(0) => return Ok(Ended::Gone),
            Ok(count) => {
                pace.count(count);
                bytes = bytes.get(count..).unwrap_or_default();
            }
            Err(error) if is_pause(&error) => {
                if stop()? {
                    return Ok(Ended::Stopped);
                }
                if pace.is_lost() {
                    return Ok(Ended::Gone);
                }
            }
            Err(_) => return Ok(Ended::Gone),
        }
    }
    Ok(Ended::Over)
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// How long one message has been under way, and how much of it.
struct Pace {
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            bytes: 0,
        }
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    fn is_lost(&self) -> bool {
        is_lost(self.since.elapsed(), self.bytes)
    }
}

fn is_lost(elapsed: Duration, bytes: u64) -> bool {
    elapsed > PATIENCE + Duration::from_secs(bytes / SLOWEST)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Answers every byte with the next one, until 200.
    struct Counter {
        last: u8,
        output: Vec<u8>,
    }

    impl Party for Counter {
        fn input(&mut self, bytes: &[u8]) -> Result<()> {
            for byte in bytes {
                if *byte != self.last + 1 {
                    return Err(Error::Invalid("not the next one"));
                }
                self.last = byte + 1;
                self.output.push(self.last);
            }
            Ok(())
        }

        fn output(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.output)
        }

        fn is_over(&self) -> bool {
            self.last >= 200
        }

        fn is_known(&self) -> bool {
            self.last > 0
        }

        fn done(&self) -> u64 {
            self.last.into()
        }
    }

    fn counter(last: u8) -> Counter {
        let output = if last == 0 { Vec::new() } else { vec![last] };
        Counter { last, output }
    }

    fn sockets() -> (TcpStream, TcpStream) {
        let listener = bind("127.0.0.1:0").unwrap();
        let near = connect(&reachable(&listener).unwrap().to_string()).unwrap();
        loop {
            if let Some(far) = accept(&listener).unwrap() {
                return (near, far);
            }
        }
    }

    fn go_on(_: u64) -> Result<bool> {
        Ok(false)
    }

    #[test]
    fn two_parties_talk_to_the_end() {
        let (mut near, mut far) = sockets();
        let there =
            std::thread::spawn(move || converse(&mut far, &mut counter(0), &mut go_on).unwrap());
        let here = converse(&mut near, &mut counter(1), &mut go_on).unwrap();
        assert_eq!((here, there.join().unwrap()), (Ended::Over, Ended::Over));
    }

    #[test]
    fn who_leaves_is_gone_and_the_brake_acts_while_nothing_comes() {
        let (mut near, far) = sockets();
        let mut looks = 0;
        let ended = converse(&mut near, &mut counter(1), &mut |_| {
            looks += 1;
            Ok(looks > 3)
        });
        assert_eq!(ended.unwrap(), Ended::Stopped);
        drop(far);
        let ended = converse(&mut near, &mut counter(1), &mut go_on);
        assert_eq!(ended.unwrap(), Ended::Gone);
        let (mut near, mut far) = sockets();
        far.write_all(&[77]).unwrap();
        assert!(converse(&mut near, &mut counter(1), &mut go_on).is_err());
    }

    #[test]
    fn who_does_not_read_does_not_hold_the_other_for_ever() {
        let (mut near, _far) = sockets();
        let mut party = counter(1);
        party.output = vec![1; 64 << 20];
        let mut looks = 0;
        let ended = converse(&mut near, &mut party, &mut |_| {
            looks += 1;
            Ok(looks > 2)
        });
        assert_eq!(ended.unwrap(), Ended::Stopped);
    }

    #[test]
    fn one_byte_a_second_is_too_slow_and_a_slow_radio_is_not() {
        assert!(!is_lost(Duration::from_secs(29), 0));
        assert!(is_lost(Duration::from_secs(31), 31));
        assert!(!is_lost(Duration::from_secs(60), 60 * 5_000));
        assert!(is_lost(Duration::from_secs(400), 256 << 10));
    }

    #[test]
    fn addresses_that_are_none_are_said() {
        assert!(matches!(connect("nowhere"), Err(Error::Invalid(_))));
        assert!(matches!(connect("127.0.0.1:1"), Err(Error::Offline)));
        assert!(bind("nowhere").is_err());
        let any = bind("0.0.0.0:0").unwrap();
        assert_ne!(reachable(&any).unwrap().port(), 0);
    }
}
