//! From a run file to a launched run: paths resolved, files pinned by digest, base model described by a child
//! process, first adapter and manifest stored. Called by `admin::server`. Invariant: a run file with a
//! mistake is refused here, before anything is journalled.

mod beside;
pub mod hand;
pub(crate) mod held_out;
mod initial;
mod manifest;
mod run_file;
mod sites;
mod suites;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use certs::{ReceiptSigningKey, random};
use common::id::{Digest, Point, RunId, SiteId};
use common::places;
use common::run::{HeldOutHashes, OverlapTerms, Roster, RunSpec, ScheduleOver, TensorSpec};
use prepare::settings::seed_after;

use self::hand::Hand;
use self::initial::Start;
use super::runs::Runs;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Evaluator, Job, ModelJob, OverlapJob};
use crate::limits::QUEUED_RUNS_MAX;
use crate::overlap;
use crate::round::alone;
use crate::round::launched::{LaunchedRun, PinnedFile, PinnedSuite, Queued, Sent};
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, authority, blobs};
use crate::store::Store;

/// What a launch needs of the coordinator.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Where things are.
    pub folder: &'a StateFolder,
    /// Facts.
    pub store: &'a Store,
    /// Earlier runs, and whether one is going.
    pub runs: &'a Runs,
    /// Describes models.
    pub evaluator: &'a Evaluator,
    /// Signs manifests.
    pub receipts: &'a ReceiptSigningKey,
    /// Signs them too, where the command came from another machine.
    pub hand: Option<&'a Hand>,
    /// Whether the run waits for its turn where another one is going.
    pub queue: bool,
}

/// A run that is ready to be journalled.
#[derive(Debug)]
pub struct Prepared {
    /// The run.
    pub launched: LaunchedRun,
    /// What the operator should know, a sentence each.
    pub notes: Vec<String>,
}

/// Makes a new run as a run file says.
///
/// # Errors
/// The run file is wrong, a file it names is missing, another run is going, too few sites have joined, or
/// the child process cannot describe the model.
pub async fn from_file(desk: Desk<'_>, run_file: &Path) -> Result<Prepared> {
    let beside = run_file.parent().unwrap_or_else(|| Path::new("."));
    from_spec(desk, run_file::read(run_file)?, beside).await
}

/// As [`from_file`], of a text that came from another machine: its paths are ours, and whole.
///
/// # Errors
/// A path in it is relative; or as [`from_file`].
pub async fn from_text(desk: Desk<'_>, text: &str) -> Result<Prepared> {
    from_spec(desk, run_file::of_text(text)?, Path::new("/")).await
}

/// What a run file says, for who plans with it. Paths in it become whole.
///
/// # Errors
/// As [`from_file`], as far as the text shows it.
pub fn spec_of_file(run_file: &Path) -> Result<RunSpec> {
    run_file::read(run_file)
}

/// What such a text says, for who sends it.
///
/// # Errors
/// As [`from_text`], as far as the text shows it.
pub fn spec_of_text(text: &str) -> Result<RunSpec> {
    run_file::of_text(text)
}

async fn from_spec(desk: Desk<'_>, spec: RunSpec, beside: &Path) -> Result<Prepared> {
    let start = match &spec.initial {
        None => Start::default(),
        Some(text) => {
            let (folder, runs, text) = (desk.folder.clone(), desk.runs.clone(), text.clone());
            let (beside, wanted) = (beside.to_path_buf(), spec.adapter.clone());
            blocking(move || initial::find(&folder, &runs, &text, &beside, &wanted)).await?
        }
    };
    prepare(desk, spec, start).await
}

/// Makes a run that goes on where another one ended: with its last published adapter, and its rounds that are
/// left; with the base model in `model` if it is not where it was.
///
/// # Errors
/// It is still going, has published nothing or everything; or as [`from_file`].
pub async fn resumed(desk: Desk<'_>, state: &RunState, model: Option<PathBuf>) -> Result<Prepared> {
    let (run, done) = (state.launched.run, state.gone_through());
    if !state.is_over() {
        return Err(Error::RunInProgress(run.to_string()));
    }
    if alone::is_alone(state) {
        return Err(Error::TrainedAlone(state.launched.run.to_string()));
    }
    let mut spec = state.launched.spec.clone();
    let left = spec.rounds.saturating_sub(done);
    if left == 0 {
        let message = format!("run {run} has gone through all of its {done} rounds");
        let hint = if state.published() == 0 {
            "none of them was adopted, so that there is nothing to go on from; `coordinator launch` its run file again"
        } else {
            "`coordinator evaluate RUN` measures its test set if that was not possible; `initial = \"RUN\"` in a run \
             file goes on from it"
        };
        return Err(Error::Argument { message, hint: hint.into() });
    }
    let (folder, from, wanted) = (desk.folder.clone(), state.clone(), spec.adapter.clone());
    let start = blocking(move || initial::of_run(&folder, &from, &wanted)).await?;
    spec.model = model.or_else(|| Some(state.launched.model.clone()));
    spec.rounds = left;
    spec.training.seed = seed_after(spec.training.seed, done);
    if spec.training.schedule_over == ScheduleOver::Run {
        spec.training.schedule_rounds_before += done;
    }
    spec.initial = Some(run.to_string());
    sites::fit(&mut spec, &desk.store.sites()?);
    prepare(desk, spec, start).await
}

