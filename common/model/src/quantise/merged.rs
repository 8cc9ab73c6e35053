//! Weights with an adapter added before they are quantised, and what NF4 loses of them. Called by `quantise`.
//! Invariant: added in f32, rounded once to the type that the base's weight has (of a bf16 base as in its
//! merged folder), then to NF4.

use std::collections::BTreeMap;

use super::config::source_precision;
use crate::adapter::{Adapter, LoraPair};
use crate::checkpoint::{CheckpointReader, RUN_ELEMENTS};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::export::{Difference, merge};
use crate::nf4::{CodeRule, Nf4Builder, Nf4Error, Nf4Weight};

/// What is added, by the checkpoint name of the weight.
pub(super) struct Merge<'a> {
    targets: BTreeMap<String, &'a LoraPair>,
    scaling: f32,
}

impl<'a> Merge<'a> {
    pub(super) fn new(config: &ModelConfig, adapter: &'a Adapter) -> Result<Self> {
        Ok(Self { targets: merge::targets(config, adapter)?, scaling: adapter.scaling() })
    }

    /// A weight with its pair added, quantised; how far it is from the sum goes into `difference`.
    pub(super) fn read_nf4(
        &self,
        reader: &CheckpointReader,
        name: &str,
        shape: [usize; 2],
        difference: &mut Difference,
    ) -> Result<Nf4Weight> {
        let damage = |error: Nf4Error| reader.damage(name, format!("{name}: {error}"));
        let precision = source_precision(reader, name)?;
        let (mut sums, _) = reader.read_f32(name, &shape)?;
        if let Some(pair) = self.targets.get(name) {
            merge::add(&mut sums, pair, self.scaling);
        }
        let mut builder = Nf4Builder::new(shape, precision).map_err(damage)?;
        for run in sums.chunks(RUN_ELEMENTS) {
            let mut rounded = run.to_vec();
            precision.round(&mut rounded);
            builder.push(&rounded).map_err(damage)?;
        }
        let weight = builder.finish(CodeRule::Cuda).map_err(damage)?;
        for (index, run) in sums.chunks(RUN_ELEMENTS).enumerate() {
            let mut written = vec![0.0; run.len()];
            weight.dequantise_range(index * RUN_ELEMENTS, &mut written);
            difference.add(run, &written);
        }
        Ok(weight)
    }
}
