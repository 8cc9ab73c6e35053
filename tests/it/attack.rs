//! Hostile peers against real processes: a coordinator, a member, a worker, a neighbour. Run by `cargo test`.

mod evaluation;
mod ground;
mod ledger;
mod member;
mod policy;
mod suite;
