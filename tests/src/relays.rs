//! Relays: the real program on a port of its own, and a client that speaks its protocol from the book (`carnet_wire::relay`)
//! without the engine, over one kept connection.

use crate::paths::program;
use carnet_wire::relay::{
    Access, Challenge, Delete, Deleted, Entry, Exchange, ExchangeReply, OpenSession, Proof, Pull,
    Pushed, Registration, Retire, Retired, Session, session_bytes,
};
use carnet_wire::{Canonical, Envelope, EnvelopeId, EpochId, MailboxId};
use ed25519_dalek::{Signer, SigningKey};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A relay program that is running; stopped when dropped.
pub struct RelayProgram {
    child: Child,
    address: SocketAddr,
}

impl RelayProgram {
    /// Starts a relay on this folder and waits until it answers.
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, free_address())
    }

    /// Starts a relay at this address.
    pub fn start_at(data: &Path, address: SocketAddr) -> Self {
        let mut relay = Self::start_with(&mut Self::command(data, address), address);
        assert!(relay.is_running(), "the relay ended at its start");
        relay
    }

    /// The command that would start it, for those who want to change it first.
    pub fn command(data: &Path, address: SocketAddr) -> Command {
        let mut command = Command::new(program("carnet-relay"));
        command
            .arg("--data")
            .arg(data)
            .args(["--listen", &address.to_string()]);
        // A test asks as often as it can.
        for rate in ["--session-rate", "--network-rate", "--registration-rate"] {
            command.args([rate, "0"]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Starts this command and waits until it answers, or has died.
    pub fn start_with(command: &mut Command, address: SocketAddr) -> Self {
        let child = command.spawn().expect("the relay starts");
        let mut relay = Self { child, address };
        let started = Instant::now();
        while !relay.answers() && relay.is_running() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the relay does not answer"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        relay
    }

    fn answers(&self) -> bool {
        Connection::open(self.address)
            .and_then(|mut to| to.request("GET", "/healthz", None, &[]))
            .is_ok_and(|a| a.0 == 200)
    }

    /// Whether the process lives.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL a phone is given.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits.
    pub fn stop(mut self) -> Option<i32> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let started = Instant::now();
        while self.is_running() && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child
            .try_wait()
            .ok()
            .flatten()
            .and_then(|status| status.code())
    }
}

impl Drop for RelayProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on this machine that nobody listens on, outside of the ports that systems lend to outgoing connections (from
/// 32768 on): a relay that comes back to its address would find it taken by whoever connected to anything meanwhile.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    PORTS
        .map(|_| {
            let turn = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = PORTS.start
                + (std::process::id().wrapping_mul(97) + turn) % (PORTS.end - PORTS.start);
            SocketAddr::from(([127, 0, 0, 1], port as u16))
        })
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}

const PORTS: std::ops::Range<u32> = 10_000..32_000;

/// One kept HTTP/1.1 connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: address.to_string(),
        })
    }

    /// Sends one request and reads its answer.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> io::Result<(u16, Vec<u8>)> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.host,
            body.len()
        );
        if !body.is_empty() {
            head.push_str("content-type: application/cbor\r\n");
        }
        if let Some(token) = token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let status = self
            .line()?
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// The keys of one mailbox, made from a seed.
#[derive(Clone)]
pub struct Keys {
    /// Its name.
    pub mailbox: MailboxId,
    read: SigningKey,
    write: SigningKey,
    retire: SigningKey,
}

impl Keys {
    /// The mailbox of this number.
    pub fn derive(number: u64) -> Self {
        let key = |kind: u8| {
            let mut seed = [kind; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            SigningKey::from_bytes(&seed)
        };
        let mut mailbox = [0xab; 32];
        mailbox[..8].copy_from_slice(&number.to_be_bytes());
        Self {
            mailbox: MailboxId(mailbox),
            read: key(1),
            write: key(2),
            retire: key(3),
        }
    }

    fn registration(&self) -> Registration {
        Registration {
            mailbox: self.mailbox,
            read_key: self.read.verifying_key().to_bytes(),
            write_key: self.write.verifying_key().to_bytes(),
            retire_key: self.retire.verifying_key().to_bytes(),
            lifetime: 0,
        }
    }

    fn proofs(&self, nonce: &[u8; 32], origin: &str) -> Vec<Proof> {
        let proof = |access: Access, key: &SigningKey| Proof {
            mailbox: self.mailbox,
            access,
            signature: key
                .sign(&session_bytes(nonce, origin, self.mailbox, access))
                .to_bytes(),
        };
        vec![
            proof(Access::Read, &self.read),
            proof(Access::Write, &self.write),
            proof(Access::Retire, &self.retire),
        ]
    }

    /// An envelope the relay takes for one: `size` bytes that no other number or serial gives.
    pub fn envelope(&self, serial: u64, size: usize) -> Vec<u8> {
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&serial.to_be_bytes());
        let mut ciphertext = vec![0x5c; size];
        ciphertext[..8].copy_from_slice(&serial.to_be_bytes());
        Envelope {
            version: 1,
            suite: 1,
            mailbox: self.mailbox,
            epoch: EpochId([7; 32]),
            nonce,
            ciphertext,
        }
        .to_canonical()
    }
}

