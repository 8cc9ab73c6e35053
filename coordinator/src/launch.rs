//! From a run file to a plan: paths resolved, files pinned by digest, base model described by a child
//! process, first adapter and manifest stored. Called by the admin socket. Invariant: a run file with a
//! mistake is refused here, before anything is journalled.

use std::path::{Path, PathBuf};

use certs::random;
use common::id::{Digest, Point, RunId, SiteId};
use common::run::{OverlapTerms, RunManifest, RunSpec, TensorSpec};

use crate::blobs;
use crate::config::{read_bounded, toml_reason};
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Evaluator, Job, ModelJob, OverlapJob};
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
    let held_out: Vec<_> = validation.iter().chain(&test).map(|file| file.path.clone()).collect();
    let overlap = overlap_job(folder, run, spec.overlap.enabled && !held_out.is_empty())?;
    let initial_path = folder.spool().join(format!("initial-{run}"));
    let job = Job::Describe {
        model: ModelJob {
            model: model.clone(),
            base: spec.base,
            adapter: spec.adapter.clone(),
            cutoff_tokens: spec.training.cutoff_tokens,
        },
        data: held_out,
        seed: spec.training.seed,
        initial: initial_path.clone(),
        overlap: overlap.clone(),
    };
    let described = described(evaluator, &job).await.inspect_err(|_| {
        // No run, no key. What cannot be removed now opens nothing: no manifest names it.
        let _ = crate::overlap::delete_key(folder, run);
    })?;
    let folder = folder.clone();
    blocking(move || {
        let (fingerprint, tensors, public_key) = described;
        let overlap = overlap.as_ref().zip(public_key);
        let overlap =
            overlap.map(|(job, public_key)| adopt_set(&folder, &job.out, public_key)).transpose()?;
        let manifest = manifest(run, &spec, fingerprint, tensors, &sites, overlap)?;
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
            overlap,
        })
    })
    .await
}

/// What the child is to publish for the comparison with the held-out set, and the run's key for it.
fn overlap_job(folder: &StateFolder, run: RunId, wanted: bool) -> Result<Option<OverlapJob>> {
    if !wanted {
        return Ok(None);
    }
    let key = crate::overlap::create_key(folder, run)?;
    Ok(Some(OverlapJob { run, key, out: folder.spool().join(format!("overlap-{run}")) }))
}

/// Fingerprint, tensors and public key, as the child found them.
async fn described(evaluator: &Evaluator, job: &Job) -> Result<(Digest, Vec<TensorSpec>, Option<Point>)> {
    match evaluator.run(job).await? {
        Answer::Described { fingerprint, tensors, public_key } => Ok((fingerprint, tensors, public_key)),
        Answer::Failed { message, hint, user } => Err(Error::Model { message, hint, user }),
        Answer::Scored { .. } => Err(Error::Internal("the child answered something else".into())),
    }
}

/// Gives the published set its name.
fn adopt_set(folder: &StateFolder, out: &Path, public_key: Point) -> Result<OverlapTerms> {
    let set = blobs::digest_of(out)?;
    let adopted = blobs::adopt(folder, out, set)?;
    let set_bytes = std::fs::metadata(&adopted).map_err(Error::io("read", &adopted))?.len();
    Ok(OverlapTerms { public_key, set, set_bytes })
}

fn manifest(
    run: RunId,
    spec: &RunSpec,
    base_fingerprint: Digest,
    tensors: Vec<TensorSpec>,
    sites: &[SiteId],
    overlap: Option<OverlapTerms>,
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
        overlap,
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
