//! What decides whether an answer is right, and who says so. Used by the other files of `suite`.

use serde::Deserialize;

/// A key of a suite file that cannot be used, and why.
pub(super) type Fault = (&'static str, String);

/// What of the model decides which option it chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// The most likely letter behind the prompt.
    Letters,
    /// The most likely option, of its whole text.
    Options,
    /// The letters that are found in a generated answer.
    Generated,
    /// Whether a generated answer has what it must have, and nothing that it must not.
    Phrases,
    /// How like a generated answer is to the reference: ROUGE-L on words.
    Open,
    /// Whether a generated answer has the structure that is asked for.
    Structured,
    /// The points that graders gave a generated answer by its rubric.
    Rubric,
}

impl Score {
    /// Whether answers are words, and not options.
    #[must_use]
    pub const fn is_words(self) -> bool {
        matches!(self, Self::Phrases | Self::Open | Self::Structured | Self::Rubric)
    }

    /// Whether an answer can be right in part.
    #[must_use]
    pub const fn is_graded(self) -> bool {
        matches!(self, Self::Open | Self::Rubric)
    }
}

/// Who graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradedBy {
    /// People.
    People,
    /// Another model: for triage only, and said so wherever its figures stand.
    Model,
}
