//! The agent of one hospital. Three processes of one binary: the gateway has the socket and no records, the
//! worker has the records and no socket, the supervisor starts and watches both. A folder a process; what
//! none of them owns stands beside.
//!
//! | room | what is in it |
//! |---|---|
//! | [`worker`] | the process that reads records and trains; names nothing of the network |
//! | [`gateway`] | the process with key, socket and ledger; names nothing that reads records |
//! | [`egress`] | the border: the only file that sends |
//! | [`supervisor`] | starts both, passes closed messages on |
//! | [`alone`] | training and generation without a consortium, behind the worker's locks |
//! | [`locks`] | the kernel's locks under this site's policy (the locks themselves: the crate `sandbox`) |
//! | [`pipe`], [`overlap`] | what worker and gateway share: messages, and the files of the comparison |
//! | [`config`], [`policy`] | the site's settings, and what it lets a run do |
//! | [`paths`], [`waiver`] | the site's folder, and the officer's waiver |
//! | [`preflight`] | what is tried before anything runs |
//! | [`cli`], [`data_report`], [`language`] | what people type and read |
//! | [`error`], [`limits`], [`backoff`] | failures, bounds, waits |
//!
//! A round: `gateway::state` (what to do) -> `worker::train` (raw update) -> `gateway::protect` (outbox) ->
//! [`egress`] (ledger, then the wire). Which folder may name what is tested in `tests/it/tidy.rs`.

pub mod alone;
pub mod backoff;
pub mod cli;
pub mod config;
pub mod data_report;
pub mod egress;
pub mod error;
pub mod gateway;
pub mod language;
pub mod limits;
pub mod locks;
pub mod overlap;
pub mod paths;
pub mod pipe;
pub mod policy;
pub mod preflight;
pub mod supervisor;
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
