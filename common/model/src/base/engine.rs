//! A decoder on whichever device was chosen, behind two object-safe traits. Made by the loader; called by the
//! trainer, the evaluator and whoever wants logits. Invariant: what a caller sees does not depend on the
//! device, except that [`ModelError::Device`] (memory or driver gave out) can only come from a GPU.

use crate::adapter::Adapter;
use crate::config::ModelConfig;
use crate::decoder::{
    Batch, Cache, Decoder, DeviceAdapter, Dropout, Gradients, Objective, PassResult, Scored,
};
use crate::device::DeviceMemory;
use crate::error::Result;
use crate::ops::EngineOps;

/// A loaded decoder.
pub(crate) trait Engine: Send + Sync {
    fn config(&self) -> &ModelConfig;

    fn set_activation_budget(&mut self, bytes: usize);

    /// What the device's allocator holds.
    fn memory(&self) -> Option<DeviceMemory>;

    /// The decoder with an adapter that fits it (checked before), or bare.
    fn session(&self, adapter: Option<&Adapter>) -> Result<Box<dyn Session + '_>>;
}

/// A decoder with an adapter beside it on the device.
pub(crate) trait Session {
    /// LoRA dropout of the next passes; off at first.
    fn set_dropout(&mut self, dropout: Option<Dropout>);

    /// Loss of a batch, without gradients.
    fn score(&self, batch: &Batch) -> Result<Scored>;

    /// Loss of a batch; adds its gradient to `gradients`. Needs an adapter.
    fn train(&self, batch: &Batch, objective: &Objective, gradients: &mut Gradients) -> Result<PassResult>;

    /// Final hidden states before each target of a batch, `[targets, hidden]` row-major.
    fn target_states(&self, batch: &Batch) -> Result<Vec<f32>>;

    /// Logits of such rows, `[rows, vocabulary]` row-major.
    fn head(&self, states: &[f32]) -> Result<Vec<f32>>;

    /// Logits of one sequence, `[tokens, vocabulary]` row-major.
    fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>>;

    /// Of the sequence that grows here: forgets what is behind the first `keep` tokens, appends `tokens` (at
    /// least one); logits `[vocabulary]` behind the last of them. After an error, go on with `keep` 0.
    fn extend(&mut self, keep: usize, tokens: &[u32]) -> Result<Vec<f32>>;

    /// Of several ways for that sequence (at least one token) to go on: the negative log-likelihoods, in
    /// nats, of the tokens behind the first of each, way after way. The sequence stays as it was.
    fn branch(&mut self, ways: &[&[u32]]) -> Result<Vec<f64>>;
}

struct OnDevice<'a, B: EngineOps> {
    decoder: &'a Decoder<B>,
    adapter: Option<DeviceAdapter<B>>,
    /// Made by the first [`Session::extend`].
    cache: Option<Cache<B>>,
}

impl<B: EngineOps> Engine for Decoder<B> {
    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn set_activation_budget(&mut self, bytes: usize) {
        self.activation_budget_bytes = bytes;
    }

    fn memory(&self) -> Option<DeviceMemory> {
        B::memory(&self.device)
    }

    fn session(&self, adapter: Option<&Adapter>) -> Result<Box<dyn Session + '_>> {
        let adapter =
            B::guarded(&self.device, || adapter.map(|adapter| DeviceAdapter::upload(adapter, &self.device)))?;
        Ok(Box::new(OnDevice { decoder: self, adapter, cache: None }))
    }
}

impl<B: EngineOps> Session for OnDevice<'_, B> {
    fn set_dropout(&mut self, dropout: Option<Dropout>) {
        if let Some(adapter) = &mut self.adapter {
            adapter.dropout = dropout;
        }
    }

    fn score(&self, batch: &Batch) -> Result<Scored> {
        B::guarded(&self.decoder.device, || self.decoder.score(self.adapter.as_ref(), batch))
    }

    fn train(&self, batch: &Batch, objective: &Objective, gradients: &mut Gradients) -> Result<PassResult> {
        let Some(adapter) = &self.adapter else {
            let reason = "a training pass needs an adapter".to_owned();
            return Err(crate::error::ModelError::Internal { reason });
        };
        B::guarded(&self.decoder.device, || self.decoder.train(adapter, batch, objective, gradients))
    }

    fn target_states(&self, batch: &Batch) -> Result<Vec<f32>> {
        B::guarded(&self.decoder.device, || self.decoder.target_states(self.adapter.as_ref(), batch))
    }

    fn head(&self, states: &[f32]) -> Result<Vec<f32>> {
        B::guarded(&self.decoder.device, || self.decoder.head_logits(states))
    }

    fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        B::guarded(&self.decoder.device, || self.decoder.logits(self.adapter.as_ref(), tokens))
    }

    fn extend(&mut self, keep: usize, tokens: &[u32]) -> Result<Vec<f32>> {
        let Self { decoder, adapter, cache } = self;
        B::guarded(&decoder.device, || {
            let cache = cache.get_or_insert_with(|| decoder.empty_cache());
            cache.truncate(keep);
            decoder.extend(adapter.as_ref(), cache, tokens)
        })
    }

    fn branch(&mut self, ways: &[&[u32]]) -> Result<Vec<f64>> {
        let Self { decoder, adapter, cache } = self;
        B::guarded(&decoder.device, || {
            let cache = cache.get_or_insert_with(|| decoder.empty_cache());
            decoder.branch(adapter.as_ref(), cache, ways)
        })
    }
}