/// A session at a relay over one kept connection.
pub struct Client {
    connection: Connection,
    token: String,
}

impl Client {
    /// Registers mailboxes and opens a session for all of them.
    pub fn open(address: SocketAddr, mailboxes: &[&Keys]) -> io::Result<Self> {
        let register = mailboxes.iter().map(|keys| keys.registration()).collect();
        Self::open_session(address, mailboxes, register)
    }

    /// Opens a session for mailboxes that are registered.
    pub fn enter(address: SocketAddr, mailboxes: &[&Keys]) -> io::Result<Self> {
        Self::open_session(address, mailboxes, Vec::new())
    }

    fn open_session(
        address: SocketAddr,
        mailboxes: &[&Keys],
        register: Vec<Registration>,
    ) -> io::Result<Self> {
        let mut connection = Connection::open(address)?;
        let origin = format!("http://{address}");
        let challenge: Challenge =
            decoded(connection.request("POST", "/v1/challenge", None, &[])?)?;
        let open = OpenSession {
            nonce: challenge.nonce,
            origin: origin.clone(),
            register,
            proofs: mailboxes
                .iter()
                .flat_map(|keys| keys.proofs(&challenge.nonce, &origin))
                .collect(),
        };
        let session: Session =
            decoded(connection.request("POST", "/v1/session", None, &open.to_canonical())?)?;
        if !session.refused.is_empty() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let token = session
            .token
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self { connection, token })
    }

    /// Sends an exchange as it is.
    pub fn raw_exchange(&mut self, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.post("/v1/exchange", body)
    }

    /// Pushes envelopes: one sequence number each.
    pub fn push(&mut self, envelopes: Vec<Vec<u8>>) -> io::Result<Vec<u64>> {
        let push = envelopes.into_iter().map(Into::into).collect();
        let reply = self.exchange(&Exchange {
            push,
            pull: Vec::new(),
            max_bytes: 0,
        })?;
        let stored = |pushed: &Pushed| match pushed {
            Pushed::Stored(seq) => Ok(*seq),
            Pushed::Refused(code) => Err(io::Error::other(format!("refused with {code}"))),
        };
        reply.pushed.iter().map(stored).collect()
    }

    /// Reads a mailbox from a cursor on, once.
    pub fn pull(&mut self, mailbox: MailboxId, after: u64) -> io::Result<(u64, Vec<Entry>)> {
        let exchange = Exchange {
            push: Vec::new(),
            pull: vec![Pull { mailbox, after }],
            max_bytes: 4 << 20,
        };
        let mut reply = self.exchange(&exchange)?;
        let pulled = reply.pulled.pop().ok_or(io::ErrorKind::InvalidData)?;
        Ok((pulled.head, pulled.entries))
    }

    /// Reads a mailbox to its end.
    pub fn pull_all(&mut self, mailbox: MailboxId) -> io::Result<Vec<Entry>> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let after = all.last().map_or(0, |entry| entry.seq);
            let (head, entries) = self.pull(mailbox, after)?;
            let stuck = entries.is_empty();
            all.extend(entries);
            if stuck || all.last().is_some_and(|entry| entry.seq >= head) {
                return Ok(all);
            }
        }
    }

    /// Retires envelopes: how many the relay served until now.
    pub fn retire(&mut self, mailbox: MailboxId, ids: Vec<EnvelopeId>) -> io::Result<u64> {
        let retire = Retire {
            mailbox,
            ids,
            blobs: Vec::new(),
        };
        let answer = self.post("/v1/retire", &retire.to_canonical())?;
        decoded(answer).map(|retired: Retired| retired.retired)
    }

    /// Deletes a mailbox.
    pub fn delete(&mut self, mailbox: MailboxId) -> io::Result<()> {
        let answer = self.post("/v1/delete", &Delete { mailbox }.to_canonical())?;
        decoded(answer).map(|_: Deleted| ())
    }

    fn post(&mut self, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.connection
            .request("POST", path, Some(&self.token), body)
    }

    fn exchange(&mut self, exchange: &Exchange) -> io::Result<ExchangeReply> {
        decoded(self.raw_exchange(&exchange.to_canonical())?)
    }
}

fn decoded<T: Canonical>((status, body): (u16, Vec<u8>)) -> io::Result<T> {
    if status != 200 {
        return Err(io::Error::other(format!("status {status}")));
    }
    T::from_canonical(&body).map_err(io::Error::other)
}

/// A relay's folder and the relay on it, for tests that only need one.
pub struct RelayHouse {
    /// The program.
    pub relay: RelayProgram,
    /// What it keeps.
    pub data: PathBuf,
}

impl RelayHouse {
    /// A new relay below this folder.
    pub fn new(folder: &Path) -> Self {
        let data = folder.join("relay");
        Self {
            relay: RelayProgram::start(&data),
            data,
        }
    }
}
