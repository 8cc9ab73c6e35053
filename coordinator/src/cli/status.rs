//! `coordinator status`: where a run stands. Called by `cli`; `launch` shows its table at the end of a run.
//! Invariant: it says the same with and without a running `serve`.

use std::fmt::Write;

use common::progress::steps;

use super::{offline, output};
use crate::admin::client;
use crate::admin::message::{Answer, Command};
use crate::admin::report::{self, RunReport};
use crate::error::{Error, Result};
use crate::round::state::Metrics;
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
Show a run (the newest, or RUN by its id or the beginning of it): its phase,
what each round reached on the validation set, how much the averaging lost
(aggregation error), when the test set was opened and what was found, and what
each site is doing and weighs in the average. Works while `serve` runs and while
it does not.

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

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let report = match client::ask(folder, &Command::Status { run: arguments.run.clone() }) {
        Ok(Answer::Run { report }) => *report,
        Err(Error::NotRunning(_)) => read_report(folder, arguments.run.as_deref())?,
        Ok(_) => return Err(Error::Internal("the coordinator answered something else".into())),
        Err(error) => return Err(error),
    };
    if arguments.json { output::print_json(&report) } else { output::print_line(table(&report).trim_end()) }
}

fn read_report(folder: &StateFolder, run: Option<&str>) -> Result<RunReport> {
    let (store, runs) = offline::open_runs(folder)?;
    let state = runs.choose(run)?;
    report::run_report(&store, &state)
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
    if let Some(reason) = &report.failure {
        let _ = writeln!(text, "failed: {reason}");
    }
    let _ = writeln!(
        text,
        "\n{:<16}{:>10}{:>12}{:>11}{:>13}{:>12}",
        "model", "loss", "perplexity", "accuracy", "aggr. error", "overhead"
    );
    row(&mut text, "base", report.base.as_ref(), None, None);
    for round in &report.history {
        let name = format!("round {}", round.round);
        row(&mut text, &name, round.validation.as_ref(), round.aggregation_error, round.overhead_ms);
    }
    if !report.test.openings.is_empty() {
        row(&mut text, "base, test", report.test.base.as_ref(), None, None);
        row(&mut text, "final, test", report.test.federated.as_ref(), None, None);
        let _ = writeln!(text, "test set opened: {}", report.test.openings.join(", "));
    }
    sites(&mut text, report);
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn sites(text: &mut String, report: &RunReport) {
    // A short name's column is short, so that the table fits a terminal.
    let width = report.sites.iter().map(|site| site.site.len()).max().unwrap_or(0).max(SITE_COLUMNS) + 1;
    let _ = writeln!(
        text,
        "\n{:<width$}{:<10}{:>12}{:>10}{:>9}{:>14}",
        "site", "state", "step", "records", "weight", "bytes sent"
    );
    for site in &report.sites {
        let steps =
            steps(u64::from(site.step), u64::from(site.total_steps)).unwrap_or_else(|| "-".to_owned());
        let records = site.records.map_or_else(|| "-".to_owned(), |records| records.to_string());
        let weight = site.weight.map_or_else(|| "-".to_owned(), |weight| format!("{:.1} %", weight * 100.0));
        let _ = writeln!(
            text,
            "{:<width$}{:<10}{steps:>12}{records:>10}{weight:>9}{:>14}",
            site.site, site.state, site.bytes_sent
        );
        if let Some(code) = &site.failure {
            let _ = writeln!(text, "  takes no part in this round: {} ({code})", failure_in_words(code));
        }
    }
}

/// What a site's failure code means, for the operator, who can only ask the site's people to mend it.
fn failure_in_words(code: &str) -> &'static str {
    match code {
        "no_records" => "none of its records may be trained on",
        "data_unreadable" => "its records cannot be read",
        "base_mismatch" => "its base model is another one than the run's",
        "base_unreadable" => "its base model cannot be loaded",
        "out_of_memory" => "it ran out of memory",
        "worker_failed" => "its training failed again and again",
        "update_rejected" => "its update did not pass its own check",
        "not_allowed" => "its policy does not allow the run",
        "overlap_failed" => "its records could not be compared with the held-out set",
        _ => "for a reason that this version does not know",
    }
}

/// A site's name has at least so many columns.
const SITE_COLUMNS: usize = 23;

fn row(
    text: &mut String,
    name: &str,
    metrics: Option<&Metrics>,
    error: Option<f64>,
    overhead_ms: Option<u64>,
) {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let accuracy =
        metrics.map_or_else(|| "-".to_owned(), |metrics| format!("{:.2} %", metrics.token_accuracy * 100.0));
    let overhead = overhead_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    let _ = writeln!(
        text,
        "{name:<16}{:>10}{:>12}{accuracy:>11}{:>13}{overhead:>12}",
        number(metrics.map(|metrics| metrics.loss), 4),
        number(metrics.map(|metrics| metrics.perplexity), 2),
        number(error, 4),
    );
}
