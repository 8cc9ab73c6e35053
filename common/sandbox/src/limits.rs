//! Bounds of the sandbox. Used by `gpu` and `attack`.

/// GPUs that NVIDIA's kernel driver numbers at most (its NV_MAX_DEVICES).
pub const GPUS_MAX: usize = 32;
/// Ways of one attack that are named where they were let through: a handful is enough to see what is wrong.
pub const ATTACK_NAMES_MAX: usize = 6;
/// What an attack writes at most: no disk of a hospital is filled to show that it can be.
pub const ATTACK_FILE_BYTES_MAX: u64 = 4 << 20;
/// Threads that an attack starts at once: a busy machine's limits are not reached.
pub const ATTACK_THREADS_MAX: usize = 64;
