//! A cursor over the bytes of a characteristic.

use super::clock::ClockTime;
use super::number::{Number, float, sfloat};
use crate::record::json::Refusal;

const SHORT: Refusal = Refusal(
    "the measurement has fewer bytes than its flags announce: read the characteristic again",
);
const LONG: Refusal = Refusal(
    "the measurement has more bytes than its flags announce: read the characteristic again",
);

/// What is left of a characteristic.
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, Refusal> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    pub fn u16(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    pub fn i16(&mut self) -> Result<i16, Refusal> {
        Ok(i16::from_le_bytes(self.take()?))
    }

    pub fn u24(&mut self) -> Result<u32, Refusal> {
        let [low, middle, high] = self.take()?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    pub fn sfloat(&mut self) -> Result<Number, Refusal> {
        Ok(sfloat(self.u16()?))
    }

    pub fn float(&mut self) -> Result<Number, Refusal> {
        float(u32::from_le_bytes(self.take()?))
    }

    pub fn clock(&mut self) -> Result<ClockTime, Refusal> {
        ClockTime::from_bytes(self.take()?)
    }

    /// Reads a field that a flag announces.
    pub fn when<T>(
        &mut self,
        flag: bool,
        read: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        flag.then(|| read(self)).transpose()
    }

    /// The end of a measurement: nothing is left, unless a flag of a later version is set.
    pub fn end(&self, later_flags: u16) -> Result<(), Refusal> {
        match self.rest.is_empty() || later_flags != 0 {
            true => Ok(()),
            false => Err(LONG),
        }
    }
}

/// Whether a bit is set.
pub(super) fn bit(flags: u16, at: u32) -> bool {
    flags >> at & 1 == 1
}
