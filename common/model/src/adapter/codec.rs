//! Adapter to safetensors bytes and back. Called by [`super::Adapter`]; the bytes are what sites exchange.
//! Invariants: strict in both directions; equal values give equal bytes.

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::settings::{LoraSettings, tensor_name, tensor_shapes};
use super::{Adapter, LoraPair};
use crate::config::{LinearKind, ModelConfig};
use crate::error::{ModelError, Result};

impl Adapter {
    /// Reads an adapter from the bytes of a safetensors file with PEFT names; strict: exactly the expected
    /// tensors, f32 (or f16/bf16, widened), the expected shapes, finite values.
    ///
    /// # Errors
    /// `Adapter` naming the first tensor that does not fit.
    pub fn from_safetensors(bytes: &[u8], config: &ModelConfig, settings: &LoraSettings) -> Result<Self> {
        from_safetensors(bytes, config, settings)
    }

    /// The bytes of a safetensors file: PEFT names, f32, sorted by name, no metadata.
    ///
    /// # Errors
    /// `Internal` when the serializer refuses, which it has no reason to.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        to_safetensors(self)
    }
}

fn to_safetensors(adapter: &Adapter) -> Result<Vec<u8>> {
    let mut tensors = Vec::new();
    for (layer, kind, pair) in adapter.pairs() {
        let [a, b] = [(&pair.a, [pair.rank, pair.in_features]), (&pair.b, [pair.out_features, pair.rank])];
        for (matrix, (values, shape)) in [('A', a), ('B', b)] {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytemuck::cast_slice(values))
                .map_err(|error| ModelError::Internal { reason: error.to_string() })?;
            tensors.push((tensor_name(layer, kind, matrix), view));
        }
    }
    // `serialize` orders by alignment, then name; all are f32, so: by name.
    safetensors::serialize(tensors, None).map_err(|error| ModelError::Internal { reason: error.to_string() })
}

fn from_safetensors(bytes: &[u8], config: &ModelConfig, settings: &LoraSettings) -> Result<Adapter> {
    settings.validate()?;
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| bad(format!("not a safetensors file: {error}")))?;
    let expected = tensor_shapes(config, settings);
    for (name, shape) in &expected {
        let view = file.tensor(name).map_err(|_| bad(format!("the tensor {name} is missing")))?;
        if view.shape() != shape {
            return Err(bad(format!("{name} has shape {:?}, expected {shape:?}", view.shape())));
        }
    }
    if file.len() != expected.len() {
        let known = |name: &&str| expected.binary_search_by(|(n, _)| n.as_str().cmp(name)).is_ok();
        let names = file.names();
        let extra = names.iter().map(|name| name.as_ref()).find(|name: &&str| !known(name)).unwrap_or("?");
        return Err(bad(format!("the tensor {extra:?} is not expected")));
    }
    let mut layers = Vec::with_capacity(config.num_layers);
    for layer in 0..config.num_layers {
        let mut pairs: super::LayerPairs = Default::default();
        for kind in LinearKind::ALL.into_iter().filter(|kind| settings.targets(*kind)) {
            let [out_features, in_features] = config.linear_shape(kind);
            let a = values(&file, &tensor_name(layer, kind, 'A'))?;
            let b = values(&file, &tensor_name(layer, kind, 'B'))?;
            pairs[kind.index()] = Some(LoraPair { a, b, rank: settings.rank, in_features, out_features });
        }
        layers.push(pairs);
    }
    Ok(Adapter { settings: settings.clone(), layers })
}

fn values(file: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>> {
    let view = file.tensor(name).map_err(|_| bad(format!("the tensor {name} is missing")))?;
    let pairs = || view.data().chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => view
            .data()
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect(),
        Dtype::BF16 => pairs().map(|pair| bf16::from_le_bytes(pair).to_f32()).collect(),
        Dtype::F16 => pairs().map(|pair| f16::from_le_bytes(pair).to_f32()).collect(),
        other => return Err(bad(format!("{name} has type {other:?}, expected F32"))),
    };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(bad(format!("{name} has a value that is not finite")));
    }
    Ok(values)
}

fn bad(reason: String) -> ModelError {
    ModelError::Adapter { reason }
}
