//! Builds a decoder from a checkpoint or a GGUF file, one tensor at a time. Called by `BaseModel`.
//! Invariants: at most one dense tensor is in memory besides what is kept; every tensor has the shape that
//! config.json implies; a name that is missing, a damaged file or an unknown quantisation is an error that
//! names the file.

use std::path::Path;

#[cfg(feature = "cuda")]
use burn_cuda::{Cuda, CudaDevice};
use burn_flex::{Flex, FlexDevice};
use burn_tensor::{Tensor, TensorData};
use half::bf16;
use rayon::prelude::*;

use super::engine::Engine;
use super::fingerprint::Fingerprint;
use super::source::Source;
use crate::checkpoint::{CheckpointReader, Dtype};
use crate::config::{LinearKind, ModelConfig};
use crate::decoder::{Decoder, Layer, Linear};
use crate::device::{Device, Placement};
use crate::error::{ModelError, Result};
use crate::export::gguf::GgufFile;
use crate::frozen::{DenseWeight, FrozenWeight};
use crate::limits::ACTIVATION_BYTES_MAX;
use crate::nf4::bitsandbytes::QuantisedTensors;
use crate::nf4::{CodeRule, Nf4Weight};
use crate::ops::EngineOps;
use crate::options::{Compute, HeldWeights, LoadOptions, WeightFormat};
use crate::quantise;

const QUANT_STATE: &str = ".weight.quant_state.bitsandbytes__nf4";

struct Loader<B: EngineOps> {
    config: ModelConfig,
    options: LoadOptions,
    placement: Placement,
    source: Source,
    /// Whether bitsandbytes quantised the checkpoint: then what it left dense stays dense.
    prequantised: bool,
    fingerprint: Fingerprint,
    device: B::Device,
}

/// A decoder on its device, and the fingerprint of its frozen tensors.
pub(crate) type Loaded = (Box<dyn Engine>, [u8; 32]);

