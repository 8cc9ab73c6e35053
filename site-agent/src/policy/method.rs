//! The ways of combining updates by the names that the literature has for them: `methods` of `[policy]`. Used
//! by `policy`. Invariant: a run has one method; a new way of aggregating gets a name here or does not
//! compile.

use common::run::{AggregationMethod, AggregationSettings, SecondMoment, ServerRule};
use serde::{Deserialize, Serialize};

/// How updates become the next adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The weighted mean.
    FedAvg,
    /// The mean, and a server that goes on in the direction of earlier rounds.
    FedAvgM,
    /// The mean, and AdamW's kind of step at the server.
    FedAdam,
    /// As `FedAdam`, with Yogi's second moment.
    FedYogi,
    /// As `FedAdam`, with Adagrad's.
    FedAdagrad,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::FedAvg, Self::FedAvgM, Self::FedAdam, Self::FedYogi, Self::FedAdagrad];

    /// That of a run.
    #[must_use]
    pub fn of(settings: &AggregationSettings) -> Self {
        let AggregationMethod::FedAvg = settings.method;
        match settings.server_rule() {
            None => Self::FedAvg,
            Some(ServerRule::Momentum { .. }) => Self::FedAvgM,
            Some(ServerRule::Adaptive { second: SecondMoment::Adam, .. }) => Self::FedAdam,
            Some(ServerRule::Adaptive { second: SecondMoment::Yogi, .. }) => Self::FedYogi,
            Some(ServerRule::Adaptive { second: SecondMoment::Adagrad, .. }) => Self::FedAdagrad,
        }
    }

    /// As agent.toml has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FedAvg => "fedavg",
            Self::FedAvgM => "fedavgm",
            Self::FedAdam => "fedadam",
            Self::FedYogi => "fedyogi",
            Self::FedAdagrad => "fedadagrad",
        }
    }
}

#[cfg(test)]
mod tests {
    use common::run::ServerOptimizer;

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
            assert_eq!(Method::of(&settings), method);
            assert_eq!(serde_json::to_value(method).unwrap(), method.word());
        }
    }
}
