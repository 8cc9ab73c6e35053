//! The round scheduler: what a run is doing, what may happen to it, what must be done about it.
//! [`scheduler`] is pure; `driver` (the only user of the others at run time) commits each event to
//! the journal before it performs an effect. Invariant: state = replay(journal).

pub mod driver;
pub mod effect;
pub mod event;
pub mod scheduler;
pub mod state;
