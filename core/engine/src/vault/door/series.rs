//! The door to series: taking samples in, and what was measured.

use crate::error::Error;
use crate::record::series::Metric;
use crate::record::series::calendar::{Every, Zone};
use crate::record::series::chart::Chart;
use crate::store::series::{self as rows, Feed, Reason};
use crate::vault::series::{self, Ingest, Ingested, SERIES, SampleRow, Series};
use crate::vault::{Vault, VaultResult, keyring};
use carnet_wire::RecordId;
use std::ops::Range;

impl Vault {
    /// Takes what one read of a feed gave into a record: samples, deletions and the platform's token in one transaction.
    /// Repeating it adds nothing. At most a million samples and deletions.
    pub fn ingest(&self, record: RecordId, ingest: &Ingest) -> VaultResult<Ingested> {
        let now = self.host.clock.now();
        Ok(series::ingest(&*self.unlocked()?, now, record, ingest)?)
    }

    /// The token with which to read a feed on; none means by time.
    pub fn feed_token(&self, record: RecordId, feed: &str) -> VaultResult<Option<Vec<u8>>> {
        Ok(self.unlocked()?.store.read(|conn| {
            let log = keyring::log_number(conn, record, SERIES)?;
            rows::feed_token(conn, log, feed)
        })?)
    }

    /// Remembers that a window of a feed could not be read, and why. An expired token is forgotten, and all since the last
    /// read waits.
    pub fn note_unread(
        &self,
        record: RecordId,
        feed: &str,
        window: Range<i64>,
        reason: Reason,
    ) -> VaultResult<()> {
        let now = self.host.clock.now();
        Ok(self.unlocked()?.write(|tx| {
            let log = keyring::log_number(tx, record, SERIES)?;
            rows::note_unread(tx, log, feed, window, reason, now)
        })?)
    }

    /// What this device reads for a record, how far it got, and what waits since when and why.
    pub fn feeds(&self, record: RecordId) -> VaultResult<Vec<Feed>> {
        Ok(self.unlocked()?.store.read(|conn| {
            let log = keyring::log_number(conn, record, SERIES)?;
            rows::feeds(conn, log)
        })?)
    }

    /// The series of a record, by metric and source, each with its last number.
    pub fn series(&self, record: RecordId) -> VaultResult<Vec<Series>> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| series::list(conn, record))?)
    }

    /// The samples of a metric that begin in `span` (milliseconds since 1970 UTC), of one source or all, in order of time,
    /// at most `limit`. Overlapping sources all stand in it.
    pub fn samples(
        &self,
        record: RecordId,
        metric: Metric,
        span: &Range<i64>,
        source: Option<&str>,
        limit: usize,
    ) -> VaultResult<Vec<SampleRow>> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| series::samples(conn, record, metric, span, source, limit))?)
    }

    /// What the samples of a metric come to in each period of a time zone (`Europe/Paris`), each hour counted from one
    /// source; without a span, of all there are.
    pub fn chart(
        &self,
        record: RecordId,
        metric: Metric,
        every: Every,
        zone: &str,
        span: Option<Range<i64>>,
    ) -> VaultResult<Chart> {
        let zone = Zone::named(zone)?;
        Ok(self
            .unlocked()?
            .store
            .read(|conn| series::chart(conn, record, metric, every, &zone, span))?)
    }

    /// Stretches of at least `hours` whole UTC hours in `span` in which no source measured the metric.
    pub fn gaps(
        &self,
        record: RecordId,
        metric: Metric,
        span: &Range<i64>,
        hours: u32,
    ) -> VaultResult<Vec<Range<i64>>> {
        if span.start > span.end {
            return Err(Error::Invalid("a window ends before it begins").into());
        }
        Ok(self
            .unlocked()?
            .store
            .read(|conn| series::gaps(conn, record, metric, span, hours))?)
    }

    /// Says in which order the sources of a metric are believed, by their keys. It holds on all devices.
    pub fn prefer_sources(
        &self,
        record: RecordId,
        metric: Metric,
        sources: &[String],
    ) -> VaultResult<()> {
        let now = self.host.clock.now();
        Ok(series::prefer_sources(
            &*self.unlocked()?,
            now,
            record,
            metric,
            sources,
        )?)
    }
}
