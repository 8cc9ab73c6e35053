//! Evaluation suites asked of a local model and of adapters beside it, behind the worker's locks: a site's
//! own test set is as private as its records.
//!
//! Called by `site-agent evaluate`. Invariants: the locks are taken before the model, an adapter or a record
//! of a suite is read; the base is loaded once; the same files give the same report.

use std::path::PathBuf;

use common::places::readable;
use evaluation::compare::{Report, report};
use evaluation::safety::{RuleFile, SafetyReport, of_measured};
use evaluation::sheet;
use evaluation::suite::SuiteFile;
use model::{BaseModel, Device, LoadOptions};
use prepare::suite::{Asked, Progress};
use prepare::{PrepareError, safety};
use sandbox::gpu::GpuFiles;
use sandbox::{FileRules, Lock};

use crate::error::SiteError;
use crate::locks::lock_command;

/// What is asked of which models.
pub struct Plan {
    /// The base model's folder.
    pub model: PathBuf,
    /// Adapters by what they are called.
    pub adapters: Vec<(String, PathBuf)>,
    /// The suites.
    pub suites: Vec<SuiteFile>,
    /// The seed of the bootstrap.
    pub seed: u64,
    /// Whether answers in words are kept for a sheet.
    pub keeps_answers: bool,
    /// Rules of safety that answers in words are checked by.
    pub rules: Option<RuleFile>,
    /// The file that keeps what was asked, made before the locks.
    pub resume: Option<PathBuf>,
}

/// What was measured, and with which weights.
pub struct Found {
    /// All figures.
    pub report: Report,
    /// The base's fingerprint.
    pub fingerprint: [u8; 32],
    /// The sheet of the answers, where they were kept for one.
    pub sheet: Option<String>,
    /// What the answers keep and break of the rules, where there are some.
    pub safety: Option<SafetyReport>,
}

/// Takes the worker's locks: no network, and of the files only the model, the adapters, the suites' records
/// and grades, the tables of the rules and what the device needs; `write` has the folders of a page and a
/// sheet, and the plan may name a file that keeps what was asked.
///
/// # Errors
/// `Data` when one does not hold and `allow_missing` does not name it.
pub fn lock(plan: &Plan, write: &[PathBuf], device: Device, allow_missing: &[Lock]) -> Result<(), SiteError> {
    let folders = plan.adapters.iter().map(|(_, folder)| folder.as_path()).chain([plan.model.as_path()]);
    let mut read: Vec<PathBuf> = folders.flat_map(readable).collect();
    read.extend(plan.suites.iter().flat_map(SuiteFile::files));
    read.extend(plan.rules.iter().flat_map(RuleFile::tables));
    let gpu = GpuFiles::needed(device != Device::Cpu);
    let write = write.iter().chain(&plan.resume).cloned().collect();
    lock_command(&FileRules { read, write, gpu }, allow_missing)
}

/// Asks every model every suite. `show` is called after each question.
///
/// # Errors
/// `Data` with what is wrong with a suite, the model or an adapter.
pub fn measure(
    plan: Plan,
    options: &LoadOptions,
    device: Device,
    show: &mut dyn FnMut(&Progress<'_>),
) -> Result<Found, SiteError> {
    let Plan { model, adapters, suites, seed, keeps_answers, rules, resume } = plan;
    // First, because it takes no time and is what people get wrong.
    let suites = suites.into_iter().map(SuiteFile::open).collect::<Result<Vec<_>, _>>().map_err(of_suite)?;
    let rules = rules.as_ref().map(safety::opened).transpose()?;
    let base = BaseModel::load_on(&model, options, device).map_err(PrepareError::from)?;
    let load = |folder: &PathBuf| Ok(model::load_peft(folder, base.config())?);
    let asked = Asked::new(&base, &model)?.resuming(resume.as_deref(), false);
    let asked = if keeps_answers || rules.is_some() { asked.keeping_answers() } else { asked };
    let measured = asked.all(suites, &adapters, &load, show)?;
    let sheet = keeps_answers.then(|| sheet::table(&measured));
    let safety = rules.map(|rules| of_measured(&rules, &measured, &safety::identifiers));
    Ok(Found { report: report(&measured, seed), fingerprint: base.fingerprint(), sheet, safety })
}

/// A suite's fault, in this program's words.
pub(crate) fn of_suite(error: evaluation::SuiteError) -> SiteError {
    PrepareError::from(error).into()
}
