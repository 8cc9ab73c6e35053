//! `coordinator keys`: whether the private keys are sealed by a passphrase, and sealing them. Called by
//! `cli`. Invariants: no key is shown; keys change while no `serve` runs, and each whole or not at all.

use std::path::PathBuf;

use clap::Subcommand;
use cli::keys::{self, KeyFile};
use common::crash;
use common::private::passphrase::Passphrase;
use serde_json::json;

use super::door::Place;
use super::output;
use crate::error::Result;
use crate::state_folder::authority;

const MANUAL: &str = "\
The private keys are files of their owner's. Sealed by a passphrase (age, scrypt)
a copy of them opens nothing without it: a backup, a stolen disk, a state folder
that was copied. Whoever is this user while `serve` runs has the keys all the
same, since `serve` holds them open.

The passphrase comes from --passphrase-file, from the credential of systemd that
`[keys] credential` in coordinator.toml names, or from the terminal; it is never
an argument. One that is lost is lost, and the keys with it: keep it on paper, in
the safe. New keys (a renewal, another authority) are sealed where any is.

With --context it is the key of that context, on your own machine. Else stop
`serve` first.

Examples:
  coordinator keys show
  coordinator keys seal --passphrase-file FILE
  coordinator keys passphrase
  coordinator keys unseal
  coordinator --context main keys seal";

/// Seal the private keys by a passphrase, or unseal them
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show which keys there are, and which are sealed
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Seal them by a passphrase
    Seal {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write them as plain files again
    Unseal {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the passphrase; if it is interrupted, give the same command again
    Passphrase {
        /// A file with the new one, which only you can read [default: the terminal]
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(place: &Place, arguments: &Arguments) -> Result<()> {
    if let Some(file) = place.key_of_context()? {
        return act(&[file], &place.passphrase(None), &arguments.verb);
    }
    let folder = place.folder()?;
    if matches!(arguments.verb, Verb::Show { .. }) {
        return act(&authority::key_files(&folder), folder.passphrase(), &arguments.verb);
    }
    let _lock = folder.lock()?;
    crash::arm(folder.path());
    // What a rollover left half done would else be sealed beside it.
    authority::finish(&folder)?;
    act(&authority::key_files(&folder), folder.passphrase(), &arguments.verb)?;
    Ok(keys::sweep(&authority::key_places(&folder))?)
}

fn act(files: &[KeyFile], passphrase: &Passphrase, verb: &Verb) -> Result<()> {
    let (changed, did, json) = match verb {
        Verb::Show { json } => (0, None, *json),
        Verb::Seal { json } => (keys::seal(files, passphrase)?, Some("sealed"), *json),
        Verb::Unseal { json } => (keys::unseal(files, passphrase)?, Some("unsealed"), *json),
        Verb::Passphrase { new_passphrase_file, json } => {
            let new = Passphrase::of(new_passphrase_file.clone(), None);
            (keys::change(files, passphrase, &new)?, Some("sealed with the new passphrase"), *json)
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
    output::tell(json, &json!({ "keys": list, "changed": changed }), || {
        for (path, what, is_sealed) in &rows {
            println!("{:<7} {path}  ({what})", if *is_sealed { "sealed" } else { "plain" });
        }
        if let Some(did) = did {
            eprintln!("{did}: {changed} of {} keys", rows.len());
        }
        if matches!(verb, Verb::Seal { .. }) && changed > 0 {
            eprintln!(
                "copies in backups are as they were; write the passphrase down, and keep it in the safe"
            );
        }
    })
}
