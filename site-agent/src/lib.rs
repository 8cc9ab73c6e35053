//! The agent of one hospital. Three processes of one binary (see `supervisor`): the gateway has the socket and no
//! records, the worker has the records and no socket, the supervisor starts and watches both.
//!
//! A round flows through the files in this order:
//! `agent` (what to do) -> `worker`, `train` (raw update) -> `protect` (outbox) -> `egress` (ledger, then the wire).

pub mod agent;
pub mod cli;
pub mod config;
pub mod data_report;
pub mod egress;
pub mod error;
pub mod gateway;
pub mod generate;
pub mod identity;
pub mod language;
pub mod ledger;
pub mod local;
pub mod local_training;
pub mod overlap;
pub mod paths;
pub mod preflight;
pub mod protect;
pub mod records;
mod room;
pub mod sandbox;
pub mod store;
pub mod supervisor;
pub mod train;
pub mod waiver;
pub mod worker;

/// Every named place where a test may kill a process of this crate, in the order a round passes them.
pub const CRASH_POINTS: &[&str] = &[
    "site-fetched",
    "site-overlap-blinded",
    "site-overlap-protected",
    "site-overlap-sent",
    "site-overlap-answered",
    "site-overlap-compared",
    "site-training-step",
    "site-raw-written",
    "site-before-protect",
    "site-outbox-written",
    "site-before-ledger",
    "site-ledger-written",
    "site-chunk-sent",
    "site-committed",
    "site-receipt-stored",
];
