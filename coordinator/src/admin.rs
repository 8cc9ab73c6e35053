//! The operator's door: a unix socket of mode 0600 in the state folder. Used by `cli`, which asks through
//! `client`, and by `server`, which starts the answering side (`admin::server`). Both sides speak `message`;
//! `report` is what `status` shows of a run.
//! Invariant: file permissions are the authentication: who can open the socket owns the state folder.

pub mod client;
pub mod message;
pub mod report;
pub mod server;
