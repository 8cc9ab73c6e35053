//! Whole passes through the decoder: a training pass (loss and gradients), a scoring pass (loss only), and
//! logits. Called by the trainer, the evaluator and the golden tests. Invariant: only rows whose next token
//! is a target reach the output head, and inputs behind a sequence's last target are not computed at all.

use burn_tensor::{Tensor, TensorData};

use super::adapter::{DeviceAdapter, Gradients, host};
use super::context::PassContext;
use super::layer::{ForwardState, Saved};
use super::random::Noise;
use super::weights::Decoder;
use crate::ops::{BasePenalty, EngineOps};
use crate::options::Recompute;
use crate::plan::layers_to_keep;
use crate::sample::Sample;
use crate::segments::Segments;

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

    /// The targets, in order.
    pub(crate) fn targets(&self) -> &[u32] {
        &self.targets
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
    /// Sum over the targets' rows of `KL(base || model)`, in nats; where it was asked for.
    pub(crate) divergence_sum: f64,
}

/// What a pass without gradients measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scored {
    /// The targets' negative log-likelihoods in nats, in the batch's order: sample after sample.
    pub(crate) losses: Vec<f64>,
    /// Whether each target was the most likely token, in the same order.
    pub(crate) hits: Vec<bool>,
}

/// What a training pass computes the gradient of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Objective {
    /// Factor of the gradient: one over the step's targets.
    pub(crate) scale: f32,
    /// Weight of `KL(base || model)` beside the cross-entropy; 0 computes neither it nor the base's pass.
    pub(crate) kl_weight: f32,
    /// Noise on the embeddings. The base's pass, the model of comparison, sees the same.
    pub(crate) noise: Option<Noise>,
}

impl Objective {
    /// The cross-entropy alone.
    #[cfg(test)]
    pub(crate) const fn cross_entropy(scale: f32) -> Self {
        Self { scale, kl_weight: 0.0, noise: None }
    }
}

/// A layer's input, and what its backward pass needs unless it is to be recomputed.
struct Kept<B: EngineOps> {
    input: Tensor<B, 2>,
    saved: Option<Saved<B>>,
}

impl<B: EngineOps> Decoder<B> {
    /// Loss of a batch, without gradients.
    pub(crate) fn score(&self, adapter: Option<&DeviceAdapter<B>>, batch: &Batch) -> Scored {
        if batch.targets.is_empty() {
            return Scored::default();
        }
        let hidden = self.hidden_states(adapter, &batch.tokens, &batch.segments);
        let hidden = self.final_rows(&hidden, &batch.rows);
        let result = B::linear_cross_entropy(&hidden, &self.head, &batch.targets, None, self.compute);
        Scored { losses: result.losses, hits: result.hits }
    }

    /// Final hidden states before each target, `[targets, hidden]` row-major.
    pub(crate) fn target_states(&self, adapter: Option<&DeviceAdapter<B>>, batch: &Batch) -> Vec<f32> {
        let hidden = self.hidden_states(adapter, &batch.tokens, &batch.segments);
        host(self.final_rows(&hidden, &batch.rows))
    }

    /// Logits of such rows, `[rows, vocabulary]` row-major.
    pub(crate) fn head_logits(&self, states: &[f32]) -> Vec<f32> {
        let width = self.config.hidden_size;
        let data = TensorData::new(states.to_vec(), [states.len() / width, width]);
        host(<B as EngineOps>::linear(&Tensor::from_data(data, &self.device), &self.head, None, self.compute))
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
        let rotary = self.rotary_table(0..segments.longest());
        let context = PassContext { segments, rotary: &rotary, adapter };
        self.through_layers(&context, <B as EngineOps>::embedding(&self.embedding, tokens, &self.device))
    }

    fn through_layers(&self, context: &PassContext<'_, B>, mut x: Tensor<B, 2>) -> Tensor<B, 2> {
        for index in 0..self.layers.len() {
            x = self.layer_forward(index, context, &x).0;
        }
        x
    }

    /// The batch's embeddings, with noise if there is to be some.
    fn embedded(&self, batch: &Batch, noise: Option<Noise>) -> Tensor<B, 2> {
        let x = <B as EngineOps>::embedding(&self.embedding, &batch.tokens, &self.device);
        match noise {
            None => x,
            Some(noise) => {
                let shape = x.dims();
                let values = TensorData::new(noise.values(&batch.segments, shape[1]), shape);
                B::add(x, &Tensor::from_data(values, &self.device))
            }
        }
    }

