//! The site's side: the features of its records, blinded; and what the answers say once the proofs hold.
//!
//! Called by the worker. A query is a function of the distinct features and a secret seed, so a worker that
//! was killed computes the same points again; with other features the same seed gives unrelated blinding
//! factors. Points are numbered: real features first (ascending), then random ones up to a power of two,
//! which nobody can tell apart.

use std::fmt;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use voprf::{EvaluationElement, Group, Proof, Ristretto255, VoprfClient};
use zeroize::{Zeroize, Zeroizing};

use super::error::OverlapError;
use super::features::Features;
use super::points::{POINT_BYTES, PROOF_BYTES, PROOF_POINTS, PublicKey, answer_bytes, batch_points, padded};
use super::published::PublishedSet;
use super::random::{self, SeededRandom};
use super::result::{OverlapResult, read_keys};

const MAGIC: &[u8; 16] = b"consilium ovq 1\n";
const FILE: &str = "query file";
/// Index of the first random stream for padding: larger than every point's number.
const PADDING_STREAMS: u64 = 1 << 32;

/// The points that a site asks about in one run. Holds the blinding seed: wiped when dropped, never shown.
pub struct Query {
    seed: Zeroizing<[u8; 32]>,
    /// Distinct feature keys, ascending.
    keys: Vec<[u8; 32]>,
    points: u32,
    /// Secret from which the blinding factors of exactly these keys are drawn.
    blinding: Zeroizing<[u8; 32]>,
}

/// The points under one proof, as they were sent and as they came back.
struct ProvedGroup<'a> {
    /// Number of the first point within the query.
    first: u32,
    blinded: &'a [u8],
    evaluated: &'a [u8],
    proof: &'a [u8],
}

impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Query").field("points", &self.points).finish_non_exhaustive()
    }
}

impl Query {
    /// A query about these records. `seed` is 32 secret random bytes of this run.
    ///
    /// # Errors
    /// [`OverlapError::TooMany`] when the records have more distinct keys than a site may ask for in a run.
    pub fn new(records: &[Option<Features>], seed: Zeroizing<[u8; 32]>) -> Result<Self, OverlapError> {
        let mut keys: Vec<[u8; 32]> = records.iter().flatten().flat_map(Features::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        Self::of_keys(keys, seed)
    }

    fn of_keys(keys: Vec<[u8; 32]>, seed: Zeroizing<[u8; 32]>) -> Result<Self, OverlapError> {
        let points = padded(keys.len())?;
        let context: [u8; 32] = Sha256::digest(keys.as_flattened()).into();
        let blinding = random::derive(b"blinding", &seed, &context);
        Ok(Self { seed, keys, points, blinding })
    }

    /// How many points are asked: the padded count, all that the coordinator learns.
    #[must_use]
    pub fn points(&self) -> u32 {
        self.points
    }

    /// How many of them stand for features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.keys.len()
    }

