//! An act between its two lines. Called by `admin::server`, `enrolment::person` and the subcommands of
//! `cli` that change the state folder themselves. Invariant: what cannot be written down first is not done.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use common::clock::Timestamp;
use common::id::RunId;

use super::log::Acts;
use super::record::{Act, Draft, Step, Who};
use crate::blocking::blocking;
use crate::error::Result;

/// Writes down that `who` asks for `act`, does `work`, and writes down what became of it.
///
/// # Errors
/// The log is damaged or cannot be written: nothing was done. Those of `work`.
pub fn recorded<T>(
    acts: &Acts,
    who: &Who,
    act: &Act,
    now: Timestamp,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let asked = acts.note(&Draft { who, act, step: Step::Asked, of: None }, now)?;
    let began = Instant::now();
    let done = work();
    result(acts, who, act, asked, done.is_ok(), after(now, began));
    done
}

/// As [`recorded`], where the work waits for others; `made` is the run that it made.
///
/// # Errors
/// As [`recorded`].
pub async fn recorded_async<T>(
    acts: &Arc<Acts>,
    who: Who,
    act: Act,
    now: Timestamp,
    work: impl Future<Output = Result<T>>,
    made: impl FnOnce(&T) -> Option<RunId>,
) -> Result<T> {
    let (log, asker, what) = (Arc::clone(acts), who.clone(), act.clone());
    let asked =
        blocking(move || log.note(&Draft { who: &asker, act: &what, step: Step::Asked, of: None }, now))
            .await?;
    let began = Instant::now();
    let done = work.await;
    let made = done.as_ref().ok().and_then(made);
    let (log, is_done) = (Arc::clone(acts), done.is_ok());
    let act = Act { run: made.or(act.run), ..act };
    // What was done stays done.
    let _ = blocking(move || {
        result(&log, &who, &act, asked, is_done, after(now, began));
        Ok(())
    })
    .await;
    done
}

/// When it is now, if it was `then` at `began`.
fn after(then: Timestamp, began: Instant) -> Timestamp {
    then.plus_ms(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Writes down what became of what was asked in line `asked`. What was done stays done: where the line
/// cannot be written, the one that asked stands without a result, and only our log says why.
pub(crate) fn result(acts: &Acts, who: &Who, act: &Act, asked: u64, is_done: bool, now: Timestamp) {
    let step = if is_done { Step::Done } else { Step::Failed };
    if let Err(error) = acts.note(&Draft { who, act, step, of: Some(asked) }, now) {
        tracing::error!(%error, asked, "the result of an act could not be written down");
    }
}
