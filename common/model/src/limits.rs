//! Every bound of the model crate, with its arithmetic. Used by the loaders (outside input), the trainer,
//! `plan` and `model-bench`. Invariant: a bound on input is far above any published model this crate
//! supports, and far below what would let a hostile or damaged file exhaust memory by a claim alone.

/// config.json, index and adapter_config files: the largest real index (405B, 1,138 tensors) is 100 KB.
pub const JSON_BYTES_MAX: u64 = 8 << 20;
/// Llama-3.1-405B has 126 layers; 1,024 leaves a factor of eight.
pub const LAYERS_MAX: usize = 1_024;
/// hidden_size, intermediate_size, heads * head_dim: 405B has 16,384 and 53,248; 1 Mi leaves a factor of 20.
pub const WIDTH_MAX: usize = 1 << 20;
/// Vocabulary rows: the largest in use are ~262,000; 4 Mi rows * 1 Mi columns still fits in 64 bits.
pub const VOCABULARY_MAX: usize = 1 << 22;
/// LoRA rank of any adapter this crate trains, reads or exports: vLLM serves at most 512, so an adapter above
/// could not be used. A run file's own bound (`common::limits`) must not be larger: what a consortium may
/// agree on can be trained.
pub const LORA_RANK_MAX: usize = 512;
/// Tokens of one sequence: attention keeps one row of scores per query, so 1 Mi keeps indices in 32 bits.
pub const SEQUENCE_TOKENS_MAX: usize = 1 << 20;
/// What a training pass keeps of its layers' activations before it recomputes instead. Qwen2.5-0.5B at 512
/// tokens needs 24 layers * 512 * 54 KB = 0.66 GB, so it recomputes nothing; a 7B at 2,048 tokens (13.5 GB)
/// nearly all.
pub const ACTIVATION_BYTES_MAX: usize = 1 << 30;
/// tokenizer.json: the largest in use (vocabulary of 262,000) has 33 MB.
pub const TOKENIZER_BYTES_MAX: u64 = 64 << 20;
/// Largest file of an exported model; above it the model is split. Hugging Face shards at about this size.
pub const SHARD_BYTES_MAX: u64 = 4 << 30;
/// A quantisation state of bitsandbytes: about 170 bytes, longer only for shapes of more digits.
pub const QUANTISATION_STATE_BYTES_MAX: usize = 256;
/// Samples of one pass that a memory plan looks for: published trainings use hundreds.
pub const FIT_BATCH_MAX: usize = 4_096;
/// Tokens held back for a character that is not whole: one has at most four bytes, so at most four tokens;
/// twice that.
pub const HELD_TOKENS_MAX: usize = 8;
/// Characters of a GPU driver's message that are shown: its first line fits, a dump of a kernel's source does
/// not.
pub const DEVICE_ERROR_CHARACTERS_MAX: usize = 300;
/// Making and quantising a 1.5B model on a slow, busy machine took 3 minutes; five times that.
pub const BENCH_LOAD_S_MAX: u64 = 15 * 60;
/// A step of the baseline took a minute on a machine with a load of 14; ten times that.
pub const BENCH_STEP_S_MAX: u64 = 10 * 60;
/// What `model-bench` keeps of a process's error output: hundreds of lines, of which it shows the end.
pub const BENCH_ERROR_BYTES_MAX: u64 = 64 << 10;
