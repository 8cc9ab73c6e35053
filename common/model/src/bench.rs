//! Measures a training step, or the asking of questions (`asking`), on a random-weight model of a given
//! shape: no download, one tensor at a time. Called by the `model-bench` binary. Invariants: the weights
//! come from a fixed stream; what is timed is the same `Trainer::step` that sites run.

mod asking;
mod flops;
mod gemm;
mod numbers;

use std::time::Instant;

#[cfg(feature = "cuda")]
use burn_cuda::{Cuda, CudaDevice};
use burn_flex::{Flex, FlexDevice};
use burn_tensor::{Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::Serialize;

use crate::adapter::{Adapter, LoraSettings};
use crate::base::engine::Engine;
use crate::base::fingerprint::Fingerprint;
use crate::base::{BaseModel, dense_bf16, dense_f32, placed};
use crate::config::{LinearKind, ModelConfig};
use crate::decoder::{Decoder, Layer, Linear};
use crate::device::{Device, DeviceMemory, Placement};
use crate::error::{ModelError, Result};
use crate::frozen::FrozenWeight;
use crate::limits::ACTIVATION_BYTES_MAX;
use crate::nf4::{Nf4Weight, SourcePrecision};
use crate::ops::EngineOps;
use crate::options::{Compute, LoadOptions, WeightFormat};
use crate::sample::Sample;
use crate::train::{Schedule, TrainSettings, Trainer};

pub use self::asking::{Asked, AskingBench};
pub use self::flops::gflop_per_token;
pub use self::gemm::{Gemm, products};
pub use self::numbers::{median, peak_rss_bytes};

/// What [`run`] measures.
#[derive(Debug, Clone)]
pub struct BenchSettings {
    /// Tokens of a sequence.
    pub tokens: usize,
    /// Sequences of a step, packed into one pass.
    pub sequences: usize,
    /// LoRA rank, on all linears.
    pub rank: usize,
    /// Share of positions that are targets, in (0, 1].
    pub supervised_fraction: f64,
    /// Timed steps; one more runs first, untimed.
    pub steps: usize,
}

/// What [`run`] measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Tokens of a step divided by the median step time.
    pub tokens_per_s: f64,
    /// Time of each timed step.
    pub step_ms: Vec<f64>,
    /// Highest resident set of the process so far (Linux `VmHWM`); 0 where unknown.
    pub peak_rss_bytes: u64,
    /// Time of making and quantising the weights.
    pub load_ms: u64,
    /// Time of the first step, which also warms caches.
    pub first_step_ms: f64,
    /// Loss of the last step, in nats.
    pub loss: f64,
    /// Work of a token that training needs, in GFLOP; what is computed twice is not counted.
    pub gflop_per_token: f64,
    /// That work a second, in TFLOP.
    pub model_tflop_per_s: f64,
    /// The device's memory after the last step; `None` on the processor, where `peak_rss_bytes` says it.
    pub device_memory: Option<DeviceMemory>,
    /// Growth of the device's reserved memory from a tenth of the steps on, in bytes.
    pub device_memory_growth_bytes: Option<i64>,
}

