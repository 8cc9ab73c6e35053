//! Output projection with cross-entropy on the GPU, in chunks of rows, with or without the penalty towards
//! the base model. Used by the decoder through `EngineOps`. Invariant: a chunk's logits and their gradient
//! take at most [`LOGIT_BYTES`]; nothing of size `[T, V]` exists.

use burn_cubecl::CubeRuntime;
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;

use super::buffer::{Place, array, length, small};
use super::frozen::CubeFrozen;
use super::product::{Operands, product, transposed};
use crate::kernels::cube::{loss, pointwise};

/// f32 logits and bf16 gradients of a chunk: 440 rows of a vocabulary of 152,064 at 6 bytes. Tests see
/// several chunks at sizes that a software driver can allocate.
const LOGIT_BYTES: usize = if cfg!(test) { 1 << 20 } else { 384 << 20 };
/// Rows of a tile of cubek's products.
const TILE_ROWS: usize = 128;

/// Losses in nats and hits by row, divergences from the base by row, and the gradient in `hidden` if a scale
/// was given.
pub(super) struct Loss<R: CubeRuntime> {
    pub(super) losses: Vec<f64>,
    pub(super) hits: Vec<bool>,
    pub(super) divergences: Vec<f64>,
    pub(super) d_hidden: Option<CubeTensor<R>>,
}

/// What the loss is of: `hidden [S, h]`, `head [V, h]`, one target a row.
pub(super) struct Rows<'a, R: CubeRuntime> {
    pub(super) hidden: &'a CubeTensor<R>,
    pub(super) head: &'a CubeFrozen<R>,
    pub(super) targets: &'a [u32],
    /// The base model's `hidden`, and the penalty's weight.
    pub(super) penalty: Option<(&'a CubeTensor<R>, f32)>,
}

/// The head as an operand, and the targets, on the device.
struct Uploaded<'a, R: CubeRuntime> {
    head: &'a CubeTensor<R>,
    targets: &'a CubeTensor<R>,
}

/// Rows `first .. first + count`.
#[derive(Clone, Copy)]
struct Chunk {
    first: usize,
    count: usize,
}

/// What the rows measured, read at the end.
struct Measured<R: CubeRuntime> {
    losses: CubeTensor<R>,
    hits: CubeTensor<R>,
    divergences: CubeTensor<R>,
}

/// Losses, and with a scale the gradient `scale * d(sum of losses) / d(hidden)`.
pub(super) fn linear_cross_entropy<R: CubeRuntime>(
    rows: &Rows<'_, R>,
    gradient_scale: Option<f32>,
    operands: Operands,
) -> Loss<R> {
    let place = Place::of(rows.hidden);
    let [vocabulary, width] = rows.head.shape;
    let total = rows.targets.len();
    assert!(
        rows.targets.iter().all(|target| (*target as usize) < vocabulary),
        "targets below the vocabulary"
    );
    let logits = if rows.penalty.is_some() { 2 } else { 1 };
    let row_bytes = vocabulary * (logits * size_of::<f32>() + operands.dtype.size());
    let most = (LOGIT_BYTES / row_bytes).clamp(1, total.max(1));
    // Whole tiles of the matrix product.
    let chunk = if most < total && most > TILE_ROWS { most / TILE_ROWS * TILE_ROWS } else { most };
    let measured = Measured {
        losses: place.floats([total]),
        hits: place.floats([total]),
        divergences: place.floats([if rows.penalty.is_some() { total } else { 1 }]),
    };
    let head = rows.head.operand(operands);
    let targets = place.indices(rows.targets);
    let mut gradients = Vec::new();
    for first in (0..total).step_by(chunk) {
        let uploaded = Uploaded { head: &head, targets: &targets };
        let range = Chunk { first, count: chunk.min(total - first) };
        let d_logits = chunk_loss(rows, uploaded, range, gradient_scale, operands, &measured);
        if gradient_scale.is_some() {
            gradients.push(product(d_logits, head.clone()));
        }
    }
    let read = |tensor: CubeTensor<R>| into_data_sync(tensor).iter::<f64>().collect::<Vec<f64>>();
    Loss {
        d_hidden: gradient_scale.map(|_| stacked(&place, &gradients, [total, width])),
        losses: read(measured.losses),
        hits: read(measured.hits).iter().map(|hit| *hit == 1.0).collect(),
        divergences: if rows.penalty.is_some() { read(measured.divergences) } else { Vec::new() },
    }
}

/// Measures a chunk of rows; returns the gradient of their logits, if one is wanted.
fn chunk_loss<R: CubeRuntime>(
    rows: &Rows<'_, R>,
    Uploaded { head, targets }: Uploaded<'_, R>,
    Chunk { first, count }: Chunk,
    gradient_scale: Option<f32>,
    operands: Operands,
    measured: &Measured<R>,
) -> CubeTensor<R> {
    let place = Place::of(rows.hidden);
    let vocabulary = rows.head.shape[0];
    let logits_of = |hidden| product(operands.narrow_rows(hidden, first, count), transposed(head.clone()));
    let logits = logits_of(rows.hidden);
    let base_logits = rows.penalty.map_or_else(|| place.floats([1, 1]), |(base, _)| logits_of(base));
    let shape = if gradient_scale.is_some() { [count, vocabulary] } else { [1, 1] };
    let d_logits = place.empty(shape, operands.dtype);
    let (cubes, dim) = place.rows(count);
    loss::cross_entropy::launch(
        &place.client,
        cubes,
        dim,
        array(&logits),
        array(&base_logits),
        array(targets),
        array(&measured.losses),
        array(&measured.hits),
        array(&measured.divergences),
        array(&d_logits),
        small(count),
        small(first),
        small(vocabulary),
        gradient_scale.unwrap_or_default(),
        rows.penalty.map_or(0.0, |(_, weight)| weight),
        rows.penalty.is_some(),
        gradient_scale.is_some(),
        operands.round,
        operands.dtype.into(),
    );
    d_logits
}

/// The chunks under each other.
fn stacked<R: CubeRuntime>(place: &Place<R>, chunks: &[CubeTensor<R>], shape: [usize; 2]) -> CubeTensor<R> {
    if let [only] = chunks {
        return only.clone();
    }
    let out = place.floats(shape);
    let mut offset = 0;
    for chunk in chunks {
        let (cubes, dim) = place.elements(length(chunk));
        let (count, start) = (small(length(chunk)), small(offset));
        pointwise::copy_into::launch(&place.client, cubes, dim, array(chunk), array(&out), count, start);
        offset += length(chunk);
    }
    out
}
