//! The server's step: from the mean of a round's updates to the next adapter, as the run's [`ServerRule`]
//! says, element by element in f64. Called by `execution::performer::server_step` in a blocking thread.
//! Invariants: the output is a function of the inputs' bytes alone; memory is a few blocks, whatever the
//! adapter's size; the result is one that sites would take.

use std::path::{Path, PathBuf};

use common::adapter::{AdapterError, AdapterReader, AdapterWriter};
use common::run::{SecondMoment, ServerRule, TensorSpec};

use super::acceptable;
use super::error::AggregateError;
use crate::limits::AGGREGATE_BLOCK_ELEMENTS_MAX;

/// The files of one step. Every one has the run's tensors.
#[derive(Debug, Clone)]
pub struct StepFiles<'a> {
    /// The mean of the updates.
    pub mean: &'a Path,
    /// The adapter that they were trained from.
    pub last: &'a Path,
    /// The moments after the last round; `None` in the first one.
    pub before: Option<Moments>,
    /// Where the next adapter goes.
    pub out: &'a Path,
    /// Where the moments go.
    pub after: Moments,
}

/// The files that a step remembers things in.
#[derive(Debug, Clone)]
pub struct Moments {
    /// `m`.
    pub first: PathBuf,
    /// `v` of an adaptive rule.
    pub second: Option<PathBuf>,
}

/// Writes the next adapter and the moments (fsynced).
///
/// # Errors
/// A file is not what it was, or cannot be written; [`AggregateError::Refused`] for a result that sites would
/// refuse.
pub fn step(rule: ServerRule, tensors: &[TensorSpec], files: &StepFiles<'_>) -> Result<(), AggregateError> {
    let last = AdapterReader::open(files.last, tensors).map_err(AggregateError::Last)?;
    let mean = AdapterReader::open(files.mean, tensors)?;
    let before = |pick: fn(&Moments) -> Option<&Path>| {
        files.before.as_ref().and_then(pick).map(|path| AdapterReader::open(path, tensors)).transpose()
    };
    let first = before(|moments| Some(&moments.first))?;
    let second = before(|moments| moments.second.as_deref())?;
    let mut out = AdapterWriter::create(files.out, tensors)?;
    let mut first_out = AdapterWriter::create(&files.after.first, tensors)?;
    let second_path = files.after.second.as_deref();
    let mut second_out = second_path.map(|path| AdapterWriter::create(path, tensors)).transpose()?;
    let start = second_at_first(rule);
    for (index, spec) in tensors.iter().enumerate() {
        let elements = spec.shape[0] * spec.shape[1];
        for at in (0..elements).step_by(AGGREGATE_BLOCK_ELEMENTS_MAX) {
            let count = AGGREGATE_BLOCK_ELEMENTS_MAX.min(elements - at);
            let mut block = Block {
                adapter: read(Some(&last), index, at, count, 0.0).map_err(AggregateError::Last)?,
                first: read(first.as_ref(), index, at, count, 0.0)?,
                second: read(second.as_ref(), index, at, count, start)?,
            };
            block.advance(rule, &read(Some(&mean), index, at, count, 0.0)?);
            out.append(&block.adapter)?;
            first_out.append(&block.first)?;
            if let Some(writer) = &mut second_out {
                writer.append(&block.second)?;
            }
            common::crash_point!("server-step-mid-write");
        }
    }
    first_out.finish()?;
    second_out.map_or(Ok(()), AdapterWriter::finish)?;
    out.finish()?;
    acceptable::check(files.out, &last, tensors)?
        .map_err(|source| AggregateError::Refused { source, outliers: Vec::new() })
}

/// `v` before the first step.
fn second_at_first(rule: ServerRule) -> f32 {
    match rule {
        ServerRule::Momentum { .. } => 0.0,
        ServerRule::Adaptive { tau, .. } => (tau * tau) as f32,
    }
}

fn read(
    reader: Option<&AdapterReader>,
    index: usize,
    at: usize,
    count: usize,
    otherwise: f32,
) -> Result<Vec<f32>, AdapterError> {
    let mut values = vec![otherwise; count];
    if let Some(reader) = reader {
        reader.read(index, at, &mut values)?;
    }
    Ok(values)
}

/// The same elements of the adapter and of its moments.
#[derive(Debug, Clone)]
struct Block {
    adapter: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Block {
    /// One step, with the mean of the updates.
    fn advance(&mut self, rule: ServerRule, mean: &[f32]) {
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((x, (m, v)), &mean) in self.adapter.iter_mut().zip(moments).zip(mean) {
            let (last, change) = (f64::from(*x), f64::from(mean) - f64::from(*x));
            let step = match rule {
                ServerRule::Momentum { momentum, rate } => {
                    let first = momentum * f64::from(*m) + change;
                    *m = first as f32;
                    rate * first
                }
                ServerRule::Adaptive { second, rate, beta1, beta2, tau } => {
                    let first = beta1 * f64::from(*m) + (1.0 - beta1) * change;
                    let square = second_moment(second, f64::from(*v), change * change, beta2);
                    (*m, *v) = (first as f32, square as f32);
                    rate * first / (square.max(0.0).sqrt() + tau)
                }
            };
            *x = (last + step) as f32;
        }
    }
}

fn second_moment(rule: SecondMoment, v: f64, square: f64, beta2: f64) -> f64 {
    match rule {
        SecondMoment::Adam => beta2 * v + (1.0 - beta2) * square,
        SecondMoment::Yogi if v > square => v - (1.0 - beta2) * square,
        SecondMoment::Yogi if v < square => v + (1.0 - beta2) * square,
        SecondMoment::Yogi => v,
        SecondMoment::Adagrad => v + square,
    }
}

#[cfg(test)]
mod tests;
