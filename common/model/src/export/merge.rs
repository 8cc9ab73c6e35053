//! The arithmetic of merging: `W + scaling * B A` in f32, rounded to nearest-even bf16. Called by `export`.
//! Invariant: B A is summed before it is scaled and added, as PEFT's `get_delta_weight` does.

use std::collections::BTreeMap;

use half::bf16;
use rayon::prelude::*;

use crate::adapter::{Adapter, LoraPair};
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};

/// The adapter's pairs by the checkpoint name of the weight they change.
pub(crate) fn targets<'a>(
    config: &ModelConfig,
    adapter: &'a Adapter,
) -> Result<BTreeMap<String, &'a LoraPair>> {
    if adapter.num_layers() != config.num_layers {
        let reason = format!("it has {} layers, the model {}", adapter.num_layers(), config.num_layers);
        return Err(ModelError::Adapter { reason });
    }
    adapter
        .pairs()
        .map(|(layer, kind, pair)| {
            if config.linear_shape(kind) != [pair.out_features, pair.in_features] {
                let reason = format!("its {} has another shape than the model's", kind.module_name(layer));
                return Err(ModelError::Adapter { reason });
            }
            Ok((format!("{}.weight", kind.module_name(layer)), pair))
        })
        .collect()
}

/// Adds the pair to `weight` (row-major `[out_features, in_features]`).
pub(crate) fn add(weight: &mut [f32], pair: &LoraPair, scaling: f32) {
    weight.par_chunks_mut(pair.in_features).zip(pair.b.par_chunks(pair.rank)).for_each(|(row, b_row)| {
        let mut delta = vec![0.0_f32; row.len()];
        for (factor, a_row) in b_row.iter().zip(pair.a.chunks_exact(pair.in_features)) {
            for (sum, a) in delta.iter_mut().zip(a_row) {
                *sum += factor * a;
            }
        }
        for (value, sum) in row.iter_mut().zip(&delta) {
            *value += scaling * sum;
        }
    });
}

/// Round to nearest, ties to even.
pub(super) fn to_bf16(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect()
}
