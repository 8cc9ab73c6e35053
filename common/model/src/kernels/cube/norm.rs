//! RMSNorm and its gradient, one cube a row. Called by `ops::cube` for the layers' norms, the final
//! norm and the head norms.

use cubecl::prelude::*;

use super::cube_sum;

/// `y = weight * (x * rstd)`, `rstd = 1 / sqrt(mean(x^2) + epsilon)` for each row.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn rms_norm(
    x: &Array<f32>,
    weight: &Array<f32>,
    y: &mut Array<f32>,
    rstd: &mut Array<f32>,
    rows: u32,
    width: u32,
    epsilon: f32,
) {
    let row = CUBE_POS;
    if row >= rows as usize {
        terminate!();
    }
    let start = row * width as usize;
    let mut sum = 0.0_f32;
    let mut column = UNIT_POS as usize;
    while column < width as usize {
        let value = x[start + column];
        sum += value * value;
        column += CUBE_DIM as usize;
    }
    let mean = cube_sum(sum) / f32::cast_from(width);
    let factor = 1.0 / (mean + epsilon).sqrt();
    if UNIT_POS == 0 {
        rstd[row] = factor;
    }
    column = UNIT_POS as usize;
    while column < width as usize {
        y[start + column] = weight[column] * (x[start + column] * factor);
        column += CUBE_DIM as usize;
    }
}

/// `dx += rstd * (g - x * rstd^2 * mean(g * x))`, `g = dy * weight`.
#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "a kernel has no structs")]
pub fn rms_norm_backward(
    dy: &Array<f32>,
    x: &Array<f32>,
    rstd: &Array<f32>,
    weight: &Array<f32>,
    dx: &mut Array<f32>,
    rows: u32,
    width: u32,
    #[comptime] accumulate: bool,
) {
    let row = CUBE_POS;
    if row >= rows as usize {
        terminate!();
    }
    let start = row * width as usize;
    let mut sum = 0.0_f32;
    let mut column = UNIT_POS as usize;
    while column < width as usize {
        sum += dy[start + column] * weight[column] * x[start + column];
        column += CUBE_DIM as usize;
    }
    let factor = rstd[row];
    let mean = cube_sum(sum) / f32::cast_from(width);
    let along = mean * factor * factor;
    column = UNIT_POS as usize;
    while column < width as usize {
        let place = start + column;
        let value = factor * (dy[place] * weight[column] - x[place] * along);
        if comptime!(accumulate) {
            dx[place] = dx[place] + value;
        } else {
            dx[place] = value;
        }
        column += CUBE_DIM as usize;
    }
}
