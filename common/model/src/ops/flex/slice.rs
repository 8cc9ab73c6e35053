//! Burn's CPU tensors seen as slices. Used by every operation of `ops::flex`.
//!
//! Invariant: a slice is contiguous; writing to one that somebody else holds copies it first.

use burn_backend::{DType, TensorData};
use burn_flex::{Flex, FlexTensor};
use burn_tensor::{Tensor, TensorPrimitive};
use half::bf16;

use crate::kernels::pool;

/// A contiguous tensor that only this operation holds, or shares read-only.
pub(super) struct Slice(FlexTensor);

impl Slice {
    pub(super) fn of<const D: usize>(tensor: &Tensor<Flex, D>) -> Self {
        Self::take(tensor.clone())
    }

    pub(super) fn take<const D: usize>(tensor: Tensor<Flex, D>) -> Self {
        let TensorPrimitive::Float(tensor) = tensor.into_primitive() else {
            unreachable!("the engine never makes burn-quantised tensors")
        };
        Self(tensor.to_contiguous())
    }

    /// Values of an f32 tensor.
    pub(super) fn get(&self) -> &[f32] {
        assert_eq!(self.0.dtype(), DType::F32, "the engine computes on f32 tensors");
        self.0.storage()
    }

    /// Values of a tensor kept in bf16, `None` of an f32 one.
    pub(super) fn kept(&self) -> Option<&[bf16]> {
        (self.0.dtype() == DType::BF16).then(|| self.0.storage())
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        self.0.storage_mut()
    }

    pub(super) fn kept_mut(&mut self) -> &mut [bf16] {
        self.0.storage_mut()
    }

    pub(super) fn into_tensor<const D: usize>(self) -> Tensor<Flex, D> {
        Tensor::from_primitive(TensorPrimitive::Float(self.0))
    }

    /// A new f32 tensor that holds anything: for operations that write every element.
    pub(super) fn fresh<const D: usize>(shape: [usize; D]) -> Self {
        let length: usize = shape.iter().product();
        let bytes = length * size_of::<f32>();
        Self(FlexTensor::from_data(if bytes < pool::SMALLEST_BYTES {
            TensorData::new(vec![0.0f32; length], shape)
        } else {
            TensorData::from_bytes(pool::buffer(bytes), shape, DType::F32)
        }))
    }

    /// The same in bf16.
    pub(super) fn fresh_kept<const D: usize>(shape: [usize; D]) -> Self {
        let bytes = shape.iter().product::<usize>() * size_of::<bf16>();
        Self(FlexTensor::from_data(TensorData::from_bytes(pool::buffer(bytes), shape, DType::BF16)))
    }

    /// A new f32 tensor of zeros.
    pub(super) fn zeros<const D: usize>(shape: [usize; D]) -> Self {
        let mut slice = Self::fresh(shape);
        slice.get_mut().fill(0.0);
        slice
    }

    /// The accumulator given, or anything; and whether it was given.
    pub(super) fn accumulator(given: Option<Tensor<Flex, 2>>, shape: [usize; 2]) -> (Self, bool) {
        match given {
            Some(tensor) => {
                assert_eq!(tensor.dims(), shape, "accumulator has the result's shape");
                (Self::take(tensor), true)
            }
            None => (Self::fresh(shape), false),
        }
    }
}

/// Columns of a matrix.
pub(super) fn columns(tensor: &Tensor<Flex, 2>) -> usize {
    tensor.dims()[1]
}

/// Rows of a matrix.
pub(super) fn rows(tensor: &Tensor<Flex, 2>) -> usize {
    tensor.dims()[0]
}
