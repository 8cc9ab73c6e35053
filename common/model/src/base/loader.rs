//! Builds a decoder from a checkpoint, one tensor at a time. Called by `BaseModel::load_on`. Invariants: at
//! most one dense tensor is in memory besides what is kept; every tensor has the shape that config.json
//! implies; a name that is missing, a damaged file or an unknown quantisation is an error that names the
//! file.

use std::path::Path;

#[cfg(feature = "cuda")]
use burn_cuda::{Cuda, CudaDevice};
use burn_flex::{Flex, FlexDevice};
use burn_tensor::{Tensor, TensorData};
use half::bf16;
use rayon::prelude::*;

use super::engine::Engine;
use super::fingerprint::Fingerprint;
use crate::checkpoint::{CheckpointReader, Dtype};
use crate::config::{LinearKind, ModelConfig};
use crate::decoder::{Decoder, Layer, Linear};
use crate::device::{Device, Placement};
use crate::error::{ModelError, Result};
use crate::frozen::{DenseWeight, FrozenWeight};
use crate::limits::ACTIVATION_BYTES_MAX;
use crate::nf4::bitsandbytes::QuantisedTensors;
use crate::nf4::{CodeRule, Nf4Weight};
use crate::ops::EngineOps;
use crate::options::{Compute, HeldWeights, LoadOptions, WeightFormat};
use crate::quantise;

const QUANT_STATE: &str = ".weight.quant_state.bitsandbytes__nf4";

struct Loader<'a, B: EngineOps> {
    config: &'a ModelConfig,
    options: LoadOptions,
    placement: Placement,
    reader: CheckpointReader,
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
    let mut loader = Loader::<B> {
        config: &config,
        options: *options,
        placement,
        reader,
        prequantised,
        fingerprint: Fingerprint::new(&config, options)?,
        device,
    };
    let table = [config.vocab_size, config.hidden_size];
    let embedding = B::upload(loader.table("model.embed_tokens.weight", table)?, &loader.device);
    let mut layers = Vec::with_capacity(config.num_layers);
    for layer in 0..config.num_layers {
        layers.push(loader.layer(layer)?);
    }
    let final_norm = loader.vector("model.norm.weight", config.hidden_size)?;
    let head = if config.tie_word_embeddings {
        embedding.clone()
    } else {
        B::upload(loader.table("lm_head.weight", table)?, &loader.device)
    };
    let fingerprint = loader.fingerprint.finish();
    let decoder = Decoder {
        compute: options.compute,
        device: loader.device,
        embedding,
        head,
        final_norm,
        layers,
        recompute: placement.recompute,
        activation_budget_bytes: ACTIVATION_BYTES_MAX,
        config,
    };
    Ok((Box::new(decoder), fingerprint))
}

impl<B: EngineOps> Loader<'_, B> {
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
        let (values, _) = self.reader.read_f32(name, &[length])?;
        self.fingerprint.vector(name, &values);
        Ok(Tensor::from_data(TensorData::new(values, [length]), &self.device))
    }

    /// Embedding or head: bf16 when the checkpoint is bf16 (exact) or the arithmetic is; else f32.
    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<FrozenWeight> {
        let stored = self.reader.entry(name).map(|entry| entry.dtype);
        let weight = if stored == Some(Dtype::BF16) || self.options.compute == Compute::Bf16 {
            self.read_bf16(name, shape)?
        } else {
            dense_f32(self.reader.read_f32(name, &shape)?.0, shape)
        };
        self.keep(name, weight)
    }

    /// A dense tensor rounded to bf16, a run at a time.
    fn read_bf16(&self, name: &str, shape: [usize; 2]) -> Result<Option<FrozenWeight>> {
        let mut values: Vec<bf16> = Vec::new();
        self.reader.for_runs(name, &shape, |run| {
            // The shape has been checked by now, so its size is that of a real file.
            values.reserve_exact((shape[0] * shape[1]).saturating_sub(values.len()));
            values.par_extend(run.par_iter().map(|value| bf16::from_f32(*value)));
            Ok(())
        })?;
        Ok(DenseWeight::new(values, shape).map(FrozenWeight::Bf16))
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
        if self.reader.entry(&format!("{module}{QUANT_STATE}")).is_some() {
            let nf4 = self.quantised(module, shape)?;
            let weight = match self.options.weights {
                WeightFormat::Nf4 => Some(FrozenWeight::Nf4(nf4)),
                WeightFormat::F32 => dense_f32(nf4.dequantise(), shape),
            };
            return self.keep(&name, weight);
        }
        let stored = self.reader.entry(&name).map(|entry| entry.dtype);
        let weight = match self.options.weights {
            WeightFormat::Nf4 if !self.prequantised => {
                Some(FrozenWeight::Nf4(quantise::read_nf4(&self.reader, &name, shape, CodeRule::Cuda)?))
            }
            WeightFormat::Nf4 if stored == Some(Dtype::BF16) => self.read_bf16(&name, shape)?,
            _ => dense_f32(self.reader.read_f32(&name, &shape)?.0, shape),
        };
        self.keep(&name, weight)
    }

    /// A weight that bitsandbytes quantised; its state's shape is the truth, and must be the config's.
    fn quantised(&self, module: &str, shape: [usize; 2]) -> Result<Nf4Weight> {
        let part = |suffix: &str| self.reader.read_bytes(&format!("{module}.weight{suffix}"));
        let optional = |suffix: &str| {
            self.reader.entry(&format!("{module}.weight{suffix}")).is_some().then(|| part(suffix)).transpose()
        };
        let (weight, absmax, quant_map) = (part("")?, part(".absmax")?, part(".quant_map")?);
        let (nested_absmax, nested_quant_map) = (optional(".nested_absmax")?, optional(".nested_quant_map")?);
        let quant_state = part(".quant_state.bitsandbytes__nf4")?;
        let damage =
            |reason: String| self.reader.damage(&format!("{module}.weight"), format!("{module}: {reason}"));
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
            return Err(damage(format!(
                "it has shape {:?}, but config.json asks for {shape:?}",
                nf4.shape()
            )));
        }
        Ok(nf4)
    }

    /// Adds a weight to the fingerprint.
    fn keep(&mut self, name: &str, weight: Option<FrozenWeight>) -> Result<FrozenWeight> {
        let weight = weight
            .ok_or_else(|| ModelError::Internal { reason: format!("{name} does not fill its shape") })?;
        self.fingerprint.weight(name, &weight);
        Ok(weight)
    }
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
