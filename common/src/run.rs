//! What a run file says ([`RunSpec`]) and what the sites are told of it ([`RunManifest`]). The manifest
//! is canonical JSON, named by its hash: a site can show later which terms it agreed to.
//!
//! Used by the coordinator (reads run files, writes manifests) and the site agent (reads manifests).
//! Invariant: what `validate` accepts is within `limits`.

mod aggregation;
mod error;
mod evaluation;
mod factors;
mod manifest;
mod own_scores;
mod participation;
mod robust;
mod roster;
mod server_optimizer;
mod settings;
mod signed;
mod train;
mod training;

use serde::{Deserialize, Serialize};

use crate::id::{Round, SiteId};

pub use aggregation::{AggregationMethod, AggregationSettings, Weighting};
pub use error::RunError;
pub use evaluation::EvaluationSettings;
pub use factors::Factors;
pub use manifest::{HeldOutHashes, OverlapTerms, RunManifest, SuiteTerms, TensorSpec};
pub use own_scores::SiteScores;
pub use participation::ParticipationSettings;
pub use robust::{Robust, RobustRule};
pub use roster::{Member, Roster};
pub use server_optimizer::{SecondMoment, ServerOptimizer, ServerRule};
pub use settings::{
    AdapterSettings, ApprovalSettings, BaseSettings, Compute, OverlapSettings, QuorumSettings, SitesSettings,
    TargetModules, WeightFormat, vllm_rank,
};
pub use signed::{LaunchSignature, SignedManifest, signature_from_digits, signature_to_digits};
pub use train::Train;
pub use training::{Batching, Epochs, LocalWork, PASS_MILLIONTHS, Schedule, ScheduleOver, TrainingSettings};

/// A run file, as the person at the coordinator writes it. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// A name for people; shown in tables and reports.
    pub name: String,
    /// How many federated rounds; at least 1.
    pub rounds: u32,
    /// The coordinator's copy of the base model (a Hugging Face folder), relative to the run file.
    pub model: Option<std::path::PathBuf>,
    /// Held-out records that steer: evaluated after every round.
    pub validation: Option<std::path::PathBuf>,
    /// Held-out records that are measured once, at the end.
    pub test: Option<std::path::PathBuf>,
    /// What round 1 starts from, instead of a fresh adapter: a run of this coordinator (its id, or the
    /// beginning of it), or an adapter folder, relative to the run file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<String>,
    /// Whether sites train one model, or each one of its own.
    #[serde(default, skip_serializing_if = "Train::is_together")]
    pub train: Train,
    /// Where each trains alone: the run in which they trained together that it is shown beside, by its id or
    /// the beginning of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_with: Option<String>,
    /// Where each trains alone: the site that has the records of all the others together, so that its row
    /// is that of one pool. Possible where records may be copied: public or made-up ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooled: Option<SiteId>,
    /// When a round closes, and when it fails.
    pub quorum: QuorumSettings,
    /// How many sites train each round, where it is not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participation: Option<ParticipationSettings>,
    /// How long sites have to agree to the run.
    #[serde(default, skip_serializing_if = "ApprovalSettings::is_default")]
    pub approval: ApprovalSettings,
    /// Who takes part, where it is not everybody who has joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<SitesSettings>,
    /// The adapter that is trained.
    #[serde(default)]
    pub adapter: AdapterSettings,
    /// How each site trains in each round.
    pub training: TrainingSettings,
    /// How the frozen base is held in memory.
    #[serde(default)]
    pub base: BaseSettings,
    /// How updates become one adapter.
    #[serde(default)]
    pub aggregation: AggregationSettings,
    /// Whether sites compare their records with the held-out ones.
    #[serde(default)]
    pub overlap: OverlapSettings,
    /// What is done with the held-out sets beside measuring them.
    #[serde(default)]
    pub evaluation: EvaluationSettings,
}

impl RunSpec {
    /// Checks every number against its bounds.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self) -> Result<(), RunError> {
        manifest::validate_terms(&self.name, self.rounds, &self.adapter, &self.training)?;
        self.aggregation.validate(self.quorum.sites)?;
        self.validate_turns()?;
        self.quorum.validate()?;
        self.approval.validate()?;
        if let Some(sites) = &self.sites {
            sites.validate(self.quorum.sites)?;
        }
        let named = self.sites.as_ref().map(|sites| sites.names.len());
        participation::validate(self.participation, ("quorum.sites", self.quorum.sites), named, self.train)?;
        self.overlap.validate()?;
        own_scores::validate(self.evaluation.sites.score, "evaluation.sites.score", &self.training)?;
        let own_scores = self.evaluation.sites.score;
        train::validate(self.train, self.rounds, &self.training, &self.aggregation, own_scores)?;
        let is_measured = self.validation.is_some() || self.test.is_some();
        train::validate_file(self.train, self.compare_with.as_deref(), is_measured)?;
        train::validate_pooled(self.train, self.pooled.as_ref(), self.sites.as_ref())?;
        self.evaluation.validate(self.validation.is_some(), self.train)
    }

    /// A new adapter's B is zero, and a round that trains A then learns nothing.
    fn validate_turns(&self) -> Result<(), RunError> {
        let is_new = self.initial.is_none();
        let begins_with_b = self.aggregation.method.factors(Round(1), self.rounds) != Factors::A;
        let expected = "odd with aggregation.method = \"rolora\" and a new adapter: its first and its last round train B";
        error::bound(begins_with_b || !is_new, "rounds", self.rounds, expected)
    }
}

#[cfg(test)]
mod tests;
