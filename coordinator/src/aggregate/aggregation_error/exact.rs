//! The exact aggregation error of few sites, by Gram matrices of the stacked factors. Called by
//! `aggregation_error` for each module.
//!
//! With D_i = B_i - mean(B) and C_i = A_i - mean(A), and because sum p_i D_i C_i = sum p_i B_i A_i -
//! mean(B) mean(A), the columns of [D_1 .. D_N mean(B)] and the rows of [C_1 .. C_N mean(A)] hold everything:
//!   ||error||^2 = sum_ij p_i p_j <D_i^T D_j, C_i C_j^T>, and ||sum p_i B_i A_i||^2 is the same sum with the
//! pair of means as one more site of weight 1. Centring comes before the product, so that nothing cancels.
//!
//! Invariants: memory is two Gram matrices of at most ((`ERROR_EXACT_COLUMNS_MAX` + rank) columns)^2, 1.2 MB
//! at rank 16, and one block of the stack; each product is summed in the order of the places.

use super::factors::{Factor, Module, Places, SquaredNorms, Updates, read_lines};
use crate::aggregate::error::AggregateError;

/// Places (rows of B, columns of A) that are stacked at once: with 272 columns 0.5 MB, which stays in the
/// second-level cache.
const AT_ONCE: usize = 256;
/// Side of a tile of the Gram matrix: its 16 sums stay in registers.
const SIDE: usize = 4;

/// The norms of one module.
pub(super) fn of_module(updates: Updates<'_>, module: Module) -> Result<SquaredNorms, AggregateError> {
    let a = gram(updates, module, Factor::A)?;
    let b = gram(updates, module, Factor::B)?;
    let with_means: Vec<f64> = updates.p.iter().copied().chain([1.0]).collect();
    Ok(SquaredNorms {
        error: inner_product(&a, &b, updates.p, module.rank),
        exact: inner_product(&a, &b, &with_means, module.rank),
    })
}

/// The Gram matrix of one factor's stack.
struct Gram {
    /// Columns, rounded up to whole tiles.
    size: usize,
    /// Row-major; tiles below the diagonal stay empty.
    values: Vec<f64>,
}

impl Gram {
    fn get(&self, x: usize, y: usize) -> f64 {
        let (x, y) = if x / SIDE <= y / SIDE { (x, y) } else { (y, x) };
        self.values[x * self.size + y]
    }

    /// Adds a stack: for each tile of columns the places, `SIDE` values each.
    fn add(&mut self, stack: &[Vec<[f64; SIDE]>]) {
        for (x, left) in stack.iter().enumerate() {
            for (y, right) in stack.iter().enumerate().skip(x) {
                let tile = product(left, right);
                for (row, sums) in tile.iter().enumerate() {
                    let at = (x * SIDE + row) * self.size + y * SIDE;
                    self.values[at..at + SIDE].iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
                }
            }
        }
    }
}

fn product(left: &[[f64; SIDE]], right: &[[f64; SIDE]]) -> [[f64; SIDE]; SIDE] {
    let mut sums = [[0.0; SIDE]; SIDE];
    for (left, right) in left.iter().zip(right) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                sums[row][column] += left[row] * right[column];
            }
        }
    }
    sums
}

fn gram(updates: Updates<'_>, module: Module, factor: Factor) -> Result<Gram, AggregateError> {
    let rank = module.rank;
    let tiles = ((updates.p.len() + 1) * rank).div_ceil(SIDE);
    let size = tiles * SIDE;
    let mut gram = Gram { size, values: vec![0.0; size * size] };
    let mut lines = Vec::new();
    for first in (0..module.length(factor)).step_by(AT_ONCE) {
        let count = AT_ONCE.min(module.length(factor) - first);
        let mut stack = vec![vec![[0.0; SIDE]; count]; tiles];
        let mut mean = vec![0.0; rank * count];
        for (site, (reader, weight)) in updates.each().enumerate() {
            read_lines(reader, Places { module, factor, first, count }, &mut lines)?;
            put(&mut stack, site * rank, &lines, count);
            mean.iter_mut().zip(&lines).for_each(|(mean, value)| *mean += weight * f64::from(*value));
        }
        for column in 0..updates.p.len() * rank {
            let mean = mean[column % rank * count..].iter();
            let values = stack[column / SIDE].iter_mut().map(|tile| &mut tile[column % SIDE]);
            values.zip(mean).for_each(|(value, mean)| *value -= mean);
        }
        put(&mut stack, updates.p.len() * rank, &mean, count);
        gram.add(&stack);
    }
    Ok(gram)
}

/// Puts lines of `count` values into the stack, from column `first` on.
fn put<T: Copy + Into<f64>>(stack: &mut [Vec<[f64; SIDE]>], first: usize, lines: &[T], count: usize) {
    for (line, values) in lines.chunks_exact(count).enumerate() {
        let column = first + line;
        let places = stack[column / SIDE].iter_mut().zip(values);
        places.for_each(|(place, value)| place[column % SIDE] = (*value).into());
    }
}

/// sum_ij p_i p_j <B_i^T B_j, A_i A_j^T>, using that the (j,i) term equals the (i,j) term.
fn inner_product(a: &Gram, b: &Gram, p: &[f64], rank: usize) -> f64 {
    let mut sum = 0.0;
    for i in 0..p.len() {
        for j in i..p.len() {
            let mut inner = 0.0;
            for x in i * rank..(i + 1) * rank {
                for y in j * rank..(j + 1) * rank {
                    inner += a.get(x, y) * b.get(x, y);
                }
            }
            sum += if i == j { p[i] * p[i] * inner } else { 2.0 * p[i] * p[j] * inner };
        }
    }
    sum
}
