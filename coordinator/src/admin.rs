//! The operator's door: a unix socket of mode 0600 in the state folder. Used by `cli`, which asks through
//! `client`, and by `server`, which starts the answering side (`admin::server`, which has `runs`, `sites` and
//! `keys` do what is asked). Both sides speak `message`; `report` is what `status` shows of a run,
//! `consortium` what `sites` shows of all sites. Invariant: file permissions are the authentication: who can
//! open the socket owns the state folder.

pub mod client;
pub mod consortium;
mod keys;
pub mod message;
pub mod report;
mod runs;
pub mod server;
pub(crate) mod sites;

#[cfg(test)]
mod tests;
