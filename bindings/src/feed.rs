//! Telling the app something without waiting for it: values go to a thread that calls the app, so that code that blocks,
//! throws or calls back in holds up nobody but its own next call.

use crate::error::HostError;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Progress reaches the app at most this often.
const PACE: Duration = Duration::from_millis(100);
/// Most values that wait for an app that is slow; further ones are dropped.
const MAX_WAITING: usize = 256;

type Told = Result<(), HostError>;

/// Hands over the latest value, at most ten times a second; what was overtaken is skipped, the last one never.
pub struct Latest<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<(Option<T>, bool)>,
    filled: Condvar,
}

impl<T: Send + 'static> Latest<T> {
    /// Starts the thread. Without one (the system refused) values go nowhere.
    pub fn new(mut tell: impl FnMut(T) -> Told + Send + 'static) -> Self {
        let slot = Arc::new(Slot {
            state: Mutex::new((None, false)),
            filled: Condvar::new(),
        });
        let shared = slot.clone();
        start(move || {
            while let Some(value) = shared.take() {
                // What the app's code throws is its own affair.
                let _ = tell(value);
                thread::sleep(PACE);
            }
        });
        Self(slot)
    }

    /// Offers a value.
    pub fn offer(&self, value: T) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = Some(value);
        self.0.filled.notify_one();
    }
}

impl<T> Slot<T> {
    /// The next value; none once the offering side is gone and its last value was handed out.
    fn take(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = state.0.take() {
                return Some(value);
            }
            if state.1 {
                return None;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Drop for Latest<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 = true;
        self.0.filled.notify_one();
    }
}

/// Hands over every value, in order.
pub struct Queue<T>(SyncSender<T>);

impl<T: Send + 'static> Queue<T> {
    /// Starts the thread.
    pub fn new(mut tell: impl FnMut(T) -> Told + Send + 'static) -> Self {
        let (sender, receiver): (_, Receiver<T>) = sync_channel(MAX_WAITING);
        start(move || {
            receiver.into_iter().for_each(|value| {
                let _ = tell(value);
            })
        });
        Self(sender)
    }

    /// Offers a value.
    pub fn offer(&self, value: T) {
        self.has_taken(value);
    }

    fn has_taken(&self, value: T) -> bool {
        !matches!(self.0.try_send(value), Err(TrySendError::Full(_)))
    }
}

fn start(work: impl FnOnce() + Send + 'static) {
    // A refused thread leaves nobody to tell; the work itself goes on.
    let _ = thread::Builder::new()
        .name("carnet-feed".into())
        .spawn(work);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Instant;

    #[test]
    fn the_last_value_is_told_and_overtaken_ones_are_skipped() {
        let (told, heard) = channel();
        let latest = Latest::new(move |value: u32| {
            told.send(value).unwrap();
            Ok(())
        });
        (0..=1_000).for_each(|value| latest.offer(value));
        drop(latest);
        let heard: Vec<u32> = heard.into_iter().collect();
        assert_eq!(heard.last(), Some(&1_000));
        assert!(heard.len() < 20, "{} values", heard.len());
    }

    #[test]
    fn values_are_told_ten_times_a_second_at_most() {
        let (told, heard) = channel();
        let latest = Latest::new(move |value: u32| {
            told.send(value).unwrap();
            Ok(())
        });
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(450) {
            latest.offer(1);
            thread::sleep(Duration::from_millis(1));
        }
        drop(latest);
        assert!(heard.into_iter().count() <= 7);
    }

    fn sleep_long() -> Told {
        thread::sleep(Duration::from_secs(3_600));
        Ok(())
    }

    #[test]
    fn one_who_does_not_return_holds_up_nobody() {
        let latest = Latest::new(|_: u32| sleep_long());
        let queue = Queue::new(|_: u32| sleep_long());
        let began = Instant::now();
        let taken = (0..10_000).filter(|value| queue.has_taken(*value)).count();
        (0..10_000).for_each(|value| latest.offer(value));
        drop(latest);
        assert!((MAX_WAITING..=MAX_WAITING + 1).contains(&taken));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_queue_tells_everything_in_order() {
        let (told, heard) = channel();
        let queue = Queue::new(move |value: u32| {
            told.send(value).unwrap();
            Ok(())
        });
        (0..100).for_each(|value| queue.offer(value));
        drop(queue);
        assert!(heard.into_iter().eq(0..100));
    }
}
