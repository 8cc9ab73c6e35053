//! What is tried before anything runs: do the locks hold on this machine, can the data and the model be used?
//!
//! Called by `join`, `run` and `check`. Everything is tried in child processes, because a lock cannot be
//! taken off again and because only the locked worker may read records.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use common::durable;
use common::places;
use common::private;
use common::terminal;
use sandbox::probe::{ProbeReport, TRIAL_FILE, Targets, probe_gateway, probe_server, probe_worker};
use sandbox::{FileRules, Lock};

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::gateway::heads;
use crate::gateway::identity::Identity;
use crate::limits::VALIDATION_ANSWER_BYTES_MAX;
use crate::paths::StateFolder;

mod hearing;

/// What the two probes found.
#[derive(Debug)]
pub struct Locks {
    pub gateway: ProbeReport,
    pub worker: ProbeReport,
}

impl Locks {
    /// Locks that do not hold in both children, though they are required and the policy does not excuse them.
    #[must_use]
    pub fn unmet(&self, allow_missing: &[Lock]) -> Vec<Lock> {
        Lock::required()
            .filter(|lock| !(self.gateway.holds(*lock) && self.worker.holds(*lock)))
            .filter(|lock| !allow_missing.contains(lock))
            .collect()
    }

    /// Refuses what must not be: a required lock that does not hold, or a place that a child reaches all the
    /// same.
    ///
    /// # Errors
    /// `LocksMissing`, `Reached`.
    pub fn must_hold(&self, allow_missing: &[Lock]) -> Result<(), SiteError> {
        let unmet = self.unmet(allow_missing);
        if !unmet.is_empty() {
            return Err(SiteError::LocksMissing { locks: unmet });
        }
        for (process, report) in [("gateway", &self.gateway), ("worker", &self.worker)] {
            let paths = report.reached();
            if !paths.is_empty() {
                return Err(SiteError::Reached { process, paths });
            }
        }
        Ok(())
    }
}

/// The program itself, to be started again as a child.
///
/// # Errors
/// `Internal` when the kernel does not say where it is.
pub fn executable() -> Result<PathBuf, SiteError> {
    std::env::current_exe()
        .map_err(|source| SiteError::Internal(format!("cannot find this program: {source}")))
}

/// Tries both sandboxes.
///
/// # Errors
/// `Filtered` when a filter around this program kills a probe; `Internal` when one cannot be started or does
/// not answer.
pub fn try_locks(folder: &StateFolder) -> Result<Locks, SiteError> {
    Ok(Locks { gateway: probe(folder, "gateway")?, worker: probe(folder, "worker")? })
}

fn probe(folder: &StateFolder, role: &str) -> Result<ProbeReport, SiteError> {
    let failed =
        |reason: String| SiteError::Internal(format!("the probe of the {role}'s locks failed: {reason}"));
    let trial = Trial::make(folder, role);
    let mut command = Command::new(executable()?);
    command.args(["probe", role, "--state"]).arg(folder.root());
    if let Some(trial) = &trial {
        command.arg("--trial").arg(&trial.0);
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if is_bad_call(output.status) {
        return Err(SiteError::Filtered { locks: Vec::new() });
    }
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failed(format!(
            "{}; {}",
            output.status,
            if words.is_empty() { "it said nothing" } else { &words }
        )));
    }
    let report: ProbeReport =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    if report.deadly.is_empty() { Ok(report) } else { Err(SiteError::Filtered { locks: report.deadly }) }
}

/// Whether a process was killed for a system call: by a filter around this program, since ours only refuse.
fn is_bad_call(status: ExitStatus) -> bool {
    /// The same number on all architectures that we build for.
    const SIGSYS: i32 = 31;
    status.signal() == Some(SIGSYS)
}

/// A folder with a file in it that no child may open, made for one trial and gone after it.
struct Trial(PathBuf);

impl Trial {
    /// In the state folder, or where that is read-only among the temporary files; nothing where neither can
    /// be written: then the lock is tried on the system's own files.
    fn make(folder: &StateFolder, role: &str) -> Option<Self> {
        let unique = format!("consilium-trial-{role}-{}", std::process::id());
        let places = [folder.root().join(format!(".trial-{role}")), std::env::temp_dir().join(unique)];
        places.into_iter().find_map(|place| {
            let made = private::create_folder(&place);
            // Left by a trial that was killed, or in use by another one; both are ours.
            if made.is_err() && private::check_folder(&place).is_err() {
                return None;
            }
            let trial = Self(place);
            fs::write(trial.0.join(TRIAL_FILE), "made for a trial of the locks; safe to delete").ok()?;
            Some(trial)
        })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Best effort: what stays is a line of text in a place of our own, and the next trial's.
        let _ = fs::remove_file(self.0.join(TRIAL_FILE));
        let _ = fs::remove_dir(&self.0);
    }
}

