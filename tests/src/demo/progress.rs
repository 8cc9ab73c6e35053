//! What the user sees while a run is under way: a bar a site on a terminal, plain lines elsewhere.
//!
//! Called by `demo` with a [`View`] several times a second. Lines are printed only when something
//! changed that a reader of a log would want to know.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps of a bar, independent of the number of training steps.
const BAR_STEPS: u64 = 1000;
/// In a log, a site's progress is printed at each of these fractions.
const LINES_PER_ROUND: u64 = 4;

/// One look at a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct View {
    pub round: u32,
    pub rounds: u32,
    /// What the coordinator is doing, as a word: "collecting", "evaluating".
    pub phase: String,
    pub sites: Vec<SiteView>,
    /// The newest measurement, if there is one: round and validation loss.
    pub measured: Option<(u32, f64)>,
}

/// One site in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SiteView {
    pub name: String,
    /// "training", "sent", "waiting".
    pub doing: String,
    pub step: u64,
    pub steps: u64,
}

/// Draws views.
pub(super) struct Progress {
    bars: Option<Bars>,
    shown: BTreeMap<String, String>,
}

struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    sites: BTreeMap<String, ProgressBar>,
    style: ProgressStyle,
}

impl Progress {
    /// Bars if standard output is a terminal, lines if not.
    pub(super) fn new(sites: &[String]) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { bars: terminal.then(|| Bars::new(sites, colour_is_wanted())), shown: BTreeMap::new() }
    }

    /// Shows a view.
    pub(super) fn update(&mut self, view: &View) {
        match &self.bars {
            Some(bars) => bars.update(view),
            None => {
                for line in self.lines(view) {
                    println!("{line}");
                }
            }
        }
    }

    /// Removes the bars.
    pub(super) fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.all.clear().unwrap_or_default();
        }
    }

    /// The lines that say what changed since the last view.
    fn lines(&mut self, view: &View) -> Vec<String> {
        let mut lines = Vec::new();
        let mut changed = |key: &str, state: String, line: String| {
            if self.shown.get(key) != Some(&state) {
                self.shown.insert(key.to_owned(), state);
                lines.push(line);
            }
        };
        if let Some((round, loss)) = view.measured {
            let what = if round == 0 { "base model".to_owned() } else { format!("after round {round}") };
            changed("loss", round.to_string(), format!("  {what}: validation loss {loss:.4}"));
        }
        let head = format!("round {} of {}: {}", view.round, view.rounds, view.phase);
        changed("head", head.clone(), head);
        for site in &view.sites {
            let quarter = (site.step * LINES_PER_ROUND).checked_div(site.steps).unwrap_or(0);
            let state = format!("{} {} {quarter}", view.round, site.doing);
            let steps = if site.steps > 0 { format!(" {}/{}", site.step, site.steps) } else { String::new() };
            changed(&site.name, state, format!("  {}: {}{steps}", site.name, site.doing));
        }
        lines
    }
}

impl Bars {
    fn new(names: &[String], colour: bool) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(10));
        let plain = ProgressStyle::default_bar();
        let style = |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| plain.clone());
        let bar = if colour { "{bar:28.cyan/black.bright}" } else { "{bar:28}" };
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(8).clamp(8, 22);
        let site_style = style(&format!("  {{prefix:{width}}} {bar} {{msg}}")).progress_chars("━╸─");
        let head = all.add(ProgressBar::new(1).with_style(style("{msg}")));
        let sites = names
            .iter()
            .map(|name| {
                let bar =
                    ProgressBar::new(BAR_STEPS).with_style(site_style.clone()).with_prefix(name.clone());
                (name.clone(), all.add(bar))
            })
            .collect();
        Self { all, head, sites, style: site_style }
    }

    fn update(&self, view: &View) {
        let loss = match view.measured {
            Some((0, loss)) => format!(" · base model: validation loss {loss:.4}"),
            Some((round, loss)) => format!(" · after round {round}: validation loss {loss:.4}"),
            None => String::new(),
        };
        self.head.set_message(format!("Round {} of {} · {}{loss}", view.round, view.rounds, view.phase));
        for site in &view.sites {
            let Some(bar) = self.sites.get(&site.name) else { continue };
            bar.set_style(self.style.clone());
            bar.set_position((site.step * BAR_STEPS).checked_div(site.steps).unwrap_or(0));
            let steps = if site.steps > 0 { format!("{}/{} ", site.step, site.steps) } else { String::new() };
            bar.set_message(format!("{steps}{}", site.doing));
        }
    }
}

/// <https://no-color.org>: any non-empty value switches colour off.
fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(round: u32, doing: &str, step: u64) -> View {
        View {
            round,
            rounds: 2,
            phase: "collecting".to_owned(),
            sites: vec![SiteView { name: "a".to_owned(), doing: doing.to_owned(), step, steps: 100 }],
            measured: None,
        }
    }

    #[test]
    fn a_log_gets_a_line_for_news_only() {
        let mut progress = Progress { bars: None, shown: BTreeMap::new() };
        assert_eq!(
            progress.lines(&view(1, "training", 1)),
            ["round 1 of 2: collecting", "  a: training 1/100"]
        );
        assert!(progress.lines(&view(1, "training", 2)).is_empty());
        assert_eq!(progress.lines(&view(1, "training", 30)), ["  a: training 30/100"]);
        assert_eq!(progress.lines(&view(1, "sent", 100)), ["  a: sent 100/100"]);
        assert_eq!(progress.lines(&view(2, "training", 1)).len(), 2);
    }
}
