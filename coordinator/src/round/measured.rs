//! What evaluation suites say of a run's model, and what that model forgot, as the journal keeps it: counts
//! and intervals, no text of a question. Used by `event` and `state`, which hold it; by `suites`, which notes
//! it; by `evaluate::asking`, which makes it; by `report`, which tells it. Invariants: written names stay, so
//! that old journals replay; its size does not grow with the suite.

use serde::{Deserialize, Serialize};

/// A share of items or cases with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share, 0 to 1.
    pub share: f64,
    /// The interval.
    pub interval: [f64; 2],
}

/// One kind of a suite's items, such as a department.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kind {
    /// As the suite names it; nothing for the items without one and those of the smallest kinds.
    pub name: Option<String>,
    /// Items that the base model got right.
    pub base: u64,
    /// Items that the final model got right.
    pub federated: u64,
    /// Items.
    pub of: u64,
    /// Wrong with the base model, right with the final one.
    pub better: u64,
    /// The other way round.
    pub worse: u64,
}

/// Base and final model on one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteFigures {
    /// Items.
    pub items: u64,
    /// Cases that they are of; as many as items where none share one.
    pub cases: u64,
    /// What the most frequent answer scores, always given; nothing where answers are words.
    pub majority: Option<f64>,
    /// What guessing scores.
    pub guessing: Option<f64>,
    /// The smallest gain that the suite sees with 80 % power where the models disagree on 20 % of the items.
    pub sees: f64,
    /// Items that the base model got right.
    pub base: Share,
    /// Items that the final model got right.
    pub federated: Share,
    /// Items that were wrong and are right now.
    pub better: u64,
    /// Items that were right and are wrong now.
    pub worse: u64,
    /// The difference of the shares, above 0 where the final model is better.
    pub difference: f64,
    /// Its 95 % interval, by cases.
    pub interval: [f64; 2],
    /// The exact p of the sign test of the cases, not corrected.
    pub p: f64,
    /// How much worse still counts as not worse, as a share.
    pub margin: f64,
    /// Answers in which no choice was found, of base and final model.
    pub not_found: [u64; 2],
    /// By kind of item, the largest first; none where the items have no kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
}

/// What became of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuiteOutcome {
    /// It was asked.
    Measured {
        /// What came out.
        figures: Box<SuiteFigures>,
        /// How long that took.
        duration_ms: u64,
    },
    /// It was not, and nobody tries again by itself.
    NotMeasured {
        /// One sentence for the operator.
        reason: String,
    },
}

/// What the final model forgot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForgettingFigures {
    /// The built-in suite of general knowledge.
    pub general: SuiteFigures,
    /// Neutral texts.
    pub texts: u64,
    /// Tokens in them behind which the next one was compared.
    pub positions: u64,
    /// The mean of `KL(base || final)` of the next token, in nats.
    pub divergence: f64,
    /// Its 95 % interval, by texts.
    pub divergence_interval: [f64; 2],
}

/// What became of that measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgotten {
    /// It was made.
    Measured {
        /// What came out.
        figures: Box<ForgettingFigures>,
        /// How long that took.
        duration_ms: u64,
    },
    /// It was not, and nobody tries again by itself.
    NotMeasured {
        /// One sentence for the operator.
        reason: String,
    },
}
