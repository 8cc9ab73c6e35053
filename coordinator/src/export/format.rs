//! The two layouts of an export. Used by `export`, by its card, and by `cli::export`.

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `adapter_config.json` and `adapter_model.safetensors`, as PEFT and vLLM load them.
    Peft,
    /// The base model with the adapter added, in bf16, as transformers loads it.
    Merged,
}
