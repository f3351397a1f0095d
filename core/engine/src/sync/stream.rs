//! One end of a direct stream: bytes in, bytes out, messages between. The protocol stands in `carnet_wire` ("Direct
//! stream"); what the messages mean is for the vault to say.
//!
//! Invariant: whatever comes, no more than one frame and one message is kept, nothing is said on the channel before the
//! other side's tags have shown an epoch in common, and the first thing that does not open ends the stream for good.
//! It knows no socket, no clock and no database.

use crate::error::{Error, Result};
use crate::seal::{self, Channel, MAX_FRAME_PAYLOAD, StreamKey};
use carnet_wire::stream::{Hello, Nonces, Role, STREAM_VERSION, Tag, Tags};
use carnet_wire::{Canonical, limits};
use std::collections::BTreeMap;

/// The number of tags is raised to a multiple of this.
const TAGS_MULTIPLE: usize = 8;

const STRANGER: Error = Error::Invalid("the other device does not speak as one of Carnet");
const TAMPERED: Error =
    Error::Invalid("what the other device sent was changed on the way: try again");

/// What came.
#[derive(Debug)]
pub enum Event {
    /// The channel is open: positions of the epochs in common among the keys given, in the order both sides number them.
    /// None in common is the end of the stream.
    Common(Vec<usize>),
    /// A message of the channel.
    Message(Vec<u8>),
}

enum State {
    AwaitHello,
    /// The initiator, before the responder's tags.
    AwaitTags(Nonces),
    /// The responder, before the initiator's tags.
    Tagged(Nonces),
    Open(Channel),
    Over,
}

/// One end of a direct stream.
pub struct Stream {
    role: Role,
    keys: Vec<StreamKey>,
    nonce: [u8; 32],
    state: State,
    /// Hash of everything said in the clear, the initiator's hello first.
    clear: blake3::Hasher,
    input: Vec<u8>,
    output: Vec<u8>,
    message: Vec<u8>,
}

impl Stream {
    /// Begins the first round; `keys` are those of every epoch held, the most wanted first.
    pub fn begin(role: Role, keys: Vec<StreamKey>) -> Result<Self> {
        let mut stream = Self {
            role,
            keys: Vec::new(),
            nonce: [0; 32],
            state: State::Over,
            clear: blake3::Hasher::new(),
            input: Vec::new(),
            output: Vec::new(),
            message: Vec::new(),
        };
        stream.restart(keys)?;
        Ok(stream)
    }

    /// Begins another round of the same stream.
    pub fn restart(&mut self, mut keys: Vec<StreamKey>) -> Result<()> {
        keys.truncate(limits::MAX_STREAM_TAGS);
        self.keys = keys;
        self.nonce = seal::make_random()?;
        self.state = State::AwaitHello;
        self.clear.reset();
        self.message = Vec::new();
        if self.role == Role::Initiator {
            self.say_hello()?;
        }
        Ok(())
    }

