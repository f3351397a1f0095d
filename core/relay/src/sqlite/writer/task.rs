//! Everything the writer does beside appending: a function of the connection, its outcome, and whom to answer.

use super::Job;
use crate::pending::{Reply, pending};
use crate::storage::{MailboxNumber, Moved};
use crate::{Pending, RelayError};
use carnet_wire::relay::code;
use rusqlite::Connection;

/// A job of the writer that keeps its own outcome.
pub(in crate::sqlite) trait Work: Send {
    /// How much it weighs beside envelopes.
    fn bytes(&self) -> usize;
    /// Mailboxes whose heads it may move.
    fn touched(&self) -> &[MailboxNumber];
    /// Does it, inside a transaction. A refusal undoes what it did and is its outcome; an error fails the transaction.
    fn perform(&mut self, connection: &Connection) -> Result<(), RelayError>;
    /// It could not be done.
    fn fail(&mut self, error: RelayError);
    /// Those of the touched that moved.
    fn moved(&self) -> Vec<Moved>;
    /// Sends the outcome.
    fn answer(self: Box<Self>);
}

struct Task<T, F> {
    run: F,
    weight: usize,
    ends: Vec<MailboxNumber>,
    outcome: Result<T, RelayError>,
    reply: Reply<T>,
}

/// A job that runs `run`, maybe more than once, and the answer to come. `ends` are the mailboxes that are no more after it.
pub(in crate::sqlite) fn task<T: Send + 'static>(
    weight: usize,
    ends: Vec<MailboxNumber>,
    run: impl FnMut(&Connection) -> Result<T, RelayError> + Send + 'static,
) -> (Job, Pending<T>) {
    let (reply, answer) = pending();
    let task = Task {
        run,
        weight,
        ends,
        outcome: Err(RelayError::INTERNAL),
        reply,
    };
    (Job::Task(Box::new(task)), answer)
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, RelayError> + Send,
{
    fn bytes(&self) -> usize {
        self.weight
    }

    fn touched(&self) -> &[MailboxNumber] {
        &self.ends
    }

    fn perform(&mut self, connection: &Connection) -> Result<(), RelayError> {
        connection.execute_batch("SAVEPOINT task")?;
        self.outcome = (self.run)(connection);
        match &self.outcome {
            Ok(_) => connection.execute_batch("RELEASE task")?,
            Err(refusal) if is_refusal(*refusal) => {
                connection.execute_batch("ROLLBACK TO task; RELEASE task")?;
            }
            Err(error) => return Err(*error),
        }
        Ok(())
    }

    fn fail(&mut self, error: RelayError) {
        self.outcome = Err(error);
    }

    fn moved(&self) -> Vec<Moved> {
        match self.outcome {
            Ok(_) => self.ends.iter().map(|it| (*it, u64::MAX)).collect(),
            Err(_) => Vec::new(),
        }
    }

    fn answer(self: Box<Self>) {
        self.reply.send(self.outcome);
    }
}

/// What would be answered again in a transaction of its own.
fn is_refusal(error: RelayError) -> bool {
    matches!(
        error.code,
        code::CONFLICT | code::NOT_FOUND | code::QUOTA | code::CLOSED
    )
}
