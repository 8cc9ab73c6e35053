//! Causal grouped-query attention as a chain of batched matrix products. Used by the decoder through
//! `EngineOps`.
//!
//! Each segment is worked through in chunks of queries against the keys up to the chunk's last one, so that
//! scores never take more than [`SCORE_BYTES`] and at most half a chunk's columns are masked. Query heads
//! that share a key-value head are rows of one product: nothing is repeated, and the gradients of keys and
//! values sum over the group inside the product. Chunks are added in order, so the result is the same every
//! time.

use std::ops::Range;

use burn_backend::TensorMetadata;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;

use super::buffer::{Place, array, length, small};
use super::product::{Operands, product, transposed};
use crate::kernels::cube::{heads as layout, softmax};
use crate::segments::{Heads, Segments};

/// f32 scores of one chunk: 28 heads x 512 queries x 2,048 keys x 4 bytes = 117 MB.
const SCORE_BYTES: usize = 128 << 20;

/// A chunk of queries of one segment.
struct Chunk {
    /// First token of the segment in the batch.
    segment: usize,
    /// Queries, as tokens of the batch.
    queries: Range<usize>,
}

impl Chunk {
    /// Keys that the chunk sees: from the segment's start to its own last query.
    fn keys(&self) -> Range<usize> {
        self.segment..self.queries.end
    }

    /// Position of the first query in its segment.
    fn first(&self) -> usize {
        self.queries.start - self.segment
    }
}

fn chunks(segments: &Segments, heads: Heads) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for range in segments.ranges() {
        let row_bytes = heads.query * range.len() * size_of::<f32>();
        let most = (SCORE_BYTES / row_bytes).clamp(1, range.len());
        // Equal chunks, and at least four in a long segment: a chunk computes its masked corner too.
        let count = range.len().div_ceil(most).max(range.len().div_ceil(512).min(4));
        let size = range.len().div_ceil(count);
        chunks.extend(
            range
                .clone()
                .step_by(size)
                .map(|start| Chunk { segment: range.start, queries: start..(start + size).min(range.end) }),
        );
    }
    chunks
}

/// Rotated queries, keys and values.
pub(super) struct Inputs<R: CubeRuntime> {
    pub(super) q: CubeTensor<R>,
    pub(super) k: CubeTensor<R>,
    pub(super) v: CubeTensor<R>,
    pub(super) heads: Heads,
    pub(super) operands: Operands,
}

impl<R: CubeRuntime> Inputs<R> {
    fn scale(&self) -> f32 {
        1.0 / (self.heads.head_dim as f32).sqrt()
    }

    /// Tokens of `x [T, heads * head_dim]` as a batch of operands `[key-value heads, tokens * group,
    /// head_dim]`.
    fn pack(&self, x: &CubeTensor<R>, tokens: &Range<usize>) -> CubeTensor<R> {
        let place = Place::of(x);
        let width = x.shape()[1];
        let group = width / self.heads.head_dim / self.heads.key_value;
        let rows = tokens.len() * group;
        let out = place.empty([self.heads.key_value, rows, self.heads.head_dim], self.operands.dtype);
        let (count, dim) = place.elements(length(&out));
        layout::pack::launch(
            &place.client,
            count,
            dim,
            array(x),
            array(&out),
            small(length(&out)),
            small(rows),
            small(group),
            small(width),
            small(self.heads.head_dim),
            small(tokens.start),
            self.operands.round,
            self.operands.dtype.into(),
        );
        out
    }

    /// The reverse: a batch of f32 rows into (or added to) the tokens of `out`.
    fn unpack(&self, batched: &CubeTensor<R>, out: &CubeTensor<R>, tokens: &Range<usize>, accumulate: bool) {
        let place = Place::of(out);
        let width = out.shape()[1];
        let group = width / self.heads.head_dim / self.heads.key_value;
        let (count, dim) = place.elements(length(batched));
        layout::unpack::launch(
            &place.client,
            count,
            dim,
            array(batched),
            array(out),
            small(length(batched)),
            small(tokens.len() * group),
            small(group),
            small(width),
            small(self.heads.head_dim),
            small(tokens.start),
            accumulate,
        );
    }
}

