//! The gateway's brain and hands: `state` decides (pure), `driver` does (I/O; `compare` is its
//! exchange about the held-out set), `connection` keeps the line open, `backoff`
//! says how long to wait.

pub mod backoff;
mod compare;
pub mod connection;
pub mod driver;
pub mod state;
