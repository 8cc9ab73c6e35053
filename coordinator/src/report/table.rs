//! A run's report on a terminal: what came out, what left each site, where the time went.
//!
//! Called by `cli::report` and by the demo. Plain text, at most 80 columns (a Chinese character takes two),
//! no colour: it is pasted into mails and CI logs, and there is nothing for `NO_COLOR` to switch off.

mod baselines;
mod changes;
mod own_scores;
mod samples;

use common::language::Language;
use common::progress::{COLUMNS, cut, wrapped};

use super::baselines::words as b;
use super::document::{Held, Report, Round, SiteReport};
use super::sentences::{sentences, sites_per_round};
use super::text::{left, right};
use super::{format, words as w};
use crate::admin::report::aggregation_error::ErrorReport;

/// Longest site name shown in full; longer ones are cut with a sign that they are.
const NAME_COLUMNS: usize = 18;
/// Of the columns behind the first two, in `quality`.
const QUALITY_COLUMNS: [usize; 4] = [9, 12, 12, 17];
/// Of the columns behind the name, in `sites`.
const SITE_COLUMNS: [usize; 4] = [9, 9, 15, 9];

/// The whole text, ending with a newline.
pub fn render(report: &Report, language: Language) -> String {
    let mut lines =
        wrapped(&sentences(report, language).join(if language == Language::Zh { "" } else { " " }), COLUMNS);
    lines.push(String::new());
    changes::changed(report, language, &mut lines);
    if !report.run.alone {
        quality(report, language, &mut lines);
        lines.push(String::new());
    }
    baselines::table(report, language, &mut lines);
    samples::departments(report, language, &mut lines);
    samples::questions(report, language, &mut lines);
    own_scores::table(report, language, &mut lines);
    sites(report, language, &mut lines);
    lines.push(String::new());
    if let Some(work) = report.run.local_work.as_ref().filter(|_| report.run.alone) {
        lines.extend(wrapped(&b::METHOD.with(language, &[work]), COLUMNS));
    } else if let Some(work) = &report.run.local_work {
        let none = if report.run.robust.is_some() { w::NO_OPTIMIZER_ROBUST } else { w::NO_OPTIMIZER };
        let server = report.run.server_optimizer.as_deref().unwrap_or_else(|| none.get(language));
        let is_of_some = sites_per_round(report).is_some();
        let method = if is_of_some { w::METHOD_IN_TURNS } else { w::METHOD };
        lines.extend(wrapped(&method.with(language, &[work, &server]), COLUMNS));
        if let Some(rule) = &report.run.robust {
            lines.extend(wrapped(&w::ROBUST_METHOD.with(language, &[rule]), COLUMNS));
        }
    }
    lines.extend(wrapped(&times(report, language), COLUMNS));
    for warning in &report.warnings {
        lines.extend(wrapped(warning, COLUMNS));
    }
    lines.join("\n") + "\n"
}

fn quality(report: &Report, language: Language, lines: &mut Vec<String>) {
    let heads = [w::LOSS, w::PERPLEXITY, w::ACCURACY, w::AGGREGATION_ERROR].map(|word| word.get(language));
    // The longest head is two words in English; on a terminal one must do.
    let heads = heads.map(|head| head.strip_prefix("Aggregation ").map_or(head, |_| "Aggr. error"));
    let heads = heads.map(|head| head.strip_prefix("Token ").map_or(head, |_| "Accuracy"));
    let row = |model: &str, set: w::Word, cells: [String; 4]| {
        let mut line = format!("{} {}", left(model, 17), left(set.get(language), 11));
        for (cell, columns) in cells.iter().zip(QUALITY_COLUMNS) {
            line.push_str(&right(cell, columns));
        }
        line.trim_end().to_owned()
    };
    lines.push(row(w::MODEL.get(language), w::SET, heads.map(str::to_owned)));
    lines.push("-".repeat(COLUMNS));
    let cells = |loss: Option<f64>, perplexity: Option<f64>, accuracy: Option<f64>, error: String| {
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            dash(loss.map(format::loss)),
            dash(perplexity.map(format::perplexity)),
            dash(accuracy.map(format::percent)),
            error,
        ]
    };
    let base = w::BASE_MODEL.get(language);
    let Held { validation_loss, validation_perplexity, validation_token_accuracy, .. } = report.base;
    let of_base = cells(validation_loss, validation_perplexity, validation_token_accuracy, String::new());
    lines.push(row(base, w::VALIDATION, of_base));
    for round in &report.rounds {
        let (loss, perplexity) = (round.validation_loss, round.validation_perplexity);
        let error = error(round, language);
        let cells = cells(loss, perplexity, round.validation_token_accuracy, error);
        lines.push(row(&w::AFTER_ROUND.with(language, &[&round.round]), w::VALIDATION, cells));
    }
    for (model, held) in [(base, &report.base), (w::FEDERATED.get(language), &report.last)] {
        let cells = cells(held.test_loss, held.test_perplexity, held.test_token_accuracy, String::new());
        lines.push(row(model, w::TEST, cells));
    }
    lines.extend(wrapped(w::ERROR_LEAD.get(language), COLUMNS));
}

/// The aggregation error, with its standard error where it has one.
fn error(round: &Round, language: Language) -> String {
    if round.not_adopted {
        return w::NOT_ADOPTED.get(language).to_owned();
    }
    match &round.aggregation_error_found {
        Some(found) if found.is_pending() => w::ERROR_PENDING.get(language).to_owned(),
        Some(found) if found.not_computed().is_some() => w::ERROR_NOT_COMPUTED.get(language).to_owned(),
        Some(found) => ErrorReport::short(round.aggregation_error, Some(found)),
        None => String::new(),
    }
}

