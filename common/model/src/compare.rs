//! Two models on the same tokens, position by position: by how much the second one takes them for less
//! likely, how far its probabilities of the next token are from the first one's, and how often both have the
//! same first guess. [`compare`] is called by `prepare::quality` (what a written model lost); [`kl`] alone by
//! `prepare::forgetting`, which computes its own logits.
//!
//! Invariant: the same models and samples give the same numbers on the same processor; the rows of a sample
//! go through the head a bounded number at a time, side by side, and are added in order.

use rayon::prelude::*;

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::base::engine::Session;
use crate::decoder::Batch;
use crate::error::{ModelError, Result};
use crate::evaluate::scorable;
use crate::likelihood::log_sum_exp;
use crate::limits::COMPARED_ROWS_MAX;
use crate::sample::Sample;

/// A model, perhaps with an adapter beside it.
#[derive(Debug, Clone, Copy)]
pub struct Adapted<'a> {
    /// The base model.
    pub base: &'a BaseModel,
    /// Beside it.
    pub adapter: Option<&'a Adapter>,
}

/// One sample, as both models see it; sums over its targets.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Compared {
    /// Its targets.
    pub tokens: u64,
    /// Their negative log-likelihood in nats, by the first model and by the second.
    pub losses: [f64; 2],
    /// `KL(first || second)` of the next token before each of them, in nats.
    pub divergence: f64,
    /// Those before which both models have the same most likely token.
    pub same: u64,
}

/// Compares two models of one vocabulary on each sample that has a target, in order. What a model that has
/// diverged gives is no number here either. `on_progress(done, total)` is called after each sample.
///
/// # Errors
/// `NothingSupervised` when no sample has a target; `Setting` when the vocabularies differ or a token is
/// outside; `Adapter` when one does not fit.
pub fn compare(
    first: Adapted<'_>,
    second: Adapted<'_>,
    samples: &[Sample],
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Compared>> {
    let vocabulary = first.base.config().vocab_size;
    if second.base.config().vocab_size != vocabulary {
        let reason = format!("one model has {vocabulary} tokens, the other one not");
        return Err(ModelError::Setting { name: "vocab_size", reason });
    }
    let sessions = [first.base.session(first.adapter)?, second.base.session(second.adapter)?];
    let samples = scorable(first.base, samples)?;
    let mut all = Vec::with_capacity(samples.len());
    for sample in &samples {
        all.push(one(&sessions, &Batch::pack([*sample]), vocabulary)?);
        on_progress(all.len(), samples.len());
    }
    Ok(all)
}

fn one(sessions: &[Box<dyn Session + '_>; 2], batch: &Batch, vocabulary: usize) -> Result<Compared> {
    let [first, second] = sessions;
    let states = [first.target_states(batch)?, second.target_states(batch)?];
    let mut compared = Compared { tokens: batch.supervised_tokens() as u64, ..Compared::default() };
    let runs = |states: &[f32]| states.len() / batch.supervised_tokens().max(1) * COMPARED_ROWS_MAX;
    let (widths, targets) = (states.each_ref().map(|it| runs(it).max(1)), batch.targets());
    let both = states[0].chunks(widths[0]).zip(states[1].chunks(widths[1]));
    for ((of_first, of_second), targets) in both.zip(targets.chunks(COMPARED_ROWS_MAX)) {
        let (of_first, of_second) = (first.head(of_first)?, second.head(of_second)?);
        let rows = of_first.par_chunks_exact(vocabulary).zip(of_second.par_chunks_exact(vocabulary));
        let rows: Vec<Row> = rows.zip(targets).map(|((a, b), target)| Row::of(a, b, *target)).collect();
        for row in rows {
            compared.losses[0] += row.losses[0];
            compared.losses[1] += row.losses[1];
            compared.divergence += row.divergence;
            compared.same += u64::from(row.is_same);
        }
    }
    Ok(compared)
}

/// One position.
struct Row {
    losses: [f64; 2],
    divergence: f64,
    is_same: bool,
}

impl Row {
    /// Of two rows of logits and the token that comes next, which is in the vocabulary.
    fn of(first: &[f32], second: &[f32], target: u32) -> Self {
        let sums = [log_sum_exp(first), log_sum_exp(second)];
        let loss = |logits: &[f32], sum: f64| sum - f64::from(logits[target as usize]);
        Self {
            losses: [loss(first, sums[0]), loss(second, sums[1])],
            divergence: divergence(first, second, sums),
            is_same: most_likely(first) == most_likely(second),
        }
    }
}

/// The first of equal ones.
fn most_likely(logits: &[f32]) -> usize {
    let better = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    (1..logits.len()).fold(0, better)
}

/// `KL(p || q)` in nats of the softmax of two rows of logits; rounding does not make it negative.
#[must_use]
pub fn kl(first: &[f32], second: &[f32]) -> f64 {
    divergence(first, second, [log_sum_exp(first), log_sum_exp(second)])
}

fn divergence(first: &[f32], second: &[f32], [of_first, of_second]: [f64; 2]) -> f64 {
    let terms = first.iter().zip(second).map(|(first, second)| {
        let (ln_p, ln_q) = (f64::from(*first) - of_first, f64::from(*second) - of_second);
        // What the first holds for impossible adds nothing, whatever the other says.
        if ln_p == f64::NEG_INFINITY { 0.0 } else { ln_p.exp() * (ln_p - ln_q) }
    });
    let sum: f64 = terms.sum();
    if sum < 0.0 { 0.0 } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of these probabilities, moved by a constant, which changes nothing.
    fn logits(probabilities: &[f64], by: f64) -> Vec<f32> {
        probabilities.iter().map(|p| (p.ln() + by) as f32).collect()
    }

    #[test]
    fn the_divergence_is_that_of_the_formula() {
        let (p, q) = ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]);
        // 0.5 ln 2 + 0 - 0.25 ln 2.
        let expected = 0.25 * 2.0_f64.ln();
        assert!((kl(&logits(&p, 3.0), &logits(&q, -7.0)) - expected).abs() < 1e-6);
        assert!(kl(&logits(&p, 3.0), &logits(&p, 0.0)).abs() < 1e-6);
        // Pinsker: half of the summed differences is 0.25.
        assert!(0.25 <= (expected / 2.0).sqrt());
    }

    #[test]
    fn what_the_base_holds_for_impossible_costs_nothing_and_what_is_given_up_costs_all() {
        let never = [0.0, f32::NEG_INFINITY];
        let both = [0.0, 0.0];
        assert!((kl(&never, &both) - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(kl(&both, &never), f64::INFINITY);
        assert!(kl(&both, &[f32::NAN, 0.0]).is_nan());
    }

    #[test]
    fn a_row_has_both_losses_and_says_whether_the_first_guess_is_the_same() {
        let (p, q) = (logits(&[0.5, 0.25, 0.25], 1.0), logits(&[0.25, 0.25, 0.5], 0.0));
        let row = Row::of(&p, &q, 0);
        assert!((row.losses[0] - 2.0_f64.ln()).abs() < 1e-6 && (row.losses[1] - 4.0_f64.ln()).abs() < 1e-6);
        assert!(!row.is_same && Row::of(&p, &p, 2).is_same);
        // The first of equal ones.
        assert_eq!(most_likely(&[1.0, 2.0, 2.0]), 1);
    }
}
