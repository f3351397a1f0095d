//! A mailbox where two devices meet that share nothing but a code: pairing, invitations, the letter of a recovery kit. What
//! the messages say is for those who meet.

use crate::error::{Error, Result};
use crate::host::Transport;
use crate::seal::Epoch;
use crate::store::log::Outgoing;
use crate::sync::session::{Action, Plan, Session, post, problem};
use carnet_wire::relay::{Delete, Pull, Pushed, Retire, code};
use carnet_wire::{Canonical, EnvelopeId};
use std::time::{Duration, Instant};

/// How often each side looks for the other's message.
pub const POLL: Duration = Duration::from_millis(300);

/// The messages of one rendezvous mailbox.
pub struct Rendezvous<'a> {
    transport: &'a dyn Transport,
    url: String,
    epoch: Epoch,
    token: Option<[u8; 32]>,
    after: u64,
    messages: Vec<Vec<u8>>,
}

impl<'a> Rendezvous<'a> {
    /// Meets at the mailbox of an epoch both sides derive from a code.
    pub fn new(transport: &'a dyn Transport, url: &str, epoch: Epoch) -> Self {
        Self {
            transport,
            url: url.to_owned(),
            epoch,
            token: None,
            after: 0,
            messages: Vec::new(),
        }
    }

    /// Every message so far.
    pub fn envelopes(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.messages.iter().map(Vec::as_slice)
    }

    /// Pushes a message, if any, and reads what is new. Only one side registers the mailbox, for so many seconds: an unknown
    /// code finds nothing.
    pub fn exchange(&mut self, message: Option<Vec<u8>>, register: Option<u32>) -> Result<()> {
        let mailbox = self.epoch.mailbox;
        let mut session = Session::new(&self.url, vec![self.epoch.clone()], self.token)?;
        session = match register {
            Some(seconds) => session.with_lifetime(seconds),
            None => session.without_registering(),
        };
        let push: Vec<Outgoing> = message
            .into_iter()
            .map(|bytes| Outgoing {
                outbox: 0,
                mailbox,
                bytes,
            })
            .collect();
        let mut answered = false;
        loop {
            match session.step()? {
                Action::Plan if answered => session.plan(Plan::default())?,
                Action::Plan => {
                    // Asked again when the relay forgot the session: the message was not taken then.
                    session.plan(Plan {
                        push: push.clone(),
                        pull: vec![Pull {
                            mailbox,
                            after: self.after,
                        }],
                    })?;
                }
                Action::Send(request) => session.answer(self.transport.send(request))?,
                Action::Remember(token) => self.token = token,
                Action::Merge(answer) => {
                    answered = true;
                    for (_, outcome) in &answer.pushed {
                        if let Pushed::Refused(code) = outcome {
                            return Err(Error::Relay {
                                code: *code,
                                retry_after: None,
                            });
                        }
                    }
                    for pulled in answer.pulled {
                        if pulled.refused != 0 {
                            return Err(Error::Relay {
                                code: pulled.refused,
                                retry_after: None,
                            });
                        }
                        self.after = pulled.entries.last().map_or(self.after, |entry| entry.seq);
                        self.messages
                            .extend(pulled.entries.into_iter().map(|entry| entry.envelope));
                    }
                    session.merged(Vec::new());
                }
                Action::Done => return Ok(()),
            }
        }
    }

    /// Has the relay let go of messages. Only after an exchange, and only for whoever holds the retire key.
    pub fn retire(&self, ids: Vec<EnvelopeId>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let retire = Retire {
            mailbox: self.epoch.mailbox,
            ids,
            blobs: Vec::new(),
        };
        self.request("/v1/retire", retire.to_canonical())
    }

    /// Has the relay delete the mailbox. Only after an exchange, and only for whoever holds the retire key.
    pub fn delete(&self) -> Result<()> {
        let delete = Delete {
            mailbox: self.epoch.mailbox,
        };
        self.request("/v1/delete", delete.to_canonical())
    }

    fn request(&self, path: &str, body: Vec<u8>) -> Result<()> {
        let request = post(&self.url, path, self.token.as_ref(), body);
        let response = self.transport.send(request)?;
        match response.status {
            200 => Ok(()),
            _ => Err(problem(&response)),
        }
    }

    /// Waits until `find` returns something from the messages.
    pub fn wait<T>(
        &mut self,
        limit: Duration,
        late: Error,
        mut find: impl FnMut(&[Vec<u8>]) -> Result<Option<T>>,
    ) -> Result<T> {
        let end = Instant::now() + limit;
        loop {
            self.exchange(None, None)?;
            if let Some(found) = find(&self.messages)? {
                return Ok(found);
            }
            if Instant::now() >= end {
                return Err(late);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// A relay that does not know a rendezvous answers with one of these.
pub fn unknown_is(nobody: Error) -> impl FnOnce(Error) -> Error {
    |error| match error {
        Error::Relay {
            code: code::NOT_FOUND | code::FORBIDDEN | code::NO_SESSION,
            ..
        } => nobody,
        other => other,
    }
}
