//! The sections of a run file but `[training]` and `[aggregation]`, with their defaults. Defaults are the
//! common QLoRA recipe (rank 16, alpha 32, all linears, NF4).
//!
//! Used by `run`; both binaries read the fields. Invariant: what `validate` accepts is within `limits`.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use crate::id::SiteId;
use crate::limits::{
    ADAPTER_RANK_MAX, APPROVAL_DEADLINE_S_MAX, GRACE_S_MAX, OVERLAP_POINTS_MAX, OVERLAP_POINTS_MIN,
    ROUND_DEADLINE_S_MAX, SITES_MAX,
};

/// `[quorum]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuorumSettings {
    /// How many sites' updates a round needs. With so many it closes as soon as nobody is waited for any
    /// more, and after `grace_s` in any case.
    pub sites: usize,
    /// Seconds after which a round closes with quorum, or fails without.
    #[serde(default = "default_deadline_s")]
    pub deadline_s: u64,
    /// Seconds that a round waits for the other sites once its quorum is in. Not given: a tenth of the
    /// deadline, at most ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
}

impl QuorumSettings {
    /// How long a round waits for the other sites once its quorum is in.
    pub fn grace_ms(&self) -> u64 {
        let default_ms = self.deadline_s.saturating_mul(100).min(GRACE_S_MAX * 1000);
        self.grace_s.map_or(default_ms, |grace_s| grace_s.saturating_mul(1000))
    }

    pub(super) fn validate(&self) -> Result<(), RunError> {
        bound((1..=SITES_MAX).contains(&self.sites), "quorum.sites", self.sites, "1 to 100")?;
        let is_fine = (1..=ROUND_DEADLINE_S_MAX).contains(&self.deadline_s);
        bound(is_fine, "quorum.deadline_s", self.deadline_s, "1 to 604800 (a week)")?;
        let grace_s = self.grace_s.unwrap_or(0);
        bound(grace_s <= self.deadline_s, "quorum.grace_s", grace_s, "at most quorum.deadline_s")
    }
}

/// `[approval]`: a run begins when a quorum of its sites has agreed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalSettings {
    /// Seconds after which the run fails if too few sites have agreed.
    pub deadline_s: u64,
    /// Seconds that the run waits for the other sites once a quorum has agreed, at most until the deadline;
    /// who agrees later takes part from then on.
    pub grace_s: u64,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self { deadline_s: 7 * 86_400, grace_s: 600 }
    }
}

impl ApprovalSettings {
    /// Whether nobody chose anything else: then it need not be written.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn validate(&self) -> Result<(), RunError> {
        let is_fine = (1..=APPROVAL_DEADLINE_S_MAX).contains(&self.deadline_s);
        bound(is_fine, "approval.deadline_s", self.deadline_s, "1 to 2592000 (30 days)")
    }
}

/// `[sites]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitesSettings {
    /// Who takes part, by name. Without this section every site that has joined does.
    pub names: Vec<SiteId>,
}

impl SitesSettings {
    pub(super) fn validate(&self, quorum: usize) -> Result<(), RunError> {
        let count = self.names.len();
        bound((1..=SITES_MAX).contains(&count), "sites.names", count, "a list of 1 to 100 names")?;
        let mut names: Vec<&SiteId> = self.names.iter().collect();
        names.sort();
        names.dedup();
        bound(names.len() == count, "sites.names", format!("{:?}", self.names), "each name once")?;
        let expected = "at most as many as sites.names has names";
        bound(quorum <= count, "quorum.sites", quorum, expected)
    }
}

fn default_deadline_s() -> u64 {
    3600
}

/// `[adapter]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdapterSettings {
    /// LoRA rank, 1 to 256.
    pub rank: usize,
    /// LoRA alpha; the adapter is scaled by alpha / rank (with rsLoRA by alpha / sqrt(rank)).
    pub alpha: f64,
    /// Rank-stabilised LoRA: PEFT's `use_rslora`.
    pub use_rslora: bool,
    /// LoRA dropout, 0 to below 1.
    pub dropout: f64,
    /// `"all-linear"` or a list such as `["q_proj", "v_proj"]`.
    pub target_modules: TargetModules,
}

