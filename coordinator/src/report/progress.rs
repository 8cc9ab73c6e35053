//! What people see while a run is under way: a bar a site on a terminal, plain lines elsewhere.
//!
//! Used by `cli::follow` and by the demo, with a [`View`] for each report. Lines are printed only when
//! something changed that a reader of a log would want to know. Invariants: at most 80 columns; no number of
//! steps before it is known.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};

use common::progress::{BAR_CHARACTERS, COLUMNS, bar, colours, cut, steps};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps of a bar, independent of the number of training steps.
const BAR_STEPS: u64 = 1000;
/// In a log, a site's progress is printed at each of these fractions.
const LINES_PER_ROUND: u64 = 4;
/// A bar's columns.
const BAR_COLUMNS: usize = 20;
/// A site's name has at most so many.
const NAME_COLUMNS: usize = 18;
/// What stands behind a bar has the rest: two blanks before the name, one behind it and one behind the bar,
/// and the last column free, because some terminals break a line that fills it.
const DETAIL_COLUMNS: usize = COLUMNS - 2 - NAME_COLUMNS - 1 - BAR_COLUMNS - 1 - 1;
/// More sites than these are shown together: a terminal has 24 lines.
const SITES_APART: usize = 20;
/// Redraws a second.
const HERTZ: u8 = 10;

/// Where progress goes: a command whose result is on standard output shows it on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// One look at a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The round in progress; 0 before the first.
    pub round: u32,
    /// Rounds it will have.
    pub rounds: u32,
    /// What the coordinator is doing, as a word: "collecting", "evaluating".
    pub phase: String,
    /// The sites that take part.
    pub sites: Vec<SiteView>,
    /// The newest measurement, if there is one.
    pub measured: Option<Measured>,
}

/// A model on the validation set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// After which round; 0: the base model.
    pub round: u32,
    /// Nats per supervised token.
    pub loss: f64,
    /// Whether the run goes on with it.
    pub is_adopted: bool,
}

/// One site in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteView {
    /// Its name.
    pub name: String,
    /// "training", "sent", "waiting".
    pub doing: String,
    /// Whether others train the round.
    pub rests: bool,
    /// Optimiser steps done.
    pub step: u64,
    /// Optimiser steps of the round; 0 before they are known.
    pub steps: u64,
    /// Its training loss.
    pub loss: Option<f64>,
}

/// Draws views.
pub struct Progress {
    bars: Option<Bars>,
    stream: Stream,
    shown: BTreeMap<String, String>,
}

struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    sites: BTreeMap<String, ProgressBar>,
    style: ProgressStyle,
}

impl Progress {
    /// Bars if the stream is a terminal, lines if not.
    pub fn new(stream: Stream) -> Self {
        let (terminal, target) = match stream {
            Stream::Output => (io::stdout().is_terminal(), ProgressDrawTarget::stdout_with_hz(HERTZ)),
            Stream::Error => (io::stderr().is_terminal(), ProgressDrawTarget::stderr_with_hz(HERTZ)),
        };
        let bars = terminal.then(|| Bars::new(target, colours(terminal)));
        Self { bars, stream, shown: BTreeMap::new() }
    }

    /// Shows a view.
    pub fn update(&mut self, view: &View) {
        if let Some(bars) = &mut self.bars {
            bars.update(view);
            return;
        }
        for line in lines(view, &mut self.shown) {
            // A reader that went away is not the run's concern.
            let _ = match self.stream {
                Stream::Output => writeln!(io::stdout(), "{line}"),
                Stream::Error => writeln!(io::stderr(), "{line}"),
            };
        }
    }

    /// Says something beside the progress.
    pub fn note(&self, line: &str) {
        let line = cut(line, COLUMNS);
        // A reader that went away is not the run's concern.
        let _ = match (&self.bars, self.stream) {
            (Some(bars), _) => bars.all.println(line),
            (None, Stream::Output) => writeln!(io::stdout(), "{line}"),
            (None, Stream::Error) => writeln!(io::stderr(), "{line}"),
        };
    }

    /// Removes the bars.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.all.clear().unwrap_or_default();
        }
    }
}

