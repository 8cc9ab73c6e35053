//! What llama.cpp calls a model and its tensors. Called by `export::gguf`. Invariant: every tensor that the
//! decoder uses has a name here, and nothing else has.
//!
//! Source: `gguf-py/gguf/constants.py` (names) and the converter's classes of the three families (which rows
//! are reordered).

use crate::config::{Architecture, LinearKind, ModelConfig};

/// A tensor of the checkpoint, and where it goes.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// In the checkpoint.
    pub(super) source: String,
    /// In the file.
    pub(super) name: String,
    /// Outermost first.
    pub(super) shape: Vec<usize>,
    /// Heads whose rows are interleaved, where they are.
    pub(super) heads: Option<usize>,
}

/// `general.architecture`, and what its own keys begin with.
pub(super) const fn architecture(config: &ModelConfig) -> &'static str {
    match config.architecture {
        Architecture::Qwen2 => "qwen2",
        Architecture::Qwen3 => "qwen3",
        Architecture::Llama => "llama",
    }
}

/// A linear's name without `.weight`: `blk.3.attn_q`.
pub(super) fn linear(layer: usize, kind: LinearKind) -> String {
    let part = match kind {
        LinearKind::Query => "attn_q",
        LinearKind::Key => "attn_k",
        LinearKind::Value => "attn_v",
        LinearKind::Output => "attn_output",
        LinearKind::Gate => "ffn_gate",
        LinearKind::Up => "ffn_up",
        LinearKind::Down => "ffn_down",
    };
    format!("blk.{layer}.{part}")
}

/// llama.cpp turns neighbouring values of a llama's query and key heads, where transformers turns the two
/// halves of a head: the rows of these weights are reordered. The other families are turned in halves there
/// too.
pub(super) fn interleaved_heads(config: &ModelConfig, kind: LinearKind) -> Option<usize> {
    match (config.architecture, kind) {
        (Architecture::Llama, LinearKind::Query) => Some(config.num_attention_heads),
        (Architecture::Llama, LinearKind::Key) => Some(config.num_key_value_heads),
        _ => None,
    }
}

/// All tensors of a model, in the order in which they are written.
pub(super) fn plan(config: &ModelConfig) -> Vec<Planned> {
    let plain =
        |source: String, name: String, shape: Vec<usize>| Planned { source, name, shape, heads: None };
    let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
    let mut all = vec![plain(
        "model.embed_tokens.weight".to_owned(),
        "token_embd.weight".to_owned(),
        vec![vocabulary, hidden],
    )];
    for layer in 0..config.num_layers {
        let vector = |part: &str, name: &str, size: usize| {
            let source = format!("model.layers.{layer}.{part}.weight");
            plain(source, format!("blk.{layer}.{name}.weight"), vec![size])
        };
        all.push(vector("input_layernorm", "attn_norm", hidden));
        if config.query_key_norm {
            all.push(vector("self_attn.q_norm", "attn_q_norm", config.head_dim));
            all.push(vector("self_attn.k_norm", "attn_k_norm", config.head_dim));
        }
        all.push(vector("post_attention_layernorm", "ffn_norm", hidden));
        for kind in LinearKind::ALL {
            let (module, name) = (kind.module_name(layer), linear(layer, kind));
            let shape = config.linear_shape(kind);
            let heads = interleaved_heads(config, kind);
            let weight = plain(format!("{module}.weight"), format!("{name}.weight"), shape.to_vec());
            all.push(Planned { heads, ..weight });
            if config.linear_bias(kind) {
                let bias = plain(format!("{module}.bias"), format!("{name}.bias"), vec![shape[0]]);
                all.push(Planned { heads, ..bias });
            }
        }
    }
    all.push(plain("model.norm.weight".to_owned(), "output_norm.weight".to_owned(), vec![hidden]));
    if !config.tie_word_embeddings {
        let head = plain("lm_head.weight".to_owned(), "output.weight".to_owned(), vec![vocabulary, hidden]);
        all.push(head);
    }
    all
}
