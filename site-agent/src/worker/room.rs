//! The site's records as the data room lets them through, under the policy of `agent.toml`. Called by the
//! worker, when it prepares a run and when it validates. Invariant: what is trained on is what the manifest's
//! root is over (before the comparison with the consortium's held-out set, which only takes records away).

use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use data::read::Mapping;
use data::room::{InspectedRecord, Inspection, RecordOutcome, RoomFile, RoomOptions, inspect};
use data::screen::waiver::Accepted;
use data::screen::{Language, Mode};
use data::{DataError, Record};
use prepare::fitting::Fitting;

use crate::config::AgentConfig;
use crate::paths::StateFolder;

/// Records that are named, by place, when they are left out.
const LEFT_OUT_NAMED: usize = 5;

/// What the room let through, and its account of all the rest.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) records: Vec<Record>,
    pub(crate) inspection: Inspection,
}

/// Takes the site's files through the room, with what the waiver in force accepts; at least one record must
/// come out.
///
/// # Errors
/// What the room says of a file or a setting; `ScreenUnfit` when the screen cannot be relied upon for these
/// records; `NoRecords` with the sums when nothing may be trained on.
pub(crate) fn admit(config: &AgentConfig, accepted: Option<Accepted>) -> Result<Admitted, DataError> {
    let (files, mut options) = settings(config)?;
    options.screen.accepted = accepted;
    // What no run could train on, whatever its settings. A folder that cannot be used is said by whoever
    // loads it next.
    let fitting = Fitting::of(&config.model, None).ok();
    options.fit = fitting.as_ref().map(|fitting| fitting.fit()).unwrap_or_default();
    let admitted = admit_files(&files, &options);
    // Which records it had seen by then is chance, so nothing is trained on.
    match fitting.and_then(|fitting| fitting.fault()) {
        Some(fault) => Err(DataError::Setting { name: "model", reason: fault.to_string() }),
        None => admitted,
    }
}

/// As [`admit`], of files and settings that no `agent.toml` names.
///
/// # Errors
/// As [`admit`].
pub(crate) fn admit_files(files: &[RoomFile], options: &RoomOptions) -> Result<Admitted, DataError> {
    let inspection = inspect(files, options, &mut |_| ())?;
    let self_test = &inspection.manifest.self_test;
    // In report mode nobody relies on the screen. Without a usable record the test cannot run, and nothing is
    // trained on.
    if options.screen.mode != Mode::Report && inspection.trained() > 0 && !self_test.passed() {
        return Err(DataError::ScreenUnfit { sentence: self_test.sentence(Language::English) });
    }
    let mut records = Vec::with_capacity(inspection.trained());
    inspection.each_trained(files, options, |record| records.push(record))?;
    let admitted = Admitted { records, inspection };
    if admitted.records.is_empty() {
        return Err(DataError::NoRecords { reason: admitted.why_none() });
    }
    Ok(admitted)
}

/// The policy as the room takes it.
///
/// # Errors
/// What is wrong with the mapping, with its line.
pub(crate) fn settings(config: &AgentConfig) -> Result<(Vec<RoomFile>, RoomOptions), DataError> {
    let files = config.data.iter().map(|path| RoomFile { path: path.clone(), side: None }).collect();
    let room = &config.data_room;
    let mut options =
        RoomOptions { duplicates: room.duplicates, split: room.split(), ..RoomOptions::default() };
    options.screen.mode = room.screen;
    options.read.mapping = room.mapping.as_deref().map(Mapping::read).transpose()?;
    options.mix.clone_from(&room.mix);
    options.provenance = room.provenance();
    options.mapping_sha256 = options.read.mapping.as_ref().map(Mapping::sha256);
    Ok((files, options))
}

impl Admitted {
    /// The root that the ledger keeps.
    ///
    /// # Errors
    /// `Internal` when the manifest has none, which would be a fault of the room.
    pub(crate) fn root(&self) -> Result<Digest, DataError> {
        let none = || DataError::Internal { reason: "a data manifest without a root".into() };
        self.inspection.manifest.root_bytes().map(Digest).ok_or_else(none)
    }

