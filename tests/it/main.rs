//! The one integration test binary: whole consortia of real processes, and the repository's own
//! rules. Each module is one claim of SECURITY.md or the README; `support` makes small consortia.
#![allow(clippy::print_stdout, clippy::print_stderr)] // what a test measured is worth reading

mod asker;
mod attack;
mod authority;
mod bad_input;
mod between_runs;
mod canary;
mod checkpoints;
mod consent;
mod corpus;
mod crash;
mod crl;
mod end_to_end;
mod enrol;
mod escrow;
mod export;
mod growth;
mod help;
mod json;
mod keys;
mod launched;
mod leave;
mod mutated;
mod officer;
mod operators;
mod overlap;
mod own_scores;
mod reconcile;
mod renewal;
mod replay;
mod report;
mod revoked;
mod round_bench;
mod rounds;
mod sandbox;
mod simulated;
mod start;
mod suites;
mod support;
mod tidy;
mod units;
mod wire;
mod wire_count;
mod witness;
mod year;
