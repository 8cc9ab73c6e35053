//! The coordinator's side: the key of a run, the set it publishes, and the evaluation of blinded points with
//! proofs.
//!
//! Called by the coordinator at launch (in its child process) and for each batch a site sends. Invariant:
//! what is evaluated was parsed first ([`Batch`]); the secret key never leaves this type.

use std::fmt;

use rayon::prelude::*;
use voprf::{BlindedElement, Ristretto255, VoprfServer};

use super::error::OverlapError;
use super::features::Features;
use super::points::{BATCH_POINTS, POINT_BYTES, PROOF_POINTS, PublicKey, answer_bytes};
use super::published::{PublishedSet, truncated};
use super::random::SeededRandom;

/// The secret key k of one run. Wiped when dropped.
pub struct EvaluationKey {
    server: VoprfServer<Ristretto255>,
}

impl fmt::Debug for EvaluationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EvaluationKey").field("public", &self.public_key()).finish_non_exhaustive()
    }
}

/// Blinded points of one request, each checked.
pub struct Batch(Vec<BlindedElement<Ristretto255>>);

impl Batch {
    /// Parses 32 bytes a point, at most one batch of them.
    ///
    /// # Errors
    /// [`OverlapError::Length`] for an empty, ragged or too long batch, [`OverlapError::Point`] for the first
    /// point that is not canonical or is the identity.
    pub fn parse(bytes: &[u8]) -> Result<Self, OverlapError> {
        let points = bytes.len() / POINT_BYTES;
        if !(1..=BATCH_POINTS).contains(&points) || !bytes.len().is_multiple_of(POINT_BYTES) {
            let expected = points.clamp(1, BATCH_POINTS) * POINT_BYTES;
            return Err(OverlapError::Length { expected, found: bytes.len() });
        }
        let parse = |(index, point): (usize, &[u8])| {
            BlindedElement::deserialize(point).map_err(|_| OverlapError::Point { index })
        };
        let parsed: Vec<_> = bytes.par_chunks(POINT_BYTES).enumerate().map(parse).collect();
        // In order, so that the first bad point is named on any number of cores.
        parsed.into_iter().collect::<Result<_, _>>().map(Self)
    }

    /// How many points.
    #[must_use]
    pub fn points(&self) -> usize {
        self.0.len()
    }
}

impl EvaluationKey {
    /// The key that RFC 9497's DeriveKeyPair gives for 32 secret random bytes and the run's id.
    ///
    /// # Errors
    /// [`OverlapError::Seed`] when the seed gives no key, which happens with probability 2^-252.
    pub fn from_seed(seed: &[u8; 32], run: &[u8; 8]) -> Result<Self, OverlapError> {
        let info = [b"consilium overlap v1\0".as_slice(), run].concat();
        VoprfServer::new_from_seed(seed, &info).map(|server| Self { server }).map_err(|_| OverlapError::Seed)
    }

    #[cfg(test)]
    pub(super) fn of_server(server: VoprfServer<Ristretto255>) -> Self {
        Self { server }
    }

    /// The public key, which the run's manifest names.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of_element(self.server.get_public_key())
    }

    /// The published set for the features of the held-out records.
    ///
    /// # Errors
    /// [`OverlapError::TooMany`] beyond [`OVERLAP_SET_ENTRIES_MAX`](crate::limits::OVERLAP_SET_ENTRIES_MAX)
    /// features.
    pub fn publish(&self, held_out: &[Option<Features>]) -> Result<PublishedSet, OverlapError> {
        let mut keys: Vec<[u8; 32]> = held_out.iter().flatten().flat_map(Features::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let evaluate = |key: &[u8; 32]| {
            // Fails only for a hash that is the identity: probability 2^-252.
            self.server.evaluate(key).map(|output| truncated(&output)).map_err(|_| OverlapError::Seed)
        };
        PublishedSet::new(keys.par_iter().map(evaluate).collect::<Result<_, _>>()?)
    }

    /// Evaluates a batch: k times each point, then a proof for each 256 of them that it was this k.
    ///
    /// `random` is 32 secret bytes that are used for this call only: two proofs with the same random number
    /// over different points would give the key away.
    ///
    /// # Errors
    /// [`OverlapError::Seed`] when the evaluation fails, which no parsed batch can cause.
    pub fn evaluate(&self, batch: &Batch, random: &[u8; 32]) -> Result<Vec<u8>, OverlapError> {
        let groups: Vec<_> = batch
            .0
            .par_chunks(PROOF_POINTS)
            .enumerate()
            .map(|(group, points)| {
                let mut random = SeededRandom::new(random, group as u64);
                let points: Vec<_> = points.to_vec();
                self.server.batch_blind_evaluate(&mut random, &points).map_err(|_| OverlapError::Seed)
            })
            .collect::<Result<_, _>>()?;
        let mut bytes = Vec::with_capacity(answer_bytes(batch.points()));
        for group in &groups {
            group.messages.iter().for_each(|point| bytes.extend_from_slice(&point.serialize()));
        }
        groups.iter().for_each(|group| bytes.extend_from_slice(&group.proof.serialize()));
        Ok(bytes)
    }
}
