//! The architecture of a decoder model as data: what Qwen2/2.5, Qwen3 and Llama 3 differ in is a field here,
//! not a copy of the code. Read from a Hugging Face `config.json` by `config/parse.rs`; used by the loader,
//! the decoder and the adapter. Invariant: a `ModelConfig` that exists describes a model this crate computes
//! exactly.

mod parse;
pub mod published;
mod rope;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::rope::{Rope, RopeScaling};

/// The supported families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// Qwen2 and Qwen2.5: bias on q, k, v.
    Qwen2,
    /// Qwen3: RMS norm on each query and key head before the rotary embedding.
    Qwen3,
    /// Llama 3.x.
    Llama,
}

/// The seven linear maps of a decoder layer, in the order in which a forward pass uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LinearKind {
    /// Query projection.
    Query,
    /// Key projection.
    Key,
    /// Value projection.
    Value,
    /// Attention output projection.
    Output,
    /// Gate of the feed-forward block.
    Gate,
    /// Up projection of the feed-forward block.
    Up,
    /// Down projection of the feed-forward block.
    Down,
}

impl LinearKind {
    /// All seven, in forward order.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// Position in [`LinearKind::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name PEFT's `target_modules` uses: `q_proj`.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Query => "q_proj",
            Self::Key => "k_proj",
            Self::Value => "v_proj",
            Self::Output => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// The linear with that short name.
    #[must_use]
    pub fn from_short_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.short_name() == name)
    }

    /// The name inside a layer: `self_attn.q_proj`.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Query => "self_attn.q_proj",
            Self::Key => "self_attn.k_proj",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }

    /// The full name in a checkpoint without `.weight`: `model.layers.3.self_attn.q_proj`.
    #[must_use]
    pub fn module_name(self, layer: usize) -> String {
        format!("model.layers.{layer}.{}", self.path())
    }
}

/// A decoder model's shape and switches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The family; for display and for PEFT files. The decoder looks at the fields below instead.
    pub architecture: Architecture,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward block.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key/value heads; divides `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Rows of the embedding; may exceed the tokenizer's size.
    pub vocab_size: usize,
    /// Epsilon of every RMS norm.
    pub rms_norm_eps: f64,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// Whether q, k and v have a bias.
    pub qkv_bias: bool,
    /// Whether query and key heads are normalised before the rotary embedding.
    pub query_key_norm: bool,
    /// Longest sequence the model was made for, in tokens.
    pub max_position_embeddings: usize,
    /// The rotary embedding.
    pub rope: Rope,
}

impl ModelConfig {
    /// `[out_features, in_features]` of a linear.
    #[must_use]
    pub fn linear_shape(&self, kind: LinearKind) -> [usize; 2] {
        let queries = self.num_attention_heads * self.head_dim;
        let keys = self.num_key_value_heads * self.head_dim;
        match kind {
            LinearKind::Query => [queries, self.hidden_size],
            LinearKind::Key | LinearKind::Value => [keys, self.hidden_size],
            LinearKind::Output => [self.hidden_size, queries],
            LinearKind::Gate | LinearKind::Up => [self.intermediate_size, self.hidden_size],
            LinearKind::Down => [self.hidden_size, self.intermediate_size],
        }
    }

    /// Whether a linear has a bias.
    #[must_use]
    pub fn linear_bias(&self, kind: LinearKind) -> bool {
        self.qkv_bias && matches!(kind, LinearKind::Query | LinearKind::Key | LinearKind::Value)
    }
}
