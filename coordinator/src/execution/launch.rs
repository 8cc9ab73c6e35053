//! From a run file to a launched run: paths resolved, files pinned by digest, base model described by a child
//! process, first adapter and manifest stored. Called by `admin::server`. Invariant: a run file with a
//! mistake is refused here, before anything is journalled.

use std::path::{Path, PathBuf};

use certs::random;
use common::id::{Digest, Point, RunId, SiteId};
use common::places;
use common::run::{OverlapTerms, RunManifest, RunSpec, TensorSpec};

use super::runs::Runs;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Evaluator, Job, ModelJob, OverlapJob};
use crate::overlap;
use crate::round::launched::{LaunchedRun, PinnedFile};
use crate::state_folder::config::{read_bounded, toml_reason};
use crate::state_folder::{StateFolder, blobs};
use crate::store::{SiteStatus, Store};

/// Reads and checks a run file. Paths in it become absolute.
///
/// # Errors
/// The file does not exist, cannot be read, or says something a run file may not say.
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

/// Makes a new run, ready to be journalled.
///
/// # Errors
/// The run file is wrong, a file it names is missing, another run is going, too few sites have joined, or
/// the child process cannot describe the model.
pub async fn prepare(
    folder: &StateFolder,
    store: &Store,
    runs: &Runs,
    run_file: &Path,
    evaluator: &Evaluator,
) -> Result<LaunchedRun> {
    let spec = read_run_file(run_file)?;
    if let Some(active) = runs.active() {
        return Err(Error::RunInProgress(active.launched.run.to_string()));
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
    refuse_one_file_for_two(validation.as_ref(), test.as_ref())?;
    let run = RunId(random::bytes()?);
    let held_out: Vec<_> = validation.iter().chain(&test).map(|file| file.path.clone()).collect();
    let overlap_job = overlap_job(folder, run, spec.overlap.enabled && !held_out.is_empty())?;
    let initial_path = make_launch_folder(folder, run)?.join("initial");
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
        overlap: overlap_job.clone(),
    };
    let described = describe(evaluator, &job).await.inspect_err(|_| {
        // No run, no key. What cannot be removed now opens nothing: no manifest names it.
        let _ = overlap::delete_key(folder, run);
        let _ = std::fs::remove_dir_all(folder.launch(run));
    })?;
    let folder = folder.clone();
    blocking(move || {
        let Described { fingerprint, tensors, public_key } = described;
        let published = overlap_job.as_ref().zip(public_key);
        let overlap =
            published.map(|(job, public_key)| adopt_set(&folder, &job.out, public_key)).transpose()?;
        let manifest = manifest(run, &spec, fingerprint, tensors, &sites, overlap)?;
        let initial = blobs::digest_of(&initial_path)?;
        let adopted = blobs::adopt(&folder, &initial_path, initial)?;
        let adapter_bytes = std::fs::metadata(&adopted).map_err(Error::io("read", &adopted))?.len();
        let bytes = manifest.to_bytes().map_err(|error| Error::Internal(error.to_string()))?;
        // Both files are blobs now. A folder that stays is empty, and goes when the coordinator starts.
        let _ = std::fs::remove_dir_all(folder.launch(run));
        let (manifest, manifest_bytes) = (blobs::put(&folder, &bytes)?, bytes.len() as u64);
        Ok(LaunchedRun {
            run,
            spec,
            model,
            model_fingerprint: fingerprint,
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

/// Removes what launches left that a crash cut short.
///
/// # Errors
/// The spool cannot be read, or a folder in it cannot be removed.
pub fn remove_strays(folder: &StateFolder) -> Result<()> {
    let spool = folder.spool();
    for entry in std::fs::read_dir(&spool).map_err(Error::io("read", &spool))? {
        let path = entry.map_err(Error::io("read", &spool))?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The folder that the child may write to.
fn make_launch_folder(folder: &StateFolder, run: RunId) -> Result<PathBuf> {
    let path = folder.launch(run);
    std::fs::create_dir_all(&path).map_err(Error::io("create the folder", &path))?;
    Ok(path)
}

/// What the child is to publish for the comparison with the held-out set, and the run's key for it.
fn overlap_job(folder: &StateFolder, run: RunId, wanted: bool) -> Result<Option<OverlapJob>> {
    if !wanted {
        return Ok(None);
    }
    let key = overlap::create_key(folder, run)?;
    Ok(Some(OverlapJob { run, key, out: folder.launch(run).join("overlap") }))
}

/// The base model, as the child found it.
struct Described {
    fingerprint: Digest,
    tensors: Vec<TensorSpec>,
    public_key: Option<Point>,
}

async fn describe(evaluator: &Evaluator, job: &Job) -> Result<Described> {
    match evaluator.run(job).await? {
        Answer::Described { fingerprint, tensors, public_key } => {
            Ok(Described { fingerprint, tensors, public_key })
        }
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
    places::model(model).map_err(missing).and_then(|path| {
        if path.is_dir() { Ok(path) } else { Err(Error::Missing { what: "model folder", path }) }
    })
}

/// A test set that was measured after every round is no test set any more.
fn refuse_one_file_for_two(validation: Option<&PinnedFile>, test: Option<&PinnedFile>) -> Result<()> {
    match validation.zip(test) {
        Some((validation, test)) if validation.digest == test.digest => Err(Error::Argument {
            message: format!("the test file {} is the validation file, or a copy of it", test.path.display()),
            hint: "name a test file that nothing was chosen by, or leave `test` out of the run file".into(),
        }),
        _ => Ok(()),
    }
}

fn pin(what: &'static str, path: PathBuf) -> Result<PinnedFile> {
    let path = match path.canonicalize() {
        Ok(found) if found.is_file() => found,
        _ => return Err(Error::Missing { what, path }),
    };
    let digest = blobs::digest_of(&path)?;
    Ok(PinnedFile { path, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_that_is_the_validation_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pinned = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            pin("file", path).unwrap()
        };
        let (validation, copy) = (pinned("validation.jsonl", "a"), pinned("test.jsonl", "a"));
        for test in [&validation, &copy] {
            let error = refuse_one_file_for_two(Some(&validation), Some(test)).unwrap_err();
            assert!(error.to_string().contains("is the validation file, or a copy of it"), "{error}");
        }
        let other = pinned("other.jsonl", "b");
        assert!(refuse_one_file_for_two(Some(&validation), Some(&other)).is_ok());
        assert!(refuse_one_file_for_two(None, Some(&other)).is_ok());
        assert!(refuse_one_file_for_two(Some(&validation), None).is_ok());
    }
}
