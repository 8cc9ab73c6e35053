//! [`EngineOps`] on burn's CubeCL backends: one implementation for CUDA and for any runtime that tests can
//! use. Called by `base` and the decoder, through the trait.
//!
//! Maps tensors to contiguous buffers, launches the kernels of `kernels::cube`, and leaves the dense products
//! to cubek. Activations are f32, operands of products bf16 where the arithmetic says so, and what a kernel
//! reduces it reduces in a fixed order. Nothing here waits for the device except `linear_cross_entropy`,
//! which returns numbers.

mod attention;
mod buffer;
mod frozen;
mod guard;
mod loss;
mod product;

use std::sync::Arc;

use burn_backend::{DeviceOps, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime};
use burn_tensor::Tensor;
use cubecl::server::ComputeServer;

use self::buffer::{Gpu, Place, array, contiguous, length, owned, small, tensor};
use self::product::{Operands, add_scaled, product, transposed};
use super::types::{
    AttentionGradients, BasePenalty, CrossEntropy, CrossEntropyKl, LoraGradients, LoraOutput, Normalised,
    RotaryTable, SavedAttention,
};
use super::{EngineOps, FeedForward, KeptFeedForward, LoraPair, Projection, ProjectionGradients, project};
use crate::device::DeviceMemory;
use crate::error::Result;
use crate::frozen::FrozenWeight;
use crate::kernels::cube::{norm, pointwise, rows};
use crate::options::Compute;
use crate::segments::{Heads, Segments};

pub use self::frozen::CubeFrozen;

