//! `coordinator init`: a new consortium with its own certificate authority. Called by `cli`. Invariant: a
//! failure leaves no folder that `serve` would use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use common::clock::{Clock, SystemClock};
use common::durable;
use serde_json::json;

use super::output;
use crate::admin::acts::{Act, Acts, Verb, Who, recorded};
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::state_folder::config::{Config, RetentionConfig, SandboxConfig};
use crate::state_folder::identity::Identity;
use crate::store::Store;

const MANUAL: &str = "\
Create a consortium: its certificate authority, the coordinator's own
certificate, the key that signs receipts, an empty database, and
coordinator.toml. Done once. Keys never leave the state folder.

Sites must be able to reach both addresses by UDP. `coordinator serve` listens
on the same ports on all interfaces unless told otherwise.

Example:
  coordinator init --state /var/lib/consilium --name oncology \\
      --address coordinator.example.org:4600";

/// Create a consortium
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Where sites reach the coordinator (UDP); several with commas between are tried in this order
    #[arg(long, value_name = "HOST:PORT")]
    address: String,
    /// Where sites enrol (UDP) [default: the same host, the next port]
    #[arg(long, value_name = "HOST:PORT")]
    join_address: Option<String>,
    /// The consortium's name, shown in its certificate
    #[arg(long, value_name = "TEXT", default_value = "consilium")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    if folder.config().exists() {
        return Err(Error::AlreadyInitialised(folder.path().to_path_buf()));
    }
    let (host, port) = first(&arguments.address)?;
    let join_address = match &arguments.join_address {
        Some(address) => address.clone(),
        None => next_ports(&arguments.address)?,
    };
    let (_, join_port) = first(&join_address)?;
    let any = if host.starts_with('[') {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    };
    let config = Config {
        name: arguments.name.clone(),
        address: arguments.address.clone(),
        join_address,
        listen: SocketAddr::new(any, port),
        listen_join: SocketAddr::new(any, join_port),
        certificate_days: 30,
        evaluation_timeout_s: 6 * 3600,
        evaluation_device: model::Device::Cpu,
        sandbox: SandboxConfig::default(),
        retention: RetentionConfig::default(),
        keys: None,
    };
    let was_there = folder.path().exists();
    let identity = create(folder, &config).inspect_err(|_| {
        if !was_there {
            // We made everything in it, and it is incomplete.
            let _ = std::fs::remove_dir_all(folder.path());
        }
    })?;
    let pin = identity.authority.pin();
    let document = json!({
        "name": config.name,
        "state": folder.path().display().to_string(),
        "authority_pin": pin.to_string(),
        "address": config.address,
        "join_address": config.join_address,
        "listen": config.listen,
        "listen_join": config.listen_join,
    });
    output::tell(arguments.json, &document, || {
        eprintln!("created consortium `{}` in {}", config.name, folder.path().display());
        eprintln!("certificate authority pin: {pin}");
        eprintln!("next: coordinator serve, then coordinator invite SITE");
    })
}

fn create(folder: &StateFolder, config: &Config) -> Result<Identity> {
    folder.create()?;
    let identity = Identity::create(folder, &config.name, SystemClock.now())?;
    Store::open(&folder.database())?;
    // The first line of the log of acts.
    let acts = Acts::open(folder)?;
    recorded(&acts, &Who::here(), &Act::of(Verb::Init), SystemClock.now(), || Ok(()))?;
    // Last: its presence says that the rest is complete.
    let path = folder.config();
    durable::write(&path, config.to_text()?.as_bytes(), durable::ORDINARY)
        .map_err(Error::io("write", &path))?;
    Ok(identity)
}

/// The first of several addresses, all of which must be some: its port is what `serve` listens on.
fn first(list: &str) -> Result<(&str, u16)> {
    certs::invitation::check_addresses(list)
        .map_err(|error| wrong(format!("{list} is not an address: {error}")))?;
    certs::invitation::addresses(list).next().map_or_else(|| Err(wrong(format!("{list} has no port"))), split)
}

/// The same hosts, each with the port after its own.
fn next_ports(list: &str) -> Result<String> {
    let next = |address| {
        let (host, port) = split(address)?;
        Ok(format!("{host}:{}", next_port(port)?))
    };
    Ok(certs::invitation::addresses(list).map(next).collect::<Result<Vec<_>>>()?.join(","))
}

fn split(address: &str) -> Result<(&str, u16)> {
    let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong(format!("{address} has no port")))?;
    Ok((host, port.parse().map_err(|_| wrong(format!("{address} has no port")))?))
}

fn next_port(port: u16) -> Result<u16> {
    port.checked_add(1).ok_or_else(|| wrong("there is no port after 65535; use --join-address".into()))
}

fn wrong(message: String) -> Error {
    Error::Argument { message, hint: "give HOST:PORT, for example coordinator.example.org:4600".into() }
}
