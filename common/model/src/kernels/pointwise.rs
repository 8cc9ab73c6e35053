//! Element-wise kernels: SwiGLU forward and backward, sums, row gathering.
//!
//! Called by `ops::flex`. Split into tasks of a fixed number of elements.

use rayon::prelude::*;

use super::cpu::widest;
use super::math::sigmoid;

/// Elements a task takes: 64 KiB of f32, well above rayon's hand-over cost.
pub const ELEMENTS_A_TASK: usize = 16 * 1024;

/// Whole rows a task takes.
pub fn rows_a_task(width: usize) -> usize {
    ELEMENTS_A_TASK.div_ceil(width.max(1))
}

/// `h = silu(gate) * up`.
pub fn swiglu(gate: &[f32], up: &[f32], h: &mut [f32]) {
    assert!(gate.len() == up.len() && up.len() == h.len(), "equal lengths");
    let inputs = gate.par_chunks(ELEMENTS_A_TASK).zip(up.par_chunks(ELEMENTS_A_TASK));
    inputs.zip(h.par_chunks_mut(ELEMENTS_A_TASK)).for_each(|((gate, up), h)| swiglu_run(gate, up, h));
}

/// `dgate = dh up s (1 + gate (1 - s))` with `s = sigmoid(gate)`, `dup = dh gate s`.
pub fn swiglu_backward(dh: &[f32], gate: &[f32], up: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
    assert!(dh.len() == gate.len() && gate.len() == up.len(), "equal lengths");
    assert!(dgate.len() == dh.len() && dup.len() == dh.len(), "equal lengths");
    let size = ELEMENTS_A_TASK;
    let inputs = dh.par_chunks(size).zip(gate.par_chunks(size)).zip(up.par_chunks(size));
    let outputs = dgate.par_chunks_mut(size).zip(dup.par_chunks_mut(size));
    inputs.zip(outputs).for_each(|(((dh, gate), up), (dgate, dup))| {
        swiglu_backward_run(dh, gate, up, dgate, dup);
    });
}

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "equal lengths");
    x.par_chunks_mut(ELEMENTS_A_TASK).zip(y.par_chunks(ELEMENTS_A_TASK)).for_each(|(x, y)| add_run(x, y));
}

/// Adds `bias` to every row of `y`.
pub fn add_bias(y: &mut [f32], bias: &[f32]) {
    let width = bias.len();
    y.par_chunks_mut(rows_a_task(width) * width).for_each(|y| {
        for row in y.chunks_exact_mut(width) {
            for (y, bias) in row.iter_mut().zip(bias) {
                *y += bias;
            }
        }
    });
}

widest! {
    fn swiglu_run(gate: &[f32], up: &[f32], h: &mut [f32]) {
        for ((h, gate), up) in h.iter_mut().zip(gate).zip(up) {
            *h = gate * sigmoid(*gate) * up;
        }
    }
}

widest! {
    fn swiglu_backward_run(dh: &[f32], gate: &[f32], up: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
        let inputs = dh.iter().zip(gate).zip(up);
        for (((dh, gate), up), (dgate, dup)) in inputs.zip(dgate.iter_mut().zip(dup)) {
            let s = sigmoid(*gate);
            *dgate = dh * up * (s * (1.0 + gate * (1.0 - s)));
            *dup = dh * (gate * s);
        }
    }
}

widest! {
    fn add_run(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}
