//! The server's optimiser in `[aggregation]`: how far the global adapter goes along the mean of what the sites
//! changed, and what it remembers of earlier rounds. Used by `settings`; the coordinator's `aggregate` does
//! what [`ServerRule`] says, a site's terms name it. Invariant: a number that the chosen optimiser does not
//! use is refused, so that none is set and does nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::settings::AggregationSettings;

/// Flower and FedOpt (Reddi et al. 2021) name them so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerOptimizer {
    /// The mean is the next adapter.
    #[default]
    None,
    /// FedAvgM: a sum of earlier changes, each round `server_momentum` times what it was.
    Momentum,
    /// FedAdam.
    Adam,
    /// FedYogi.
    Yogi,
    /// FedAdagrad.
    Adagrad,
}

impl ServerOptimizer {
    /// Whether it needs not be written.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// How the second moment of an adaptive rule follows the squared change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondMoment {
    /// `v = beta2 v + (1 - beta2) change^2`.
    Adam,
    /// `v = v - (1 - beta2) change^2 sign(v - change^2)`.
    Yogi,
    /// `v = v + change^2`.
    Adagrad,
}

/// One step of the server, with every default filled in. `change` is the mean of the updates minus the
/// adapter that they were trained from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ServerRule {
    /// `m = momentum m + change; x = x + rate m`, from `m = 0`: without the factor `1 - momentum`, so that a
    /// change that goes on for many rounds is taken `1 / (1 - momentum)` times.
    Momentum {
        /// What of `m` stays.
        momentum: f64,
        /// The factor of the step.
        rate: f64,
    },
    /// `m = beta1 m + (1 - beta1) change; x = x + rate m / (sqrt(v) + tau)`, from `m = 0` and `v = tau^2`,
    /// without bias correction.
    Adaptive {
        /// How `v` follows.
        second: SecondMoment,
        /// The factor of the step.
        rate: f64,
        /// What of `m` stays.
        beta1: f64,
        /// What of `v` stays.
        beta2: f64,
        /// Guards the denominator.
        tau: f64,
    },
}

impl fmt::Display for ServerRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Momentum { momentum, rate } => write!(formatter, "momentum {momentum}, rate {rate}"),
            Self::Adaptive { second, rate, beta1, beta2, tau } => {
                let name = match second {
                    SecondMoment::Adam => "adam",
                    SecondMoment::Yogi => "yogi",
                    SecondMoment::Adagrad => "adagrad",
                };
                write!(formatter, "{name}, rate {rate}, beta1 {beta1}")?;
                if *second != SecondMoment::Adagrad {
                    write!(formatter, ", beta2 {beta2}")?;
                }
                write!(formatter, ", tau {tau}")
            }
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
