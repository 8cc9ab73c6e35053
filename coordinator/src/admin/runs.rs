//! What an operator asks of runs: launch, resume, evaluate, extend, stop. Called by `admin::server`.
//! Invariant: a run changes by an event in the journal, or not at all.

use std::path::{Path, PathBuf};

use cli::duration::span;
use common::id::Round;
use common::places;

use super::message::Answer;
use super::report::rfc3339;
use super::server::Admin;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::execution::catch_up::catch_up;
use crate::execution::launch::hand::Hand;
use crate::execution::launch::{self, Desk, Prepared, held_out};
use crate::limits::EXTENSION_MS_MIN;
use crate::round::alone;
use crate::round::event::Event;
use crate::round::extended::Extension;
use crate::round::extension;
use crate::round::state::RunState;

impl Admin {
    pub(super) async fn launch(&self, run_file: &Path, queue: bool, hand: Option<&Hand>) -> Result<Answer> {
        self.start(launch::from_file(self.desk(queue, hand), run_file)).await
    }

    pub(super) async fn launch_text(&self, text: &str, queue: bool, hand: Option<&Hand>) -> Result<Answer> {
        self.start(launch::from_text(self.desk(queue, hand), text)).await
    }

    pub(super) async fn resume(
        &self,
        run: &str,
        model: Option<PathBuf>,
        hand: Option<&Hand>,
    ) -> Result<Answer> {
        let state = self.runs.choose(Some(run))?;
        self.start(launch::resumed(self.desk(false, hand), &state, model)).await
    }

    fn desk<'a>(&'a self, queue: bool, hand: Option<&'a Hand>) -> Desk<'a> {
        Desk {
            folder: &self.folder,
            store: &self.store,
            runs: &self.runs,
            evaluator: &self.evaluator,
            receipts: &self.receipts,
            hand,
            queue,
        }
    }

    /// Prepares a run and launches it.
    async fn start(&self, prepared: impl Future<Output = Result<Prepared>>) -> Result<Answer> {
        // Held until the journal has the run: no evaluation suite begins meanwhile.
        let _preparing = self.runs.prepare();
        let Prepared { launched, mut notes } = prepared.await?;
        let run = launched.run;
        if launched.queued.is_some() {
            notes.push(self.waits_for());
        }
        self.driver.launch(launched).await?;
        catch_up(&self.store, &self.runs, &self.driver).await?;
        Ok(Answer::Launched { run: run.to_string(), notes })
    }

    /// What a run that is queued now waits for.
    fn waits_for(&self) -> String {
        let (active, waiting) = (self.runs.active(), self.runs.queued());
        let going = active.map(|state| format!("run {} that is going", state.launched.run));
        let others = match waiting {
            0 => None,
            1 => Some("another run that waits".to_owned()),
            waiting => Some(format!("{waiting} others that wait")),
        };
        let all: Vec<String> = [going, others].into_iter().flatten().collect();
        let first = if all.is_empty() { "what is left to measure".to_owned() } else { all.join(" and ") };
        format!("it waits for {first}; its sites hear of it when it begins, and operators take turns")
    }

    /// Measures the test set of a run that ended without, where model and test file are now.
    pub(super) async fn evaluate(
        &self,
        run: &str,
        model: Option<PathBuf>,
        test: Option<PathBuf>,
    ) -> Result<Answer> {
        let state = self.runs.choose(Some(run))?;
        let (id, pinned) = match &state.launched.test {
            Some(file) if state.may_be_tested() => (state.launched.run, file.clone()),
            _ => return Err(not_to_be_measured(&state)),
        };
        let (model, test) =
            (model.unwrap_or_else(|| state.launched.model.clone()), test.unwrap_or(pinned.path));
        let found = blocking(move || {
            let missing = |what, path: &Path| Error::Missing { what, path: path.to_path_buf() };
            let folder = places::model(&model).ok().filter(|folder| folder.is_dir());
            let folder = folder.ok_or_else(|| missing("model folder", &model))?;
            let file = test.canonicalize().ok().filter(|file| file.is_file());
            Ok((folder, file.ok_or_else(|| missing("test file", &test))?))
        });
        let (model, test) = found.await?;
        // What it opened itself counts too: a measurement that failed has shown the file to a program.
        let notes =
            held_out::opened_before(held_out::openings(&self.runs, pinned.digest)).into_iter().collect();
        self.driver.submit(id, Event::TestAsked { model, test }).await?;
        Ok(Answer::Launched { run: id.to_string(), notes })
    }

    pub(super) async fn stop(&self, run: &str) -> Result<Answer> {
        let state = self.runs.choose(Some(run))?;
        if state.is_over() {
            let message = format!("run {} is already over", state.launched.run);
            return Err(Error::Argument { message, hint: "`coordinator runs` lists the runs".into() });
        }
        self.driver.submit(state.launched.run, Event::Stopped).await?;
        Ok(Answer::Done)
    }

