//! The attention block of a layer: `y = x + Wo attention(rope(norm(Wq n)), rope(norm(Wk n)), Wv n)`, `n =
//! rms(x)`. Called by the layer's passes. Invariant: the backward pass uses only what `Saved` holds and the
//! frozen weights; `n` is recomputed from `x`, which costs less than keeping it.

use burn_tensor::Tensor;

use super::adapter::Gradients;
use super::context::PassContext;
use super::linear::LinearPosition;
use super::weights::{Decoder, Layer};
use crate::config::LinearKind::{Key, Output, Query, Value};
use crate::ops::{EngineOps, KeyValueCache, SavedAttention};

/// One layer in one pass.
pub(crate) struct LayerPass<'a, B: EngineOps> {
    pub(crate) decoder: &'a Decoder<B>,
    pub(crate) layer: &'a Layer<B>,
    pub(crate) position: LinearPosition<'a, B>,
    pub(crate) context: &'a PassContext<'a, B>,
}

/// What the backward pass of the block needs besides its input `x`.
pub(crate) struct Saved<B: EngineOps> {
    /// Query and key before their norm; only where the model normalises them.
    unnormalised: Option<[Tensor<B, 2>; 2]>,
    /// After norm and rotary embedding.
    query: Tensor<B, 2>,
    key: Tensor<B, 2>,
    value: Tensor<B, 2>,
    attended: Tensor<B, 2>,
    log_sum_exp: Tensor<B, 2>,
    /// `x A^T` of query, key, value, output.
    xa: [Option<Tensor<B, 2>>; 4],
}

/// Query and key after norm and rotary embedding, and value.
struct Projected<B: EngineOps> {
    query: Tensor<B, 2>,
    key: Tensor<B, 2>,
    value: Tensor<B, 2>,
    unnormalised: Option<[Tensor<B, 2>; 2]>,
    /// `x A^T` of query, key, value.
    xa: [Option<Tensor<B, 2>>; 3],
}

fn project<B: EngineOps>(pass: &LayerPass<'_, B>, x: &Tensor<B, 2>) -> Projected<B> {
    let LayerPass { decoder, layer, position, context } = pass;
    let heads = decoder.heads();
    let normalised = B::rms_norm(x, &layer.input_norm, decoder.epsilon()).y;
    let [(query, query_xa), (key, key_xa), (value, value_xa)] =
        position.forward(layer, [Query, Key, Value], &normalised);
    let (query, key, unnormalised) = match &layer.head_norms {
        None => (query, key, None),
        Some([query_norm, key_norm]) => {
            let normal = |x: &Tensor<B, 2>, weight: &Tensor<B, 1>| {
                let shape = x.dims();
                let rows = x.clone().reshape([shape[0] * shape[1] / heads.head_dim, heads.head_dim]);
                B::rms_norm(&rows, weight, decoder.epsilon()).y.reshape(shape)
            };
            let pair = (normal(&query, query_norm), normal(&key, key_norm));
            (pair.0, pair.1, Some([query, key]))
        }
    };
    let rotate = |x| B::rotary(x, heads.head_dim, context.rotary, context.segments, false);
    Projected {
        query: rotate(query),
        key: rotate(key),
        value,
        unnormalised,
        xa: [query_xa, key_xa, value_xa],
    }
}

/// `y [T, hidden]` of the next rows of a sequence whose keys and values so far are in `cache`. With several
/// segments each is another way for it to go on; `cache` then stays as it was.
pub(crate) fn forward_cached<B: EngineOps>(
    pass: &LayerPass<'_, B>,
    cache: &mut KeyValueCache<B>,
    x: &Tensor<B, 2>,
) -> Tensor<B, 2> {
    let LayerPass { decoder, layer, position, context } = pass;
    let Projected { query, key, value, .. } = project(pass, x);
    let attend = |cache: &mut KeyValueCache<B>, rows: [&Tensor<B, 2>; 3]| {
        B::cached_attention(rows[0], rows[1], rows[2], cache, decoder.heads(), decoder.compute)
    };
    let attended = if context.segments.count() == 1 {
        attend(cache, [&query, &key, &value])
    } else {
        // Each goes on from what is kept, and forgets the one before.
        let past = cache.length;
        let parts = context.segments.ranges().map(|range| {
            cache.truncate(past);
            let rows: Vec<usize> = range.collect();
            let [query, key, value] = [&query, &key, &value].map(|x| B::gather_rows(x, &rows));
            attend(cache, [&query, &key, &value])
        });
        let parts: Vec<Tensor<B, 2>> = parts.collect();
        cache.truncate(past);
        Tensor::cat(parts, 0)
    };
    let [(projected, _)] = position.forward(layer, [Output], &attended);
    B::add(projected, x)
}

