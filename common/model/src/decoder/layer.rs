//! One decoder layer: its frozen tensors, and its forward and backward passes through both blocks.
//! Called by `pass`. Invariant: a recomputed forward pass gives the same bits as the first one.

use burn_tensor::Tensor;

use super::adapter::Gradients;
use super::attention::LayerPass;
use super::context::PassContext;
use super::linear::LinearPosition;
use super::weights::Decoder;
use super::{attention, mlp};
use crate::ops::{EngineOps, KeyValueCache};

/// What a layer's backward pass needs besides its input.
pub(crate) struct Saved<B: EngineOps> {
    /// `None`: to be computed again from the layer's input.
    attention: Option<attention::Saved<B>>,
    mlp: mlp::Saved<B>,
}

/// What the forward pass of a layer left.
pub(crate) struct ForwardState<'a, B: EngineOps> {
    pub(crate) input: &'a Tensor<B, 2>,
    pub(crate) saved: Saved<B>,
}

impl<B: EngineOps> Saved<B> {
    /// Lets go of what the attention block keeps, a fifth to a third of the whole.
    pub(crate) fn without_attention(self) -> Self {
        Self { attention: None, ..self }
    }
}

impl<B: EngineOps> Decoder<B> {
    fn pass<'a>(&'a self, layer: usize, context: &'a PassContext<'a, B>) -> LayerPass<'a, B> {
        let position = LinearPosition { layer, adapter: context.adapter, compute: self.compute };
        LayerPass { decoder: self, layer: &self.layers[layer], position, context }
    }

    /// `[T, hidden] -> [T, hidden]` through layer `index`.
    pub(crate) fn layer_forward(
        &self,
        index: usize,
        context: &PassContext<'_, B>,
        x: &Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Saved<B>) {
        let pass = self.pass(index, context);
        let (middle, attention) = attention::forward(&pass, x);
        let (y, mlp) = mlp::forward(self, pass.layer, &pass.position, middle);
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
        let pass = self.pass(index, context);
        let middle = attention::forward_cached(&pass, cache, x);
        mlp::forward(self, pass.layer, &pass.position, middle).0
    }

    /// `dL/dx` of layer `index` for `dy`.
    pub(crate) fn layer_backward(
        &self,
        index: usize,
        context: &PassContext<'_, B>,
        forward: ForwardState<'_, B>,
        dy: Tensor<B, 2>,
        gradients: &mut Gradients,
    ) -> Tensor<B, 2> {
        let pass = self.pass(index, context);
        let ForwardState { input: x, saved } = forward;
        let d_middle = mlp::backward(self, pass.layer, &pass.position, saved.mlp, dy, gradients);
        let attention = saved.attention.unwrap_or_else(|| attention::forward(&pass, x).1);
        attention::backward(&pass, x, attention, d_middle, gradients)
    }
}
