//! What may go from the worker's own folders: updates and checkpoints of rounds that are over.
//!
//! Called by `worker::train` before each round and by `site-agent prune`. Invariants: the newest raw updates
//! stay, as many as `[retention]` says, and a round in progress keeps its files; what cannot be removed now
//! is only untidy.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::id::RunId;

use crate::config::retention::RetentionConfig;
use crate::paths::StateFolder;

/// A file that may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surplus {
    pub path: PathBuf,
    pub bytes: u64,
}

/// The files in `raw/` and `work/` that the rule does not keep. `current` is the stem of the round in
/// progress, which keeps everything.
pub fn surplus(folder: &StateFolder, rule: &RetentionConfig, current: Option<&str>) -> Vec<Surplus> {
    let kept = rule.raw_updates.max(1) as usize;
    let mut rounds: Vec<(SystemTime, String, Vec<Surplus>)> =
        by_round(&folder.raw(), &["safetensors", "json"])
            .into_iter()
            .filter(|(stem, _)| current != Some(stem))
            .map(|(stem, (newest, files))| (newest, stem, files))
            .collect();
    // The newest first; the round in progress is one of those that are kept.
    rounds.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
    let others = kept - usize::from(current.is_some());
    let mut surplus: Vec<Surplus> = rounds.into_iter().skip(others).flat_map(|(_, _, files)| files).collect();
    // A checkpoint is of use until its round is trained; the newest may be that of a round in progress.
    let mut checkpoints: Vec<_> = by_round(&folder.work(), &["checkpoint"]).into_iter().collect();
    checkpoints.sort_by_key(|(_, (newest, _))| *newest);
    if current.is_none() {
        checkpoints.pop();
    }
    for (stem, (_, files)) in checkpoints {
        if current != Some(&stem) {
            surplus.extend(files);
        }
    }
    surplus
}

/// Removes what the rule does not keep.
pub(super) fn tidy(folder: &StateFolder, rule: &RetentionConfig, current: &str) {
    for file in surplus(folder, rule, Some(current)) {
        // What stays is found again at the next round.
        let _ = fs::remove_file(&file.path);
    }
}

/// The files of rounds with one of these extensions: newest time and files of each round's name.
fn by_round(folder: &Path, extensions: &[&str]) -> BTreeMap<String, (SystemTime, Vec<Surplus>)> {
    let mut rounds: BTreeMap<String, (SystemTime, Vec<Surplus>)> = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let part = |part: Option<&std::ffi::OsStr>| part.and_then(|name| name.to_str()).map(str::to_owned);
        let (Some(stem), Some(extension)) = (part(path.file_stem()), part(path.extension())) else {
            continue;
        };
        let is_ours = is_round(&stem) && extensions.contains(&extension.as_str());
        let (true, Ok(facts)) = (is_ours, entry.metadata()) else { continue };
        let at = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let round = rounds.entry(stem).or_insert((at, Vec::new()));
        round.0 = round.0.max(at);
        round.1.push(Surplus { path, bytes: facts.len() });
    }
    rounds
}

/// Whether a name is that of a round, as `pipe::round_file_stem` makes it: nothing else is ever removed.
fn is_round(stem: &str) -> bool {
    stem.rsplit_once('-').is_some_and(|(run, round)| {
        run.parse::<RunId>().is_ok() && round.len() >= 5 && round.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use common::id::Round;

    use super::*;
    use crate::pipe::round_file_stem;

    fn name(path: &Path) -> String {
        path.file_name().unwrap().to_string_lossy().into_owned()
    }

    #[test]
    fn the_newest_rounds_and_the_one_in_progress_stay_and_nothing_else_is_touched() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(root.path());
        fs::create_dir_all(folder.raw()).unwrap();
        fs::create_dir_all(folder.work()).unwrap();
        let stem = |round: u32| round_file_stem(RunId([1; 8]), Round(round));
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for round in 1..=200_u32 {
            for (at, extension) in
                [(folder.raw(), "safetensors"), (folder.raw(), "json"), (folder.work(), "checkpoint")]
            {
                let path = at.join(format!("{}.{extension}", stem(round)));
                fs::write(&path, "12345").unwrap();
                let time = begin + Duration::from_secs(u64::from(round));
                File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            }
        }
        for other in ["overlap-0101010101010101.points", "notes.json", "data-manifest-1.json"] {
            fs::write(folder.raw().join(other), "x").unwrap();
        }
        let rule = RetentionConfig::default();
        let by_hand = surplus(&folder, &rule, None);
        assert_eq!(by_hand.len(), 2 * 198 + 199, "two raw updates and the newest checkpoint stay");
        assert!(by_hand.iter().all(|file| file.bytes == 5 && name(&file.path).starts_with("01010101")));
        tidy(&folder, &rule, &stem(7));
        let mut left: Vec<String> = [folder.raw(), folder.work()]
            .iter()
            .flat_map(|at| fs::read_dir(at).unwrap())
            .map(|entry| name(&entry.unwrap().path()))
            .collect();
        left.sort();
        let of = |round: u32, extension: &str| format!("{}.{extension}", stem(round));
        let mut expected = vec![
            of(7, "safetensors"),
            of(7, "json"),
            of(7, "checkpoint"),
            of(200, "safetensors"),
            of(200, "json"),
            "overlap-0101010101010101.points".to_owned(),
            "notes.json".to_owned(),
            "data-manifest-1.json".to_owned(),
        ];
        expected.sort();
        assert_eq!(left, expected);
    }
}
