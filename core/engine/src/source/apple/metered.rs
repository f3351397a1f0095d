//! Input that may give only so many bytes to one event: a tag of a gigabyte would otherwise be held whole.

use crate::error::Result;
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Most bytes of one tag or text between tags: a record has 600.
pub(super) const MAX_EVENT: u64 = 4 << 20;

/// The input of the XML reader.
pub(super) struct Metered<R> {
    inner: R,
    meter: Meter,
}

/// How much one event has taken, and why reading failed.
#[derive(Clone, Default)]
pub(super) struct Meter {
    taken: Rc<Cell<u64>>,
    failed: Rc<RefCell<Option<io::Error>>>,
}

impl Meter {
    /// The next event begins.
    pub fn next_event(&self) {
        self.taken.set(0);
    }

    /// The failure of the input, if that was why the XML could not be read.
    pub fn failure(&self) -> Result<()> {
        match self.failed.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

impl<R: BufRead> Metered<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            meter: Meter::default(),
        }
    }

    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.meter.taken.get() > MAX_EVENT {
            return Err(io::Error::other("an event beyond its limit"));
        }
        self.inner.fill_buf().inspect_err(|error| {
            // An interrupted read is tried again by the reader.
            if error.kind() != io::ErrorKind::Interrupted {
                *self.meter.failed.borrow_mut() = Some(error.kind().into());
            }
        })
    }

    fn consume(&mut self, count: usize) {
        self.meter.taken.set(self.meter.taken.get() + count as u64);
        self.inner.consume(count);
    }
}
