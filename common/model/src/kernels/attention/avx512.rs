//! Attention of one head with bf16 tiles of 64 queries by 64 keys.
//!
//! Called by `attention` where the processor has AVX512-BF16. Scores, probabilities' sums, output and
//! gradients stay f32; only operands of products are rounded. The forward pass keeps the scores of 64
//! queries against all their keys, so its softmax is exact; the backward pass works tile by tile.

use super::task::{HeadGradients, Inputs, Saved, TILE, Task};
use crate::kernels::bf16::tiles::{Block, Shape, multiply, pack_columns, pack_rows};
use crate::kernels::cpu::{Isa, detect};
use crate::kernels::disjoint::DisjointMut;
use crate::kernels::math::{self, LANES};
use crate::kernels::scratch::Scratch;

/// Words of a packed tile of 64 x 64.
const SQUARE: usize = TILE * TILE / 2;

/// Where one head's rows are in a `[T, heads * d]` tensor.
#[derive(Clone, Copy)]
struct Head<'a> {
    data: &'a [f32],
    stride: usize,
    offset: usize,
    width: usize,
}

impl<'a> Head<'a> {
    fn new(data: &'a [f32], task: Task, heads: usize, head: usize, width: usize) -> Self {
        let stride = heads * width;
        Self { data, stride, offset: task.start * stride + head * width, width }
    }

    /// Columns `column..` (at most 64) of rows `first .. first + rows` of the segment.
    fn columns(&self, first: usize, rows: usize, column: usize) -> Block<'a> {
        let data = &self.data[self.offset + first * self.stride + column..];
        Block { data, stride: self.stride, rows, columns: TILE.min(self.width - column) }
    }

    /// All columns of those rows.
    fn rows(&self, first: usize, rows: usize) -> Block<'a> {
        let data = &self.data[self.offset + first * self.stride..];
        Block { data, stride: self.stride, rows, columns: self.width }
    }
}

/// The operands of one product of tiles.
#[derive(Clone, Copy)]
struct Packed<'a> {
    a: &'a [u32],
    b: &'a [u32],
}

/// The four tensors of a task, seen from its head.
#[derive(Clone, Copy)]
struct View<'a> {
    q: Head<'a>,
    k: Head<'a>,
    v: Head<'a>,
    length: usize,
    width: usize,
    scale: f32,
}

impl<'a> View<'a> {
    fn new(inputs: Inputs<'a>, task: Task) -> Self {
        assert_eq!(detect(), Isa::Avx512Bf16, "the processor has AVX512-BF16");
        let heads = inputs.heads;
        let width = heads.head_dim;
        let shared = task.head / heads.group();
        Self {
            q: Head::new(inputs.q, task, heads.query, task.head, width),
            k: Head::new(inputs.k, task, heads.key_value, shared, width),
            v: Head::new(inputs.v, task, heads.key_value, shared, width),
            length: task.length,
            width,
            scale: 1.0 / (width as f32).sqrt(),
        }
    }

    /// Rows of tile `index`.
    fn tile_rows(&self, index: usize) -> usize {
        TILE.min(self.length - index * TILE)
    }

    fn tiles(&self) -> usize {
        self.length.div_ceil(TILE)
    }

    /// Words of one tile whose pairs run along the head's width.
    fn row_words(&self) -> usize {
        self.width.div_ceil(2) * TILE
    }

    /// Words of the tiles whose lanes are the head's columns.
    fn column_words(&self) -> usize {
        self.width.div_ceil(TILE) * SQUARE
    }

    /// Every tile of a tensor, lanes along rows.
    fn pack_all_rows(&self, head: Head<'_>) -> Scratch {
        let mut packed = Scratch::take(self.tiles() * self.row_words());
        for (index, words) in packed.as_mut().chunks_exact_mut(self.row_words()).enumerate() {
            // SAFETY: `View::new` asserts the processor's features.
            unsafe { pack_rows(head.rows(index * TILE, self.tile_rows(index)), words) };
        }
        packed
    }

    /// One tile of a tensor, lanes along columns: `[ceil(width / 64)][32][64]`.
    fn pack_tile_columns(&self, head: Head<'_>, index: usize, words: &mut [u32]) {
        for (part, words) in words.chunks_exact_mut(SQUARE).enumerate() {
            // SAFETY: as above.
            unsafe { pack_columns(head.columns(index * TILE, self.tile_rows(index), part * TILE), words) };
        }
    }

    /// Every tile of a tensor, lanes along columns.
    fn pack_all_columns(&self, head: Head<'_>) -> Scratch {
        let mut packed = Scratch::take(self.tiles() * self.column_words());
        for (index, words) in packed.as_mut().chunks_exact_mut(self.column_words()).enumerate() {
            self.pack_tile_columns(head, index, words);
        }
        packed
    }

