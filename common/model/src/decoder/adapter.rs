//! The adapter's matrices on the device, and their gradients in host memory. Used by the layers of one pass.
//! Invariant: gradients are summed in layer order, batch by batch, so accumulation is deterministic.

use burn_tensor::{Tensor, TensorData};

use super::random::Dropout;
use crate::adapter::{Adapter, LoraPair};
use crate::config::LinearKind;
use crate::ops::EngineOps;

/// One pair on the device.
#[derive(Debug, Clone)]
pub(crate) struct DevicePair<B: EngineOps> {
    /// `[rank, in]`.
    pub(crate) a: Tensor<B, 2>,
    /// `[out, rank]`.
    pub(crate) b: Tensor<B, 2>,
}

/// An adapter on the device.
#[derive(Debug, Clone)]
pub(crate) struct DeviceAdapter<B: EngineOps> {
    layers: Vec<[Option<DevicePair<B>>; 7]>,
    pub(crate) scaling: f32,
    /// Probability of LoRA dropout, and its key; `None` outside training.
    pub(crate) dropout: Option<Dropout>,
}

impl<B: EngineOps> DeviceAdapter<B> {
    pub(crate) fn upload(adapter: &Adapter, device: &B::Device) -> Self {
        let matrix = |values: &Vec<f32>, shape: [usize; 2]| {
            Tensor::from_data(TensorData::new(values.clone(), shape), device)
        };
        let pair = |pair: &LoraPair| DevicePair {
            a: matrix(&pair.a, [pair.rank, pair.in_features]),
            b: matrix(&pair.b, [pair.out_features, pair.rank]),
        };
        let layers = (0..adapter.num_layers())
            .map(|layer| LinearKind::ALL.map(|kind| adapter.pair(layer, kind).map(pair)))
            .collect();
        Self { layers, scaling: adapter.scaling(), dropout: None }
    }

    pub(crate) fn pair(&self, layer: usize, kind: LinearKind) -> Option<&DevicePair<B>> {
        self.layers.get(layer)?.get(kind.index())?.as_ref()
    }
}

/// A matrix in host memory, still in the buffer it was computed in: that goes back to the device's pool
/// afterwards.
struct HostMatrix(TensorData);

impl HostMatrix {
    /// The engine's tensors are all f32, so that reading cannot fail.
    fn values(&self) -> &[f32] {
        self.0.as_slice().unwrap_or_default()
    }

    fn values_mut(&mut self) -> &mut [f32] {
        self.0.as_mut_slice().unwrap_or_default()
    }
}

/// Gradients of all matrices, in the order of [`Adapter::pairs`] (A, then B).
pub(crate) struct Gradients {
    layers: Vec<[Option<[HostMatrix; 2]>; 7]>,
    /// Still on the device: reading at once would wait for it after every linear.
    pending: Vec<Pending>,
}

/// Gradients of one pair, to be read.
struct Pending {
    layer: usize,
    kind: LinearKind,
    read: Box<dyn FnOnce() -> [HostMatrix; 2] + Send>,
}

impl Gradients {
    /// All zero, for an adapter of that many layers.
    pub(crate) fn new(num_layers: usize) -> Self {
        Self { layers: (0..num_layers).map(|_| Default::default()).collect(), pending: Vec::new() }
    }

    /// Adds the gradients of one pair, at the next [`Gradients::collect`].
    pub(crate) fn add<B: EngineOps>(
        &mut self,
        layer: usize,
        kind: LinearKind,
        da: Tensor<B, 2>,
        db: Tensor<B, 2>,
    ) {
        self.pending.push(Pending {
            layer,
            kind,
            read: Box::new(|| [da, db].map(|tensor| HostMatrix(tensor.into_data()))),
        });
    }

    /// Reads what was added, in the order it was added.
    pub(crate) fn collect(&mut self) {
        for Pending { layer, kind, read } in self.pending.drain(..) {
            let fresh = read();
            match &mut self.layers[layer][kind.index()] {
                slot @ None => *slot = Some(fresh),
                Some(sums) => {
                    for (sums, new) in sums.iter_mut().zip(&fresh) {
                        sums.values_mut().iter_mut().zip(new.values()).for_each(|(sum, new)| *sum += new);
                    }
                }
            }
        }
    }

    /// All matrices' gradients in training order.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = &[f32]> {
        self.layers.iter().flatten().flatten().flatten().map(HostMatrix::values)
    }

    /// Forgets the gradients of what is not trained, A or B of every pair: they count in no norm.
    pub(crate) fn keep(&mut self, is_trained: [bool; 2]) {
        for pair in self.layers.iter_mut().flatten().flatten() {
            for (matrix, _) in pair.iter_mut().zip(is_trained).filter(|(_, is_trained)| !is_trained) {
                matrix.values_mut().fill(0.0);
            }
        }
    }

    /// Adds `mu (w - w_0)`, the gradient of FedProx' term, in training order.
    pub(crate) fn add_proximal(&mut self, mu: f32, now: &Adapter, start: &Adapter) {
        let pairs = now.pairs().zip(start.pairs());
        let matrices =
            pairs.flat_map(|((_, _, now), (_, _, start))| [(&now.a, &start.a), (&now.b, &start.b)]);
        let sums = self.layers.iter_mut().flatten().flatten().flatten();
        for (sums, (now, start)) in sums.zip(matrices) {
            for ((sum, now), start) in sums.values_mut().iter_mut().zip(now).zip(start) {
                *sum += mu * (now - start);
            }
        }
    }

    /// The gradient of one pair.
    #[cfg(test)]
    pub(crate) fn pair(&self, layer: usize, kind: LinearKind) -> Option<[&[f32]; 2]> {
        self.layers[layer][kind.index()].as_ref().map(|pair| pair.each_ref().map(HostMatrix::values))
    }
}

/// A tensor's values; the engine's tensors are all f32, so reading cannot fail.
pub(crate) fn host<B: EngineOps, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor.into_data().into_vec::<f32>().unwrap_or_default()
}
