//! Numbers for the operator, in the text format of Prometheus.
//!
//! Invariant: they are sums over the whole relay. No label names a mailbox, a session, an address or anything else of one
//! user, and there is no room to add one: a number has a name and nothing more.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A number that is added to.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// More.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// Less.
    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Relaxed);
    }

    /// This much.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// How much.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the classes of [`Metrics::commit_seconds`], in microseconds.
const COMMIT_MICROS: [u64; 12] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];
/// Upper bounds of the classes of [`Metrics::batch_jobs`].
const BATCH_JOBS: [u64; 8] = [1, 2, 4, 8, 16, 64, 256, 1_024];

/// How often a value fell into each class.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    /// Not yet summed up: the last class is not written here, as the count tells it.
    classes: [Number; N],
    count: Number,
    sum: Number,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            classes: std::array::from_fn(|_| Number::default()),
            count: Number::default(),
            sum: Number::default(),
        }
    }

    fn observe(&self, value: u64) {
        let class = self.bounds.iter().position(|bound| value <= *bound);
        if let Some(class) = class.and_then(|class| self.classes.get(class)) {
            class.add(1);
        }
        self.count.add(1);
        self.sum.add(value);
    }

    /// `scale` values make one unit of what is written.
    fn write(&self, out: &mut String, name: &str, help: &str, scale: u64) {
        let scaled = |value: u64| value as f64 / scale as f64;
        describe(out, name, help, "histogram");
        let mut below = 0;
        for (bound, class) in self.bounds.iter().zip(&self.classes) {
            below += class.get();
            let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {below}", scaled(*bound));
        }
        // A value counted between the two reads must not make the last class smaller than the one before.
        let count = self.count.get().max(below);
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum {}", scaled(self.sum.get()));
        let _ = writeln!(out, "{name}_count {count}");
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    /// Time of a transaction, its wait for the disk included.
    pub commit_seconds: Histogram<12>,
    /// Jobs in one transaction.
    pub batch_jobs: Histogram<8>,
    /// Jobs handed over and not answered.
    pub queue_depth: Number,
    /// Jobs refused because the queue was full.
    pub queue_refusals: Number,
    /// Envelopes stored or known already.
    pub appended: Number,
    /// Envelope and blob bytes answered.
    pub read_bytes: Number,
    /// Clients waiting for news now.
    pub waiters: Number,
    /// Waits that ended with news.
    pub wakes: Number,
    /// Connections now.
    pub connections: Number,
    /// Sessions opened.
    pub sessions: Number,
    /// Envelopes and blobs refused because their mailbox was full.
    pub quota_refusals: Number,
    /// Requests refused because they came too fast.
    pub rate_refusals: Number,
    /// Envelopes and blobs retired.
    pub retired: Number,
    /// Mailboxes closed by their owners, each time.
    pub closed: Number,
    /// Mailboxes deleted by their owners.
    pub deleted: Number,
    /// Uploads nobody continued, dropped.
    pub orphan_blobs: Number,
    /// Sweeps that failed.
    pub sweep_failures: Number,
    /// Bytes of the database, as of the last sweep.
    pub db_bytes: Number,
}

impl Default for Metrics {
    fn default() -> Self {
        let zero = Number::default;
        Self {
            commit_seconds: Histogram::new(COMMIT_MICROS),
            batch_jobs: Histogram::new(BATCH_JOBS),
            queue_depth: zero(),
            queue_refusals: zero(),
            appended: zero(),
            read_bytes: zero(),
            waiters: zero(),
            wakes: zero(),
            connections: zero(),
            sessions: zero(),
            quota_refusals: zero(),
            rate_refusals: zero(),
            retired: zero(),
            closed: zero(),
            deleted: zero(),
            orphan_blobs: zero(),
            sweep_failures: zero(),
            db_bytes: zero(),
        }
    }
}