/// Output `[T, query width]` and log-sum-exp `[T, query heads]`.
pub(super) fn forward<R: CubeRuntime>(
    inputs: &Inputs<R>,
    segments: &Segments,
) -> (CubeTensor<R>, CubeTensor<R>) {
    let place = Place::of(&inputs.q);
    let heads = inputs.heads;
    let tokens = segments.total();
    let output = place.floats([tokens, heads.query * heads.head_dim]);
    let log_sum_exp = place.floats([tokens, heads.query]);
    for chunk in chunks(segments, heads) {
        let keys = chunk.keys();
        let q = inputs.pack(&inputs.q, &chunk.queries);
        let scores = product(q, transposed(inputs.pack(&inputs.k, &keys)));
        let [batch, rows, columns] = dims(&scores);
        let probabilities = place.empty([batch, rows, columns], inputs.operands.dtype);
        let (count, dim) = place.rows(batch * rows);
        softmax::forward::launch(
            &place.client,
            count,
            dim,
            array(&scores),
            array(&probabilities),
            array(&log_sum_exp),
            small(batch * rows),
            small(rows),
            small(columns),
            small(heads.group()),
            small(chunk.first()),
            small(chunk.queries.start),
            small(heads.query),
            inputs.scale(),
            inputs.operands.round,
            inputs.operands.dtype.into(),
        );
        drop(scores);
        let attended = product(probabilities, inputs.pack(&inputs.v, &keys));
        inputs.unpack(&attended, &output, &chunk.queries, false);
    }
    (output, log_sum_exp)
}

/// What the backward pass starts from.
pub(super) struct Saved<R: CubeRuntime> {
    pub(super) d_output: CubeTensor<R>,
    pub(super) output: CubeTensor<R>,
    pub(super) log_sum_exp: CubeTensor<R>,
}

/// Gradients of queries, keys and values, shaped like them.
pub(super) fn backward<R: CubeRuntime>(
    inputs: &Inputs<R>,
    saved: &Saved<R>,
    segments: &Segments,
) -> [CubeTensor<R>; 3] {
    let place = Place::of(&inputs.q);
    let delta = place.floats([segments.total(), inputs.heads.query]);
    let (count, dim) = place.elements(length(&delta));
    softmax::delta::launch(
        &place.client,
        count,
        dim,
        array(&saved.d_output),
        array(&saved.output),
        array(&delta),
        small(length(&delta)),
        small(inputs.heads.head_dim),
    );
    let like = |x: &CubeTensor<R>| place.floats([x.shape()[0], x.shape()[1]]);
    let [dq, dk, dv] = [like(&inputs.q), like(&inputs.k), like(&inputs.v)];
    // From the last chunk of a segment on down: it sees all keys, so it is the one that writes, and the
    // others add.
    for chunk in chunks(segments, inputs.heads).iter().rev() {
        let last = segments.ranges().any(|range| range.end == chunk.queries.end);
        let keys = chunk.keys();
        let (q, k) = (inputs.pack(&inputs.q, &chunk.queries), inputs.pack(&inputs.k, &keys));
        let (d_out, v) = (inputs.pack(&saved.d_output, &chunk.queries), inputs.pack(&inputs.v, &keys));
        let scores = product(q.clone(), transposed(k.clone()));
        let d_probabilities = product(d_out.clone(), transposed(v));
        let [probabilities, d_scores] =
            score_gradients(inputs, saved, &delta, chunk, &scores, &d_probabilities);
        drop((scores, d_probabilities));
        inputs.unpack(&product(d_scores.clone(), k), &dq, &chunk.queries, false);
        inputs.unpack(&product(transposed(d_scores), q), &dk, &keys, !last);
        inputs.unpack(&product(transposed(probabilities), d_out), &dv, &keys, !last);
    }
    [dq, dk, dv]
}

/// Probabilities and the gradient of the scores, as operands.
fn score_gradients<R: CubeRuntime>(
    inputs: &Inputs<R>,
    saved: &Saved<R>,
    delta: &CubeTensor<R>,
    chunk: &Chunk,
    scores: &CubeTensor<R>,
    d_probabilities: &CubeTensor<R>,
) -> [CubeTensor<R>; 2] {
    let place = Place::of(scores);
    let [batch, rows, columns] = dims(scores);
    let outputs = [(); 2].map(|()| place.empty([batch, rows, columns], inputs.operands.dtype));
    let (count, dim) = place.rows(batch * rows);
    softmax::backward::launch(
        &place.client,
        count,
        dim,
        array(scores),
        array(d_probabilities),
        array(&saved.log_sum_exp),
        array(delta),
        array(&outputs[0]),
        array(&outputs[1]),
        small(batch * rows),
        small(rows),
        small(columns),
        small(inputs.heads.group()),
        small(chunk.first()),
        small(chunk.queries.start),
        small(inputs.heads.query),
        inputs.scale(),
        inputs.operands.round,
        inputs.operands.dtype.into(),
    );
    outputs
}

fn dims<R: CubeRuntime>(tensor: &CubeTensor<R>) -> [usize; 3] {
    let shape = tensor.shape();
    [shape[0], shape[1], shape[2]]
}
