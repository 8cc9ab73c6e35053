//! Evaluation suites asked of a local model and of adapters beside it, behind the worker's locks: a site's
//! own test set is as private as its records.
//!
//! Called by `site-agent evaluate`. Invariants: the locks are taken before the model, an adapter or a record
//! of a suite is read; the base is loaded once; the same files give the same report.

use std::path::{Path, PathBuf};

use common::places::readable;
use evaluation::compare::{Report, report};
use evaluation::suite::SuiteFile;
use model::{BaseModel, Device, LoadOptions};
use prepare::PrepareError;
use prepare::suite::{Asked, Progress};
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
}

/// What was measured, and with which weights.
pub struct Found {
    /// All figures.
    pub report: Report,
    /// The base's fingerprint.
    pub fingerprint: [u8; 32],
}

/// Takes the worker's locks: no network, and of the files only the model, the adapters, the suites' records
/// and what the device needs; `write` is the folder of a page.
///
/// # Errors
/// `Data` when one does not hold and `allow_missing` does not name it.
pub fn lock(
    plan: &Plan,
    write: Option<&Path>,
    device: Device,
    allow_missing: &[Lock],
) -> Result<(), SiteError> {
    let folders = plan.adapters.iter().map(|(_, folder)| folder.as_path()).chain([plan.model.as_path()]);
    let mut read: Vec<PathBuf> = folders.flat_map(readable).collect();
    read.extend(plan.suites.iter().map(SuiteFile::records));
    let write = write.map(Path::to_path_buf).into_iter().collect();
    let gpu = GpuFiles::needed(device != Device::Cpu);
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
    let Plan { model, adapters, suites, seed } = plan;
    // First, because it takes no time and is what people get wrong.
    let suites = suites.into_iter().map(SuiteFile::open).collect::<Result<Vec<_>, _>>().map_err(of_suite)?;
    let base = BaseModel::load_on(&model, options, device).map_err(PrepareError::from)?;
    let load = |folder: &PathBuf| Ok(model::load_peft(folder, base.config())?);
    let measured = Asked::new(&base, &model)?.all(suites, &adapters, &load, show)?;
    Ok(Found { report: report(&measured, seed), fingerprint: base.fingerprint() })
}

/// A suite's fault, in this program's words.
pub(crate) fn of_suite(error: evaluation::SuiteError) -> SiteError {
    PrepareError::from(error).into()
}
