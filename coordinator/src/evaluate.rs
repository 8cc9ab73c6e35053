//! Work that needs the model, done in a child process of the same binary (hidden subcommand `evaluate-child`,
//! one JSON job line on stdin, one JSON answer on stdout). Called by `execution::performer` (scores) and by
//! `execution::launch` (describes the model). Invariants: if the child runs out of memory, hangs or panics,
//! the round journal is not touched; the child opens what its job names and nothing else (`locks`); one child
//! runs at a time.

mod asking;
pub mod child;
pub mod departments;
pub mod details;
pub mod initial;
pub mod locks;
mod measuring;
pub mod paired;
pub mod questions;
pub mod suites;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::id::{Digest, Point, RunId};
use common::run::{AdapterSettings, BaseSettings, TensorSpec};
use model::Device;
use sandbox::Lock;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::details::{Department, SampleQuestion};
use crate::error::{Error, Result};
use crate::limits::JOB_ANSWER_BYTES_MAX;
use crate::round::baseline::Figures;
use crate::round::launched::{PinnedFile, PinnedSuite};
use crate::round::measured::{ForgettingFigures, SuiteFigures};
use crate::round::state::Metrics;

/// The base model and adapter settings that every job needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelJob {
    /// A Hugging Face folder.
    pub model: PathBuf,
    /// How to hold it.
    pub base: BaseSettings,
    /// The adapter's shape.
    pub adapter: AdapterSettings,
    /// Records are cut after this many tokens, as in training.
    pub cutoff_tokens: usize,
}

/// The set that is published for the held-out files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlapJob {
    /// The run.
    pub run: RunId,
    /// The file with its secret.
    pub key: PathBuf,
    /// Where to write the set.
    pub out: PathBuf,
}

/// What a run begins with instead of a fresh adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FirstAdapter {
    /// A published adapter of this coordinator, of the run file's settings.
    File(PathBuf),
    /// A PEFT folder from anywhere.
    Folder(PathBuf),
}

impl FirstAdapter {
    /// What is read of it.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Folder(path) => path,
        }
    }
}

/// What the child is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case", deny_unknown_fields)]
pub enum Job {
    /// Check that model and data can be used, and make the first adapter.
    Describe {
        /// The model.
        model: ModelJob,
        /// Held-out files that must be usable.
        data: Vec<PathBuf>,
        /// Evaluation suites that must be usable.
        #[serde(default)]
        suites: Vec<PinnedSuite>,
        /// Seed of the first adapter.
        seed: u64,
        /// The adapter to begin with instead of a fresh one.
        #[serde(default)]
        from: Option<FirstAdapter>,
        /// Where to write the first adapter (safetensors).
        initial: PathBuf,
        /// The set to publish for the held-out files, if any.
        #[serde(default)]
        overlap: Option<OverlapJob>,
    },
    /// Load the base model and say its fingerprint, nothing else.
    Fingerprint {
        /// The model.
        model: ModelJob,
    },
    /// Measure adapters (`None`: the bare base) on a file.
    Score {
        /// The model.
        model: ModelJob,
        /// The held-out records.
        data: PinnedFile,
        /// What the base model must be.
        base_fingerprint: Digest,
        /// What to measure.
        adapters: Vec<Option<PathBuf>>,
        /// Records per forward pass.
        batch_size: usize,
    },
    /// Measure the base model, what one site trained alone and what sites trained together on a file.
    ScoreAlone {
        /// The model.
        model: ModelJob,
        /// The held-out records.
        data: PinnedFile,
        /// What the base model must be.
        base_fingerprint: Digest,
        /// The site's.
        adapter: PathBuf,
        /// That of the run that it is compared with, if there is one.
        together: Option<PathBuf>,
        /// Records per forward pass.
        batch_size: usize,
    },
    /// Have base and adapted model answer questions of a file.
    Answer {
        /// The model.
        model: ModelJob,
        /// The held-out records.
        data: PinnedFile,
        /// What the base model must be.
        base_fingerprint: Digest,
        /// The final adapter.
        adapter: PathBuf,
        /// How many.
        questions: usize,
    },
    /// Ask base and adapted model an evaluation suite.
    Suite {
        /// The model.
        model: ModelJob,
        /// The suite.
        suite: PinnedSuite,
        /// What the base model must be.
        base_fingerprint: Digest,
        /// The final adapter.
        adapter: PathBuf,
        /// The file that keeps what was asked, where it could be made: another child goes on from there.
        resume: Option<PathBuf>,
    },
    /// Measure what the adapted model forgot.
    Forgetting {
        /// The model.
        model: ModelJob,
        /// What the base model must be.
        base_fingerprint: Digest,
        /// The final adapter.
        adapter: PathBuf,
    },
}

/// What the child answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `Describe`.
    Described {
        /// SHA-256 over the frozen base as it is held.
        fingerprint: Digest,
        /// The adapter's tensors, sorted by name.
        tensors: Vec<TensorSpec>,
        /// Public key of the published set, if one was asked for.
        #[serde(default)]
        public_key: Option<Point>,
    },
    /// To `Fingerprint`.
    Fingerprinted {
        /// SHA-256 over the frozen base as it is held.
        fingerprint: Digest,
    },
    /// To `Score`, in the order asked.
    Scored {
        /// The measurements.
        scores: Vec<Metrics>,
        /// The last one beside the base model, by department; empty where the base was not measured, or the
        /// file names no departments.
        #[serde(default)]
        departments: Vec<Department>,
    },
    /// To `ScoreAlone`.
    AloneScored {
        /// What came out.
        figures: Box<Figures>,
    },
    /// To `Answer`.
    Answered {
        /// What was answered; perhaps fewer than asked for.
        questions: Vec<SampleQuestion>,
    },
    /// To `Suite`.
    Asked {
        /// What came out.
        figures: Box<SuiteFigures>,
    },
    /// To `Forgetting`.
    Forgotten {
        /// What came out.
        figures: Box<ForgettingFigures>,
    },
    /// It cannot be done.
    Failed {
        /// One sentence.
        message: String,
        /// The next step.
        hint: Option<String>,
        /// Whether the operator can mend it.
        user: bool,
    },
}

