//! One row: averages the updates of so many sites and measures the error, as `serve` does. Called by `main`
//! in a process of its own. Invariant: time is that of the work alone, not of making the files ready.

use std::time::Instant;

use common::id::{Digest, SiteId};
use common::run::{Factors, Weighting};
use coordinator::aggregate::Input;
use coordinator::execution::averaging::{self, Averaging};
use coordinator::round::accuracy::Method;
use coordinator::state_folder::blobs;
use serde::{Deserialize, Serialize};

use super::arguments::{Failure, RowOf};
use super::updates;

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) sites: usize,
    pub(crate) update_bytes: u64,
    /// From the updates to the named average: hashes, mean, comparison of the sites, bounds, fsync.
    pub(crate) aggregate_s: f64,
    /// The hashes again, and the aggregation error on half of the cores; nothing waits for it.
    pub(crate) error_s: f64,
    pub(crate) coordinator_peak_rss_bytes: u64,
    pub(crate) aggregation_error: f64,
    /// `null` where it is exact.
    pub(crate) aggregation_error_standard_error: Option<f64>,
}

impl Row {
    /// The error and how exact it is.
    pub(crate) fn shown_error(&self) -> String {
        match self.aggregation_error_standard_error {
            Some(error) => format!("{:.6} +- {error:.6}", self.aggregation_error),
            None => format!("{:.6} (exact)", self.aggregation_error),
        }
    }
}

/// Measures it.
pub(crate) fn measure(of: &RowOf) -> Result<Row, Failure> {
    let failed = |error: coordinator::error::Error| Failure::ours(error.to_string());
    let tensors = updates::tensors(of.update_mb);
    let input = |site: usize| {
        let path = updates::path(&of.folder, site);
        let name: SiteId = format!("site-{site}")
            .parse()
            .map_err(|_| Failure::ours("a site's name is refused".to_owned()))?;
        let digest = blobs::digest_of(&path).map_err(failed)?;
        Ok((Input { site: name, path, records: 200 + site as u64 }, digest))
    };
    let inputs = (0..of.sites).map(input).collect::<Result<Vec<_>, Failure>>()?;
    let last = updates::last(&of.folder);
    let out = of.folder.join("average");
    let weighting = Weighting::Capped;
    let averaging = Averaging {
        inputs: &inputs,
        combining: weighting.into(),
        tensors: &tensors,
        factors: Factors::Both,
        last: &last,
    };
    let started = Instant::now();
    averaging.write(&out).map_err(failed)?;
    blobs::digest_of(&out).map_err(failed)?;
    let aggregate_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let error = averaging::error(&inputs, weighting, &tensors, Digest::of(b"round-bench")).map_err(failed)?;
    let error_s = started.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(&last).map_or(0, |facts| facts.len());
    Ok(Row {
        sites: of.sites,
        update_bytes: bytes,
        aggregate_s,
        error_s,
        coordinator_peak_rss_bytes: peak_rss_bytes(),
        aggregation_error: error.value,
        aggregation_error_standard_error: match error.method {
            Method::Exact => None,
            Method::Probes { standard_error, .. } => Some(standard_error),
        },
    })
}

/// The largest resident set of this process so far; 0 where the system does not say.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or(0, |kib| kib * 1024)
}
