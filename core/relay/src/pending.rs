//! An answer that comes later: what a writer hands back when work has been accepted but is not durable yet.
//!
//! Dropping a [`Pending`] cancels nothing: the work was handed over whole, so a client that hangs up cannot stop a write
//! half-way. Whoever has a thread to spare waits; whoever has not awaits.

use crate::RelayError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use tokio::sync::oneshot;

/// The receiving end.
#[derive(Debug)]
pub struct Pending<T>(oneshot::Receiver<Result<T, RelayError>>);

/// The answering end. Dropped without an answer, it answers [`RelayError::INTERNAL`].
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<Result<T, RelayError>>);

/// Both ends of an answer.
pub fn pending<T>() -> (Reply<T>, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    (Reply(sender), Pending(receiver))
}

impl<T> Reply<T> {
    /// Answers. Nobody listening any more is no error.
    pub fn send(self, answer: Result<T, RelayError>) {
        let _ = self.0.send(answer);
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, RelayError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(RelayError::INTERNAL)))
    }
}

impl<T> Pending<T> {
    /// Blocks this thread until the answer is there. Unlike the channel's own blocking call it does not panic when the
    /// thread happens to drive an async runtime.
    pub fn wait(mut self) -> Result<T, RelayError> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_an_answer_from_another_thread() {
        let (reply, answer) = pending();
        let writer = std::thread::spawn(move || reply.send(Ok(5)));
        assert_eq!(answer.wait(), Ok(5));
        assert!(writer.join().is_ok());
    }

    #[test]
    fn a_dropped_reply_is_an_internal_error() {
        let (reply, answer) = pending::<u8>();
        drop(reply);
        assert_eq!(answer.wait(), Err(RelayError::INTERNAL));
    }

    #[tokio::test]
    async fn waiting_inside_a_runtime_does_not_panic() {
        let (reply, answer) = pending();
        std::thread::spawn(move || reply.send(Ok(1)));
        assert_eq!(answer.wait(), Ok(1));
    }
}