impl<R, BT> EngineOps for CubeBackend<R, f32, i32, BT>
where
    R: CubeRuntime,
    R::Server: ComputeServer,
    R::Device: DeviceOps,
    BT: BoolElement,
{
    type Frozen = Arc<CubeFrozen<R>>;

    fn guarded<T>(device: &R::Device, work: impl FnOnce() -> T) -> Result<T> {
        guard::guarded::<R, T>(device, work)
    }

    fn memory(device: &R::Device) -> Option<DeviceMemory> {
        let usage = R::client(device).memory_usage().ok()?;
        Some(DeviceMemory { in_use_bytes: usage.bytes_in_use, reserved_bytes: usage.bytes_reserved })
    }

    fn upload(weight: FrozenWeight, device: &R::Device) -> Self::Frozen {
        let client = R::client(device);
        // Frozen for the life of the model: its pages need not be found again by the pool.
        let upload = |weight: &FrozenWeight| CubeFrozen::upload(weight, device);
        match client.memory_persistent_allocation(&weight, upload) {
            Ok(frozen) => Arc::new(frozen),
            Err(error) => panic!("{error}"),
        }
    }

    fn cached(weight: Self::Frozen, compute: Compute, device: &R::Device) -> Self::Frozen {
        let operands = Operands::of(&R::client(device), compute);
        Arc::new(weight.cached(operands))
    }

    fn frozen_shape(weight: &Self::Frozen) -> [usize; 2] {
        weight.shape
    }

    fn linear(
        x: &Tensor<Self, 2>,
        weight: &Self::Frozen,
        bias: Option<&Tensor<Self, 1>>,
        compute: Compute,
    ) -> Tensor<Self, 2> {
        let x = contiguous(x);
        let operands = Operands::of(&x.client, compute);
        let y = product(operands.narrow(&x), transposed(weight.operand(operands)));
        if let Some(bias) = bias {
            let place = Place::of(&y);
            let (count, dim) = place.elements(length(&y));
            let (size, width) = (small(length(&y)), small(weight.shape[0]));
            let bias = contiguous(bias);
            pointwise::add_bias::launch(&place.client, count, dim, array(&y), array(&bias), size, width);
        }
        tensor(y)
    }

    fn linear_input_gradient(
        dy: &Tensor<Self, 2>,
        weight: &Self::Frozen,
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> Tensor<Self, 2> {
        let dy = contiguous(dy);
        let operands = Operands::of(&dy.client, compute);
        let dx = product(operands.narrow(&dy), weight.operand(operands));
        tensor(sum(accumulate, dx, 1.0))
    }

    fn lora_forward(
        x: &Tensor<Self, 2>,
        pair: &LoraPair<'_, Self>,
        y: Tensor<Self, 2>,
        compute: Compute,
    ) -> LoraOutput<Self> {
        let (x, a, b, y) = (contiguous(x), contiguous(pair.a), contiguous(pair.b), owned(y));
        let operands = Operands::of(&x.client, compute);
        let xa = product(operands.narrow(&x), transposed(operands.narrow(&a)));
        let xa: Tensor<Self, 2> = tensor(xa);
        // Scaled before it is rounded, as on the processor: the same operand, not one that is a bf16 step
        // away.
        let scaled = contiguous(&xa.clone().mul_scalar(pair.scaling));
        let share = product(operands.narrow(&scaled), transposed(operands.narrow(&b)));
        add_scaled(&y, &share, 1.0);
        LoraOutput { y: tensor(y), xa }
    }

    fn lora_backward(
        x: &Tensor<Self, 2>,
        xa: &Tensor<Self, 2>,
        dy: &Tensor<Self, 2>,
        pair: &LoraPair<'_, Self>,
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> LoraGradients<Self> {
        let operands = Operands::of(&contiguous(x).client, compute);
        let operand = |tensor: &Tensor<Self, 2>| operands.narrow(&contiguous(tensor));
        let dy = operand(dy);
        // s (dy B) once: both dx and dA are products with it.
        let dyb = product(dy.clone(), operand(pair.b));
        let dyb = tensor::<R, BT, 2>(dyb).mul_scalar(pair.scaling);
        let narrow = operand(&dyb);
        let dx = product(narrow.clone(), operand(pair.a));
        let da = product(transposed(narrow), operand(x));
        let db = product(transposed(dy), operand(&xa.clone().mul_scalar(pair.scaling)));
        LoraGradients { dx: tensor(sum(accumulate, dx, 1.0)), da: tensor(da), db: tensor(db) }
    }

    fn project(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>],
        compute: Compute,
    ) -> Vec<(Tensor<Self, 2>, Option<Tensor<Self, 2>>)> {
        project::forward(x, parts, compute)
    }

    fn project_backward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>],
        outputs: &[(&Tensor<Self, 2>, Option<&Tensor<Self, 2>>)],
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> ProjectionGradients<Self> {
        project::backward(x, parts, outputs, accumulate, compute)
    }

    fn feed_forward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>; 3],
        compute: Compute,
    ) -> FeedForward<Self> {
        project::feed_forward(x, parts, compute)
    }

    fn feed_forward_backward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>; 3],
        kept: KeptFeedForward<'_, Self>,
        dy: &Tensor<Self, 2>,
        compute: Compute,
    ) -> ProjectionGradients<Self> {
        project::feed_forward_backward(x, parts, kept, dy, compute)
    }

    fn rms_norm(x: &Tensor<Self, 2>, weight: &Tensor<Self, 1>, epsilon: f32) -> Normalised<Self> {
        let [tokens, width] = x.dims();
        assert_eq!(width, weight.dims()[0], "norm width");
        let (x, weight) = (contiguous(x), contiguous(weight));
        let place = Place::of(&x);
        let (y, rstd) = (place.floats([tokens, width]), place.floats([tokens]));
        let (count, dim) = place.rows(tokens);
        norm::rms_norm::launch(
            &place.client,
            count,
            dim,
            array(&x),
            array(&weight),
            array(&y),
            array(&rstd),
            small(tokens),
            small(width),
            epsilon,
        );
        Normalised { y: tensor(y), rstd: tensor(rstd) }
    }

    fn rms_norm_backward(
        dy: &Tensor<Self, 2>,
        x: &Tensor<Self, 2>,
        rstd: &Tensor<Self, 1>,
        weight: &Tensor<Self, 1>,
        accumulate: Option<Tensor<Self, 2>>,
    ) -> Tensor<Self, 2> {
        let [tokens, width] = x.dims();
        let (dy, x, rstd, weight) = (contiguous(dy), contiguous(x), contiguous(rstd), contiguous(weight));
        let place = Place::of(&x);
        let add = accumulate.is_some();
        let dx = accumulate.map_or_else(|| place.floats([tokens, width]), owned);
        let (count, dim) = place.rows(tokens);
        norm::rms_norm_backward::launch(
            &place.client,
            count,
            dim,
            array(&dy),
            array(&x),
            array(&rstd),
            array(&weight),
            array(&dx),
            small(tokens),
            small(width),
            add,
        );
        tensor(dx)
    }

    fn rotary(
        x: Tensor<Self, 2>,
        head_dim: usize,
        table: &RotaryTable<Self>,
        segments: &Segments,
        inverse: bool,
    ) -> Tensor<Self, 2> {
        let [tokens, width] = x.dims();
        let half = table.cos.dims()[1];
        assert!(head_dim == 2 * half && tokens == segments.total(), "head width and batch rows");
        assert!(segments.longest() <= table.cos.dims()[0], "positions inside the table");
        let x = owned(x);
        let place = Place::of(&x);
        let positions: Vec<u32> = segments.ranges().flat_map(|rows| 0..small(rows.len())).collect();
        let positions = place.indices(&positions);
        let (cos, sin) = (contiguous(&table.cos), contiguous(&table.sin));
        let pairs = tokens * width / 2;
        let (count, dim) = place.elements(pairs);
        pointwise::rotary::launch(
            &place.client,
            count,
            dim,
            array(&x),
            array(&positions),
            array(&cos),
            array(&sin),
            small(pairs),
            small(width),
            small(half),
            if inverse { -1.0 } else { 1.0 },
        );
        tensor(x)
    }

    fn swiglu(gate: &Tensor<Self, 2>, up: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let (shape, gate, up) = (gate.dims(), contiguous(gate), contiguous(up));
        let place = Place::of(&gate);
        let h = place.floats(shape);
        let (count, dim) = place.elements(length(&h));
        let size = small(length(&h));
        pointwise::swiglu::launch(&place.client, count, dim, array(&gate), array(&up), array(&h), size);
        tensor(h)
    }

    fn swiglu_backward(
        dh: &Tensor<Self, 2>,
        gate: &Tensor<Self, 2>,
        up: &Tensor<Self, 2>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>) {
        let (shape, dh, gate, up) = (gate.dims(), contiguous(dh), contiguous(gate), contiguous(up));
        let place = Place::of(&gate);
        let (dgate, dup) = (place.floats(shape), place.floats(shape));
        let (count, dim) = place.elements(length(&dup));
        pointwise::swiglu_backward::launch(
            &place.client,
            count,
            dim,
            array(&dh),
            array(&gate),
            array(&up),
            array(&dgate),
            array(&dup),
            small(length(&dup)),
        );
        (tensor(dgate), tensor(dup))
    }

    fn attention(
        q: &Tensor<Self, 2>,
        k: &Tensor<Self, 2>,
        v: &Tensor<Self, 2>,
        heads: Heads,
        segments: &Segments,
        compute: Compute,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>) {
        let inputs = attention_inputs(q, k, v, heads, segments, compute);
        let (output, log_sum_exp) = attention::forward(&inputs, segments);
        (tensor(output), tensor(log_sum_exp))
    }

    fn attention_backward(
        d_output: &Tensor<Self, 2>,
        saved: &SavedAttention<'_, Self>,
        heads: Heads,
        segments: &Segments,
        compute: Compute,
    ) -> AttentionGradients<Self> {
        let SavedAttention { q, k, v, output, log_sum_exp } = *saved;
        let inputs = attention_inputs(q, k, v, heads, segments, compute);
        let saved = attention::Saved {
            d_output: contiguous(d_output),
            output: contiguous(output),
            log_sum_exp: contiguous(log_sum_exp),
        };
        let [dq, dk, dv] = attention::backward(&inputs, &saved, segments);
        AttentionGradients { dq: tensor(dq), dk: tensor(dk), dv: tensor(dv) }
    }

    fn linear_cross_entropy(
        hidden: &Tensor<Self, 2>,
        head: &Self::Frozen,
        targets: &[u32],
        gradient_scale: Option<f32>,
        compute: Compute,
    ) -> CrossEntropy<Self> {
        assert_eq!(hidden.dims(), [targets.len(), head.shape[1]], "hidden rows and width");
        let hidden = contiguous(hidden);
        let operands = Operands::of(&hidden.client, compute);
        let rows = loss::Rows { hidden: &hidden, head, targets, penalty: None };
        let loss = loss::linear_cross_entropy(&rows, gradient_scale, operands);
        CrossEntropy { losses: loss.losses, hits: loss.hits, d_hidden: loss.d_hidden.map(tensor) }
    }

    fn linear_cross_entropy_kl(
        hidden: &Tensor<Self, 2>,
        penalty: BasePenalty<'_, Self>,
        head: &Self::Frozen,
        targets: &[u32],
        gradient_scale: Option<f32>,
        compute: Compute,
    ) -> CrossEntropyKl<Self> {
        let BasePenalty { hidden: base_hidden, weight } = penalty;
        let shape = [targets.len(), head.shape[1]];
        assert_eq!([hidden.dims(), base_hidden.dims()], [shape; 2], "hidden rows and width");
        let (hidden, base) = (contiguous(hidden), contiguous(base_hidden));
        let operands = Operands::of(&hidden.client, compute);
        let rows = loss::Rows { hidden: &hidden, head, targets, penalty: Some((&base, weight)) };
        let loss = loss::linear_cross_entropy(&rows, gradient_scale, operands);
        let d_hidden = loss.d_hidden.map(tensor);
        CrossEntropyKl {
            cross_entropy: CrossEntropy { losses: loss.losses, hits: loss.hits, d_hidden },
            divergences: loss.divergences,
        }
    }

    fn embedding(table: &Self::Frozen, tokens: &[u32], _device: &R::Device) -> Tensor<Self, 2> {
        let vocabulary = table.shape[0];
        assert!(tokens.iter().all(|token| (*token as usize) < vocabulary), "tokens below the vocabulary");
        tensor(pick(table.table(), tokens))
    }

    fn gather_rows(x: &Tensor<Self, 2>, rows: &[usize]) -> Tensor<Self, 2> {
        let index: Vec<u32> = rows.iter().map(|row| small(*row)).collect();
        tensor(pick(&contiguous(x), &index))
    }

    fn scatter_rows(x: &Tensor<Self, 2>, rows: &[usize], total: usize) -> Tensor<Self, 2> {
        let mut index = vec![rows::NO_ROW; total];
        for (source, row) in rows.iter().enumerate() {
            index[*row] = small(source);
        }
        tensor(pick(&contiguous(x), &index))
    }

    fn add(x: Tensor<Self, 2>, y: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let x = owned(x);
        add_scaled(&x, &contiguous(y), 1.0);
        tensor(x)
    }
}