/// Starts children and hears their answers.
#[derive(Debug, Clone)]
pub struct Evaluator {
    program: PathBuf,
    timeout: Duration,
    child: ChildSettings,
    /// Held while a child runs: two at once would need twice the memory.
    turn: Arc<Mutex<()>>,
}

/// The turn of one child: nobody else's runs while it is held.
#[derive(Debug)]
pub struct Turn {
    _held: OwnedMutexGuard<()>,
}

/// What every child is told beside its job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChildSettings {
    /// Where it computes.
    pub device: Device,
    /// Locks that it may do without.
    pub allow_missing: Vec<Lock>,
    /// A folder for a GPU's compiled kernels.
    pub gpu_cache: PathBuf,
}

impl ChildSettings {
    /// As the arguments of `evaluate-child`.
    fn arguments(&self) -> Vec<String> {
        let mut arguments =
            vec![format!("--device={}", self.device), format!("--gpu-cache={}", self.gpu_cache.display())];
        arguments.extend(self.allow_missing.iter().map(|lock| format!("--allow-missing={lock}")));
        arguments
    }
}

impl Evaluator {
    /// Children of this very binary, each stopped after `timeout`.
    ///
    /// # Errors
    /// The operating system does not say where this binary is.
    pub fn of_this_binary(timeout: Duration, child: ChildSettings) -> Result<Self> {
        let program = std::env::current_exe();
        let program = program.map_err(|error| Error::Internal(format!("own program: {error}")))?;
        Ok(Self { program, timeout, child, turn: Arc::default() })
    }

    /// As [`Self::run_timed`], without the time.
    ///
    /// # Errors
    /// The child cannot be started, is stopped at its deadline, or ends without an answer.
    pub async fn run(&self, job: &Job) -> Result<Answer> {
        self.run_timed(job).await.0
    }

    /// Runs one child and reads its answer, after those that were asked before; the time is that of the child
    /// alone. Kills it at the deadline and if the caller goes away; should we be killed ourselves, its stdin
    /// ends and it ends too.
    pub async fn run_timed(&self, job: &Job) -> (Result<Answer>, Duration) {
        let turn = self.turn().await;
        let started = Instant::now();
        let answer = self.run_in(&turn, job).await;
        (answer, started.elapsed())
    }

    /// The next turn, after those that were asked for before; for a caller that looks again, once it has it,
    /// at whether there is something to do.
    pub async fn turn(&self) -> Turn {
        Turn { _held: Arc::clone(&self.turn).lock_owned().await }
    }

    /// As [`Self::run`], in a turn that the caller has.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_in(&self, _turn: &Turn, job: &Job) -> Result<Answer> {
        self.ask(job).await
    }

    async fn ask(&self, job: &Job) -> Result<Answer> {
        let mut child = Command::new(&self.program)
            .arg("evaluate-child")
            .args(self.child.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| died(&format!("it cannot be started: {error}")))?;
        let mut input = serde_json::to_vec(job).map_err(|error| Error::Internal(error.to_string()))?;
        input.push(b'\n');
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Internal("the child has no pipes".into()));
        };
        let exchange = async {
            // A child that is gone already says more by its exit status than by the broken pipe.
            let _ = stdin.write_all(&input).await;
            let mut output = Vec::new();
            stdout.take(JOB_ANSWER_BYTES_MAX).read_to_end(&mut output).await?;
            Ok::<_, std::io::Error>((output, child.wait().await?))
        };
        let (output, status) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => return Err(died(&format!("its pipe broke: {error}"))),
            Err(_) => return Err(died(&format!("it was stopped after {} s", self.timeout.as_secs()))),
        };
        drop(stdin);
        serde_json::from_slice(&output).map_err(|_| ended(status))
    }
}

/// SIGSYS: what a filter of system calls kills with.
const SIGNAL_BAD_CALL: i32 = 31;

/// A child that ended without an answer. One that was killed may have had too little memory, which the
/// operator can mend; one that gave up by itself (a panic) is a fault of ours.
fn ended(status: ExitStatus) -> Error {
    let reason = format!("it ended with {status} and no answer");
    if status.signal() == Some(SIGNAL_BAD_CALL) {
        let hint = "a filter around `serve` forbids the calls that lock this process up; install the unit of this \
                    version (deploy/systemd/consilium-coordinator.service)";
        return Error::Model {
            message: format!("the evaluation process failed: {reason}"),
            hint: Some(hint.to_owned()),
            user: true,
        };
    }
    if status.signal().is_some() {
        return died(&reason);
    }
    let hint = Some("please report this, with the log above".to_owned());
    Error::Model { message: format!("the evaluation process failed: {reason}"), hint, user: false }
}

fn died(reason: &str) -> Error {
    let hint = Some("see the log above; a model that does not fit in memory is the usual cause".to_owned());
    Error::Model { message: format!("the evaluation process failed: {reason}"), hint, user: true }
}

#[cfg(test)]
pub(crate) mod tests;
