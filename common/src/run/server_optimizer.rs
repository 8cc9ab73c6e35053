//! The server's optimiser: how far the global adapter goes along the mean of what the sites changed, and what
//! it remembers of earlier rounds. Used by `aggregation`, which fills the numbers in; the coordinator's
//! `aggregate` does what [`ServerRule`] says, a site's terms name it. Invariant: a rule has no default left.

use std::fmt;

use serde::{Deserialize, Serialize};

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
