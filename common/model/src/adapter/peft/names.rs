//! The files of a PEFT folder. Used by `adapter::peft`, which writes them, and `adapter::peft::read`.
//! Invariant: PEFT, vLLM and transformers look for exactly these.

/// Name of the configuration in a PEFT folder.
pub(super) const CONFIG_FILE: &str = "adapter_config.json";
/// Name of the tensors in a PEFT folder.
pub(super) const TENSOR_FILE: &str = "adapter_model.safetensors";
