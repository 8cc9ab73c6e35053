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
/// Merges of a byte pair encoding: the most in use are 514,906 (Gemma 3); twice that.
pub const TOKENIZER_MERGES_MAX: usize = 1 << 20;
/// Added tokens: the most in use are a few thousand (reserved ones of Gemma 3: 6,242). Each is looked for in
/// every text.
pub const ADDED_TOKENS_MAX: usize = 1 << 14;
/// Objects in a tokenizer's normaliser, pre-tokeniser or decoder: the most in use are about 15.
pub const TOKENIZER_STEPS_MAX: usize = 64;
/// How many times longer the three may make a text each: SentencePiece's own steps (a mark of 3 bytes before
/// and between words) count as 16.
pub const TOKENIZER_GROWTH_MAX: usize = 256;
/// A chat template's source: the longest in use have 30 KB.
pub const TEMPLATE_BYTES_MAX: usize = 256 << 10;
/// Tags of a chat template: the most in use are about 300. A chain of `elif` is one call of the parser deeper
/// for each: 1,024 take half a MiB of stack.
pub const TEMPLATE_TAGS_MAX: usize = 1_024;
/// Words and signs in one tag, texts counted as one: the longest in use has about 100. A chain of operators
/// is one call deeper for each: 1,000 take half a MiB of stack.
pub const TEMPLATE_TAG_WORDS_MAX: usize = 1_000;
/// Instructions of one rendering, and 64 bytes made for each: templates in use take below 1,000 and, for each
/// message, below 100. It also bounds how deep a value can contain others: 50,000 / 6 of 200 bytes of stack
/// are 1.7 MB.
pub const TEMPLATE_FUEL_MAX: u64 = 50_000;
/// The same, for each message of the conversation: 2,000 of these are another 100,000 instructions.
pub const TEMPLATE_MESSAGE_FUEL_MAX: u64 = 200;
/// Ticks of 100 ms that one rendering may take: templates in use take below a millisecond. Five seconds, so
/// that a machine with a load of hundreds refuses none.
pub const RENDER_TICKS_MAX: u32 = 50;
/// How long such a tick is, in milliseconds.
pub const RENDER_TICK_MS_MIN: u64 = 100;
/// What a template may add to a conversation: system prompts in use have up to 4 KB; sixteen times that.
pub const RENDERED_OWN_BYTES_MAX: usize = 64 << 10;
/// What it may add to each message: headers in use have below 100 bytes.
pub const RENDERED_MESSAGE_BYTES_MAX: usize = 1 << 10;
/// How often it may write a message's content: JSON writes six bytes for a control character.
pub const RENDERED_FACTOR_MAX: usize = 8;
/// Largest file of an exported model; above it the model is split. Hugging Face shards at about this size.
pub const SHARD_BYTES_MAX: u64 = 4 << 30;
/// A quantisation state of bitsandbytes: about 170 bytes, longer only for shapes of more digits.
pub const QUANTISATION_STATE_BYTES_MAX: usize = 256;
/// Values of a GGUF file's metadata: those that are written here are about 30; ten times that.
pub const GGUF_VALUES_MAX: u64 = 300;
/// One text in it: the longest is a chat template, which has at most 256 KiB.
pub const GGUF_TEXT_BYTES_MAX: u64 = 256 << 10;
/// Dimensions of a tensor in it; ggml's own bound.
pub const GGUF_DIMENSIONS_MAX: u32 = 4;
/// Rows of logits of each model that are compared at a time: 64 of 152,000 values in f32 are 39 MB.
pub const COMPARED_ROWS_MAX: usize = 64;
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
