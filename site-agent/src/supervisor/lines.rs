//! What the person who runs the agent sees, on standard error: one plain line per event with its time, and
//! where it is a terminal a progress bar instead of progress lines. Used by `supervisor`.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use certs::SpkiPin;
use common::progress::{BAR_CHARACTERS, COLUMNS, bar as bar_of, colours, cut, steps};
use common::wire::message::{Decision, RoundKey, RunEnd, TrainFailure};
use indicatif::{ProgressBar, ProgressStyle};

use super::own_log::OwnLog;
use super::scoring;
use crate::limits::PROGRESS_LINE_MS_MIN;
use crate::pipe::{FromWorker, LeftOut, NotDone, Notice, Progress};
use crate::policy::PolicyRule;

/// Few, because the facts behind it are many.
const BAR_COLUMNS: usize = 8;
/// `, 59m left`, and some for weeks.
const LEFT_COLUMNS: usize = 12;

/// Prints, and thins out progress so that a long training is not a wall of text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    last_progress: Option<Instant>,
    rounds: u32,
    prepared: Option<RoundKey>,
    bar: Option<ProgressBar>,
    log: OwnLog,
}

impl Lines {
    /// Lines that stand in this log, too.
    pub(super) fn new(log: OwnLog) -> Self {
        Self { log, ..Self::default() }
    }

    /// One line, above the bar where there is one.
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.log.say(text)),
            None => self.log.say(text),
        }
    }

    pub(super) fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Started { ledger_records } => {
                self.say(&format!("gateway ready; the ledger has {ledger_records} records"));
            }
            Notice::Connected => self.say("connected to the coordinator"),
            Notice::Disconnected { retry_ms } => {
                self.say(&format!(
                    "no connection to the coordinator; next attempt in {:.1} s",
                    *retry_ms as f64 / 1000.0
                ));
            }
            Notice::CertificateRenewed => self.say("the certificate of this site was renewed"),
            Notice::AuthorityFollowed { key } => self.say(&format!(
                "the consortium has another authority now, for which the one before it vouches; its pin is {}: \
                 the privacy officer compares it with what the coordinator's operator says by another way",
                SpkiPin::from_bytes(key.0)
            )),
            Notice::NotAuthorised => {
                self.say("the coordinator does not accept this site; ask its operator");
            }
            Notice::Proposed { run } => self.say(&format!(
                "run {run}: proposed; it waits for the privacy officer's decision: site-agent runs {run}"
            )),
            Notice::OutsidePolicy { run, rule } => self.say(&format!(
                "run {run}: proposed, and this site's policy does not allow it: {rule}; see site-agent policy explain {run}"
            )),
            Notice::Decided { run, decision } => {
                self.say(&format!("run {run}: the coordinator knows that this site {}", decided(*decision)));
            }
            Notice::Joined { key, rounds } => {
                self.rounds = *rounds;
                self.last_progress = None;
                self.say(&format!("{}: joined", self.name(*key)));
            }
            Notice::Comparing { key, points } => {
                self.say(&format!("{}: comparing with the held-out set ({points} blinded points)", self.name(*key)));
            }
            Notice::Sending { key, bytes } => self.say(&format!("{}: sending {bytes} bytes", self.name(*key))),
            Notice::Receipt { key, .. } => self.say(&format!("{}: receipt stored", self.name(*key))),
            Notice::Declined { key } => {
                self.say(&format!("{}: the coordinator did not take the update", self.name(*key)))
            }
            Notice::Forbidden { key, rule } => self.forbidden(*key, *rule),
            Notice::CannotTrain { key, reason } => {
                self.say(&format!("{}: this site cannot take part: {}", self.name(*key), words(*reason)));
            }
            Notice::Measuring { run } => self.say(&scoring::measuring(*run)),
            Notice::Scored { run, said } => self.say(&scoring::said(*run, said)),
            Notice::Finished { run } => self.say(&format!("run {run}: finished")),
            Notice::Ended { run, end: RunEnd::Stopped } => {
                self.say(&format!("run {run}: stopped by the coordinator's operator before its last round"));
            }
            Notice::Ended { run, end: RunEnd::Failed } => {
                self.say(&format!("run {run}: failed at the coordinator before its last round"));
            }
            Notice::LedgerRefused { retry_ms } => self.say(&later(OTHER_LEDGER, *retry_ms)),
            Notice::CoordinatorRestored { retry_ms } => self.say(&later(RESTORED, *retry_ms)),
            Notice::RevocationsMissing { retry_ms } => self.say(&later(NO_LIST, *retry_ms)),
            Notice::CoordinatorRevoked { retry_ms } => self.say(&later(REVOKED, *retry_ms)),
            Notice::NotDone { why } => self.say(&format!("not done: {}", why_not(*why))),
        }
    }

    pub(super) fn worker(&mut self, message: &FromWorker) {
        match message {
            FromWorker::Started => self.say("worker ready"),
            FromWorker::Progress { key, progress } => {
                if std::io::stderr().is_terminal() {
                    return self.draw(*key, progress);
                }
                let is_last = progress.step == progress.total_steps;
                if !is_last
                    && self
                        .last_progress
                        .is_some_and(|at| at.elapsed() < Duration::from_millis(PROGRESS_LINE_MS_MIN))
                {
                    return;
                }
                self.last_progress = Some(Instant::now());
                self.say(&format!("{}: step {}", self.name(*key), facts(progress)));
            }
            FromWorker::Forbidden { key, rule } => self.forbidden(*key, *rule),
            FromWorker::Blinded { .. } => {}
            FromWorker::Compared { key, .. } if self.prepared == Some(*key) => {}
            FromWorker::Compared { key, left_out } => {
                let LeftOut { too_close, not_compared, records } = left_out;
                self.say(&format!(
                    "{}: {too_close} of {records} records are too close to the held-out set",
                    self.name(*key)
                ));
                if *not_compared > 0 {
                    self.say(&format!(
                        "{not_compared} records were not there when this run was compared and are left out"
                    ));
                }
            }
            // The gateway may ask twice, when a worker comes up while it asks.
            FromWorker::Ready { key, .. } if self.prepared == Some(*key) => {}
            FromWorker::Ready { key, records, .. } => {
                self.prepared = Some(*key);
                self.say(&format!("{}: training on {records} records", self.name(*key)));
            }
            // In the ledger, where the officer looks for it.
            FromWorker::Data { .. } => {}
            // Said when the coordinator has heard it.
            FromWorker::Scored { .. } => {}
            FromWorker::Finished { .. } | FromWorker::Failed { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
    }

    fn forbidden(&self, key: RoundKey, rule: PolicyRule) {
        self.say(&format!("{}: the policy of this site (agent.toml) refuses it: {rule}", self.name(key)));
    }

    fn draw(&mut self, key: RoundKey, progress: &Progress) {
        // One run goes at a time, and its id would not fit beside a bar in 80 columns.
        let name = if self.rounds == 0 {
            format!("round {}", key.round)
        } else {
            format!("round {}/{}", key.round, self.rounds)
        };
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(u64::from(progress.total_steps));
            let template = format!("{{prefix}} {} {{msg}}, {{eta}} left", bar_of(BAR_COLUMNS, colours(true)));
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style.progress_chars(BAR_CHARACTERS));
            }
            bar
        });
        bar.set_message(beside_bar(&name, progress));
        bar.set_prefix(name);
        bar.set_position(u64::from(progress.step));
    }

    fn name(&self, key: RoundKey) -> String {
        if self.rounds == 0 {
            format!("run {}, round {}", key.run, key.round)
        } else {
            format!("run {}, round {}/{}", key.run, key.round, self.rounds)
        }
    }
}

