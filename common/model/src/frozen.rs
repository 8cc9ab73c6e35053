//! Frozen weights as the loader hands them over: packed NF4 or dense, in memory of this process.
//!
//! Made by the checkpoint loader, used by `ops::EngineOps::upload` and the kernels. A weight is immutable and
//! shared by reference count, so a model and its evaluation copy cost the bytes once.

use half::bf16;

use crate::nf4::Nf4Weight;

/// A dense row-major matrix `[rows, columns]` in its checkpoint precision.
#[derive(Clone, PartialEq)]
pub struct DenseWeight<E> {
    data: Vec<E>,
    shape: [usize; 2],
}

impl<E> core::fmt::Debug for DenseWeight<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DenseWeight").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl<E> DenseWeight<E> {
    /// `None` when the data does not fill the shape.
    pub fn new(data: Vec<E>, shape: [usize; 2]) -> Option<Self> {
        (shape[0].checked_mul(shape[1])? == data.len()).then_some(Self { data, shape })
    }

    /// Row-major elements.
    pub fn data(&self) -> &[E] {
        &self.data
    }

    /// `[rows, columns]`.
    pub const fn shape(&self) -> [usize; 2] {
        self.shape
    }
}

/// A frozen matrix `[out, in]` of the base model.
#[derive(Debug, Clone, PartialEq)]
pub enum FrozenWeight {
    /// 4-bit NormalFloat, bit-compatible with bitsandbytes.
    Nf4(Nf4Weight),
    /// Dense f32.
    F32(DenseWeight<f32>),
    /// Dense bf16.
    Bf16(DenseWeight<bf16>),
}

impl FrozenWeight {
    /// `[out, in]`.
    pub const fn shape(&self) -> [usize; 2] {
        match self {
            Self::Nf4(weight) => weight.shape(),
            Self::F32(weight) => weight.shape(),
            Self::Bf16(weight) => weight.shape(),
        }
    }

    /// Writes rows `first .. first + out.len() / in` as f32 (exact for every format).
    pub fn rows_to_f32(&self, first: usize, out: &mut [f32]) {
        self.range_to_f32(first * self.shape()[1], out);
    }

    /// Writes row-major elements `start .. start + out.len()` as f32.
    pub fn range_to_f32(&self, start: usize, out: &mut [f32]) {
        let range = start..start + out.len();
        match self {
            Self::Nf4(weight) => weight.dequantise_range(range.start, out),
            Self::F32(weight) => out.copy_from_slice(&weight.data[range]),
            Self::Bf16(weight) => {
                for (slot, value) in out.iter_mut().zip(&weight.data[range]) {
                    *slot = value.to_f32();
                }
            }
        }
    }

    /// Bytes this weight keeps in memory.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Nf4(weight) => weight.memory_bytes(),
            Self::F32(weight) => size_of_val(weight.data()),
            Self::Bf16(weight) => size_of_val(weight.data()),
        }
    }
}
