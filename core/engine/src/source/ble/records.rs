//! The Record Access Control Point (2A52): asking a device for its stored records, and what it answers.
//!
//! Nothing here deletes: what a meter holds is the patient's, and another phone may not have read it yet. The last sequence
//! number read is kept per device by whoever asks; a number lower than it means that the device began again (battery
//! changed, 65,535 passed), and all records are asked for.

use super::bytes::Bytes;
use super::words::{self, Detail};
use crate::record::json::Refusal;

const NOT_AN_ANSWER: Refusal =
    Refusal("these bytes are no answer to a request for records (they begin with 05 or 06)");

/// What to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Every record.
    All,
    /// Those from this sequence number on (minutes since the session's start, on a continuous sensor).
    From(u16),
    /// The first one.
    First,
    /// The last one.
    Last,
    /// How many there are.
    Count,
    /// How many there are from this sequence number on.
    CountFrom(u16),
    /// Stop sending.
    Abort,
}

impl Request {
    /// The bytes to write to 2A52.
    pub fn bytes(self) -> Vec<u8> {
        let from = |code: u8, number: u16| {
            let [low, high] = number.to_le_bytes();
            vec![code, 3, 1, low, high]
        };
        match self {
            Self::All => vec![1, 1],
            Self::From(number) => from(1, number),
            Self::First => vec![1, 5],
            Self::Last => vec![1, 6],
            Self::Count => vec![4, 1],
            Self::CountFrom(number) => from(4, number),
            Self::Abort => vec![3, 0],
        }
    }

    /// What to ask a device of which this phone has read up to a number, and whose last record has another.
    pub fn next(read: Option<u16>, last: Option<u16>) -> Self {
        match (read, last) {
            (Some(read), Some(last)) if last >= read => match read.checked_add(1) {
                Some(next) => Self::From(next),
                None => Self::All,
            },
            _ => Self::All,
        }
    }
}

/// What a device answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// So many records match.
    Count(u16),
    /// How a request went: the request's code and the outcome.
    Done {
        /// 1 send, 2 delete, 3 abort, 4 count.
        request: u8,
        /// `success`, `no-records` and so on.
        outcome: Detail,
    },
}

impl Answer {
    /// Whether all that was asked for was sent, also if that is nothing.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Count(_) => true,
            Self::Done { outcome, .. } => matches!(outcome.raw, 1 | 6),
        }
    }
}

pub(super) fn answer(bytes: &[u8]) -> Result<Answer, Refusal> {
    let mut rest = Bytes::new(bytes);
    let (code, _operator) = (rest.u8()?, rest.u8()?);
    let found = match code {
        5 => Answer::Count(rest.u16()?),
        6 => Answer::Done {
            request: rest.u8()?,
            outcome: Detail::one("outcome", rest.u8()?.into(), words::OUTCOME),
        },
        _ => return Err(NOT_AN_ANSWER),
    };
    rest.end(0)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn requests_as_bytes() {
        for (request, bytes) in [
            (Request::All, vec![1, 1]),
            (Request::From(0x0102), vec![1, 3, 1, 2, 1]),
            (Request::First, vec![1, 5]),
            (Request::Last, vec![1, 6]),
            (Request::Count, vec![4, 1]),
            (Request::CountFrom(7), vec![4, 3, 1, 7, 0]),
            (Request::Abort, vec![3, 0]),
        ] {
            assert_eq!(request.bytes(), bytes);
        }
    }

    #[test]
    fn a_device_that_began_again_is_read_from_its_start() {
        assert_eq!(Request::next(None, Some(9)), Request::All);
        assert_eq!(Request::next(Some(4), Some(9)), Request::From(5));
        assert_eq!(Request::next(Some(4), Some(2)), Request::All);
        assert_eq!(Request::next(Some(65_535), Some(65_535)), Request::All);
        assert_eq!(Request::next(Some(4), None), Request::All);
    }

    #[test]
    fn nothing_found_is_complete_and_a_refusal_is_not() {
        assert!(answer(&[6, 0, 1, 6]).unwrap().is_complete());
        assert!(answer(&[6, 0, 1, 1]).unwrap().is_complete());
        assert!(!answer(&[6, 0, 1, 8]).unwrap().is_complete());
        assert_eq!(answer(&[1, 1]), Err(NOT_AN_ANSWER));
        assert!(answer(&[5, 0, 2]).is_err() && answer(&[6, 0, 1, 1, 0]).is_err());
    }
}
