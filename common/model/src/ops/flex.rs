//! [`EngineOps`] on burn's CPU backend: maps tensors to slices and calls `kernels`.
//!
//! Used by every CPU build. Results are fresh contiguous tensors, or the by-value argument updated in
//! place when nobody else holds it.

use std::sync::Arc;

use burn_flex::{Flex, FlexDevice};
use burn_tensor::Tensor;
use rayon::prelude::*;

use self::slice::{Slice, columns, rows};
use super::types::{
    AttentionGradients, BasePenalty, CrossEntropy, CrossEntropyKl, KeyValueCache, LoraGradients, LoraOutput,
    Normalised, RotaryTable, SavedAttention,
};
use super::{EngineOps, FeedForward, KeptFeedForward, LoraPair, Projection, ProjectionGradients};
use crate::error::Result;
use crate::frozen::{DenseWeight, FrozenWeight};
use crate::kernels::pointwise::Values;
use crate::kernels::product::{Product, Rows};
use crate::kernels::{
    attention, cached_attention, cross_entropy, cross_entropy_kl, linear, lora, norm, pointwise, pool, rotary,
};
use crate::options::Compute;
use crate::segments::{Heads, Segments};

#[cfg(target_arch = "x86_64")]
mod feed_forward;
#[cfg(target_arch = "x86_64")]
mod project;
mod slice;

impl EngineOps for Flex {
    type Frozen = Arc<FrozenWeight>;

    /// On a thread of the pool: every kernel then starts on a thread that computes, instead of waking one and
    /// sleeping until it is done.
    fn guarded<T: Send>(_device: &FlexDevice, work: impl FnOnce() -> T + Send) -> Result<T> {
        Ok(rayon::scope(|_| work()))
    }

    fn upload(weight: FrozenWeight, _device: &FlexDevice) -> Self::Frozen {
        match &weight {
            FrozenWeight::Nf4(weight) => pool::large::gather(weight.packed()),
            FrozenWeight::F32(weight) => pool::large::gather(weight.data()),
            FrozenWeight::Bf16(weight) => pool::large::gather(weight.data()),
        }
        Arc::new(weight)
    }

    fn cached(weight: Self::Frozen, compute: Compute, _device: &FlexDevice) -> Self::Frozen {
        match (&*weight, compute) {
            (FrozenWeight::Nf4(packed), Compute::Bf16) => {
                let values = packed.dequantise().into_iter().map(half::bf16::from_f32).collect();
                DenseWeight::new(values, packed.shape())
                    .map_or_else(|| weight.clone(), |dense| Arc::new(FrozenWeight::Bf16(dense)))
            }
            _ => weight,
        }
    }

    fn frozen_shape(weight: &Self::Frozen) -> [usize; 2] {
        weight.shape()
    }

    fn linear(
        x: &Tensor<Self, 2>,
        weight: &Self::Frozen,
        bias: Option<&Tensor<Self, 1>>,
        compute: Compute,
    ) -> Tensor<Self, 2> {
        let [output, input] = weight.shape();
        assert_eq!(columns(x), input, "input width");
        let mut y = Slice::fresh([rows(x), output]);
        linear::forward(
            Slice::of(x).get(),
            Rows::all(weight),
            y.get_mut(),
            output,
            Product::fastest(compute),
        );
        if let Some(bias) = bias {
            pointwise::add_bias(y.get_mut(), Slice::of(bias).get());
        }
        y.into_tensor()
    }

