//! Weights as the bytes of a tensor type, and rows in llama.cpp's order. Called by `export::gguf`.
//! Invariant: rounded once, from f32; a value that the type cannot hold is an error, never infinite.
//!
//! Source of Q8_0: ggml's `quantize_row_q8_0_ref`: d = max |x| / 127 in f32, stored as f16; each value is
//! `round(x / d)`, halves away from zero, with the d that was not rounded.

use half::f16;
use rayon::prelude::*;

use super::format::{Q8_0_BLOCK, Q8_0_BYTES, TensorType};
use crate::error::{ModelError, Result};
use crate::export::Difference;

/// Values encoded at a time: whole blocks, and small beside a tensor.
const PART: usize = 1 << 20;

/// The bytes of a tensor; how far they are from `values` is added to `difference`, where there is one.
pub(super) fn encode(
    name: &str,
    values: &[f32],
    kind: TensorType,
    difference: &mut Difference,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(kind.bytes(values.len()));
    for part in values.chunks(PART) {
        let written = match kind {
            TensorType::F32 => {
                bytes.extend(part.iter().flat_map(|value| value.to_le_bytes()));
                continue;
            }
            TensorType::F16 => halves(part, &mut bytes),
            TensorType::Q8_0 => blocks(part, &mut bytes),
        };
        if written.iter().any(|value| !value.is_finite()) {
            return Err(ModelError::Unsupported {
                what: format!("writing {name}, which holds a value too large for the file's 16-bit numbers,"),
                hint: "use --format merged".to_owned(),
            });
        }
        difference.add(part, &written);
    }
    Ok(bytes)
}

fn halves(values: &[f32], bytes: &mut Vec<u8>) -> Vec<f32> {
    let halves: Vec<f16> = values.par_iter().map(|value| f16::from_f32(*value)).collect();
    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    halves.into_iter().map(f16::to_f32).collect()
}

fn blocks(values: &[f32], bytes: &mut Vec<u8>) -> Vec<f32> {
    let blocks: Vec<([u8; Q8_0_BYTES], [f32; Q8_0_BLOCK])> =
        values.as_chunks::<Q8_0_BLOCK>().0.par_iter().map(block).collect();
    bytes.extend(blocks.iter().flat_map(|(bytes, _)| bytes));
    blocks.into_iter().flat_map(|(_, values)| values).collect()
}

/// A block's bytes, and the values that they stand for.
pub(super) fn block(values: &[f32; Q8_0_BLOCK]) -> ([u8; Q8_0_BYTES], [f32; Q8_0_BLOCK]) {
    let largest = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let step = largest / 127.0;
    let inverse = if step == 0.0 { 0.0 } else { 1.0 / step };
    let stored = f16::from_f32(step);
    let mut bytes = [0; Q8_0_BYTES];
    let mut written = [0.0; Q8_0_BLOCK];
    bytes[..2].copy_from_slice(&stored.to_le_bytes());
    for (index, value) in values.iter().enumerate() {
        // At most 127 by construction; a cast saturates.
        let code = (value * inverse).round() as i8;
        bytes[2 + index] = code.to_le_bytes()[0];
        written[index] = f32::from(code) * stored.to_f32();
    }
    (bytes, written)
}

/// Rows of each head from halves side by side (all first values of the pairs, then all second ones) to pairs.
/// `values` is row-major with `columns` a row; the heads divide the rows.
pub(super) fn interleave(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    let half = values.len() / columns / heads / 2;
    rows(values, heads, columns, |row| row % 2 * half + row / 2)
}

/// The same the other way round.
pub(super) fn halves_together(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    let half = values.len() / columns / heads / 2;
    rows(values, heads, columns, |row| row % half * 2 + row / half)
}

/// The rows of each head in another order: `source` says which one comes to a place.
fn rows(values: &[f32], heads: usize, columns: usize, source: impl Fn(usize) -> usize) -> Vec<f32> {
    let head_rows = values.len() / columns / heads;
    let mut out = vec![0.0; values.len()];
    for (to, from) in out.chunks_exact_mut(head_rows * columns).zip(values.chunks_exact(head_rows * columns))
    {
        for (row, target) in to.chunks_exact_mut(columns).enumerate() {
            let source = source(row);
            target.copy_from_slice(&from[source * columns..(source + 1) * columns]);
        }
    }
    out
}
