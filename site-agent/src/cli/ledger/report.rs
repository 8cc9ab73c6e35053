//! `site-agent ledger report`: the privacy officer's page, or the same facts for programs. Run by
//! `cli::ledger`. Invariants: it only reads, but for the trial of the locks; a ledger that does not verify
//! has its page, too, and the command fails; a page appears whole, and replaces none unless that is asked
//! for.

mod collect;
mod facts;
mod html;

use std::path::PathBuf;

use common::durable;

use self::facts::Ledger;
use crate::cli::consent::known::Known;
use crate::cli::support::{Keyed, print_json};
use crate::error::SiteError;
use crate::language::Language;
use crate::paths::StateFolder;

pub(super) const EXAMPLES: &str = "\
Examples:
  site-agent ledger report --out report.html
  site-agent ledger report 3f2a --out run.html --language zh
  site-agent ledger report --json

The page is one file without script or anything from outside: print it, or have the browser make a PDF. It names the \
newest 20 runs, with their newest 10 rounds each, and sums up the others; with RUN, the newest 200 rounds of that one. \
It also says what it does not prove.

Exit code 0: the ledger verifies. 1: it does not. The page is written all the same, and says so first.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it [default: all runs].
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    state: Keyed,
    /// The page's file.
    #[arg(long, value_name = "FILE", required_unless_present = "json")]
    out: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "out")]
    replace: bool,
    /// Print the facts as JSON; with --out beside the page.
    #[arg(long)]
    json: bool,
    /// Language of the page: `zh` or `en`. The locale decides where this is not given.
    #[arg(long, value_name = "LANGUAGE", alias = "lang")]
    language: Option<Language>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    if let Some(out) = arguments.out.as_ref().filter(|out| out.exists() && !arguments.replace) {
        let sentence = format!("{} exists already", out.display());
        return Err(SiteError::data(&sentence, "choose another name, or add --replace"));
    }
    if !folder.database().exists() {
        return Err(SiteError::data(
            "there is no database of this site",
            "restore site.db from a backup; `site-agent ledger verify` looks at the ledger without it",
        ));
    }
    let known = Known::open(folder)?;
    let facts = collect::gather(&known, arguments.run.as_deref())?;
    if let Some(out) = &arguments.out {
        let page = html::render(&facts, Language::chosen(arguments.language));
        durable::write(out, page.as_bytes(), durable::ORDINARY).map_err(SiteError::at(out))?;
        if !arguments.json {
            println!("wrote {}", out.display());
        }
    }
    if arguments.json {
        let document =
            serde_json::to_value(&facts).map_err(|error| SiteError::Internal(error.to_string()))?;
        print_json(&document)?;
    }
    judge(&known.folder, &facts.ledger)
}

/// What `ledger verify` says of a ledger that does not verify.
fn judge(folder: &StateFolder, ledger: &Ledger) -> Result<(), SiteError> {
    let path = folder.ledger();
    if let Some(reason) = &ledger.broken {
        return Err(SiteError::Ledger { path, reason: reason.clone() });
    }
    if let Some(reason) = ledger.reasons.first() {
        return Err(SiteError::LedgerBehind { path, reason: reason.clone() });
    }
    if ledger.coordinator_refuses { Err(SiteError::LedgerRefused) } else { Ok(()) }
}
