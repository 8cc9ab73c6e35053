//! Everything that drives a consortium from outside: the test harness and the demo.
//!
//! Called by the integration tests (`it/`) and by the `consilium-demo` binary. It knows the two
//! shipped programs only as a user does: their command line, their exit codes, their JSON and their
//! files. Nothing here is linked into the coordinator or the site agent.

pub mod binaries;
pub mod canary;
pub mod consortium;
pub mod dataset;
pub mod demo;
pub mod failure;
pub mod folder;
pub mod limits;
pub mod ports;
pub mod process;
pub mod program;
pub mod relay;
pub mod release_demo;
pub mod run_file;
pub mod status;
pub mod synthetic;
pub mod wait;
