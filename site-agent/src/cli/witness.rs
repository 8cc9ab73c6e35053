//! `site-agent witness`: the key and the memory of a witness on this machine. Called by `cli`; the same
//! command as `coordinator witness` (`cli::witness`). Invariants: it needs no state folder and no network;
//! the agent's processes never open its folder.

use std::path::PathBuf;

use ::cli::witness::{self, Done, Verb};
use common::private::passphrase::Passphrase;

use super::support::tell;
use crate::error::SiteError;

const EXAMPLES: &str = "\
Examples:
  site-agent witness init hospital-b.example.org
  site-agent witness trust KEY
  site-agent witness cosign acts.request --out acts.cosigned
  site-agent witness show

The file to cosign comes from whoever keeps the log, who made it with `coordinator acts prove --from SIZE` or \
`site-agent ledger prove --from SIZE`, SIZE being what `show` prints for that log, 0 the first time; the cosigned head goes \
back to them, and to whoever asks for it. Get KEY on another way than the file, and compare yours by telephone. Never restore \
an older copy of the folder: a witness that forgets can cosign two histories.";

/// Be a witness: cosign heads of others' logs, so that none of them has two histories.
///
/// It remembers the last head that it cosigned of each log, and refuses one that does not follow from it. Of
/// two histories it keeps both signed heads.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// A file with the passphrase of the witness' key, which only you can read [default: the terminal, where
    /// it is sealed].
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let Done { document, text, as_json } =
        witness::run(&arguments.verb, &Passphrase::of(arguments.passphrase_file.clone(), None))?;
    tell(as_json, &document, || print!("{text}"))
}
