//! What a report is made of: outcomes of several models on one suite. Used by the other files of `compare`.
//! Invariant: an arm has one outcome for each item, in their order.

use crate::judge::Outcome;
use crate::suite::Suite;

/// One model's outcomes on one suite, in the order of its items.
#[derive(Clone, Debug)]
pub struct Arm {
    /// What the model is called.
    pub name: String,
    /// One for each item.
    pub outcomes: Vec<Outcome>,
}

/// What is known of one suite.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The suite.
    pub suite: Suite,
    /// The base, then what is compared with it.
    pub arms: Vec<Arm>,
}