/// The lines that say what changed since the last view.
fn lines(view: &View, shown: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut changed = |shown: &mut BTreeMap<String, String>, key: String, state: String, line: String| {
        if shown.get(&key) != Some(&state) {
            shown.insert(key, state);
            lines.push(cut(&line, COLUMNS));
        }
    };
    if let Some(measured) = view.measured {
        changed(
            shown,
            "loss".to_owned(),
            measured.round.to_string(),
            format!("  {}", self::measured(measured)),
        );
    }
    // What a site did in this round comes before what follows from it; a new round comes before its sites.
    let (head, round) = (head(view), view.round.to_string());
    if shown.get("round") != Some(&round) {
        shown.insert("round".to_owned(), round);
        changed(shown, "head".to_owned(), head.clone(), head.clone());
    }
    if let Some(crowd) = crowd(view) {
        let quarter = (crowd.step * LINES_PER_ROUND).checked_div(crowd.steps).unwrap_or(0);
        let line = format!("  {}: {}", crowd.name, crowd.doing);
        changed(shown, "sites".to_owned(), format!("{} {quarter}", view.round), line);
    }
    for site in apart(view) {
        let quarter = (site.step * LINES_PER_ROUND).checked_div(site.steps).unwrap_or(0);
        let state = format!("{} {} {quarter}", view.round, site.doing);
        let line = format!("  {}: {}", cut(&site.name, NAME_COLUMNS), detail(site));
        changed(shown, format!("site {}", site.name), state, line);
    }
    changed(shown, "head".to_owned(), head.clone(), head);
    lines
}

/// The sites that have a line each.
fn apart(view: &View) -> &[SiteView] {
    if view.sites.len() > SITES_APART { &[] } else { &view.sites }
}