    fn linear_input_gradient(
        dy: &Tensor<Self, 2>,
        weight: &Self::Frozen,
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> Tensor<Self, 2> {
        let [output, input] = weight.shape();
        assert_eq!(columns(dy), output, "output width");
        let (mut dx, add) = Slice::accumulator(accumulate, [rows(dy), input]);
        linear::backward(
            Slice::of(dy).get(),
            output,
            Rows::all(weight),
            dx.get_mut(),
            add,
            Product::fastest(compute),
        );
        dx.into_tensor()
    }

    fn lora_forward(
        x: &Tensor<Self, 2>,
        pair: &LoraPair<'_, Self>,
        y: Tensor<Self, 2>,
        compute: Compute,
    ) -> LoraOutput<Self> {
        let sizes =
            lora::Sizes { tokens: rows(x), input: columns(x), output: columns(&y), rank: rows(pair.a) };
        let mut y = Slice::take(y);
        let mut xa = Slice::fresh([sizes.tokens, sizes.rank]);
        let (x, a, b) = (Slice::of(x), Slice::of(pair.a), Slice::of(pair.b));
        let pair = lora::Pair { a: a.get(), b: b.get(), scaling: pair.scaling };
        let product = Product::fastest(compute);
        lora::forward(sizes, x.get(), pair, xa.get_mut(), y.get_mut(), product);
        LoraOutput { y: y.into_tensor(), xa: xa.into_tensor() }
    }

    fn lora_backward(
        x: &Tensor<Self, 2>,
        xa: &Tensor<Self, 2>,
        dy: &Tensor<Self, 2>,
        pair: &LoraPair<'_, Self>,
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> LoraGradients<Self> {
        let sizes =
            lora::Sizes { tokens: rows(x), input: columns(x), output: columns(dy), rank: rows(pair.a) };
        let mut dx = zeros_or(accumulate, [sizes.tokens, sizes.input]);
        let mut da = Slice::fresh([sizes.rank, sizes.input]);
        let mut db = Slice::fresh([sizes.output, sizes.rank]);
        let (x, xa, dy) = (Slice::of(x), Slice::of(xa), Slice::of(dy));
        let (a, b) = (Slice::of(pair.a), Slice::of(pair.b));
        let pair = lora::Pair { a: a.get(), b: b.get(), scaling: pair.scaling };
        let saved = lora::Saved { x: x.get(), xa: xa.get(), dy: dy.get(), pair };
        let product = Product::fastest(compute);
        lora::backward(sizes, &saved, dx.get_mut(), da.get_mut(), db.get_mut(), product);
        LoraGradients { dx: dx.into_tensor(), da: da.into_tensor(), db: db.into_tensor() }
    }

    fn project(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>],
        compute: Compute,
    ) -> Vec<(Tensor<Self, 2>, Option<Tensor<Self, 2>>)> {
        // A single row, when generating, has a faster way of its own.
        #[cfg(target_arch = "x86_64")]
        if matches!(Product::fastest(compute), Product::Avx512Bf16) && rows(x) > 1 {
            return project::forward(x, parts);
        }
        super::project::forward(x, parts, compute)
    }

    fn project_backward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>],
        outputs: &[(&Tensor<Self, 2>, Option<&Tensor<Self, 2>>)],
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> ProjectionGradients<Self> {
        #[cfg(target_arch = "x86_64")]
        if matches!(Product::fastest(compute), Product::Avx512Bf16) {
            return project::backward(x, parts, outputs, accumulate);
        }
        super::project::backward(x, parts, outputs, accumulate, compute)
    }

