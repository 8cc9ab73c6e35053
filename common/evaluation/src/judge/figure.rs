//! What is measured of an answer in words beside right and wrong. Used by `judge` and `compare`. Invariant: a
//! figure that an answer does not have is absent, not 0.

use serde::{Deserialize, Serialize};

use crate::suite::Axis;

/// A measure of one answer; a report has its mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// ROUGE-L on words, F: what decides of open answers.
    RougeL,
    /// ROUGE-1 on words, F.
    #[serde(rename = "rouge-1")]
    Rouge1,
    /// ROUGE-2 on words, F.
    #[serde(rename = "rouge-2")]
    Rouge2,
    /// ROUGE-L on characters, F: of no dictionary.
    RougeLCharacters,
    /// BLEU-4 on characters.
    #[serde(rename = "bleu-4")]
    Bleu4,
    /// 1 for an answer that is the reference but for its writing.
    ExactMatch,
    /// Characters of the answer by those of the reference.
    LengthRatio,
    /// The share of groups of four words that were there before.
    Repetition,
    /// Bits of the reference behind the prompt, by its characters. Smaller is better.
    BitsPerCharacter,
    /// The share of the four sections that are there and have a text.
    Sections,
    /// The score by the criteria of its rubric that are about accuracy, as the one by all.
    AxisAccuracy,
    /// About completeness.
    AxisCompleteness,
    /// About communication quality.
    AxisCommunicationQuality,
    /// About context awareness.
    AxisContextAwareness,
    /// About instruction following.
    AxisInstructionFollowing,
}

impl Figure {
    /// The score on one axis of a rubric.
    pub(super) const fn on(axis: Axis) -> Self {
        match axis {
            Axis::Accuracy => Self::AxisAccuracy,
            Axis::Completeness => Self::AxisCompleteness,
            Axis::CommunicationQuality => Self::AxisCommunicationQuality,
            Axis::ContextAwareness => Self::AxisContextAwareness,
            Axis::InstructionFollowing => Self::AxisInstructionFollowing,
        }
    }

    /// Whether it is a score by a rubric, whose mean is cut off at 0 and 1.
    #[must_use]
    pub const fn is_rubric(self) -> bool {
        matches!(
            self,
            Self::AxisAccuracy
                | Self::AxisCompleteness
                | Self::AxisCommunicationQuality
                | Self::AxisContextAwareness
                | Self::AxisInstructionFollowing
        )
    }

    /// Whether it is a share, and shown by a hundred.
    #[must_use]
    pub const fn is_share(self) -> bool {
        !matches!(self, Self::LengthRatio | Self::BitsPerCharacter)
    }
}
