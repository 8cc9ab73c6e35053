//! The gateway's brain and hands: `state` decides (pure), `driver` does (I/O), `connection` keeps the line open, `backoff`
//! says how long to wait.

pub mod backoff;
pub mod connection;
pub mod driver;
pub mod state;