    /// Takes bytes that arrived. Take events with [`Self::next_event`] until there is none before giving more.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// What is to be sent, handed out once.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Sends a message on the channel.
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        let State::Open(channel) = &mut self.state else {
            return Err(Error::Bug("a direct stream that is not open"));
        };
        if message.len() > limits::MAX_STREAM_MESSAGE_BYTES {
            return Err(Error::Bug("a message of a direct stream is too long"));
        }
        let mut parts = message.chunks(MAX_FRAME_PAYLOAD).peekable();
        while let Some(part) = parts.next() {
            let frame = channel.seal(parts.peek().is_some(), part)?;
            put_frame(&mut self.output, &frame)?;
        }
        Ok(())
    }

    /// The next thing that came, if all of it has. After an error the stream is over.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            let Some(frame) = self.take_frame()? else {
                return Ok(None);
            };
            let state = std::mem::replace(&mut self.state, State::Over);
            if let Some(event) = self.take(state, &frame)? {
                return Ok(Some(event));
            }
        }
    }

    fn take(&mut self, state: State, frame: &[u8]) -> Result<Option<Event>> {
        match (state, self.role) {
            (State::AwaitHello, Role::Responder) => {
                let nonces = self.nonces(frame)?;
                self.clear.update(frame);
                self.say_hello()?;
                self.show_tags(&nonces)?;
                self.state = State::Tagged(nonces);
                Ok(None)
            }
            (State::AwaitHello, Role::Initiator) => {
                self.state = State::AwaitTags(self.nonces(frame)?);
                self.clear.update(frame);
                Ok(None)
            }
            (State::AwaitTags(nonces), _) => {
                let common = self.in_common(&nonces, frame)?;
                self.clear.update(frame);
                if !common.is_empty() {
                    self.show_tags(&nonces)?;
                }
                Ok(Some(self.open(&nonces, common)))
            }
            (State::Tagged(nonces), _) => {
                let common = self.in_common(&nonces, frame)?;
                self.clear.update(frame);
                Ok(Some(self.open(&nonces, common)))
            }
            (State::Open(mut channel), _) => {
                let (more, bytes) = channel.open_next(frame).map_err(|_| TAMPERED)?;
                if self.message.len() + bytes.len() > limits::MAX_STREAM_MESSAGE_BYTES {
                    return Err(Error::TooLarge("a message of the other device"));
                }
                self.message.extend_from_slice(&bytes);
                self.state = State::Open(channel);
                Ok((!more).then(|| Event::Message(std::mem::take(&mut self.message))))
            }
            (State::Over, _) => Err(TAMPERED),
        }
    }

    fn nonces(&self, hello: &[u8]) -> Result<Nonces> {
        let theirs = match Hello::from_bytes(hello) {
            Ok(hello) => hello.nonce,
            Err(error @ carnet_wire::WireError::UnknownVersion) => return Err(error.into()),
            Err(_) => return Err(STRANGER),
        };
        let (initiator, responder) = match self.role {
            Role::Initiator => (self.nonce, theirs),
            Role::Responder => (theirs, self.nonce),
        };
        Ok(Nonces {
            initiator,
            responder,
        })
    }

    fn say_hello(&mut self) -> Result<()> {
        let hello = Hello {
            version: STREAM_VERSION,
            nonce: self.nonce,
        };
        self.say_clear(&hello.to_canonical())
    }

    fn say_clear(&mut self, frame: &[u8]) -> Result<()> {
        self.clear.update(frame);
        put_frame(&mut self.output, frame)
    }

    fn show_tags(&mut self, nonces: &Nonces) -> Result<()> {
        let mut tags: Vec<Tag> = self
            .keys
            .iter()
            .map(|key| key.tag(self.role, nonces))
            .collect();
        while tags.is_empty() || !tags.len().is_multiple_of(TAGS_MULTIPLE) {
            tags.push(seal::make_decoy()?);
        }
        // In the order of noise: the order of the keys would say which are whose.
        tags.sort_unstable();
        self.say_clear(&Tags(tags).to_canonical())
    }

    /// Positions of the keys whose tags the other side showed, in the order of the initiator's tags.
    fn in_common(&self, nonces: &Nonces, frame: &[u8]) -> Result<Vec<usize>> {
        let Tags(shown) = Tags::from_canonical(frame).map_err(|_| STRANGER)?;
        let ours: BTreeMap<Tag, usize> = self
            .keys
            .iter()
            .enumerate()
            .map(|(at, key)| (key.tag(self.role.other(), nonces), at))
            .collect();
        let known = shown.iter().filter_map(|tag| ours.get(tag).copied());
        let mut common: Vec<usize> = known.collect();
        common.sort_unstable_by_key(|at| {
            self.keys
                .get(*at)
                .map(|key| key.tag(Role::Initiator, nonces))
        });
        common.dedup();
        Ok(common)
    }

    fn open(&mut self, nonces: &Nonces, common: Vec<usize>) -> Event {
        if !common.is_empty() {
            let keys = common.iter().filter_map(|at| self.keys.get(*at));
            let clear = self.clear.finalize();
            let channel = Channel::open(self.role, nonces, clear.as_bytes(), keys);
            self.state = State::Open(channel);
        }
        Event::Common(common)
    }

    /// Cuts the next whole frame off the input.
    fn take_frame(&mut self) -> Result<Option<Vec<u8>>> {
        let Some((length, rest)) = self.input.split_first_chunk::<2>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 {
            self.state = State::Over;
            return Err(STRANGER);
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = frame.to_vec();
        self.input.drain(..length + 2);
        Ok(Some(frame))
    }
}

fn put_frame(output: &mut Vec<u8>, frame: &[u8]) -> Result<()> {
    let length = u16::try_from(frame.len()).map_err(|_| Error::Bug("a frame is too long"))?;
    output.extend_from_slice(&length.to_be_bytes());
    output.extend_from_slice(frame);
    Ok(())
}

#[cfg(test)]
mod tests;
