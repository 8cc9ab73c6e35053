//! Whole passes through the decoder: a training pass (loss and gradients), a scoring pass (loss only), and logits.
//! Called by the trainer, the evaluator and the golden tests. Invariant: only rows whose next token is a target
//! reach the output head, and inputs behind a sequence's last target are not computed at all.

use super::Decoder;
use super::adapter::{DeviceAdapter, Gradients, host};
use super::layer::{PassContext, Saved};
use crate::ops::{EngineOps, Segments};
use crate::sample::Sample;
use burn_tensor::Tensor;

/// Sequences of one forward pass, laid end to end.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    tokens: Vec<u32>,
    segments: Segments,
    /// Rows whose next token is a target, ascending.
    rows: Vec<usize>,
    /// The next token of each of `rows`.
    targets: Vec<u32>,
}

impl Batch {
    /// Packs samples; those without a target add nothing. A sequence ends at the input that predicts its last
    /// target: attention is causal, so what follows cannot matter.
    pub(crate) fn pack<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let (mut tokens, mut rows, mut targets, mut lengths) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for sample in samples {
            let Some(last) = sample.supervised.iter().rposition(|wanted| *wanted).filter(|last| *last > 0)
            else {
                continue;
            };
            let start = tokens.len();
            tokens.extend_from_slice(&sample.tokens[..last]);
            for target in (1..=last).filter(|index| sample.supervised[*index]) {
                rows.push(start + target - 1);
                targets.push(sample.tokens[target]);
            }
            lengths.push(last);
        }
        Self { tokens, segments: Segments::from_lengths(&lengths), rows, targets }
    }

    /// How many targets it has.
    pub(crate) fn supervised_tokens(&self) -> usize {
        self.targets.len()
    }
}

/// What a pass measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PassResult {
    /// Sum of the targets' negative log-likelihoods, in nats.
    pub(crate) loss_sum: f64,
    /// Targets that were the most likely token.
    pub(crate) correct: u64,
}

/// A layer's input, and what its backward pass needs unless it is to be recomputed.
struct Kept<B: EngineOps> {
    input: Tensor<B, 2>,
    saved: Option<Saved<B>>,
}

impl<B: EngineOps> Decoder<B> {
    /// Loss of a batch, without gradients.
    pub(crate) fn score(&self, adapter: Option<&DeviceAdapter<B>>, batch: &Batch) -> PassResult {
        if batch.targets.is_empty() {
            return PassResult::default();
        }
        let hidden = self.hidden_states(adapter, &batch.tokens, &batch.segments);
        let hidden = self.final_rows(&hidden, &batch.rows);
        let result = B::linear_cross_entropy(&hidden, &self.head, &batch.targets, None, self.compute);
        PassResult { loss_sum: result.loss_sum(), correct: result.correct }
    }

    /// Logits of one sequence, `[T, vocabulary]` row-major.
    pub(crate) fn logits(&self, adapter: Option<&DeviceAdapter<B>>, tokens: &[u32]) -> Vec<f32> {
        let segments = Segments::from_lengths(&[tokens.len()]);
        let hidden = self.hidden_states(adapter, tokens, &segments);
        let hidden = B::rms_norm(&hidden, &self.final_norm, self.epsilon()).y;
        host(<B as EngineOps>::linear(&hidden, &self.head, None, self.compute))
    }

    pub(super) fn hidden_states(
        &self,
        adapter: Option<&DeviceAdapter<B>>,
        tokens: &[u32],
        segments: &Segments,
    ) -> Tensor<B, 2> {
        let rotary = self.rotary_table(segments.longest());
        let context = PassContext { segments, rotary: &rotary, adapter };
        let mut x = <B as EngineOps>::embedding(&self.embedding, tokens, &self.device);
        for index in 0..self.layers.len() {
            x = self.layer_forward(index, &context, &x).0;
        }
        x
    }

    fn final_rows(&self, hidden: &Tensor<B, 2>, rows: &[usize]) -> Tensor<B, 2> {
        B::rms_norm(&B::gather_rows(hidden, rows), &self.final_norm, self.epsilon()).y
    }

    /// Loss of a batch; adds `scale * d(sum of losses)` to `gradients`.
    pub(crate) fn train(
        &self,
        adapter: &DeviceAdapter<B>,
        batch: &Batch,
        scale: f32,
        gradients: &mut Gradients,
    ) -> PassResult {
        if batch.targets.is_empty() {
            return PassResult::default();
        }
        let rotary = self.rotary_table(batch.segments.longest());
        let context = PassContext { segments: &batch.segments, rotary: &rotary, adapter: Some(adapter) };
        let keep = self.layers_to_keep(batch.tokens.len());
        let mut kept = Vec::with_capacity(self.layers.len());
        let mut x = <B as EngineOps>::embedding(&self.embedding, &batch.tokens, &self.device);
        for index in 0..self.layers.len() {
            let (y, saved) = self.layer_forward(index, &context, &x);
            // The last layers are kept: the backward pass frees them before it recomputes the first.
            let saved = (index + keep >= self.layers.len()).then_some(saved);
            kept.push(Kept { input: std::mem::replace(&mut x, y), saved });
        }
        let (result, mut dx) = self.loss_backward(&x, batch, scale);
        drop(x);
        for (index, Kept { input, saved }) in kept.into_iter().enumerate().rev() {
            let saved = match saved {
                Some(saved) => saved,
                None => self.layer_forward(index, &context, &input).1,
            };
            dx = self.layer_backward(index, &context, (&input, saved), dx, gradients);
        }
        result
    }

    /// The loss, and its gradient in the last layer's output.
    fn loss_backward(&self, x: &Tensor<B, 2>, batch: &Batch, scale: f32) -> (PassResult, Tensor<B, 2>) {
        let rows = B::gather_rows(x, &batch.rows);
        let normalised = B::rms_norm(&rows, &self.final_norm, self.epsilon());
        let loss =
            B::linear_cross_entropy(&normalised.y, &self.head, &batch.targets, Some(scale), self.compute);
        let result = PassResult { loss_sum: loss.loss_sum(), correct: loss.correct };
        let d_normalised = loss.d_hidden.unwrap_or_else(|| normalised.y.zeros_like());
        let d_rows = B::rms_norm_backward(&d_normalised, &rows, &normalised.rstd, &self.final_norm, None);
        (result, B::scatter_rows(&d_rows, &batch.rows, x.dims()[0]))
    }

    /// How many layers' activations fit the budget.
    fn layers_to_keep(&self, tokens: usize) -> usize {
        let one_layer = (tokens * self.saved_bytes_per_token()).max(1);
        (self.activation_budget_bytes / one_layer).min(self.layers.len())
    }
}
