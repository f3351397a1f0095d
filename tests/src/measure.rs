//! What work costs: CPU seconds and peak memory, of this process and of others. Time by the wall is printed, never judged:
//! build machines are shared.

use std::path::Path;
use std::time::Duration;

/// CPU seconds (user and system, all threads) this process has used.
pub fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Peak resident memory of this process, in KiB.
pub fn own_peak_kib() -> u64 {
    peak_kib(Path::new("/proc/self")).unwrap_or(0)
}

/// Resident memory of this process now, in KiB.
pub fn own_resident_kib() -> u64 {
    status_kib(Path::new("/proc/self"), "VmRSS:").unwrap_or(0)
}

/// Resident memory of another process now, in KiB.
pub fn resident_kib(pid: u32) -> Option<u64> {
    status_kib(Path::new(&format!("/proc/{pid}")), "VmRSS:")
}

/// Peak resident memory of a running process, in KiB, by its folder below `/proc`.
pub fn peak_kib(process: &Path) -> Option<u64> {
    status_kib(process, "VmHWM:")
}

fn status_kib(process: &Path, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// CPU time of another process, in steps of the kernel's clock (10 ms).
pub fn cpu_of(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields count from after it: utime is the 12th, stime the 13th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The value below which `share` (0 to 1) of the samples lie.
pub fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = (share * last as f64).ceil() as usize;
    sorted.get(at.min(last)).copied().unwrap_or(f64::NAN)
}
