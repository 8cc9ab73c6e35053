//! The demo's last words: what was learnt, what left each site, where the time went.
//!
//! Called by `demo::summary`. Plain text, at most 80 columns, no colour: it is pasted into mails and CI logs.

use super::format;
use super::report::{Held, Report, Round, SiteReport};

const COLUMNS: usize = 80;
/// Longest site name shown in full; longer ones are cut with a sign that they are.
const NAME_COLUMNS: usize = 18;

/// The whole summary, ending with a newline.
pub(super) fn render(report: &Report) -> String {
    let mut lines = Vec::new();
    learning(report, &mut lines);
    lines.push(String::new());
    sites(&report.sites, &mut lines);
    lines.push(String::new());
    times(report, &mut lines);
    lines.join("\n") + "\n"
}

fn learning(report: &Report, lines: &mut Vec<String>) {
    lines.push("HELD-OUT QUALITY".to_owned());
    lines.push(row("model", "set", ["loss", "perplexity", "accuracy", "aggr. error"]));
    lines.push("-".repeat(COLUMNS));
    if let Held {
        validation_loss: Some(loss),
        validation_perplexity: Some(perplexity),
        validation_token_accuracy: Some(accuracy),
        ..
    } = report.base
    {
        lines.push(quality("base model", "validation", loss, perplexity, accuracy, None));
    }
    lines.extend(report.rounds.iter().map(round));
    lines.push(test("base model", &report.base));
    lines.push(test("federated, final", &report.last));
    let change = report.improvement() * 100.0;
    let direction = if change >= 0.0 { "lower" } else { "HIGHER" };
    lines.push(format!(
        "The federated model's test loss is {:.1} % {direction} than the base model's.",
        change.abs()
    ));
}

fn round(round: &Round) -> String {
    quality(
        &format!("after round {}", round.round),
        "validation",
        round.validation_loss,
        round.validation_perplexity,
        round.validation_token_accuracy,
        round.aggregation_error,
    )
}

fn test(model: &str, held: &Held) -> String {
    quality(model, "test", held.test_loss, held.test_perplexity, held.test_token_accuracy, None)
}

fn quality(model: &str, set: &str, loss: f64, perplexity: f64, accuracy: f64, error: Option<f64>) -> String {
    let error = error.map(|error| format!("{error:.4}")).unwrap_or_default();
    row(
        model,
        set,
        [&format::loss(loss), &format::perplexity(perplexity), &format::percent(accuracy), &error],
    )
}

fn row(model: &str, set: &str, [loss, perplexity, accuracy, error]: [&str; 4]) -> String {
    format!("{model:<20} {set:<12} {loss:>9} {perplexity:>12} {accuracy:>10} {error:>12}")
        .trim_end()
        .to_owned()
}

fn sites(sites: &[SiteReport], lines: &mut Vec<String>) {
    lines.push("WHAT LEFT EACH SITE".to_owned());
    lines.push(site_row("site", ["records", "weight", "bytes sent", "frames", "ledger", "2nd verifier"]));
    lines.push("-".repeat(COLUMNS));
    for site in sites {
        let second = match site.ledger_verified_by_python {
            Some(true) => "verified",
            Some(false) => "FAILED",
            None => "no python3",
        };
        let first = if site.ledger_verified { "verified" } else { "FAILED" };
        let (records, sent) = (format::grouped(site.records), format::grouped(site.bytes_sent));
        let frames = format::grouped(site.frames_sent);
        let weight = site.weight.map_or_else(String::new, |weight| format!("{weight:.3}"));
        lines.push(site_row(&shortened(&site.name), [&records, &weight, &sent, &frames, first, second]));
    }
}

fn site_row(name: &str, [records, weight, sent, frames, first, second]: [&str; 6]) -> String {
    format!("{name:<NAME_COLUMNS$} {records:>8} {weight:>6} {sent:>13} {frames:>7}  {first:<9} {second}")
        .trim_end()
        .to_owned()
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_COLUMNS {
        return name.to_owned();
    }
    name.chars().take(NAME_COLUMNS - 1).chain(['~']).collect()
}

fn times(report: &Report, lines: &mut Vec<String>) {
    let timings = &report.timings;
    let overhead = match timings.worst_round_overhead_s {
        Some(overhead) => format!(", at most {overhead:.2} s a round outside training and evaluation"),
        None => String::new(),
    };
    lines.push(format!(
        "Took {}: set-up {}, run {}{overhead}.",
        format::seconds(timings.total_s),
        format::seconds(timings.setup_s),
        format::seconds(timings.run_s),
    ));
    // Two lines where one would be wider than the terminal.
    if let Some(last) = lines.last_mut()
        && last.len() > COLUMNS
        && let Some(cut) = last.find(", at most")
    {
        let rest = last.split_off(cut + 2);
        last.truncate(cut + 1);
        lines.push(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::example;
    use super::*;

    #[test]
    fn every_line_fits_a_terminal() {
        let mut report = example::report();
        report.sites[0].name = "a-hospital-with-an-exceptionally-long-name".to_owned();
        report.sites[0].bytes_sent = 9_999_999_999;
        let text = render(&report);
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
        }
    }

    #[test]
    fn the_table_says_what_matters() {
        let text = render(&example::report());
        for expected in
            ["5.8700", "after round 2", "21.39 %", "0.0312", "1,234,567", "verified", "11.9 % lower"]
        {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn a_failed_ledger_is_loud() {
        let mut report = example::report();
        report.sites[1].ledger_verified = false;
        assert!(render(&report).contains("FAILED"));
        assert!(!report.ledgers_verified());
    }
}