impl Default for AdapterSettings {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            use_rslora: false,
            dropout: 0.0,
            target_modules: TargetModules::default(),
        }
    }
}

/// Which linears carry an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetModules {
    /// The word `all-linear`.
    Word(AllLinear),
    /// Module names.
    Named(Vec<String>),
}

/// The one word [`TargetModules`] accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllLinear {
    /// Every linear of the decoder layers.
    #[serde(rename = "all-linear")]
    AllLinear,
}

/// The seven linears of a decoder layer, in the order of the forward pass.
const ALL_LINEAR: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

impl Default for TargetModules {
    fn default() -> Self {
        Self::Word(AllLinear::AllLinear)
    }
}

impl TargetModules {
    /// The module names meant.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Word(AllLinear::AllLinear) => ALL_LINEAR.iter().map(|name| (*name).to_owned()).collect(),
            Self::Named(names) => names.clone(),
        }
    }
}

/// How decoder linears are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// 4-bit NormalFloat, block 64, double quantisation (QLoRA).
    Nf4,
    /// As in the checkpoint, in 32-bit floats.
    F32,
}

/// Arithmetic of the matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// 32-bit floats.
    F32,
    /// bfloat16 operands, 32-bit accumulation.
    Bf16,
}

/// `[base]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BaseSettings {
    /// How decoder linears are held.
    pub weights: WeightFormat,
    /// Arithmetic of the matrix products.
    pub compute: Compute,
}

impl Default for BaseSettings {
    fn default() -> Self {
        Self { weights: WeightFormat::Nf4, compute: Compute::Bf16 }
    }
}

/// `[overlap]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OverlapSettings {
    /// Whether each site drops the records that are too close to the validation and test files. Both sides
    /// find that out without showing a text. Needs such a file; costs each site about 3.4 ms of processor a
    /// record, once a run.
    pub enabled: bool,
    /// The most points one site may have evaluated in the run: 17 for each record, rounded up to a power of
    /// two. What is not needed only helps a member that tries out guesses. 1,024 to 33,554,432.
    pub points_max: u32,
}

impl Default for OverlapSettings {
    fn default() -> Self {
        Self { enabled: true, points_max: OVERLAP_POINTS_MAX }
    }
}

impl OverlapSettings {
    pub(super) fn validate(&self) -> Result<(), RunError> {
        let fine = (OVERLAP_POINTS_MIN..=OVERLAP_POINTS_MAX).contains(&self.points_max);
        bound(fine, "overlap.points_max", self.points_max, "1024 to 33554432")
    }
}

/// Ranks of which vLLM lets a server choose its largest (`--max-lora-rank`).
const VLLM_RANKS: [u64; 9] = [1, 8, 16, 32, 64, 128, 256, 320, 512];

/// The `--max-lora-rank` that vLLM needs for an adapter of this rank.
pub fn vllm_rank(rank: u64) -> Option<u64> {
    VLLM_RANKS.into_iter().find(|most| *most >= rank)
}

impl AdapterSettings {
    /// Checks every number against its bounds.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self) -> Result<(), RunError> {
        bound((1..=ADAPTER_RANK_MAX).contains(&self.rank), "adapter.rank", self.rank, "1 to 256")?;
        let alpha_is_fine = self.alpha.is_finite() && self.alpha > 0.0;
        bound(alpha_is_fine, "adapter.alpha", self.alpha, "a positive number")?;
        bound((0.0..1.0).contains(&self.dropout), "adapter.dropout", self.dropout, "0 to below 1")?;
        let names = self.target_modules.names();
        let all_known = !names.is_empty() && names.iter().all(|name| ALL_LINEAR.contains(&name.as_str()));
        let expected =
            "\"all-linear\" or a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj";
        bound(all_known, "adapter.target_modules", format!("{names:?}"), expected)
    }
}
