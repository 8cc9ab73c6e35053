//! The locks that make "the process that can read records has no network" true.
//!
//! Called by `gateway`, `worker`, `alone`, the `data` commands and the probes, first thing, by the main
//! thread, before a runtime or any other thread exists (a lock applied later would not bind threads already
//! started). Once entered, a sandbox cannot be left: every lock is inherited and irrevocable. The only
//! `unsafe` of this crate lives in this folder.
//!
//! Which locks hold is returned, never assumed: the caller compares the report with the policy
//! in `agent.toml` and refuses to go on when a required lock is missing.

pub mod calls;
pub mod descriptors;
pub mod enter;
pub mod gpu;
pub mod landlock;
pub mod lock;
pub mod namespace;
pub mod probe;
pub mod process;
pub mod rules;
pub mod seccomp;

pub use lock::{Lock, LockReport};
pub use rules::FileRules;
