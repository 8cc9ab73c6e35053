//! Groups of projections on the processor: shared packing where it has AVX512-BF16, single operations
//! elsewhere.
//!
//! Called by `ops::flex`.

use burn_flex::Flex;
use burn_tensor::Tensor;

use super::slice::{Slice, columns, rows};
use crate::kernels::{pointwise, projection};
use crate::ops::{Projection, ProjectionGradients};

/// A part's tensors as slices, held while the kernel reads them.
pub(super) struct Held<'a> {
    part: &'a Projection<'a, Flex>,
    pair: Option<(Slice, Slice)>,
}

impl<'a> Held<'a> {
    pub(super) fn new(part: &'a Projection<'a, Flex>) -> Self {
        Self { part, pair: part.pair.as_ref().map(|pair| (Slice::of(pair.a), Slice::of(pair.b))) }
    }

    pub(super) fn is_adapted(&self) -> bool {
        self.pair.is_some()
    }

    pub(super) fn rank(&self) -> usize {
        self.part.pair.as_ref().map_or(0, |pair| rows(pair.a))
    }

    pub(super) fn kernel(&self) -> projection::Part<'_> {
        let scaling = self.part.pair.as_ref().map_or(0.0, |pair| pair.scaling);
        let pair = self.pair.as_ref().map(|(a, b)| projection::Pair {
            a: a.get(),
            b: b.get(),
            rank: self.rank(),
            scaling,
        });
        projection::Part { weight: self.part.weight, pair }
    }
}

pub(super) fn forward(
    x: &Tensor<Flex, 2>,
    parts: &[Projection<'_, Flex>],
) -> Vec<(Tensor<Flex, 2>, Option<Tensor<Flex, 2>>)> {
    let tokens = rows(x);
    let held: Vec<Held<'_>> = parts.iter().map(Held::new).collect();
    let kernel: Vec<_> = held.iter().map(Held::kernel).collect();
    let mut results: Vec<(Slice, Slice)> = held
        .iter()
        .map(|held| {
            let [output, input] = held.part.weight.shape();
            assert_eq!(columns(x), input, "input width");
            (Slice::fresh([tokens, output]), Slice::fresh([tokens, held.rank()]))
        })
        .collect();
    let mut outputs: Vec<_> =
        results.iter_mut().map(|(y, xa)| projection::Outputs { y: y.get_mut(), xa: xa.get_mut() }).collect();
    projection::forward(Slice::of(x).get(), tokens, &kernel, &mut outputs);
    let finished = results.into_iter().zip(&held).map(|((mut y, xa), held)| {
        if let Some(bias) = held.part.bias {
            pointwise::add_bias(y.get_mut(), Slice::of(bias).get());
        }
        (y.into_tensor(), held.is_adapted().then(|| xa.into_tensor()))
    });
    finished.collect()
}

pub(super) fn backward(
    x: &Tensor<Flex, 2>,
    parts: &[Projection<'_, Flex>],
    outputs: &[(&Tensor<Flex, 2>, Option<&Tensor<Flex, 2>>)],
    accumulate: Option<Tensor<Flex, 2>>,
) -> ProjectionGradients<Flex> {
    let (mut result, add) = Slice::accumulator(accumulate, x.dims());
    let held: Vec<Held<'_>> = parts.iter().map(Held::new).collect();
    let kernel: Vec<_> = held.iter().map(Held::kernel).collect();
    let read: Vec<(Slice, Option<Slice>)> =
        outputs.iter().map(|(dy, xa)| (Slice::of(dy), xa.map(Slice::of))).collect();
    let mut written: Vec<(Slice, Slice)> = held
        .iter()
        .map(|held| {
            let [output, input] = held.part.weight.shape();
            let rank = held.rank();
            (Slice::fresh([rank, input]), Slice::fresh([output, rank]))
        })
        .collect();
    let mut gradients = Vec::with_capacity(parts.len());
    for ((dy, xa), (da, db)) in read.iter().zip(&mut written) {
        let xa = xa.as_ref().map_or::<&[f32], _>(&[], Slice::get);
        gradients.push(projection::Gradients { dy: dy.get(), xa, da: da.get_mut(), db: db.get_mut() });
    }
    projection::backward(Slice::of(x).get(), &kernel, &mut gradients, result.get_mut(), add);
    let pairs = written
        .into_iter()
        .zip(&held)
        .map(|((da, db), held)| held.is_adapted().then(|| (da.into_tensor(), db.into_tensor())));
    ProjectionGradients { pairs: pairs.collect(), dx: result.into_tensor() }
}
