//! What a prediction rests on, in sentences. Called by `simulate`. Invariant: whatever the model leaves out
//! or takes for granted, and matters to a plan, stands here.

use ::cli::comparison::format::percent;
use ::cli::duration::span;
use common::limits::SITES_MAX;

use super::arguments::Arguments;
use super::planned::Planned;

pub(super) fn of(arguments: &Arguments, planned: &Planned, measured_mb_s: Option<f64>) -> Vec<String> {
    let (plan, mut said) = (&planned.plan, Vec::new());
    let mut say = |sentence: String| said.push(sentence);
    if plan.sites.len() > SITES_MAX {
        say(format!(
            "this version takes {SITES_MAX} sites: a run of {} cannot be launched",
            plan.sites.len()
        ));
    }
    let (train, spread) = (span(plan.work.train_ms as f64 / 1000.0), plan.work.spread);
    let whose = if arguments.train_s.is_some() { "" } else { "; nobody said so: give --train-s" };
    say(format!("a site trains for {train} in the median, spread {spread} (log-normal){whose}"));
    if plan.work.drop > 0.0 {
        let (share, away) = (percent(plan.work.drop), span(plan.work.away_ms as f64 / 1000.0));
        say(format!(
            "{share} of a round's sites leave while they train, for {away} in the median (log-normal)"
        ));
    }
    say(format!(
        "lines: {} Mbit/s from and {} to each site, {} at the coordinator, equal shares, {} ms there and back; \
         nothing else uses them, and nothing is lost",
        arguments.uplink_mbit, arguments.downlink_mbit, arguments.coordinator_mbit, arguments.round_trip_ms
    ));
    if let Some(of) = plan.spec.participation {
        say(format!("{} of the sites train each round, in turns; the others rest", of.sites_per_round));
    }
    let speed = plan.machine.average / 1000.0;
    say(match measured_mb_s {
        Some(_) => format!(
            "updates are averaged at {speed:.0} MB/s: measured in this machine's memory just now, so that a disk \
             slower than that, or updates that do not fit in memory, take longer"
        ),
        None => format!("updates are averaged at {speed} MB/s, as given"),
    });
    if plan.spec.aggregation.robust_rule().is_some() {
        say("a robust combination is counted as fast as the mean; it is slower, the more sites the more"
            .into());
    }
    let has_held_out = plan.spec.validation.is_some() || plan.spec.test.is_some();
    if has_held_out && arguments.evaluate_s.is_none() {
        say("measuring the held-out sets takes no time here: give --evaluate-s".into());
    }
    if has_held_out && plan.spec.overlap.enabled {
        say("the comparison with the held-out set, once a run, is not counted: 17 points of 32 bytes a record, each way".into());
    }
    if !plan.spec.evaluation.suites.is_empty() || plan.spec.evaluation.forgetting {
        say("suites, and what was forgotten, are asked when the run is over, and not counted".into());
    }
    if plan.spec.evaluation.sites.score {
        say("sites measure the result on their own records when the run is over, which is not counted".into());
    }
    say("all sites have agreed and are connected when the run begins, and may train and send at any hour; each round is adopted".into());
    if arguments.run.is_some() {
        say("the model and the held-out files that the run file names were not looked at, as a launch does"
            .into());
    }
    say("what stays on the disk follows the defaults of [retention]; other runs' files are not counted"
        .into());
    said
}
