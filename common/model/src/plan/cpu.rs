//! The parts on the processor. Each follows the code that allocates it, named beside it. Called by `plan`.

use super::elements::{adapter_parameters, kept_and_repeated, linear_bytes, table_elements, vector_elements};
use super::parts::{Part, When};
use super::request::PlanRequest;
use crate::kernels::cross_entropy::VOCABULARY_RUN;
use crate::kernels::loss::{logit_bytes, rows_at_a_time};
use crate::kernels::product::Product;
use crate::options::Compute;

/// Program text, the worker threads' tile buffers, the records, and small blocks the allocator keeps.
const PROCESS_BYTES: u64 = 48 << 20;
/// A tokenizer's vocabulary and merges in hash maps.
const TOKENIZER_BYTES_A_TOKEN: u64 = 420;

pub(super) fn parts(request: &PlanRequest, layers_kept: usize) -> Vec<Part> {
    let config = &request.config;
    let (tokens, hidden) = (request.tokens() as u64, config.hidden_size as u64);
    let adapter = adapter_parameters(config, request.rank);
    // `base::loader::table`: bf16 unless both checkpoint and arithmetic are f32.
    let wide_tables = request.checkpoint_is_f32 && request.compute == Compute::F32;
    let table_bytes = table_elements(config) * if wide_tables { 4 } else { 2 };
    let input_bytes = tokens * hidden * 4;
    let gates = 2 * config.intermediate_size as u64;
    let saved_bytes = tokens
        * (kept_and_repeated(request, layers_kept).0 * 4 - gates * (4 - gate_bytes(request.compute) as u64));
    let part = |name, bytes, when| Part { name, bytes, when };
    vec![
        part("process", PROCESS_BYTES, When::Always),
        part("tokenizer", config.vocab_size as u64 * TOKENIZER_BYTES_A_TOKEN, When::Always),
        part("linears", linear_bytes(config, request.weights), When::Always),
        part("embedding and head", table_bytes, When::Always),
        part("norms and biases", 4 * vector_elements(config), When::Always),
        // The adapter, its two moments (`train::optimizer`), and its copy for the pass (`decoder::adapter`).
        part("adapter and its optimiser", 4 * 4 * adapter, When::Always),
        part("gradients", 4 * adapter, When::Pass),
        part("layer inputs", config.num_layers as u64 * input_bytes, When::Pass),
        part("activations kept", layers_kept as u64 * saved_bytes, When::Pass),
        part("loss head", loss_head(request), When::LossHead),
        part("one layer, backward", layer(request, layers_kept), When::Layer),
        part("attention", attention(request), When::Layer),
        // `train::state`: adapter and moments as they are collected, and as bytes.
        part("training checkpoint", 2 * 3 * 4 * adapter, When::BetweenSteps),
    ]
}

/// `kernels::pointwise::swiglu_keeping`: bytes of a value of the gate and up projections as they are kept.
pub(super) const fn gate_bytes(compute: Compute) -> usize {
    match compute {
        Compute::Bf16 => 2,
        Compute::F32 => 4,
    }
}

/// `kernels::cross_entropy`: logits of a chunk of rows, a run of their gradient packed for the product, and
/// the rows' hidden states (`decoder::pass`: gathered, normalised, their gradient).
fn loss_head(request: &PlanRequest) -> u64 {
    let (tokens, vocabulary) = (request.tokens(), request.config.vocab_size);
    let logit_bytes = logit_bytes(Product::fastest(request.compute));
    let rows = rows_at_a_time(tokens, vocabulary, logit_bytes);
    let run = (rows * vocabulary.min(VOCABULARY_RUN)) as u64 * packed(request.compute);
    (rows * vocabulary * logit_bytes) as u64 + run + 4 * (tokens * request.config.hidden_size) as u64 * 4
}

/// Bytes of an operand prepared for a product: pairs of bf16, or nothing in f32.
const fn packed(compute: Compute) -> u64 {
    match compute {
        Compute::Bf16 => 2,
        Compute::F32 => 0,
    }
}

/// `kernels::feed_forward`: the gradients of gate and up in the layouts of two products, and `h` in that of
/// one, all bf16; in f32 (`ops::project::feed_forward_backward`) the gradients of `h`, the gate and the up
/// projection.
fn feed_forward(request: &PlanRequest) -> u64 {
    let wide = (request.tokens() * request.config.intermediate_size) as u64;
    match request.compute {
        Compute::Bf16 => 5 * 2 * wide,
        Compute::F32 => 3 * 4 * wide,
    }
}

/// `decoder::mlp::backward`: the block's gradients are there together, beside the gradients of the layer's
/// output, of its middle and of what is normalised; what is recomputed comes on top.
fn layer(request: &PlanRequest, layers_kept: usize) -> u64 {
    let (tokens, hidden) = (request.tokens() as u64, request.config.hidden_size as u64);
    let repeated = tokens * kept_and_repeated(request, layers_kept).1 * 4;
    feed_forward(request) + 4 * tokens * hidden * 4 + repeated
}

/// `kernels::attention::backward`: key and value gradients of every query head, and the tiles of two tasks.
fn attention(request: &PlanRequest) -> u64 {
    const TILE_ROWS: u64 = 64;
    let config = &request.config;
    let queries = (config.num_attention_heads * config.head_dim) as u64;
    let heads = 2 * request.tokens() as u64 * queries * 4;
    let tiles = 2 * 2 * TILE_ROWS * request.sequence_tokens as u64 * 4;
    // It runs when the feed-forward block's gradients are gone: only what is larger counts.
    (heads + tiles).saturating_sub(feed_forward(request))
}
