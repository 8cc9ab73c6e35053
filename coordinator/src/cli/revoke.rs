//! `coordinator revoke`: shut a site out. Called by `cli`. Invariant: it works with and without a running
//! `serve`.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use common::clock::{Clock, SystemClock};

use crate::admin::message::Command;
use crate::admin::{client, sites};
use crate::error::{Error, Result};
use crate::limits::ANSWER_BYTES_MAX;
use crate::state_folder::StateFolder;
use crate::store::Store;

const MANUAL: &str = "\
Shut a site out at once: its certificates count no more, its live connections
are closed, an update of its that waits for a round to close is taken out, and
its unfinished uploads are deleted. What was already averaged stays averaged.
Cannot be undone; invite the hospital under a new name if it comes back. Works
while `serve` runs and while it does not. At a terminal it asks first.

Examples:
  coordinator revoke cardiology
  coordinator revoke cardiology --yes";

/// Shut a site out
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Its name
    site: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    if !arguments.yes && io::stdin().is_terminal() {
        eprint!("{} is shut out for good; type its name to go on: ", arguments.site);
        confirm(&mut io::stdin().lock(), &arguments.site)?;
    }
    match client::ask(folder, &Command::Revoke { site: arguments.site.clone() }) {
        Ok(_) => {}
        Err(Error::NotRunning(_)) => {
            let site = sites::site_id(&arguments.site)?;
            sites::revoke_in(folder, &Store::open(&folder.database())?, &site, SystemClock.now())?;
        }
        Err(error) => return Err(error),
    }
    eprintln!("revoked {}", arguments.site);
    Ok(())
}

/// Goes on only if the name itself is typed: a `y` is typed too easily.
fn confirm(answer: &mut impl BufRead, site: &str) -> Result<()> {
    let mut line = String::new();
    let read = answer.take(ANSWER_BYTES_MAX).read_line(&mut line);
    read.map_err(Error::io("read", Path::new("standard input")))?;
    if line.trim() == site {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!("{site} was not revoked"),
        hint: "type the site's name when asked, or add --yes".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_is_a_yes() {
        confirm(&mut &b"cardiology\n"[..], "cardiology").unwrap();
        for no in ["", "y\n", "yes\n", "cardio\n", "cardiology-2\n"] {
            let error = confirm(&mut no.as_bytes(), "cardiology").unwrap_err();
            assert!(error.is_user_error() && error.hint().is_some(), "{no}");
        }
    }
}
