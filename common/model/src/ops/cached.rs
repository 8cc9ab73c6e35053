//! Attention over a cache in burn's own operations: right on every backend, fast on none.
//!
//! Called by [`super::EngineOps::cached_attention`] where a device has no kernel for it, and by the tests of
//! the devices that have. Invariant: only the first `length` rows of the cache are read.

use burn_backend::Backend;
use burn_tensor::activation::softmax;
use burn_tensor::{Tensor, TensorData};

use super::types::KeyValueCache;
use crate::segments::Heads;

pub(super) fn attention<B: Backend>(
    q: &Tensor<B, 2>,
    k: &Tensor<B, 2>,
    v: &Tensor<B, 2>,
    cache: &mut KeyValueCache<B>,
    heads: Heads,
) -> Tensor<B, 2> {
    let Heads { query, key_value, head_dim } = heads;
    let (rows, past) = (q.dims()[0], cache.length);
    let total = past + rows;
    assert!(total <= cache.capacity(), "the cache has room");
    let new = [past..total, 0..key_value * head_dim];
    cache.keys = cache.keys.clone().slice_assign(new.clone(), k.clone());
    cache.values = cache.values.clone().slice_assign(new, v.clone());
    cache.length = total;
    // [heads, rows, head_dim], with each key and value head repeated for its group.
    let shared = |kept: &Tensor<B, 2>| {
        let split: Tensor<B, 3> =
            kept.clone().slice([0..total, 0..key_value * head_dim]).reshape([total, key_value, head_dim]);
        let split: Tensor<B, 4> = split.swap_dims(0, 1).unsqueeze_dim(1);
        split.repeat_dim(1, heads.group()).reshape([query, total, head_dim])
    };
    let queries: Tensor<B, 3> = q.clone().reshape([rows, query, head_dim]).swap_dims(0, 1);
    let scale = 1.0 / (head_dim as f32).sqrt();
    let scores = queries.matmul(shared(&cache.keys).swap_dims(1, 2)) * scale;
    let mut future = vec![0.0_f32; rows * total];
    for (row, mask) in future.chunks_exact_mut(total).enumerate() {
        mask[past + row + 1..].fill(f32::NEG_INFINITY);
    }
    let future = Tensor::<B, 3>::from_data(TensorData::new(future, [1, rows, total]), &q.device());
    let probabilities = softmax(scores + future, 2);
    probabilities.matmul(shared(&cache.values)).swap_dims(0, 1).reshape([rows, query * head_dim])
}
