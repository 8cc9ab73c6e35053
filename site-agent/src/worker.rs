//! The process that reads records and trains. It has no network, and what it says to the gateway is numbers and codes.
//!
//! Started by the supervisor (hidden subcommand `worker`); enters its sandbox before anything else. Orders come in on standard
//! input, answers go out on standard output; words go to standard error, which is `logs/worker.log` at the site. A
//! panic says where it happened and not with what values.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use common::wire::message::{RoundKey, TrainFailure};
use data::DataError;
use model::chat::ChatTokenizer;
use model::{BaseModel, Compute, Control, Device, LoadOptions, ModelError, WeightFormat};

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::local::{FromWorker, ToWorker, read_message, write_message};
use crate::paths::StateFolder;
use crate::sandbox::{self, FileRules, Lock};
use crate::train::{Prepared, TrainError, Trained, Trainer};
use crate::{records, room, waiver};

/// Orders that may wait: the gateway has one round in hand and may repeat itself after a restart.
const ORDERS_MAX: usize = 16;

/// Runs until the supervisor closes the pipe.
///
/// # Errors
/// `LocksMissing` before anything is read; `Pipe` when the supervisor is gone.
pub fn run(folder: &StateFolder) -> Result<(), SiteError> {
    let config = enter(folder)?;
    tracing::info!("worker started");
    let shared = Arc::new(Shared::default());
    let orders = read_orders(Arc::clone(&shared))?;
    let mut worker = Worker { trainer: Trainer::new(config, folder.clone()), shared };
    worker.say(&FromWorker::Started)?;
    loop {
        match orders.recv_timeout(Duration::from_secs(3600)) {
            Ok(order) => worker.obey(order)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Takes the locks and loads the policy. Shared with the validation of `join` and `run`.
///
/// # Errors
/// `LocksMissing`, or what is wrong with `agent.toml`.
pub fn enter(folder: &StateFolder) -> Result<AgentConfig, SiteError> {
    quiet_panics();
    sandbox::process::die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))?;
    let config = AgentConfig::load(&folder.config())?;
    let device = config.training.device;
    let rules = folder.worker_rules(&config.model, &config.data_files(), device);
    lock(&rules, &config.sandbox.allow_missing)?;
    if device != Device::Cpu {
        sandbox::gpu::keep_kernels_in(&folder.gpu_cache());
    }
    Ok(config)
}

/// Takes the worker's locks.
///
/// # Errors
/// `LocksMissing` when one does not hold and `allow_missing` does not name it.
pub fn lock(rules: &FileRules, allow_missing: &[Lock]) -> Result<(), SiteError> {
    let unmet = sandbox::unmet(&sandbox::enter_worker(rules), allow_missing);
    if unmet.is_empty() {
        return Ok(());
    }
    Err(SiteError::LocksMissing { locks: unmet.iter().map(|report| report.lock).collect() })
}

/// [`lock`] for a command that has the option `--allow-missing`, which the hint names.
///
/// # Errors
/// `Data` when a lock does not hold.
pub fn lock_command(rules: &FileRules, allow_missing: &[Lock]) -> Result<(), SiteError> {
    quiet_panics();
    lock(rules, allow_missing).map_err(|error| match &error {
        SiteError::LocksMissing { locks } => {
            let names = locks.iter().map(ToString::to_string).collect::<Vec<_>>();
            let hint =
                format!("to accept the risk, add: --allow-missing {}", names.join(" --allow-missing "));
            SiteError::Data { sentence: error.to_string(), hint: Some(hint) }
        }
        _ => error,
    })
}

/// Reads the data and loads the model behind the worker's locks, and tells the person at the terminal what is there.
///
/// Returns the number of usable records.
///
/// # Errors
/// `Data` with file and line, or what the model crate says of the model folder.
#[expect(
    clippy::print_stderr,
    reason = "the terminal of the person at the site; nothing of this goes to the gateway"
)]
pub fn validate(folder: &StateFolder) -> Result<u64, SiteError> {
    let config = enter(folder)?;
    let admitted = room::admit(&config, waiver::in_force(folder)?).map_err(data_error)?;
    for line in admitted.left_out(|_| false) {
        eprintln!("{line}");
    }
    let tokenizer = ChatTokenizer::load(&config.model).map_err(model_error)?;
    let documents = records::documents(&admitted.records);
    let prepared = tokenizer.prepare_documents(&documents, CUTOFF_TOKENS_MAX).map_err(model_error)?;
    // The smaller format: what a run will ask for is not known yet, and every tensor is read either way.
    let options = LoadOptions { weights: WeightFormat::Nf4, compute: Compute::Bf16 };
    BaseModel::load_on(&config.model, &options, config.training.placement()).map_err(model_error)?;
    eprintln!(
        "data: {} records, {} tokens; model: {} on {}",
        prepared.samples.len(),
        prepared.report.tokens,
        config.model.display(),
        config.training.device
    );
    Ok(prepared.samples.len() as u64)
}

/// The longest record that is trained on in full by any run.
const CUTOFF_TOKENS_MAX: usize = 131_072;