/// `accumulate + scale * x`, into the accumulator if there is one.
fn sum<R: CubeRuntime, BT: BoolElement>(
    accumulate: Option<Tensor<Gpu<R, BT>, 2>>,
    x: CubeTensor<R>,
    scale: f32,
) -> CubeTensor<R> {
    let Some(accumulate) = accumulate else { return x };
    let accumulate = owned(accumulate);
    add_scaled(&accumulate, &x, scale);
    accumulate
}

/// Rows of a contiguous matrix by index, as f32.
fn pick<R: CubeRuntime>(source: &CubeTensor<R>, index: &[u32]) -> CubeTensor<R> {
    let place = Place::of(source);
    let width = source.shape()[1];
    let out = place.floats([index.len(), width]);
    let (count, dim) = place.elements(length(&out));
    rows::pick::launch(
        &place.client,
        count,
        dim,
        array(source),
        array(&place.indices(index)),
        array(&out),
        small(length(&out)),
        small(width),
        source.dtype.into(),
    );
    out
}

fn attention_inputs<R: CubeRuntime, BT: BoolElement>(
    q: &Tensor<Gpu<R, BT>, 2>,
    k: &Tensor<Gpu<R, BT>, 2>,
    v: &Tensor<Gpu<R, BT>, 2>,
    heads: Heads,
    segments: &Segments,
    compute: Compute,
) -> attention::Inputs<R> {
    let tokens = segments.total();
    assert_eq!(q.dims(), [tokens, heads.query * heads.head_dim], "query shape");
    assert_eq!(k.dims(), [tokens, heads.key_value * heads.head_dim], "key shape");
    assert_eq!(v.dims(), k.dims(), "value shape");
    assert!(heads.query.is_multiple_of(heads.key_value), "whole groups of query heads");
    let (q, k, v) = (contiguous(q), contiguous(k), contiguous(v));
    let operands = Operands::of(&q.client, compute);
    attention::Inputs { q, k, v, heads, operands }
}

#[cfg(all(test, feature = "gpu-kernel-tests"))]
mod tests;
