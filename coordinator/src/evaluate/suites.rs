//! Evaluation suites asked of a run's base model and of what it published. Called by `cli::evaluate` and
//! `cli::review`, in their own process. Invariants: the locks come before the model, an adapter or a record
//! of a suite is read (but for the hash of each adapter, over bytes that nothing parses); nothing of the run
//! changes, and its test set stays as it is; the model is the run's own.

use std::path::{Path, PathBuf};

use common::id::Digest;
use common::places::{self, readable};
use evaluation::compare::{Measured, Report, report};
use evaluation::limits::ADAPTERS_MAX;
use evaluation::safety::{RuleFile, SafetyReport, of_measured};
use evaluation::suite::{Speaker, SuiteFile, Turn};
use evaluation::{Item, Suite};
use model::{Adapter, BaseModel};
use prepare::suite::{Asked, Progress};
use prepare::{PrepareError, safety, settings};
use sandbox::FileRules;
use sandbox::gpu::{self, GpuFiles};

use super::{ChildSettings, initial, locks};
use crate::error::{Error, Result};
use crate::round::alone;
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs};

/// What an operator wishes of it.
pub struct Wishes<'a> {
    /// The suite files.
    pub suites: &'a [PathBuf],
    /// The base model's folder, where it is not the one that the run was launched with.
    pub model: Option<&'a Path>,
    /// Every published round whose adapter is still there, not only the last one.
    pub every_round: bool,
    /// The folders that a page and a sheet are written to.
    pub write: Vec<PathBuf>,
    /// Whether answers in words are kept for people to grade.
    pub keeps_answers: bool,
    /// Rules of safety that answers in words are checked by.
    pub rules: Option<&'a RuleFile>,
    /// The most questions of a suite, where people grade the answers.
    pub items_max: Option<usize>,
    /// The file that keeps what was asked, made before this.
    pub resume: Option<&'a Path>,
    /// The seed of the bootstrap.
    pub seed: u64,
}

/// A published adapter that is asked.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Published {
    /// What the report calls it.
    pub name: String,
    /// Its SHA-256.
    pub adapter: Digest,
}

/// What was measured.
pub struct Found {
    /// All figures.
    pub report: Report,
    /// Which adapters were asked.
    pub published: Vec<Published>,
    /// What every model said of every question; its words where they were kept.
    pub measured: Vec<Measured>,
    /// What the answers keep and break of the rules, where there are some.
    pub safety: Option<SafetyReport>,
}