    /// The blinded points of the batch that begins at `first`, 32 bytes each. The same bytes every time.
    ///
    /// # Errors
    /// [`OverlapError::Offset`] where no batch begins.
    pub fn blinded(&self, first: u32) -> Result<Vec<u8>, OverlapError> {
        let count = batch_points(self.points, first).ok_or(OverlapError::Offset { first })?;
        let mut bytes = vec![0; count * POINT_BYTES];
        bytes.par_chunks_mut(POINT_BYTES).enumerate().try_for_each(|(index, point)| {
            let number = first as usize + index;
            let mut random = SeededRandom::new(&self.blinding, number as u64);
            // Fails only for a hash that is the identity: probability 2^-252.
            let blinded = VoprfClient::<Ristretto255>::blind(&self.input(number), &mut random)
                .map_err(|_| OverlapError::Point { index })?;
            point.copy_from_slice(&blinded.message.serialize());
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Which features of the batch at `first` are in the set: one flag for each point that stands for a
    /// feature. `blinded` are the points as they were sent, `answer` the evaluated points and the proofs.
    ///
    /// # Errors
    /// [`OverlapError::Length`] for a wrong number of bytes, [`OverlapError::Point`] and
    /// [`OverlapError::ProofFormat`] for what is not a point or a proof, [`OverlapError::Proof`] when another
    /// key was used or anything was changed.
    pub fn hits(
        &self,
        first: u32,
        blinded: &[u8],
        answer: &[u8],
        public_key: &PublicKey,
        set: &PublishedSet,
    ) -> Result<Vec<bool>, OverlapError> {
        let count = batch_points(self.points, first).ok_or(OverlapError::Offset { first })?;
        for (expected, found) in [(count * POINT_BYTES, blinded.len()), (answer_bytes(count), answer.len())] {
            if expected != found {
                return Err(OverlapError::Length { expected, found });
            }
        }
        let (evaluated, proofs) = answer.split_at(count * POINT_BYTES);
        let group_bytes = PROOF_POINTS * POINT_BYTES;
        let groups: Vec<Result<Vec<bool>, OverlapError>> = blinded
            .par_chunks(group_bytes)
            .zip(evaluated.par_chunks(group_bytes))
            .zip(proofs.par_chunks(PROOF_BYTES))
            .enumerate()
            .map(|(group, ((blinded, evaluated), proof))| {
                // Within a batch, so far below 2^32.
                let first = first + (group * PROOF_POINTS) as u32;
                self.group_hits(&ProvedGroup { first, blinded, evaluated, proof }, public_key, set)
            })
            .collect();
        Ok(groups.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// [`Self::hits`] for the points under one proof.
    fn group_hits(
        &self,
        group: &ProvedGroup<'_>,
        public_key: &PublicKey,
        set: &PublishedSet,
    ) -> Result<Vec<bool>, OverlapError> {
        let ProvedGroup { first, blinded, evaluated, proof } = *group;
        let count = blinded.len() / POINT_BYTES;
        let point = |index: usize| move |_| OverlapError::Point { index };
        let clients = blinded
            .chunks(POINT_BYTES)
            .enumerate()
            .map(|(index, blinded)| self.client(first as usize + index, blinded).map_err(point(index)));
        let clients: Vec<VoprfClient<Ristretto255>> = clients.collect::<Result<_, _>>()?;
        let messages = evaluated.chunks(POINT_BYTES).enumerate().map(|(index, evaluated)| {
            EvaluationElement::<Ristretto255>::deserialize(evaluated).map_err(point(index))
        });
        let messages: Vec<_> = messages.collect::<Result<_, _>>()?;
        let proof = Proof::deserialize(proof).map_err(|_| OverlapError::ProofFormat { first })?;
        let inputs: Vec<[u8; 32]> = (0..count).map(|index| self.input(first as usize + index)).collect();
        let key =
            Ristretto255::deserialize_elem(&public_key.to_bytes()).map_err(|_| OverlapError::PublicKey)?;
        let outputs = VoprfClient::batch_finalize(&inputs, &clients, &messages, &proof, key)
            .map_err(|_| OverlapError::Proof { first, last: first + count as u32 - 1 })?;
        let real = self.keys.len().saturating_sub(first as usize);
        // Outputs are computed as they are taken: padding costs no unblinding.
        outputs
            .take(real)
            .enumerate()
            .map(|(index, output)| Ok(set.contains(&output.map_err(point(index))?)))
            .collect()
    }

    /// The bytes that point `number` stands for: a feature's key, or random bytes.
    fn input(&self, number: usize) -> [u8; 32] {
        self.keys.get(number).copied().unwrap_or_else(|| {
            let mut bytes = [0; 32];
            let stream = PADDING_STREAMS + number as u64;
            rand_core::RngCore::fill_bytes(&mut SeededRandom::new(&self.blinding, stream), &mut bytes);
            bytes
        })
    }

    /// The client's state after blinding point `number`, made again without hashing to the group.
    fn client(&self, number: usize, blinded: &[u8]) -> voprf::Result<VoprfClient<Ristretto255>> {
        let mut random = SeededRandom::new(&self.blinding, number as u64);
        let mut blind = Ristretto255::random_scalar(&mut random);
        let mut state = [Ristretto255::serialize_scalar(blind).as_slice(), blinded].concat();
        let client = VoprfClient::deserialize(&state);
        state.zeroize();
        blind.zeroize();
        client
    }

    /// The result, from the hits of all batches in order.
    ///
    /// # Errors
    /// [`OverlapError::Length`] when there is not one flag for each feature.
    pub fn result(self, hits: Vec<bool>) -> Result<OverlapResult, OverlapError> {
        OverlapResult::new(self.keys, hits)
    }

    /// The file the worker keeps (mode 0600) until it has the result: magic, seed, number of keys (u32,
    /// little-endian), keys.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAGIC.len() + 36 + self.keys.len() * 32));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.seed.as_slice());
        // At most OVERLAP_POINTS_MAX.
        bytes.extend_from_slice(&(self.keys.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.keys.as_flattened());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`OverlapError::File`] when the bytes do not begin as a query file, are cut, or hold too many keys.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OverlapError> {
        let damaged = |reason| OverlapError::File { file: FILE, reason };
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it does not begin as one"))?;
        let (seed, body) = body.split_first_chunk::<32>().ok_or_else(|| damaged("it is too short"))?;
        let keys = read_keys(body).ok_or_else(|| damaged("its keys are not as counted"))?;
        Self::of_keys(keys, Zeroizing::new(*seed)).map_err(|_| damaged("it holds too many keys"))
    }
}
