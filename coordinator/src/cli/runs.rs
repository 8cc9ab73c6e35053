//! `coordinator runs`: all runs of the consortium. Called by `cli`. Invariant: it only reads the state
//! folder.

use super::{offline, output};
use crate::admin::client::Door;
use crate::admin::listed::RunRow;
use crate::admin::message::{Answer, Command};
use crate::error::Result;

const MANUAL: &str = "\
List every run, oldest first: the first digits of its id (all of them in JSON),
when it was launched, how long it took or has taken so far, its phase, the
rounds that were published, the loss on the validation set after the newest of
them, and its name. Runs that wait for their turn come last. Works while `serve` runs and while it does not.

Examples:
  coordinator runs
  coordinator runs --json | jq -r '.[].run'";

/// List all runs
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let Answer::Runs { runs } = offline::books(door, &Command::Runs)? else {
        return Err(offline::unexpected());
    };
    if arguments.json {
        return output::print_json(&runs);
    }
    output::print_line(&line(["run", "launched", "took", "phase", "rounds", "loss", "name"]))?;
    runs.iter().try_for_each(|row| output::print_line(&shown(row)))
}

/// A row for a terminal; with a name of up to eight columns it fits 80.
fn shown(row: &RunRow) -> String {
    let loss = row.validation_loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.4}"));
    line([
        // Eight digits tell runs apart, and are enough for every command.
        row.run.get(..8).unwrap_or(&row.run),
        &row.launched,
        &span(row.duration_s),
        &row.phase.replace('_', " "),
        &format!("{}/{}", row.published, row.rounds),
        &loss,
        &row.name,
    ])
}

fn line([run, launched, took, phase, rounds, loss, name]: [&str; 7]) -> String {
    format!("{run:<8}  {launched:<20}  {took:>7}  {phase:<12}  {rounds:>6}  {loss:>7}  {name}")
}

/// `45s`, `3m 12s`, `2h 03m`, `9d 04h`.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {:02}m", minutes % 60),
        (_, _, _) => format!("{days}d {:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::*;

    #[test]
    fn a_row_has_date_duration_and_score_and_fits_a_terminal() {
        let row = RunRow {
            run: "0123456789abcdef".into(),
            name: "medqa-zh".into(),
            launched: Timestamp(1_700_000_000_000).rfc3339(),
            ended: None,
            duration_s: 7_384,
            phase: "test_pending".into(),
            rounds: 100,
            published: 7,
            validation_loss: Some(2.93514),
            test_loss: None,
            failure: None,
        };
        let text = shown(&row);
        assert_eq!(text, "01234567  2023-11-14T22:13:20Z   2h 03m  test pending   7/100   2.9351  medqa-zh");
        assert_eq!(text.len(), 80);
        let none = shown(&RunRow { validation_loss: None, ..row });
        assert!(none.contains("      -  medqa-zh"), "{none}");
        assert_eq!([0, 59, 192, 7_384, 791_999].map(span), ["0s", "59s", "3m 12s", "2h 03m", "9d 03h"]);
    }
}
