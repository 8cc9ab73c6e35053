//! `[aggregation]` of a run file: how updates become the next adapter. Used by `run` and its manifest; read
//! by the coordinator and by what tells a site of a run. Invariants: a number that the chosen optimiser does
//! not use is refused, so that none is set and does nothing; without a server's optimiser the terms of a run
//! have the bytes that they always had.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::robust::{Robust, RobustRule};
use super::server_optimizer::{SecondMoment, ServerOptimizer, ServerRule};
use crate::limits::ROBUST_SITES_MIN;

/// How updates are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregationMethod {
    /// Weighted mean of A and of B (FedAvg, as FedIT applies it to LoRA).
    FedAvg,
    /// FFA-LoRA (Sun et al. 2024, arXiv 2403.12313): A stays as it is made at the beginning, B is trained and
    /// averaged. The mean of the B is that of the products.
    Ffa,
    /// RoLoRA (Chen et al. 2025, arXiv 2502.01755): rounds train B and A in turn, while the other one stays.
    /// The first and the last train B.
    RoLora,
}

impl AggregationMethod {
    /// Whether each round trains one half of the adapter: the average is then that of the products, exactly.
    #[must_use]
    pub fn trains_halves(self) -> bool {
        self != Self::FedAvg
    }

    /// As a run file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FedAvg => "fedavg",
            Self::Ffa => "ffa",
            Self::RoLora => "rolora",
        }
    }
}

/// What a site's update weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// In proportion to its (rounded) record count, whatever a site says.
    Records,
    /// In proportion to the square root of its record count: between `records` and `uniform`.
    #[serde(rename = "sqrt-records")]
    SqrtRecords,
    /// All sites alike.
    Uniform,
    /// In proportion to its record count, but no site above the larger of 2/n and 0.4 of the weight (n: the
    /// sites that count); the rest is spread over the others in proportion. Changes nothing below three
    /// sites.
    Capped,
}

impl Weighting {
    /// As a run file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::SqrtRecords => "sqrt-records",
            Self::Uniform => "uniform",
            Self::Capped => "capped",
        }
    }
}

/// `[aggregation]`
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AggregationSettings {
    /// How updates are combined.
    pub method: AggregationMethod,
    /// What a site's update weighs.
    pub weighting: Weighting,
    /// How much an update that is far from the others may do.
    #[serde(skip_serializing_if = "Robust::is_none")]
    pub robust: Robust,
    /// What `trimmed-mean` leaves out at each end, as a share of the updates: 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub robust_trim: Option<f64>,
    /// What the coordinator does with the mean.
    #[serde(skip_serializing_if = "ServerOptimizer::is_none")]
    pub server_optimizer: ServerOptimizer,
    /// The factor of its step: 1 for `momentum`, 0.001 for the adaptive ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_learning_rate: Option<f64>,
    /// What of the first moment stays from round to round: 0.5 for `momentum`, 0.9 for the adaptive ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_momentum: Option<f64>,
    /// What of the second moment stays, of `adam` and `yogi`: 0.99.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_beta2: Option<f64>,
    /// Added to the root of the second moment: 0.001.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_tau: Option<f64>,
}

impl Default for AggregationSettings {
    fn default() -> Self {
        Self {
            method: AggregationMethod::FedAvg,
            weighting: Weighting::Capped,
            robust: Robust::None,
            robust_trim: None,
            server_optimizer: ServerOptimizer::None,
            server_learning_rate: None,
            server_momentum: None,
            server_beta2: None,
            server_tau: None,
        }
    }
}

impl AggregationSettings {
    /// How far an update may be from the others; `None`: as far as it likes.
    #[must_use]
    pub fn robust_rule(&self) -> Option<RobustRule> {
        match self.robust {
            Robust::None => None,
            Robust::Clip => Some(RobustRule::Clip),
            Robust::Median => Some(RobustRule::Median),
            Robust::TrimmedMean => Some(RobustRule::TrimmedMean { share: self.robust_trim.unwrap_or(0.2) }),
        }
    }