/// All sites as one, where they are too many to have a line each: how far those are that train the round, and
/// how many do what.
fn crowd(view: &View) -> Option<SiteView> {
    if view.sites.len() <= SITES_APART {
        return None;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (rest, train): (Vec<_>, Vec<_>) = view.sites.iter().partition(|site| site.rests);
    train.iter().for_each(|site| *counts.entry(&site.doing).or_default() += 1);
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let resting = rest.first().map(|site| (site.doing.as_str(), rest.len()));
    let counts = counts.into_iter().chain(resting);
    let doing: Vec<String> = counts.map(|(doing, count)| format!("{count} {doing}")).collect();
    let done = |site: &SiteView| (site.step * BAR_STEPS).checked_div(site.steps).unwrap_or(0).min(BAR_STEPS);
    Some(SiteView {
        name: format!("{} sites", view.sites.len()),
        doing: doing.join(", "),
        rests: false,
        step: train.iter().map(|site| done(site)).sum(),
        steps: BAR_STEPS * train.len() as u64,
        loss: None,
    })
}

fn measured(Measured { round, loss, is_adopted }: Measured) -> String {
    let what = if round == 0 { "base model".to_owned() } else { format!("after round {round}") };
    let adopted = if is_adopted { "" } else { ", not adopted" };
    format!("{what}: validation loss {loss:.4}{adopted}")
}

/// Before the first round there is no round to count.
fn head(view: &View) -> String {
    let View { round, rounds, phase, .. } = view;
    if *round == 0 {
        format!("before round 1 of {rounds}: {phase}")
    } else {
        format!("round {round} of {rounds}: {phase}")
    }
}

/// `training 3/100, loss 5.000`.
fn detail(site: &SiteView) -> String {
    let steps = steps(site.step, site.steps).map_or_else(String::new, |steps| format!(" {steps}"));
    let loss = site.loss.map_or_else(String::new, |loss| format!(", loss {loss:.3}"));
    format!("{}{steps}{loss}", site.doing)
}

impl Bars {
    fn new(target: ProgressDrawTarget, colours: bool) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let style = style(&format!("  {{prefix:{NAME_COLUMNS}}} {} {{msg}}", bar(BAR_COLUMNS, colours)));
        let head = all.add(ProgressBar::new(1).with_style(self::style("{msg}")));
        Self { all, head, sites: BTreeMap::new(), style: style.progress_chars(BAR_CHARACTERS) }
    }

    fn update(&mut self, view: &View) {
        let loss = view.measured.map_or_else(String::new, |it| format!(" · {}", measured(it)));
        self.head.set_message(cut(&format!("{}{loss}", head(view)), COLUMNS - 1));
        let crowd = crowd(view);
        for site in apart(view).iter().chain(&crowd) {
            let drawn = self.sites.entry(site.name.clone()).or_insert_with(|| {
                let bar = ProgressBar::new(BAR_STEPS).with_style(self.style.clone());
                self.all.add(bar.with_prefix(cut(&site.name, NAME_COLUMNS)))
            });
            drawn.set_position((site.step * BAR_STEPS).checked_div(site.steps).unwrap_or(0));
            let message = if crowd.is_some() { site.doing.clone() } else { detail(site) };
            drawn.set_message(cut(&message, DETAIL_COLUMNS));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // Our templates are constants; should one not parse, the plain bar does.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn view(round: u32, doing: &str, step: u64, steps: u64) -> View {
        let site =
            SiteView { name: "a".to_owned(), doing: doing.to_owned(), rests: false, step, steps, loss: None };
        View { round, rounds: 2, phase: "collecting".to_owned(), sites: vec![site], measured: None }
    }

    #[test]
    fn a_log_gets_a_line_for_news_only() {
        let mut shown = BTreeMap::new();
        let mut lines = |view: View| lines(&view, &mut shown);
        assert_eq!(lines(view(1, "training", 1, 100)), ["round 1 of 2: collecting", "  a: training 1/100"]);
        assert!(lines(view(1, "training", 2, 100)).is_empty());
        assert_eq!(lines(view(1, "training", 30, 100)), ["  a: training 30/100"]);
        assert_eq!(lines(view(1, "sent", 100, 100)), ["  a: sent 100/100"]);
        assert_eq!(lines(view(2, "training", 1, 100)).len(), 2);
    }

    #[test]
    fn what_a_site_did_comes_before_what_follows_from_it() {
        let mut shown = BTreeMap::new();
        lines(&view(1, "training", 90, 100), &mut shown);
        let next = View { phase: "evaluating".to_owned(), ..view(1, "sent", 100, 100) };
        assert_eq!(lines(&next, &mut shown), ["  a: sent 100/100", "round 1 of 2: evaluating"]);
        assert!(lines(&next, &mut shown).is_empty());
    }

    #[test]
    fn steps_that_are_not_known_are_not_shown() {
        let lines = lines(&view(0, "waiting", 0, 0), &mut BTreeMap::new());
        assert_eq!(lines, ["before round 1 of 2: collecting", "  a: waiting"]);
    }

    #[test]
    fn a_hundred_sites_share_a_line_that_says_how_many_do_what() {
        let of = |sent: usize| {
            let site = |at: usize| SiteView {
                name: format!("hospital-{at:03}"),
                doing: if at < sent { "sent" } else { "training" }.to_owned(),
                rests: false,
                step: if at < sent { 8 } else { 0 },
                steps: 8,
                loss: Some(5.0),
            };
            View { sites: (0..100).map(site).collect(), ..view(1, "", 0, 0) }
        };
        let mut shown = BTreeMap::new();
        let first = lines(&of(0), &mut shown);
        assert_eq!(first, ["round 1 of 2: collecting", "  100 sites: 100 training"]);
        assert!(lines(&of(24), &mut shown).is_empty(), "a quarter is news, a site is not");
        assert_eq!(lines(&of(60), &mut shown), ["  100 sites: 60 sent, 40 training"]);
        assert_eq!(lines(&of(100), &mut shown), ["  100 sites: 100 sent"]);
        let crowd = crowd(&of(25)).unwrap();
        assert_eq!((crowd.step, crowd.steps), (25_000, 100_000));
    }

    #[test]
    fn a_round_that_some_sites_train_is_done_when_these_are() {
        let of = |sent: usize| {
            let site = |at: usize| SiteView {
                name: format!("hospital-{at:03}"),
                doing: ["not chosen", "training", "sent"][usize::from(at < 5) + usize::from(at < sent)]
                    .to_owned(),
                rests: at >= 5,
                step: if at < sent { 8 } else { 0 },
                steps: if at < 5 { 8 } else { 0 },
                loss: None,
            };
            View { sites: (0..30).map(site).collect(), ..view(1, "", 0, 0) }
        };
        let mut shown = BTreeMap::new();
        let first = lines(&of(0), &mut shown);
        assert_eq!(first, ["round 1 of 2: collecting", "  30 sites: 5 training, 25 not chosen"]);
        assert_eq!(lines(&of(3), &mut shown), ["  30 sites: 3 sent, 2 training, 25 not chosen"]);
        assert_eq!(lines(&of(5), &mut shown), ["  30 sites: 5 sent, 25 not chosen"]);
        let crowd = crowd(&of(5)).unwrap();
        assert_eq!(crowd.step, crowd.steps, "the bar is full");
    }

    fn long() -> View {
        View {
            round: 1000,
            rounds: 1000,
            phase: "aggregating".to_owned(),
            measured: Some(Measured { round: 999, loss: 12.3456, is_adopted: false }),
            sites: ["a".repeat(60), "心内科".repeat(20)]
                .into_iter()
                .map(|name| SiteView {
                    name,
                    doing: "training".to_owned(),
                    rests: false,
                    step: 999_999,
                    steps: 1_000_000,
                    loss: Some(12.345),
                })
                .collect(),
        }
    }

    #[test]
    fn lines_and_bars_fit_a_terminal() {
        for line in lines(&long(), &mut BTreeMap::new()) {
            assert!(line.width() <= COLUMNS, "{line}");
        }
        let view = long();
        for site in &view.sites {
            let detail = cut(&detail(site), DETAIL_COLUMNS);
            assert!(detail.contains("999999/1000000, loss 12.345"), "{detail}");
            let drawn = 2 + NAME_COLUMNS + 1 + BAR_COLUMNS + 1 + detail.width();
            assert!(cut(&site.name, NAME_COLUMNS).width() <= NAME_COLUMNS && drawn < COLUMNS, "{drawn}");
        }
    }
}
