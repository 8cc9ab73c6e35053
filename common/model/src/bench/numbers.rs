//! Numbers about times and memory. Used by `bench`, `bench::gemm`, `model-bench` and the example `measure`.
//! Invariant: what cannot be read is 0 or `None`, never an error.

/// The middle value (the upper of two), `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// `VmHWM` of `/proc/PROCESS/status` (a process id or `self`), in bytes; 0 where it cannot be read.
#[must_use]
pub fn peak_rss_bytes(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1_024
}