    /// `c (+)= a b` where `b` is a tile with lanes along the head's columns; `c [rows, width]`.
    fn multiply_columns(
        &self,
        rows: usize,
        pairs: usize,
        Packed { a, b }: Packed<'_>,
        c: &mut [f32],
        add: bool,
    ) {
        for (part, b) in b.chunks_exact(SQUARE).enumerate() {
            let columns = TILE.min(self.width - part * TILE);
            // SAFETY: as above.
            unsafe { multiply(Shape { rows, columns, pairs }, a, b, &mut c[part * TILE..], self.width, add) };
        }
    }

    /// `c = a b^T` over the head's width; `c [rows, stride]`.
    fn multiply_rows(
        &self,
        rows: usize,
        columns: usize,
        Packed { a, b }: Packed<'_>,
        c: &mut [f32],
        stride: usize,
    ) {
        let shape = Shape { rows, columns, pairs: self.width.div_ceil(2) };
        // SAFETY: as above.
        unsafe { multiply(shape, a, b, c, stride, false) };
    }
}

/// Output and log-sum-exp of one head.
pub(super) fn forward(
    inputs: Inputs<'_>,
    task: Task,
    output: DisjointMut<'_, f32>,
    log_sum_exp: DisjointMut<'_, f32>,
) {
    let (view, heads) = (View::new(inputs, task), inputs.heads);
    let (keys, values) = (view.pack_all_rows(view.k), view.pack_all_columns(view.v));
    let stride = view.tiles() * TILE;
    let mut queries = Scratch::take(view.row_words());
    let mut probabilities = Scratch::take(SQUARE);
    let (mut scores, mut tile) = (Scratch::take(TILE * stride), Scratch::take(TILE * view.width));
    let (scores, tile) = (scores.f32_mut(), tile.f32_mut());
    let mut sums = [0.0f32; TILE];
    for index in 0..view.tiles() {
        let (first, rows) = (index * TILE, view.tile_rows(index));
        // SAFETY: `View::new` asserts the processor's features.
        unsafe { pack_rows(view.q.rows(first, rows), queries.as_mut()) };
        for (other, keys) in keys.as_ref().chunks_exact(view.row_words()).enumerate().take(index + 1) {
            let columns = view.tile_rows(other);
            let operands = Packed { a: queries.as_ref(), b: keys };
            view.multiply_rows(rows, columns, operands, &mut scores[other * TILE..], stride);
        }
        for (row, sum) in sums[..rows].iter_mut().enumerate() {
            let scores = &mut scores[row * stride..row * stride + first + TILE];
            let (row_sum, row_log_sum_exp) = exponentials(scores, first + row + 1, view.scale);
            *sum = row_sum;
            // SAFETY: this (row, head) belongs to this task alone.
            let slot = unsafe { log_sum_exp.slice((task.start + first + row) * heads.query + task.head, 1) };
            slot[0] = row_log_sum_exp;
        }
        for (other, values) in values.as_ref().chunks_exact(view.column_words()).enumerate().take(index + 1) {
            let columns = view.tile_rows(other);
            let block = Block { data: &scores[other * TILE..], stride, rows, columns };
            // SAFETY: as above.
            unsafe { pack_rows(block, probabilities.as_mut()) };
            let operands = Packed { a: probabilities.as_ref(), b: values };
            view.multiply_columns(rows, columns.div_ceil(2), operands, tile, other > 0);
        }
        for ((row, tile), sum) in tile.chunks_exact(view.width).enumerate().zip(&sums[..rows]) {
            let start = view.q.offset + (first + row) * view.q.stride;
            // SAFETY: these columns of this row belong to this task's head alone.
            let slots = unsafe { output.slice(start, view.width) };
            slots.iter_mut().zip(tile).for_each(|(slot, value)| *slot = value / sum);
        }
    }
}

