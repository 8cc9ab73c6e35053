//! From a run file to a plan: paths resolved, files pinned by digest, base model described by a child
//! process, first adapter and manifest stored. Called by the admin socket. Invariant: a run file with a
//! mistake is refused here, before anything is journalled.

use std::path::{Path, PathBuf};

use certs::random;
use common::id::RunId;
use common::run::{RunManifest, RunSpec, TensorSpec};

use crate::blobs;
use crate::config::{read_bounded, toml_reason};
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Evaluator, Job, ModelJob};
use crate::performer::blocking;
use crate::round::state::{PinnedFile, Plan};
use crate::runs::Runs;
use crate::state_folder::StateFolder;
use crate::store::{SiteStatus, Store};

/// Reads and checks a run file. Paths in it become absolute.
pub fn read_run_file(path: &Path) -> Result<RunSpec> {
    if !path.is_file() {
        return Err(Error::Missing { what: "run file", path: path.to_path_buf() });
    }
    let refuse = |reason: String| Error::Config { path: path.to_path_buf(), reason };
    let text = read_bounded(path)?;
    let mut spec: RunSpec = toml::from_str(&text).map_err(|error| refuse(toml_reason(&text, &error)))?;
    spec.validate().map_err(|error| refuse(error.to_string()))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    spec.model = spec.model.map(|model| folder.join(model));
    spec.validation = spec.validation.map(|file| folder.join(file));
    spec.test = spec.test.map(|file| folder.join(file));
    Ok(spec)
}

/// Makes the plan of a new run. Nothing is journalled yet.
pub async fn prepare(
    folder: &StateFolder,
    store: &Store,
    runs: &Runs,
    run_file: &Path,
    evaluator: &Evaluator,
) -> Result<Plan> {
    let spec = read_run_file(run_file)?;
    if let Some(active) = runs.active() {
        return Err(Error::RunInProgress(active.plan.run.to_string()));
    }
    let active = store.sites()?.into_iter().filter(|site| site.status == SiteStatus::Active);
    let sites: Vec<_> = active.map(|site| site.name).collect();
    if sites.len() < spec.quorum.sites {
        return Err(Error::TooFewSites { needed: spec.quorum.sites, joined: sites.len() });
    }
    let model = model_folder(&spec)?;
    let validation = spec.validation.clone().map(|path| pin("validation file", path));
    let test = spec.test.clone().map(|path| pin("test file", path));
    let (validation, test) = (validation.transpose()?, test.transpose()?);
    let run = RunId(random::bytes()?);
    let initial_path = folder.spool().join(format!("initial-{run}"));
    let job = Job::Describe {
        model: ModelJob {
            model: model.clone(),
            base: spec.base,
            adapter: spec.adapter.clone(),
            cutoff_tokens: spec.training.cutoff_tokens,
        },
        data: validation.iter().chain(&test).map(|file| file.path.clone()).collect(),
        seed: spec.training.seed,
        initial: initial_path.clone(),
    };
    let (fingerprint, tensors) = match evaluator.run(&job).await? {
        Answer::Described { fingerprint, tensors } => (fingerprint, tensors),
        Answer::Failed { message, hint, user } => return Err(Error::Model { message, hint, user }),
        Answer::Scored { .. } => return Err(Error::Internal("the child answered something else".into())),
    };
    let manifest = manifest(run, &spec, fingerprint, tensors, &sites)?;
    let folder = folder.clone();
    blocking(move || {
        let initial = blobs::digest_of(&initial_path)?;
        let adopted = blobs::adopt(&folder, &initial_path, initial)?;
        let adapter_bytes = std::fs::metadata(&adopted).map_err(Error::io("read", &adopted))?.len();
        let bytes = manifest.to_bytes().map_err(|error| Error::Internal(error.to_string()))?;
        let (manifest, manifest_bytes) = (blobs::put(&folder, &bytes)?, bytes.len() as u64);
        let model_fingerprint = fingerprint;
        Ok(Plan {
            run,
            spec,
            model,
            model_fingerprint,
            sites,
            validation,
            test,
            manifest,
            manifest_bytes,
            initial,
            adapter_bytes,
        })
    })
    .await
}

fn manifest(
    run: RunId,
    spec: &RunSpec,
    base_fingerprint: common::id::Digest,
    tensors: Vec<TensorSpec>,
    sites: &[common::id::SiteId],
) -> Result<RunManifest> {
    if tensors.is_empty() {
        let reason = "adapter.target_modules names no linear of this model".to_owned();
        return Err(Error::Argument {
            message: reason,
            hint: "use \"all-linear\", or names such as q_proj".into(),
        });
    }
    Ok(RunManifest {
        run,
        name: spec.name.clone(),
        rounds: spec.rounds,
        base_fingerprint,
        adapter: spec.adapter.clone(),
        tensors,
        training: spec.training.clone(),
        base: spec.base,
        sites: sites.to_vec(),
    })
}

fn model_folder(spec: &RunSpec) -> Result<PathBuf> {
    let Some(model) = &spec.model else {
        let message = "the run file names no base model".to_owned();
        return Err(Error::Argument { message, hint: "add `model = \"FOLDER\"` to it".into() });
    };
    let missing = |_| Error::Missing { what: "model folder", path: model.clone() };
    model.canonicalize().map_err(missing).and_then(|path| {
        if path.is_dir() { Ok(path) } else { Err(Error::Missing { what: "model folder", path }) }
    })
}

fn pin(what: &'static str, path: PathBuf) -> Result<PinnedFile> {
    let path = match path.canonicalize() {
        Ok(found) if found.is_file() => found,
        _ => return Err(Error::Missing { what, path }),
    };
    let digest = blobs::digest_of(&path)?;
    Ok(PinnedFile { path, digest })
}
