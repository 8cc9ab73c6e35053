//! What a simulation is told: the planned run, its sites, their lines and the machine. Made by
//! `cli::simulate`; used by `world` and its parts. Invariant: plain numbers; who makes a plan keeps them
//! within `limits`.

use common::clock::Timestamp;
use common::id::{Digest, Round, RunId, SiteId};
use common::run::{Factors, RunSpec};

use crate::round::launched::{LaunchedRun, PinnedFile};
use crate::round::retention::Rule;

/// A planned run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Who takes part, sorted.
    pub sites: Vec<SiteId>,
    /// The run file, or what stands for one.
    pub spec: RunSpec,
    /// Length of an adapter, and so of an update that holds all of it, in bytes.
    pub update_bytes: u64,
    /// Length of an update that holds A alone, and of one that holds B alone.
    pub halves: [u64; 2],
    /// Length of the run's manifest in bytes.
    pub manifest_bytes: u64,
    /// What connects them.
    pub network: Network,
    /// What a site does in a round.
    pub work: SiteWork,
    /// The coordinator's machine.
    pub machine: Machine,
    /// What stays on its disk.
    pub retention: Rule,
}

/// Lines, in bytes a millisecond (1 Mbit/s is 125); each above 0.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// From each site.
    pub up: f64,
    /// To each site.
    pub down: f64,
    /// The coordinator's, in each direction.
    pub coordinator: f64,
    /// A round trip.
    pub round_trip_ms: u64,
}

/// How long sites train, and how often they are away.
#[derive(Debug, Clone, Copy)]
pub struct SiteWork {
    /// Median of the time from having the adapter to having the update.
    pub train_ms: u64,
    /// Standard deviation of its logarithm from site to site; from round to round a fifth of that.
    pub spread: f64,
    /// Share of a round's sites that leave while they train it, 0 to 1.
    pub drop: f64,
    /// Median of the time for which they are away.
    pub away_ms: u64,
}

/// What the coordinator's machine does.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Bytes of updates that it averages in a millisecond on all its cores; above 0.
    pub average: f64,
    /// Its cores.
    pub cores: usize,
    /// One measurement of one model on the held-out set; 0 where none is told.
    pub evaluate_ms: u64,
}

/// Bytes of a digest that say what file of a simulation it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Manifest,
    Initial,
    Update,
    Aggregate,
    FirstMoment,
    SecondMoment,
}

impl File {
    /// The name of a file. There is nothing to hash: names differ where files do.
    pub(super) fn name(self, round: u32, site: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes[0] = self as u8 + 1;
        bytes[8..12].copy_from_slice(&round.to_le_bytes());
        bytes[16..24].copy_from_slice(&(site as u64).to_le_bytes());
        Digest(bytes)
    }
}

impl Plan {
    /// The launched run. Its sites have agreed; held-out sets are there where their measurement has a time.
    pub(super) fn launched(&self) -> LaunchedRun {
        let pinned =
            |ms: u64| (ms > 0).then(|| PinnedFile { path: "held-out".into(), digest: Digest([0; 32]) });
        LaunchedRun {
            run: RunId([0; 8]),
            model: "model".into(),
            model_fingerprint: Digest([0; 32]),
            sites: self.sites.clone(),
            validation: pinned(self.validation_ms()),
            test: pinned(self.test_ms()),
            // They are asked when the run is over, and no round waits for them.
            suites: Vec::new(),
            manifest: File::Manifest.name(0, 0),
            manifest_bytes: self.manifest_bytes,
            initial: File::Initial.name(0, 0),
            adapter_bytes: self.update_bytes,
            overlap: None,
            origin: None,
            beside: None,
            test_openings_before: 0,
            needs_approval: false,
            queued: None,
            sent_before: Default::default(),
            spec: self.spec.clone(),
        }
    }

    /// What one measurement on the validation set takes; 0 without one.
    pub(super) fn validation_ms(&self) -> u64 {
        self.spec.validation.as_ref().map_or(0, |_| self.machine.evaluate_ms)
    }

    /// What that of base and final model on the test set takes; 0 without one.
    pub(super) fn test_ms(&self) -> u64 {
        self.spec.test.as_ref().map_or(0, |_| self.machine.evaluate_ms.saturating_mul(2))
    }

    /// What is on the disk before the first round, and how long it is.
    pub(super) fn first_files(&self) -> [(Digest, u64); 2] {
        [(File::Manifest.name(0, 0), self.manifest_bytes), (File::Initial.name(0, 0), self.update_bytes)]
    }

    /// Length of an update of a round.
    pub(super) fn sent_bytes(&self, round: u32) -> u64 {
        match self.spec.aggregation.method.factors(Round(round), self.spec.rounds) {
            Factors::Both => self.update_bytes,
            Factors::A => self.halves[0],
            Factors::B => self.halves[1],
        }
    }

    /// What averaging so many files of this length takes.
    pub(super) fn average_ms(&self, bytes: u64, files: usize) -> u64 {
        // Saturating, as conversions of floats are.
        (bytes as f64 * files as f64 / self.machine.average).ceil() as u64
    }
}

/// A moment of virtual time, as the scheduler takes it.
pub(super) fn moment(ms: u64) -> Timestamp {
    Timestamp(ms)
}
