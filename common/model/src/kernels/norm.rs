//! Root-mean-square normalisation by rows, forward and backward.
//!
//! Called by `ops::flex`. Rows are independent tasks; sums use the fixed partial sums of `math`.

use rayon::prelude::*;

use super::cpu::widest;
use super::math::sum_by;
use super::pointwise::rows_a_task;

/// `y[i] = weight * (x[i] * rstd[i])`, `rstd[i] = 1 / sqrt(mean(x[i]^2) + epsilon)`; `x`, `y` `[T, width]`.
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32], rstd: &mut [f32]) {
    let width = weight.len();
    let rows = rows_a_task(width);
    let inputs = x.par_chunks(rows * width);
    let outputs = y.par_chunks_mut(rows * width).zip(rstd.par_chunks_mut(rows));
    inputs.zip(outputs).for_each(|(x, (y, rstd))| {
        rms_norm_rows(x, weight, epsilon, y, rstd);
    });
}

/// Adds `d rms_norm / d x` applied to `dy` into `dx`: with `n = x rstd` and `g = dy weight`,
/// `dx += rstd (g - n mean(g n))`.
pub fn rms_norm_backward(dy: &[f32], x: &[f32], rstd: &[f32], weight: &[f32], dx: &mut [f32]) {
    let width = weight.len();
    let rows = rows_a_task(width);
    let inputs = dy.par_chunks(rows * width).zip(x.par_chunks(rows * width)).zip(rstd.par_chunks(rows));
    inputs.zip(dx.par_chunks_mut(rows * width)).for_each(|(((dy, x), rstd), dx)| {
        backward_rows(dy, x, rstd, weight, dx);
    });
}

widest! {
    fn rms_norm_rows(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32], rstd: &mut [f32]) {
        let width = weight.len();
        for ((x, y), rstd) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(rstd) {
            *rstd = 1.0 / (sum_by(width, |i| x[i] * x[i]) / width as f32 + epsilon).sqrt();
            for ((y, x), weight) in y.iter_mut().zip(x).zip(weight) {
                *y = weight * (x * *rstd);
            }
        }
    }
}

widest! {
    fn backward_rows(dy: &[f32], x: &[f32], rstd: &[f32], weight: &[f32], dx: &mut [f32]) {
        let width = weight.len();
        let rows = dy.chunks_exact(width).zip(x.chunks_exact(width)).zip(rstd);
        for (((dy, x), rstd), dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let projection = sum_by(width, |i| dy[i] * weight[i] * (x[i] * rstd)) / width as f32;
            for (((dx, dy), x), weight) in dx.iter_mut().zip(dy).zip(x).zip(weight) {
                *dx += rstd * (dy * weight - (x * rstd) * projection);
            }
        }
    }
}
