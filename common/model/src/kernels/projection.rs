//! Several linears of one input, each with its LoRA pair, on AVX512-BF16: what is shared is packed once, and
//! an adapter's narrow product joins the tile of the wide one while that is in the registers' reach.
//!
//! Called by `ops::flex::project`. With `W [out, in]`, `A [r, in]`, `B [out, r]`: forward `xa = x A^T`, `y =
//! x W^T + s xa B^T`; backward `g = s dy B`, `dx += dy W + g A`, `da = g^T x`, `db = s dy^T xa`. Invariant:
//! as in `bf16`, the order of every sum depends on the shapes only.

use super::bf16::dense::DensePanels;
use super::bf16::unpack::WeightPanels;
use super::bf16::{Beside, RowPanels, multiply, multiply_beside, narrow};
use super::lora::transpose;
use super::scratch::Scratch;
use crate::frozen::FrozenWeight;

/// A LoRA pair.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// `[rank, in]`.
    pub a: &'a [f32],
    /// `[out, rank]`.
    pub b: &'a [f32],
    /// `r`.
    pub rank: usize,
    /// `s`.
    pub scaling: f32,
}

/// One linear of the group.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// `[out, in]`.
    pub weight: &'a FrozenWeight,
    /// Its adapter, if it has one.
    pub pair: Option<Pair<'a>>,
}

impl Part<'_> {
    fn output(&self) -> usize {
        self.weight.shape()[0]
    }

    pub(super) fn rank(&self) -> usize {
        self.pair.map_or(0, |pair| pair.rank)
    }
}

/// What [`forward`] writes for one part.
pub struct Outputs<'a> {
    /// `[T, out]`.
    pub y: &'a mut [f32],
    /// `[T, r]`, empty without a pair.
    pub xa: &'a mut [f32],
}

/// Outputs of all parts for `x [tokens, in]`.
pub fn forward(x: &[f32], tokens: usize, parts: &[Part<'_>], outputs: &mut [Outputs<'_>]) {
    assert_eq!(parts.len(), outputs.len(), "one output a part");
    let Some(first) = parts.first() else { return };
    let input = first.weight.shape()[1];
    let packed = RowPanels::pack(x, tokens, input, input);
    let adapters = adapters(&packed, tokens, parts, outputs.iter_mut().map(|outputs| &mut *outputs.xa));
    for ((part, outputs), beside) in parts.iter().zip(outputs).zip(adapters) {
        let panels = WeightPanels::forward(part.weight, 0, part.output());
        multiply_beside(&packed, &panels, beside.as_ref(), outputs.y, part.output(), false);
    }
}

/// The second products of the parts' outputs; fills `xa [T, r]` of each.
pub(super) fn adapters<'a, 'b>(
    x: &RowPanels,
    tokens: usize,
    parts: &[Part<'a>],
    xas: impl Iterator<Item = &'b mut [f32]>,
) -> Vec<Option<Beside<'a>>> {
    let ranks: usize = parts.iter().map(Part::rank).sum();
    let input = parts.first().map_or(0, |part| part.weight.shape()[1]);
    let mut all = Scratch::take(tokens * ranks);
    if ranks > 0 {
        let stacked = stacked(parts, ranks * input);
        narrow::multiply(x, &DensePanels::new(stacked.f32(), ranks, input, true), all.f32_mut());
    }
    let mut column = 0;
    let adapter = |(part, xa): (&Part<'a>, &'b mut [f32])| {
        let pair = part.pair?;
        copy_columns(all.f32(), ranks, column, xa, pair.rank);
        column += pair.rank;
        let scaled = scaled(xa, pair.scaling);
        let a = RowPanels::pack(scaled.f32(), tokens, pair.rank, pair.rank);
        Some(Beside { a, b: DensePanels::new(pair.b, part.output(), pair.rank, true) })
    };
    parts.iter().zip(xas).map(adapter).collect()
}

/// The `A` of all pairs, one below the other: `[ranks, in]`.
fn stacked(parts: &[Part<'_>], length: usize) -> Scratch {
    let mut stacked = Scratch::take(length);
    let mut rest = stacked.f32_mut();
    for pair in parts.iter().filter_map(|part| part.pair) {
        let (slots, after) = rest.split_at_mut(pair.a.len());
        slots.copy_from_slice(pair.a);
        rest = after;
    }
    stacked
}

fn scaled(values: &[f32], factor: f32) -> Scratch {
    let mut scaled = Scratch::take(values.len());
    scaled.f32_mut().iter_mut().zip(values).for_each(|(slot, value)| *slot = value * factor);
    scaled
}

/// What [`backward`] reads and writes for one part.
pub struct Gradients<'a> {
    /// Output gradient `[T, out]`.
    pub dy: &'a [f32],
    /// `x A^T` of the forward pass, empty without a pair.
    pub xa: &'a [f32],
    /// `[r, in]`, overwritten; empty without a pair.
    pub da: &'a mut [f32],
    /// `[out, r]`, overwritten; empty without a pair.
    pub db: &'a mut [f32],
}

