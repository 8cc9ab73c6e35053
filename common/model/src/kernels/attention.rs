//! Causal grouped-query attention inside segments, forward with log-sum-exp and backward.
//!
//! Called by `ops::flex`. A task is one (segment, query head): it walks tiles of [`TILE`] query rows, so
//! its scratch is `TILE * segment length` scores, never a square matrix. The backward pass gives each
//! query head its own key and value gradients and adds the heads of a group in order: no atomics.

use rayon::prelude::*;

use self::task::{HeadGradients, TILE, Task, head_view};
use super::cpu::widest;
use super::disjoint::DisjointMut;
use super::math;
use super::matmul::matmul;
use super::product::Product;
use super::scratch::Scratch;
use super::view::{Threads, View};
use super::wide::tile::Store;
use crate::segments::{Heads, Segments};

pub use self::task::{Inputs, Saved};

#[cfg(target_arch = "x86_64")]
mod avx512;
mod task;

fn tasks(segments: &Segments, heads: Heads) -> Vec<Task> {
    segments
        .ranges()
        .flat_map(|rows| {
            (0..heads.query).map(move |head| Task { start: rows.start, length: rows.len(), head })
        })
        .collect()
}

/// Output `[T, query * d]` and log-sum-exp `[T, query]`.
pub fn forward(
    inputs: Inputs<'_>,
    segments: &Segments,
    output: &mut [f32],
    log_sum_exp: &mut [f32],
    product: Product,
) {
    let heads = inputs.heads;
    let rows = segments.total();
    assert!(inputs.covers(rows) && output.len() == inputs.q.len(), "tensors hold the batch");
    assert_eq!(log_sum_exp.len(), rows * heads.query, "one log-sum-exp a row and head");
    let (output, log_sum_exp) = (DisjointMut::new(output), DisjointMut::new(log_sum_exp));
    tasks(segments, heads).into_par_iter().for_each(|task| match product {
        #[cfg(target_arch = "x86_64")]
        Product::Avx512Bf16 => avx512::forward(inputs, task, output, log_sum_exp),
        _ => head_forward(inputs, task, output, log_sum_exp),
    });
}

fn head_forward(
    inputs: Inputs<'_>,
    task: Task,
    output: DisjointMut<'_, f32>,
    log_sum_exp: DisjointMut<'_, f32>,
) {
    let heads = inputs.heads;
    let stride = heads.query * heads.head_dim;
    {
        let mut scores = vec![0.0; TILE.min(task.length) * task.length];
        let mut tile = vec![0.0; TILE.min(task.length) * heads.head_dim];
        for first in (0..task.length).step_by(TILE) {
            let rows = TILE.min(task.length - first);
            let keys = first + rows;
            let scores = &mut scores[..rows * keys];
            inputs.scores(task, first, rows, keys, scores);
            for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
                let (seen, future) = scores.split_at_mut(first + row + 1);
                let row_log_sum_exp = softmax(seen);
                future.fill(0.0);
                let index = (task.start + first + row) * heads.query + task.head;
                // SAFETY: this (row, head) belongs to this task alone.
                let slot = unsafe { log_sum_exp.slice(index, 1) };
                slot[0] = row_log_sum_exp;
            }
            let tile = &mut tile[..rows * heads.head_dim];
            let v = inputs.shared(inputs.v, task.start, keys, task.head);
            matmul(
                tile,
                Store { stride: heads.head_dim, alpha: 1.0, add: false },
                View::dense(scores, rows, keys),
                v,
                Threads::One,
            );
            for (row, tile) in tile.chunks_exact(heads.head_dim).enumerate() {
                let start = (task.start + first + row) * stride + task.head * heads.head_dim;
                // SAFETY: these columns of this row belong to this task's head alone.
                unsafe { output.slice(start, heads.head_dim) }.copy_from_slice(tile);
            }
        }
    }
}

/// Where the gradients go, shaped like the inputs; all overwritten.
pub struct Gradients<'a> {
    /// Of the queries.
    pub dq: &'a mut [f32],
    /// Of the keys.
    pub dk: &'a mut [f32],
    /// Of the values.
    pub dv: &'a mut [f32],
}

