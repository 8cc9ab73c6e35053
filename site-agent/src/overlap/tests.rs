//! Both processes of a site against a coordinator that is honest, that cheats, and that is cut off.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::id::{Digest, Point, RunId};
use common::run::OverlapTerms;
use common::wire::message::TrainFailure;
use data::dedup::BANDS;
use data::overlap::{BATCH_POINTS, Batch, EvaluationKey, Features};

use crate::error::SiteError;
use crate::gateway::overlap::answers::Answers;
use crate::gateway::overlap::points::ProtectedPoints;
use crate::gateway::store::Store;
use crate::paths::StateFolder;
use crate::pipe::BlindedFacts;
use crate::worker::overlap::{Step, advance};

const RUN: RunId = RunId([5; 8]);

fn features(number: u64) -> Option<Features> {
    let mut exact = [0; 32];
    exact[..8].copy_from_slice(&number.to_le_bytes());
    Some(Features::new(&exact, &[number; BANDS]))
}

struct Site {
    _root: tempfile::TempDir,
    folder: StateFolder,
    store: Store,
    records: Vec<Option<Features>>,
    key: EvaluationKey,
    terms: OverlapTerms,
}

/// A site with 300 records (two batches), of which numbers 7 and 8 are held out.
fn site() -> Site {
    let root = tempfile::tempdir().unwrap();
    let folder = StateFolder::new(root.path());
    for path in folder.folders() {
        fs::create_dir_all(path).unwrap();
    }
    let key = EvaluationKey::from_seed(&[1; 32], &RUN.0).unwrap();
    let set = key.publish(&[features(7), features(8), features(1000)]).unwrap().to_bytes();
    let terms = OverlapTerms {
        public_key: Point(key.public_key().to_bytes()),
        set: Digest::of(&set),
        set_bytes: set.len() as u64,
    };
    fs::write(folder.inbox().join(terms.set.to_string()), set).unwrap();
    let store = Store::open(&folder.database()).unwrap();
    Site { _root: root, folder, store, records: (0..300).map(features).collect(), key, terms }
}

impl Site {
    fn step(&self) -> Result<Step, crate::worker::train_error::TrainError> {
        advance(&self.folder, RUN, &self.terms, &self.records)
    }

    fn blinded(&self) -> BlindedFacts {
        match self.step().unwrap() {
            Step::Blinded(facts) => facts,
            Step::Compared(_) => panic!("compared already"),
        }
    }

    fn protect(&mut self, facts: &BlindedFacts) -> Result<ProtectedPoints, SiteError> {
        ProtectedPoints::protect(&self.folder, &mut self.store, RUN, facts, 1)
    }

    /// What the coordinator would do, with this key.
    fn answer(&self, points: &ProtectedPoints, key: &EvaluationKey) {
        let mut answers = Answers::open(&self.folder, RUN, points.points()).unwrap().unwrap();
        while let Some((offset, bytes)) = answers.next() {
            let batch = Batch::parse(&points.batch(offset).unwrap()).unwrap();
            let answer = key.evaluate(&batch, &[offset as u8; 32]).unwrap();
            assert_eq!(answer.len(), bytes);
            answers.append(&answer).unwrap();
        }
        answers.finish().unwrap();
    }
}

#[test]
fn records_of_the_held_out_set_are_found_once_and_for_the_whole_run() {
    let mut site = site();
    let facts = site.blinded();
    assert_eq!(facts.points, 8192);
    let query = super::query_path(&site.folder, RUN);
    assert_eq!(fs::metadata(&query).unwrap().permissions().mode() & 0o777, 0o600, "the seed is private");
    let points = site.protect(&facts).unwrap();
    site.answer(&points, &site.key);
    let Step::Compared(verdict) = site.step().unwrap() else { panic!("not compared") };
    let excluded = verdict.exclude(&site.records);
    assert_eq!((excluded.too_close, excluded.not_compared), (2, 0));
    assert!(excluded.exclude[7] && excluded.exclude[8]);
    assert!(!query.exists(), "the seed is gone");
    assert!(!super::raw_points_path(&site.folder, RUN).exists());
    // A record that came later is left out; the verdict is the same without anybody's files.
    fs::remove_file(super::answers_path(&site.folder, RUN)).unwrap();
    site.records.push(features(301));
    let Step::Compared(again) = site.step().unwrap() else { panic!("not compared") };
    assert_eq!(again.exclude(&site.records).not_compared, 1);
}

