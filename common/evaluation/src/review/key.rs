//! What says whose answer is whose: made before anybody grades, kept apart, and sealed by its hash, which
//! stands in every sheet. Used by the other files of `review`; `coordinator review new` makes one, read by
//! `import` and `report`.
//!
//! Invariants: after [`Key::parse`] every place is an item's and every grader reads each item once; the
//! random nonce keeps anybody from finding the key by trying all orders until the hash fits.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ReviewError;
use super::plan::{Place, plan};
use crate::compare::Measured;
use crate::limits::{REVIEW_GRADERS_MAX, REVIEW_ITEMS_MAX};
use crate::sheet;
use crate::suite::sha256;

/// The only version of the file.
const VERSION: u32 = 1;

/// The whole key. Its bytes are its own: the seal is their SHA-256, as `sha256sum key.json` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The version of this file.
    pub review: u32,
    /// 32 random bytes in hex.
    pub nonce: String,
    /// What is reviewed.
    pub of: Subject,
    /// The questions, with both answers.
    pub items: Vec<KeyItem>,
    /// Who reads what.
    pub graders: Vec<KeyGrader>,
}

/// What is reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The run.
    pub run: String,
    /// The suite's name.
    pub suite: String,
    /// SHA-256 of its records, in hex.
    pub records_sha256: String,
    /// SHA-256 of the tuned model's adapter, in hex.
    pub adapter: String,
    /// What the two models are called, the base first.
    pub models: [String; 2],
}

/// A question and its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyItem {
    /// What names it in its suite.
    pub name: String,
    /// Which case it is of, where several items share one.
    pub case: Option<String>,
    /// What was asked.
    pub question: String,
    /// What the base said, and what the tuned model said.
    pub answers: [String; 2],
}

/// A grader's places, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyGrader {
    /// `grader-1` and so on.
    pub name: String,
    /// What is read, in order; places count from 1 in sheets.
    pub places: Vec<Place>,
}

impl Key {
    /// The key of what the base and one tuned model answered. `seed` draws orders and sides.
    ///
    /// # Errors
    /// `Wish` where there are not two models with answers in words, or too many items or graders.
    pub fn new(
        of: Subject,
        measured: &Measured,
        graders: usize,
        nonce: &[u8; 32],
        seed: [u8; 32],
    ) -> Result<Self, ReviewError> {
        let wish = |reason: String| Err(ReviewError::Wish(reason));
        let [base, tuned] = measured.arms.as_slice() else {
            return wish("a review compares the base with one tuned model".to_owned());
        };
        let items = &measured.suite.items;
        if items.len() > REVIEW_ITEMS_MAX || !(1..=REVIEW_GRADERS_MAX).contains(&graders) {
            return wish(format!(
                "a review has at most {REVIEW_ITEMS_MAX} questions and 1 to {REVIEW_GRADERS_MAX} graders"
            ));
        }
        let answered = items.iter().zip(base.outcomes.iter().zip(&tuned.outcomes));
        let items = answered.map(|(item, (base, tuned))| {
            Some(KeyItem {
                name: item.name(),
                case: item.case.clone(),
                question: sheet::question(item),
                answers: [base.answer.clone()?, tuned.answer.clone()?],
            })
        });
        let Some(items) = items.collect::<Option<Vec<KeyItem>>>() else {
            return wish("the suite asks for options, and not for answers in words".to_owned());
        };
        let named = |(number, places)| KeyGrader { name: format!("grader-{number}"), places };
        let graders = (1..).zip(plan(items.len(), graders, seed)).map(named).collect::<Vec<KeyGrader>>();
        Ok(Self { review: VERSION, nonce: hex(nonce), of, items, graders })
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// `Wish` where it cannot be written as JSON, which does not happen.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReviewError> {
        serde_json::to_vec_pretty(self).map_err(|error| ReviewError::Wish(error.to_string()))
    }

    /// Reads the file, and gives its seal with it.
    ///
    /// # Errors
    /// `At` where it is no key of this version; `File` where its places are not its items'.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<(Self, String), ReviewError> {
        let key: Self = serde_json::from_slice(bytes)
            .map_err(|error| ReviewError::at(path, error.line() as u64, "it is no key of a review"))?;
        key.check().map_err(|reason| ReviewError::file(path, reason))?;
        Ok((key, seal(bytes)))
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.review != VERSION {
            return Err("it is the key of another version");
        }
        let (items, graders) = (self.items.len(), self.graders.len());
        if items == 0 || items > REVIEW_ITEMS_MAX || !(1..=REVIEW_GRADERS_MAX).contains(&graders) {
            return Err("it has no items, or too many items or graders");
        }
        let names: HashSet<&str> = self.graders.iter().map(|grader| grader.name.as_str()).collect();
        let is_name = |name: &&str| {
            name.strip_prefix("grader-").is_some_and(|number| number.parse::<u32>().is_ok_and(|it| it > 0))
        };
        if names.len() != graders || !names.iter().all(is_name) {
            return Err("its graders are not grader-1, grader-2 and so on");
        }
        for grader in &self.graders {
            let mut read = HashSet::new();
            let mut again = HashSet::new();
            for place in &grader.places {
                let is_new = if place.again {
                    read.contains(&place.item) && again.insert(place.item)
                } else {
                    read.insert(place.item)
                };
                if !is_new || place.item >= items || place.a > 1 {
                    return Err("a place is no item's, or an item is read too often");
                }
            }
            if read.len() != items {
                return Err("a grader does not read every item");
            }
        }
        Ok(())
    }

    /// A grader's number, from 0.
    #[must_use]
    pub fn grader(&self, name: &str) -> Option<usize> {
        self.graders.iter().position(|grader| grader.name == name)
    }
}

/// The SHA-256 of a key's bytes, in hex.
#[must_use]
pub fn seal(bytes: &[u8]) -> String {
    sha256(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
