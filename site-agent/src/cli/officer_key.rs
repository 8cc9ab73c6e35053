//! `site-agent officer-key new|trust|sign`: the privacy officer's key, which officer a site trusts, and what
//! the officer signs on a machine of their own. Offline. The private key stays with the officer; a site holds
//! the public half only. Run by `cli`.

mod sign;

use std::path::{Path, PathBuf};

use certs::OfficerKey;
use clap::Subcommand;
use common::durable;
use serde_json::json;

use super::support::{State, tell};
use crate::error::SiteError;
use crate::paths::StateFolder;
use crate::waiver::{key_error, read_public};

const EXAMPLES: &str = "\
Examples:
  The officer, once, on a machine of their own:
    site-agent officer-key new officer.key

  The site, with the public half that the officer handed over:
    site-agent officer-key trust officer.key.pub

  The officer, on that machine, for a request that the site wrote:
    site-agent officer-key sign request.json \\
        --key officer.key --out answer.json

From then on a run is approved only with this key (`site-agent approve --help`), and what the screen found is accepted only by \
a waiver that it signed (`site-agent waiver --help`).";

/// Make the privacy officer's key, tell a site which officer it trusts, or sign for a site.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: PATH (private, for the officer only) and PATH.pub (for the site).
    New {
        /// Where the private key is written; an existing file is not touched.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Trust an officer's public key at this site.
    Trust {
        /// The file that ends in .pub.
        #[arg(value_name = "PUBLIC_KEY")]
        public: PathBuf,
        /// Replace the officer that was trusted before; their waivers and approvals hold no longer.
        #[arg(long)]
        replace: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: State,
    },
    /// Sign what a site asks for, on a machine that needs neither site nor network.
    #[command(after_long_help = sign::EXAMPLES)]
    Sign(sign::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Command::New { path, json } => new(path, *json),
        Command::Trust { public, replace, json, state } => trust(public, *replace, *json, &state.open()?),
        Command::Sign(arguments) => sign::run(arguments),
    }
}

/// Beside the private key.
fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

fn new(path: &Path, as_json: bool) -> Result<(), SiteError> {
    let public_path = public_path(path);
    if let Some(taken) = [path, public_path.as_path()].into_iter().find(|path| path.exists()) {
        return Err(SiteError::Data {
            sentence: format!("{} exists already", taken.display()),
            hint: Some("choose another name; a key that is lost cannot be made again".into()),
        });
    }
    let key = OfficerKey::generate().map_err(key_error)?;
    let write = |path: &Path, text: &str, mode| {
        durable::write(path, text.as_bytes(), mode).map_err(|source| SiteError::io(path, source))
    };
    write(path, &key.to_text().map_err(key_error)?, durable::PRIVATE)?;
    let public = key.public_key().map_err(key_error)?.to_text();
    write(&public_path, &public, durable::ORDINARY)?;
    let document = json!({
        "private_path": path.display().to_string(),
        "public_path": public_path.display().to_string(),
        "public_key": public.trim_end(),
    });
    tell(as_json, &document, || {
        println!(
            "private key  {}  keep it with the officer; whoever has it can accept findings and approve runs",
            path.display()
        );
        println!("public key   {}  give it to the site: site-agent officer-key trust", public_path.display());
        print!("{public}");
    })
}

fn trust(public: &Path, replace: bool, as_json: bool, folder: &StateFolder) -> Result<(), SiteError> {
    if !folder.config().exists() {
        return Err(SiteError::NotJoined { folder: folder.root().to_path_buf() });
    }
    let key = read_public(public)?;
    let trusted = folder.officer();
    let is_other = trusted.exists() && read_public(&trusted)? != key;
    if is_other && !replace {
        return Err(SiteError::Data {
            sentence: "this site trusts another privacy officer's key".into(),
            hint: Some(
                "if the officer has changed, add --replace; waivers and approvals of the old key hold no longer".into(),
            ),
        });
    }
    durable::write(&trusted, key.to_text().as_bytes(), durable::ORDINARY)
        .map_err(|source| SiteError::io(&trusted, source))?;
    let text = key.to_text();
    let document = json!({ "public_key": text.trim_end(), "replaced": is_other });
    tell(as_json, &document, || {
        println!("waivers, approvals and policies by this key are accepted here:");
        print!("{text}");
        println!("an agent that is running knows the key it began with: start it anew");
    })
}
