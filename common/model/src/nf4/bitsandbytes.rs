//! Takes over weights that bitsandbytes quantised, from the tensors transformers writes beside
//! `P.weight`: `absmax`, `quant_map`, `nested_absmax`, `nested_quant_map`, `quant_state.bitsandbytes__nf4`.
//!
//! Called by the checkpoint loader. The bytes are kept as they are; the quantisation state's `shape` is
//! the truth (old files store the packed weight as `[1, n/2]` or in another storage type).

use serde::Deserialize;

use super::double_quantisation::Absmax;
use super::table::{BLOCK, CODES, DYNAMIC_MAP, NESTED_BLOCK};
use super::weight::{Nf4Error, Nf4Weight, SourcePrecision};

/// The raw little-endian bytes of the tensors that belong to one quantised weight.
#[derive(Debug, Clone, Copy)]
pub struct QuantisedTensors<'a> {
    /// `P.weight`: two elements a byte, whatever dtype the storage claims.
    pub weight: &'a [u8],
    /// `P.weight.absmax`: U8 when double-quantised, else F32.
    pub absmax: &'a [u8],
    /// `P.weight.quant_map`: 16 F32 codes.
    pub quant_map: &'a [u8],
    /// `P.weight.nested_absmax`: F32; absent without double quantisation.
    pub nested_absmax: Option<&'a [u8]>,
    /// `P.weight.nested_quant_map`: 256 F32 values; absent without double quantisation.
    pub nested_quant_map: Option<&'a [u8]>,
    /// `P.weight.quant_state.bitsandbytes__nf4`: JSON.
    pub quant_state: &'a [u8],
}

/// The JSON object; unknown keys are ignored because newer versions add some.
#[derive(Deserialize)]
struct QuantState {
    quant_type: String,
    blocksize: usize,
    dtype: String,
    shape: Vec<usize>,
    nested_blocksize: Option<usize>,
    nested_offset: Option<f64>,
}

impl Nf4Weight {
    /// Reads an already quantised weight.
    ///
    /// # Errors
    /// [`Nf4Error::State`], [`Nf4Error::Unsupported`] or [`Nf4Error::Size`] when the file is damaged or
    /// uses another quantisation than NF4 with block 64.
    pub fn from_bitsandbytes(tensors: &QuantisedTensors<'_>) -> Result<Self, Nf4Error> {
        let state: QuantState = serde_json::from_slice(tensors.quant_state)?;
        let (shape, precision) = state.supported()?;
        let elements = shape[0]
            .checked_mul(shape[1])
            .filter(|elements| *elements > 0 && elements % BLOCK == 0)
            .ok_or(Nf4Error::Ragged { shape })?;
        expect_size("weight", tensors.weight, elements / 2)?;
        expect_table("quant_map", tensors.quant_map, &CODES)?;
        let blocks = elements / BLOCK;
        let absmax = match (tensors.nested_absmax, tensors.nested_quant_map) {
            (Some(nested), Some(map)) => state.quantised_absmax(tensors.absmax, nested, map, blocks)?,
            (None, None) => {
                expect_size("absmax", tensors.absmax, blocks * size_of::<f32>())?;
                Absmax::Plain(floats(tensors.absmax).collect())
            }
            _ => return Err(Nf4Error::Unsupported("only half of the nested tensors is present".into())),
        };
        Ok(Self { packed: tensors.weight.to_vec(), absmax, shape, precision })
    }
}

impl QuantState {
    /// Shape and precision, when this is a state we hold.
    fn supported(&self) -> Result<([usize; 2], SourcePrecision), Nf4Error> {
        if self.quant_type != "nf4" || self.blocksize != BLOCK {
            return Err(Nf4Error::Unsupported(format!("{} with block {}", self.quant_type, self.blocksize)));
        }
        let precision = match self.dtype.as_str() {
            "float32" => SourcePrecision::F32,
            "bfloat16" => SourcePrecision::Bf16,
            "float16" => SourcePrecision::F16,
            other => return Err(Nf4Error::Unsupported(format!("dtype {other}"))),
        };
        match self.shape.as_slice() {
            [out, input] => Ok(([*out, *input], precision)),
            other => Err(Nf4Error::Unsupported(format!("shape {other:?}"))),
        }
    }

    fn quantised_absmax(
        &self,
        codes: &[u8],
        nested: &[u8],
        map: &[u8],
        blocks: usize,
    ) -> Result<Absmax, Nf4Error> {
        let (Some(NESTED_BLOCK), Some(offset)) = (self.nested_blocksize, self.nested_offset) else {
            return Err(Nf4Error::Unsupported("double quantisation without block 256 and an offset".into()));
        };
        expect_size("absmax", codes, blocks)?;
        expect_size("nested_absmax", nested, blocks.div_ceil(NESTED_BLOCK) * size_of::<f32>())?;
        expect_table("nested_quant_map", map, &DYNAMIC_MAP)?;
        #[expect(clippy::cast_possible_truncation, reason = "the JSON prints an f32 with f64 digits: exact")]
        let offset = offset as f32;
        Ok(Absmax::Quantised { codes: codes.to_vec(), nested: floats(nested).collect(), offset })
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn expect_size(tensor: &'static str, bytes: &[u8], expected: usize) -> Result<(), Nf4Error> {
    if bytes.len() == expected {
        Ok(())
    } else {
        Err(Nf4Error::Size { tensor, expected, found: bytes.len() })
    }
}

/// The kernels hold the standard tables in registers, so a checkpoint with others cannot be run.
fn expect_table(tensor: &'static str, bytes: &[u8], table: &[f32]) -> Result<(), Nf4Error> {
    expect_size(tensor, bytes, size_of_val(table))?;
    if floats(bytes).zip(table).all(|(found, expected)| found.to_bits() == expected.to_bits()) {
        Ok(())
    } else {
        Err(Nf4Error::Unsupported(format!("`{tensor}` is not the standard table")))
    }
}
