//! Progress of a run for people: one bar per site where stderr is a terminal, a line per change where it
//! is not. Called by `cli::launch` for each report. Invariant: nothing goes to stdout.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::admin::report::{RunReport, SiteReport};
use crate::cli::output;

/// Shows reports as they come.
pub(super) struct Progress {
    bars: Option<Bars>,
    shown: BTreeMap<String, String>,
}

struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    sites: BTreeMap<String, ProgressBar>,
    colours: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bars = terminal.then(|| {
            let all = MultiProgress::new();
            let head = all.add(ProgressBar::new_spinner().with_style(style("{msg}")));
            Bars { all, head, sites: BTreeMap::new(), colours: output::colours(terminal) }
        });
        Self { bars, shown: BTreeMap::new() }
    }

    pub(super) fn show(&mut self, report: &RunReport) {
        match &mut self.bars {
            Some(bars) => bars.show(report),
            None => lines(report, &mut self.shown).iter().for_each(|line| eprintln!("{line}")),
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(bars) = &self.bars {
            bars.sites.values().for_each(ProgressBar::finish);
            bars.head.finish();
        }
    }
}

impl Bars {
    fn show(&mut self, report: &RunReport) {
        self.head.set_message(headline(report));
        for site in &report.sites {
            let bar = self.sites.entry(site.site.clone()).or_insert_with(|| {
                let colour = if self.colours { ".cyan/blue" } else { "" };
                let template = format!("{{prefix:>16}} [{{bar:30{colour}}}] {{pos}}/{{len}} {{msg}}");
                self.all.add(ProgressBar::new(0).with_style(style(&template)).with_prefix(site.site.clone()))
            });
            bar.set_length(u64::from(site.total_steps));
            bar.set_position(u64::from(site.step));
            bar.set_message(detail(site));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // Our templates are constants; should one not parse, the plain bar does.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What changed enough to be worth a line: the phase, a site's state, a tenth of its steps.
fn lines(report: &RunReport, shown: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |key: &str, about: String, text: String| {
        if shown.get(key) != Some(&about) {
            shown.insert(key.to_owned(), about);
            lines.push(text);
        }
    };
    line("", headline(report), headline(report));
    for site in &report.sites {
        let tenth = u64::from(site.step) * 10 / u64::from(site.total_steps.max(1));
        let about = format!("{} {} {tenth}", report.round, site.state);
        let text = format!("  {}: {}/{} {}", site.site, site.step, site.total_steps, detail(site));
        line(&site.site, about, text);
    }
    lines
}

fn headline(report: &RunReport) -> String {
    let loss = report.history.iter().rev().find_map(|round| round.validation).or(report.base);
    let loss = loss.map_or_else(String::new, |metrics| format!(", validation loss {:.4}", metrics.loss));
    format!("round {} of {}: {}{loss}", report.round, report.rounds, report.phase.replace('_', " "))
}

fn detail(site: &SiteReport) -> String {
    let loss = site.loss.map_or_else(String::new, |loss| format!(" loss {loss:.3}"));
    let speed = site.tokens_per_s.map_or_else(String::new, |speed| format!(" {speed} tokens/s"));
    format!("{}{loss}{speed}", site.state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::report::TestReport;

    #[test]
    fn plain_lines_appear_once_per_change() {
        let site = SiteReport {
            site: "a".into(),
            state: "training".into(),
            failure: None,
            step: 1,
            total_steps: 100,
            loss: Some(5.0),
            tokens_per_s: Some(70),
            records: None,
            weight: None,
            bytes_sent: 0,
            frames_sent: 0,
        };
        let mut report = RunReport {
            run: "r".into(),
            name: "n".into(),
            weighting: common::run::Weighting::Capped,
            rounds: 2,
            round: 1,
            phase: "collecting".into(),
            failure: None,
            launched: String::new(),
            adapter: String::new(),
            base: None,
            history: Vec::new(),
            test: TestReport { openings: Vec::new(), base: None, federated: None },
            sites: vec![site],
            conflicts: 0,
            warnings: Vec::new(),
        };
        let mut shown = BTreeMap::new();
        assert_eq!(
            lines(&report, &mut shown),
            ["round 1 of 2: collecting", "  a: 1/100 training loss 5.000 70 tokens/s"]
        );
        report.sites[0].step = 2;
        assert!(lines(&report, &mut shown).is_empty());
        report.sites[0].step = 10;
        assert_eq!(lines(&report, &mut shown).len(), 1);
    }
}
