//! A relay on a free port, and a client that is no more than sockets: what is tested is the bytes on the wire.

use carnet_relay::{Limits, Relay, RelayConfig};
use carnet_wire::relay::{
    Access, Challenge, Exchange, ExchangeReply, OpenSession, Problem, Proof, Pull, Registration,
    Session, session_bytes,
};
use carnet_wire::{Canonical, Envelope, EpochId, MailboxId, limits};
use ed25519_dalek::{Signer, SigningKey};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

pub const MAILBOX: MailboxId = MailboxId([1; 32]);

/// A relay on a thread of its own.
pub struct TestRelay {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestRelay {
    pub fn start(data: &Path) -> Self {
        Self::start_with(RelayConfig {
            limits: Limits::without_rates(),
            ..RelayConfig::new(data.to_owned(), "127.0.0.1:0".parse().unwrap())
        })
    }

    pub fn start_with(config: RelayConfig) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let relay = Relay::bind(config).await.unwrap();
                ready.send(relay.local_addr()).unwrap();
                let _ = relay.run(async { drop(stopped.await) }).await;
            });
        });
        Self {
            address: address.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.end();
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The code of a typed error.
    pub fn problem(&self) -> u16 {
        assert_eq!(self.header("content-type"), Some("application/cbor"));
        let problem = Problem::from_canonical(&self.body).unwrap();
        assert!(!problem.title.is_empty());
        problem.code
    }

    pub fn decode<T: Canonical>(&self) -> T {
        assert_eq!(self.status, 200, "{self:?}");
        T::from_canonical(&self.body).unwrap()
    }

    pub fn read(stream: &mut BufReader<TcpStream>, has_body: bool) -> std::io::Result<Self> {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Self {
            status,
            headers,
            body: Vec::new(),
        };
        let length = answer.header("content-length").unwrap_or("0").parse();
        if has_body {
            answer.body.resize(length.unwrap(), 0);
            stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }
}

/// One device with one connection.
pub struct Client {
    pub address: SocketAddr,
    pub token: Option<[u8; 32]>,
    stream: Option<BufReader<TcpStream>>,
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            token: None,
            stream: None,
        }
    }

    /// A client that has a session for `mailbox`, which it registered.
    pub fn entered(address: SocketAddr, mailbox: MailboxId) -> Self {
        Self::with_keys(address, mailbox, &[Access::Read, Access::Write])
    }

    /// One that holds the owners' key too.
    pub fn owner(address: SocketAddr, mailbox: MailboxId) -> Self {
        Self::with_keys(
            address,
            mailbox,
            &[Access::Read, Access::Write, Access::Retire],
        )
    }

    fn with_keys(address: SocketAddr, mailbox: MailboxId, accesses: &[Access]) -> Self {
        let mut client = Self::new(address);
        let nonce = client.challenge();
        let mut request = client.proving_all(nonce, mailbox, accesses);
        request.register.push(registration(mailbox));
        let session: Session = client.post("/v1/session", &request.to_canonical()).decode();
        assert_eq!(session.refused, []);
        client.token = Some(session.token);
        client
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn challenge(&mut self) -> [u8; 32] {
        self.post("/v1/challenge", b"").decode::<Challenge>().nonce
    }

    pub fn proving(&self, nonce: [u8; 32], mailbox: MailboxId) -> OpenSession {
        self.proving_all(nonce, mailbox, &[Access::Read, Access::Write])
    }

    fn proving_all(&self, nonce: [u8; 32], mailbox: MailboxId, accesses: &[Access]) -> OpenSession {
        let origin = self.origin();
        let proofs = accesses
            .iter()
            .map(|access| Proof {
                mailbox,
                access: *access,
                signature: key(*access)
                    .sign(&session_bytes(&nonce, &origin, mailbox, *access))
                    .to_bytes(),
            })
            .collect();
        OpenSession {
            nonce,
            origin,
            register: Vec::new(),
            proofs,
        }
    }

    pub fn exchange(&mut self, exchange: &Exchange) -> ExchangeReply {
        self.post("/v1/exchange", &exchange.to_canonical()).decode()
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.request("POST", path, &[], body)
    }

    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Answer {
        self.try_request(method, path, headers, body).unwrap()
    }

    pub fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let bytes = self.encode(method, path, headers, body);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(self.address)?),
        };
        stream.get_mut().set_nodelay(true)?;
        stream.get_mut().write_all(&bytes)?;
        let answer = Answer::read(&mut stream, method != "HEAD")?;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    pub fn encode(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        if let Some(token) = self.token {
            head += &format!("authorization: Bearer {}\r\n", MailboxId(token));
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }
}

pub fn key(access: Access) -> SigningKey {
    SigningKey::from_bytes(&[access as u8 + 10; 32])
}

pub fn registration(mailbox: MailboxId) -> Registration {
    let public = |access| key(access).verifying_key().to_bytes();
    Registration {
        mailbox,
        read_key: public(Access::Read),
        write_key: public(Access::Write),
        retire_key: public(Access::Retire),
        lifetime: 0,
    }
}

pub fn envelope(mailbox: MailboxId, text: &str) -> Vec<u8> {
    Envelope {
        version: 1,
        suite: 1,
        mailbox,
        epoch: EpochId([3; 32]),
        nonce: [4; 24],
        ciphertext: text.as_bytes().to_vec(),
    }
    .to_canonical()
}

pub fn exchange(push: Vec<Vec<u8>>, pull: &[(MailboxId, u64)]) -> Exchange {
    let pull = pull.iter().map(|(mailbox, after)| Pull {
        mailbox: *mailbox,
        after: *after,
    });
    Exchange {
        pull: pull.collect(),
        push: push.into_iter().map(Into::into).collect(),
        max_bytes: limits::EXCHANGE_BATCH_BYTES as u32,
    }
}