/// `81/168, loss 0.832, 7771 tokens/s`; a number of steps that is not known is not shown.
const OTHER_LEDGER: &str = "the coordinator was told of another ledger of this site before, and answers nothing: if the \
     state folder was restored from a backup, its operator can accept this ledger; if not, keep the ledger as it is \
     and tell the privacy officer";

const RESTORED: &str = "the coordinator was restored from a copy that is older than what it signed for this site, and \
     answers nothing until its operator says so; tell them";

const NO_LIST: &str = "the revocation list of the consortium has ended or never came, and the coordinator gave none that \
     holds: nothing leaves until it does; `site-agent status` says what is wrong";

const REVOKED: &str = "the certificate of what answers as the coordinator was revoked, and nothing is sent to it; call the \
     coordinator's operator";

/// What a person has to mend, and when it is tried next.
fn later(words: &str, retry_ms: u64) -> String {
    format!("{words}. Asking again in {:.0} s", retry_ms as f64 / 1000.0)
}

fn facts(progress: &Progress) -> String {
    let steps = steps(u64::from(progress.step), u64::from(progress.total_steps));
    let steps = steps.map_or_else(String::new, |steps| format!("{steps}, "));
    format!("{steps}loss {:.3}, {} tokens/s", progress.loss, progress.tokens_per_s)
}