    fn final_rows(&self, hidden: &Tensor<B, 2>, rows: &[usize]) -> Tensor<B, 2> {
        B::rms_norm(&B::gather_rows(hidden, rows), &self.final_norm, self.epsilon()).y
    }

    /// Loss of a batch; adds `scale * d(sum of losses)` to `gradients`. For the penalty the same frozen
    /// layers run once more without the adapter, before anything is kept: only the rows of targets stay of
    /// that pass.
    pub(crate) fn train(
        &self,
        adapter: &DeviceAdapter<B>,
        batch: &Batch,
        objective: &Objective,
        gradients: &mut Gradients,
    ) -> PassResult {
        if batch.targets.is_empty() {
            return PassResult::default();
        }
        let rotary = self.rotary_table(0..batch.segments.longest());
        let context = PassContext { segments: &batch.segments, rotary: &rotary, adapter: Some(adapter) };
        let mut x = self.embedded(batch, objective.noise);
        let base_rows = (objective.kl_weight > 0.0).then(|| {
            let base = PassContext { adapter: None, ..context };
            self.final_rows(&self.through_layers(&base, x.clone()), &batch.rows)
        });
        let keep = self.layers_to_keep(batch.tokens.len());
        let mut kept = Vec::with_capacity(self.layers.len());
        for index in 0..self.layers.len() {
            let (y, saved) = self.layer_forward(index, &context, &x);
            // The last layers are kept: the backward pass frees them before it recomputes the first.
            let saved = (index + keep >= self.layers.len()).then(|| match self.recompute {
                Recompute::Attention => saved.without_attention(),
                _ => saved,
            });
            kept.push(Kept { input: std::mem::replace(&mut x, y), saved });
        }
        let (result, mut dx) = self.loss_backward(&x, batch, objective, base_rows.as_ref());
        drop(x);
        for (index, Kept { input, saved }) in kept.into_iter().enumerate().rev() {
            let saved = match saved {
                Some(saved) => saved,
                None => self.layer_forward(index, &context, &input).1,
            };
            dx = self.layer_backward(index, &context, ForwardState { input: &input, saved }, dx, gradients);
        }
        gradients.collect();
        result
    }

    /// The loss, and its gradient in the last layer's output. `base_rows` are the base's final hidden states.
    fn loss_backward(
        &self,
        x: &Tensor<B, 2>,
        batch: &Batch,
        objective: &Objective,
        base_rows: Option<&Tensor<B, 2>>,
    ) -> (PassResult, Tensor<B, 2>) {
        let rows = B::gather_rows(x, &batch.rows);
        let normalised = B::rms_norm(&rows, &self.final_norm, self.epsilon());
        let (hidden, targets, scale) = (&normalised.y, &batch.targets, Some(objective.scale));
        let (loss, divergence_sum) = match base_rows {
            None => (B::linear_cross_entropy(hidden, &self.head, targets, scale, self.compute), 0.0),
            Some(base) => {
                let penalty = BasePenalty { hidden: base, weight: objective.kl_weight };
                let both =
                    B::linear_cross_entropy_kl(hidden, penalty, &self.head, targets, scale, self.compute);
                (both.cross_entropy, both.divergences.iter().sum())
            }
        };
        let result = PassResult { loss_sum: loss.loss_sum(), correct: loss.correct(), divergence_sum };
        let d_normalised = loss.d_hidden.unwrap_or_else(|| normalised.y.zeros_like());
        let d_rows = B::rms_norm_backward(&d_normalised, &rows, &normalised.rstd, &self.final_norm, None);
        (result, B::scatter_rows(&d_rows, &batch.rows, x.dims()[0]))
    }

    /// How many layers' activations are kept: all, none, or what fits the budget.
    fn layers_to_keep(&self, tokens: usize) -> usize {
        match self.recompute {
            Recompute::None | Recompute::Attention => self.layers.len(),
            Recompute::Full => 0,
            Recompute::Auto => {
                let value_bytes = [size_of::<f32>(), B::kept_element_bytes(self.compute)];
                layers_to_keep(&self.config, tokens, self.activation_budget_bytes, value_bytes)
            }
        }
    }
}
