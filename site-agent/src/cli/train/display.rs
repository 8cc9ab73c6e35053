//! What `site-agent train` shows: plain lines, and on a terminal a progress bar in the style of all our
//! progress (`common::progress`). Everything fits in 80 columns; only the bar is coloured.
//!
//! Called by `cli::train` with what the child says. Invariant: the result goes to standard output, the rest
//! to standard error.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use cli::duration::span;
use common::progress::{self, BAR_CHARACTERS, COLUMNS, colours, cut};
use common::run::vllm_rank;
use indicatif::{ProgressBar, ProgressStyle};
use model::StepReport;
use model::chat::PrepareReport;
use model::evaluate::Evaluation;

use crate::alone::job::{Prepared, Summary};
use crate::limits::PROGRESS_LINE_MS_MIN;

/// Few, because the facts behind it are many.
const BAR_COLUMNS: usize = 8;

/// The display of one training.
pub(super) struct Display {
    bar: Option<ProgressBar>,
    is_terminal: bool,
    line_at: Option<Instant>,
    started: Instant,
    /// Steps that a resumed training did before.
    steps_before: u64,
    tokens: u64,
    /// Seconds that evaluations took are not training; counted from the steps' own times.
    trained_ms: u64,
}

impl Display {
    pub(super) fn new() -> Self {
        Self {
            bar: None,
            is_terminal: std::io::stderr().is_terminal(),
            line_at: None,
            started: Instant::now(),
            steps_before: 0,
            tokens: 0,
            trained_ms: 0,
        }
    }

