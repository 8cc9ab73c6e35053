//! The coordinator of a consortium. Data flows one way, and the folders read like the flow: `server ->
//! requests -> execution (with the pure round) -> aggregate -> evaluate -> store`. `cli` drives it.
//!
//! | module | answers |
//! |---|---|
//! | [`cli`] | what an operator can type |
//! | [`admin`] | how a command gets here, who may ask what, the log of acts, what the operator is told |
//! | [`server`] | how it all runs together |
//! | [`enrolment`] | how a hospital becomes a site |
//! | [`requests`] | what a site may ask and send, and what it is answered |
//! | [`round`] | what happens next (pure: no file, no database, no clock) |
//! | [`execution`] | who does it: journal, effects, the states of all runs, the launch of a run |
//! | [`aggregate`] | how updates become one adapter |
//! | [`evaluate`] | how good it is (a child process at a time) |
//! | [`export`] | how it gets out |
//! | [`report`] | what is told of a run: bars while it goes, then a page, a table, JSON |
//! | [`overlap`] | the run's key for the comparison with the held-out set |
//! | [`simulate`] | what a planned run will cost (pure; drives [`round`] in virtual time) |
//! | [`store`] | what is in the database |
//! | [`state_folder`] | what else is on disk: configuration, keys, finished files |
//! | [`error`], [`limits`], [`blocking`] | what can go wrong, every bound, how blocking work is done |

pub mod admin;
pub mod aggregate;
pub mod blocking;
pub mod cli;
pub mod enrolment;
pub mod error;
pub mod evaluate;
pub mod execution;
pub mod export;
pub mod limits;
pub mod overlap;
pub mod report;
pub mod requests;
pub mod restored;
pub mod round;
pub mod server;
pub mod simulate;
pub mod state_folder;
pub mod store;