/// The body of a probe child: enters the sandbox of `role` and tries what it must refuse.
///
/// # Errors
/// What is wrong with `agent.toml`.
pub fn run_probe(
    folder: &StateFolder,
    role: ProbeRole,
    trial: Option<PathBuf>,
) -> Result<ProbeReport, SiteError> {
    let config = AgentConfig::load(&folder.config())?;
    Ok(match role {
        ProbeRole::Gateway => {
            // Of the keys those that are there: what is not there says nothing.
            let keys = [heads::KEY_FILE, Identity::KEY_FILE].map(|name| folder.identity().join(name));
            let keys = keys.into_iter().filter(|path| path.exists()).collect();
            let forbidden = [config.data.clone(), vec![config.model.clone(), folder.work()], keys].concat();
            let targets = Targets { trial, forbidden, read_only: Vec::new() };
            probe_gateway(&folder.gateway_rules(), &targets)
        }
        ProbeRole::Worker => {
            let forbidden =
                vec![folder.identity(), folder.root().join("ledger"), folder.outbox(), folder.database()];
            let data_folders = config.data.iter().filter_map(|path| path.parent().map(Path::to_path_buf));
            let mut read_only: Vec<PathBuf> =
                data_folders.chain([config.model.clone(), folder.inbox()]).collect();
            read_only.sort();
            read_only.dedup();
            let device = config.training.device;
            let rules = folder.worker_rules(&config.model, &config.data_files(), device);
            probe_worker(&rules, &Targets { trial, forbidden, read_only })
        }
        ProbeRole::Server => {
            let forbidden = [config.data.clone(), vec![folder.identity(), folder.database()]].concat();
            let targets = Targets { trial, forbidden, read_only: vec![config.model.clone()] };
            let rules = FileRules { read: places::readable(&config.model), ..FileRules::default() };
            probe_server(&rules, &targets)
        }
    })
}

/// Whose sandbox a probe enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProbeRole {
    Gateway,
    Worker,
    /// What `site-agent serve` is.
    Server,
}

/// What to say when the disk of the state folder has little room left.
#[must_use]
pub fn disk_warning(folder: &StateFolder, config: &AgentConfig) -> Option<String> {
    let free_mib = durable::free_bytes(folder.root()).ok()? >> 20;
    let least_mib = config.retention.disk_free_mib_min;
    (free_mib < least_mib).then(|| {
        format!(
            "the disk of {} has {free_mib} MiB left, less than the {least_mib} of [retention] disk_free_mib_min; \
             no round is begun until there is more (`site-agent prune --dry-run` shows what may go)",
            folder.root().display()
        )
    })
}

/// Has a locked worker read the data and load the model. What it says is shown to the person, line by line:
/// what is wrong with a record is shown at the site and goes no further than this terminal. Returns the
/// number of usable records.
///
/// # Errors
/// `Validation` when the worker has said what is wrong; `Io` where a file of the model is a link to
/// elsewhere.
pub fn validate(folder: &StateFolder) -> Result<u64, SiteError> {
    let model = AgentConfig::load(&folder.config())?.model;
    // A link out of it is closed to the worker; who made it learns that here.
    places::model(&model).map_err(|source| SiteError::io(&model, source))?;
    let failed = |error: std::io::Error| SiteError::Internal(format!("cannot start the worker: {error}"));
    let mut child = Command::new(executable()?)
        .args(["worker", "--validate", "--state"])
        .arg(folder.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (answer, said) = (child.stdout.take(), child.stderr.take());
    let words = thread::Builder::new().name("words".into()).spawn(move || {
        let mut say = |line: &str| terminal::eprint(format_args!("{line}\n"));
        said.map(|said| hearing::pass_on(said, &mut say))
    });
    let answer = answer.and_then(|answer| hearing::few_words(answer, VALIDATION_ANSWER_BYTES_MAX));
    if answer.is_none() {
        // What has so much to say would go on.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    // Its words end with it, and stand before ours.
    let _ = words.map(thread::JoinHandle::join);
    let Some(answer) = answer else {
        return Err(SiteError::Internal("the worker answered with more than a number".into()));
    };
    match status.code() {
        Some(0) => serde_json::from_slice(&answer)
            .map_err(|error| SiteError::Internal(format!("the worker's answer is not a number: {error}"))),
        Some(code @ 1..=2) => Err(SiteError::Validation { is_user_error: code == 1 }),
        Some(_) => Err(SiteError::Internal("the worker failed while it read the data and the model".into())),
        None if is_bad_call(status) => Err(SiteError::Filtered { locks: Vec::new() }),
        // A signal: mostly the kernel, for want of memory.
        None => Err(SiteError::Data {
            sentence: "the worker died while it read the data and the model".into(),
            hint: Some("is there enough memory for this model?".into()),
        }),
    }
}
