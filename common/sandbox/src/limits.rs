//! Bounds of the sandbox. Used by `gpu`.

/// GPUs that NVIDIA's kernel driver numbers at most (its NV_MAX_DEVICES).
pub const GPUS_MAX: usize = 32;