/// A model with weights uniform in +-0.035 (the deviation of the usual initialisation, 0.02), made like a
/// loaded one. On a GPU all layers get the first one's numbers, each in memory of its own: quantising 7B
/// would take minutes.
///
/// # Errors
/// `Setting` when a linear of that shape cannot be quantised.
pub fn random_base(config: ModelConfig, options: &LoadOptions, placement: Placement) -> Result<BaseModel> {
    let device = placement.device;
    placement.require_usable(options)?;
    // The stream is fixed, so config and options say everything.
    let fingerprint = Fingerprint::new(&config, options)?.finish();
    let engine: Box<dyn Engine> = match device {
        Device::Cpu => Box::new(random_decoder::<Flex>(config, options, placement, FlexDevice)?),
        #[cfg(feature = "cuda")]
        Device::Cuda { index } => {
            let device = CudaDevice::new(index);
            Box::new(Cuda::guarded(&device, || {
                random_decoder::<Cuda>(config, options, placement, device.clone())
            })??)
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda { .. } => return Err(device.built_without_cuda()),
    };
    Ok(BaseModel { engine, placement, options: *options, fingerprint })
}

fn random_decoder<B: EngineOps>(
    config: ModelConfig,
    options: &LoadOptions,
    placement: Placement,
    device: B::Device,
) -> Result<Decoder<B>> {
    let mut maker = Maker::<B> {
        options: *options,
        placement,
        stream: ChaCha8Rng::seed_from_u64(7),
        first_layer: Vec::new(),
        device,
    };
    let table = [config.vocab_size, config.hidden_size];
    let embedding = B::upload(maker.table(table)?, &maker.device);
    let head = if config.tie_word_embeddings {
        embedding.clone()
    } else {
        B::upload(maker.table(table)?, &maker.device)
    };
    let layers = (0..config.num_layers).map(|_| maker.layer(&config)).collect::<Result<Vec<_>>>()?;
    Ok(Decoder {
        compute: options.compute,
        embedding,
        head,
        final_norm: maker.ones(config.hidden_size),
        layers,
        recompute: placement.recompute,
        activation_budget_bytes: ACTIVATION_BYTES_MAX,
        config,
        device: maker.device,
    })
}

struct Maker<B: EngineOps> {
    options: LoadOptions,
    placement: Placement,
    stream: ChaCha8Rng,
    /// Linears of the first layer, kept where the others repeat it.
    first_layer: Vec<FrozenWeight>,
    device: B::Device,
}

impl<B: EngineOps> Maker<B> {
    fn random(&mut self, count: usize) -> Vec<f32> {
        let unit = 1.0 / (1_u32 << 23) as f32;
        (0..count).map(|_| ((self.stream.next_u32() >> 8) as f32 * unit - 1.0) * 0.035).collect()
    }

    fn ones(&self, length: usize) -> Tensor<B, 1> {
        Tensor::from_data(TensorData::new(vec![1.0_f32; length], [length]), &self.device)
    }

    fn table(&mut self, shape: [usize; 2]) -> Result<FrozenWeight> {
        let values = self.random(shape[0] * shape[1]);
        let weight = match self.options.compute {
            Compute::Bf16 => dense_bf16(&values, shape),
            Compute::F32 => dense_f32(values, shape),
        };
        weight.ok_or_else(|| ModelError::Internal { reason: "a table does not fill its shape".to_owned() })
    }

    fn linear(&mut self, shape: [usize; 2]) -> Result<FrozenWeight> {
        let values = self.random(shape[0] * shape[1]);
        let weight = match self.options.weights {
            WeightFormat::F32 => dense_f32(values, shape),
            WeightFormat::Nf4 => Nf4Weight::quantise(&values, shape, SourcePrecision::Bf16)
                .map(|weight| Some(FrozenWeight::Nf4(weight)))
                .map_err(|error| ModelError::Setting { name: "shape", reason: error.to_string() })?,
        };
        weight.ok_or_else(|| ModelError::Internal { reason: "a linear does not fill its shape".to_owned() })
    }

    fn layer(&mut self, config: &ModelConfig) -> Result<Layer<B>> {
        let mut linears = Vec::with_capacity(LinearKind::ALL.len());
        for kind in LinearKind::ALL {
            let shape = config.linear_shape(kind);
            let weight = match self.first_layer.get(kind.index()) {
                Some(weight) => weight.clone(),
                None => self.linear(shape)?,
            };
            if self.placement.device != Device::Cpu && self.first_layer.len() == kind.index() {
                self.first_layer.push(weight.clone());
            }
            let bias = config.linear_bias(kind).then(|| self.ones(shape[0]) * 0.0);
            let weight = placed::<B>(weight, self.placement, &self.options, &self.device);
            linears.push(Linear { weight, bias });
        }
        let linears = linears
            .try_into()
            .map_err(|_| ModelError::Internal { reason: "a layer has seven linears".to_owned() })?;
        let head_norms =
            config.query_key_norm.then(|| [self.ones(config.head_dim), self.ones(config.head_dim)]);
        let hidden = config.hidden_size;
        Ok(Layer { input_norm: self.ones(hidden), post_norm: self.ones(hidden), head_norms, linears })
    }
}

/// A model, its trainer and a stream of random samples.
pub struct Bench<'a> {
    trainer: Trainer<'a>,
    stream: ChaCha8Rng,
    vocabulary: u32,
    tokens: usize,
    sequences: usize,
    /// Positions before this one are not targets.
    first_target: usize,
}

