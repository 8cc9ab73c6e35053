//! How many values a model's parts have. Used by everything in `plan`, and by the decoder's training pass,
//! which keeps as many layers as [`layers_to_keep`] says. Invariant: functions of the model's shape alone.

use super::request::PlanRequest;
use crate::config::{LinearKind, ModelConfig};
use crate::nf4::table::{BLOCK, NESTED_BLOCK};
use crate::options::{Recompute, WeightFormat};

/// Values that one layer keeps a token for its backward pass, its input included: x, middle, attended (hidden
/// or query width), query, key, value, gate, up, log-sum-exp, and the unnormalised heads where there are any.
pub(crate) fn saved_values_per_token(config: &ModelConfig) -> usize {
    let queries = config.num_attention_heads * config.head_dim;
    let keys = config.num_key_value_heads * config.head_dim;
    let heads = if config.query_key_norm { queries + keys } else { 0 };
    2 * config.hidden_size
        + 2 * queries
        + 2 * keys
        + 2 * config.intermediate_size
        + heads
        + config.num_attention_heads
}

/// Values that a kept layer keeps a token beside its input, and those it computes again.
pub(super) fn kept_and_repeated(request: &PlanRequest, layers_kept: usize) -> (u64, u64) {
    let config = &request.config;
    let all = (saved_values_per_token(config) - config.hidden_size) as u64;
    // The feed-forward block's input, gate and up projection.
    let feed_forward = (config.hidden_size + 2 * config.intermediate_size) as u64;
    match request.recompute {
        Recompute::Attention => (feed_forward, all - feed_forward),
        // The kept layers are the last ones: they are gone before the first is computed again.
        _ if layers_kept == 0 => (all, all),
        _ => (all, 0),
    }
}

/// How many layers' activations of that many tokens fit a budget; bytes of a value, and of one of gate and
/// up.
pub(crate) fn layers_to_keep(
    config: &ModelConfig,
    tokens: usize,
    budget_bytes: usize,
    [bytes_per_value, gate_bytes]: [usize; 2],
) -> usize {
    let gates = 2 * config.intermediate_size;
    let a_token = (saved_values_per_token(config) - gates) * bytes_per_value + gates * gate_bytes;
    let one_layer = (tokens * a_token).max(1);
    (budget_bytes / one_layer).min(config.num_layers)
}

pub(super) fn product(shape: [usize; 2]) -> u64 {
    shape[0] as u64 * shape[1] as u64
}

/// Elements of all linears of all layers.
pub(super) fn linear_elements(config: &ModelConfig) -> u64 {
    let layer: u64 = LinearKind::ALL.iter().map(|kind| product(config.linear_shape(*kind))).sum();
    layer * config.num_layers as u64
}

/// Bytes of the linears as they are held.
pub(super) fn linear_bytes(config: &ModelConfig, weights: WeightFormat) -> u64 {
    let elements = linear_elements(config);
    match weights {
        WeightFormat::F32 => 4 * elements,
        // Four bits a weight, one byte a block of 64, four bytes for 256 of those.
        WeightFormat::Nf4 => {
            elements / 2 + elements / BLOCK as u64 + 4 * elements / (BLOCK * NESTED_BLOCK) as u64
        }
    }
}

/// Values of norms and biases.
pub(super) fn vector_elements(config: &ModelConfig) -> u64 {
    let biases: usize = LinearKind::ALL
        .into_iter()
        .filter(|kind| config.linear_bias(*kind))
        .map(|kind| config.linear_shape(kind)[0])
        .sum();
    let head_norms = if config.query_key_norm { 2 * config.head_dim } else { 0 };
    let layer = 2 * config.hidden_size + biases + head_norms;
    (layer * config.num_layers + config.hidden_size) as u64
}

/// Elements of the embedding, and of the head where it is another matrix.
pub(super) fn table_elements(config: &ModelConfig) -> u64 {
    let table = config.vocab_size as u64 * config.hidden_size as u64;
    if config.tie_word_embeddings { table } else { 2 * table }
}

/// All weights of a base model.
#[must_use]
pub fn base_parameters(config: &ModelConfig) -> u64 {
    linear_elements(config) + vector_elements(config) + table_elements(config)
}

pub(super) fn adapter_parameters(config: &ModelConfig, rank: usize) -> u64 {
    let widths: usize =
        LinearKind::ALL.iter().map(|kind| config.linear_shape(*kind).iter().sum::<usize>()).sum();
    (rank * widths * config.num_layers) as u64
}
