//! The longest sequence and the largest batch that fit a given memory. Called by `site-agent plan --memory`.

use serde::Serialize;

use super::request::PlanRequest;
use super::step::plan;
use crate::error::Result;
use crate::limits::{FIT_BATCH_MAX, SEQUENCE_TOKENS_MAX};

/// What fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// Whether the request itself does.
    pub fits: bool,
    /// Longest sequence at the request's batch, at most the model's context; 0: none.
    pub sequence_tokens: usize,
    /// Most samples a pass at the request's sequence length; 0: none.
    pub batch: usize,
}

/// Searches both; the peak never falls when either grows.
///
/// # Errors
/// As [`plan`].
pub fn fit(request: &PlanRequest, memory_bytes: u64) -> Result<Fit> {
    plan(request)?;
    let context = request.config.max_position_embeddings.min(SEQUENCE_TOKENS_MAX / request.batch);
    let most = FIT_BATCH_MAX.min(SEQUENCE_TOKENS_MAX / request.sequence_tokens);
    let peak = |sequence_tokens: usize, batch: usize| {
        plan(&PlanRequest { sequence_tokens, batch, ..request.clone() }).map(|plan| plan.peak_bytes)
    };
    Ok(Fit {
        fits: peak(request.sequence_tokens, request.batch)? <= memory_bytes,
        sequence_tokens: largest(context, |tokens| Ok(peak(tokens, request.batch)? <= memory_bytes))?,
        batch: largest(most, |batch| Ok(peak(request.sequence_tokens, batch)? <= memory_bytes))?,
    })
}

/// The largest of `1 ..= most` that fits, by halving; 0 when none does.
fn largest(most: usize, fits: impl Fn(usize) -> Result<bool>) -> Result<usize> {
    let (mut fitting, mut too_large) = (0, most + 1);
    while too_large - fitting > 1 {
        let middle = fitting + (too_large - fitting) / 2;
        if fits(middle)? {
            fitting = middle;
        } else {
            too_large = middle;
        }
    }
    Ok(fitting)
}
