//! `coordinator status`: where a run stands. Called by `cli`; `launch` shows its table at the end of a run.
//! Invariant: it says the same with and without a running `serve`.

use std::fmt::Write;

use common::clock::{Clock as _, SystemClock};
use common::progress::steps;

use super::{baselines, offline, output, own_scores};
use crate::admin::client::{self, Door};
use crate::admin::report::aggregation_error::{self, ErrorReport};
use crate::admin::report::{self, RunReport};
use crate::error::{Error, Result};
use crate::execution::performer::Trouble;
use crate::round::missing::failure_in_words;
use crate::round::state::Metrics;
use crate::state_folder::{StateFolder, alive};

const MANUAL: &str = "\
Show a run (the newest, or RUN by its id or the beginning of it): its phase,
what each round reached on the validation set, how much the averaging lost
(aggregation error: it comes after the round is published, exact with few sites
and with its standard error from random probes with many), when the test set was
opened and what was found, and what each site is doing, in how many closed
rounds it counts, and what it weighs in the last average that it was in. Bytes
are what arrived of it since the launch of this run. Says who did not count and
why, and while no `serve` runs, when one lived last. Works while `serve` runs
and while it does not.

Example:
  coordinator status
  coordinator status 5f0c --json";

/// Show a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it [default: the newest run]
    run: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let report = match (client::status(door, arguments.run.as_deref()), door) {
        (Err(Error::NotRunning(_)), Door::Here(folder)) => read_report(folder, arguments.run.as_deref())?,
        (answer, _) => answer?,
    };
    if arguments.json { output::print_json(&report) } else { output::print_line(table(&report).trim_end()) }
}

fn read_report(folder: &StateFolder, run: Option<&str>) -> Result<RunReport> {
    let (store, runs) = offline::open_runs(folder)?;
    let state = runs.choose(run)?;
    let report = report::run_report(&store, &runs, &state, 0, SystemClock.now())?;
    let down_since = alive::last(folder).map(report::rfc3339).unwrap_or_default();
    // The open round gets its full time again when `serve` starts.
    Ok(RunReport { down_since: Some(down_since), closes: None, ..report })
}

/// The report as text for people.
pub(super) fn table(report: &RunReport) -> String {
    let mut text = format!(
        "run {} ({}): {}, round {} of {}\n",
        report.run,
        report.name,
        report.phase.replace('_', " "),
        report.round,
        report.rounds
    );
    if let Some(count) = report.sites_per_round {
        let _ = writeln!(text, "{count} of its {} sites train each round, in turns", report.sites.len());
    }
    if let Some(reason) = &report.failure {
        let _ = writeln!(text, "failed: {reason}");
    }
    if let Some(origin) = &report.origin {
        let _ = writeln!(text, "it goes on from run {origin}");
    }
    waiting(&mut text, report);
    let _ = writeln!(
        text,
        "\n{:<16}{:>10}{:>12}{:>11}{:>18}{:>12}",
        "model", "loss", "perplexity", "accuracy", "aggr. error", "overhead"
    );
    row(&mut text, "base", report.base.as_ref(), String::from("-"), None);
    for round in report.history.iter().filter(|_| !report.alone) {
        let name = format!("round {}", round.round);
        let found = round.aggregation_error_found.as_ref();
        let error = match &round.not_adopted {
            Some(_) => "not adopted".to_owned(),
            None => ErrorReport::short(round.aggregation_error, found),
        };
        row(&mut text, &name, round.validation.as_ref(), error, round.overhead_ms);
    }
    if !report.test.openings.is_empty() {
        if !report.alone {
            row(&mut text, "base, test", report.test.base.as_ref(), String::from("-"), None);
            row(&mut text, "final, test", report.test.federated.as_ref(), String::from("-"), None);
        }
        let _ = writeln!(text, "test set opened: {}", report.test.openings.join(", "));
    }
    let rounds = report.history.iter().map(|round| (round.round, round.aggregation_error_found.as_ref()));
    for note in aggregation_error::notes(rounds) {
        let _ = writeln!(text, "{note}");
    }
    sites(&mut text, report);
    if let Some(shown) = &report.side_by_side {
        text.push_str(&baselines::line(shown, report.alone));
    }
    if let Some(scores) = &report.own_scores {
        text.push_str(&own_scores::line(scores));
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

/// What holds the run up, and until when it waits.
fn waiting(text: &mut String, report: &RunReport) {
    let is_over = matches!(report.phase.as_str(), "finished" | "failed");
    match report.down_since.as_deref().filter(|_| !is_over) {
        Some("") => text.push_str("no coordinator is running: nothing happens until `coordinator serve`\n"),
        Some(at) => {
            let _ = writeln!(
                text,
                "no coordinator is running; it was last alive at {at}\nnothing happens until `coordinator serve`"
            );
        }
        None => {}
    }
    if let Some(Trouble { what, reason, .. }) = &report.trouble {
        let _ = writeln!(text, "it cannot {what} now, and tries again: {reason}");
    }
    if report.phase == "queued" {
        text.push_str("it waits for its turn, and its sites know nothing of it yet\n");
    }
    if let Some(at) = &report.closes {
        let what = if report.phase == "proposed" { "proposal" } else { "round" };
        let _ = writeln!(text, "the {what} ends at {at} at the latest");
    }
}

fn sites(text: &mut String, report: &RunReport) {
    // A short name's column is short, so that the table fits a terminal.
    let width = report.sites.iter().map(|site| site.site.len()).max().unwrap_or(0).max(SITE_COLUMNS) + 1;
    let _ = writeln!(
        text,
        "\n{:<width$}{:<11}{:>10}{:>8}{:>10}{:>9}{:>12}",
        "site", "state", "step", "rounds", "records", "weight", "bytes"
    );
    for site in &report.sites {
        let steps =
            steps(u64::from(site.step), u64::from(site.total_steps)).unwrap_or_else(|| "-".to_owned());
        let rounds = match site.closed_rounds {
            0 => "-".to_owned(),
            closed => format!("{}/{closed}", site.counted_rounds),
        };
        let records = site.records.map_or_else(|| "-".to_owned(), |records| records.to_string());
        let weight = site.weight.map_or_else(|| "-".to_owned(), |weight| format!("{:.1} %", weight * 100.0));
        let _ = writeln!(
            text,
            "{:<width$}{:<11}{steps:>10}{rounds:>8}{records:>10}{weight:>9}{:>12}",
            site.site,
            site.state.replace('_', " "),
            site.bytes_sent
        );
        if let Some(code) = &site.failure {
            let _ = writeln!(text, "  takes no part in this round: {} ({code})", failure_in_words(code));
        }
    }
}

/// A site's name has at least so many columns.
const SITE_COLUMNS: usize = 18;

fn row(text: &mut String, name: &str, metrics: Option<&Metrics>, error: String, overhead_ms: Option<u64>) {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let accuracy =
        metrics.map_or_else(|| "-".to_owned(), |metrics| format!("{:.2} %", metrics.token_accuracy * 100.0));
    let overhead = overhead_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    let _ = writeln!(
        text,
        "{name:<16}{:>10}{:>12}{accuracy:>11}{error:>18}{overhead:>12}",
        number(metrics.map(|metrics| metrics.loss), 4),
        number(metrics.map(|metrics| metrics.perplexity), 2),
    );
}