async fn prepare(desk: Desk<'_>, spec: RunSpec, start: Start) -> Result<Prepared> {
    let Desk { folder, store, runs, .. } = desk;
    may_be_launched(runs, desk.queue)?;
    let sites = sites::choose(&spec, &store.sites()?)?;
    let roster = sites::roster(&sites, &store.keys()?)?;
    let model = model_folder(&spec)?;
    let of = spec.clone();
    // Up to gigabytes to hash: not on a thread that answers sites.
    let ((validation, test), suites) =
        blocking(move || Ok((held_out::pin_both(&of)?, suites::pin_all(&of)?))).await?;
    let test_openings_before = test.as_ref().map_or(0, |file| held_out::openings(runs, file.digest));
    let steered = test.as_ref().and_then(|file| held_out::steered_before(runs, file.digest));
    let opened = held_out::opened_before(test_openings_before);
    let before_it =
        test.as_ref().filter(|_| desk.queue).and_then(|file| held_out::opened_first(runs, file.digest));
    let beside = beside::find(runs, &spec, hashes(validation.as_ref(), test.as_ref()))?;
    let compared = beside.iter().flat_map(|found| found.notes.clone());
    let mut notes: Vec<String> = opened
        .into_iter()
        .chain(before_it)
        .chain(steered)
        .chain(start.note.clone())
        .chain(compared)
        .collect();
    notes.extend(sites::notes(&spec, sites.len()));
    let other = beside.clone();
    let run = RunId(random::bytes()?);
    let files = validation.iter().chain(&test).map(|file| file.path.clone()).collect();
    // Of a run that waits, once it is its turn.
    let sent_before = if desk.queue { BTreeMap::new() } else { sent_before(store, &sites)? };
    let held_out = HeldOut { validation, test, suites };
    let draft =
        Draft { run, spec, start, beside, sites, roster, model, held_out, test_openings_before, sent_before };
    let made = make(desk, draft, files).await;
    // What is needed of it is a blob by now. A folder that stays goes when the coordinator starts.
    let _ = std::fs::remove_dir_all(folder.launch(run));
    let launched = made.inspect_err(|_| {
        // No run, no key. What cannot be removed now opens nothing: no manifest names it.
        let _ = overlap::delete_key(folder, run);
    })?;
    notes.extend(other.and_then(|found| found.note_of(launched.initial)));
    Ok(Prepared { launched, notes })
}

/// Whether a run may be launched now, or queued.
fn may_be_launched(runs: &Runs, queue: bool) -> Result<()> {
    let waiting = runs.queued();
    let refuse = |message: String, hint: &str| Err(Error::Argument { message, hint: hint.into() });
    match (queue, runs.active()) {
        (false, Some(active)) => Err(Error::RunInProgress(active.launched.run.to_string())),
        (false, None) if waiting > 0 => refuse(
            "other runs wait for their turn".into(),
            "`coordinator launch --queue` has it begin after them; `coordinator runs` lists them",
        ),
        (true, _) => may_wait(waiting),
        _ => Ok(()),
    }
}

/// Whether one more run may wait beside so many.
pub(super) fn may_wait(waiting: usize) -> Result<()> {
    if waiting < QUEUED_RUNS_MAX {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!("{waiting} runs wait already"),
        hint: "launch it when one of them has begun; `coordinator stop RUN` takes one out of the queue"
            .into(),
    })
}

/// A run file that can be launched as far as the coordinator's own process can tell.
struct Draft {
    run: RunId,
    spec: RunSpec,
    start: Start,
    beside: Option<beside::Found>,
    sites: Vec<SiteId>,
    roster: Roster,
    model: PathBuf,
    held_out: HeldOut,
    test_openings_before: u32,
    sent_before: BTreeMap<SiteId, Sent>,
}

/// What its models are measured on.
struct HeldOut {
    validation: Option<PinnedFile>,
    test: Option<PinnedFile>,
    suites: Vec<PinnedSuite>,
}

