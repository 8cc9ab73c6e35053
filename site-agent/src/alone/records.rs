//! From the files of a training without a consortium to documents, through the data room.
//!
//! Called by `alone::training`, behind the worker's locks. Invariant: the same files and the same settings
//! give the same documents in the same order.

use std::path::PathBuf;

use data::DataError;
use data::read::Mapping;
use data::room::{Fit, InspectedRecord, Inspection, RoomFile, RoomOptions};
use data::split::{Assignment, SchemeChoice, Side};
use model::chat::Document;
use prepare::records;

use super::job::TrainJob;
use crate::waiver;
use crate::worker::room;

/// The records of a training without a consortium.
#[derive(Debug, Clone, Default)]
pub(super) struct LocalDocuments {
    pub(super) training: Vec<Document>,
    /// The fold of each of them, where folds are asked for.
    pub(super) folds: Vec<FoldOf>,
    /// Of the validation files, where there are any.
    pub(super) validation: Vec<Document>,
    /// The first of those left out, by file, line and reason.
    pub(super) left_out: Vec<String>,
    /// How many are left out.
    pub(super) left_out_total: u64,
    /// That some are older than the settings want.
    pub(super) outdated: Option<String>,
}

/// Where a record stands in a cross-validation.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoldOf {
    /// The fold that it is held out in.
    pub(super) fold: u32,
    /// Its patient's, or its cluster's, records have the same number.
    pub(super) group: u32,
}

/// Takes files through the data room, which asks `fit` of each record: unusable records, confirmed
/// identifiers and copies stay out, and so does a training record whose copy or patient is in a validation
/// file.
///
/// # Errors
/// What the data room says of a file, with the line; that the screen cannot be relied upon, or that nothing
/// is usable.
pub(super) fn read(job: &TrainJob, fit: Fit) -> Result<LocalDocuments, DataError> {
    let file = |path: &PathBuf, side| RoomFile { path: path.clone(), side };
    let files: Vec<RoomFile> = job
        .data
        .iter()
        .map(|path| file(path, None))
        .chain(job.validation.iter().map(|path| file(path, Some(Side::Validation))))
        .collect();
    let mut options = RoomOptions::default();
    options.screen.mode = job.screen;
    options.mix.clone_from(&job.mix);
    options.provenance.clone_from(&job.provenance);
    options.read.mapping = job.mapping.as_deref().map(Mapping::read).transpose()?;
    options.mapping_sha256 = options.read.mapping.as_ref().map(Mapping::sha256);
    options.split.scheme = job.folds.unwrap_or(SchemeChoice::None);
    options.fit = fit;
    let admitted = room::admit_files(&files, &options)?;
    let mut held_out = Vec::new();
    let is_validation =
        |outcome: &InspectedRecord| outcome.assignment == Some(Assignment::Side(Side::Validation));
    if !job.validation.is_empty() {
        admitted.inspection.each_used(&files, &options, is_validation, |record| held_out.push(record))?;
        if held_out.is_empty() {
            let reason = "no record of the validation files may be used".to_owned();
            return Err(DataError::NoRecords { reason });
        }
    }
    let read = admitted.inspection.manifest.counts.read;
    Ok(LocalDocuments {
        folds: job.folds.map(|_| folds(&admitted.inspection)).transpose()?.unwrap_or_default(),

        left_out_total: read - (admitted.records.len() + held_out.len()) as u64,
        left_out: admitted.left_out(is_validation),
        outdated: admitted.outdated(job.years_max, waiver::today().year),
        training: records::documents(&admitted.records),
        validation: records::documents(&held_out),
    })
}

/// The fold of each record that is used, in the order of reading.
fn folds(inspection: &Inspection) -> Result<Vec<FoldOf>, DataError> {
    let used = inspection.records.iter().filter(|record| record.is_trained());
    let folds: Option<Vec<FoldOf>> = used
        .map(|record| match (record.assignment, record.group) {
            (Some(Assignment::Fold(fold)), Some(group)) => Some(FoldOf { fold, group }),
            _ => None,
        })
        .collect();
    folds.ok_or_else(|| DataError::Setting {
        name: "folds",
        reason: "so many records are divided once, not into folds; ask for 5 folds, or leave --folds out and take \
                 --validation-share 0.1"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use data::screen::Mode;

    use super::*;
    use crate::alone::job::LocalSettings;

    #[test]
    fn local_training_takes_what_the_room_lets_through_and_nothing_close_to_the_validation_files() {
        let place = tempfile::tempdir().unwrap();
        let line =
            |question: String| serde_json::json!({"instruction": question, "output": "请休息。"}).to_string();
        let question = |number: usize| {
            format!("第{number}位患者头痛{number}天并伴有{}次呕吐，应当如何处理？", number * 7)
        };
        let mut training: Vec<String> = (0..40).map(|number| line(question(number))).collect();
        training.push(line("我的身份证号是11010519491231002X，怎么报销？".to_owned()));
        training.push(training[3].clone());
        let (data, validation) = (place.path().join("a.jsonl"), place.path().join("b.jsonl"));
        std::fs::write(&data, training.join("\n")).unwrap();
        let own = line("糖尿病患者每天可以吃多少水果，需要注意哪些事情？".to_owned());
        std::fs::write(&validation, format!("{own}\n{}", training[5])).unwrap();

        let data_rules = data::ProvenanceRules::default;
        let job = |validation: &[PathBuf], screen| TrainJob {
            model: PathBuf::new(),
            data: vec![data.clone()],
            validation: validation.to_vec(),
            start: None,
            out: PathBuf::new(),
            base_name: String::new(),
            resume: false,
            checkpoint_interval_s: 0,
            allow_missing: Vec::new(),
            device: model::Device::Cpu,
            screen,
            provenance: data_rules(),
            years_max: Some(5),
            mix: None,
            mapping: None,
            folds: None,
            settings: LocalSettings::default(),
        };
        let read_with =
            |validation: &[PathBuf], screen| read(&job(validation, screen), Fit::default()).unwrap();
        let alone = read_with(&[], Mode::Block);
        assert_eq!((alone.training.len(), alone.validation.len(), alone.left_out_total), (40, 0, 2));
        assert!(alone.left_out.iter().any(|line| line.contains("line 41") && line.contains("citizen-id")));
        assert!(!alone.left_out.concat().contains("11010519491231002X"));
        assert_eq!(read_with(&[], Mode::Mask).training.len(), 41);
        let measured = read_with(&[validation], Mode::Block);
        assert_eq!(measured.validation.len(), 2);
        assert!(measured.training.len() < 40, "a copy of a validation record is not trained on");
    }
}
