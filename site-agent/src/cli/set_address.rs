//! `site-agent set-address`: where the coordinator is, after it has moved. Run by `cli`. Invariant: only the
//! address changes; who answers there must still prove that it is the coordinator that this site joined.

use serde_json::json;

use super::leave;
use super::support::{State, tell};
use crate::error::SiteError;
use crate::gateway::connection::quic::QuicConnector;
use crate::gateway::identity::Identity;

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
    state: State,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    leave::must_be_member(&folder)?;
    let mut identity = Identity::load(&folder.identity())?;
    let list = arguments.addresses.join(",");
    certs::invitation::check_addresses(&list).map_err(|error| SiteError::Enrolment {
        sentence: format!("{list} cannot be used: {error}"),
        hint: "give HOST:PORT, for example coordinator.example.org:4600".into(),
    })?;
    let before = std::mem::replace(&mut identity.coordinator.address, list.clone());
    let reached = if arguments.offline { None } else { Some(knock(&identity)?) };
    if let Some(reached) = reached.filter(|_| !arguments.json) {
        println!("coordinator: reached at {reached}");
    }
    identity.coordinator.store(&folder.identity())?;
    let document = json!({ "address": list, "address_before": before, "reached": reached });
    tell(arguments.json, &document, || println!("address: {list} (before: {before})"))
}

fn knock(identity: &Identity) -> Result<std::net::SocketAddr, SiteError> {
    let mut connector = QuicConnector::new(identity)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(runtime.block_on(connector.knock())?.remote)
}
