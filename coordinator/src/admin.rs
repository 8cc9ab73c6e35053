//! The operator's door: a unix socket of mode 0600 in the state folder, and connections from afar (`afar`).
//! Used by `cli`, which asks through `client`, and by `server`, which starts the answering side
//! (`admin::server`, which has `runs`, `sites` and `books` do what is asked). Both speak `message` in
//! `lines`; `rules` says who may ask what, `acts` writes it down, `signing` is the operator's hand under a
//! launch; `contexts` are coordinators elsewhere; `report`, `consortium`, `listed` and `holders` are what is
//! shown. Invariants: on the machine file permissions are the authentication: who can open the socket owns
//! the state folder; from afar it is a certificate that the database knows as an operator's or auditor's.

pub mod acts;
pub mod afar;
pub mod books;
pub mod client;
pub mod consortium;
pub mod contexts;
pub mod holders;
mod inviting;
mod lines;
pub mod listed;
pub(crate) mod membership;
pub mod message;
pub mod remote;
pub mod report;
pub mod rules;
mod runs;
pub mod server;
pub mod signing;
mod sites;

#[cfg(test)]
mod tests;
