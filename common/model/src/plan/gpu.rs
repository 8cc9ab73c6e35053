//! The parts on a GPU, reckoned as in the design's budget (activations and packed operands in bf16). Called by `plan`.
//! Not compared with a measurement; a plan made from here says so.

use super::{
    Part, PlanRequest, When, adapter_parameters, kept_and_repeated, linear_bytes, product, table_elements,
    vector_elements,
};
use crate::config::LinearKind;

/// What the driver and the compiled kernels take.
const CONTEXT_BYTES: u64 = 500 << 20;
/// Rows of the loss head's chunk.
const HEAD_ROWS: u64 = 512;
/// Query rows of an attention tile.
const TILE_ROWS: u64 = 128;
/// bf16.
const NARROW: u64 = 2;

pub(super) fn parts(request: &PlanRequest, layers_kept: usize) -> Vec<Part> {
    let config = &request.config;
    let (tokens, hidden) = (request.tokens() as u64, config.hidden_size as u64);
    let adapter = adapter_parameters(config, request.rank);
    let largest = LinearKind::ALL.iter().map(|kind| product(config.linear_shape(*kind))).max().unwrap_or(0);
    let input_bytes = tokens * hidden * NARROW;
    let (kept, repeated) = kept_and_repeated(request, layers_kept);
    let (saved_bytes, repeated) = (tokens * kept * NARROW, tokens * repeated * NARROW);
    let wide = tokens * config.intermediate_size as u64 * NARROW;
    let attention = config.num_attention_heads as u64 * TILE_ROWS * request.sequence_tokens as u64 * 4;
    let part = |name, bytes, when| Part { name, bytes, when };
    vec![
        part("driver and kernels", CONTEXT_BYTES, When::Always),
        part("linears", linear_bytes(config, request.weights), When::Always),
        part("embedding and head", table_elements(config) * NARROW, When::Always),
        part("norms and biases", vector_elements(config) * 4, When::Always),
        // f32 weights, gradients and two moments, and a bf16 copy.
        part("adapter and its optimiser", adapter * (16 + NARROW), When::Always),
        part("unpacked weight, twice", 2 * largest * NARROW, When::Always),
        part("layer inputs", config.num_layers as u64 * input_bytes, When::Pass),
        part("activations kept", layers_kept as u64 * saved_bytes, When::Pass),
        part("loss head", HEAD_ROWS.min(tokens) * config.vocab_size as u64 * (4 + NARROW), When::LossHead),
        part("one layer, backward", 3 * wide + 4 * input_bytes + repeated, When::Layer),
        part("attention", attention, When::Layer),
    ]
}
