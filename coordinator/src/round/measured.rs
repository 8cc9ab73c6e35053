//! What evaluation suites say of a run's model, and what that model forgot, as the journal keeps it: counts
//! and intervals, and of the records nothing but the names of kinds, cut. Used by `event` and `state`, which
//! hold it; by `suites`, which notes it; by `evaluate::asking`, which makes it; by `execution::performer`,
//! which has it validated before it is journalled; by `report`, which tells it. Invariants: written names
//! stay, so that old journals replay; its size does not grow with the suite.

use serde::{Deserialize, Serialize};

use crate::limits::{DEPARTMENT_CHARS_MAX, DEPARTMENTS_MAX};

/// What is still to be measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The suite at this place.
    Suite(u32),
    /// What the model forgot.
    Forgetting,
}

/// A measurement that was begun, and is not noted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Which.
    pub what: Wanted,
    /// How often, the last time included.
    pub attempts: u32,
}

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

impl SuiteFigures {
    /// Whether the figures can be those of a comparison: they come from a process that reads files and models
    /// of others.
    ///
    /// # Errors
    /// What of them cannot be.
    pub fn validate(&self) -> Result<(), &'static str> {
        let shares = [self.base.share, self.federated.share, self.p, self.margin];
        let shares = shares.into_iter().chain(self.majority).chain(self.guessing);
        let is_kind = |kind: &Kind| {
            let name = kind.name.as_deref().unwrap_or_default();
            // One that is cut ends with one more.
            let is_short = name.chars().count() <= DEPARTMENT_CHARS_MAX + 1;
            let counts = [kind.base, kind.federated, kind.better, kind.worse];
            is_short && kind.of <= self.items && counts.into_iter().all(|count| count <= kind.of)
        };
        let is_counted = |share: &Share| share.of == self.items && share.count <= share.of;
        let of_shares = [self.base, self.federated];
        let intervals = of_shares.iter().map(|share| share.interval).chain([self.interval]);
        match () {
            () if self.items == 0 || self.cases == 0 || self.cases > self.items => Err("its items"),
            () if !of_shares.iter().all(is_counted) => Err("its counts"),
            () if self.better > self.items || self.worse > self.items => Err("its counts"),
            () if !shares.into_iter().all(|share| (0.0..=1.0).contains(&share)) => Err("its shares"),
            () if !(-1.0..=1.0).contains(&self.difference) => Err("its difference"),
            () if !(self.sees.is_finite() && self.sees >= 0.0) => Err("what it sees"),
            () if !intervals.into_iter().all(is_ordered) => Err("its intervals"),
            () if self.kinds.len() > DEPARTMENTS_MAX + 1 || !self.kinds.iter().all(is_kind) => {
                Err("its kinds")
            }
            () => Ok(()),
        }
    }
}

impl ForgettingFigures {
    /// As [`SuiteFigures::validate`].
    ///
    /// # Errors
    /// What of them cannot be.
    pub fn validate(&self) -> Result<(), &'static str> {
        self.general.validate()?;
        match () {
            () if self.texts == 0 || self.positions < self.texts => Err("its texts"),
            () if !(self.divergence.is_finite() && self.divergence >= -DIVERGENCE_NOISE) => {
                Err("its divergence")
            }
            () if !is_ordered(self.divergence_interval) => Err("its intervals"),
            () => Ok(()),
        }
    }
}

/// Below 0 a divergence is what rounding leaves of none, in nats.
const DIVERGENCE_NOISE: f64 = 1e-6;

fn is_ordered([low, high]: [f64; 2]) -> bool {
    low.is_finite() && high.is_finite() && low <= high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::suites::tests::figures;

    #[test]
    fn figures_that_cannot_be_are_named_and_those_that_can_are_taken() {
        let good = || figures(50, 20, 5, 100, 0.004);
        assert_eq!(good().validate(), Ok(()));
        let mut full = good();
        full.kinds =
            vec![Kind { name: Some("x".repeat(DEPARTMENT_CHARS_MAX + 1)), ..full.kinds[0].clone() }; 31];
        assert_eq!(full.validate(), Ok(()));
        type Change = fn(&mut SuiteFigures);
        let bad: [(Change, &str); 16] = [
            (|it| it.items = 0, "its items"),
            (|it| it.cases = 101, "its items"),
            (|it| it.base.of = 99, "its counts"),
            (|it| it.federated.count = 101, "its counts"),
            (|it| it.better = 101, "its counts"),
            (|it| it.p = 1.1, "its shares"),
            (|it| it.p = f64::NAN, "its shares"),
            (|it| it.majority = Some(-0.1), "its shares"),
            (|it| it.difference = 2.0, "its difference"),
            (|it| it.sees = f64::INFINITY, "what it sees"),
            (|it| it.interval = [0.2, 0.1], "its intervals"),
            (|it| it.base.interval = [f64::NEG_INFINITY, 0.1], "its intervals"),
            (|it| it.kinds = vec![it.kinds[0].clone(); 32], "its kinds"),
            (|it| it.kinds[0].name = Some("药".repeat(DEPARTMENT_CHARS_MAX + 2)), "its kinds"),
            (|it| it.kinds[0].of = 101, "its kinds"),
            (|it| it.kinds[0].worse = 101, "its kinds"),
        ];
        for (change, word) in bad {
            let mut figures = good();
            change(&mut figures);
            assert_eq!(figures.validate(), Err(word));
        }
        let forgotten = |divergence, divergence_interval, positions| {
            let general = good();
            ForgettingFigures { general, texts: 40, positions, divergence, divergence_interval }.validate()
        };
        assert_eq!(forgotten(0.03, [0.02, 0.04], 812), Ok(()));
        assert_eq!(forgotten(-0.03, [0.02, 0.04], 812), Err("its divergence"));
        assert_eq!(forgotten(0.03, [0.02, 0.01], 812), Err("its intervals"));
        assert_eq!(forgotten(0.03, [0.02, 0.04], 0), Err("its texts"));
    }
}