    fn feed_forward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>; 3],
        compute: Compute,
    ) -> FeedForward<Self> {
        #[cfg(target_arch = "x86_64")]
        if matches!(Product::fastest(compute), Product::Avx512Bf16) && feed_forward::is_possible(x, parts) {
            return feed_forward::forward(x, parts);
        }
        super::project::feed_forward(x, parts, compute)
    }

    fn feed_forward_backward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>; 3],
        kept: KeptFeedForward<'_, Self>,
        dy: &Tensor<Self, 2>,
        compute: Compute,
    ) -> ProjectionGradients<Self> {
        #[cfg(target_arch = "x86_64")]
        if matches!(Product::fastest(compute), Product::Avx512Bf16) && feed_forward::is_possible(x, parts) {
            return feed_forward::backward(x, parts, kept, dy);
        }
        super::project::feed_forward_backward(x, parts, kept, dy, compute)
    }

    fn rms_norm(x: &Tensor<Self, 2>, weight: &Tensor<Self, 1>, epsilon: f32) -> Normalised<Self> {
        assert_eq!(columns(x), weight.dims()[0], "norm width");
        let mut y = Slice::fresh(x.dims());
        let mut rstd = Slice::fresh([rows(x)]);
        norm::rms_norm(Slice::of(x).get(), Slice::of(weight).get(), epsilon, y.get_mut(), rstd.get_mut());
        Normalised { y: y.into_tensor(), rstd: rstd.into_tensor() }
    }

    fn rms_norm_backward(
        dy: &Tensor<Self, 2>,
        x: &Tensor<Self, 2>,
        rstd: &Tensor<Self, 1>,
        weight: &Tensor<Self, 1>,
        accumulate: Option<Tensor<Self, 2>>,
    ) -> Tensor<Self, 2> {
        let mut dx = zeros_or(accumulate, x.dims());
        let (dy, x, rstd, weight) = (Slice::of(dy), Slice::of(x), Slice::of(rstd), Slice::of(weight));
        norm::rms_norm_backward(dy.get(), x.get(), rstd.get(), weight.get(), dx.get_mut());
        dx.into_tensor()
    }

    fn rotary(
        x: Tensor<Self, 2>,
        head_dim: usize,
        table: &RotaryTable<Self>,
        segments: &Segments,
        inverse: bool,
    ) -> Tensor<Self, 2> {
        let (width, half) = (columns(&x), columns(&table.cos));
        assert!(head_dim == 2 * half && rows(&x) == segments.total(), "head width and batch rows");
        assert!(segments.longest() <= rows(&table.cos), "positions inside the table");
        let positions: Vec<usize> = segments.ranges().flat_map(|rows| 0..rows.len()).collect();
        let mut x = Slice::take(x);
        let (cos, sin) = (Slice::of(&table.cos), Slice::of(&table.sin));
        let angles = rotary::Angles { cos: cos.get(), sin: sin.get(), half };
        rotary::rotary(x.get_mut(), width, &positions, angles, inverse);
        x.into_tensor()
    }

    fn swiglu(gate: &Tensor<Self, 2>, up: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let mut h = Slice::fresh(gate.dims());
        let (gate, up) = (Slice::of(gate), Slice::of(up));
        pointwise::swiglu(values(&gate), values(&up), h.get_mut());
        h.into_tensor()
    }

    fn swiglu_keeping(gate: Tensor<Self, 2>, up: Tensor<Self, 2>, compute: Compute) -> [Tensor<Self, 2>; 3] {
        if compute == Compute::F32 {
            return [Self::swiglu(&gate, &up), gate, up];
        }
        let shape = gate.dims();
        let (mut h, mut kept) = (Slice::fresh(shape), [Slice::fresh_kept(shape), Slice::fresh_kept(shape)]);
        let (gate, up) = (Slice::take(gate), Slice::take(up));
        let kept_values = kept.each_mut().map(Slice::kept_mut);
        pointwise::swiglu_keeping(gate.get(), up.get(), h.get_mut(), kept_values);
        let [gate, up] = kept;
        [h, gate, up].map(Slice::into_tensor)
    }

    fn kept_element_bytes(compute: Compute) -> usize {
        match compute {
            Compute::F32 => size_of::<f32>(),
            Compute::Bf16 => size_of::<half::bf16>(),
        }
    }

    fn swiglu_backward(
        dh: &Tensor<Self, 2>,
        gate: &Tensor<Self, 2>,
        up: &Tensor<Self, 2>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>) {
        let (mut dgate, mut dup) = (Slice::fresh(gate.dims()), Slice::fresh(up.dims()));
        let (dh, gate, up) = (Slice::of(dh), Slice::of(gate), Slice::of(up));
        pointwise::swiglu_backward(dh.get(), values(&gate), values(&up), dgate.get_mut(), dup.get_mut());
        (dgate.into_tensor(), dup.into_tensor())
    }

    fn attention(
        q: &Tensor<Self, 2>,
        k: &Tensor<Self, 2>,
        v: &Tensor<Self, 2>,
        heads: Heads,
        segments: &Segments,
        compute: Compute,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>) {
        check_attention(q, k, v, heads, segments);
        let mut output = Slice::fresh(q.dims());
        let mut log_sum_exp = Slice::fresh([rows(q), heads.query]);
        let (q, k, v) = (Slice::of(q), Slice::of(k), Slice::of(v));
        let inputs = attention::Inputs { q: q.get(), k: k.get(), v: v.get(), heads };
        let product = Product::fastest(compute);
        attention::forward(inputs, segments, output.get_mut(), log_sum_exp.get_mut(), product);
        (output.into_tensor(), log_sum_exp.into_tensor())
    }

    fn attention_backward(
        d_output: &Tensor<Self, 2>,
        saved: &SavedAttention<'_, Self>,
        heads: Heads,
        segments: &Segments,
        compute: Compute,
    ) -> AttentionGradients<Self> {
        let SavedAttention { q, k, v, output, log_sum_exp } = *saved;
        check_attention(q, k, v, heads, segments);
        let (mut dq, mut dk, mut dv) =
            (Slice::fresh(q.dims()), Slice::fresh(k.dims()), Slice::fresh(v.dims()));
        let (q, k, v) = (Slice::of(q), Slice::of(k), Slice::of(v));
        let (d_output, output, log_sum_exp) =
            (Slice::of(d_output), Slice::of(output), Slice::of(log_sum_exp));
        let inputs = attention::Inputs { q: q.get(), k: k.get(), v: v.get(), heads };
        let saved = attention::Saved {
            d_output: d_output.get(),
            output: output.get(),
            log_sum_exp: log_sum_exp.get(),
        };
        let product = Product::fastest(compute);
        let gradients = attention::Gradients { dq: dq.get_mut(), dk: dk.get_mut(), dv: dv.get_mut() };
        attention::backward(inputs, saved, segments, gradients, product);
        AttentionGradients { dq: dq.into_tensor(), dk: dk.into_tensor(), dv: dv.into_tensor() }
    }

    fn cached_attention(
        q: &Tensor<Self, 2>,
        k: &Tensor<Self, 2>,
        v: &Tensor<Self, 2>,
        cache: &mut KeyValueCache<Self>,
        heads: Heads,
        compute: Compute,
    ) -> Tensor<Self, 2> {
        let segments = Segments::from_lengths(&[rows(q)]);
        check_attention(q, k, v, heads, &segments);
        let (past, width) = (cache.length, columns(k));
        let new = past * width..(past + rows(k)) * width;
        assert!(past + rows(k) <= cache.capacity() && width == columns(&cache.keys), "the cache has room");
        for (kept, fresh) in [(&mut cache.keys, k), (&mut cache.values, v)] {
            // Taken out, so that nobody else holds it and it is written in place.
            let empty = Tensor::zeros([1, 1], &FlexDevice);
            let mut slice = Slice::take(core::mem::replace(kept, empty));
            slice.get_mut()[new.clone()].copy_from_slice(Slice::of(fresh).get());
            *kept = slice.into_tensor();
        }
        cache.length = past + rows(k);
        if past == 0 {
            return Self::attention(q, k, v, heads, &segments, compute).0;
        }
        let mut output = Slice::zeros(q.dims());
        let (q, keys, values) = (Slice::of(q), Slice::of(&cache.keys), Slice::of(&cache.values));
        let inputs = cached_attention::Inputs {
            q: q.get(),
            keys: keys.get(),
            values: values.get(),
            length: cache.length,
            heads,
        };
        cached_attention::forward(inputs, output.get_mut());
        output.into_tensor()
    }

    fn linear_cross_entropy(
        hidden: &Tensor<Self, 2>,
        head: &Self::Frozen,
        targets: &[u32],
        gradient_scale: Option<f32>,
        compute: Compute,
    ) -> CrossEntropy<Self> {
        assert_eq!(
            [rows(hidden), columns(hidden)],
            [targets.len(), head.shape()[1]],
            "hidden rows and width"
        );
        let mut d_hidden = gradient_scale.map(|_| Slice::fresh(hidden.dims()));
        let gradient = gradient_scale.zip(d_hidden.as_mut().map(Slice::get_mut));
        let rows = cross_entropy::linear_cross_entropy(
            Slice::of(hidden).get(),
            head,
            targets,
            gradient,
            Product::fastest(compute),
        );
        CrossEntropy {
            losses: rows.iter().map(|row| row.loss).collect(),
            hits: rows.iter().map(|row| row.correct).collect(),
            d_hidden: d_hidden.map(Slice::into_tensor),
        }
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
        let shape = [targets.len(), head.shape()[1]];
        assert_eq!([hidden.dims(), base_hidden.dims()], [shape; 2], "hidden rows and width");
        let mut d_hidden = gradient_scale.map(|_| Slice::fresh(shape));
        let gradient = gradient_scale.zip(d_hidden.as_mut().map(Slice::get_mut));
        let (hidden, base_hidden) = (Slice::of(hidden), Slice::of(base_hidden));
        let rows = cross_entropy_kl::linear_cross_entropy_kl(
            [hidden.get(), base_hidden.get()],
            head,
            targets,
            weight,
            gradient,
            Product::fastest(compute),
        );
        let cross_entropy = CrossEntropy {
            losses: rows.iter().map(|row| row.target.loss).collect(),
            hits: rows.iter().map(|row| row.target.correct).collect(),
            d_hidden: d_hidden.map(Slice::into_tensor),
        };
        CrossEntropyKl { cross_entropy, divergences: rows.iter().map(|row| row.divergence).collect() }
    }

    fn embedding(table: &Self::Frozen, tokens: &[u32], _device: &FlexDevice) -> Tensor<Self, 2> {
        let [vocabulary, width] = table.shape();
        assert!(tokens.iter().all(|token| (*token as usize) < vocabulary), "tokens below the vocabulary");
        let mut out = Slice::fresh([tokens.len(), width]);
        out.get_mut()
            .par_chunks_mut(width)
            .zip(tokens)
            .for_each(|(out, token)| table.rows_to_f32(*token as usize, out));
        out.into_tensor()
    }

    fn gather_rows(x: &Tensor<Self, 2>, rows: &[usize]) -> Tensor<Self, 2> {
        let width = columns(x);
        let mut out = Slice::fresh([rows.len(), width]);
        let x = Slice::of(x);
        for (out, row) in out.get_mut().chunks_exact_mut(width).zip(rows) {
            out.copy_from_slice(&x.get()[row * width..(row + 1) * width]);
        }
        out.into_tensor()
    }

    fn scatter_rows(x: &Tensor<Self, 2>, rows: &[usize], total: usize) -> Tensor<Self, 2> {
        let width = columns(x);
        let mut out = Slice::zeros([total, width]);
        let x = Slice::of(x);
        for (values, row) in x.get().chunks_exact(width).zip(rows) {
            out.get_mut()[row * width..(row + 1) * width].copy_from_slice(values);
        }
        out.into_tensor()
    }

    fn add(x: Tensor<Self, 2>, y: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let mut x = Slice::take(x);
        pointwise::add(x.get_mut(), Slice::of(y).get());
        x.into_tensor()
    }
}

/// The accumulator given, or zeros.
fn zeros_or(given: Option<Tensor<Flex, 2>>, shape: [usize; 2]) -> Slice {
    let (mut sum, was_given) = Slice::accumulator(given, shape);
    if !was_given {
        sum.get_mut().fill(0.0);
    }
    sum
}

/// A tensor's values, whether it was kept in bf16 or not.
fn values(slice: &Slice) -> Values<'_> {
    slice.kept().map_or_else(|| Values::F32(slice.get()), Values::Bf16)
}

fn check_attention(
    q: &Tensor<Flex, 2>,
    k: &Tensor<Flex, 2>,
    v: &Tensor<Flex, 2>,
    heads: Heads,
    segments: &Segments,
) {
    let tokens = segments.total();
    assert_eq!(q.dims(), [tokens, heads.query * heads.head_dim], "query shape");
    assert_eq!(k.dims(), [tokens, heads.key_value * heads.head_dim], "key shape");
    assert_eq!(v.dims(), k.dims(), "value shape");
    assert!(heads.query.is_multiple_of(heads.key_value), "whole groups of query heads");
}

#[cfg(test)]
pub(crate) mod tests;
