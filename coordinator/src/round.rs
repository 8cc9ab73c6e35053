//! The round scheduler: what a run is doing, what may happen to it, what must be done about it. Pure: no
//! file, no database, no clock (time is an argument), and nothing of the coordinator's other folders but
//! `limits`. Used by `execution`, which commits each event to the journal before it performs an effect; by
//! `requests` and `admin`, which read the state. Invariant: state = replay(journal).

pub mod accuracy;
pub mod aggregation_error;
pub mod alone;
pub mod baseline;
mod closing;
pub mod consent;
pub mod decision;
pub mod effect;
pub mod event;
pub mod extended;
pub mod extension;
pub mod launched;
pub mod measured;
pub mod metrics;
pub mod missing;
pub mod own_scores;
pub mod participation;
pub mod queue;
pub mod retention;
pub mod said;
pub mod scheduler;
pub mod state;
mod stopping;
pub mod suites;
pub mod veto;
pub mod vetoed;
pub mod weight;
