//! Matrix products on the GPU through cubek, and the operands they take. Used by the linears, LoRA, attention
//! and loss.
//!
//! In bf16 the product is burn's, autotuned over cubek's tensor-core kernels, f32 accumulation and result. In
//! f32 it is cubek's kernel without tensor cores: with them f32 operands would be cut to TF32, 10 bits of
//! mantissa.

use burn_backend::{DType, TensorMetadata};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeRuntime, kernel};
use cubecl::prelude::ComputeClient;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::launch::{Strategy, launch_ref};
use cubek::matmul::routines::BlueprintStrategy;
use cubek::matmul::routines::simple_unit::SimpleUnitSelectionArgs;
use cubek::std::InputBinding;

use super::buffer::{Place, array, length, small};
use crate::kernels::cube::pointwise;
use crate::options::Compute;

/// The type of a product's operands on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operands {
    pub(super) dtype: DType,
    /// Round to bf16 although the type is f32: the device has no bf16.
    pub(super) round: bool,
}

impl Operands {
    pub(super) fn of<R: CubeRuntime>(client: &ComputeClient<R>, compute: Compute) -> Self {
        match compute {
            Compute::F32 => Self { dtype: DType::F32, round: false },
            Compute::Bf16 if has_bf16(client) => Self { dtype: DType::BF16, round: false },
            Compute::Bf16 => Self { dtype: DType::F32, round: true },
        }
    }

    /// f32 values as operands.
    pub(super) fn narrow<R: CubeRuntime>(self, x: &CubeTensor<R>) -> CubeTensor<R> {
        if self.dtype == DType::F32 && !self.round {
            return x.clone();
        }
        let shape = x.shape();
        self.narrow_rows(x, 0, shape[0])
    }

    /// Rows `first .. first + rows` of a contiguous f32 matrix as operands.
    pub(super) fn narrow_rows<R: CubeRuntime>(
        self,
        x: &CubeTensor<R>,
        first: usize,
        rows: usize,
    ) -> CubeTensor<R> {
        let place = Place::of(x);
        let width = x.shape()[1];
        let out = place.empty([rows, width], self.dtype);
        let (count, dim) = place.elements(rows * width);
        pointwise::operand::launch(
            &place.client,
            count,
            dim,
            array(x),
            array(&out),
            small(rows * width),
            small(first * width),
            self.round,
            self.dtype.into(),
        );
        out
    }

    /// A frozen dense tensor as an operand.
    pub(super) fn dense<R: CubeRuntime>(self, weight: &CubeTensor<R>) -> CubeTensor<R> {
        match (weight.dtype, self.dtype) {
            (DType::F32, _) => self.narrow(weight),
            (held, wanted) if held == wanted => weight.clone(),
            _ => kernel::cast(weight.clone(), self.dtype),
        }
    }
}

/// Whether matrix products can take bf16 there.
pub(super) fn has_bf16<R: CubeRuntime>(client: &ComputeClient<R>) -> bool {
    client.properties().supports_type(cubecl::ir::StorageType::from(DType::BF16))
}

/// The last two dimensions exchanged, without a copy.
pub(super) fn transposed<R: CubeRuntime>(mut tensor: CubeTensor<R>) -> CubeTensor<R> {
    let rank = tensor.rank();
    tensor.meta.swap(rank - 2, rank - 1);
    tensor
}

/// `lhs rhs` as contiguous f32: `[m, k] [k, n]`, or the same with one leading batch dimension on both.
pub(super) fn product<R: CubeRuntime>(lhs: CubeTensor<R>, rhs: CubeTensor<R>) -> CubeTensor<R> {
    let place = Place::of(&lhs);
    let (left, right) = (lhs.shape(), rhs.shape());
    let out = match lhs.rank() {
        2 => place.floats([left[0], right[1]]),
        _ => place.floats([left[0], left[1], right[2]]),
    };
    if lhs.dtype == DType::F32 {
        exact(lhs, rhs, &out);
        return out;
    }
    match matmul(lhs, rhs, Some(out), MatmulStrategy::default(), DType::F32) {
        Ok(out) => out,
        Err(error) => panic!("no kernel for a matrix product: {error:?}"),
    }
}

/// A product in f32 throughout.
fn exact<R: CubeRuntime>(lhs: CubeTensor<R>, rhs: CubeTensor<R>, out: &CubeTensor<R>) {
    let dtype = DType::F32.into();
    let launch = |strategy: &Strategy| {
        let mut elements =
            MatmulElems::from_globals(&MatmulGlobalElems { lhs: dtype, rhs: dtype, out: dtype });
        launch_ref(
            strategy,
            &out.client,
            InputBinding::new(lhs.clone().binding(), dtype),
            InputBinding::new(rhs.clone().binding(), dtype),
            out.clone().binding(),
            &mut elements,
        )
    };
    let blocked = Strategy::SimpleUnit(BlueprintStrategy::Inferred(SimpleUnitSelectionArgs::default()));
    // Shapes the blocked kernel refuses go to the naive one, which takes all.
    if let Err(error) = launch(&blocked).or_else(|_| launch(&Strategy::Naive)) {
        panic!("no kernel for a matrix product: {error:?}");
    }
}

/// `y += scale * x`.
pub(super) fn add_scaled<R: CubeRuntime>(y: &CubeTensor<R>, x: &CubeTensor<R>, scale: f32) {
    assert_eq!(length(y), length(x), "summands of one shape");
    let place = Place::of(y);
    let (count, dim) = place.elements(length(y));
    pointwise::add_scaled::launch(&place.client, count, dim, array(y), array(x), small(length(y)), scale);
}
