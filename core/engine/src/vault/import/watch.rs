//! What an import looks at while it reads: how far it is, whether it was cancelled, and why the bytes of an item ended early.
//!
//! A reader in the middle of a file can only answer with an I/O error. What that error meant stands here.

use super::super::{Observer, Phase, Progress};
use crate::error::{Error, Result};
use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes between two questions to the observer inside one item.
const ASK_EVERY: u64 = 256 << 10;

/// How far an import is.
pub struct Watch<'a> {
    observer: Option<&'a dyn Observer>,
    total: u64,
    before: Cell<u64>,
    /// Length of the file that is being read: parts of it may be read twice.
    length: Cell<u64>,
    read: Cell<u64>,
    asked: Cell<u64>,
    cancelled: Cell<bool>,
    fault: Cell<Option<&'static str>>,
}

impl<'a> Watch<'a> {
    /// Watches files of `total` bytes.
    pub fn new(observer: Option<&'a dyn Observer>, total: u64) -> Self {
        Self {
            observer,
            total,
            before: Cell::new(0),
            length: Cell::new(0),
            read: Cell::new(0),
            asked: Cell::new(0),
            cancelled: Cell::new(false),
            fault: Cell::new(None),
        }
    }

    /// Begins the next file.
    pub fn begin_file(&self, length: u64) {
        self.before.set(self.before.get() + self.length.get());
        self.length.set(length);
        self.read.set(0);
        self.asked.set(0);
    }

    /// Reports how far it is, and asks whether to go on.
    pub fn check(&self) -> Result<()> {
        let progress = Progress {
            phase: Phase::Reading,
            done: self.before.get() + self.read.get().min(self.length.get()),
            total: Some(self.total),
        };
        let stop = self
            .observer
            .is_some_and(|observer| !observer.progress(progress));
        self.cancelled.set(self.cancelled.get() || stop);
        match self.cancelled.get() {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }

    /// Counts bytes that were read, of the file or of what it holds.
    fn count(&self, bytes: usize, of_the_file: bool) -> io::Result<()> {
        if of_the_file {
            self.read.set(self.read.get() + bytes as u64);
        }
        self.asked.set(self.asked.get() + bytes as u64);
        if self.asked.get() < ASK_EVERY {
            return Ok(());
        }
        self.asked.set(0);
        self.check()
            .map_err(|_| io::Error::other("the import was cancelled"))
    }

    /// Why the bytes of the item ended early; asked once.
    pub fn take_fault(&self) -> Option<&'static str> {
        self.fault.take()
    }

    /// Notes that an item cannot be read because of its archive.
    pub fn damaged(&self, reason: &'static str) -> Error {
        self.fault.set(Some(reason));
        Error::Invalid(reason)
    }

    /// Turns the failure of a read into what it meant.
    pub fn meant(&self, error: Error) -> Error {
        match self.cancelled.get() {
            true => Error::Cancelled,
            false => error,
        }
    }
}

/// A file on disk, counted.
pub struct Counted<'a, R> {
    inner: R,
    watch: &'a Watch<'a>,
}

impl<'a, R> Counted<'a, R> {
    /// Counts what is read of `inner`.
    pub fn new(inner: R, watch: &'a Watch<'a>) -> Self {
        Self { inner, watch }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.watch.count(count, true)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// The bytes of something compressed: no more than `left`, and whatever fails is the archive's fault, not the disk's.
pub struct Expanded<'a, R> {
    inner: R,
    watch: &'a Watch<'a>,
    left: u64,
    damaged: &'static str,
    too_far: &'static str,
}

impl<'a, R> Expanded<'a, R> {
    /// Reads at most `most` bytes of `inner`; `damaged` and `too_far` are what is said when it fails or goes on.
    pub fn new(
        inner: R,
        watch: &'a Watch<'a>,
        most: u64,
        damaged: &'static str,
        too_far: &'static str,
    ) -> Self {
        Self {
            inner,
            watch,
            left: most,
            damaged,
            too_far,
        }
    }

    fn fail(&self, reason: &'static str) -> io::Error {
        self.watch.fault.set(Some(reason));
        io::Error::other(reason)
    }
}

impl<R: Read> Read for Expanded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.inner.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(_) => return Err(self.fail(self.damaged)),
        };
        self.watch.count(count, false)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(self.fail(self.too_far)),
        }
        Ok(count)
    }
}
