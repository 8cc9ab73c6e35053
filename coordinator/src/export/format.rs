//! The layouts of an export. Used by `export`, by its card, and by `cli::export`.

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `adapter_config.json` and `adapter_model.safetensors`, as PEFT and vLLM load them.
    Peft,
    /// The base model with the adapter added, in bf16, as transformers loads it.
    Merged,
    /// The same in 4 bits (NF4), as transformers and bitsandbytes load it.
    Nf4,
    /// The same with tokenizer and template in one file, as llama.cpp and Ollama load it.
    Gguf,
    /// The adapter alone, for llama.cpp and Ollama.
    GgufAdapter,
}

impl Format {
    /// Whether weights are rounded; an adapter alone is written as it was published.
    #[must_use]
    pub const fn rounds(self) -> bool {
        matches!(self, Self::Merged | Self::Nf4 | Self::Gguf)
    }
}

/// How the matrices of a GGUF model are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GgufType {
    /// 16-bit floats.
    F16,
    /// 8.5 bits a weight: blocks of 32 with a scale.
    #[value(name = "q8_0")]
    Q8_0,
}
