//! Element-wise kernels: SwiGLU forward and backward, sums, row gathering.
//!
//! Called by `ops::flex`. Split into tasks of a fixed number of elements.

use half::bf16;
use rayon::prelude::*;

use super::cpu::widest;
use super::math::{round_bits, sigmoid};

/// Elements a task takes: 64 KiB of f32, well above rayon's hand-over cost.
pub const ELEMENTS_A_TASK: usize = 16 * 1024;

/// Whole rows a task takes.
pub fn rows_a_task(width: usize) -> usize {
    ELEMENTS_A_TASK.div_ceil(width.max(1))
}

/// Values of a tensor that may have been kept in bf16.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// As computed.
    F32(&'a [f32]),
    /// Rounded for keeping.
    Bf16(&'a [bf16]),
}

impl Values<'_> {
    /// Elements.
    pub const fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements `start .. start + length` (at most [`RUN`]) as f32.
    fn run<'b>(&'b self, start: usize, length: usize, buffer: &'b mut [f32; RUN]) -> &'b [f32] {
        match self {
            Self::F32(values) => &values[start..start + length],
            Self::Bf16(values) => {
                widen(&values[start..start + length], &mut buffer[..length]);
                &buffer[..length]
            }
        }
    }
}

/// Elements widened at a time: three such buffers stay in the first-level cache.
const RUN: usize = 1024;

/// `h = silu(gate) * up`.
pub fn swiglu(gate: Values<'_>, up: Values<'_>, h: &mut [f32]) {
    assert!(gate.len() == up.len() && up.len() == h.len(), "equal lengths");
    h.par_chunks_mut(ELEMENTS_A_TASK).enumerate().for_each(|(task, h)| {
        let mut buffers = [[0.0; RUN]; 2];
        let [gates, ups] = &mut buffers;
        for (run, h) in h.chunks_mut(RUN).enumerate() {
            let start = task * ELEMENTS_A_TASK + run * RUN;
            swiglu_run(gate.run(start, h.len(), gates), up.run(start, h.len(), ups), h);
        }
    });
}

/// [`swiglu`] that also rounds `gate` and `up` to bf16, for a backward pass that reads them from there.
pub fn swiglu_keeping(gate: &[f32], up: &[f32], h: &mut [f32], kept: [&mut [bf16]; 2]) {
    assert!(gate.len() == up.len() && up.len() == h.len(), "equal lengths");
    assert!(kept.iter().all(|kept| kept.len() == h.len()), "equal lengths");
    let (size, [kept_gate, kept_up]) = (ELEMENTS_A_TASK, kept);
    let inputs = gate.par_chunks(size).zip(up.par_chunks(size));
    let outputs = kept_gate.par_chunks_mut(size).zip(kept_up.par_chunks_mut(size));
    inputs.zip(outputs).zip(h.par_chunks_mut(size)).for_each(|(((gate, up), (kept_gate, kept_up)), h)| {
        swiglu_run(gate, up, h);
        narrow(gate, kept_gate);
        narrow(up, kept_up);
    });
}

/// `dgate = dh up s (1 + gate (1 - s))` with `s = sigmoid(gate)`, `dup = dh gate s`.
pub fn swiglu_backward(dh: &[f32], gate: Values<'_>, up: Values<'_>, dgate: &mut [f32], dup: &mut [f32]) {
    assert!(dh.len() == gate.len() && gate.len() == up.len(), "equal lengths");
    assert!(dgate.len() == dh.len() && dup.len() == dh.len(), "equal lengths");
    let size = ELEMENTS_A_TASK;
    let outputs = dgate.par_chunks_mut(size).zip(dup.par_chunks_mut(size));
    outputs.enumerate().for_each(|(task, (dgate, dup))| {
        let mut buffers = [[0.0; RUN]; 2];
        let [gates, ups] = &mut buffers;
        for (run, (dgate, dup)) in dgate.chunks_mut(RUN).zip(dup.chunks_mut(RUN)).enumerate() {
            let (start, length) = (task * size + run * RUN, dgate.len());
            let (gate, up) = (gate.run(start, length, gates), up.run(start, length, ups));
            swiglu_backward_run(&dh[start..start + length], gate, up, dgate, dup);
        }
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
    fn widen(values: &[bf16], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = f32::from_bits(u32::from(value.to_bits()) << 16);
        }
    }
}

widest! {
    fn narrow(values: &[f32], out: &mut [bf16]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = bf16::from_bits((round_bits(*value) >> 16) as u16);
        }
    }
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
