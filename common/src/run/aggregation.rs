//! `[aggregation]` of a run file: how updates become the next adapter. Used by `run` and its manifest; read
//! by the coordinator and by what tells a site of a run. Invariants: a number that the chosen optimiser does
//! not use is refused, so that none is set and does nothing; without a server's optimiser the terms of a run
//! have the bytes that they always had.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::server_optimizer::{SecondMoment, ServerOptimizer, ServerRule};

/// How updates are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregationMethod {
    /// Weighted mean of A and of B (FedAvg, as FedIT applies it to LoRA).
    FedAvg,
}

/// What a site's update weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// In proportion to its (rounded) record count, whatever a site says.
    Records,
    /// All sites alike.
    Uniform,
    /// In proportion to its record count, but no site above the larger of 2/n and 0.4 of the weight (n: the
    /// sites that count); the rest is spread over the others in proportion. Changes nothing below three
    /// sites.
    Capped,
}

/// `[aggregation]`
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AggregationSettings {
    /// How updates are combined.
    pub method: AggregationMethod,
    /// What a site's update weighs.
    pub weighting: Weighting,
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
            server_optimizer: ServerOptimizer::None,
            server_learning_rate: None,
            server_momentum: None,
            server_beta2: None,
            server_tau: None,
        }
    }
}

impl AggregationSettings {
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

    /// Checks the server's numbers, and that the chosen optimiser uses those that are given.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self) -> Result<(), RunError> {
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
        settings(text).validate().unwrap_err().to_string()
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
            settings.validate().unwrap();
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
