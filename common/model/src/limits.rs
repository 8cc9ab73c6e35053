//! Every limit of the model crate, with its arithmetic. Used by the loaders (outside input) and the trainer.
//! Invariant: a limit here is far above any published model this crate supports, and far below what would
//! let a hostile or damaged file exhaust memory by a claim alone.

/// config.json, index and adapter_config files: the largest real index (405B, 1,138 tensors) is 100 KB.
pub const MAX_JSON_BYTES: u64 = 8 << 20;
/// Llama-3.1-405B has 126 layers; 1,024 leaves a factor of eight.
pub const MAX_LAYERS: usize = 1_024;
/// hidden_size, intermediate_size, heads * head_dim: 405B has 16,384 and 53,248; 1 Mi leaves a factor of 20.
pub const MAX_WIDTH: usize = 1 << 20;
/// Vocabulary rows: the largest in use are ~262,000; 4 Mi rows * 1 Mi columns still fits in 64 bits.
pub const MAX_VOCABULARY: usize = 1 << 22;
/// LoRA rank: vLLM serves at most 512.
pub const MAX_RANK: usize = 512;
/// Tokens of one sequence: attention keeps one row of scores per query, so 1 Mi keeps indices in 32 bits.
pub const MAX_SEQUENCE_TOKENS: usize = 1 << 20;
/// What a training pass keeps of its layers' activations before it recomputes instead. Qwen2.5-0.5B at 512 tokens
/// needs 24 layers * 512 * 54 KB = 0.66 GB, so it recomputes nothing; a 7B at 2,048 tokens (13.5 GB) nearly all.
pub const ACTIVATION_BUDGET_BYTES: usize = 1 << 30;
/// Training checkpoint header and optimiser state: 3 f32 copies of a rank-512 adapter of a 70B model
/// (2 * 512 * 80 layers * ~130,000 widths * 4 B * 3 = 128 GB) must still be representable.
pub const MAX_CHECKPOINT_BYTES: u64 = 1 << 40;
/// Rows of the vocabulary processed at a time by the loss head: 4,096 rows * 512 tokens * 4 B = 8 MB of logits.
pub const HEAD_CHUNK_ROWS: usize = 4_096;
/// Sequences of one forward pass when a validation set is measured in training: what `batch_size` is by default, so an
/// evaluation takes less memory than a training step, which also keeps activations.
pub const EVALUATION_BATCH: usize = 8;
/// tokenizer.json: the largest in use (vocabulary of 262,000) has 33 MB.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;
/// Largest file of an exported model; above it the model is split. Hugging Face shards at about this size.
pub const MAX_SHARD_BYTES: u64 = 4 << 30;
