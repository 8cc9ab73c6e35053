//! The parts of a memory plan, and when each is there. Filled by `plan::cpu` and `plan::gpu`, used by
//! `plan::step` and `site-agent plan`. Invariant: a part is counted once.

use serde::Serialize;

/// When a part is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// From loading to the end.
    Always,
    /// While a pass runs, beside one of the next.
    Pass,
    /// In the loss head only.
    LossHead,
    /// In the backward pass of one layer only.
    Layer,
    /// Between steps only, when no activation is there.
    BetweenSteps,
}

/// One part of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// When it is there.
    pub when: When,
}

/// The plan of one training step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryPlan {
    /// All parts.
    pub parts: Vec<Part>,
    /// Highest sum of what is there at the same time.
    pub peak_bytes: u64,
    /// Layers whose activations are kept; those of the others are computed twice.
    pub layers_kept: usize,
    /// Layers of the model.
    pub layers: usize,
    /// Parameters of the adapter.
    pub adapter_parameters: u64,
    /// Parameters of the base model.
    pub base_parameters: u64,
    /// Whether the numbers have been compared with measurements (they have on the CPU).
    pub measured: bool,
}

impl MemoryPlan {
    /// Bytes of the parts of one kind.
    #[must_use]
    pub fn bytes(&self, when: When) -> u64 {
        self.parts.iter().filter(|part| part.when == when).map(|part| part.bytes).sum()
    }

    /// Which of the parts that exclude each other makes the peak.
    #[must_use]
    pub fn peak_phase(&self) -> When {
        let pass = self.bytes(When::Pass);
        let phases = [
            (self.bytes(When::LossHead) + pass, When::LossHead),
            (self.bytes(When::Layer) + pass, When::Layer),
            (self.bytes(When::BetweenSteps), When::BetweenSteps),
        ];
        phases.into_iter().max_by_key(|(bytes, _)| *bytes).map_or(When::LossHead, |(_, when)| when)
    }
}
