//! Files mixed by weight: 60 % of one, 40 % of another. Called by `site-agent data` and `site-agent train`.
//!
//! After n records each file has given its share of n to within one record (with more than two files: two),
//! so the proportions hold everywhere in the stream, not only on average. Records stay in the order of their
//! file, none is taken twice. By default the mixture ends when the first file has no record left for its
//! turn; what the others still have is counted as left out (LLaMA-Factory's `interleave_under`). Refused
//! records come out as they are met and take nobody's turn.
//!
//! Invariants: the same files, weights and seed give the same order on every machine (integers only); memory
//! holds one record a file; every record is given, refused, or counted as left out.

use std::path::PathBuf;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::{FileReport, Item, ReadOptions, Reader};
use crate::error::{DataError, Result};
use crate::limits::MIX_FILES_MAX;

/// A file and its weight, written `FILE=WEIGHT`: `notes.jsonl=0.6`, `notes.jsonl=60%`, `notes.jsonl=3`.
#[derive(Debug, Clone, PartialEq)]
pub struct MixPart {
    /// The file.
    pub path: PathBuf,
    /// Its weight; only the proportions count.
    pub weight: f64,
}

impl FromStr for MixPart {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let fault = |reason: &str| DataError::Setting { name: "mix", reason: reason.to_owned() };
        let (path, weight) =
            text.rsplit_once('=').ok_or_else(|| fault("write FILE=WEIGHT, for example a.jsonl=0.6"))?;
        let number = weight.strip_suffix('%').unwrap_or(weight).trim();
        let weight: f64 = number.parse().map_err(|_| fault("the weight behind = is not a number"))?;
        if path.is_empty() {
            return Err(fault("there is no file before ="));
        }
        Ok(Self { path: path.into(), weight })
    }
}

/// When a mixture ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MixUntil {
    /// The first file has given its last record and would be next: the proportions hold to the end.
    #[default]
    FirstIsUsedUp,
    /// All files have given all their records: when one is used up the others share by their weights.
    AllAreUsedUp,
}

/// What a file gave.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MixReport {
    /// What was found in it.
    pub file: FileReport,
    /// Its share of the mixture, 0 to 1.
    pub share: f64,
    /// Records taken.
    pub taken: u64,
    /// Usable records that were left because another file ended.
    pub left_out: u64,
}

struct Part {
    reader: Reader,
    /// The share that was asked for; all shares make 1.
    asked: f64,
    /// The current share among the files that are not used up, as a part of [`WHOLE`].
    share: u64,
    /// Share times steps minus [`WHOLE`] times records taken: how far the file is behind.
    behind: i128,
    taken: u64,
    left_out: u64,
    used_up: bool,
}

/// The sum of all shares, which are integers.
const WHOLE: u64 = 1 << 32;

/// Streams the mixture, see the module's description.
pub struct Mixture {
    parts: Vec<Part>,
    until: MixUntil,
    done: bool,
}

/// Mixes files by weight.
///
/// # Errors
/// [`DataError::Setting`] for no or too many files, or a weight that is not a positive number. The iterator's
/// errors are those of [`super::open`].
pub fn mix(parts: &[MixPart], until: MixUntil, seed: u64, options: &ReadOptions) -> Result<Mixture> {
    let fault = |reason: &str| Err(DataError::Setting { name: "mix", reason: reason.to_owned() });
    if parts.is_empty() || parts.len() > MIX_FILES_MAX {
        return fault("between 1 and 1,000 files can be mixed");
    }
    let total: f64 = parts.iter().map(|part| part.weight).sum();
    // A weight that is not a number makes a total that is not finite.
    if !total.is_finite() || parts.iter().any(|part| part.weight <= 0.0) {
        return fault("weights are positive numbers");
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut mixed: Vec<Part> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let asked = part.weight / total;
        let share = ((asked * WHOLE as f64).round() as u64).max(1);
        let mut reader = super::open(&[&part.path], options);
        reader.first_file = u32::try_from(index).unwrap_or(u32::MAX);
        // The seed decides how far each file is behind at the start.
        let behind = i128::from(random.next_u32());
        mixed.push(Part { reader, asked, share, behind, taken: 0, left_out: 0, used_up: false });
    }
    balance(&mut mixed);
    Ok(Mixture { parts: mixed, until, done: false })
}

/// Scales the shares of the files that are left to the whole, in their proportions, and makes the sum of what
/// they are behind zero.
fn balance(parts: &mut [Part]) {
    let left = || parts.iter().filter(|part| !part.used_up);
    let (count, shares) = (left().count(), left().map(|part| part.share).sum::<u64>());
    let (Ok(count), true) = (i128::try_from(count), shares > 0) else { return };
    let mean = left().map(|part| part.behind).sum::<i128>() / count.max(1);
    for part in parts.iter_mut().filter(|part| !part.used_up) {
        part.behind -= mean;
        let share = u128::from(part.share) * u128::from(WHOLE) / u128::from(shares);
        part.share = u64::try_from(share).unwrap_or(WHOLE).max(1);
    }
}

impl Mixture {
    /// What each file gave so far.
    #[must_use]
    pub fn reports(&self) -> Vec<MixReport> {
        let report = |part: &Part| {
            let file = part.reader.reports().first()?.clone();
            Some(MixReport { file, share: part.asked, taken: part.taken, left_out: part.left_out })
        };
        self.parts.iter().filter_map(report).collect()
    }

    /// Takes a step towards the next record: a refusal, the record, or nothing when the mixture is over.
    fn step(&mut self) -> Result<Option<Item>> {
        loop {
            // The next record comes from the file that is furthest behind; on a tie from the one named first.
            let candidates = self.parts.iter().enumerate().filter(|(_, part)| !part.used_up);
            let most = candidates
                .max_by_key(|(index, part)| (part.behind + i128::from(part.share), usize::MAX - index));
            let Some(index) = most.map(|(index, _)| index) else { return Ok(None) };
            match self.parts[index].reader.next().transpose()? {
                Some(item @ Item::Record(_)) => {
                    for part in self.parts.iter_mut().filter(|part| !part.used_up) {
                        part.behind += i128::from(part.share);
                    }
                    let part = &mut self.parts[index];
                    part.behind -= i128::from(WHOLE);
                    part.taken += 1;
                    return Ok(Some(item));
                }
                Some(refused @ Item::Refused { .. }) => return Ok(Some(refused)),
                None => {
                    self.parts[index].used_up = true;
                    if self.until == MixUntil::FirstIsUsedUp {
                        return self.count_the_rest();
                    }
                    balance(&mut self.parts);
                }
            }
        }
    }

    /// Reads the other files to their ends, so that what is left out is known and their state was one.
    fn count_the_rest(&mut self) -> Result<Option<Item>> {
        for part in self.parts.iter_mut().filter(|part| !part.used_up) {
            for item in part.reader.by_ref() {
                match item? {
                    Item::Record(_) => part.left_out += 1,
                    refused @ Item::Refused { .. } => return Ok(Some(refused)),
                }
            }
            part.used_up = true;
        }
        Ok(None)
    }
}

impl Iterator for Mixture {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let over = self.until == MixUntil::FirstIsUsedUp && self.parts.iter().any(|part| part.used_up);
        let step = if over { self.count_the_rest() } else { self.step() };
        self.done = step.is_err() || matches!(step, Ok(None));
        step.transpose()
    }
}
