//! The training checkpoint: everything a resumed run needs to give the same bytes. Used by `train`, which
//! makes and reads it; stored by the caller. Invariants: `from_bytes` refuses anything `to_bytes` did not
//! write (SHA-256 at the end); a checkpoint carries a digest of what it belongs to (base, settings, samples,
//! start), and is refused with anything else.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::report::StepReport;
use super::trainer::Trainer;
use super::watch::{Memory, Watch};
use crate::adapter::Adapter;
use crate::error::{ModelError, Result};

const MAGIC: &[u8; 16] = b"lora-training/2\n";
const DIGEST_BYTES: usize = 32;

/// A moment between two optimiser steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub(super) header: Header,
    /// Parameters, first moments, second moments, and the best adapter's parameters if there is one; each in
    /// the adapter's order.
    values: Vec<f32>,
}

/// What precedes the numbers. Sums are kept as bits: JSON would round them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Header {
    /// Digest of the training that this is a moment of.
    pub(super) training: [u8; 32],
    /// Optimiser steps done.
    pub(super) step: u64,
    pub(super) loss_sum_bits: u64,
    pub(super) tokens: u64,
    pub(super) supervised_tokens: u64,
    /// What the watch over the validation loss remembers.
    pub(super) watch: Memory,
    /// Whether the numbers end with the best adapter.
    pub(super) has_best_adapter: bool,
}

impl Header {
    /// Adds one step.
    pub(super) fn count(&mut self, report: &StepReport) {
        let loss_sum = f64::from_bits(self.loss_sum_bits) + report.loss * report.supervised_tokens as f64;
        self.loss_sum_bits = loss_sum.to_bits();
        self.step = report.step;
        self.tokens += report.tokens;
        self.supervised_tokens += report.supervised_tokens;
    }

    /// Mean loss over all supervised tokens so far, in nats.
    pub(super) fn mean_loss(&self) -> f64 {
        f64::from_bits(self.loss_sum_bits) / self.supervised_tokens.max(1) as f64
    }
}

impl Checkpoint {
    pub(super) fn capture(trainer: &Trainer<'_>, watch: &Watch, header: Header) -> Self {
        let mut values = Vec::new();
        append(&mut values, &trainer.adapter);
        for moment in trainer.optimizer.first.iter().chain(&trainer.optimizer.second) {
            values.extend_from_slice(moment);
        }
        if let Some(best) = &watch.best_adapter {
            append(&mut values, best);
        }
        let has_best_adapter = watch.best_adapter.is_some();
        Self { header: Header { watch: watch.memory, has_best_adapter, ..header }, values }
    }

    /// Puts the trainer and the watch into the moment.
    pub(super) fn restore(&self, trainer: &mut Trainer<'_>, watch: &mut Watch) -> Result<()> {
        let mut rest = self.values.as_slice();
        watch.memory = self.header.watch;
        watch.best_adapter = self.header.has_best_adapter.then(|| trainer.adapter.clone());
        let optimizer = &mut trainer.optimizer;
        let moments = optimizer.first.iter_mut().chain(&mut optimizer.second);
        let best = watch.best_adapter.iter_mut().flat_map(Adapter::matrices_mut);
        for target in trainer.adapter.matrices_mut().chain(moments).chain(best) {
            let Some((head, tail)) = rest.split_at_checked(target.len()) else {
                return Err(refused("it has too few numbers for this adapter"));
            };
            target.copy_from_slice(head);
            rest = tail;
        }
        if !rest.is_empty() {
            return Err(refused("it has too many numbers for this adapter"));
        }
        trainer.step = self.header.step;
        Ok(())
    }

    /// Optimiser steps done.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.header.step
    }

    /// The bytes to store: magic, length and JSON of the header, the numbers as little-endian f32, SHA-256.
    ///
    /// # Errors
    /// `Internal` when the header cannot be serialised, which has no reason to happen.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let header = serde_json::to_vec(&self.header)
            .map_err(|error| ModelError::Internal { reason: error.to_string() })?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(bytemuck::cast_slice(&self.values));
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        Ok(bytes)
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// `Resume` when they are not a complete checkpoint of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Some((body, digest)) = bytes.len().checked_sub(DIGEST_BYTES).map(|end| bytes.split_at(end))
        else {
            return Err(refused("it is truncated"));
        };
        let Some(rest) = body.strip_prefix(MAGIC) else {
            return Err(refused("it is not a training checkpoint of this version"));
        };
        if Sha256::digest(body).as_slice() != digest {
            return Err(refused("it is truncated or damaged"));
        }
        let parts = rest.split_first_chunk::<8>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
        });
        let Some((header, numbers)) = parts else {
            return Err(refused("its header is damaged"));
        };
        let header = serde_json::from_slice(header).map_err(|_| refused("its header is damaged"))?;
        let (numbers, odd) = numbers.as_chunks::<4>();
        if !odd.is_empty() {
            return Err(refused("its numbers are damaged"));
        }
        Ok(Self { header, values: numbers.iter().map(|four| f32::from_le_bytes(*four)).collect() })
    }
}

fn append(values: &mut Vec<f32>, adapter: &Adapter) {
    for (_, _, pair) in adapter.pairs() {
        values.extend_from_slice(&pair.a);
        values.extend_from_slice(&pair.b);
    }
}

pub(super) fn refused(reason: &str) -> ModelError {
    ModelError::Resume { reason: reason.to_owned() }
}
