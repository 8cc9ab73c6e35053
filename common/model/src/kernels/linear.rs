//! Products with a frozen weight: `x W^T` and `dy W`.
//!
//! Called by `ops::flex` and by the cross-entropy kernel. The f32 path widens a panel of output rows
//! into scratch and multiplies; nothing larger than [`PANEL_BYTES`] is ever widened.

use crate::ops::{Compute, FrozenWeight};

use super::matmul::{Threads, View, matmul};

/// Scratch for widened weight rows: 16 MiB holds any single projection of a 0.5B model.
const PANEL_BYTES: usize = 16 << 20;

/// `y = x W^T` for rows `first..first + outputs` of `W [out, in]`; `x [T, in]`; row `t` of the result
/// starts at `y[t * stride]`.
pub fn forward(
    x: &[f32],
    weight: &FrozenWeight,
    first: usize,
    outputs: usize,
    y: &mut [f32],
    stride: usize,
    compute: Compute,
) {
    let _ = compute;
    let input = weight.shape()[1];
    let tokens = x.len() / input;
    let x = View::dense(x, tokens, input);
    for_panels(weight, first, outputs, |offset, rows, panel| {
        let panel = View::dense(panel, rows, input).transposed();
        matmul(&mut y[offset..], stride, 0.0, 1.0, x, panel, Threads::All);
    });
}

/// `dx += dy W` for rows `first..first + outputs` of `W`; row `t` of `dy` starts at `dy[t * stride]`;
/// `dx [T, in]`.
pub fn backward(
    dy: &[f32],
    stride: usize,
    weight: &FrozenWeight,
    first: usize,
    outputs: usize,
    dx: &mut [f32],
    compute: Compute,
) {
    let _ = compute;
    let input = weight.shape()[1];
    let tokens = dx.len() / input;
    for_panels(weight, first, outputs, |offset, rows, panel| {
        let dy = View::rows(&dy[offset..], tokens, rows, stride);
        matmul(dx, input, 1.0, 1.0, dy, View::dense(panel, rows, input), Threads::All);
    });
}

/// Calls `use_panel(offset from first, rows, widened rows)` over the row range, in order.
fn for_panels(
    weight: &FrozenWeight,
    first: usize,
    outputs: usize,
    mut use_panel: impl FnMut(usize, usize, &[f32]),
) {
    use rayon::prelude::*;
    let input = weight.shape()[1];
    if let FrozenWeight::F32(dense) = weight {
        return use_panel(0, outputs, &dense.data()[first * input..(first + outputs) * input]);
    }
    let panel_rows = (PANEL_BYTES / size_of::<f32>() / input).clamp(1, outputs.max(1));
    let mut panel = vec![0.0; panel_rows * input];
    let mut done = 0;
    while done < outputs {
        let rows = panel_rows.min(outputs - done);
        let panel = &mut panel[..rows * input];
        panel.par_chunks_mut(8 * input).enumerate().for_each(|(chunk, out)| {
            weight.rows_to_f32(first + done + chunk * 8, out);
        });
        use_panel(done, rows, panel);
        done += rows;
    }
}
