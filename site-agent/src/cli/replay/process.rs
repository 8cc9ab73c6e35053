//! The worker of a replay: the same process as in a round, with the same locks, started for one round and
//! ended after it. Used by `computing`. Invariants: every wait has a deadline; what it says
//! stands in a bounded log, escaped; it dies with this process, and
//! with the value that holds it.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use common::id::Digest;
use common::wire::message::{RoundKey, TrainFailure};

use crate::error::SiteError;
use crate::limits::{PIPE_MESSAGES_MAX, ROUND_S_MAX};
use crate::paths::StateFolder;
use crate::pipe::{FromWorker, Progress, RawFacts, ToWorker, read_message, write_message};
use crate::preflight::executable;
use crate::supervisor::log::Log;

/// The process and what it says.
#[derive(Debug)]
pub(super) struct ReplayWorker {
    child: Child,
    orders: Option<ChildStdin>,
    heard: Receiver<FromWorker>,
    deadline: Instant,
    log: PathBuf,
}

impl ReplayWorker {
    /// Starts it on a folder; its words go to `log`.
    ///
    /// # Errors
    /// `Io` and `Internal` when it cannot be started.
    pub(super) fn start(folder: &StateFolder, log: &Path) -> Result<Self, SiteError> {
        let mut words = Log::open(log)?;
        let failed = |error: std::io::Error| SiteError::Internal(format!("cannot start the worker: {error}"));
        let mut child = Command::new(executable()?)
            .args(["worker", "--replay", "--state"])
            .arg(folder.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (orders, Some(pipe), Some(said)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(SiteError::Internal("the worker has no pipes".into()));
        };
        on_thread("replay-log", move || words.follow_blocking(said))?;
        let heard = listen(pipe)?;
        let deadline = Instant::now() + Duration::from_secs(ROUND_S_MAX);
        Ok(Self { child, orders, heard, deadline, log: log.to_path_buf() })
    }

    /// Has it read the records; the root over them.
    ///
    /// # Errors
    /// `Data` when it cannot.
    pub(super) fn prepare(&mut self, key: RoundKey, manifest: Digest) -> Result<Digest, SiteError> {
        self.order(ToWorker::Prepare { key, manifest })?;
        let mut root = None;
        loop {
            match self.next()? {
                FromWorker::Data { root: found, .. } => root = Some(found),
                FromWorker::Ready { .. } => {
                    return root.ok_or_else(|| SiteError::Pipe("the worker named no records".into()));
                }
                FromWorker::Blinded { .. } => {
                    return Err(SiteError::data(
                        "what the comparison with the held-out set found in this run is not kept any more",
                        "it stays until the next run that compares",
                    ));
                }
                FromWorker::Failed { reason, .. } => {
                    // Records that are others may not be usable at all: the root says so first.
                    return root
                        .filter(|_| reason == TrainFailure::NoRecords)
                        .ok_or_else(|| self.failed(reason));
                }
                _ => {}
            }
        }
    }

    /// Has it train the round.
    ///
    /// # Errors
    /// `Data` when it cannot.
    pub(super) fn train(
        &mut self,
        key: RoundKey,
        manifest: Digest,
        adapter: Digest,
        show: &mut dyn FnMut(&Progress),
    ) -> Result<RawFacts, SiteError> {
        self.order(ToWorker::Train { key, manifest, adapter })?;
        loop {
            match self.next()? {
                FromWorker::Progress { progress, .. } => show(&progress),
                FromWorker::Finished { facts, .. } => return Ok(facts),
                FromWorker::Failed { reason, .. } => return Err(self.failed(reason)),
                _ => {}
            }
        }
    }

    /// Ends it. What it has written is complete.
    pub(super) fn end(mut self) {
        self.orders = None;
    }

    fn order(&mut self, order: ToWorker) -> Result<(), SiteError> {
        match &mut self.orders {
            Some(pipe) => write_message(pipe, &order),
            None => Err(SiteError::Internal("the worker was ended".into())),
        }
    }

    fn next(&mut self) -> Result<FromWorker, SiteError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.heard.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => SiteError::data(
                "the replay took longer than any round may",
                "on this machine the round cannot be computed again",
            ),
            RecvTimeoutError::Disconnected => SiteError::Data {
                sentence: "the worker of the replay ended before the round was computed".into(),
                hint: Some(self.see_log()),
            },
        })
    }

    fn failed(&self, reason: TrainFailure) -> SiteError {
        let sentence = match reason {
            TrainFailure::NoRecords => "there is no usable record",
            TrainFailure::DataUnreadable => "the records cannot be read",
            TrainFailure::BaseMismatch => "the base model is not the one of the run",
            TrainFailure::BaseUnreadable => "the base model cannot be loaded",
            TrainFailure::OutOfMemory => "there is not enough memory",
            TrainFailure::OverlapFailed => "the comparison with the held-out set cannot be repeated",
            TrainFailure::NotAllowed => "the records cannot be used as they are",
            TrainFailure::WorkerFailed | TrainFailure::UpdateRejected => "the worker failed",
        };
        SiteError::Data {
            sentence: format!("the round cannot be computed again: {sentence}"),
            hint: Some(self.see_log()),
        }
    }

    fn see_log(&self) -> String {
        format!("its words are in {}", self.log.display())
    }
}

impl Drop for ReplayWorker {
    fn drop(&mut self) {
        // It reads nothing any more that matters: what it made was taken, or the replay failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that reads what the worker says to its end.
fn listen(mut pipe: ChildStdout) -> Result<Receiver<FromWorker>, SiteError> {
    let (sender, heard) = sync_channel(PIPE_MESSAGES_MAX);
    on_thread("replay", move || {
        while let Ok(Some(message)) = read_message::<FromWorker>(&mut pipe) {
            if sender.send(message).is_err() {
                break;
            }
        }
    })?;
    Ok(heard)
}

fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), SiteError> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(|source| SiteError::Internal(source.to_string()))
}
