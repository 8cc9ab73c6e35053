//! Removes finished files that no run needs any more, by the rule in `[retention]`. Called by `server`, again
//! and again, and by `cli::prune`. Invariants: nothing goes while the database may be an old copy; a file
//! that some run needs stays; a file that no run names goes only when it is a day old (an upload is there
//! before its journal row); beside a running `serve` nothing goes that was written within the hour.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use common::clock::SystemClock;
use common::durable;
use common::id::Digest;

use super::runs::Runs;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::limits::{ORPHAN_AGE_S_MIN, PRUNE_AGE_S_MIN, PRUNE_INTERVAL_S_MIN};
use crate::restored;
use crate::round::retention::{Rule, named, needed};
use crate::round::state::RunState;
use crate::state_folder::config::RetentionConfig;
use crate::state_folder::{StateFolder, blobs};
use crate::store::Store;

/// A file that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surplus {
    /// Its name.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// The files that may go, of those at least `age` old.
///
/// # Errors
/// The folder of finished files cannot be read.
pub fn find(
    folder: &StateFolder,
    states: &[Arc<RunState>],
    rule: Rule,
    age: Duration,
) -> Result<Vec<Surplus>> {
    let states: Vec<&RunState> = states.iter().map(AsRef::as_ref).collect();
    let (named, kept): (BTreeSet<Digest>, BTreeSet<Digest>) = (named(&states), needed(&states, rule));
    let path = folder.blobs();
    let now = SystemClock.system_time();
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).map_err(Error::io("read", &path))? {
        let entry = entry.map_err(Error::io("read", &path))?;
        let Some(digest) = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()) else {
            continue;
        };
        // A file that goes away meanwhile is gone.
        let Ok(facts) = entry.metadata() else { continue };
        let least =
            if named.contains(&digest) { age } else { age.max(Duration::from_secs(ORPHAN_AGE_S_MIN)) };
        // Also since it got its name: an upload may have taken days.
        let named_at = UNIX_EPOCH + Duration::from_secs(u64::try_from(facts.ctime()).unwrap_or(0));
        let written = facts.modified().map_or(named_at, |at| at.max(named_at));
        let old = now.duration_since(written).ok();
        if !kept.contains(&digest) && facts.is_file() && old.is_some_and(|old| old >= least) {
            found.push(Surplus { path: entry.path(), bytes: facts.len() });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Removes them.
///
/// # Errors
/// One of them is there and cannot be removed.
pub fn remove(files: &[Surplus]) -> Result<()> {
    files.iter().try_for_each(|file| blobs::remove(&file.path))
}

/// Does so for as long as `serve` runs, and warns when the disk has little room left.
pub async fn keep_pruned(folder: StateFolder, store: Arc<Store>, runs: Runs, config: RetentionConfig) {
    let interval = Duration::from_secs(PRUNE_INTERVAL_S_MIN);
    // Not at once: sites connect first, and may prove that the database is an old copy.
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    loop {
        ticks.tick().await;
        if let Some(warning) = disk_warning(&folder, &config) {
            tracing::warn!("{warning}");
        }
        let (folder, store, states) = (folder.clone(), Arc::clone(&store), runs.all());
        let age = Duration::from_secs(PRUNE_AGE_S_MIN);
        let pruned = blocking(move || {
            if let Some(doubt) = restored::doubt(&folder, &store)? {
                tracing::warn!("nothing is removed: {doubt}");
                return Ok(0);
            }
            let files = find(&folder, &states, config.rule(), age)?;
            remove(&files).map(|()| files.len())
        });
        match pruned.await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "files that no run needs any more are gone"),
            Err(error) => tracing::warn!(%error, "cannot remove files that no run needs any more"),
        }
    }
}

/// What to say when the disk has little room left.
pub fn disk_warning(folder: &StateFolder, config: &RetentionConfig) -> Option<String> {
    let free_mib = durable::free_bytes(folder.path()).ok()? >> 20;
    (free_mib < config.disk_free_mib_min).then(|| {
        format!(
            "the disk of the state folder has {free_mib} MiB left, less than the {} of [retention] \
             disk_free_mib_min; `coordinator prune --dry-run` shows what may go",
            config.disk_free_mib_min
        )
    })
}
