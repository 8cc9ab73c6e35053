//! One decoder layer: its frozen tensors, and its forward and backward passes through both blocks.
//! Called by `pass`. Invariant: a recomputed forward pass gives the same bits as the first one.

use super::adapter::{DeviceAdapter, Gradients};
use super::linear::{Linear, Site};
use super::{Decoder, attention, mlp};
use crate::config::LinearKind;
use crate::ops::{EngineOps, KeyValueCache, RotaryTable, Segments};
use burn_tensor::Tensor;

/// Frozen tensors of a layer.
pub(crate) struct Layer<B: EngineOps> {
    /// `[hidden]`.
    pub(crate) input_norm: Tensor<B, 1>,
    /// `[hidden]`.
    pub(crate) post_norm: Tensor<B, 1>,
    /// Norms of query and key heads, `[head_dim]` each.
    pub(crate) head_norms: Option<[Tensor<B, 1>; 2]>,
    /// By [`LinearKind::index`].
    pub(crate) linears: [Linear<B>; 7],
}

impl<B: EngineOps> Layer<B> {
    pub(crate) fn linear(&self, kind: LinearKind) -> &Linear<B> {
        &self.linears[kind.index()]
    }
}

/// What all layers of a pass share.
pub(crate) struct PassContext<'a, B: EngineOps> {
    pub(crate) segments: &'a Segments,
    pub(crate) rotary: &'a RotaryTable<B>,
    pub(crate) adapter: Option<&'a DeviceAdapter<B>>,
}

/// What a layer's backward pass needs besides its input.
pub(crate) struct Saved<B: EngineOps> {
    /// `None`: to be computed again from the layer's input.
    attention: Option<attention::Saved<B>>,
    mlp: mlp::Saved<B>,
}

impl<B: EngineOps> Saved<B> {
    /// Lets go of what the attention block keeps, a fifth to a third of the whole.
    pub(crate) fn without_attention(self) -> Self {
        Self { attention: None, ..self }
    }
}

impl<B: EngineOps> Decoder<B> {
    fn site<'a>(&self, layer: usize, context: &PassContext<'a, B>) -> Site<'a, B> {
        Site { layer, adapter: context.adapter, compute: self.compute }
    }

    /// `[T, hidden] -> [T, hidden]` through layer `index`.
    pub(crate) fn layer_forward(
        &self,
        index: usize,
        context: &PassContext<'_, B>,
        x: &Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Saved<B>) {
        let (layer, site) = (&self.layers[index], self.site(index, context));
        let (middle, attention) = attention::forward(self, layer, &site, context, x);
        let (y, mlp) = mlp::forward(self, layer, &site, middle);
        (y, Saved { attention: Some(attention), mlp })
    }

    /// [`Self::layer_forward`] for the next rows of a sequence whose keys and values so far are in `cache`.
    pub(crate) fn layer_forward_cached(
        &self,
        index: usize,
        context: &PassContext<'_, B>,
        cache: &mut KeyValueCache<B>,
        x: &Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let (layer, site) = (&self.layers[index], self.site(index, context));
        let middle = attention::forward_cached(self, layer, &site, context, cache, x);
        mlp::forward(self, layer, &site, middle).0
    }

    /// `dL/dx` of layer `index` for `dy`.
    pub(crate) fn layer_backward(
        &self,
        index: usize,
        context: &PassContext<'_, B>,
        input: (&Tensor<B, 2>, Saved<B>),
        dy: Tensor<B, 2>,
        gradients: &mut Gradients,
    ) -> Tensor<B, 2> {
        let (layer, site) = (&self.layers[index], self.site(index, context));
        let (x, saved) = input;
        let d_middle = mlp::backward(self, layer, &site, saved.mlp, dy, gradients);
        let attention =
            saved.attention.unwrap_or_else(|| attention::forward(self, layer, &site, context, x).1);
        attention::backward(self, layer, &site, context, (x, attention), d_middle, gradients)
    }
}
