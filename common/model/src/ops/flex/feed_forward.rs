//! The feed-forward block on a processor with AVX512-BF16. Called by `ops::flex`.

use burn_flex::Flex;
use burn_tensor::Tensor;

use super::project::Held;
use super::slice::{Slice, columns, rows};
use crate::kernels::feed_forward::{self, kept_shape};
use crate::ops::{FeedForward, KeptFeedForward, Projection, ProjectionGradients};

/// A single row, when generating, has a faster way; a bias would have to be added before the product.
pub(super) fn is_possible(x: &Tensor<Flex, 2>, parts: &[Projection<'_, Flex>; 3]) -> bool {
    rows(x) > 1 && parts.iter().all(|part| part.bias.is_none())
}

pub(super) fn forward(x: &Tensor<Flex, 2>, parts: &[Projection<'_, Flex>; 3]) -> FeedForward<Flex> {
    let [width, input] = parts[0].weight.shape();
    assert_eq!(columns(x), input, "input width");
    let tokens = rows(x);
    let held = parts.each_ref().map(Held::new);
    let mut y = Slice::fresh([tokens, parts[2].weight.shape()[0]]);
    let mut kept = [(); 2].map(|()| Slice::fresh_kept(kept_shape(tokens, width)));
    let mut xa = held.each_ref().map(|held| Slice::fresh([tokens, held.rank()]));
    let kernel = held.each_ref().map(Held::kernel);
    let outputs = feed_forward::Outputs {
        y: y.get_mut(),
        kept: kept.each_mut().map(Slice::kept_mut),
        xa: xa.each_mut().map(Slice::get_mut),
    };
    feed_forward::forward(Slice::of(x).get(), tokens, kernel, outputs);
    let mut adapted = held.iter().map(Held::is_adapted);
    FeedForward {
        y: y.into_tensor(),
        kept: kept.map(Slice::into_tensor),
        xa: xa.map(|xa| (adapted.next() == Some(true)).then(|| xa.into_tensor())),
    }
}

pub(super) fn backward(
    x: &Tensor<Flex, 2>,
    parts: &[Projection<'_, Flex>; 3],
    KeptFeedForward { kept, xa }: KeptFeedForward<'_, Flex>,
    dy: &Tensor<Flex, 2>,
) -> ProjectionGradients<Flex> {
    let held = parts.each_ref().map(Held::new);
    let shapes = parts.each_ref().map(|part| part.weight.shape());
    assert_eq!([columns(x), columns(dy)], [shapes[0][1], shapes[2][0]], "widths of the block");
    let mut dx = Slice::fresh(x.dims());
    let mut da: [Slice; 3] = core::array::from_fn(|part| Slice::fresh([held[part].rank(), shapes[part][1]]));
    let mut db: [Slice; 3] = core::array::from_fn(|part| Slice::fresh([shapes[part][0], held[part].rank()]));
    let (x, dy, kept, xa) =
        (Slice::of(x), Slice::of(dy), kept.map(Slice::of), xa.map(|xa| xa.map(Slice::of)));
    let saved = feed_forward::Saved {
        x: x.get(),
        dy: dy.get(),
        kept: kept.each_ref().map(|kept| {
            kept.kept()
                .unwrap_or_else(|| unreachable!("this device's forward pass keeps gate and up in bf16"))
        }),
        xa: xa.each_ref().map(|xa| xa.as_ref().map_or::<&[f32], _>(&[], Slice::get)),
    };
    let gradients = feed_forward::Gradients {
        dx: dx.get_mut(),
        da: da.each_mut().map(Slice::get_mut),
        db: db.each_mut().map(Slice::get_mut),
    };
    feed_forward::backward(saved, held.each_ref().map(Held::kernel), gradients);
    let pairs = held.iter().zip(da).zip(db);
    let pairs = pairs
        .map(|((held, da), db)| held.is_adapted().then(|| (da.into_tensor(), db.into_tensor())))
        .collect();
    ProjectionGradients { dx: dx.into_tensor(), pairs }
}
