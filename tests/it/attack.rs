//! The attacks that an attacker's review of the running product tried, each with real processes. Run by
//! `cargo test`. A module a topic; what needs no process is tested beside the code.

mod ground;
