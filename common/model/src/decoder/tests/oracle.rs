//! The decoder written down plainly in stock tensor operations, one sequence at a time, materialising
//! everything: generic over backend (autodiff or not) and precision (f32 or f64). It shares no code with the
//! engine.

use burn_backend::{Backend, DType};
use burn_flex::{Flex, FlexDevice};
use burn_tensor::{Int, Tensor, TensorData, activation};
use rand_chacha::ChaCha8Rng;

use super::random;
use crate::adapter::{Adapter, LoraPair};
use crate::config::{LinearKind, ModelConfig};
use crate::decoder::weights::{Decoder, Layer, Linear};
use crate::frozen::{DenseWeight, FrozenWeight};
use crate::ops::EngineOps;
use crate::options::Compute;
use crate::sample::Sample;

/// A random model's frozen values.
pub(super) struct Weights {
    embedding: Vec<f32>,
    head: Vec<f32>,
    final_norm: Vec<f32>,
    layers: Vec<LayerWeights>,
}

struct LayerWeights {
    input_norm: Vec<f32>,
    post_norm: Vec<f32>,
    head_norms: [Vec<f32>; 2],
    linears: Vec<LinearWeights>,
}

/// Weight, `[out, in]`, bias.
type LinearWeights = (Vec<f32>, [usize; 2], Option<Vec<f32>>);

impl Weights {
    pub(super) fn random(config: &ModelConfig, stream: &mut ChaCha8Rng) -> Self {
        let mut norm = |width: usize| {
            random(stream, width, 0.3).into_iter().map(|value| 1.0 + value).collect::<Vec<_>>()
        };
        let final_norm = norm(config.hidden_size);
        let mut layers = Vec::new();
        for _ in 0..config.num_layers {
            let input_norm = norm(config.hidden_size);
            let post_norm = norm(config.hidden_size);
            let head_norms = [norm(config.head_dim), norm(config.head_dim)];
            layers.push(LayerWeights { input_norm, post_norm, head_norms, linears: Vec::new() });
        }
        for layer in &mut layers {
            for kind in LinearKind::ALL {
                let shape = config.linear_shape(kind);
                let weight = random(stream, shape[0] * shape[1], 0.4);
                let bias = config.linear_bias(kind).then(|| random(stream, shape[0], 0.4));
                layer.linears.push((weight, shape, bias));
            }
        }
        let embedding = random(stream, config.vocab_size * config.hidden_size, 0.8);
        let head = if config.tie_word_embeddings {
            embedding.clone()
        } else {
            random(stream, config.vocab_size * config.hidden_size, 0.8)
        };
        Self { embedding, head, final_norm, layers }
    }

    /// The engine's decoder with these values.
    pub(super) fn decoder(&self, config: &ModelConfig, compute: Compute) -> Decoder<Flex> {
        let device = FlexDevice;
        let frozen = |values: &Vec<f32>, shape: [usize; 2]| {
            Flex::upload(FrozenWeight::F32(DenseWeight::new(values.clone(), shape).unwrap()), &device)
        };
        let vector = |values: &Vec<f32>| {
            Tensor::<Flex, 1>::from_data(TensorData::new(values.clone(), [values.len()]), &device)
        };
        let layers = self
            .layers
            .iter()
            .map(|layer| Layer {
                input_norm: vector(&layer.input_norm),
                post_norm: vector(&layer.post_norm),
                head_norms: config
                    .query_key_norm
                    .then(|| [0, 1].map(|index| vector(&layer.head_norms[index]))),
                linears: std::array::from_fn(|index| {
                    let (weight, shape, bias) = &layer.linears[index];
                    Linear { weight: frozen(weight, *shape), bias: bias.as_ref().map(vector) }
                }),
            })
            .collect();
        let table = [config.vocab_size, config.hidden_size];
        Decoder {
            compute,
            device,
            embedding: frozen(&self.embedding, table),
            head: frozen(&self.head, table),
            final_norm: vector(&self.final_norm),
            layers,
            recompute: crate::options::Recompute::Auto,
            activation_budget_bytes: usize::MAX,
            config: config.clone(),
        }
    }
}

/// The plain decoder.
pub(super) struct Oracle<'a, B: Backend> {
    config: &'a ModelConfig,
    weights: &'a Weights,
    pairs: Vec<[Option<[Tensor<B, 2>; 2]>; 7]>,
    scaling: f64,
    dtype: DType,
    device: B::Device,
}