    /// Has a run end when its open round is through.
    pub(super) async fn stop_after_round(&self, run: &str) -> Result<Answer> {
        let state = self.runs.choose(Some(run))?;
        let id = state.launched.run;
        let refused = |message: String| {
            Err(Error::Argument { message, hint: format!("`coordinator stop {id}` ends it at once") })
        };
        let is_last = state.gone_through().saturating_add(1) >= state.launched.spec.rounds;
        let Some(round) = state.may_stop_after() else {
            return match (state.is_over(), is_last && !state.rounds.is_empty()) {
                (true, _) => Err(Error::Argument {
                    message: format!("run {id} is already over"),
                    hint: "`coordinator runs` lists the runs".into(),
                }),
                (false, true) => refused(format!("run {id} has no round after this one, and ends by itself")),
                (false, false) => refused(format!("run {id} has no open round")),
            };
        };
        self.driver.submit(id, Event::StopAfterRound { round }).await?;
        // It may have been through meanwhile.
        match self.runs.find(id).and_then(|state| state.stops_after) {
            Some(stops_after) if stops_after == round => Ok(Answer::StopsAfter { round: round.0 }),
            _ => refused(format!("round {round} of run {id} was through before the run could be told")),
        }
    }

    /// Gives the open round of a run more time.
    pub(super) async fn extend(&self, run: &str, by_ms: u64) -> Result<Answer> {
        let state = self.runs.choose(Some(run))?;
        let id = state.launched.run;
        let (round, before) = extensible(&state, by_ms)?;
        self.driver.submit(id, Event::DeadlineExtended { round, by_ms }).await?;
        // The round may have been closed meanwhile.
        let state = self.runs.find(id).unwrap_or(state);
        let given = state.round(round).map_or(before, |record| record.extension);
        if given.deadline_ms < before.deadline_ms.saturating_add(by_ms) {
            let message = format!("round {round} of run {id} was closed before it could be given more time");
            return Err(Error::Argument {
                message,
                hint: "`coordinator status RUN` shows where it stands".into(),
            });
        }
        // Closed since, it is told when; the next one's deadline is not this one's.
        let is_still = state.current().is_some_and(|record| record.round == round);
        let closes = state.next_deadline().filter(|_| is_still).unwrap_or(state.updated_at);
        Ok(Answer::Extended { round: round.0, closes: rfc3339(closes) })
    }
}

/// The round of a run that may be given so much more time.
///
/// # Errors
/// None is open, or it is too much or too little.
fn extensible(state: &RunState, by_ms: u64) -> Result<(Round, Extension)> {
    let run = state.launched.run;
    let hint = "`coordinator status RUN` shows where it stands; a run that failed goes on with `coordinator resume RUN`";
    let refuse = |message: String, hint: &str| Error::Argument { message, hint: hint.to_owned() };
    if let Some(why) = extension::why_not(state) {
        return Err(refuse(format!("run {run} {why}"), hint));
    }
    let Some(record) = state.current() else {
        return Err(refuse(format!("run {run} has no open round"), hint));
    };
    let left_ms = extension::left_ms(record.extension);
    if !(EXTENSION_MS_MIN..=left_ms).contains(&by_ms) {
        let (round, left) = (record.round, span(left_ms as f64 / 1000.0));
        let message = format!("round {round} of run {run} can be given a second to {left} more");
        return Err(refuse(message, "a round is given a week more in all; --by takes 90s, 30m, 2h or 1d"));
    }
    Ok((record.round, record.extension))
}

/// Why a run's test set cannot be measured now.
fn not_to_be_measured(state: &RunState) -> Error {
    let run = state.launched.run;
    let (message, hint) = if state.launched.test.is_none() {
        (format!("run {run} has no test file"), "launch the next one with `test` in its run file")
    } else if !state.is_over() {
        return Error::RunInProgress(run.to_string());
    } else if alone::is_alone(state) {
        (
            format!("in run {run} each site trained alone, so there is no final model to measure"),
            "`coordinator report RUN` shows what was measured; launch its run file again to measure it anew",
        )
    } else if state.gone_through() >= state.launched.spec.rounds && state.published() == 0 {
        (
            format!("run {run} adopted no round, and its test set is for the final model"),
            "`coordinator status RUN` says why; `coordinator launch` its run file again",
        )
    } else if !state.has_final_model() {
        (
            format!("run {run} did not get through its last round, and its test set is for the final model"),
            "`coordinator resume RUN` goes on from the last published round",
        )
    } else {
        (
            format!("the test set of run {run} was measured; a test set is measured once"),
            "`coordinator status RUN` shows the result",
        )
    };
    Error::Argument { message, hint: hint.into() }
}