impl Metrics {
    pub(crate) fn commit(&self, took: Duration, jobs: usize) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commit_seconds.observe(micros);
        self.batch_jobs.observe(jobs as u64);
    }

    /// All of it, as Prometheus reads it.
    #[rustfmt::skip]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.commit_seconds.write(&mut out, "carnet_relay_append_commit_seconds",
            "Time of a write transaction, its wait for the disk included.", 1_000_000);
        self.batch_jobs.write(&mut out, "carnet_relay_batch_jobs", "Jobs written in one transaction.", 1);
        for (name, help, kind, number) in [
            ("queue_depth", "Jobs handed to the writer and not answered.", "gauge", &self.queue_depth),
            ("queue_refusals_total", "Jobs refused because the queue was full.", "counter", &self.queue_refusals),
            ("appended_total", "Envelopes stored or known already.", "counter", &self.appended),
            ("read_bytes_total", "Envelope and blob bytes answered.", "counter", &self.read_bytes),
            ("waiters", "Clients waiting for news.", "gauge", &self.waiters),
            ("wakes_total", "Waits that ended with news.", "counter", &self.wakes),
            ("connections", "Open connections.", "gauge", &self.connections),
            ("sessions_total", "Sessions opened.", "counter", &self.sessions),
            ("quota_refusals_total", "Envelopes and blobs refused because their mailbox was full.", "counter", &self.quota_refusals),
            ("rate_refusals_total", "Requests refused because they came too fast.", "counter", &self.rate_refusals),
            ("retired_total", "Envelopes and blobs retired.", "counter", &self.retired),
            ("closed_mailboxes_total", "Mailboxes closed because other keys followed.", "counter", &self.closed),
            ("deleted_mailboxes_total", "Mailboxes deleted by their owners.", "counter", &self.deleted),
            ("orphan_blobs_total", "Uploads nobody continued, dropped.", "counter", &self.orphan_blobs),
            ("sweep_failures_total", "Sweeps that failed.", "counter", &self.sweep_failures),
            ("db_bytes", "Bytes of the database as of the last sweep.", "gauge", &self.db_bytes),
        ] {
            let name = format!("carnet_relay_{name}");
            describe(&mut out, &name, help, kind);
            let _ = writeln!(out, "{name} {}", number.get());
        }
        out
    }
}

fn describe(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_sums_up_its_classes() {
        let metrics = Metrics::default();
        for micros in [100, 250, 251, 6_000_000] {
            metrics.commit(Duration::from_micros(micros), 3);
        }
        let text = metrics.text();
        for line in [
            "carnet_relay_append_commit_seconds_bucket{le=\"0.00025\"} 2",
            "carnet_relay_append_commit_seconds_bucket{le=\"0.0005\"} 3",
            "carnet_relay_append_commit_seconds_bucket{le=\"5\"} 3",
            "carnet_relay_append_commit_seconds_bucket{le=\"+Inf\"} 4",
            "carnet_relay_append_commit_seconds_sum 6.000601",
            "carnet_relay_append_commit_seconds_count 4",
            "carnet_relay_batch_jobs_bucket{le=\"2\"} 0",
            "carnet_relay_batch_jobs_bucket{le=\"4\"} 4",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_line_is_one_prometheus_reads_and_no_label_is_of_a_user() {
        let metrics = Metrics::default();
        metrics.waiters.add(3);
        metrics.waiters.sub(1);
        metrics.db_bytes.set(7);
        let text = metrics.text();
        assert!(text.contains("\ncarnet_relay_waiters 2\n"));
        assert!(text.ends_with("carnet_relay_db_bytes 7\n"));
        for line in text.lines().filter(|line| !line.starts_with("# ")) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_default();
            assert!(name.starts_with("carnet_relay_"), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let label = name.split_once('{').map(|(_, label)| label);
            assert!(
                label.is_none_or(|label| label.starts_with("le=\"")),
                "{line}"
            );
        }
    }
}
