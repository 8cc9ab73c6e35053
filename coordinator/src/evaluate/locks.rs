//! The locks of the processes that read a model folder and held-out records: others made these files, and a
//! chat template or a tokenizer is a program of a kind.
//!
//! Called by `evaluate::child`, by `evaluate::suites` and by `cli::export`, by the main thread, before any
//! other thread exists. Invariants: the same locks as a site's worker (no socket, no process, no file but the
//! named ones); without a required lock that `coordinator.toml` does not excuse, nothing is read.

use std::path::{Path, PathBuf};

use common::places::readable;
use model::Device;
use sandbox::enter::{enter_worker, quiet_panics, unmet};
use sandbox::gpu::{self, GpuFiles};
use sandbox::{FileRules, Lock};

use super::{ChildSettings, Job};
use crate::error::{Error, Result};
use crate::round::launched::PinnedSuite;

/// What a job may open: what it names, and the folder for what it makes.
pub fn rules_of(job: &Job, settings: &ChildSettings) -> FileRules {
    let (mut read, mut write) = (Vec::new(), Vec::new());
    match job {
        Job::Describe { model, data, suites, from, initial, overlap, .. } => {
            read.extend(readable(&model.model));
            read.extend(data.iter().cloned());
            read.extend(suites.iter().flat_map(files_of));
            read.extend(from.iter().map(|from| from.path().to_path_buf()));
            write.extend(folder_of(initial));
            if let Some(overlap) = overlap {
                read.push(overlap.key.clone());
                write.extend(folder_of(&overlap.out));
            }
        }
        Job::Fingerprint { model } => read.extend(readable(&model.model)),
        Job::Score { model, data, adapters, .. } => {
            read.extend(readable(&model.model));
            read.push(data.path.clone());
            read.extend(adapters.iter().flatten().cloned());
        }
        Job::ScoreAlone { model, data, adapter, together, .. } => {
            read.extend(readable(&model.model));
            read.extend([data.path.clone(), adapter.clone()]);
            read.extend(together.clone());
        }
        Job::Answer { model, data, adapter, .. } => {
            read.extend(readable(&model.model));
            read.extend([data.path.clone(), adapter.clone()]);
        }
        Job::Suite { model, suite, adapter, resume, .. } => {
            read.extend(readable(&model.model));
            read.extend(files_of(suite));
            read.push(adapter.clone());
            write.extend(resume.clone());
        }
        Job::Forgetting { model, adapter, .. } => {
            read.extend(readable(&model.model));
            read.push(adapter.clone());
        }
    }
    let is_on_gpu = settings.device != Device::Cpu;
    if is_on_gpu {
        write.push(settings.gpu_cache.clone());
    }
    FileRules { read, write, gpu: GpuFiles::needed(is_on_gpu) }
}

fn files_of(suite: &PinnedSuite) -> [PathBuf; 2] {
    [suite.file.path.clone(), suite.records.path.clone()]
}

fn folder_of(file: &Path) -> Option<PathBuf> {
    file.parent().map(Path::to_path_buf)
}

/// Takes the locks for a job, for good.
///
/// # Errors
/// [`Error::LocksMissing`].
pub fn enter(job: &Job, settings: &ChildSettings) -> Result<()> {
    let is_on_gpu = settings.device != Device::Cpu;
    if is_on_gpu {
        // A lock is taken on a folder that is there. When this fails, kernels are compiled anew.
        let _ = std::fs::create_dir_all(&settings.gpu_cache);
    }
    lock(&rules_of(job, settings), &settings.allow_missing)?;
    if is_on_gpu {
        gpu::keep_kernels_in(&settings.gpu_cache);
    }
    Ok(())
}

/// Takes these locks, for good. Everything that is open but the standard three is closed.
///
/// # Errors
/// [`Error::LocksMissing`] when a required one does not hold and is not excused.
pub fn lock(rules: &FileRules, allow_missing: &[Lock]) -> Result<()> {
    quiet_panics();
    let missing: Vec<Lock> =
        unmet(&enter_worker(rules), allow_missing).iter().map(|report| report.lock).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::LocksMissing(missing)) }
}

#[cfg(test)]
mod tests {
    use common::run::{AdapterSettings, BaseSettings};

    use super::*;
    use crate::evaluate::{FirstAdapter, ModelJob};

    #[test]
    fn a_job_opens_what_it_names_and_nothing_else() {
        let model = ModelJob {
            model: "/models/base".into(),
            base: BaseSettings::default(),
            adapter: AdapterSettings::default(),
            cutoff_tokens: 8,
        };
        let job = Job::Describe {
            model,
            data: vec!["/held-out/a.jsonl".into()],
            suites: vec![crate::round::suites::tests::pinned("exam")],
            seed: 1,
            from: Some(FirstAdapter::Folder("/adapter".into())),
            initial: "/state/spool/launch-1/initial".into(),
            overlap: None,
        };
        let settings = ChildSettings { gpu_cache: "/state/cache".into(), ..ChildSettings::default() };
        let rules = rules_of(&job, &settings);
        let from = PathBuf::from("/adapter");
        let exam = ["/suites/exam.toml", "/suites/exam.jsonl"].map(PathBuf::from);
        let [toml, records] = exam.clone();
        let held_out = PathBuf::from("/held-out/a.jsonl");
        assert_eq!(rules.read, [PathBuf::from("/models/base"), held_out, toml, records, from]);
        assert_eq!((rules.write, rules.gpu), (vec![PathBuf::from("/state/spool/launch-1")], None));
        let Job::Describe { model, .. } = job else { unreachable!() };
        let (adapter, base_fingerprint) = (PathBuf::from("/blob"), common::id::Digest([0; 32]));
        let suite = crate::round::suites::tests::pinned("exam");
        let resume = Some(PathBuf::from("/state/spool/suite-1-0.resume"));
        let job =
            Job::Suite { model: model.clone(), suite, base_fingerprint, adapter, resume: resume.clone() };
        let rules = rules_of(&job, &settings);
        let [toml, records] = exam;
        assert_eq!(rules.read, [PathBuf::from("/models/base"), toml, records, "/blob".into()]);
        assert_eq!(rules.write.first(), resume.as_ref(), "a file, and no folder");
        assert_eq!(rules.write.len(), 1);
        let job = Job::Fingerprint { model };
        let rules = rules_of(&job, &settings);
        assert_eq!((rules.read, rules.write), (vec![PathBuf::from("/models/base")], vec![]));
        let on_gpu = ChildSettings { device: Device::Cuda { index: 0 }, ..settings };
        let rules = rules_of(&job, &on_gpu);
        assert!(rules.gpu.is_some() && rules.write.contains(&PathBuf::from("/state/cache")));
    }
}
