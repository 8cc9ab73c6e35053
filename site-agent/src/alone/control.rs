//! The command's side of `site-agent train`: starts the locked child, passes on what it says and the wish to
//! stop, and waits for its end. Called by `cli::train`. It opens no record itself.
//!
//! Invariants: every wait after a request to stop has a deadline; the child is safe to kill at any moment,
//! because what is not complete has no name yet.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::folds::result::FoldsTogether;
use super::job::{Summary, TrainJob, TrainingReport};
use crate::error::SiteError;
use crate::limits::{PIPE_MESSAGES_MAX, STOP_AGAIN_MS_MIN, TRAINING_EXIT_MS_MAX, TRAINING_STOP_MS_MAX};
use crate::pipe::{read_message_async, write_message_async};
use crate::preflight;

/// How a training ended.
#[derive(Debug)]
pub enum End {
    /// The adapter is in the output folder.
    Finished(Summary),
    /// Every fold is trained and measured.
    CrossValidated(FoldsTogether),
    /// It stopped on request, with a checkpoint.
    Stopped {
        /// Optimiser steps done.
        step: u64,
        /// Optimiser steps planned.
        total_steps: u64,
    },
    /// It was killed on request.
    Killed,
    /// It said why it could not go on.
    Failed(SiteError),
    /// It was killed by somebody else, mostly the kernel for want of memory, and said nothing.
    Died,
}

/// Who shows a training to the person at the terminal.
pub trait Show {
    /// Shows what the child says; `process_id` is the child's while it lives.
    fn report(&mut self, report: &TrainingReport, process_id: Option<u32>);
    /// The first request to stop was passed on.
    fn stopping(&mut self);
}

/// Starts the child and follows it to its end.
///
/// # Errors
/// `Internal` when the child cannot be started or signals cannot be waited for; `Pipe` when it does not take
/// its job.
pub async fn follow(job: &TrainJob, show: &mut impl Show) -> Result<End, SiteError> {
    let (mut child, stdin, stdout) = start(job).await?;
    let process_id = child.id();
    let (sender, mut heard) = mpsc::channel(PIPE_MESSAGES_MAX);
    let reader = tokio::spawn(listen(stdout, sender));
    let mut stdin = Some(stdin);
    let mut end = None;
    let mut signals = Signals::new()?;
    let mut asked = Instant::now();
    let is_killed = loop {
        let message = tokio::select! {
            message = heard.recv() => message,
            () = signals.wait() => {
                // The closed pipe is the request. A second one does not wait, unless it came with the first.
                if stdin.take().is_none() {
                    if asked.elapsed() < Duration::from_millis(STOP_AGAIN_MS_MIN) {
                        continue;
                    }
                    break true;
                }
                asked = Instant::now();
                show.stopping();
                continue;
            }
            () = sleep_until(asked + Duration::from_millis(TRAINING_STOP_MS_MAX)), if stdin.is_none() => break true,
        };
        match message {
            Some(message) => {
                show.report(&message, process_id);
                end = end_of(message).or(end);
            }
            None => break false,
        }
    };
    reader.abort();
    let mut code = None;
    if !is_killed
        && let Ok(Ok(status)) = timeout(Duration::from_millis(TRAINING_EXIT_MS_MAX), child.wait()).await
    {
        code = status.code();
    } else {
        let _ = child.kill().await;
    }
    Ok(end.unwrap_or_else(|| match code {
        _ if stdin.is_none() => End::Killed,
        Some(code) => End::Failed(SiteError::Internal(format!("the trainer ended with code {code}"))),
        None => End::Died,
    }))
}

/// The end that a message announces, if it does.
fn end_of(message: TrainingReport) -> Option<End> {
    match message {
        TrainingReport::Finished(summary) => Some(End::Finished(summary)),
        TrainingReport::CrossValidated(together) => Some(End::CrossValidated(*together)),
        TrainingReport::Stopped { step, total_steps } => Some(End::Stopped { step, total_steps }),
        TrainingReport::Failed { sentence, hint, is_user_error: true } => {
            Some(End::Failed(SiteError::Data { sentence, hint }))
        }
        TrainingReport::Failed { sentence, .. } => Some(End::Failed(SiteError::Internal(sentence))),
        _ => None,
    }
}

async fn start(job: &TrainJob) -> Result<(Child, ChildStdin, ChildStdout), SiteError> {
    let failed = |source: std::io::Error| SiteError::Internal(format!("cannot start the trainer: {source}"));
    let mut child = Command::new(preflight::executable()?)
        .arg("trainer")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A group of its own: Ctrl-C at the terminal reaches this process only, which passes it on in good
        // order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(SiteError::Internal("the trainer has no pipes".to_owned()));
    };
    let json = serde_json::to_string(job).map_err(|error| SiteError::Internal(error.to_string()))?;
    write_message_async(&mut stdin, &json).await?;
    Ok((child, stdin, stdout))
}

/// Reads the child's messages to their end.
async fn listen(mut stdout: ChildStdout, sender: mpsc::Sender<TrainingReport>) {
    while let Ok(Some(message)) = read_message_async::<TrainingReport>(&mut stdout).await {
        if sender.send(message).await.is_err() {
            break;
        }
    }
}

/// Ctrl-C, SIGTERM, and the end of the terminal.
struct Signals {
    hang_up: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, SiteError> {
        let failed =
            |source: std::io::Error| SiteError::Internal(format!("cannot wait for signals: {source}"));
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let hang_up = signal(SignalKind::hangup()).map_err(failed)?;
        Ok(Self { hang_up, terminate, interrupt })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
