//! The rule file that a medical team begins with, built into the programs. Called by `site-agent rules new`.
//! Invariant: it is a start, approved by nobody; its own tests pass (tested).

/// The files, by the names that they have beside each other: the rules, and their table of pairs.
pub const START: [(&str, &str); 2] = [
    ("safety.toml", include_str!("../../safety/safety.toml")),
    ("contraindicated.csv", include_str!("../../safety/contraindicated.csv")),
];