fn model_error(error: ModelError) -> SiteError {
    SiteError::Data { sentence: error.to_string(), hint: error.hint() }
}

fn data_error(error: DataError) -> SiteError {
    SiteError::Data { sentence: error.to_string(), hint: error.hint() }
}

/// A panic's message may quote data (an index, a slice, a string); its place in the source cannot.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or("an unknown place", std::panic::Location::file);
        let line = panic.location().map_or(0, std::panic::Location::line);
        // The hook cannot report a failure to write anywhere else.
        let _ = writeln!(io::stderr(), "internal error at {place}:{line}");
    }));
}

/// What the thread that reads orders tells the one that trains.
#[derive(Default)]
struct Shared {
    /// The round to be abandoned, if any.
    abandon: Mutex<Option<RoundKey>>,
    /// The pipe is closed: stop at the next step.
    closed: AtomicBool,
}

impl Shared {
    fn abandoned(&self) -> Option<RoundKey> {
        // A poisoned lock still holds a valid value: it is one assignment.
        *self.abandon.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set_abandoned(&self, key: Option<RoundKey>) {
        *self.abandon.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = key;
    }
}

/// Reads orders while training goes on, so that `Abandon` is noticed at the next step.
fn read_orders(shared: Arc<Shared>) -> Result<Receiver<ToWorker>, SiteError> {
    let (sender, receiver): (SyncSender<ToWorker>, _) = sync_channel(ORDERS_MAX);
    std::thread::Builder::new()
        .name("orders".into())
        .spawn(move || {
            let mut pipe = io::stdin().lock();
            while let Ok(Some(order)) = read_message::<ToWorker>(&mut pipe) {
                match order {
                    ToWorker::Abandon { key } => shared.set_abandoned(Some(key)),
                    ToWorker::Prepare { key, .. } | ToWorker::Train { key, .. } => {
                        // Wanted again after it was abandoned: the later word counts.
                        if shared.abandoned() == Some(key) {
                            shared.set_abandoned(None);
                        }
                    }
                }
                if sender.send(order).is_err() {
                    break;
                }
            }
            shared.closed.store(true, Ordering::SeqCst);
        })
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(receiver)
}

struct Worker {
    trainer: Trainer,
    shared: Arc<Shared>,
}

impl Worker {
    fn say(&self, message: &FromWorker) -> Result<(), SiteError> {
        write_message(&mut io::stdout().lock(), message)
    }

    fn obey(&mut self, order: ToWorker) -> Result<(), SiteError> {
        match order {
            ToWorker::Prepare { key, manifest } => {
                match self.trainer.data_root() {
                    Ok(root) => self.say(&FromWorker::Data { key, root })?,
                    Err(error) => return self.fail(key, &error),
                }
                match self.trainer.prepare(key.run, manifest) {
                    Ok(Prepared::Ready { base_fingerprint, records, left_out }) => {
                        if let Some(left_out) = left_out {
                            self.say(&FromWorker::Compared { key, left_out })?;
                        }
                        self.say(&FromWorker::Ready { key, base_fingerprint, records })
                    }
                    Ok(Prepared::Blinded(facts)) => self.say(&FromWorker::Blinded { key, facts }),
                    Err(error) => self.fail(key, &error),
                }
            }
            ToWorker::Train { key, manifest, adapter } => self.train(key, manifest, adapter),
            ToWorker::Abandon { key } => {
                self.trainer.forget(key);
                Ok(())
            }
        }
    }

    fn train(
        &mut self,
        key: RoundKey,
        manifest: common::id::Digest,
        adapter: common::id::Digest,
    ) -> Result<(), SiteError> {
        if self.shared.abandoned() == Some(key) {
            return Ok(());
        }
        tracing::info!(run = %key.run, round = key.round.0, "training");
        let shared = Arc::clone(&self.shared);
        let mut broken_pipe = None;
        let mut progress = |progress: Option<_>| {
            if let Some(progress) = progress {
                let message = FromWorker::Progress { key, progress };
                broken_pipe = write_message(&mut io::stdout().lock(), &message).err();
            }
            let stop = broken_pipe.is_some()
                || shared.closed.load(Ordering::SeqCst)
                || shared.abandoned() == Some(key);
            if stop { Control::Stop } else { Control::Continue }
        };
        let result = self.trainer.train(key, manifest, adapter, &mut progress);
        if let Some(error) = broken_pipe {
            return Err(error);
        }
        match result {
            Ok(Trained::Finished(facts)) => {
                tracing::info!(run = %key.run, round = key.round.0, "trained");
                self.say(&FromWorker::Finished { key, facts })
            }
            Ok(Trained::Abandoned) => Ok(()),
            Err(error) => self.fail(key, &error),
        }
    }

    fn fail(&self, key: RoundKey, error: &TrainError) -> Result<(), SiteError> {
        tracing::error!(run = %key.run, round = key.round.0, code = ?error.code, "{error}");
        let reason: TrainFailure = error.code;
        self.say(&FromWorker::Failed { key, reason })
    }
}