    /// Writes the manifest where the site's people find it, named by its root, so that a run's note in the
    /// ledger leads to it. Returns the path.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn write_manifest(&self, folder: &StateFolder) -> Result<PathBuf, DataError> {
        let path = folder.data_manifest(&self.inspection.manifest.root);
        let bytes = self.inspection.manifest.to_bytes()?;
        durable::write(&path, &bytes, durable::ORDINARY).map_err(|error| DataError::io(&path, error))?;
        Ok(path)
    }

    /// For the person at the site: the first records that are neither trained on nor used as `is_used` says,
    /// by file and line, and how many more.
    pub(crate) fn left_out(&self, is_used: impl Fn(&InspectedRecord) -> bool) -> Vec<String> {
        let is_left_out = |outcome: &&InspectedRecord| !outcome.is_trained() && !is_used(outcome);
        let all: Vec<&InspectedRecord> = self.inspection.records.iter().filter(is_left_out).collect();
        let name = |outcome: &&InspectedRecord| {
            let path: &Path = self.inspection.path(outcome.place);
            format!("left out: {}, line {}: {}", path.display(), outcome.place.line, reason(outcome))
        };
        let mut lines: Vec<String> = all.iter().take(LEFT_OUT_NAMED).map(name).collect();
        if all.len() > LEFT_OUT_NAMED {
            let more = all.len() - LEFT_OUT_NAMED;
            lines.push(format!("left out: {more} more records; `site-agent data check` names them"));
        }
        lines
    }

    /// In one line, how many records the split keeps from training, of all that were read.
    pub(crate) fn held_back(&self) -> String {
        let is_held_back = |outcome: &&InspectedRecord| outcome.assignment.is_some() && !outcome.is_trained();
        let held_back = self.inspection.records.iter().filter(is_held_back).count();
        let read = self.inspection.records.len();
        match held_back {
            0 => format!("held back by the split: none of {read} records"),
            _ => format!(
                "held back by the split: {held_back} of {read} records; nobody trains on them ([data_room] split in agent.toml)"
            ),
        }
    }

    /// In one line, that records are trained on which are of a year more than `years_max` years before
    /// `today`, a year; nothing where there are none, or where the settings name no age.
    pub(crate) fn outdated(&self, years_max: Option<u16>, today: u16) -> Option<String> {
        let years = years_max?;
        let mut old = self.inspection.older_than(years, today);
        let first = old.next()?;
        Some(format!(
            "older than {years} years: {} records that are trained on, the first in {}, line {}; bring them up to date or leave them out",
            1 + old.count(),
            self.inspection.path(first.place).display(),
            first.place.line
        ))
    }

    /// The sums, when nothing is left; and the first record by place.
    fn why_none(&self) -> String {
        let counts = &self.inspection.manifest.counts;
        let refused: u64 = counts.refused.values().sum();
        let mut sentence = match counts.read {
            0 => return "the dataset has no records".to_owned(),
            read if refused == read => format!("all {read} records were refused"),
            read => format!(
                "of {read} records {refused} were refused and {} withheld because they hold identifiers",
                counts.blocked
            ),
        };
        if let Some(first) = self.inspection.records.first() {
            let path = self.inspection.path(first.place).display();
            sentence.push_str(&format!(
                ", the first in {path}, line {}: {}",
                first.place.line,
                reason(first)
            ));
        }
        sentence
    }
}

/// Why a record is not trained on; codes and numbers, never its text.
fn reason(inspected: &InspectedRecord) -> String {
    match (inspected.refusal, inspected.outcome) {
        (Some(refusal), _) => refusal.to_string(),
        (_, RecordOutcome::Block) => {
            let mut kinds: Vec<&str> = inspected.findings.iter().map(|finding| finding.kind.name()).collect();
            kinds.dedup();
            format!("it holds identifiers ({})", kinds.join(", "))
        }
        _ if inspected.is_dropped => "it is a copy of an earlier record".to_owned(),
        _ => "it is held out by the split".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use data::manifest::Manifest;
    use data::split::SchemeChoice;

    use super::*;
    use crate::config::{DataRoomConfig, SandboxConfig, TrainingConfig};
    use crate::policy::PolicyConfig;

    const PHONE: &str = "13812345678";

    fn site(folder: &Path, records: usize, planted: usize) -> AgentConfig {
        let data = folder.join("a.jsonl");
        let line = |number: usize| {
            let phone = if number < planted { PHONE } else { "" };
            let question =
                format!("第{number}位患者{phone}头痛{number}天并伴有{}次呕吐，应当如何处理？", number * 7);
            serde_json::json!({ "instruction": question, "output": "请休息。" }).to_string()
        };
        std::fs::write(&data, (0..records).map(line).collect::<Vec<_>>().join("\n")).unwrap();
        AgentConfig {
            model: "m".into(),
            data: vec![data],
            data_room: DataRoomConfig::default(),
            sandbox: SandboxConfig::default(),
            training: TrainingConfig::default(),
            policy: PolicyConfig::default(),
            retention: Default::default(),
            escrow: None,
            keys: None,
        }
    }

    #[test]
    fn the_policy_decides_what_is_trained_on_and_the_root_says_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = site(folder.path(), 40, 3);
        let blocked = admit(&config, None).unwrap();
        assert_eq!((blocked.records.len(), blocked.inspection.manifest.counts.blocked), (37, 3));
        let lines = blocked.left_out(|_| false);
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].ends_with("line 1: it holds identifiers (mobile-phone)") && !lines[0].contains(PHONE)
        );
        let state = StateFolder::new(folder.path().join("state"));
        std::fs::create_dir_all(state.work()).unwrap();
        let path = blocked.write_manifest(&state).unwrap();
        let root = blocked.root().unwrap();
        assert!(path.to_str().unwrap().contains(&root.to_string()));
        let written = Manifest::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(written.differences(&admit(&config, None).unwrap().inspection.manifest), [] as [&str; 0]);
        config.data_room.screen = Mode::Mask;
        let masked = admit(&config, None).unwrap();
        assert!(masked.records.iter().all(|record| !record.messages()[0].1.contains(PHONE)));
        assert_eq!(masked.records.len(), 40);
        config.data_room.split = SchemeChoice::Holdout([50, 25, 25]);
        assert_eq!(masked.held_back(), "held back by the split: none of 40 records");
        let held_out = admit(&config, None).unwrap();
        assert!(held_out.held_back().starts_with("held back by the split: 20 of 40 records"));
        assert_eq!(held_out.records.len(), 20);
        assert_eq!(held_out.left_out(|_| false).len(), LEFT_OUT_NAMED + 1);
        assert_ne!(held_out.root().unwrap(), masked.root().unwrap());
    }

    #[test]
    fn when_nothing_is_left_the_sums_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let config = site(folder.path(), 4, 4);
        let error = admit(&config, None).unwrap_err();
        assert!(matches!(error, DataError::NoRecords { .. }));
        let sentence = error.to_string();
        assert!(sentence.contains("of 4 records 0 were refused and 4 withheld"), "{sentence}");
        assert!(!sentence.contains(PHONE));
        std::fs::write(&config.data[0], "").unwrap();
        assert!(admit(&config, None).unwrap_err().to_string().contains("no records"));
    }
}