/// Has the child describe the model, and stores what it made.
async fn make(desk: Desk<'_>, draft: Draft, files: Vec<PathBuf>) -> Result<LaunchedRun> {
    let Desk { folder, evaluator, receipts, .. } = desk;
    let Draft { run, spec, start, beside, sites, roster, model, held_out, test_openings_before, sent_before } =
        draft;
    let HeldOut { validation, test, suites } = held_out;
    let initial_path = make_launch_folder(folder, run)?.join("initial");
    let overlap_job = overlap_job(folder, run, spec.overlap.enabled && !files.is_empty())?;
    let job = Job::Describe {
        model: model_job(&spec, &model),
        data: files,
        suites: suites.clone(),
        seed: spec.training.seed,
        from: start.from.clone(),
        initial: initial_path.clone(),
        overlap: overlap_job.clone(),
    };
    let Described { fingerprint, tensors, public_key } = belongs(&start, describe(evaluator, &job).await?)?;
    beside.iter().try_for_each(|found| found.belongs(fingerprint))?;
    let held_out = hashes(validation.as_ref(), test.as_ref());
    let (wanted, folder) = (tensors.clone(), folder.clone());
    let adopt = move || {
        let published = overlap_job.as_ref().zip(public_key);
        let overlap =
            published.map(|(job, public_key)| adopt_set(&folder, &job.out, public_key)).transpose()?;
        initial::check_values(&initial_path, &wanted)?;
        let initial = blobs::digest_of(&initial_path)?;
        let adopted = blobs::adopt(&folder, &initial_path, initial)?;
        let adapter_bytes = std::fs::metadata(&adopted).map_err(Error::io("read", &adopted))?.len();
        Ok((overlap, initial, adapter_bytes))
    };
    let (overlap, initial, adapter_bytes) = blocking(adopt).await?;
    let named = suites.iter().map(suites::terms).collect();
    let terms = manifest::Terms {
        run,
        fingerprint,
        tensors,
        adapter_bytes,
        roster,
        held_out,
        overlap,
        suites: named,
    };
    let authority_der = authority::certificate_der(desk.folder)?;
    let signers = manifest::Signers { receipts, hand: desk.hand, authority_der: &authority_der };
    let signed = manifest::sign(&spec, terms, signers).await?;
    let manifest_bytes = signed.len() as u64;
    let folder = desk.folder.clone();
    let manifest = blocking(move || blobs::put(&folder, &signed)).await?;
    Ok(LaunchedRun {
        run,
        spec,
        model,
        model_fingerprint: fingerprint,
        sites,
        validation,
        test,
        suites,
        manifest,
        manifest_bytes,
        initial,
        adapter_bytes,
        overlap,
        origin: start.origin,
        beside: beside.map(|found| found.beside),
        test_openings_before,
        needs_approval: true,
        sent_before,
        queued: desk.queue.then(|| Queued { by: desk.hand.map(Hand::certificate) }),
    })
}

fn model_job(spec: &RunSpec, model: &Path) -> ModelJob {
    ModelJob {
        model: model.to_path_buf(),
        base: spec.base,
        adapter: spec.adapter.clone(),
        cutoff_tokens: spec.training.cutoff_tokens,
    }
}

fn hashes(validation: Option<&PinnedFile>, test: Option<&PinnedFile>) -> HeldOutHashes {
    let digest = |file: &PinnedFile| file.digest;
    HeldOutHashes { validation: validation.map(digest), test: test.map(digest) }
}

/// What has arrived of these sites by now.
///
/// # Errors
/// The database cannot be read.
pub(super) fn sent_before(store: &Store, sites: &[SiteId]) -> Result<BTreeMap<SiteId, Sent>> {
    let mut sent = BTreeMap::new();
    for site in sites {
        if let Some(totals) = store.frame_totals(site)? {
            sent.insert(site.clone(), Sent { frames: totals.frames, bytes: totals.bytes });
        }
    }
    Ok(sent)
}

/// Whether an adapter from elsewhere belongs to the base model that the child found.
fn belongs(start: &Start, described: Described) -> Result<Described> {
    match start.fingerprint {
        Some(fingerprint) if fingerprint != described.fingerprint => Err(Error::Argument {
            message: format!(
                "the initial adapter belongs to the base model {}, but the run file's is {}",
                fingerprint.short(),
                described.fingerprint.short()
            ),
            hint:
                "name the model folder that the adapter was trained on, and hold it in the same way ([base])"
                    .into(),
        }),
        _ => Ok(described),
    }
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
        _ => Err(Error::Internal("the child answered something else".into())),
    }
}

/// Gives the published set its name.
fn adopt_set(folder: &StateFolder, out: &Path, public_key: Point) -> Result<OverlapTerms> {
    let set = blobs::digest_of(out)?;
    let adopted = blobs::adopt(folder, out, set)?;
    let set_bytes = std::fs::metadata(&adopted).map_err(Error::io("read", &adopted))?.len();
    Ok(OverlapTerms { public_key, set, set_bytes })
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