/// Takes the locks and asks. `show` is called after each question.
///
/// # Errors
/// No round is published, an adapter is damaged, a suite cannot be used, a lock does not hold, or the model
/// is not the run's.
pub fn measure(
    folder: &StateFolder,
    state: &RunState,
    wishes: &Wishes<'_>,
    settings_of: &ChildSettings,
    show: &mut dyn FnMut(&Progress<'_>),
) -> Result<Found> {
    let published = published(folder, state, wishes.every_round)?;
    let named = wishes.model.map(|path| places::model(path).map_err(Error::io("open the folder", path)));
    let base_folder = named.transpose()?.unwrap_or_else(|| state.launched.model.clone());
    if !base_folder.is_dir() {
        return Err(match wishes.model {
            Some(named) => Error::Missing { what: "model folder", path: named.to_path_buf() },
            None => Error::BaseMoved(base_folder),
        });
    }
    let read_suite = |path: &PathBuf| SuiteFile::read(path).map_err(of_suite);
    let suites = wishes.suites.iter().map(read_suite).collect::<Result<Vec<SuiteFile>>>()?;
    for suite in &suites {
        // A lock on what is not there cannot be taken.
        for file in suite.files() {
            std::fs::metadata(&file).map_err(Error::io("open", &file))?;
        }
    }
    must_be_there(wishes.rules, &suites)?;
    let blobs: Vec<(String, PathBuf)> =
        published.iter().map(|one| (one.name.clone(), folder.blob(one.adapter))).collect();
    let is_on_gpu = settings_of.device != model::Device::Cpu;
    let mut read = readable(&base_folder);
    read.extend(blobs.iter().map(|(_, path)| path.clone()));
    read.extend(suites.iter().flat_map(SuiteFile::files));
    read.extend(wishes.rules.iter().flat_map(|rules| rules.tables()));
    let mut write = wishes.write.clone();
    write.extend(wishes.resume.map(Path::to_path_buf));
    if is_on_gpu {
        // A lock is taken on a folder that is there. When this fails, kernels are compiled anew.
        let _ = std::fs::create_dir_all(&settings_of.gpu_cache);
        write.push(settings_of.gpu_cache.clone());
    }
    let rules = FileRules { read, write, gpu: GpuFiles::needed(is_on_gpu) };
    locks::lock(&rules, &settings_of.allow_missing)?;
    if is_on_gpu {
        gpu::keep_kernels_in(&settings_of.gpu_cache);
    }
    let suites = suites.into_iter().map(SuiteFile::open).collect::<std::result::Result<Vec<_>, _>>();
    let suites = suites.map_err(of_suite)?;
    for suite in &suites {
        must_be_gradable(suite, wishes.items_max)?;
    }
    let rules = wishes.rules.map(safety::opened).transpose()?;
    let options = settings::load_options(&state.launched.spec.base);
    let base = BaseModel::load_on(&base_folder, &options, settings_of.device).map_err(PrepareError::from)?;
    initial::must_be_base(&base_folder, &base, state.launched.model_fingerprint)?;
    let lora = settings::lora(&state.launched.spec.adapter);
    let load = |path: &PathBuf| {
        let bytes =
            std::fs::read(path).map_err(|source| model::ModelError::Io { path: path.clone(), source })?;
        Ok(Adapter::from_safetensors(&bytes, base.config(), &lora)?)
    };
    let asked = Asked::new(&base, &base_folder)?.resuming(wishes.resume, false);
    let asked = if wishes.keeps_answers || rules.is_some() { asked.keeping_answers() } else { asked };
    let measured = asked.all(suites, &blobs, &load, show)?;
    let safety = rules.map(|rules| of_measured(&rules, &measured, &safety::identifiers));
    Ok(Found { report: report(&measured, wishes.seed), published, measured, safety })
}

/// Refuses rules that have no answers to be about, and such whose tables are not there.
fn must_be_there(rules: Option<&RuleFile>, suites: &[SuiteFile]) -> Result<()> {
    let Some(rules) = rules else { return Ok(()) };
    safety::must_act(suites)?;
    for table in rules.tables() {
        std::fs::metadata(&table).map_err(Error::io("open", &table))?;
    }
    Ok(())
}

/// The last published adapter, or those of all rounds that are there; each has the bytes of its name.
fn published(folder: &StateFolder, state: &RunState, every_round: bool) -> Result<Vec<Published>> {
    if alone::is_alone(state) {
        return Err(Error::TrainedAlone(state.launched.run.to_string()));
    }
    let rounds = state.rounds.iter().filter(|record| record.published_at.is_some());
    let all = rounds.filter_map(|record| {
        let aggregate = record.aggregate.as_ref()?;
        Some(Published { name: format!("round {}", record.round), adapter: aggregate.digest })
    });
    let all: Vec<Published> = all.collect();
    let last = all.last().cloned().ok_or_else(|| Error::NothingPublished(state.launched.run.to_string()))?;
    let mut chosen: Vec<Published> = if every_round {
        // Of early rounds the adapters may be gone by the rules of `[retention]`.
        all.into_iter().filter(|one| folder.blob(one.adapter).exists()).collect()
    } else {
        Vec::new()
    };
    if chosen.last().is_none_or(|one| one.name != last.name) {
        chosen.push(last);
    }
    // The newest of more than can be compared.
    let chosen = chosen.split_off(chosen.len().saturating_sub(ADAPTERS_MAX));
    for one in &chosen {
        if blobs::digest_of(&folder.blob(one.adapter))? != one.adapter {
            return Err(Error::Internal(format!("the stored adapter {} is damaged", one.adapter.short())));
        }
    }
    Ok(chosen)
}

/// Refuses more questions than people grade, before any is asked.
fn must_be_gradable(suite: &Suite, items_max: Option<usize>) -> Result<()> {
    let is_user = |turn: &Turn| turn.role == Speaker::User;
    let follows = |item: &Item| item.turns.windows(2).any(|two| two.iter().all(is_user));
    if items_max.is_some() && suite.items.iter().any(follows) {
        return Err(Error::Argument {
            message: "a dialogue of the suite has answers on the way, which a sheet does not show".into(),
            hint: "give each turn an item of its own, with the turns before it".into(),
        });
    }
    match items_max.filter(|most| suite.items.len() > *most) {
        None => Ok(()),
        Some(most) => Err(Error::Argument {
            message: format!("the suite has {} questions; people grade at most {most}", suite.items.len()),
            hint: "take a part of it as a suite of its own".into(),
        }),
    }
}

/// A suite's fault, in this program's words.
pub(crate) fn of_suite(error: evaluation::SuiteError) -> Error {
    PrepareError::from(error).into()
}
