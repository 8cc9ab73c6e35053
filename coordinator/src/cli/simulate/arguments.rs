//! What `coordinator simulate` is asked, and its manual. Used by `simulate` and its parts. Invariant: each
//! number is within its bounds once clap has read it.

use std::path::PathBuf;

use ::cli::duration;

use super::numbers::{at_least_0, mb_s, mbit, megabytes, seconds, share, spread};
use crate::limits::{SIMULATED_ROUND_TRIP_MS_MAX, SIMULATED_RUNS_MAX};

const MANUAL: &str = "\
Say what a planned run will take: wall time, the parts of a round, bytes on the
wire, the coordinator's disk and memory, rounds without a quorum, and sites
that will be named missing. The coordinator's real scheduler runs in virtual
time between modelled sites, lines and a modelled machine, once for each of
some seeds; nothing is launched, and no site is asked. What is assumed stands
at the end.

With --run the run file says how many rounds and sites there are, the quorum,
how many of the sites train a round, the deadlines, the length of a round and
the rank; an option beside it says otherwise. The size of an update is that of
an adapter of this rank on the base model that the run file names, or
--update-mb.

A site trains for --train-s in the median. From site to site that varies by
--spread, the standard deviation of its logarithm (0.3: two of three sites are
between 0.74 and 1.35 times the median). --drop is the share of a round's sites
that lose their connection or their machine while they train; they come back
after --away in the median and go on where they were.

How fast updates are averaged is measured on this machine in a moment, by
hashing and adding memory as an average does; --aggregate-mb-s says it instead,
for another machine or a slow disk.

Examples:
  coordinator simulate --run RUN.toml --train-s 1800 --uplink-mbit 20
  coordinator simulate --sites 100 --update-mb 35 --train-s 600 --drop 5%
  coordinator simulate --sites 1000 --update-mb 161 --rounds 50 --json";

/// Say what a planned run will cost
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(in crate::cli) struct Arguments {
    /// The run file
    #[arg(long, value_name = "FILE")]
    pub(super) run: Option<PathBuf>,
    /// Sites that take part [default: those that the run file names, or its quorum]
    #[arg(long, value_name = "N")]
    pub(super) sites: Option<usize>,
    /// Size of an update in MB
    #[arg(long, value_name = "MB", value_parser = megabytes)]
    pub(super) update_mb: Option<f64>,
    /// From each site, in Mbit/s
    #[arg(long, value_name = "MBIT", value_parser = mbit, default_value = "100")]
    pub(super) uplink_mbit: f64,
    /// To each site, in Mbit/s
    #[arg(long, value_name = "MBIT", value_parser = mbit, default_value = "100")]
    pub(super) downlink_mbit: f64,
    /// The coordinator's own line, which all sites share, in Mbit/s each way
    #[arg(long, value_name = "MBIT", value_parser = mbit, default_value = "1000")]
    pub(super) coordinator_mbit: f64,
    /// A round trip between a site and the coordinator, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=SIMULATED_ROUND_TRIP_MS_MAX), default_value = "30")]
    pub(super) round_trip_ms: u64,
    /// Share of a round's sites that leave while they train
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    pub(super) drop: f64,
    /// How long they are away, in the median
    #[arg(long, value_name = "TIME", value_parser = duration::milliseconds, default_value = "10m")]
    pub(super) away: u64,
    /// How long a site trains in a round, in seconds, in the median [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) train_s: Option<f64>,
    /// How much that varies from site to site
    #[arg(long, value_name = "SPREAD", value_parser = spread, default_value = "0.3")]
    pub(super) spread: f64,
    /// Rounds [default: the run file's, or 10]
    #[arg(long, value_name = "N")]
    pub(super) rounds: Option<u32>,
    /// Sites that train a round, in turns [default: the run file's, or all]
    #[arg(long, value_name = "N")]
    pub(super) sites_per_round: Option<usize>,
    /// Updates that a round needs [default: the run file's, or more than half]
    #[arg(long, value_name = "N")]
    pub(super) quorum: Option<usize>,
    /// When a round closes with a quorum, or fails [default: the run file's, or 1h]
    #[arg(long, value_name = "TIME", value_parser = duration::milliseconds)]
    pub(super) deadline: Option<u64>,
    /// How long a round with a quorum waits for others [default: the run file's]
    #[arg(long, value_name = "TIME", value_parser = duration::milliseconds)]
    pub(super) grace: Option<u64>,
    /// One measurement of one model on a held-out set, in seconds; without a run
    /// file there is a validation set then
    #[arg(long, value_name = "SECONDS", value_parser = at_least_0)]
    pub(super) evaluate_s: Option<f64>,
    /// MB of updates that are averaged in a second [default: measured]
    #[arg(long, value_name = "MB_S", value_parser = mb_s)]
    pub(super) aggregate_mb_s: Option<f64>,
    /// The first seed
    #[arg(long, default_value = "1")]
    pub(super) seed: u64,
    /// Simulations, a seed each [default: 21, fewer of a large run]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SIMULATED_RUNS_MAX))]
    pub(super) runs: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}