#[test]
fn a_restart_makes_the_same_points_and_the_next_run_others() {
    let site = site();
    let facts = site.blinded();
    assert_eq!(site.blinded(), facts);
    let next = RunId([6; 8]);
    let Step::Blinded(other) = advance(&site.folder, next, &site.terms, &site.records).unwrap() else {
        panic!("compared already")
    };
    assert_ne!(other.digest, facts.digest);
    assert!(!super::query_path(&site.folder, RUN).exists(), "what an earlier run left is gone");
    assert!(!super::raw_points_path(&site.folder, RUN).exists());
}

#[test]
fn a_coordinator_that_uses_another_key_is_refused_by_the_proof() {
    let mut site = site();
    let facts = site.blinded();
    let points = site.protect(&facts).unwrap();
    site.answer(&points, &EvaluationKey::from_seed(&[2; 32], &RUN.0).unwrap());
    let error = site.step().unwrap_err();
    assert_eq!(error.code, TrainFailure::OverlapFailed);
    assert!(error.words.contains("proof"), "{}", error.words);
    assert!(!super::result_path(&site.folder, RUN).exists(), "no verdict without a proof");
}

#[test]
fn a_damaged_set_or_public_key_is_refused() {
    for damage in 0..3 {
        let mut site = site();
        let facts = site.blinded();
        let points = site.protect(&facts).unwrap();
        site.answer(&points, &site.key);
        match damage {
            0 => fs::write(site.folder.inbox().join(site.terms.set.to_string()), b"another").unwrap(),
            1 => fs::remove_file(site.folder.inbox().join(site.terms.set.to_string())).unwrap(),
            _ => site.terms.public_key = Point([0; 32]),
        }
        assert_eq!(site.step().unwrap_err().code, TrainFailure::OverlapFailed, "damage {damage}");
    }
}

#[test]
fn what_is_not_points_or_not_the_runs_points_stays_here() {
    let mut site = site();
    let facts = site.blinded();
    let raw = super::raw_points_path(&site.folder, RUN);
    let good = fs::read(&raw).unwrap();
    let refused = |site: &mut Site, bytes: &[u8], points: u32| {
        fs::write(&raw, bytes).unwrap();
        let facts = BlindedFacts { digest: Digest::of(bytes), points };
        matches!(site.protect(&facts), Err(SiteError::PointsRefused { .. }))
    };
    let mut text = good.clone();
    text[64..96].copy_from_slice(b"patient Wilhelmina, ward 7, ----");
    assert!(refused(&mut site, &text, 8192), "a text where a point should be");
    assert!(refused(&mut site, &good[..good.len() - 1], 8192), "a byte too few");
    assert!(refused(&mut site, &[&good[..], b"x"].concat(), 8192), "a byte too many");
    assert!(refused(&mut site, &good[..32 * 3000], 3000), "no power of two");
    assert_eq!(fs::read_dir(site.folder.outbox()).unwrap().count(), 0);
    fs::write(&raw, &good).unwrap();
    let points = site.protect(&facts).unwrap();
    assert_eq!(points.batch(4096).unwrap(), good[4096 * 32..]);
    assert!(points.batch(8192).is_err() && points.batch(1).is_err());
    // From now on these, whatever the worker makes.
    let mut swapped = good.clone();
    swapped[..64].rotate_left(32);
    assert!(refused(&mut site, &swapped, 8192), "other points of the same run");
    fs::remove_file(&raw).unwrap();
    assert_eq!(site.protect(&facts).unwrap(), points, "the outbox has them");
}

#[test]
fn answers_go_on_where_they_were_cut_off() {
    let mut site = site();
    let facts = site.blinded();
    let points = site.protect(&facts).unwrap();
    let open = |site: &Site| Answers::open(&site.folder, RUN, 8192).unwrap();
    let evaluate = |offset| {
        let batch = Batch::parse(&points.batch(offset).unwrap()).unwrap();
        site.key.evaluate(&batch, &[9; 32]).unwrap()
    };
    let mut answers = open(&site).unwrap();
    assert_eq!(answers.next().map(|(offset, _)| offset), Some(0));
    answers.append(&evaluate(0)).unwrap();
    drop(answers);
    // The last batch may be torn: it is asked again.
    let mut answers = open(&site).unwrap();
    assert_eq!(answers.next().map(|(offset, _)| offset), Some(0));
    answers.append(&evaluate(0)).unwrap();
    answers.append(&evaluate(BATCH_POINTS as u32)[..100]).unwrap();
    drop(answers);
    let mut answers = open(&site).unwrap();
    assert_eq!(answers.next().map(|(offset, _)| offset), Some(4096));
    answers.append(&evaluate(4096)).unwrap();
    assert_eq!(answers.next(), None);
    answers.finish().unwrap();
    assert!(open(&site).is_none(), "complete");
    assert!(matches!(site.step().unwrap(), Step::Compared(_)));
}
