//! A sequence that grows token by token: keys and values of what came before are kept, so that each pass
//! computes the new rows only. Called by `generate` and by `likelihood`. Invariant: the logits are those of
//! one pass over the whole sequence, but for the order in which sums are rounded.

use super::adapter::{DeviceAdapter, host};
use super::context::PassContext;
use super::weights::Decoder;
use crate::ops::{EngineOps, KeyValueCache};
use crate::segments::Segments;

/// Rows of one pass over a prompt: bounds the activations, and fills the matrix kernels as well as more
/// would.
const PROMPT_ROWS: usize = 512;

/// What the layers keep of one sequence.
pub(crate) struct Cache<B: EngineOps> {
    layers: Vec<KeyValueCache<B>>,
}

impl<B: EngineOps> Cache<B> {
    /// Positions kept.
    pub(crate) fn length(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.length)
    }

    /// Forgets all positions from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.layers.iter_mut().for_each(|layer| layer.truncate(length));
    }

    /// Room for `rows` more positions: at least doubled, so that growing costs a constant per token.
    fn reserve(&mut self, rows: usize) {
        for layer in &mut self.layers {
            let needed = layer.length + rows;
            if needed > layer.capacity() {
                layer.reserve(needed.max(2 * layer.capacity()));
            }
        }
    }
}

impl<B: EngineOps> Decoder<B> {
    /// A cache that holds nothing yet.
    pub(crate) fn empty_cache(&self) -> Cache<B> {
        let heads = self.heads();
        let width = heads.key_value * heads.head_dim;
        let layers =
            self.layers.iter().map(|_| KeyValueCache::new(PROMPT_ROWS, width, &self.device)).collect();
        Cache { layers }
    }

    /// Appends `tokens` (at least one) to the sequence in `cache`; logits `[vocabulary]` behind the last of
    /// them.
    pub(crate) fn extend(
        &self,
        adapter: Option<&DeviceAdapter<B>>,
        cache: &mut Cache<B>,
        tokens: &[u32],
    ) -> Vec<f32> {
        let mut last = None;
        for tokens in tokens.chunks(PROMPT_ROWS) {
            let (past, segments) = (cache.length(), Segments::from_lengths(&[tokens.len()]));
            cache.reserve(tokens.len());
            let rotary = self.rotary_table(past..past + tokens.len());
            let context = PassContext { segments: &segments, rotary: &rotary, adapter };
            let mut x = <B as EngineOps>::embedding(&self.embedding, tokens, &self.device);
            for (index, cache) in cache.layers.iter_mut().enumerate() {
                x = self.layer_forward_cached(index, &context, cache, &x);
            }
            last = Some(B::gather_rows(&x, &[tokens.len() - 1]));
        }
        let Some(last) = last else {
            return Vec::new();
        };
        let hidden = B::rms_norm(&last, &self.final_norm, self.epsilon()).y;
        host(<B as EngineOps>::linear(&hidden, &self.head, None, self.compute))
    }

    /// The negative log-likelihoods, in nats, of the tokens behind the first of each of `ways` to go on from
    /// the sequence in `cache` (at least one token), way after way. One pass for all; `cache` stays as it
    /// was.
    pub(crate) fn branch(
        &self,
        adapter: Option<&DeviceAdapter<B>>,
        cache: &mut Cache<B>,
        ways: &[&[u32]],
    ) -> Vec<f64> {
        let inputs = || ways.iter().filter_map(|way| way.split_last()).map(|(_, inputs)| inputs);
        let lengths: Vec<usize> = inputs().map(<[u32]>::len).collect();
        let segments = Segments::from_lengths(&lengths);
        if segments.total() == 0 {
            return Vec::new();
        }
        let (past, longest) = (cache.length(), segments.longest());
        cache.reserve(longest);
        let rotary = self.rotary_table(past..past + longest);
        let context = PassContext { segments: &segments, rotary: &rotary, adapter };
        let tokens: Vec<u32> = inputs().flatten().copied().collect();
        let targets: Vec<u32> = ways.iter().flat_map(|way| way.iter().skip(1)).copied().collect();
        let mut x = <B as EngineOps>::embedding(&self.embedding, &tokens, &self.device);
        for (index, cache) in cache.layers.iter_mut().enumerate() {
            x = self.layer_forward_cached(index, &context, cache, &x);
        }
        cache.truncate(past);
        let hidden = B::rms_norm(&x, &self.final_norm, self.epsilon()).y;
        B::linear_cross_entropy(&hidden, &self.head, &targets, None, self.compute).losses
    }
}
