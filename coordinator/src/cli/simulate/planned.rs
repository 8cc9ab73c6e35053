//! From the options and the run file to a plan, within bounds. Called by `simulate`. Invariants: an option
//! stands above the run file, the run file above a default; what a launch would refuse of a run file's
//! text is refused here; the files that it names are not looked at.

use std::path::Path;

use common::id::SiteId;
use common::limits::{ROUND_DEADLINE_S_MAX, ROUNDS_MAX};
use common::run::{ParticipationSettings, RunSpec, Train};

use super::arguments::Arguments;
use super::update::{self, Sizes};
use crate::error::{Error, Result};
use crate::execution::launch;
use crate::limits::{
    SIMULATED_RUNS_UNASKED_MAX, SIMULATED_RUNS_UNASKED_MIN, SIMULATED_SITES_MAX, SIMULATED_VISITS_MAX,
    SIMULATED_VISITS_UNASKED_MAX,
};
use crate::simulate::plan::{Machine, Network, Plan, SiteWork};
use crate::state_folder::config::RetentionConfig;

/// Without a run file.
const ROUNDS: u32 = 10;
/// Where nobody says it, in milliseconds.
const TRAIN_MS: u64 = 600_000;
/// A manifest beside its lists, a member of its roster, and a tensor of it: measured.
const MANIFEST_BYTES: usize = 1_000;
const MEMBER_BYTES: usize = 92;
const TENSOR_BYTES: usize = 90;
/// Two for each of seven linears in 24 layers, where no model says it.
const TENSORS: usize = 336;

/// What is simulated, and how often.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) runs: usize,
}

fn wrong(message: String, hint: &str) -> Error {
    Error::Argument { message, hint: hint.into() }
}

fn milliseconds(seconds: f64) -> u64 {
    // At least one, at most a week: `numbers` said so.
    (seconds * 1000.0).ceil() as u64
}

pub(super) fn plan(arguments: &Arguments, measured_mb_s: Option<f64>, cores: usize) -> Result<Planned> {
    let file = arguments.run.as_deref().map(launch::spec_of_file).transpose()?;
    let sites = sites(arguments, file.as_ref())?;
    let mut spec = match file {
        Some(spec) => spec,
        None => {
            without_a_file(arguments.sites_per_round.unwrap_or(sites.len()), arguments.evaluate_s.is_some())?
        }
    };
    override_with(arguments, &mut spec, sites.len())?;
    if spec.train == Train::Alone {
        let message =
            "the run file lets each site train alone, and a simulation is of rounds that are averaged";
        return Err(wrong(message.into(), "simulate the run in which the sites train together"));
    }
    let runs = runs(arguments, sites.len(), spec.rounds)?;
    // Last: it takes the locks.
    let Sizes { adapter: update_bytes, halves, tensors } = update(arguments, &spec)?;
    let line = |mbit: f64| mbit * 125.0;
    let aggregate_mb_s = arguments.aggregate_mb_s.or(measured_mb_s).unwrap_or(1.0);
    let plan = Plan {
        update_bytes,
        halves,
        manifest_bytes: (MANIFEST_BYTES + sites.len() * MEMBER_BYTES + tensors * TENSOR_BYTES) as u64,
        network: Network {
            up: line(arguments.uplink_mbit),
            down: line(arguments.downlink_mbit),
            coordinator: line(arguments.coordinator_mbit),
            round_trip_ms: arguments.round_trip_ms,
        },
        work: SiteWork {
            train_ms: arguments.train_s.map_or(TRAIN_MS, milliseconds),
            spread: arguments.spread,
            drop: arguments.drop,
            away_ms: arguments.away.min(ROUND_DEADLINE_S_MAX * 1000),
        },
        machine: Machine {
            average: aggregate_mb_s * 1000.0,
            cores,
            evaluate_ms: arguments.evaluate_s.map_or(0, milliseconds),
        },
        retention: RetentionConfig::default().rule(),
        sites,
        spec,
    };
    Ok(Planned { plan, runs })
}

/// Who takes part: by the option, by name in the run file, or as many as its quorum.
fn sites(arguments: &Arguments, file: Option<&RunSpec>) -> Result<Vec<SiteId>> {
    let named = file.and_then(|spec| spec.sites.as_ref()).map(|sites| sites.names.clone());
    if let (None, Some(mut names)) = (arguments.sites, named) {
        names.sort();
        return Ok(names);
    }
    let Some(count) = arguments.sites.or_else(|| file.map(|spec| spec.quorum.sites)) else {
        return Err(wrong("nobody said how many sites there are".into(), "give --sites N, or --run FILE"));
    };
    if !(1..=SIMULATED_SITES_MAX).contains(&count) {
        let message = format!("--sites is {count}, but must be 1 to {SIMULATED_SITES_MAX}");
        return Err(wrong(message, "give --sites N within these bounds"));
    }
    let names = (1..=count).map(|number| format!("site-{number:05}").parse::<SiteId>());
    names.collect::<std::result::Result<_, _>>().map_err(|error| Error::Internal(error.to_string()))
}

