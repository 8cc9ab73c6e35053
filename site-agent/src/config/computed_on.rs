//! What rounds the numbers of a training on this machine. Used by the gateway, which notes it of each update,
//! and by `site-agent replay`. Invariant: it is never the worker's word: one that was replaced could name
//! another machine, and so buy itself a tolerance.

use model::Device;
use model::kernels::cpu::{Isa, isa};
use serde::{Deserialize, Serialize};

/// With the same of it, and the same program, the same training gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputedOn {
    /// A processor with AVX512-BF16.
    Avx512Bf16,
    /// A processor with AVX-512.
    Avx512,
    /// A processor with AVX2 and FMA.
    Avx2,
    /// Any other processor.
    Portable,
    /// A GPU, whose sums have no fixed order.
    Gpu,
}

impl ComputedOn {
    /// Every kind there is; its place is its number in the database.
    pub const ALL: [Self; 5] = [Self::Avx512Bf16, Self::Avx512, Self::Avx2, Self::Portable, Self::Gpu];

    /// The word for a person.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Avx512Bf16 => "a processor with AVX512-BF16",
            Self::Avx512 => "a processor with AVX-512",
            Self::Avx2 => "a processor with AVX2",
            Self::Portable => "a processor without vector instructions that are used here",
            Self::Gpu => "a GPU",
        }
    }
}

impl ComputedOn {
    /// What a training on this device of this machine is computed on.
    #[must_use]
    pub fn here(device: Device) -> Self {
        match (device, isa()) {
            (Device::Cuda { .. }, _) => Self::Gpu,
            (Device::Cpu, Isa::Avx512Bf16) => Self::Avx512Bf16,
            (Device::Cpu, Isa::Avx512) => Self::Avx512,
            (Device::Cpu, Isa::Avx2) => Self::Avx2,
            (Device::Cpu, Isa::Portable) => Self::Portable,
        }
    }
}