impl<'a, B: Backend> Oracle<'a, B> {
    /// In f32, the adapter's matrices tracked.
    pub(super) fn new(config: &'a ModelConfig, weights: &'a Weights, adapter: &Adapter) -> Self {
        Self::build(config, weights, adapter, DType::F32, &|values, _| {
            values.iter().copied().map(f64::from).collect()
        })
    }

    /// In f64, the adapter moved by `distance` along `direction`.
    pub(super) fn moved(
        config: &'a ModelConfig,
        weights: &'a Weights,
        adapter: &Adapter,
        direction: &[Vec<f32>],
        distance: f64,
    ) -> Self {
        Self::build(config, weights, adapter, DType::F64, &|values, index| {
            values
                .iter()
                .zip(&direction[index])
                .map(|(v, d)| f64::from(*v) + distance * f64::from(*d))
                .collect()
        })
    }

    fn build(
        config: &'a ModelConfig,
        weights: &'a Weights,
        adapter: &Adapter,
        dtype: DType,
        values: &dyn Fn(&[f32], usize) -> Vec<f64>,
    ) -> Self {
        let device = B::Device::default();
        let mut index = 0;
        let mut matrix = |source: &[f32], shape: [usize; 2]| {
            let data = TensorData::new(values(source, index), shape);
            index += 1;
            Tensor::<B, 2>::from_data(data, (&device, dtype)).require_grad()
        };
        let mut pair = |pair: &LoraPair| {
            [matrix(&pair.a, [pair.rank, pair.in_features]), matrix(&pair.b, [pair.out_features, pair.rank])]
        };
        let pairs = (0..config.num_layers)
            .map(|layer| LinearKind::ALL.map(|kind| adapter.pair(layer, kind).map(&mut pair)))
            .collect();
        Self { config, weights, pairs, scaling: f64::from(adapter.scaling()), dtype, device }
    }

    pub(super) fn pair(&self, layer: usize, kind: LinearKind) -> &[Tensor<B, 2>; 2] {
        self.pairs[layer][kind.index()].as_ref().unwrap()
    }

    fn constant(&self, values: Vec<f64>, shape: [usize; 2]) -> Tensor<B, 2> {
        Tensor::from_data(TensorData::new(values, shape), (&self.device, self.dtype))
    }

    fn widened(&self, values: &[f32], shape: [usize; 2]) -> Tensor<B, 2> {
        self.constant(values.iter().copied().map(f64::from).collect(), shape)
    }

    fn norm(&self, x: Tensor<B, 2>, weight: &[f32]) -> Tensor<B, 2> {
        let mean = (x.clone() * x.clone()).mean_dim(1);
        let weight = self.widened(weight, [1, weight.len()]);
        x / (mean + self.config.rms_norm_eps).sqrt() * weight
    }

    fn linear(&self, layer: usize, kind: LinearKind, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        let (weight, shape, bias) = &self.weights.layers[layer].linears[kind.index()];
        let mut y = x.clone().matmul(self.widened(weight, *shape).transpose());
        if let Some(bias) = bias {
            y = y + self.widened(bias, [1, bias.len()]);
        }
        if let Some([a, b]) = &self.pairs[layer][kind.index()] {
            y = y + x.clone().matmul(a.clone().transpose()).matmul(b.clone().transpose()) * self.scaling;
        }
        y
    }