/// One step of a [`Bench`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    /// Wall time.
    pub step_ms: f64,
    /// Mean loss of the supervised positions, in nats.
    pub loss: f64,
}

impl<'a> Bench<'a> {
    /// A trainer for at most `steps` steps.
    ///
    /// # Errors
    /// `Setting` when the settings cannot be used.
    pub fn new(base: &'a BaseModel, settings: &BenchSettings, steps: u64) -> Result<Self> {
        let adapter = Adapter::init(base.config(), &LoraSettings::all_linear(settings.rank, 32.0), 7)?;
        let train = TrainSettings { schedule: Schedule::Constant, ..Default::default() };
        Ok(Self {
            trainer: Trainer::new(base, adapter, &train, steps)?,
            stream: ChaCha8Rng::seed_from_u64(11),
            vocabulary: u32::try_from(base.config().vocab_size).unwrap_or(u32::MAX),
            tokens: settings.tokens,
            sequences: settings.sequences,
            first_target: ((1.0 - settings.supervised_fraction) * settings.tokens as f64) as usize,
        })
    }

    /// Trains on the next samples.
    ///
    /// # Errors
    /// What [`Trainer::step`] returns.
    pub fn step(&mut self) -> Result<Step> {
        let samples: Vec<Sample> = (0..self.sequences)
            .map(|_| Sample {
                tokens: (0..self.tokens).map(|_| self.stream.next_u32() % self.vocabulary).collect(),
                supervised: (0..self.tokens).map(|index| index >= self.first_target).collect(),
            })
            .collect();
        let started = Instant::now();
        let loss = self.trainer.step(&[samples.iter().collect()])?.loss;
        Ok(Step { step_ms: started.elapsed().as_secs_f64() * 1e3, loss })
    }
}

/// Trains a few steps on random tokens, and times them.
///
/// # Errors
/// `Setting` when the settings cannot be used.
pub fn run(
    config: ModelConfig,
    options: &LoadOptions,
    placement: Placement,
    settings: &BenchSettings,
) -> Result<BenchReport> {
    let started = Instant::now();
    let base = random_base(config, options, placement)?;
    let load_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut bench = Bench::new(&base, settings, settings.steps as u64 + 1)?;
    let first = bench.step()?;
    let mut steps = Vec::with_capacity(settings.steps);
    // By a tenth of the steps the device's pool has seen every size.
    let mut settled = None;
    for number in 0..settings.steps {
        steps.push(bench.step()?);
        if number == settings.steps / 10 {
            settled = base.device_memory();
        }
    }
    let device_memory = base.device_memory();
    let step_ms: Vec<f64> = steps.iter().map(|step| step.step_ms).collect();
    let tokens = settings.tokens * settings.sequences;
    let tokens_per_s = tokens as f64 * 1e3 / median(&step_ms).unwrap_or(first.step_ms);
    let gflop_per_token = gflop_per_token(base.config(), settings.tokens, settings.rank);
    let reserved = |memory: DeviceMemory| i64::try_from(memory.reserved_bytes).unwrap_or(i64::MAX);
    Ok(BenchReport {
        tokens_per_s,
        gflop_per_token,
        model_tflop_per_s: tokens_per_s * gflop_per_token / 1e3,
        device_memory,
        device_memory_growth_bytes: device_memory
            .zip(settled)
            .map(|(last, then)| reserved(last) - reserved(then)),
        step_ms,
        peak_rss_bytes: peak_rss_bytes("self"),
        load_ms,
        first_step_ms: first.step_ms,
        loss: steps.last().map_or(first.loss, |step| step.loss),
    })
}
