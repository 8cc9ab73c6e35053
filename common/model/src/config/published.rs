//! The published shapes by name, so that a plan needs no download. Called by `site-agent plan`.
//! Invariant: the number of parameters of each is the published one (tested).

use crate::config::{Architecture, ModelConfig, Rope, RopeScaling};

/// A published model: name; hidden, intermediate, layers, query heads, key-value heads, head width,
/// vocabulary; tied.
pub struct Shape {
    /// As on the hub, in lower case, without the organisation.
    pub name: &'static str,
    architecture: Architecture,
    sizes: [usize; 7],
    tied: bool,
}

const fn qwen2(name: &'static str, sizes: [usize; 7], tied: bool) -> Shape {
    Shape { name, architecture: Architecture::Qwen2, sizes, tied }
}

const fn qwen3(name: &'static str, sizes: [usize; 7], tied: bool) -> Shape {
    Shape { name, architecture: Architecture::Qwen3, sizes, tied }
}

const fn llama(name: &'static str, sizes: [usize; 7], tied: bool) -> Shape {
    Shape { name, architecture: Architecture::Llama, sizes, tied }
}

/// All shapes that have a name here.
pub const SHAPES: &[Shape] = &[
    qwen2("qwen2.5-0.5b", [896, 4_864, 24, 14, 2, 64, 151_936], true),
    qwen2("qwen2.5-1.5b", [1_536, 8_960, 28, 12, 2, 128, 151_936], true),
    qwen2("qwen2.5-3b", [2_048, 11_008, 36, 16, 2, 128, 151_936], true),
    qwen2("qwen2.5-7b", [3_584, 18_944, 28, 28, 4, 128, 152_064], false),
    qwen2("qwen2.5-14b", [5_120, 13_824, 48, 40, 8, 128, 152_064], false),
    qwen2("qwen2.5-32b", [5_120, 27_648, 64, 40, 8, 128, 152_064], false),
    qwen2("qwen2.5-72b", [8_192, 29_568, 80, 64, 8, 128, 152_064], false),
    qwen3("qwen3-0.6b", [1_024, 3_072, 28, 16, 8, 128, 151_936], true),
    qwen3("qwen3-1.7b", [2_048, 6_144, 28, 16, 8, 128, 151_936], true),
    qwen3("qwen3-4b", [2_560, 9_728, 36, 32, 8, 128, 151_936], true),
    qwen3("qwen3-8b", [4_096, 12_288, 36, 32, 8, 128, 151_936], false),
    qwen3("qwen3-14b", [5_120, 17_408, 40, 40, 8, 128, 151_936], false),
    qwen3("qwen3-32b", [5_120, 25_600, 64, 64, 8, 128, 151_936], false),
    llama("llama-3.2-1b", [2_048, 8_192, 16, 32, 8, 64, 128_256], true),
    llama("llama-3.2-3b", [3_072, 8_192, 28, 24, 8, 128, 128_256], true),
    llama("llama-3.1-8b", [4_096, 14_336, 32, 32, 8, 128, 128_256], false),
    llama("llama-3.1-70b", [8_192, 28_672, 80, 64, 8, 128, 128_256], false),
];

/// The shape with that name, if there is one. What does not change memory (epsilon, rotary base) is not the
/// model's.
#[must_use]
pub fn shape(name: &str) -> Option<ModelConfig> {
    let name = name.to_ascii_lowercase();
    let shape = SHAPES.iter().find(|shape| shape.name == name.trim_end_matches("-instruct"))?;
    let [hidden_size, intermediate_size, num_layers, heads, key_value_heads, head_dim, vocab_size] =
        shape.sizes;
    Some(ModelConfig {
        architecture: shape.architecture,
        hidden_size,
        intermediate_size,
        num_layers,
        num_attention_heads: heads,
        num_key_value_heads: key_value_heads,
        head_dim,
        vocab_size,
        rms_norm_eps: 1e-6,
        tie_word_embeddings: shape.tied,
        qkv_bias: shape.architecture == Architecture::Qwen2,
        query_key_norm: shape.architecture == Architecture::Qwen3,
        max_position_embeddings: if shape.architecture == Architecture::Llama { 131_072 } else { 32_768 },
        rope: Rope { theta: 1e6, scaling: RopeScaling::Default },
    })
}
