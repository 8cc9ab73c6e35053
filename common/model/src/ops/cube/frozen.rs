//! Frozen weights on the GPU: packed as the loader made them, or dense. Made by `upload`, used by every
//! product. Invariant: a packed weight is dequantised to the same values that the CPU computes with.

use burn_backend::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;

use super::buffer::{Place, array, small};
use super::product::{Operands, has_bf16};
use crate::frozen::FrozenWeight;
use crate::kernels::cube::nf4::{self, KEEP, TO_BF16, TO_F16};
use crate::nf4::table::{CODES, DYNAMIC_MAP};
use crate::nf4::{Absmax, Nf4Weight, SourcePrecision};

/// Elements that one unit of the kernel dequantises.
const GROUP: usize = 32;

/// A frozen matrix on a device.
#[derive(Debug)]
pub struct CubeFrozen<R: CubeRuntime> {
    pub(super) shape: [usize; 2],
    held: Held<R>,
}

#[derive(Debug)]
enum Held<R: CubeRuntime> {
    Packed(Packed<R>),
    /// `[out, in]`, f32 or bf16.
    Dense(CubeTensor<R>),
}

#[derive(Debug)]
struct Packed<R: CubeRuntime> {
    /// Packed elements as 32-bit words.
    words: CubeTensor<R>,
    /// 8-bit scales as 32-bit words; one unused word without double quantisation.
    codes: CubeTensor<R>,
    map: CubeTensor<R>,
    scales: CubeTensor<R>,
    table: CubeTensor<R>,
    offset: f32,
    double: bool,
    precision: SourcePrecision,
}

impl<R: CubeRuntime> CubeFrozen<R> {
    pub(super) fn upload(weight: &FrozenWeight, device: &R::Device) -> Self {
        let place = Place::<R>::on(device);
        let shape = weight.shape();
        let dense = |mut tensor: CubeTensor<R>| {
            let dtype = tensor.dtype;
            let handle = tensor.handle.clone();
            tensor =
                CubeTensor::new_contiguous(place.client.clone(), device.clone(), shape.into(), handle, dtype);
            Held::Dense(tensor)
        };
        let held = match weight {
            FrozenWeight::Nf4(weight) => Held::Packed(packed(weight, &place)),
            FrozenWeight::F32(weight) => dense(place.upload(weight.data(), DType::F32)),
            FrozenWeight::Bf16(weight) if has_bf16(&place.client) => {
                dense(place.upload(weight.data(), DType::BF16))
            }
            FrozenWeight::Bf16(weight) => {
                let wide: Vec<f32> = weight.data().iter().map(|value| value.to_f32()).collect();
                dense(place.upload(&wide, DType::F32))
            }
        };
        Self { shape, held }
    }

    /// `[out, in]` as an operand; a packed weight's exists as long as the caller holds it.
    pub(super) fn operand(&self, operands: Operands) -> CubeTensor<R> {
        match &self.held {
            Held::Dense(weight) => operands.dense(weight),
            Held::Packed(packed) => packed.dequantise(self.shape, operands),
        }
    }

    /// A dense table, as it is.
    pub(super) fn table(&self) -> &CubeTensor<R> {
        match &self.held {
            Held::Dense(table) => table,
            Held::Packed(_) => unreachable!("embeddings are dense"),
        }
    }

    /// The same weight held dense, as the operand that each product would make of it.
    pub(super) fn cached(&self, operands: Operands) -> Self {
        let dense = match &self.held {
            Held::Packed(packed) => packed.dequantise(self.shape, operands),
            Held::Dense(dense) => dense.clone(),
        };
        Self { shape: self.shape, held: Held::Dense(dense) }
    }
}

fn packed<R: CubeRuntime>(weight: &Nf4Weight, place: &Place<R>) -> Packed<R> {
    let (codes, scales, offset, double) = match weight.absmax() {
        Absmax::Plain(values) => (vec![0_u8], values.as_slice(), 0.0, false),
        Absmax::Quantised { codes, nested, offset } => (codes.clone(), nested.as_slice(), *offset, true),
    };
    Packed {
        words: place.indices(&words(weight.packed())),
        codes: place.indices(&words(&codes)),
        map: place.upload(&DYNAMIC_MAP, DType::F32),
        scales: place.upload(scales, DType::F32),
        table: place.upload(&CODES, DType::F32),
        offset,
        double,
        precision: weight.precision(),
    }
}

/// Bytes as little-endian words, the last one filled up with zeros.
fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |chunk: &[u8]| {
        let mut four = [0; 4];
        four[..chunk.len()].copy_from_slice(chunk);
        u32::from_le_bytes(four)
    };
    bytes.chunks(4).map(word).collect()
}

impl<R: CubeRuntime> Packed<R> {
    fn dequantise(&self, shape: [usize; 2], operands: Operands) -> CubeTensor<R> {
        let place = Place::of(&self.words);
        let out = place.empty(shape, operands.dtype);
        let groups = shape[0] * shape[1] / GROUP;
        let (count, dim) = place.elements(groups);
        let precision = match self.precision {
            SourcePrecision::F16 => TO_F16,
            SourcePrecision::Bf16 => TO_BF16,
            SourcePrecision::F32 if operands.round => TO_BF16,
            SourcePrecision::F32 => KEEP,
        };
        // 16 bytes a store.
        let lanes = 16 / operands.dtype.size();
        nf4::dequantise::launch(
            &place.client,
            count,
            dim,
            lanes,
            array(&self.words),
            array(&self.codes),
            array(&self.map),
            array(&self.scales),
            array(&self.table),
            array(&out),
            small(groups),
            self.offset,
            self.double,
            precision,
            operands.dtype.into(),
        );
        out
    }
}
