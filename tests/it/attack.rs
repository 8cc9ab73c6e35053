//! Attacks on real processes: who may talk to us and does not play by the rules. Each module is one attacker.
//! Run by `cargo test`.

mod member;
