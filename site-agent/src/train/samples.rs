//! From a site's data files to samples: read, encoded, cut, and divided into what is trained on and what is held out.
//!
//! Called by the worker, behind its locks. The only place of the training that opens a data file. Invariant: the same
//! files and the same settings give the same samples in the same order.

use std::path::{Path, PathBuf};

use data::DataError;
use data::overlap::Features;
use data::read::Mapping;
use data::room::{InspectedRecord, RoomFile, RoomOptions};
use data::split::{Assignment, SchemeChoice, Side};
use model::chat::{ChatTokenizer, Document, PrepareReport};
use model::{ModelError, Sample};

use crate::local_training::TrainJob;
use crate::{records, room};

/// The records that a run may use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Documents {
    pub(crate) usable: Vec<Document>,
    /// Of each of them: what is compared with the consortium's held-out set.
    pub(crate) features: Vec<Option<Features>>,
}

/// What the trainer gets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    pub(crate) training: Vec<Sample>,
    /// Only measured.
    pub(crate) validation: Vec<Sample>,
    /// What was cut, dropped or refused on the way, of all records together.
    pub(crate) report: PrepareReport,
}

/// The records of a training without a consortium.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocalDocuments {
    pub(crate) training: Vec<Document>,
    /// Of the validation files, where there are any.
    pub(crate) validation: Vec<Document>,
    /// The first of those left out, by file, line and reason.
    pub(crate) left_out: Vec<String>,
    /// How many are left out.
    pub(crate) left_out_total: u64,
}

/// Takes files through the data room: unusable records, confirmed identifiers and copies stay out, and so does a training
/// record whose copy or patient is in a validation file.
///
/// # Errors
/// What the data room says of a file, with the line; that the screen cannot be relied upon, or that nothing is usable.
pub(crate) fn read_local(job: &TrainJob) -> Result<LocalDocuments, DataError> {
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
    options.read.mapping = job.mapping.as_deref().map(Mapping::read).transpose()?;
    options.mapping_sha256 = options.read.mapping.as_ref().map(Mapping::sha256);
    options.split.scheme = SchemeChoice::None;
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
        left_out_total: read - (admitted.records.len() + held_out.len()) as u64,
        left_out: admitted.left_out(is_validation),
        training: records::documents(&admitted.records),
        validation: records::documents(&held_out),
    })
}

/// Encodes documents for a model and holds a random share of them out.
///
/// # Errors
/// What the model crate says of the tokenizer, or that no record has an answer within the cutoff.
pub(crate) fn prepare(
    documents: &[Document],
    model: &Path,
    cutoff_tokens: usize,
    (validation_share, seed): (f64, u64),
) -> Result<Samples, ModelError> {
    let prepared = ChatTokenizer::load(model)?.prepare_documents(documents, cutoff_tokens)?;
    let (_, held_out) = model::train::hold_out(prepared.samples.len(), validation_share, seed);
    let mut samples = Samples { report: prepared.report, ..Samples::default() };
    for (index, sample) in prepared.samples.into_iter().enumerate() {
        // `held_out` is ascending.
        let is_held_out = held_out.binary_search(&index).is_ok();
        if is_held_out { &mut samples.validation } else { &mut samples.training }.push(sample);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use data::screen::Mode;

    use super::*;
    use crate::local_training::LocalSettings;

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
            mix: None,
            mapping: None,
            settings: LocalSettings::default(),
        };
        let read = |validation: &[PathBuf], screen| read_local(&job(validation, screen)).unwrap();
        let alone = read(&[], Mode::Block);
        assert_eq!((alone.training.len(), alone.validation.len(), alone.left_out_total), (40, 0, 2));
        assert!(alone.left_out.iter().any(|line| line.contains("line 41") && line.contains("citizen-id")));
        assert!(!alone.left_out.concat().contains("11010519491231002X"));
        assert_eq!(read(&[], Mode::Mask).training.len(), 41);
        let measured = read(&[validation], Mode::Block);
        assert_eq!(measured.validation.len(), 2);
        assert!(measured.training.len() < 40, "a copy of a validation record is not trained on");
    }
}
