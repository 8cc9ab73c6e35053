//! Element by element: operands of products, SwiGLU, scaled sums, rotary embedding. One unit an element.
//! Called by `ops::cube`.

use cubecl::prelude::*;

use super::narrow;

/// `out = x[offset ..]` as operands of a product.
#[cube(launch)]
pub fn operand<E: Float>(
    x: &Array<f32>,
    out: &mut Array<E>,
    count: u32,
    offset: u32,
    #[comptime] round: bool,
    #[define(E)] _dtype: StorageType,
) {
    if ABSOLUTE_POS < count as usize {
        out[ABSOLUTE_POS] = narrow::<E>(x[offset as usize + ABSOLUTE_POS], round);
    }
}

/// `out[offset ..] = x`.
#[cube(launch)]
pub fn copy_into(x: &Array<f32>, out: &mut Array<f32>, count: u32, offset: u32) {
    if ABSOLUTE_POS < count as usize {
        out[offset as usize + ABSOLUTE_POS] = x[ABSOLUTE_POS];
    }
}

/// `y += scale * x`.
#[cube(launch)]
pub fn add_scaled(y: &mut Array<f32>, x: &Array<f32>, count: u32, scale: f32) {
    if ABSOLUTE_POS < count as usize {
        y[ABSOLUTE_POS] = y[ABSOLUTE_POS] + scale * x[ABSOLUTE_POS];
    }
}

/// `y[row, :] += bias`.
#[cube(launch)]
pub fn add_bias(y: &mut Array<f32>, bias: &Array<f32>, count: u32, width: u32) {
    if ABSOLUTE_POS < count as usize {
        y[ABSOLUTE_POS] = y[ABSOLUTE_POS] + bias[ABSOLUTE_POS % width as usize];
    }
}

/// `h = silu(gate) * up`.
#[cube(launch)]
pub fn swiglu(gate: &Array<f32>, up: &Array<f32>, h: &mut Array<f32>, count: u32) {
    if ABSOLUTE_POS < count as usize {
        let value = gate[ABSOLUTE_POS];
        h[ABSOLUTE_POS] = value / (1.0 + (-value).exp()) * up[ABSOLUTE_POS];
    }
}

/// Gradients of [`swiglu`] in both inputs.
#[cube(launch)]
pub fn swiglu_backward(
    dh: &Array<f32>,
    gate: &Array<f32>,
    up: &Array<f32>,
    dgate: &mut Array<f32>,
    dup: &mut Array<f32>,
    count: u32,
) {
    if ABSOLUTE_POS < count as usize {
        let value = gate[ABSOLUTE_POS];
        let d = dh[ABSOLUTE_POS];
        let sigmoid = 1.0 / (1.0 + (-value).exp());
        let silu = value * sigmoid;
        dup[ABSOLUTE_POS] = d * silu;
        dgate[ABSOLUTE_POS] = d * up[ABSOLUTE_POS] * (sigmoid + silu * (1.0 - sigmoid));
    }
}

/// Rotates the pairs `(i, i + half)` of each head by the angle of the row's position, in place; one unit a
/// pair. `direction` is 1, or -1 to rotate back.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn rotary(
    x: &mut Array<f32>,
    positions: &Array<u32>,
    cos: &Array<f32>,
    sin: &Array<f32>,
    pairs: u32,
    width: u32,
    half: u32,
    direction: f32,
) {
    if ABSOLUTE_POS < pairs as usize {
        let half = half as usize;
        let pairs_a_row = width as usize / 2;
        let row = ABSOLUTE_POS / pairs_a_row;
        let pair = ABSOLUTE_POS % pairs_a_row;
        let index = pair % half;
        let first = row * width as usize + pair / half * (2 * half) + index;
        let angle = positions[row] as usize * half + index;
        let (c, s) = (cos[angle], sin[angle] * direction);
        let (a, b) = (x[first], x[first + half]);
        x[first] = a * c - b * s;
        x[first + half] = b * c + a * s;
    }
}