fn sites(report: &Report, language: Language, lines: &mut Vec<String>) {
    let ledgers = report.has_ledgers();
    let row = |name: &str, cells: [String; 4], verdict: &str| {
        let mut line = left(&shortened(name), NAME_COLUMNS);
        for (cell, columns) in cells.iter().zip(SITE_COLUMNS) {
            line.push_str(&right(cell, columns));
        }
        format!("{line}  {verdict}").trim_end().to_owned()
    };
    let heads = [w::RECORDS, w::WEIGHT, w::BYTES, w::MESSAGES].map(|word| word.get(language).to_owned());
    let ledger = if ledgers { w::LEDGER.get(language) } else { "" };
    lines.push(row(w::SITE.get(language), heads, ledger));
    lines.push("-".repeat(COLUMNS));
    for site in &report.sites {
        let cells = [
            site.records.map_or_else(|| "-".to_owned(), format::grouped),
            site.weight.map_or_else(|| "-".to_owned(), |weight| format!("{:.1} %", weight * 100.0)),
            format::grouped(site.bytes_sent),
            format::grouped(site.frames_sent),
        ];
        lines.push(row(&site.name, cells, &verdict(site, language)));
    }
    if !ledgers {
        lines.extend(wrapped(w::RECORDS_ROUNDED.get(language), COLUMNS));
    }
}

/// Both verifiers in a word: one that failed is loud.
fn verdict(site: &SiteReport, language: Language) -> String {
    match (site.ledger_verified, site.ledger_verified_by_python) {
        (Some(false), _) | (_, Some(false)) => w::NOT_VERIFIED.get(language).to_uppercase(),
        (Some(true), Some(true)) => format!("{} x 2", w::VERIFIED.get(language)),
        (Some(true), None) => w::VERIFIED.get(language).to_owned(),
        (None, _) => String::new(),
    }
}

fn times(report: &Report, language: Language) -> String {
    let timings = &report.timings;
    let run = format::seconds(timings.run_s.unwrap_or_default());
    match (timings.total_s, timings.setup_s) {
        (Some(total), Some(setup)) => {
            w::TOOK_DEMO.with(language, &[&format::seconds(total), &format::seconds(setup), &run])
        }
        _ => w::TOOK.with(language, &[&run]),
    }
}

fn shortened(name: &str) -> String {
    cut(name, NAME_COLUMNS)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::super::example;
    use super::*;

    const BOTH: [Language; 2] = [Language::En, Language::Zh];

    #[test]
    fn every_line_fits_a_terminal() {
        for language in BOTH {
            for mut report in [example::report(), example::going(), example::alone()] {
                report.sites[0].name = "a-hospital-with-an-exceptionally-long-name".to_owned();
                report.sites[0].bytes_sent = 9_999_999_999;
                report.warnings = vec!["w".repeat(200), "several words ".repeat(20)];
                let text = render(&report, language);
                for line in text.lines() {
                    assert!(line.width() <= COLUMNS, "{} columns: {line}", line.width());
                }
                assert!(!text.contains('\u{1b}') && !text.contains("NaN"));
            }
        }
    }

    #[test]
    fn the_table_says_what_matters() {
        let text = render(&example::report(), Language::En);
        let flat = text.replace('\n', " ");
        for expected in [
            "5.8700",
            "After round 2",
            "21.39 %",
            "0.0312 +- 0.0004",
            "1,234,567",
            "verified x 2",
            "11.9 % lower",
            "On 60 test",
            "Each site trained 0.25 epochs a round; server optimiser: momentum 0.5, rate 1.",
        ] {
            assert!(flat.contains(expected), "{expected} is missing in\n{text}");
        }
        let chinese = render(&example::report(), Language::Zh).replace('\n', "");
        assert!(chinese.contains("60 道测试题") && chinese.contains("第 2 轮后"), "{chinese}");
        assert!(chinese.contains("题数    基础    最终"), "heads stand apart: {chinese}");
    }

    #[test]
    fn samples_are_cut_to_a_few_lines_and_obey_no_control_character() {
        for language in BOTH {
            let text = render(&example::report(), language);
            let (_, reference) = text.split_once(w::REFERENCE.get(language)).unwrap();
            let (reference, _) = reference.split_once(w::BASE_MODEL.get(language)).unwrap();
            let lines: Vec<&str> = reference.trim().lines().collect();
            assert!(lines.len() == 4 && lines[3].ends_with(" ~"), "{text}");
            assert!(text.contains("\\u{1b}[31m") && text.contains("-14.9"), "{text}");
        }
    }

    #[test]
    fn base_each_site_alone_and_all_together_stand_side_by_side() {
        let text = render(&example::report(), Language::En);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "[test] 60 questions, 1,900 scored tokens",
            "cardiology alone 5.5300 252.1 20.00 % -5.8 % -9.1 .. -3.9 %",
            "oncology alone not measured",
            "alone (1 epoch), and all trained one together (2 rounds of 0.25 epochs)",
            "surely better than that of 1 of 2 hospitals alone",
        ] {
            assert!(flat.contains(expected), "{expected} is missing in\n{text}");
        }
        let alone = render(&example::alone(), Language::En).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(alone.starts_with("3 hospitals trained one language model each, alone"), "{alone}");
        for never in ["the mean is published", "Aggr. error", "After round 2", "no measurement on a test set"]
        {
            assert!(!alone.contains(never), "{never} in {alone}");
        }
    }

    #[test]
    fn a_failed_ledger_is_loud() {
        let mut report = example::report();
        report.sites[1].ledger_verified = Some(false);
        assert!(render(&report, Language::En).contains("FAILED"));
    }
}
