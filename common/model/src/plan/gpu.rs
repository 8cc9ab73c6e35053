//! The parts on a GPU, each after the code that allocates it, named beside it. Called by `plan`.
//! Not compared with a measurement; a plan made from here says so.

use super::elements::{
    adapter_parameters, kept_and_repeated, linear_bytes, product, table_elements, vector_elements,
};
use super::parts::{Part, When};
use super::request::PlanRequest;
use crate::config::LinearKind;
use crate::options::Compute;

/// What the driver and the compiled kernels take.
const CONTEXT_BYTES: u64 = 500 << 20;
/// `ops::cube::loss`: logits of a chunk and their gradient.
const LOGIT_BYTES: u64 = 384 << 20;
/// `ops::cube::attention`: f32 scores of a chunk.
const SCORE_BYTES: u64 = 128 << 20;
/// Activations and gradients.
const WIDE: u64 = 4;

pub(super) fn parts(request: &PlanRequest, layers_kept: usize) -> Vec<Part> {
    let config = &request.config;
    let (tokens, hidden) = (request.tokens() as u64, config.hidden_size as u64);
    let adapter = adapter_parameters(config, request.rank);
    let largest = LinearKind::ALL.iter().map(|kind| product(config.linear_shape(*kind))).max().unwrap_or(0);
    let narrow = operand_bytes(request.compute);
    let (kept, repeated) = kept_and_repeated(request, layers_kept);
    let input_bytes = tokens * hidden * WIDE;
    let gates = tokens * config.intermediate_size as u64;
    let part = |name, bytes, when| Part { name, bytes, when };
    vec![
        part("driver and kernels", CONTEXT_BYTES, When::Always),
        part("linears", linear_bytes(config, request.weights), When::Always),
        // `ops::cube::frozen`: as in the checkpoint, 16 bits.
        part("embedding and head", table_elements(config) * 2, When::Always),
        part("norms and biases", vector_elements(config) * 4, When::Always),
        // The moments are on the host (`train::optimizer`).
        part("adapter and its gradients", 2 * 4 * adapter, When::Always),
        // `Packed::dequantise`: one is in use while the pool still holds the one before.
        part("unpacked weight, twice", 2 * largest * narrow, When::Always),
        part("layer inputs", config.num_layers as u64 * input_bytes, When::Pass),
        part("activations kept", layers_kept as u64 * tokens * kept * WIDE, When::Pass),
        // Beside the logits the rows' hidden states: gathered, normalised, as operands, and their gradient.
        part("loss head", logits(request) + 3 * input_bytes + tokens * hidden * narrow, When::LossHead),
        // `decoder::mlp::backward`: the product, its gradient, and those of gate and up, beside an operand.
        part(
            "one layer, backward",
            4 * gates * WIDE + gates * narrow + 4 * input_bytes + tokens * repeated * WIDE,
            When::Layer,
        ),
        part("attention", attention(request).saturating_sub(4 * gates * WIDE), When::Layer),
    ]
}

/// Bytes of an element of a product's operand.
const fn operand_bytes(compute: Compute) -> u64 {
    match compute {
        Compute::Bf16 => 2,
        Compute::F32 => 4,
    }
}

fn logits(request: &PlanRequest) -> u64 {
    let row = request.config.vocab_size as u64 * (WIDE + operand_bytes(request.compute));
    LOGIT_BYTES.min(request.tokens() as u64 * row)
}

/// `ops::cube::attention::backward`: scores and their gradient, both again as operands, and queries, keys,
/// values, output gradients with the gradients of the first three. It runs when the feed-forward block's
/// gradients are gone.
fn attention(request: &PlanRequest) -> u64 {
    let config = &request.config;
    let sequence = request.sequence_tokens as u64;
    let scores = SCORE_BYTES.min(config.num_attention_heads as u64 * sequence * sequence * WIDE);
    let widths = (2 * config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim;
    let narrow = operand_bytes(request.compute);
    2 * scores + 2 * scores * narrow / WIDE + request.tokens() as u64 * widths as u64 * (WIDE + narrow)
}
