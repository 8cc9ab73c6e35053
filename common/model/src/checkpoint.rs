//! Reads Hugging Face checkpoints: single or sharded safetensors, memory-mapped, strictly. Called by `base`.