/// The facts in the columns that name, bar and time leave; the last column stays free, because some terminals
/// break a line that fills it.
fn beside_bar(name: &str, progress: &Progress) -> String {
    cut(&facts(progress), COLUMNS.saturating_sub(name.len() + 1 + BAR_COLUMNS + 1 + LEFT_COLUMNS + 1))
}

/// The code in words, with where to look. Said at the site only.
fn words(reason: TrainFailure) -> &'static str {
    match reason {
        TrainFailure::NoRecords => "no usable record (see logs/worker.log)",
        TrainFailure::DataUnreadable => "the data cannot be read (see logs/worker.log)",
        TrainFailure::BaseMismatch => "this site's base model is not the one of the run",
        TrainFailure::BaseUnreadable => "the base model cannot be loaded (see logs/worker.log)",
        TrainFailure::OutOfMemory => "not enough memory",
        TrainFailure::WorkerFailed => "the worker failed repeatedly (see logs/worker.log)",
        TrainFailure::UpdateRejected => "its update did not pass the site's own check (see the logs)",
        TrainFailure::OverlapFailed => {
            "its records could not be compared with the held-out set (see the logs)"
        }
        TrainFailure::NotAllowed => "the run's settings are not allowed here (see logs/worker.log)",
    }
}

/// What this site did, in words.
fn decided(decision: Decision) -> &'static str {
    match decision {
        Decision::Approved => "takes part",
        Decision::Declined => "declined",
        Decision::OutsidePolicy => "may not take part by its policy",
        Decision::Withdrawn => "has withdrawn",
    }
}

/// What was not done, in words, and what happens now.
fn why_not(why: NotDone) -> &'static str {
    match why {
        NotDone::FileTooLarge => "the coordinator announces a file that is larger than this site takes",
        NotDone::FileNotAsAnnounced => {
            "a file from the coordinator is not what it announced; asking again later, ask its operator"
        }
        NotDone::TermsUnusable => {
            "the run's terms cannot be used here; this site sits the round out (see logs/gateway.log)"
        }
        NotDone::OtherTerms => {
            "the coordinator changed the terms of a run that was begun; this site sits it out, ask its operator"
        }
        NotDone::RunIsOver => {
            "the coordinator asks for a run that is over here (was it restored from a backup?); ask its operator"
        }
        NotDone::RoundWearsOn => "the round was begun too often or takes too long; this site leaves it",
        NotDone::UnexpectedAnswer => {
            "the coordinator's answer makes no sense; asking again later, ask its operator if this goes on"
        }
        NotDone::SentTooOften => {
            "the coordinator asks for the same update again and again; sent again tomorrow, ask its operator"
        }
        NotDone::NoRoom => "the disk has no room for what the coordinator announces; free some, asking again",
        NotDone::EscrowFull => {
            "the escrow is full ([escrow] mib_max in agent.toml, or its disk), and nothing leaves that is not kept; see `site-agent prune`"
        }
        NotDone::TooManyRuns => {
            "the coordinator proposed more runs in a day than this site looks at; ask its operator"
        }
        NotDone::NotAgreed => {
            "nobody here has agreed to the run, or this site has withdrawn from it; see `site-agent runs`"
        }
        NotDone::OutsideHours => {
            "it is outside the hours in which this site trains (agent.toml); it goes on when they begin, see `site-agent status`"
        }
        NotDone::DayIsFull => {
            "no more bytes of updates may leave today (bytes_per_day_max in agent.toml); it goes on as those of the last 24 hours become fewer"
        }
        NotDone::NotAllowedHere => "a check of this site says no (see logs/gateway.log); asking again later",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_with_its_facts_fits_a_terminal() {
        let progress = Progress { step: 99_999, total_steps: 100_000, loss: 12.345, tokens_per_s: 1_234_567 };
        for name in ["round 3/3", "round 1000/1000"] {
            let drawn = name.len() + 1 + BAR_COLUMNS + 1 + beside_bar(name, &progress).len() + LEFT_COLUMNS;
            assert!(drawn < COLUMNS, "{drawn}");
        }
        let usual = Progress { step: 81, total_steps: 168, loss: 0.832, tokens_per_s: 7_771 };
        assert_eq!(beside_bar("round 1/1", &usual), "81/168, loss 0.832, 7771 tokens/s");
    }

    #[test]
    fn steps_that_are_not_known_are_not_shown() {
        let progress = Progress { step: 0, total_steps: 0, loss: 5.0, tokens_per_s: 0 };
        assert_eq!(facts(&progress), "loss 5.000, 0 tokens/s");
    }
}