    /// What the server does with the mean; `None`: the mean is the next adapter.
    #[must_use]
    pub fn server_rule(&self) -> Option<ServerRule> {
        let adaptive = |second| ServerRule::Adaptive {
            second,
            // The changes of adapters are small (1e-4 to 1e-3 a round): Flower's 0.1 is far too hot for them.
            rate: self.server_learning_rate.unwrap_or(1e-3),
            beta1: self.server_momentum.unwrap_or(0.9),
            beta2: self.server_beta2.unwrap_or(0.99),
            tau: self.server_tau.unwrap_or(1e-3),
        };
        match self.server_optimizer {
            ServerOptimizer::None => None,
            ServerOptimizer::Momentum => Some(ServerRule::Momentum {
                momentum: self.server_momentum.unwrap_or(0.5),
                rate: self.server_learning_rate.unwrap_or(1.0),
            }),
            ServerOptimizer::Adam => Some(adaptive(SecondMoment::Adam)),
            ServerOptimizer::Yogi => Some(adaptive(SecondMoment::Yogi)),
            ServerOptimizer::Adagrad => Some(adaptive(SecondMoment::Adagrad)),
        }
    }

    /// Checks that the ways of combining go together and with a round of `quorum` updates, the server's
    /// numbers, and that what was chosen uses those that are given.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self, quorum: usize) -> Result<(), RunError> {
        let keeps_moments = self.method == AggregationMethod::RoLora && self.server_rule().is_some();
        let expected = "left out with aggregation.method = \"rolora\": what is kept of rounds of one factor says \
                        nothing of the other";
        bound(!keeps_moments, "aggregation.server_optimizer", "given", expected)?;
        self.validate_robust(quorum)?;
        self.validate_server()
    }

    fn validate_robust(&self, quorum: usize) -> Result<(), RunError> {
        if let Some(trim) = self.robust_trim {
            let (is_used, key) = (self.robust == Robust::TrimmedMean, "aggregation.robust_trim");
            bound(is_used, key, trim, "left out unless aggregation.robust is \"trimmed-mean\"")?;
            bound(trim > 0.0 && trim < 0.5, key, trim, "above 0, below 0.5")?;
        }
        let Some(rule) = self.robust_rule() else { return Ok(()) };
        let is_enough = quorum >= ROBUST_SITES_MIN;
        bound(
            is_enough,
            "aggregation.robust",
            self.robust.word(),
            "\"none\" unless quorum.sites is at least 3",
        )?;
        let is_weighed = matches!(rule, RobustRule::Clip);
        let (key, weighting) = ("aggregation.weighting", self.weighting);
        let expected = "\"uniform\" with a robust \"median\" or \"trimmed-mean\", which weigh all alike";
        bound(is_weighed || weighting == Weighting::Uniform, key, weighting.word(), expected)?;
        if let RobustRule::TrimmedMean { share } = rule {
            // A site that nobody else's absence makes superfluous: at least one goes at each end.
            let leaves_out = (share * quorum as f64).floor() >= 1.0;
            let expected = "at least 1 / quorum.sites, so that something is left out";
            bound(leaves_out, "aggregation.robust_trim", share, expected)?;
        }
        Ok(())
    }

    fn validate_server(&self) -> Result<(), RunError> {
        let (any, adaptive, decays) = match self.server_optimizer {
            ServerOptimizer::None => (false, false, false),
            ServerOptimizer::Momentum => (true, false, false),
            ServerOptimizer::Adagrad => (true, true, false),
            ServerOptimizer::Adam | ServerOptimizer::Yogi => (true, true, true),
        };
        let share = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value <= 10.0;
        let (of_any, of_adaptive, of_decaying) = (
            "left out unless aggregation.server_optimizer is given",
            "left out unless aggregation.server_optimizer is \"adam\", \"yogi\" or \"adagrad\"",
            "left out unless aggregation.server_optimizer is \"adam\" or \"yogi\"",
        );
        if let Some(rate) = self.server_learning_rate {
            bound(any, "aggregation.server_learning_rate", rate, of_any)?;
            bound(positive(rate), "aggregation.server_learning_rate", rate, "above 0, at most 10")?;
        }
        if let Some(momentum) = self.server_momentum {
            bound(any, "aggregation.server_momentum", momentum, of_any)?;
            bound(share(momentum), "aggregation.server_momentum", momentum, "0 to below 1")?;
        }
        if let Some(beta2) = self.server_beta2 {
            bound(decays, "aggregation.server_beta2", beta2, of_decaying)?;
            bound(share(beta2), "aggregation.server_beta2", beta2, "0 to below 1")?;
        }
        if let Some(tau) = self.server_tau {
            bound(adaptive, "aggregation.server_tau", tau, of_adaptive)?;
            bound(positive(tau), "aggregation.server_tau", tau, "above 0, at most 10")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> AggregationSettings {
        serde_json::from_str(&format!("{{{text}}}")).unwrap()
    }

    fn refused(text: &str) -> String {
        settings(text).validate(4).unwrap_err().to_string()
    }

    #[test]
    fn without_an_optimiser_the_terms_keep_their_bytes() {
        let plain = serde_json::to_string(&AggregationSettings::default()).unwrap();
        assert_eq!(plain, r#"{"method":"fedavg","weighting":"capped"}"#);
        assert_eq!(settings(r#""server_optimizer": "none""#), AggregationSettings::default());
        assert_eq!(AggregationSettings::default().server_rule(), None);
    }

    #[test]
    fn each_optimiser_has_its_defaults_and_its_words() {
        let words = |text: &str| {
            let settings = settings(text);
            settings.validate(4).unwrap();
            settings.server_rule().unwrap().to_string()
        };
        assert_eq!(words(r#""server_optimizer": "momentum""#), "momentum 0.5, rate 1");
        let own = r#""server_optimizer": "momentum", "server_momentum": 0.9, "server_learning_rate": 0.5"#;
        assert_eq!(words(own), "momentum 0.9, rate 0.5");
        let adam = "adam, rate 0.001, beta1 0.9, beta2 0.99, tau 0.001";
        assert_eq!(words(r#""server_optimizer": "adam""#), adam);
        assert_eq!(words(r#""server_optimizer": "adagrad""#), "adagrad, rate 0.001, beta1 0.9, tau 0.001");
        assert_eq!(
            words(r#""server_optimizer": "yogi", "server_beta2": 0.9, "server_tau": 0.01"#),
            "yogi, rate 0.001, beta1 0.9, beta2 0.9, tau 0.01"
        );
    }

    #[test]
    fn a_robust_rule_is_refused_where_it_could_do_nothing() {
        let median = r#""robust": "median", "weighting": "uniform""#;
        assert_eq!(settings(median).validate(3), Ok(()));
        assert_eq!(settings(median).robust_rule(), Some(RobustRule::Median));
        let message = settings(median).validate(2).unwrap_err().to_string();
        assert!(message.contains("quorum.sites"), "{message}");
        for weighted in [r#""robust": "median""#, r#""robust": "trimmed-mean", "weighting": "records""#] {
            assert!(refused(weighted).contains("`aggregation.weighting`"), "{weighted}");
        }
        assert_eq!(settings(r#""robust": "clip""#).validate(3), Ok(()), "it weighs as the mean does");
        let trimmed = r#""robust": "trimmed-mean", "weighting": "uniform""#;
        assert!(refused(trimmed).contains("robust_trim"), "0.2 of 4 leaves nobody out");
        let quarter = settings(&format!("{trimmed}, \"robust_trim\": 0.25"));
        assert_eq!(quarter.validate(4), Ok(()));
        assert_eq!(quarter.robust_rule().unwrap().to_string(), "trimmed mean, 0.25 at each end");
        assert!(refused(&format!("{trimmed}, \"robust_trim\": 0.5")).contains("below 0.5"));
        assert!(refused(&format!("{median}, \"robust_trim\": 0.3")).contains("robust_trim"));
        assert!(serde_json::from_str::<AggregationSettings>(r#"{"robust":"krum"}"#).is_err());
    }

    #[test]
    fn a_number_that_nothing_uses_is_refused_and_so_is_one_out_of_bounds() {
        assert!(
            refused(r#""server_momentum": 0.5"#).contains("unless aggregation.server_optimizer is given")
        );
        let momentum = |more: &str| refused(&format!(r#""server_optimizer": "momentum", {more}"#));
        assert!(momentum(r#""server_beta2": 0.9"#).contains("\"adam\" or \"yogi\""));
        assert!(momentum(r#""server_tau": 0.9"#).contains("server_tau"));
        assert!(momentum(r#""server_momentum": 1.0"#).contains("0 to below 1"));
        assert!(momentum(r#""server_learning_rate": 0"#).contains("server_learning_rate"));
        assert!(refused(r#""server_optimizer": "adagrad", "server_beta2": 0.9"#).contains("server_beta2"));
        assert!(serde_json::from_str::<AggregationSettings>(r#"{"server_optimizer":"sgd"}"#).is_err());
    }
}