/// `y [T, hidden]` and what to keep.
pub(crate) fn forward<B: EngineOps>(pass: &LayerPass<'_, B>, x: &Tensor<B, 2>) -> (Tensor<B, 2>, Saved<B>) {
    let LayerPass { decoder, layer, position, context } = pass;
    let heads = decoder.heads();
    let Projected { query, key, value, unnormalised, xa: [query_xa, key_xa, value_xa] } = project(pass, x);
    let (attended, log_sum_exp) =
        <B as EngineOps>::attention(&query, &key, &value, heads, context.segments, decoder.compute);
    let [(projected, output_xa)] = position.forward(layer, [Output], &attended);
    let y = B::add(projected, x);
    let xa = [query_xa, key_xa, value_xa, output_xa];
    (y, Saved { unnormalised, query, key, value, attended, log_sum_exp, xa })
}

/// `dL/dx [T, hidden]` for `dy = dL/dy`.
pub(crate) fn backward<B: EngineOps>(
    pass: &LayerPass<'_, B>,
    x: &Tensor<B, 2>,
    saved: Saved<B>,
    dy: Tensor<B, 2>,
    gradients: &mut Gradients,
) -> Tensor<B, 2> {
    let LayerPass { decoder, layer, position, context } = pass;
    let heads = decoder.heads();
    let [query_xa, key_xa, value_xa, output_xa] = &saved.xa;
    let output = [(Output, output_xa.as_ref(), &dy)];
    let d_attended = position.backward(layer, &saved.attended, output, None, gradients);
    let read = SavedAttention {
        q: &saved.query,
        k: &saved.key,
        v: &saved.value,
        output: &saved.attended,
        log_sum_exp: &saved.log_sum_exp,
    };
    let d = B::attention_backward(&d_attended, &read, heads, context.segments, decoder.compute);
    drop(d_attended);
    let unrotate = |x| B::rotary(x, heads.head_dim, context.rotary, context.segments, true);
    let (mut d_query, mut d_key) = (unrotate(d.dq), unrotate(d.dk));
    if let (Some([query_norm, key_norm]), Some([query, key])) = (&layer.head_norms, &saved.unnormalised) {
        d_query = head_norm_backward(decoder, &d_query, query, query_norm);
        d_key = head_norm_backward(decoder, &d_key, key, key_norm);
    }
    let normalised = B::rms_norm(x, &layer.input_norm, decoder.epsilon());
    let outputs = [
        (Query, query_xa.as_ref(), &d_query),
        (Key, key_xa.as_ref(), &d_key),
        (Value, value_xa.as_ref(), &d.dv),
    ];
    let dn = position.backward(layer, &normalised.y, outputs, None, gradients);
    B::rms_norm_backward(&dn, x, &normalised.rstd, &layer.input_norm, Some(dy))
}

/// Through the norm of each head: rows of `head_dim`.
fn head_norm_backward<B: EngineOps>(
    decoder: &Decoder<B>,
    dy: &Tensor<B, 2>,
    x: &Tensor<B, 2>,
    weight: &Tensor<B, 1>,
) -> Tensor<B, 2> {
    let shape = x.dims();
    let head_dim = decoder.config.head_dim;
    let by_head = [shape[0] * shape[1] / head_dim, head_dim];
    let rows = x.clone().reshape(by_head);
    let rstd = B::rms_norm(&rows, weight, decoder.epsilon()).rstd;
    B::rms_norm_backward(&dy.clone().reshape(by_head), &rows, &rstd, weight, None).reshape(shape)
}
