//! How exact a round's average is, as the journal keeps it. Used by `event` and `state`, which hold it; by
//! `aggregation_error`, which notes it; by `aggregate`, which finds it; by `admin::report`, which tells it.
//! Invariant: written names stay, so that old journals replay.

use serde::{Deserialize, Serialize};

/// How far averaging the factors apart is from averaging their product.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AggregationError {
    /// ||mean(BA) - mean(B)mean(A)|| / ||mean(BA)||, over all modules.
    pub value: f64,
    /// How it was found.
    pub method: Method,
}

/// How an aggregation error was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Computed, up to rounding in f64.
    Exact,
    /// Estimated.
    Probes {
        /// Independent random probes.
        count: u32,
        /// Of the value.
        standard_error: f64,
    },
}

/// What became of the computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was found.
    Found {
        /// What.
        error: AggregationError,
        /// How long that took; 0 where it was part of the aggregation, as in older versions.
        duration_ms: u64,
    },
    /// It is not known, and nobody tries again.
    NotComputed {
        /// One sentence for the operator.
        reason: String,
    },
}

impl Outcome {
    /// As older versions journalled it, together with the average.
    pub fn exact(value: f64) -> Self {
        Self::Found { error: AggregationError { value, method: Method::Exact }, duration_ms: 0 }
    }
}
