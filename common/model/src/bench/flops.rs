//! How much arithmetic a trained token needs. Used by the bench to say how well a device is used. Invariant:
//! a number of the model's shape alone; what an implementation computes twice is not counted.

use crate::config::{LinearKind, ModelConfig};

/// GFLOP a token of QLoRA training on all seven linears needs, forward and backward, with a multiplication
/// and an addition counted as two: the frozen weights' outputs and input gradients (their own gradients are
/// not needed), the head on every token, causal attention averaged over a sequence of `tokens` (backward 2.5
/// times forward), and LoRA's six products.
#[must_use]
pub fn gflop_per_token(config: &ModelConfig, tokens: usize, rank: usize) -> f64 {
    let layers = config.num_layers as f64;
    let shapes = LinearKind::ALL.map(|kind| config.linear_shape(kind).map(|size| size as f64));
    let linears: f64 = shapes.iter().map(|[output, input]| output * input).sum::<f64>() * layers;
    let lora: f64 = shapes.iter().map(|[output, input]| output + input).sum::<f64>() * layers * rank as f64;
    let head = (config.vocab_size * config.hidden_size) as f64;
    let queries = (config.num_attention_heads * config.head_dim) as f64;
    let attention = 4.0 * tokens as f64 * queries / 2.0 * layers;
    (4.0 * (linears + head) + 3.5 * attention + 6.0 * lora) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::published::shape;

    #[test]
    fn published_shapes_have_the_known_numbers() {
        // From the parameter counts of the published checkpoints, at 2,048 tokens and rank 16.
        for (name, expected) in [("qwen2.5-7b", 29.96), ("qwen2.5-1.5b", 6.90), ("qwen2.5-0.5b", 2.34)] {
            let found = gflop_per_token(&shape(name).unwrap(), 2_048, 16);
            assert!((found - expected).abs() < 0.006, "{found} instead of {expected}");
        }
    }
}
