//! The gateway's half of the comparison with the consortium's held-out set: the worker's points are checked
//! and sent, the coordinator's answers are stored. Called by `agent_loop`; the other half is
//! `worker::overlap`, the files of both are named in `crate::overlap`.

pub mod answers;
pub mod exchange;
pub mod points;
