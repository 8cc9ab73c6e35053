//! How messages travel: QUIC with mutual TLS, one bidirectional stream per request. The only module that
//! names quinn. Used by the site agent's egress and gateway and by `coordinator serve`. Sites hold a
//! [`client::ClientConnection`]; the coordinator runs a [`server::Server`] and implements
//! [`server::Handler`]; enrolment has its own small pair in [`join`], operators
//! and auditors theirs in [`admin`].
//!
//! Invariants: every wait has a deadline; nothing read from a peer is allocated before it is bounded;
//! malformed input closes the connection with a code; no 0-RTT and no resumption anywhere.
//! TLS configurations are arguments: this crate decides transport, not trust.

mod accept;
pub mod admin;
pub mod client;
mod connections;
mod counted;
mod endpoint;
mod error;
mod handshakes;
pub mod join;
pub mod server;
mod stream;
pub mod transfer;
mod turns;

pub use connections::{Connections, Peer};
pub use counted::sent_by_this_process;
pub use endpoint::EndpointKeys;
pub use error::{CertificateFault, CloseCode, NetError};

#[cfg(test)]
mod tests;
