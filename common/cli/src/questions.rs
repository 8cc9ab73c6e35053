//! Progress over the questions of an evaluation, or the texts of a measurement: a bar on a terminal, a line
//! now and then elsewhere, both on standard error. Called by the commands that evaluate. Invariant: a line
//! has at most 80 columns.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use common::progress::{self, BAR_CHARACTERS, COLUMNS, colours, cut};
use common::terminal;
use indicatif::{ProgressBar, ProgressStyle};

use crate::duration::span;
use crate::limits::PROGRESS_LINE_MS_MIN;

/// Few, because the facts behind it are many.
const BAR_COLUMNS: usize = 8;

/// The display of one evaluation.
pub struct Display {
    bar: Option<ProgressBar>,
    /// What is counted.
    noun: &'static str,
    is_terminal: bool,
    /// When the first answer was there: loading the model is no question's time.
    started: Option<Instant>,
    line_at: Instant,
}

impl Default for Display {
    fn default() -> Self {
        Self::new()
    }
}

impl Display {
    /// Of questions; shows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::of("question")
    }

    /// Of something else, named in the singular.
    #[must_use]
    pub fn of(noun: &'static str) -> Self {
        Self {
            bar: None,
            noun,
            is_terminal: std::io::stderr().is_terminal(),
            started: None,
            line_at: Instant::now(),
        }
    }

    /// So many of `total` are done, the first `known` of them by an earlier command; `what`
    /// says by whom.
    pub fn show(&mut self, known: u64, done: u64, total: u64, what: &str) {
        if known > 0 && done == known {
            terminal::eprint(format_args!("going on behind {known} of {total} {}s\n", self.noun));
        }
        let started = *self.started.get_or_insert_with(Instant::now);
        let each = started.elapsed().as_secs_f64() / done.saturating_sub(known.max(1)).max(1) as f64;
        let facts = format!("{} left, {what}", span(each * total.saturating_sub(done) as f64));
        let steps = progress::steps(done, total).unwrap_or_default();
        if self.is_terminal {
            let bar = self.bar.get_or_insert_with(|| bar(total));
            bar.set_position(done);
            bar.set_message(cut(&facts, COLUMNS - 1 - BAR_COLUMNS - steps.len() - 2));
        } else if self.line_at.elapsed() >= Duration::from_millis(PROGRESS_LINE_MS_MIN) {
            self.line_at = Instant::now();
            terminal::eprint(format_args!("{}\n", cut(&format!("{} {steps}, {facts}", self.noun), COLUMNS)));
        }
    }

    /// Takes the bar away.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let template = format!("{} {{pos}}/{{len}} {{msg}}", progress::bar(BAR_COLUMNS, colours(true)));
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars(BAR_CHARACTERS));
    }
    bar
}
