//! The ways of combining updates by the names that the literature has for them: `methods` of `[policy]`. Used
//! by `policy`. Invariant: each of a run's ways must be allowed; a new way of aggregating gets a name here or
//! does not compile.

use common::run::{AggregationMethod, AggregationSettings, RobustRule, SecondMoment, ServerRule};
use serde::{Deserialize, Serialize};

/// How updates become the next adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The weighted mean.
    FedAvg,
    /// The mean of B; A stays.
    Ffa,
    /// The mean of B and of A in turn, while the other one stays.
    RoLora,
    /// The mean, and a server that goes on in the direction of earlier rounds.
    FedAvgM,
    /// The mean, and AdamW's kind of step at the server.
    FedAdam,
    /// As `FedAdam`, with Yogi's second moment.
    FedYogi,
    /// As `FedAdam`, with Adagrad's.
    FedAdagrad,
    /// The mean of changes that are clipped to the median of their norms.
    Clip,
    /// The median.
    Median,
    /// The mean without the smallest and the largest.
    #[serde(rename = "trimmed-mean")]
    TrimmedMean,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::FedAvg,
        Self::Ffa,
        Self::RoLora,
        Self::FedAvgM,
        Self::FedAdam,
        Self::FedYogi,
        Self::FedAdagrad,
        Self::Clip,
        Self::Median,
        Self::TrimmedMean,
    ];

    /// Those of a run: what is trained and averaged, what becomes of the mean, and what stands in the place
    /// of the plain mean.
    pub fn of(settings: &AggregationSettings) -> impl Iterator<Item = Self> {
        let server = settings.server_rule().map(|rule| match rule {
            ServerRule::Momentum { .. } => Self::FedAvgM,
            ServerRule::Adaptive { second: SecondMoment::Adam, .. } => Self::FedAdam,
            ServerRule::Adaptive { second: SecondMoment::Yogi, .. } => Self::FedYogi,
            ServerRule::Adaptive { second: SecondMoment::Adagrad, .. } => Self::FedAdagrad,
        });
        let method = match settings.method {
            // With a server's optimiser it has that one's name.
            AggregationMethod::FedAvg => server.is_none().then_some(Self::FedAvg),
            AggregationMethod::Ffa => Some(Self::Ffa),
            AggregationMethod::RoLora => Some(Self::RoLora),
        };
        let robust = settings.robust_rule().map(|rule| match rule {
            RobustRule::Clip => Self::Clip,
            RobustRule::Median => Self::Median,
            RobustRule::TrimmedMean { .. } => Self::TrimmedMean,
        });
        [method, server, robust].into_iter().flatten()
    }

    /// As agent.toml has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FedAvg => AggregationMethod::FedAvg.word(),
            Self::Ffa => AggregationMethod::Ffa.word(),
            Self::RoLora => AggregationMethod::RoLora.word(),
            Self::FedAvgM => "fedavgm",
            Self::FedAdam => "fedadam",
            Self::FedYogi => "fedyogi",
            Self::FedAdagrad => "fedadagrad",
            Self::Clip => "clip",
            Self::Median => "median",
            Self::TrimmedMean => "trimmed-mean",
        }
    }
}

#[cfg(test)]
mod tests {
    use common::run::{Robust, ServerOptimizer};

    use super::*;

    #[test]
    fn every_server_has_its_name() {
        for (server_optimizer, method) in [
            (ServerOptimizer::None, Method::FedAvg),
            (ServerOptimizer::Momentum, Method::FedAvgM),
            (ServerOptimizer::Adam, Method::FedAdam),
            (ServerOptimizer::Yogi, Method::FedYogi),
            (ServerOptimizer::Adagrad, Method::FedAdagrad),
        ] {
            let settings = AggregationSettings { server_optimizer, ..AggregationSettings::default() };
            assert_eq!(Method::of(&settings).collect::<Vec<_>>(), [method]);
        }
        for (robust, method) in [
            (Robust::Clip, Method::Clip),
            (Robust::Median, Method::Median),
            (Robust::TrimmedMean, Method::TrimmedMean),
        ] {
            let settings = AggregationSettings { robust, ..AggregationSettings::default() };
            assert_eq!(Method::of(&settings).collect::<Vec<_>>(), [Method::FedAvg, method]);
        }
        for (method, name) in
            [(AggregationMethod::Ffa, Method::Ffa), (AggregationMethod::RoLora, Method::RoLora)]
        {
            let settings = AggregationSettings { method, ..AggregationSettings::default() };
            assert_eq!(Method::of(&settings).collect::<Vec<_>>(), [name]);
        }
        let server_optimizer = ServerOptimizer::Momentum;
        let both = AggregationSettings {
            method: AggregationMethod::Ffa,
            server_optimizer,
            ..AggregationSettings::default()
        };
        assert_eq!(Method::of(&both).collect::<Vec<_>>(), [Method::Ffa, Method::FedAvgM]);
        for method in Method::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.word());
        }
    }
}
