//! Contiguous device buffers and launch sizes for the GPU operations. Used by everything in `ops::cube`.
//!
//! burn's CUDA backend may pad the rows of a tensor; the kernels want none. Inputs pass through
//! [`contiguous`], outputs come from [`empty`].

use burn_backend::{DType, Shape, TensorMetadata};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime};
use burn_tensor::{Tensor, TensorPrimitive};
use cubecl::CubeElement;
use cubecl::prelude::{ArrayArg, ComputeClient, CubeCount, CubeDim};

use crate::kernels::cube::UNITS;

/// The engine's backend on a CubeCL runtime: f32 tensors, as the decoder wants them.
pub(crate) type Gpu<R, BT> = CubeBackend<R, f32, i32, BT>;

/// A device with the client that launches on it.
pub(super) struct Place<R: CubeRuntime> {
    pub(super) client: ComputeClient<R>,
    pub(super) device: R::Device,
}

impl<R: CubeRuntime> Place<R> {
    pub(super) fn on(device: &R::Device) -> Self {
        Self { client: R::client(device), device: device.clone() }
    }

    pub(super) fn of(tensor: &CubeTensor<R>) -> Self {
        Self { client: tensor.client.clone(), device: tensor.device.clone() }
    }

    /// An uninitialised contiguous tensor; whoever asks for it writes every element.
    pub(super) fn empty<const D: usize>(&self, shape: [usize; D], dtype: DType) -> CubeTensor<R> {
        let bytes = shape.iter().product::<usize>() * dtype.size();
        // A handle of no bytes cannot be bound.
        let handle = self.client.empty(bytes.max(dtype.size()));
        CubeTensor::new_contiguous(
            self.client.clone(),
            self.device.clone(),
            Shape::from(shape),
            handle,
            dtype,
        )
    }

    pub(super) fn floats<const D: usize>(&self, shape: [usize; D]) -> CubeTensor<R> {
        self.empty(shape, DType::F32)
    }

    /// Values on the device, one-dimensional.
    pub(super) fn upload<E: CubeElement>(&self, values: &[E], dtype: DType) -> CubeTensor<R> {
        let handle = self.client.create_from_slice(E::as_bytes(values));
        let shape = Shape::from([values.len()]);
        CubeTensor::new_contiguous(self.client.clone(), self.device.clone(), shape, handle, dtype)
    }

    pub(super) fn indices(&self, values: &[u32]) -> CubeTensor<R> {
        self.upload(values, DType::U32)
    }

    /// Enough cubes for one unit an element.
    pub(super) fn elements(&self, count: usize) -> (CubeCount, CubeDim) {
        let dim = CubeDim::new_1d(UNITS);
        (cubecl::calculate_cube_count_elemwise(&self.client, count, dim), dim)
    }

    /// One cube a row.
    pub(super) fn rows(&self, count: usize) -> (CubeCount, CubeDim) {
        self.elements(count * UNITS as usize)
    }
}

/// The tensor without padding or permutation.
pub(super) fn contiguous<R: CubeRuntime, BT: BoolElement, const D: usize>(
    tensor: &Tensor<Gpu<R, BT>, D>,
) -> CubeTensor<R> {
    taken(tensor.clone())
}

/// As [`contiguous`], for a tensor that is given away.
pub(super) fn taken<R: CubeRuntime, BT: BoolElement, const D: usize>(
    tensor: Tensor<Gpu<R, BT>, D>,
) -> CubeTensor<R> {
    let TensorPrimitive::Float(tensor) = tensor.into_primitive() else {
        unreachable!("the engine never makes burn-quantised tensors")
    };
    assert_eq!(tensor.dtype, DType::F32, "the engine computes on f32 tensors");
    into_contiguous(tensor)
}

/// A tensor that may be overwritten: the one given if nobody else holds it, else a copy.
pub(super) fn owned<R: CubeRuntime, BT: BoolElement, const D: usize>(
    tensor: Tensor<Gpu<R, BT>, D>,
) -> CubeTensor<R> {
    let tensor = taken(tensor);
    if tensor.can_mut() { tensor } else { into_contiguous(tensor.copy()) }
}

pub(super) fn tensor<R: CubeRuntime, BT: BoolElement, const D: usize>(
    tensor: CubeTensor<R>,
) -> Tensor<Gpu<R, BT>, D> {
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

/// A kernel argument.
pub(super) fn array<R: CubeRuntime>(tensor: &CubeTensor<R>) -> ArrayArg<R> {
    tensor.clone().into_array_arg()
}

/// Elements of a tensor.
pub(super) fn length<R: CubeRuntime>(tensor: &CubeTensor<R>) -> usize {
    tensor.shape().num_elements()
}

/// A size as kernels take it. No buffer of the engine has 2^32 elements: the largest, the logits of a chunk,
/// is bounded in `limits`, and activations are tokens times width.
pub(super) fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
