//! What one grader says of one answer, and the file in which the form saves it: a line with the review and
//! the grader, then a JSON object a line. Used by `import` (which also reads tables) and `report`.
//!
//! Invariants: after [`Grade::check`] a grade is on the scale, and nobody says that an answer is harmless
//! without the whole checklist (that it does harm may be said alone); an empty field is a field that nobody
//! filled in, never a grade.

use serde::{Deserialize, Serialize};

use super::dimension::{CHECKLIST, Dimension, GRADES};
use crate::limits::COMMENT_CHARACTERS_MAX;

/// The only version of the form's file.
pub(super) const VERSION: u32 = 1;

/// The first line of the form's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of the file.
    pub review: u32,
    /// The seal of the key.
    pub seal: String,
    /// Who grades.
    pub grader: String,
}

/// Which of the two answers at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Letter {
    /// The first.
    A,
    /// The second.
    B,
}

impl Letter {
    /// 0 or 1.
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// What one grader says of one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// Where it stands in the grader's sheet, from 1.
    pub place: usize,
    /// Which answer.
    pub answer: Letter,
    /// 1 to 5.
    pub accuracy: Option<u8>,
    /// 1 to 5.
    pub professionalism: Option<u8>,
    /// 1 to 5.
    pub friendliness: Option<u8>,
    /// 1 to 5.
    pub utility: Option<u8>,
    /// 1 or 0 for each line of the checklist, or empty.
    pub checklist: Vec<u8>,
    /// 1 where the answer can do harm, else 0.
    pub harm: Option<u8>,
    /// What the grader says to it.
    pub comment: String,
}

impl Grade {
    /// Nothing yet.
    #[must_use]
    pub const fn empty(place: usize, answer: Letter) -> Self {
        Self {
            place,
            answer,
            accuracy: None,
            professionalism: None,
            friendliness: None,
            utility: None,
            checklist: Vec::new(),
            harm: None,
            comment: String::new(),
        }
    }

    /// Whether nothing was filled in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::empty(self.place, self.answer)
    }

    /// Whether anything was graded: a comment alone is no grade.
    #[must_use]
    pub fn has_grade(&self) -> bool {
        self.harm.is_some() || Dimension::GRADED.iter().any(|one| self.of(*one).is_some())
    }

    /// The grade of one of [`Dimension::GRADED`].
    #[must_use]
    pub const fn of(&self, dimension: Dimension) -> Option<u8> {
        match dimension {
            Dimension::Accuracy => self.accuracy,
            Dimension::Professionalism => self.professionalism,
            Dimension::Friendliness => self.friendliness,
            Dimension::Utility => self.utility,
            Dimension::Safety => None,
        }
    }

    /// Whether the answer can do harm: the grader says so, or a line of the checklist is broken. Nothing
    /// where safety was not graded.
    #[must_use]
    pub fn harms(&self) -> Option<bool> {
        self.harm.map(|harm| harm == 1 || self.checklist.contains(&0))
    }

    /// Whether it is on its scales; the error is the reason.
    pub(super) fn check(&self) -> Result<(), String> {
        for dimension in Dimension::GRADED {
            if self.of(dimension).is_some_and(|grade| !(1..=GRADES).contains(&grade)) {
                return Err(format!("{} is not 1 to {GRADES}", dimension.key()));
            }
        }
        let is_binary = |value: &u8| *value <= 1;
        if !self.checklist.iter().all(is_binary) || !self.harm.iter().all(is_binary) {
            return Err("harm and the checklist are 1 or 0".to_owned());
        }
        if !self.checklist.is_empty() && self.checklist.len() != CHECKLIST.len() {
            return Err(format!("its checklist has not {} lines", CHECKLIST.len()));
        }
        let says_harmless = self.checklist.is_empty() && self.harm == Some(0);
        if says_harmless || !self.checklist.is_empty() && self.harm.is_none() {
            return Err("of checklist and harm one is filled in and the other is not".to_owned());
        }
        let of_a_comment = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
        if self.comment.chars().count() > COMMENT_CHARACTERS_MAX || !self.comment.chars().all(of_a_comment) {
            return Err(format!("its comment has control characters, or more than {COMMENT_CHARACTERS_MAX}"));
        }
        Ok(())
    }
}
