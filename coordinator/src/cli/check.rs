//! `coordinator check`: is this installation sound? Called by `cli`. Invariant: it changes nothing but an
//! expiring server certificate.

use std::net::UdpSocket;

use common::clock::{Clock, SystemClock};
use common::durable;
use common::id::Digest;

use super::{offline, output};
use crate::admin::client;
use crate::admin::message::Command;
use crate::error::{Error, Result};
use crate::restored;
use crate::state_folder::config::Config;
use crate::state_folder::identity::Identity;
use crate::state_folder::{StateFolder, blobs};

const MANUAL: &str = "\
Check this installation and say what is wrong: configuration, keys and
certificates, the database, the journal's hash chain and that nothing of it
is missing, every stored file
against its name, free disk space, and whether the ports are free or held by
our own `serve`. Changes nothing but an expiring server certificate. Exit code
0 if all is well.

Example:
  coordinator check --state /var/lib/consilium";

/// Check this installation
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {}

pub(super) fn run(folder: &StateFolder, _: &Arguments) -> Result<()> {
    let folder = StateFolder::open(folder.path())?;
    let config = Config::read(&folder.config())?;
    say("configuration", &format!("{} at {}", config.name, config.address))?;
    let identity = Identity::load(&folder, SystemClock.now())?;
    say("authority", &identity.authority.pin().to_string())?;
    restored::open(&folder, false)?;
    let (store, runs) = offline::open_runs(&folder)?;
    if let Some(doubt) = restored::doubt(&folder, &store)? {
        return Err(Error::Restored(doubt));
    }
    let sites = store.sites()?.len();
    say("database", &format!("sound; {sites} sites, {} runs, journal verified", runs.all().len()))?;
    say("stored files", &format!("{} verified", verify_blobs(&folder)?))?;
    let free =
        durable::free_bytes(folder.path()).map_err(Error::io("measure free space in", folder.path()))?;
    say("free space", &format!("{} MiB", free / (1024 * 1024)))?;
    let running = !matches!(client::ask(&folder, &Command::Status { run: None }), Err(Error::NotRunning(_)));
    if running {
        say("serve", "running")
    } else {
        for address in [config.listen, config.listen_join] {
            let listen = |error: std::io::Error| Error::Listen {
                address: address.to_string(),
                reason: error.to_string(),
            };
            UdpSocket::bind(address).map_err(listen)?;
        }
        say("serve", &format!("not running; {} and {} are free", config.listen, config.listen_join))
    }
}

fn verify_blobs(folder: &StateFolder) -> Result<usize> {
    let path = folder.blobs();
    let mut count = 0;
    for entry in std::fs::read_dir(&path).map_err(Error::io("read", &path))? {
        let entry = entry.map_err(Error::io("read", &path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A file whose name is not a digest is what an interrupted write left, not a blob.
        let Ok(expected) = name.parse::<Digest>() else { continue };
        if blobs::digest_of(&entry.path())? != expected {
            let reason =
                "its bytes do not have the hash that is its name; restore it from a backup".to_owned();
            return Err(Error::Config { path: entry.path(), reason });
        }
        count += 1;
    }
    Ok(count)
}

fn say(what: &str, found: &str) -> Result<()> {
    output::print_line(&format!("{what:<16}{found}"))
}
