//! What every process of a consortium agrees on: ids, limits, the wire protocol, adapter files, the
//! egress ledger's format. Light on purpose: no tensors, no database, builds in seconds.
//!
//! | module | answers |
//! |---|---|
//! | [`id`] | what is a site, a run, a round, a digest |
//! | [`limits`] | how big, how many, how long |
//! | [`clock`] | what time is it, in a test too |
//! | [`durable`] | how a file becomes permanent |
//! | [`secret`] | how a secret stays out of logs |
//! | [`private`] | how files, folders and memory stay closed to others on the machine |
//! | [`places`] | where a model's folder and a file of records are |
//! | [`run`] | what a run file says |
//! | [`wire`] | what is said between a site and the coordinator |
//! | [`net`] | how it travels: the only user of quinn |
//! | [`adapter`] | what an adapter file must contain |
//! | [`ledger`] | how the record of everything that left is written and verified |
//! | [`counts`] | whether ledger, transport and kernel counted the same |
//! | [`log_file`] | how a program's own log stays bounded |
//! | [`terminal`] | how a command speaks when nobody listens any more |
//! | [`toml_text`] | what is wrong with a TOML file, for people |
//! | [`page`], [`progress`] | how our pages and our progress look |
//! | [`language`] | in which language people read |
//! | [`crash`] | where the tests kill us |

pub mod adapter;
pub mod clock;
pub mod counts;
pub mod crash;
pub mod durable;
pub mod id;
pub mod language;
pub mod ledger;
pub mod limits;
pub mod log_file;
pub mod net;
pub mod page;
pub mod places;
pub mod private;
pub mod progress;
pub mod run;
pub mod secret;
pub mod terminal;
pub mod time_lapse;
pub mod toml_text;
pub mod wire;