    /// One line above the bar.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn prepared(&self, prepared: &Prepared, asked_cutoff_tokens: usize, is_folded: bool) {
        let cutoff_tokens = prepared.cutoff_tokens as usize;
        if cutoff_tokens < asked_cutoff_tokens {
            self.line(&format!(
                "the model's context has {cutoff_tokens} tokens: records are cut there, not at {asked_cutoff_tokens}"
            ));
        }
        for line in prepared.left_out.iter().chain(&prepared.outdated) {
            self.line(line);
        }
        let report = &prepared.report;
        let held_out = match is_folded {
            true => ", each held out once".to_owned(),
            false => format!(" to train on, {} held out", thousands(prepared.validation)),
        };
        self.line(&format!(
            "records: {}{held_out}; {} tokens, {} supervised",
            thousands(prepared.training),
            thousands(report.tokens),
            thousands(report.supervised_tokens)
        ));
        if report.cut == 0 {
            self.line(&format!("cut at {cutoff_tokens} tokens: no record is longer"));
        }
        for line in truncation(report, cutoff_tokens) {
            self.line(&line);
        }
        for line in prepared.validation_report.iter().flat_map(|report| truncation(report, cutoff_tokens)) {
            self.line(&format!("validation {line}"));
        }
    }

    pub(super) fn ready(&mut self, total_steps: u64, resumed_from: u64) {
        self.started = Instant::now();
        self.steps_before = resumed_from;
        if self.is_terminal {
            let bar = ProgressBar::new(total_steps);
            let template = format!("{} {{pos}}/{{len}} {{msg}}", progress::bar(BAR_COLUMNS, colours(true)));
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style.progress_chars(BAR_CHARACTERS));
            }
            bar.set_position(resumed_from);
            self.bar = Some(bar);
        }
    }

    pub(super) fn baseline(&mut self, measured: &Evaluation) {
        // The time that is left is told from here on.
        self.started = Instant::now();
        self.line(&format!("before training: {}", measurement(measured)));
    }

    pub(super) fn step(&mut self, report: &StepReport, resident_bytes: Option<u64>) {
        self.tokens += report.tokens;
        self.trained_ms += report.elapsed_ms;
        let facts = self.facts(report, resident_bytes);
        match &self.bar {
            Some(bar) => {
                bar.set_position(report.step);
                let before = BAR_COLUMNS + format!(" {}/{} ", report.step, report.total_steps).len();
                bar.set_message(cut(&facts, COLUMNS - 1 - before));
            }
            None => {
                let is_due =
                    self.line_at.is_none_or(|at| at.elapsed() >= Duration::from_millis(PROGRESS_LINE_MS_MIN));
                if is_due || report.step == report.total_steps {
                    self.line_at = Some(Instant::now());
                    eprintln!("step {}/{}, {facts}", report.step, report.total_steps);
                }
            }
        }
        if let Some(evaluation) = &report.evaluation {
            let note = match (evaluation.is_best, evaluation.without_improvement) {
                (true, _) => "; best".to_owned(),
                (false, count) => format!("; no better for {count}"),
            };
            self.line(&format!("step {}: {}{note}", report.step, measurement(&evaluation.measured)));
        }
    }

    /// `3m 12s left, loss 2.134, 1,234 tok/s, 1.21 GB, lr 1.8e-4`; with a penalty its divergence instead of
    /// the rate. What matters least comes last: a narrow terminal cuts it off.
    fn facts(&self, report: &StepReport, resident_bytes: Option<u64>) -> String {
        let done = report.step.saturating_sub(self.steps_before).max(1);
        let left = report.total_steps.saturating_sub(report.step);
        let seconds = self.started.elapsed().as_secs_f64() / done as f64 * left as f64;
        let speed = self.tokens as f64 * 1000.0 / self.trained_ms.max(1) as f64;
        let memory =
            resident_bytes.map_or_else(String::new, |bytes| format!(", {:.2} GB", bytes as f64 / 1e9));
        let last = match report.divergence {
            Some(divergence) => format!("kl {divergence:.3}"),
            None => format!("lr {:.1e}", report.learning_rate),
        };
        let (left, speed) = (span(seconds), thousands(speed as u64));
        format!("{left} left, loss {:.3}, {speed} tok/s{memory}, {last}", report.loss)
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The result, for standard output.
pub(super) fn finished(summary: &Summary, out: &str, peak_bytes: Option<u64>) -> String {
    let early = if summary.stopped_early {
        format!(" of {} (no improvement any more)", summary.total_steps)
    } else {
        String::new()
    };
    let mut text = format!(
        "trained {} steps{early} in {}; mean loss {:.4}\n",
        summary.steps,
        span(summary.elapsed_s),
        summary.mean_loss
    );
    if let Some(best) = summary.best {
        let kept = if summary.kept_best { ", which is the result" } else { "; the result is the last step" };
        text.push_str(&format!("lowest held-out loss {:.4} after step {}{kept}\n", best.loss, best.step));
    }
    if let Some(bytes) = peak_bytes {
        text.push_str(&format!("peak memory {:.2} GB\n", bytes as f64 / 1e9));
    }
    text.push_str(&format!("adapter: {out} (PEFT"));
    if let Some(rank) = vllm_rank(summary.rank) {
        text.push_str(&format!("; vLLM with --max-lora-rank {rank}"));
    }
    text.push(')');
    text
}

/// What the cutoff took away; nothing when it took nothing.
fn truncation(report: &PrepareReport, cutoff_tokens: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if report.cut > 0 {
        let before = report.supervised_tokens + report.supervised_tokens_lost;
        lines.push(format!(
            "cut at {cutoff_tokens} tokens: {} records, {} supervised tokens lost ({:.1} %)",
            thousands(report.cut),
            thousands(report.supervised_tokens_lost),
            100.0 * report.supervised_tokens_lost as f64 / before.max(1) as f64
        ));
    }
    if report.dropped > 0 {
        lines
            .push(format!("dropped: {} records without an answer within the cut", thousands(report.dropped)));
    }
    if report.refused > 0 {
        lines.push(format!("dropped: {} records that the chat template refuses", thousands(report.refused)));
    }
    lines
}

fn measurement(measured: &Evaluation) -> String {
    format!(
        "held-out loss {:.4}, perplexity {:.1}, accuracy {:.2} %",
        measured.loss,
        measured.perplexity,
        100.0 * measured.token_accuracy
    )
}

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_readable() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.2, 61.0, 7384.0].map(span), ["1s", "1m 01s", "2h 03m"]);
    }

    #[test]
    fn a_progress_line_fits_in_eighty_columns() {
        let mut display = Display { bar: None, is_terminal: false, ..Display::new() };
        display.trained_ms = 1000;
        display.tokens = 1234;
        let mut report = StepReport {
            step: 120,
            total_steps: 1875,
            loss: 2.134,
            divergence: None,
            gradient_norm: 1.0,
            learning_rate: 1.8e-4,
            tokens: 0,
            supervised_tokens: 1,
            elapsed_ms: 0,
            evaluation: None,
        };
        let facts = display.facts(&report, Some(1_210_000_000));
        assert!(facts.ends_with(" left, loss 2.134, 1,234 tok/s, 1.21 GB, lr 1.8e-4"), "{facts}");
        // `59m 59s left` is the longest of the spans.
        let longest = "======== 120/1875 59m 59s".len() + facts.len() - facts.find(" left").unwrap();
        assert!(longest <= 80, "{longest}");
        report.divergence = Some(0.0123);
        assert!(display.facts(&report, None).ends_with(" tok/s, kl 0.012"));
    }

    #[test]
    fn the_truncation_report_says_what_was_lost() {
        let report = PrepareReport {
            conversations: 10,
            cut: 2,
            supervised_tokens_lost: 50,
            supervised_tokens: 950,
            ..Default::default()
        };
        assert_eq!(
            truncation(&report, 384),
            ["cut at 384 tokens: 2 records, 50 supervised tokens lost (5.0 %)"]
        );
        assert!(truncation(&PrepareReport::default(), 384).is_empty());
    }
}
