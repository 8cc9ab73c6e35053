//! `coordinator witness`: the key and the memory of a witness on this machine. Called by `cli`; the same
//! command as `site-agent witness` (`cli::witness`). Invariant: it needs no coordinator and no state folder.

use cli::witness::{self, Verb};
use common::private::passphrase::Passphrase;

use super::acts::told;
use crate::error::Result;

const MANUAL: &str = "\
A witness cosigns heads of logs that others keep: the coordinator's log of acts,
a site's ledger. It remembers the last head that it cosigned of each log, and
refuses one that does not follow from it: nobody can show it one history and
others another. Of two histories it keeps both signed heads. The folder is its
owner's alone; never restore an older copy of it: a witness that forgets can
cosign two histories. Members compare witnesses' keys by telephone.

Examples:
  coordinator witness init auditor.example.org
  coordinator --context main acts cosign --first --out acts.cosigned
  coordinator witness show

A site's ledger, from a file that the site made with
`site-agent ledger prove --from SIZE`:
  coordinator witness trust KEY
  coordinator witness cosign site-1.request --out site-1.cosigned";

/// Be a witness: cosign heads, so that no log has two histories
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

pub(super) fn run(arguments: &Arguments, passphrase: &Passphrase) -> Result<()> {
    told(witness::run(&arguments.verb, passphrase)?)
}