/// Adds the input gradient of all parts to `dx [tokens, in]`, or overwrites it where `add` is false; and the
/// pairs' gradients.
pub fn backward(x: &[f32], parts: &[Part<'_>], gradients: &mut [Gradients<'_>], dx: &mut [f32], add: bool) {
    assert_eq!(parts.len(), gradients.len(), "one gradient a part");
    let Some(first) = parts.first() else { return };
    let input = first.weight.shape()[1];
    let tokens = dx.len() / input;
    let ranks: usize = parts.iter().map(Part::rank).sum();
    // `g` of all parts, transposed so that their blocks lie one after the other.
    let mut all = Scratch::take(tokens * ranks);
    let mut rest = all.f32_mut();
    for (index, (part, gradients)) in parts.iter().zip(gradients.iter_mut()).enumerate() {
        let output = part.output();
        let packed = RowPanels::pack(gradients.dy, tokens, output, output);
        let (slots, after) = core::mem::take(&mut rest).split_at_mut(tokens * part.rank());
        rest = after;
        let beside = narrow_gradient(&packed, tokens, part, slots);
        let panels = WeightPanels::backward(part.weight, 0, output);
        multiply_beside(&packed, &panels, beside.as_ref(), dx, input, add || index > 0);
        b_gradient(part, gradients.dy, gradients.xa, tokens, gradients.db);
    }
    let mut das: Vec<&mut [f32]> = gradients.iter_mut().map(|gradients| &mut *gradients.da).collect();
    a_gradients(all.f32(), x, tokens, &mut das);
}

/// `g = s dy B`, transposed into `turned [r, T]`; and its product with `A`, which is added to the input
/// gradient.
pub(super) fn narrow_gradient<'a>(
    dy: &RowPanels,
    tokens: usize,
    part: &Part<'a>,
    turned: &mut [f32],
) -> Option<Beside<'a>> {
    let Pair { a, b, rank, scaling } = part.pair?;
    let [output, input] = part.weight.shape();
    let mut g = Scratch::take(tokens * rank);
    narrow::multiply(dy, &DensePanels::new(b, output, rank, false), g.f32_mut());
    g.f32_mut().iter_mut().for_each(|value| *value *= scaling);
    transpose(g.f32(), tokens, rank, turned);
    let left = RowPanels::pack(g.f32(), tokens, rank, rank);
    Some(Beside { a: left, b: DensePanels::new(a, rank, input, false) })
}

/// `da = g^T x` of parts of one `x`, whose `g^T` lie one below the other.
pub(super) fn a_gradients(turned: &[f32], x: &[f32], tokens: usize, das: &mut [&mut [f32]]) {
    if turned.is_empty() || x.is_empty() {
        return das.iter_mut().for_each(|da| da.fill(0.0));
    }
    let (ranks, input) = (turned.len() / tokens, x.len() / tokens);
    let mut stacked = Scratch::take(ranks * input);
    let left = RowPanels::pack(turned, ranks, tokens, tokens);
    multiply(&left, &DensePanels::new(x, tokens, input, false), stacked.f32_mut(), input, false);
    let mut rest = stacked.f32();
    for slots in das {
        let (da, after) = rest.split_at(slots.len());
        slots.copy_from_slice(da);
        rest = after;
    }
}

/// `db = s dy^T xa`. The narrow matrix goes left and the result is turned: the wide `dy` is read along its
/// rows.
pub(super) fn b_gradient(part: &Part<'_>, dy: &[f32], xa: &[f32], tokens: usize, db: &mut [f32]) {
    let output = part.output();
    transposed_xa(part, xa, tokens, db, |left, product| {
        multiply(left, &DensePanels::new(dy, tokens, output, false), product, output, false);
    });
}

/// [`b_gradient`] for any form of `dy`: `multiply` gets `(s xa)^T [r, T]` and writes its product with `dy`,
/// `[r, out]`.
pub(super) fn transposed_xa(
    part: &Part<'_>,
    xa: &[f32],
    tokens: usize,
    db: &mut [f32],
    multiply: impl FnOnce(&RowPanels, &mut [f32]),
) {
    let Some(pair) = part.pair else { return };
    let output = part.output();
    let scaled = scaled(xa, pair.scaling);
    let mut turned = Scratch::take(scaled.f32().len());
    transpose(scaled.f32(), tokens, pair.rank, turned.f32_mut());
    let left = RowPanels::pack(turned.f32(), pair.rank, tokens, tokens);
    let mut product = Scratch::take(output * pair.rank);
    multiply(&left, product.f32_mut());
    transpose(product.f32(), pair.rank, output, db);
}

