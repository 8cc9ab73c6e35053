//! One piece of advice, and the numbers that the clinical reference wants. Used by the files of `advice`,
//! which make it, and by the site agent, which puts it into words. Invariant: numbers and names of
//! departments, never a text.

use serde::Serialize;

use crate::split::Side;

/// Characters that a question stays under.
pub const QUESTION_CHARACTERS: u32 = 500;
/// Characters that an answer stays under.
pub const ANSWER_CHARACTERS: u32 = 1_000;
/// Questions with their answers that a dialogue has: from, to.
pub const DIALOGUE_TURNS: [u32; 2] = [3, 8];
/// Percent of the records in Alpaca, of those in Alpaca and ShareGPT: from, to.
pub const ALPACA_PERCENT: [u64; 2] = [60, 70];
/// A department with fewer records is too small to learn from.
pub const DEPARTMENT_LEAST: u64 = 100;
/// From so many times the smallest department on the largest is out of balance.
pub const LOPSIDED: u64 = 3;
/// A difference between parts that chance makes in fewer than one split of a hundred is worth a look.
pub const RARE: f64 = 0.01;

/// One piece of advice. Counts are records that the split gave a use.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "topic")]
pub enum Advice {
    /// All records that are trained on, where no record names a department.
    Amount {
        /// How many.
        records: u64,
        /// What the reference wants: from.
        least: u64,
        /// To.
        most: u64,
    },
    /// The records of one department.
    Department {
        /// Its name.
        name: String,
        /// How many are trained on.
        records: u64,
        /// What the reference wants: from.
        least: u64,
        /// To.
        most: u64,
    },
    /// Departments with fewer than [`DEPARTMENT_LEAST`] records.
    SmallDepartments {
        /// How many.
        departments: u64,
        /// Of so many.
        of: u64,
    },
    /// The largest department beside the smallest.
    Balance {
        /// Records of the largest.
        largest: u64,
        /// Records of the smallest.
        smallest: u64,
    },
    /// Conversations with a question of [`QUESTION_CHARACTERS`] or more.
    Questions {
        /// How many.
        over: u64,
        /// Of so many.
        of: u64,
    },
    /// Conversations with an answer of [`ANSWER_CHARACTERS`] or more.
    Answers {
        /// How many.
        over: u64,
        /// Of so many.
        of: u64,
    },
    /// Conversations of more than one question that have fewer or more turns than [`DIALOGUE_TURNS`].
    Dialogues {
        /// How many.
        outside: u64,
        /// Of so many.
        of: u64,
    },
    /// Records in Alpaca beside records in ShareGPT.
    Mix {
        /// In Alpaca.
        alpaca: u64,
        /// In ShareGPT.
        share_gpt: u64,
    },
    /// How far the lengths of a held-out part differ from those of training.
    LengthDrift {
        /// The part.
        part: Side,
        /// Its records.
        records: u64,
        /// Largest distance of the two distributions (Kolmogorov-Smirnov), 0 to 1.
        distance: f64,
        /// How often chance alone makes it so large, 0 to 1.
        p: f64,
    },
    /// How far the departments of a held-out part differ from those of training.
    DepartmentDrift {
        /// The part.
        part: Side,
        /// Its records.
        records: u64,
        /// Pearson's chi-square over the departments.
        chi_square: f64,
        /// Its degrees of freedom.
        degrees: u32,
        /// How often chance alone makes it so large, 0 to 1.
        p: f64,
    },
    /// How far the base model's losses of a held-out part differ from those of training.
    LossDrift {
        /// The part.
        part: Side,
        /// Its records that were measured.
        records: u64,
        /// The mean of the losses of training's, in nats per token of the answers.
        train_nats: f64,
        /// And of the part's.
        nats: f64,
        /// Largest distance of the two distributions (Kolmogorov-Smirnov), 0 to 1.
        distance: f64,
        /// How often chance alone makes it so large, 0 to 1.
        p: f64,
    },
}

impl Advice {
    /// Whether it is as the reference wants it.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self {
            Self::Amount { records, least, most } | Self::Department { records, least, most, .. } => {
                (*least..=*most).contains(records)
            }
            Self::SmallDepartments { departments, .. } => *departments == 0,
            Self::Balance { largest, smallest } => *largest < smallest.saturating_mul(LOPSIDED),
            Self::Questions { over, .. } | Self::Answers { over, .. } => *over == 0,
            Self::Dialogues { outside, .. } => *outside == 0,
            Self::Mix { alpaca, share_gpt } => {
                let [least, most] = ALPACA_PERCENT.map(|percent| percent * (alpaca + share_gpt));
                (least..=most).contains(&(100 * alpaca))
            }
            Self::LengthDrift { p, .. } | Self::DepartmentDrift { p, .. } | Self::LossDrift { p, .. } => {
                *p >= RARE
            }
        }
    }
}
