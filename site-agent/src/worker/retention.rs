//! What may go from the worker's own folders: updates and checkpoints of rounds that are over.
//!
//! Called by `worker::train` before each round and by `site-agent prune`. An update as trained goes when its
//! round is acknowledged (`ToWorker::Abandon`); here go those of rounds that never were. Invariants: a round
//! in progress keeps its files; what cannot be removed now is only untidy.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::id::RunId;

use crate::paths::StateFolder;

/// A file that may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surplus {
    pub path: PathBuf,
    pub bytes: u64,
}

/// The files of rounds in `raw/` and `work/` that nobody needs: all but those of `current`, the stem of the
/// round in progress. Where that is not known, the newest round may be it.
pub fn surplus(folder: &StateFolder, current: Option<&str>) -> Vec<Surplus> {
    let places = [(folder.raw(), &["safetensors", "json"][..]), (folder.work(), &["checkpoint"])];
    let mut surplus = Vec::new();
    for (place, extensions) in places {
        let rounds = by_round(&place, extensions);
        let newest =
            rounds.iter().max_by_key(|(stem, (newest, _))| (*newest, *stem)).map(|(stem, _)| stem.clone());
        let kept = current.map(str::to_owned).or(newest);
        let others = rounds.into_iter().filter(|(stem, _)| kept.as_ref() != Some(stem));
        surplus.extend(others.flat_map(|(_, (_, files))| files));
    }
    surplus
}

/// Removes them.
pub(super) fn tidy(folder: &StateFolder, current: &str) {
    for file in surplus(folder, Some(current)) {
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
    fn the_round_in_progress_stays_and_nothing_else_is_touched() {
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
        let by_hand = surplus(&folder, None);
        assert_eq!(by_hand.len(), 2 * 199 + 199, "the newest raw update and the newest checkpoint stay");
        assert!(by_hand.iter().all(|file| file.bytes == 5 && name(&file.path).starts_with("01010101")));
        tidy(&folder, &stem(7));
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
            "overlap-0101010101010101.points".to_owned(),
            "notes.json".to_owned(),
            "data-manifest-1.json".to_owned(),
        ];
        expected.sort();
        assert_eq!(left, expected);
    }
}
