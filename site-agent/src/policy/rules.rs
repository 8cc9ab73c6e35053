//! The rules of `[policy]` by name. Used by `policy`, by both processes of a site and by what tells a person
//! of a refusal. Invariant: new rules stand at the end, because both processes count them.

use serde::{Deserialize, Serialize};

/// A rule of `[policy]`, by the key that holds its number. Closed: it crosses to the gateway and to the
/// person at the site, and says nothing of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyRule {
    /// The manifest is outside the bounds of any run.
    RunBounds,
    /// `records_min`
    RecordsMin,
    /// `step_records_min`
    StepRecordsMin,
    /// `step_tokens_min`
    StepTokensMin,
    /// `steps_min`
    StepsMin,
    /// `records_drop_max`
    RecordsDropMax,
    /// `learning_rate_max`
    LearningRateMax,
    /// `epsilon_max`
    EpsilonMax,
    /// `gradient_norm_max`
    GradientNormMax,
    /// `epochs_max`
    EpochsMax,
    /// `updates_per_day_max`
    UpdatesPerDayMax,
    /// `update_norm_max`, of the global adapter
    GlobalAdapterNorm,
    /// `adapter_growth_max`
    AdapterGrowthMax,
    /// `sites_min`
    SitesMin,
    /// `rounds_max`
    RoundsMax,
    /// `rank_max`
    RankMax,
    /// `run_bytes_max`
    RunBytesMax,
    /// `update_bytes_max`, of the adapter that a run asks for
    UpdateBytesMax,
    /// `bases`
    Bases,
    /// `overlap`
    Overlap,
    /// `methods`
    Methods,
    /// `bytes_per_day_max`
    BytesPerDayMax,
    /// `privacy_required`
    PrivacyRequired,
    /// `operators`
    Operators,
    /// No setting: a member of the roster is on the consortium's revocation list.
    MemberRevoked,
    /// No setting: the operator who signed the terms is on the consortium's revocation list.
    OperatorRevoked,
    /// `own_scores`: it refuses no run, only to say them.
    OwnScores,
    /// `alone`
    Alone,
}

impl std::fmt::Display for PolicyRule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::RunBounds => "its terms are outside the bounds of any run (see logs/gateway.log)",
            Self::RecordsMin => "too few records for an update (records_min)",
            Self::StepRecordsMin => "too few records in one step (step_records_min)",
            Self::StepTokensMin => "too few tokens in one step (step_tokens_min)",
            Self::StepsMin => "too few steps for an update (steps_min)",
            Self::RecordsDropMax => "far fewer records than in the last update (records_drop_max)",
            Self::LearningRateMax => "its learning rate is too large (learning_rate_max)",
            Self::EpsilonMax => "its epsilon is too large (epsilon_max)",
            Self::GradientNormMax => "it does not clip gradients (gradient_norm_max)",
            Self::EpochsMax => "too many passes over the records (epochs_max)",
            Self::UpdatesPerDayMax => "too many updates in 24 hours (updates_per_day_max)",
            Self::GlobalAdapterNorm => "the global adapter is too large (update_norm_max)",
            Self::AdapterGrowthMax => "the global adapter grew too much (adapter_growth_max)",
            Self::SitesMin => "a round needs the updates of too few members (sites_min)",
            Self::RoundsMax => "it has too many rounds (rounds_max)",
            Self::RankMax => "its adapter has too large a rank (rank_max)",
            Self::RunBytesMax => "its updates are too many bytes in all (run_bytes_max)",
            Self::UpdateBytesMax => "its adapter is too many bytes (update_bytes_max)",
            Self::Bases => "its base model is not one of those allowed here (bases)",
            Self::Overlap => "it compares records with the consortium's held-out set (overlap)",
            Self::Methods => "it combines updates in a way that is not allowed here (methods)",
            Self::BytesPerDayMax => "too many bytes of updates in 24 hours (bytes_per_day_max)",
            Self::Operators => "it was not launched by an operator whose runs are taken here (operators)",
            Self::PrivacyRequired => {
                "it has no differential privacy, which no run of this version has (privacy_required)"
            }
            Self::OwnScores => "how the result does on this site's own records is not said (own_scores)",
            Self::Alone => "each site trains alone in it, and nothing is averaged (alone)",
            Self::MemberRevoked => "one of its members is on the consortium's revocation list",
            Self::OperatorRevoked => "the operator who launched it is on the consortium's revocation list",
        })
    }
}
