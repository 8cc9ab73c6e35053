//! The locks that make "the process that can read records has no network" true, at a site and at the
//! coordinator.
//!
//! Called by the site agent's gateway, worker, commands and probes, and by the coordinator's process that
//! evaluates and its `export`: first thing, by the main thread, before a runtime or any other thread exists
//! (a lock applied later would not bind threads already started). Once entered, a sandbox cannot be left:
//! every lock is inherited and irrevocable. It knows nothing of what it locks: no model, no wire, no policy.
//!
//! Which locks hold is returned, never assumed: the caller compares the report with its policy and refuses to
//! go on when a required lock is missing.

pub mod attack;
pub mod calls;
pub mod descriptors;
pub mod enter;
pub mod gpu;
pub mod landlock;
pub mod limits;
pub mod lock;
pub mod namespace;
pub mod probe;
pub mod process;
pub mod rules;
pub mod seccomp;

pub use lock::{Lock, LockReport};
pub use rules::FileRules;
