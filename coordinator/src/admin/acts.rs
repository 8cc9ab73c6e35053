//! The log of administrative acts: who asked this coordinator to change something, and what became of it.
//! Used by `admin::server` (local and remote commands), by `cli` where a command changes the state folder
//! itself, and by `enrolment` for operators; shown and verified by `cli::acts`, here and from afar. The
//! parts: `record` (the grammar), `check` (is it intact?), `log` (the files; `index` finds lines), `doing`
//! (an act between two lines), `kept` (the newest head seen of another machine's). Invariant: an act is in
//! the log, durably, before it is done.

mod check;
mod doing;
mod index;
mod kept;
mod log;
mod quota;
mod record;

pub use check::{Damage, Reading, State, following, read};
pub(crate) use doing::result;
pub use doing::{recorded, recorded_async};
pub use kept::Kept;
pub use log::{Acts, log_name, read_head};
pub use record::{Act, By, Draft, Holder, Record, Step, Verb, Who};

#[cfg(test)]
mod tests;
