//! The protocol simulator: a coordinator and 3 to 1,000 sites in one process, in virtual time, from a seed,
//! under every fault that the seed draws, with the invariants looked at after each step. Run by `cargo test
//! -p tests --test simulation`; for longer by `./deploy/long-tests`. `SEED=n SEEDS=1` repeats a failure,
//! `KEEP=1,4` with only these of its faults, `LOUD=1` tells each step.
//!
//! Real: the scheduler with transition, journal, replay and database (`coordinator`), the rules of requests,
//! the site's state machine, database, consent, pace and backoff (`site-agent`), the codec, weights and
//! mean. Modelled, as thinly as it goes: what each header here says. Not here: QUIC and TLS
//! (`common/src/net/tests.rs`, `tests/it/wire.rs`), the ledger, certificates, files as such and memory,
//! which real processes test (`tests/it/`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // a failed test is what they are for

mod context;
mod coordinator;
mod dice;
mod disk;
mod faults;
mod minimise;
mod mutant;
mod mutants;
mod network;
mod plan;
mod seeds;
mod site;
mod truth;
mod update;
mod world;

use ::coordinator::simulate::agenda;