/// Gradients of [`forward`] in its inputs.
pub fn backward(
    inputs: Inputs<'_>,
    saved: Saved<'_>,
    segments: &Segments,
    Gradients { dq, dk, dv }: Gradients<'_>,
    product: Product,
) {
    let heads = inputs.heads;
    assert!(inputs.covers(segments.total()) && dq.len() == inputs.q.len(), "tensors hold the batch");
    let dq = DisjointMut::new(dq);
    let mut shares = [(); 2].map(|()| Scratch::take(saved.output.len()));
    let [mut dks, mut dvs] = shares.each_mut().map(Scratch::f32_mut);
    let mut parts: Vec<(Task, HeadGradients<'_>)> = Vec::new();
    for task in tasks(segments, heads) {
        let length = task.length * heads.head_dim;
        let (dk, after) = dks.split_at_mut(length);
        let (dv, after_too) = dvs.split_at_mut(length);
        (dks, dvs) = (after, after_too);
        parts.push((task, HeadGradients { dk, dv }));
    }
    parts.par_iter_mut().for_each(|(task, share)| match product {
        #[cfg(target_arch = "x86_64")]
        Product::Avx512Bf16 => avx512::backward(inputs, saved, *task, dq, share),
        _ => head_backward(inputs, saved, *task, dq, share),
    });
    let stride = heads.key_value * heads.head_dim;
    for (rows, parts) in segments.ranges().zip(parts.chunks(heads.query)) {
        let rows = rows.start * stride..rows.end * stride;
        sum_groups(&mut dk[rows.clone()], parts, heads, |part| part.dk);
        sum_groups(&mut dv[rows], parts, heads, |part| part.dv);
    }
}

fn head_backward(
    inputs: Inputs<'_>,
    saved: Saved<'_>,
    task: Task,
    dq: DisjointMut<'_, f32>,
    share: &mut HeadGradients<'_>,
) {
    let heads = inputs.heads;
    let (d, stride) = (heads.head_dim, heads.query * heads.head_dim);
    let scale = 1.0 / (d as f32).sqrt();
    share.dk.fill(0.0);
    share.dv.fill(0.0);
    let mut probabilities = vec![0.0; TILE.min(task.length) * task.length];
    let mut d_scores = probabilities.clone();
    let mut tile = vec![0.0; TILE.min(task.length) * d];
    for first in (0..task.length).step_by(TILE) {
        let rows = TILE.min(task.length - first);
        let keys = first + rows;
        let (p, ds) = (&mut probabilities[..rows * keys], &mut d_scores[..rows * keys]);
        inputs.scores(task, first, rows, keys, p);
        let d_output = head_view(saved.d_output, task.start + first, rows, task.head, heads.query, d);
        let v = inputs.shared(inputs.v, task.start, keys, task.head);
        matmul(ds, Store { stride: keys, alpha: 1.0, add: false }, d_output, v.transposed(), Threads::One);
        for (row, (p, ds)) in p.chunks_exact_mut(keys).zip(ds.chunks_exact_mut(keys)).enumerate() {
            let token = task.start + first + row;
            let columns = token * stride + task.head * d..token * stride + (task.head + 1) * d;
            let (dy, y) = (&saved.d_output[columns.clone()], &saved.output[columns]);
            let delta = math::sum_by(d, |i| dy[i] * y[i]);
            softmax_backward(
                p,
                ds,
                first + row + 1,
                saved.log_sum_exp[token * heads.query + task.head],
                delta,
                scale,
            );
        }
        let (p, ds) = (View::dense(p, rows, keys), View::dense(ds, rows, keys));
        matmul(share.dv, Store { stride: d, alpha: 1.0, add: true }, p.transposed(), d_output, Threads::One);
        let q = inputs.query(task.start + first, rows, task.head);
        matmul(share.dk, Store { stride: d, alpha: 1.0, add: true }, ds.transposed(), q, Threads::One);
        let k = inputs.shared(inputs.k, task.start, keys, task.head);
        matmul(&mut tile[..rows * d], Store { stride: d, alpha: 1.0, add: false }, ds, k, Threads::One);
        for (row, tile) in tile[..rows * d].chunks_exact(d).enumerate() {
            let start = (task.start + first + row) * stride + task.head * d;
            // SAFETY: these columns of this row belong to this task's head alone.
            unsafe { dq.slice(start, d) }.copy_from_slice(tile);
        }
    }
}

widest! {
    /// Softmax of a row in place; returns its log-sum-exp.
    pub(super) fn softmax(scores: &mut [f32]) -> f32 {
        let largest = math::max(scores);
        let sum = math::exp_shifted_sum(scores, largest);
        let reciprocal = 1.0 / sum;
        scores.iter_mut().for_each(|p| *p *= reciprocal);
        largest + sum.ln()
    }
}

widest! {
    /// Turns a row of scores into probabilities and a row of `dP` into `dS = scale P (dP - delta)`; what lies
    /// behind the causal mask becomes 0.
    fn softmax_backward(p: &mut [f32], ds: &mut [f32], seen: usize, log_sum_exp: f32, delta: f32, scale: f32) {
        for (p, ds) in p[..seen].iter_mut().zip(&mut ds[..seen]) {
            *p = math::exp(*p - log_sum_exp);
            *ds = *p * (*ds - delta) * scale;
        }
        p[seen..].fill(0.0);
        ds[seen..].fill(0.0);
    }
}

/// Adds the query heads of each group, in head order, into `[length, key_value * d]`.
fn sum_groups(
    out: &mut [f32],
    parts: &[(Task, HeadGradients<'_>)],
    heads: Heads,
    of: impl for<'a> Fn(&'a HeadGradients<'_>) -> &'a [f32] + Sync,
) {
    let d = heads.head_dim;
    out.par_chunks_mut(heads.key_value * d).enumerate().for_each(|(row, out)| {
        for (out, group) in out.chunks_exact_mut(d).zip(parts.chunks(heads.group())) {
            out.fill(0.0);
            for (_, part) in group {
                for (out, value) in out.iter_mut().zip(&of(part)[row * d..(row + 1) * d]) {
                    *out += value;
                }
            }
        }
    });
}