/// Query gradient of one head, and into `share` its share of the key and value gradients.
pub(super) fn backward(
    inputs: Inputs<'_>,
    saved: Saved<'_>,
    task: Task,
    dq: DisjointMut<'_, f32>,
    share: &mut HeadGradients<'_>,
) {
    let (view, heads) = (View::new(inputs, task), inputs.heads);
    let d_output = Head { data: saved.d_output, ..view.q };
    let (key_rows, key_columns) = (view.pack_all_rows(view.k), view.pack_all_columns(view.k));
    let value_rows = view.pack_all_rows(view.v);
    let mut queries = [Scratch::take(view.row_words()), Scratch::take(view.column_words())];
    let mut gradients = [Scratch::take(view.row_words()), Scratch::take(view.column_words())];
    let mut packed = Scratch::take(SQUARE);
    let [mut p, mut ds] = [(); 2].map(|()| Scratch::take(TILE * TILE));
    let mut tile = Scratch::take(TILE * view.width);
    let (p, ds, tile) = (p.f32_mut(), ds.f32_mut(), tile.f32_mut());
    let mut statistics = [(0.0, 0.0); TILE];
    for index in 0..view.tiles() {
        let (first, rows) = (index * TILE, view.tile_rows(index));
        // SAFETY: `View::new` asserts the processor's features.
        unsafe {
            pack_rows(view.q.rows(first, rows), queries[0].as_mut());
            pack_rows(d_output.rows(first, rows), gradients[0].as_mut());
        }
        view.pack_tile_columns(view.q, index, queries[1].as_mut());
        view.pack_tile_columns(d_output, index, gradients[1].as_mut());
        for (row, slot) in statistics[..rows].iter_mut().enumerate() {
            let start = view.q.offset + (first + row) * view.q.stride;
            let (dy, y) = (&saved.d_output[start..][..view.width], &saved.output[start..][..view.width]);
            let token = task.start + first + row;
            *slot = (
                saved.log_sum_exp[token * heads.query + task.head],
                math::sum_by(view.width, |i| dy[i] * y[i]),
            );
        }
        for other in 0..=index {
            let (columns, start) = (view.tile_rows(other), other * view.row_words());
            let part = other * TILE * view.width..(other * TILE + columns) * view.width;
            let words = start..start + view.row_words();
            let operands = Packed { a: queries[0].as_ref(), b: &key_rows.as_ref()[words.clone()] };
            view.multiply_rows(rows, columns, operands, p, TILE);
            let operands = Packed { a: gradients[0].as_ref(), b: &value_rows.as_ref()[words] };
            view.multiply_rows(rows, columns, operands, ds, TILE);
            let diagonal = other == index;
            softmax_gradient(p, ds, &statistics[..rows], columns, diagonal, view.scale);
            let pairs = rows.div_ceil(2);
            let block = |data| Block { data, stride: TILE, rows, columns };
            // SAFETY: as above.
            unsafe { pack_columns(block(p), packed.as_mut()) };
            // The diagonal is the first tile of queries that sees these keys.
            let dv = &mut share.dv[part.clone()];
            let operands = Packed { a: packed.as_ref(), b: gradients[1].as_ref() };
            view.multiply_columns(columns, pairs, operands, dv, !diagonal);
            // SAFETY: as above.
            unsafe { pack_columns(block(ds), packed.as_mut()) };
            let dk = &mut share.dk[part];
            let operands = Packed { a: packed.as_ref(), b: queries[1].as_ref() };
            view.multiply_columns(columns, pairs, operands, dk, !diagonal);
            // SAFETY: as above.
            unsafe { pack_rows(block(ds), packed.as_mut()) };
            let keys = &key_columns.as_ref()[other * view.column_words()..][..view.column_words()];
            let operands = Packed { a: packed.as_ref(), b: keys };
            view.multiply_columns(rows, columns.div_ceil(2), operands, tile, other > 0);
        }
        for (row, tile) in tile.chunks_exact(view.width).enumerate().take(rows) {
            let start = view.q.offset + (first + row) * view.q.stride;
            // SAFETY: these columns of this row belong to this task's head alone.
            unsafe { dq.slice(start, view.width) }.copy_from_slice(tile);
        }
    }
}

crate::kernels::cpu::widest! {
    /// Replaces the `seen` first scores by `e^(scale (score - max))` and the others by 0; returns their sum
    /// and the row's log-sum-exp. There are whole registers of scores.
    fn exponentials(scores: &mut [f32], seen: usize, scale: f32) -> (f32, f32) {
        // Of a register that is partly seen the rest must hold numbers, which do not count.
        scores[seen..].fill(f32::NEG_INFINITY);
        let largest = math::max(scores);
        let shift = -largest * scale;
        let mut partial = [0.0f32; LANES];
        for chunk in scores.as_chunks_mut::<LANES>().0 {
            for (sum, score) in partial.iter_mut().zip(chunk) {
                // Unseen ones give 1.2e-38 here, which is lost beside the 1 of the largest.
                *score = math::exp_fused(score.mul_add(scale, shift));
                *sum += *score;
            }
        }
        scores[seen..].fill(0.0);
        let sum = math::total(partial);
        (sum, largest * scale + sum.ln())
    }
}

crate::kernels::cpu::widest! {
    /// Turns a tile of raw scores into probabilities and of `dP` into `dS`, row by row with its log-sum-exp
    /// and `delta`. On the diagonal, keys after the query get 0.
    fn softmax_gradient(
        p: &mut [f32],
        ds: &mut [f32],
        statistics: &[(f32, f32)],
        columns: usize,
        diagonal: bool,
        scale: f32,
    ) {
        for ((p, ds), (row, (log_sum_exp, delta))) in
            p.chunks_exact_mut(TILE).zip(ds.chunks_exact_mut(TILE)).zip(statistics.iter().enumerate())
        {
            for (p, ds) in p[..columns].iter_mut().zip(&mut ds[..columns]) {
                *p = math::exp_fused(p.mul_add(scale, -log_sum_exp));
                *ds = *p * (*ds - delta) * scale;
            }
            if diagonal {
                p[row + 1..].fill(0.0);
                ds[row + 1..].fill(0.0);
            }
        }
    }
}