    /// `[T, head_dim]` with rotate-half, positions from 0.
    fn rotated(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, width] = x.dims();
        let frequencies = self.config.rope.inverse_frequencies(width);
        let angle = |index: usize| {
            let (row, column) = (index / width, index % width);
            // f32, as transformers does even for models in other precisions.
            f64::from(row as f32 * frequencies[column % (width / 2)])
        };
        let cos = self.constant((0..rows * width).map(|index| angle(index).cos()).collect(), [rows, width]);
        let sin = self.constant((0..rows * width).map(|index| angle(index).sin()).collect(), [rows, width]);
        let halves = [x.clone().slice([0..rows, width / 2..width]), x.clone().slice([0..rows, 0..width / 2])];
        let turned = Tensor::cat(vec![halves[0].clone().neg(), halves[1].clone()], 1);
        x * cos + turned * sin
    }

    fn attention(&self, layer: usize, x: &Tensor<B, 2>) -> Tensor<B, 2> {
        let (config, weights) = (self.config, &self.weights.layers[layer]);
        let [rows, _] = x.dims();
        let width = config.head_dim;
        let [q, k, v] =
            [LinearKind::Query, LinearKind::Key, LinearKind::Value].map(|kind| self.linear(layer, kind, x));
        let head = |tensor: &Tensor<B, 2>, index: usize| {
            tensor.clone().slice([0..rows, index * width..(index + 1) * width])
        };
        let mask =
            (0..rows * rows).map(|index| if index % rows > index / rows { -1e9 } else { 0.0 }).collect();
        let mask = self.constant(mask, [rows, rows]);
        let group = config.num_attention_heads / config.num_key_value_heads;
        let outputs = (0..config.num_attention_heads).map(|index| {
            let (mut query, mut key) = (head(&q, index), head(&k, index / group));
            if config.query_key_norm {
                query = self.norm(query, &weights.head_norms[0]);
                key = self.norm(key, &weights.head_norms[1]);
            }
            let scores = self.rotated(query).matmul(self.rotated(key).transpose()) / (width as f64).sqrt();
            activation::softmax(scores + mask.clone(), 1).matmul(head(&v, index / group))
        });
        self.linear(layer, LinearKind::Output, &Tensor::cat(outputs.collect(), 1))
    }

    /// The same decoder without its adapter.
    fn base(&self) -> Self {
        let pairs = self.pairs.iter().map(|_| Default::default()).collect();
        Self {
            config: self.config,
            weights: self.weights,
            pairs,
            scaling: self.scaling,
            dtype: self.dtype,
            device: self.device.clone(),
        }
    }

    /// `[T, vocabulary]`.
    fn log_probabilities(&self, sample: &Sample) -> Tensor<B, 2> {
        let (config, rows) = (self.config, sample.tokens.len());
        let table = [config.vocab_size, config.hidden_size];
        let ids: Vec<i64> = sample.tokens.iter().copied().map(i64::from).collect();
        let ids = Tensor::<B, 1, Int>::from_data(TensorData::new(ids, [rows]), &self.device);
        let mut x = self.widened(&self.weights.embedding, table).select(0, ids);
        for (layer, weights) in self.weights.layers.iter().enumerate() {
            x = x.clone() + self.attention(layer, &self.norm(x, &weights.input_norm));
            let n = self.norm(x.clone(), &weights.post_norm);
            let gate = self.linear(layer, LinearKind::Gate, &n);
            let hidden = gate.clone() * activation::sigmoid(gate) * self.linear(layer, LinearKind::Up, &n);
            x = x + self.linear(layer, LinearKind::Down, &hidden);
        }
        let logits = self
            .norm(x, &self.weights.final_norm)
            .matmul(self.widened(&self.weights.head, table).transpose());
        activation::log_softmax(logits, 1)
    }

    /// Sum of the sample's target losses, plus `kl_weight` times the divergence from the base in the same
    /// rows.
    fn loss_sum(&self, sample: &Sample, kl_weight: f64) -> Tensor<B, 1> {
        let (rows, columns) = (sample.tokens.len(), self.config.vocab_size);
        let (mut wanted, mut mask) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
        for index in (1..rows).filter(|index| sample.supervised[*index]) {
            wanted[(index - 1) * columns + sample.tokens[index] as usize] = -1.0;
            mask[(index - 1) * columns..index * columns].fill(kl_weight);
        }
        let log_q = self.log_probabilities(sample);
        let loss = (log_q.clone() * self.constant(wanted, [rows, columns])).sum();
        if kl_weight == 0.0 {
            return loss;
        }
        let log_p = self.base().log_probabilities(sample);
        loss + (log_p.clone().exp() * (log_p - log_q) * self.constant(mask, [rows, columns])).sum()
    }

    pub(super) fn mean_loss(&self, samples: &[Sample], kl_weight: f64) -> Tensor<B, 1> {
        let targets: usize = samples.iter().map(Sample::supervised_tokens).sum();
        let sums = samples.iter().map(|sample| self.loss_sum(sample, kl_weight)).collect();
        Tensor::cat(sums, 0).sum() / targets as f64
    }
}
