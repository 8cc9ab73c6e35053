//! `site-agent keys`: whether the private keys are sealed by a passphrase, and sealing them. Run by `cli`.
//! Invariants: no key is shown; a site's keys change while no agent runs, and each whole or not at all.

use std::path::PathBuf;

use clap::Subcommand;
use cli::keys::{self, KeyFile};
use common::crash;
use common::private::passphrase::Passphrase;
use serde_json::json;

use super::run::lock;
use super::support::{Keyed, tell};
use crate::error::SiteError;
use crate::gateway::keys::{key_files, places};

const EXAMPLES: &str = "\
Examples:
  The site's keys, with the agent stopped:
    site-agent keys show
    site-agent keys seal --passphrase-file FILE
    site-agent keys passphrase
    site-agent keys unseal

  The officer's own, or a witness', on any machine:
    site-agent keys seal officer.key
    site-agent keys seal ~/.config/consilium/witness/witness.key

The passphrase comes from --passphrase-file, from the credential of systemd that `[keys] credential` in agent.toml names, or \
from the terminal; it is never an argument. One that is lost is lost, and the keys with it: keep it on paper, in the safe. \
A renewed key is sealed as the one before it.";

/// Seal private keys by a passphrase, or unseal them.
///
/// Sealed (age, scrypt), a copy of them opens nothing without the passphrase: a backup, a stolen disk, a
/// state folder that was copied. Whoever is this user while the agent runs has the keys all the same, since
/// the agent holds them open.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show which keys there are, and which are sealed.
    Show(Which),
    /// Seal them by a passphrase.
    Seal(Which),
    /// Write them as plain files again.
    Unseal(Which),
    /// Change the passphrase; if it is interrupted, give the same command again.
    Passphrase {
        /// A file with the new one, which only you can read [default: the terminal].
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Keys of a person [default: those of the site].
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: Keyed,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let (Verb::Show(which) | Verb::Seal(which) | Verb::Unseal(which) | Verb::Passphrase { which, .. }) =
        &arguments.verb;
    if !which.files.is_empty() {
        let of = |path: &PathBuf| KeyFile { path: path.clone(), what: "a person's" };
        let files: Vec<KeyFile> = which.files.iter().map(of).collect();
        return act(&files, &which.state.passphrase(), &arguments.verb, which.json);
    }
    let folder = which.state.open_joined()?;
    let _lock = match &arguments.verb {
        Verb::Show(_) => None,
        _ => Some(lock(&folder)?),
    };
    crash::arm(folder.root());
    act(&key_files(&folder), folder.passphrase(), &arguments.verb, which.json)?;
    match &arguments.verb {
        Verb::Show(_) => Ok(()),
        // Of a key that is gone, too: that of the next certificate comes and goes.
        _ => Ok(keys::sweep(&places(&folder))?),
    }
}

fn act(files: &[KeyFile], passphrase: &Passphrase, verb: &Verb, as_json: bool) -> Result<(), SiteError> {
    let (changed, did) = match verb {
        Verb::Show(_) => (0, None),
        Verb::Seal(_) => (keys::seal(files, passphrase)?, Some("sealed")),
        Verb::Unseal(_) => (keys::unseal(files, passphrase)?, Some("unsealed")),
        Verb::Passphrase { new_passphrase_file, .. } => {
            let new = Passphrase::of(new_passphrase_file.clone(), None);
            (keys::change(files, passphrase, &new)?, Some("sealed with the new passphrase"))
        }
    };
    let mut rows = Vec::new();
    for file in files {
        rows.push((file.path.display().to_string(), file.what, file.is_sealed()?));
    }
    let list: Vec<_> = rows
        .iter()
        .map(|(path, what, sealed)| json!({ "file": path, "of": what, "sealed": sealed }))
        .collect();
    tell(as_json, &json!({ "keys": list, "changed": changed }), || {
        for (path, what, is_sealed) in &rows {
            println!("{:<7} {path}  ({what})", if *is_sealed { "sealed" } else { "plain" });
        }
        if let Some(did) = did {
            println!("{did}: {changed} of {} keys", rows.len());
        }
        if matches!(verb, Verb::Seal(_)) && changed > 0 {
            println!(
                "copies in backups are as they were; write the passphrase down, and keep it in the safe"
            );
        }
    })
}