/// What a run file with nothing but defaults would say.
/// `sites` is how many train a round.
fn without_a_file(sites: usize, is_measured: bool) -> Result<RunSpec> {
    let quorum = sites / 2 + 1;
    let text = format!("name = \"simulated\"\nrounds = {ROUNDS}\n[quorum]\nsites = {quorum}\n[training]\n");
    let mut spec: RunSpec = toml::from_str(&text).map_err(|error| Error::Internal(error.to_string()))?;
    spec.validation = is_measured.then(|| "validation.jsonl".into());
    Ok(spec)
}

fn override_with(arguments: &Arguments, spec: &mut RunSpec, sites: usize) -> Result<()> {
    spec.rounds = arguments.rounds.unwrap_or(spec.rounds);
    spec.quorum.sites = arguments.quorum.unwrap_or(spec.quorum.sites);
    let of = |sites_per_round| ParticipationSettings { sites_per_round };
    spec.participation = arguments.sites_per_round.map(of).or(spec.participation);
    // Fractions of a second are a second: a run file has none.
    let whole_s = |ms: u64| ms.div_ceil(1000);
    spec.quorum.deadline_s = arguments.deadline.map_or(spec.quorum.deadline_s, whole_s);
    spec.quorum.grace_s = arguments.grace.map(whole_s).or(spec.quorum.grace_s);
    let quorum = &spec.quorum;
    let check = |is_fine: bool, message: String| {
        if is_fine { Ok(()) } else { Err(wrong(message, "`coordinator simulate --help` says what each is")) }
    };
    check(
        (1..=ROUNDS_MAX).contains(&spec.rounds),
        format!("--rounds is {}, but must be 1 to {ROUNDS_MAX}", spec.rounds),
    )?;
    let said = format!("a quorum of {} of {sites} sites: it must be 1 to {sites}", quorum.sites);
    check((1..=sites).contains(&quorum.sites), said)?;
    let (each, least) = (spec.participation.map_or(sites, |of| of.sites_per_round), quorum.sites);
    let said = format!("{each} of {sites} sites train a round: it must be the quorum, {least}, to {sites}");
    check((least..=sites).contains(&each), said)?;
    let said = format!("a deadline of {} s: it must be 1 s to a week", quorum.deadline_s);
    check((1..=ROUND_DEADLINE_S_MAX).contains(&quorum.deadline_s), said)?;
    let grace_s = quorum.grace_s.unwrap_or(0);
    let said =
        format!("a grace period of {grace_s} s: it must be at most the deadline, {} s", quorum.deadline_s);
    check(grace_s <= quorum.deadline_s, said)
}

/// How many simulations: those that are asked for, or as many as take some seconds.
fn runs(arguments: &Arguments, sites: usize, rounds: u32) -> Result<usize> {
    let visits = sites as u64 * u64::from(rounds);
    let unasked = (SIMULATED_VISITS_UNASKED_MAX / visits)
        .clamp(SIMULATED_RUNS_UNASKED_MIN, SIMULATED_RUNS_UNASKED_MAX)
        .min((SIMULATED_VISITS_MAX / visits).max(1));
    let runs = arguments.runs.unwrap_or(unasked);
    if visits.saturating_mul(runs) > SIMULATED_VISITS_MAX {
        let message = format!(
            "{sites} sites in {rounds} rounds, {runs} times over, are more than the {SIMULATED_VISITS_MAX} \
             that one command simulates"
        );
        return Err(wrong(message, "simulate fewer rounds (they are much alike), or give --runs 1"));
    }
    usize::try_from(runs).map_err(|error| Error::Internal(error.to_string()))
}

/// How large adapter and updates are, and of how many tensors.
fn update(arguments: &Arguments, spec: &RunSpec) -> Result<Sizes> {
    match (arguments.update_mb, &spec.model) {
        // At least a thousand bytes, at most 4 GiB.
        (Some(megabytes), _) => {
            let adapter = (megabytes * 1e6) as u64;
            // Whose shapes nobody knows has halves of one size.
            Ok(Sizes { adapter, halves: [adapter.div_ceil(2); 2], tensors: TENSORS })
        }
        (None, Some(folder)) => update::of_run(spec, Path::new(folder)),
        (None, None) => Err(wrong(
            "nobody said how large an update is".into(),
            "give --update-mb (35 for a 0.5B model at rank 16, 161 for 7B), or --run FILE with a model",
        )),
    }
}
