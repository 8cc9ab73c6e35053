//! `site-agent set-address`: where the coordinator is, after it has moved. Run by `cli`. Invariant: only the
//! address changes; who answers there must still prove that it is the coordinator that this site joined.

use serde_json::json;

use super::leave;
use super::support::{Keyed, tell};
use crate::error::SiteError;
use crate::gateway::connection::quic::QuicConnector;
use crate::gateway::identity::{Coordinator, Identity};
use crate::paths::StateFolder;

const EXAMPLES: &str = "\
Examples:
  site-agent set-address coordinator.example.org:4600
  site-agent set-address coordinator.example.org:4600 10.20.0.5:4600

An agent that runs takes the new address when it connects the next time; it need not be started again.";

/// Say where the coordinator is, after it has moved.
///
/// Connects first, and writes the address only if the coordinator that this site joined answers there: its
/// certificate decides, not the address. Nothing is sent but the handshake.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where it is reached for runs (UDP); several are tried in this order.
    #[arg(value_name = "HOST:PORT", required = true, num_args = 1..)]
    addresses: Vec<String>,
    /// Write it without connecting. The certificate is checked at the first connection all the same.
    #[arg(long)]
    offline: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: Keyed,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    leave::must_be_member(&folder)?;
    let mut coordinator = Coordinator::load(&folder.identity())?;
    let list = arguments.addresses.join(",");
    certs::invitation::check_addresses(&list).map_err(|error| SiteError::Enrolment {
        sentence: format!("{list} cannot be used: {error}"),
        hint: "give HOST:PORT, for example coordinator.example.org:4600".into(),
    })?;
    let before = std::mem::replace(&mut coordinator.address, list.clone());
    let reached = if arguments.offline { None } else { Some(knock(&folder, &coordinator)?) };
    if let Some(reached) = reached.filter(|_| !arguments.json) {
        println!("coordinator: reached at {reached}");
    }
    coordinator.store(&folder.identity())?;
    // Where an agent runs, it looks here; another one is told when it starts.
    coordinator.publish(&folder.followed())?;
    let document = json!({ "address": list, "address_before": before, "reached": reached });
    tell(arguments.json, &document, || println!("address: {list} (before: {before})"))
}

fn knock(folder: &StateFolder, coordinator: &Coordinator) -> Result<std::net::SocketAddr, SiteError> {
    let identity = Identity::load(&folder.identity(), folder.passphrase())?;
    let mut connector = QuicConnector::new(&Identity { coordinator: coordinator.clone(), ..identity })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(runtime.block_on(connector.knock())?.remote)
}
