//! A witness: who cosigns heads of logs that others keep, so that none of them can show two histories. After
//! C2SP tlog-witness, with files in place of its HTTP. Used by `witness` of both programs, by `coordinator
//! acts` and by `site-agent ledger`. The parts: `memory` (what was cosigned last), `rules` (may this head be
//! cosigned?), `cosigning` (first remembered, then signed), `evidence` (what is kept of two histories),
//! `asked` (what who verifies asks for), `kept` (cosigned heads beside the log that they are of), `command`.
//!
//! Invariants: nothing is signed that is not remembered durably before; a memory that cannot be read cosigns
//! nothing; everything in the folder is its owner's alone, and no link.

mod asked;
mod command;
mod cosigning;
mod error;
mod evidence;
mod kept;
mod memory;
mod rules;

pub use asked::{CosignedHead, Witnesses, newest};
pub use command::{Done, FolderOption, Verb, run, write_file};
pub use cosigning::{Cosigned, Witness, default_folder};
pub use error::WitnessError;
pub use kept::CosignedHeads;

#[cfg(test)]
mod tests;