/// The decoder of a model folder, where the placement says.
pub(super) fn load(dir: &Path, options: &LoadOptions, placement: Placement) -> Result<Loaded> {
    let device = placement.device;
    placement.require_usable(options)?;
    match device {
        Device::Cpu => decoder::<Flex>(dir, options, placement, FlexDevice),
        #[cfg(feature = "cuda")]
        Device::Cuda { index } => {
            let device = CudaDevice::new(index);
            Cuda::guarded(&device, || decoder::<Cuda>(dir, options, placement, device.clone()))?
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda { .. } => Err(device.built_without_cuda()),
    }
}

/// The decoder of a GGUF file, on the processor.
pub(super) fn load_gguf(
    file: &Path,
    dir: &Path,
    options: &LoadOptions,
    placement: Placement,
) -> Result<Loaded> {
    let config = ModelConfig::from_dir(dir)?;
    let loader = Loader::<Flex> {
        options: *options,
        placement,
        source: Source::Gguf(GgufFile::open(file, &config)?),
        prequantised: false,
        fingerprint: Fingerprint::new(&config, options)?,
        device: FlexDevice,
        config,
    };
    loader.load()
}

/// [`load`] on one backend.
pub(crate) fn decoder<B: EngineOps>(
    dir: &Path,
    options: &LoadOptions,
    placement: Placement,
    device: B::Device,
) -> Result<Loaded> {
    let config = ModelConfig::from_dir(dir)?;
    let reader = CheckpointReader::open(dir)?;
    reader.require_tied(&config)?;
    let prequantised = reader.names().any(|name| name.ends_with(QUANT_STATE));
    if let Some(name) =
        reader.names().find(|name| name.ends_with(".SCB") || name.ends_with("bitsandbytes__fp4"))
    {
        return Err(ModelError::Unsupported {
            what: format!("the quantisation of {name}"),
            hint: "use the unquantised model, or one that bitsandbytes quantised to NF4".to_owned(),
        });
    }
    let loader = Loader::<B> {
        options: *options,
        placement,
        source: Source::Checkpoint(reader),
        prequantised,
        fingerprint: Fingerprint::new(&config, options)?,
        device,
        config,
    };
    loader.load()
}

impl<B: EngineOps> Loader<B> {
    /// All of it.
    fn load(mut self) -> Result<Loaded> {
        let table = [self.config.vocab_size, self.config.hidden_size];
        let embedding = B::upload(self.table("model.embed_tokens.weight", table)?, &self.device);
        let mut layers = Vec::with_capacity(self.config.num_layers);
        for layer in 0..self.config.num_layers {
            layers.push(self.layer(layer)?);
        }
        let final_norm = self.vector("model.norm.weight", self.config.hidden_size)?;
        let head = if self.config.tie_word_embeddings {
            embedding.clone()
        } else {
            B::upload(self.table("lm_head.weight", table)?, &self.device)
        };
        let fingerprint = self.fingerprint.finish();
        let decoder = Decoder {
            compute: self.options.compute,
            device: self.device,
            embedding,
            head,
            final_norm,
            layers,
            recompute: self.placement.recompute,
            activation_budget_bytes: ACTIVATION_BYTES_MAX,
            config: self.config,
        };
        Ok((Box::new(decoder), fingerprint))
    }

    fn layer(&mut self, layer: usize) -> Result<Layer<B>> {
        let hidden = self.config.hidden_size;
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        let input_norm = self.vector(&name("input_layernorm"), hidden)?;
        let post_norm = self.vector(&name("post_attention_layernorm"), hidden)?;
        let head_norms = if self.config.query_key_norm {
            let width = self.config.head_dim;
            Some([
                self.vector(&name("self_attn.q_norm"), width)?,
                self.vector(&name("self_attn.k_norm"), width)?,
            ])
        } else {
            None
        };
        let mut linears = Vec::with_capacity(LinearKind::ALL.len());
        for kind in LinearKind::ALL {
            linears.push(self.linear(layer, kind)?);
        }
        let linears = linears
            .try_into()
            .map_err(|_| ModelError::Internal { reason: "a layer has seven linears".to_owned() })?;
        Ok(Layer { input_norm, post_norm, head_norms, linears })
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Tensor<B, 1>> {
        let values = self.source.read_f32(name, &[length])?;
        self.fingerprint.vector(name, &values);
        Ok(Tensor::from_data(TensorData::new(values, [length]), &self.device))
    }

    /// Embedding or head: bf16 when the checkpoint is bf16 (exact) or the arithmetic is; else f32.
    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<FrozenWeight> {
        let weight = match &self.source {
            Source::Checkpoint(reader) if self.options.compute == Compute::Bf16 || is_bf16(reader, name) => {
                read_bf16(reader, name, shape)?
            }
            source => dense_f32(source.read_f32(name, &shape)?, shape),
        };
        self.keep(name, weight)
    }

    fn linear(&mut self, layer: usize, kind: LinearKind) -> Result<Linear<B>> {
        let module = kind.module_name(layer);
        let shape = self.config.linear_shape(kind);
        let weight = self.linear_weight(&module, shape)?;
        let bias = if self.config.linear_bias(kind) {
            Some(self.vector(&format!("{module}.bias"), shape[0])?)
        } else {
            None
        };
        let weight = placed::<B>(weight, self.placement, &self.options, &self.device);
        Ok(Linear { weight, bias })
    }

    fn linear_weight(&mut self, module: &str, shape: [usize; 2]) -> Result<FrozenWeight> {
        let name = format!("{module}.weight");
        let reader = match &self.source {
            Source::Checkpoint(reader) => reader,
            Source::Gguf(file) => return self.keep(&name, dense_f32(file.read_f32(&name, &shape)?, shape)),
        };
        if reader.entry(&format!("{module}{QUANT_STATE}")).is_some() {
            let nf4 = quantised(reader, module, shape)?;
            let weight = match self.options.weights {
                WeightFormat::Nf4 => Some(FrozenWeight::Nf4(nf4)),
                WeightFormat::F32 => dense_f32(nf4.dequantise(), shape),
            };
            return self.keep(&name, weight);
        }
        let weight = match self.options.weights {
            WeightFormat::Nf4 if !self.prequantised => {
                Some(FrozenWeight::Nf4(quantise::read_nf4(reader, &name, shape, CodeRule::Cuda)?))
            }
            WeightFormat::Nf4 if is_bf16(reader, &name) => read_bf16(reader, &name, shape)?,
            _ => dense_f32(reader.read_f32(&name, &shape)?.0, shape),
        };
        self.keep(&name, weight)
    }

    /// Adds a weight to the fingerprint.
    fn keep(&mut self, name: &str, weight: Option<FrozenWeight>) -> Result<FrozenWeight> {
        let weight = weight
            .ok_or_else(|| ModelError::Internal { reason: format!("{name} does not fill its shape") })?;
        self.fingerprint.weight(name, &weight);
        Ok(weight)
    }
}

fn is_bf16(reader: &CheckpointReader, name: &str) -> bool {
    reader.entry(name).is_some_and(|entry| entry.dtype == Dtype::BF16)
}

/// A dense tensor rounded to bf16, a run at a time.
fn read_bf16(reader: &CheckpointReader, name: &str, shape: [usize; 2]) -> Result<Option<FrozenWeight>> {
    let mut values: Vec<bf16> = Vec::new();
    reader.for_runs(name, &shape, |run| {
        // The shape has been checked by now, so its size is that of a real file.
        values.reserve_exact((shape[0] * shape[1]).saturating_sub(values.len()));
        values.par_extend(run.par_iter().map(|value| bf16::from_f32(*value)));
        Ok(())
    })?;
    Ok(DenseWeight::new(values, shape).map(FrozenWeight::Bf16))
}

/// A weight that bitsandbytes quantised; its state's shape is the truth, and must be the config's.
fn quantised(reader: &CheckpointReader, module: &str, shape: [usize; 2]) -> Result<Nf4Weight> {
    let part = |suffix: &str| reader.read_bytes(&format!("{module}.weight{suffix}"));
    let optional = |suffix: &str| {
        reader.entry(&format!("{module}.weight{suffix}")).is_some().then(|| part(suffix)).transpose()
    };
    let (weight, absmax, quant_map) = (part("")?, part(".absmax")?, part(".quant_map")?);
    let (nested_absmax, nested_quant_map) = (optional(".nested_absmax")?, optional(".nested_quant_map")?);
    let quant_state = part(".quant_state.bitsandbytes__nf4")?;
    let damage = |reason: String| reader.damage(&format!("{module}.weight"), format!("{module}: {reason}"));
    let nf4 = Nf4Weight::from_bitsandbytes(&QuantisedTensors {
        weight: &weight,
        absmax: &absmax,
        quant_map: &quant_map,
        nested_absmax: nested_absmax.as_deref(),
        nested_quant_map: nested_quant_map.as_deref(),
        quant_state: &quant_state,
    })
    .map_err(|error| damage(error.to_string()))?;
    if nf4.shape() != shape {
        return Err(damage(format!("it has shape {:?}, but config.json asks for {shape:?}", nf4.shape())));
    }
    Ok(nf4)
}

/// A decoder linear on its device, held as the placement says.
pub(crate) fn placed<B: EngineOps>(
    weight: FrozenWeight,
    placement: Placement,
    options: &LoadOptions,
    device: &B::Device,
) -> B::Frozen {
    let weight = B::upload(weight, device);
    match placement.weights {
        HeldWeights::Nf4 => weight,
        HeldWeights::Bf16Cache => B::cached(weight, options.compute, device),
    }
}

pub(crate) fn dense_f32(values: Vec<f32>, shape: [usize; 2]) -> Option<FrozenWeight> {
    DenseWeight::new(values, shape).map(FrozenWeight::F32)
}

pub(crate) fn dense_bf16(values: &[f32], shape: [usize; 2]) -> Option<FrozenWeight> {
    DenseWeight::new(values.iter().map(|value| bf16::from_f32(*value)).collect(), shape)
        .map(FrozenWeight::Bf16)
}
