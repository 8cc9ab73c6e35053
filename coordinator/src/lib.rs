//! The coordinator of a consortium. Data flows one way, and the file list reads like the flow:
//! `server -> session -> intake -> round -> aggregate -> evaluate -> store`. `cli` drives it.
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | what an operator can say |
//! | [`server`] | how it all runs together |
//! | [`session`], [`intake`], [`enrol`] | what a site may ask, send, and become |
//! | [`round`], [`runs`], [`performer`] | what happens next, what happened, and who does it |
//! | [`aggregate`], [`evaluate`], [`export`] | how updates become a model, how good it is, how it gets out |
//! | [`store`], [`blobs`], [`state_folder`], [`identity`], [`config`] | what is on disk |
//! | [`report`], [`admin`] | what an operator is told |
//! | [`crash`] | where the tests kill us |

pub mod admin;
pub mod aggregate;
pub mod blobs;
pub mod cli;
pub mod config;
pub mod crash;
pub mod enrol;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod identity;
pub mod intake;
pub mod launch;
pub mod overlap;
pub mod performer;
pub mod report;
pub mod round;
pub mod runs;
pub mod server;
pub mod session;
pub mod state_folder;
pub mod store;
