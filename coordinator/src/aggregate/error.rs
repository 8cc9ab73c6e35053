//! Why a round's updates give no average. Made by `aggregate` and the files beside this one; used by `error`
//! and by `execution::performer`, which asks whether trying again helps. Invariant: no text of a site but its
//! name.

use common::adapter::AdapterError;
use common::id::SiteId;

use crate::round::state::Outlier;

/// Why there is no aggregate.
#[derive(Debug, thiserror::Error)]
pub enum AggregateError {
    /// A file cannot be read or written, or an update is not what it was when it was accepted.
    #[error("update of {site}: {source}")]
    Update {
        /// Whose update.
        site: SiteId,
        /// What is wrong.
        source: AdapterError,
    },
    /// The result cannot be written. A retry helps once there is room.
    #[error("aggregate: {0}")]
    Output(#[from] AdapterError),
    /// No update, or only updates that were trained on nothing.
    #[error("the round has no update with a weight")]
    NoWeight,
    /// A tensor name without its pair; the manifest is ours, so this is a fault of ours.
    #[error("tensor {0} has no lora_A/lora_B partner")]
    Unpaired(String),
    /// The adapter that the round began with cannot be read.
    #[error("the last adapter: {0}")]
    Last(AdapterError),
    /// Sites would refuse the average, so it is not published.
    #[error("the average is not published, because sites would refuse it: {source}{}", named(.outliers))]
    Refused {
        /// Which bound it exceeds.
        source: AdapterError,
        /// Updates that are far from the others.
        outliers: Vec<Outlier>,
    },
}

impl AggregateError {
    /// Whether the same work may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Update { source, .. } | Self::Output(source) | Self::Last(source) => source.is_retryable(),
            Self::NoWeight | Self::Unpaired(_) | Self::Refused { .. } => false,
        }
    }
}

fn named(outliers: &[Outlier]) -> String {
    let names: Vec<String> = outliers.iter().map(|outlier| outlier.site.to_string()).collect();
    if names.is_empty() { String::new() } else { format!("; far from the others: {}", names.join(", ")) }
}