/// Columns `from .. from + width` of a matrix with `stride` columns.
fn copy_columns(matrix: &[f32], stride: usize, from: usize, out: &mut [f32], width: usize) {
    for (row, out) in matrix.chunks_exact(stride).zip(out.chunks_exact_mut(width)) {
        out.copy_from_slice(&row[from..from + width]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cpu::{Isa, detect};
    use super::super::linear::{backward as linear_backward, forward as linear_forward};
    use super::super::lora::{self, Sizes};
    use super::super::product::{Product, Rows};
    use super::super::tests::{values, weights};
    use super::*;

    fn assert_close(ours: &[f32], other: &[f32], what: &str) {
        assert_eq!(ours.len(), other.len(), "{what}");
        let size = other.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        for (index, (ours, other)) in ours.iter().zip(other).enumerate() {
            // Both ways round the narrow product to bf16 in between, from sums of another order.
            assert!((ours - other).abs() <= 0.004 * size, "{what}, element {index}: {ours} for {other}");
        }
    }

    /// A group against its members one by one; parts are `(outputs, rank)`.
    fn compare_with_single_operations(tokens: usize, input: usize, sizes: &[(usize, usize)]) {
        let all: Vec<_> = sizes.iter().map(|(output, _)| weights([*output, input], 3)).collect();
        let matrices: Vec<_> =
            sizes.iter().map(|(output, rank)| (values(rank * input, 4), values(output * rank, 5))).collect();
        let pairs = matrices
            .iter()
            .zip(sizes)
            .map(|((a, b), (_, rank))| (*rank > 0).then_some(Pair { a, b, rank: *rank, scaling: 0.5 }));
        let parts: Vec<_> = all
            .iter()
            .zip(pairs)
            .map(|(weights, pair)| Part { weight: weights.last().unwrap(), pair })
            .collect();
        let x = values(tokens * input, 6);
        let room = |of: fn(&(usize, usize)) -> usize| -> Vec<Vec<f32>> {
            sizes.iter().map(|size| vec![f32::NAN; tokens * of(size)]).collect()
        };
        let (mut ys, mut xas) = (room(|size| size.0), room(|size| size.1));
        let mut outputs: Vec<_> = ys.iter_mut().zip(&mut xas).map(|(y, xa)| Outputs { y, xa }).collect();
        forward(&x, tokens, &parts, &mut outputs);
        let dys: Vec<_> = sizes.iter().map(|(output, _)| values(tokens * output, 8)).collect();
        let mut found: Vec<_> =
            matrices.iter().map(|(a, b)| (vec![f32::NAN; a.len()], vec![f32::NAN; b.len()])).collect();
        let mut dx = x.clone();
        let mut gradients: Vec<_> = found
            .iter_mut()
            .zip(&dys)
            .zip(&xas)
            .map(|(((da, db), dy), xa)| Gradients { dy, xa, da, db })
            .collect();
        backward(&x, &parts, &mut gradients, &mut dx, true);
        let product = Product::Avx512Bf16;
        let mut expected_dx = x.clone();
        for (index, (part, (output, rank))) in parts.iter().zip(sizes).enumerate() {
            let (mut y, mut xa) = (vec![f32::NAN; tokens * output], vec![f32::NAN; tokens * rank]);
            linear_forward(&x, Rows::all(part.weight), &mut y, *output, product);
            linear_backward(&dys[index], *output, Rows::all(part.weight), &mut expected_dx, true, product);
            if let Some(Pair { a, b, rank, scaling }) = part.pair {
                let sizes = Sizes { tokens, input, output: *output, rank };
                let pair = lora::Pair { a, b, scaling };
                lora::forward(sizes, &x, pair, &mut xa, &mut y, product);
                assert_close(&xas[index], &xa, "xa");
                let saved = lora::Saved { x: &x, xa: &xas[index], dy: &dys[index], pair };
                let (mut da, mut db) = (vec![0.0; a.len()], vec![0.0; b.len()]);
                lora::backward(sizes, &saved, &mut expected_dx, &mut da, &mut db, product);
                assert_close(&found[index].0, &da, "da");
                assert_close(&found[index].1, &db, "db");
            }
            assert_close(&ys[index], &y, "y");
        }
        assert_close(&dx, &expected_dx, "dx");
        // Without an accumulator the result is overwritten.
        let mut fresh = vec![f32::NAN; dx.len()];
        let mut gradients: Vec<_> = found
            .iter_mut()
            .zip(&dys)
            .zip(&xas)
            .map(|(((da, db), dy), xa)| Gradients { dy, xa, da, db })
            .collect();
        backward(&x, &parts, &mut gradients, &mut fresh, false);
        let summed: Vec<f32> = fresh.iter().zip(&x).map(|(fresh, x)| fresh + x).collect();
        assert_close(&summed, &dx, "dx without accumulator");
    }

    #[test]
    fn a_group_gives_what_its_members_give() {
        if detect() != Isa::Avx512Bf16 {
            eprintln!("SKIPPED: this processor has no AVX512-BF16");
            return;
        }
        compare_with_single_operations(7, 64, &[(64, 16)]);
        compare_with_single_operations(13, 192, &[(128, 16), (65, 8), (3, 1)]);
        compare_with_single_operations(6, 1090, &[(70, 4), (1100, 0)]);
        compare_with_single_operations(2, 64, &[(1, 70), (64, 3), (64, 16)]);
        compare_with_single_operations(40, 576, &[(513, 0)]);
        // The narrow product joins the last of several runs.
        compare_with_single_operations(7, 5_190, &[(65, 4)]);
        compare_with_single_operations(7, 64, &[(5_190, 4), (64, 0)]);
    }
}
