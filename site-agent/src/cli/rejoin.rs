//! `site-agent rejoin`: back into the consortium under the same name and with the same ledger, after the
//! certificate ended or was lost at the coordinator. Run by `cli`. Invariants: the invitation must be for
//! this site, and the coordinator the one that it joined; nothing but key and certificate changes; the
//! request is in the ledger before it leaves.

use std::path::PathBuf;

use certs::SpkiPin;
use common::clock::{Clock as _, SystemClock};
use common::id::Digest;
use common::net::NetError;
use serde_json::json;

use super::certificate::Validity;
use super::join::{Known, ask, read_invitation};
use super::support::{Keyed, tell};
use super::{leave, table};
use crate::error::SiteError;
use crate::gateway::decisions::Decider;
use crate::gateway::identity::{Identity, Papers};
use crate::gateway::keys::sealing;
use crate::gateway::store::Store;
use crate::gateway::{memory, renewal};

const EXAMPLES: &str = "\
An agent that runs renews its certificate by itself, after two thirds of its life. This is for a site that was off
for too long, or that the coordinator no longer knows.

Examples:
  The operator:  coordinator invite cardiology --readmit
  The site, with the agent stopped; paste the line when you are asked:
    site-agent rejoin

Ledger, receipts, decisions, policy and data stay as they are. What the coordinator knew of the ledger begins anew
with the ledger as it is now.";

/// Enter the consortium again under the same name, with an invitation from its coordinator.
///
/// For a site whose certificate has ended. Reads the invitation from standard input, as `join` does, and gets
/// a certificate for a new key.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A file with the line that `coordinator invite` printed, which only you can read [default: standard
    /// input].
    #[arg(long, value_name = "FILE")]
    invitation_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: Keyed,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    leave::must_be_member(&folder)?;
    let identity = Identity::load(&folder.identity(), folder.passphrase())?;
    let mut store = Store::open(&folder.database())?;
    // Before the invitation is asked for: a running agent holds the ledger.
    let (mut ledger, _) = memory::open(&folder.ledger(), &store, &Decider::of(&folder)?)?;
    let invitation = read_invitation(arguments.invitation_file.as_deref())?;
    let site = &identity.coordinator.site;
    if invitation.site != site.as_str() {
        return Err(SiteError::Enrolment {
            sentence: format!("the invitation is not for {site}"),
            hint: format!("ask the operator for: coordinator invite {site} --readmit"),
        });
    }
    renewal::create_folder(&folder.identity())?;
    let mut renewal = identity.renewal(&folder, sealing(&folder))?;
    let request = renewal.request(SystemClock.system_time())?;
    let now = SystemClock.now();
    // A version before this one noted no keys: a run that goes on has the one that it was launched with.
    store.record_own_key(identity.own_key()?, now.0)?;
    store.record_own_key(request.pin(), now.0)?;
    let known = Known { peer: identity.peer()?, authority_der: Some(&identity.authority_der) };
    let membership = ask(&mut ledger, &invitation, request.der().to_vec(), known)
        .map_err(|failed| of_another(failed.error))?;
    // TLS has led the coordinator to the authority that this site goes by, and to the invitation's.
    let is_pinned = SpkiPin::of_certificate(&membership.authority).is_ok_and(|pin| pin == invitation.pin);
    let is_other = membership.authority != identity.authority_der;
    renewal.see(is_other.then_some(membership.authority).filter(|_| is_pinned));
    if Digest(membership.receipt_key) != identity.coordinator.receipt_key {
        return Err(SiteError::Enrolment {
            sentence: "the coordinator signs receipts with another key than before".into(),
            hint: "ask the operator why; a site that joins anew, in another state folder, takes the new key"
                .into(),
        });
    }
    renewal.take(&request, &membership.certificate, SystemClock.system_time())?;
    let validity = Validity::of(&Papers::load(&folder.identity())?.certificate_der)?;
    let until = table::utc(validity.until_ms);
    let document =
        json!({ "site": site, "certificate_expires": until, "coordinator": membership.run_address });
    tell(arguments.json, &document, || {
        println!("{site} is a member again; its certificate holds until {until}");
        if membership.run_address != identity.coordinator.address {
            println!("the coordinator says that its runs are at {}; see", membership.run_address);
            println!("site-agent set-address --help");
        }
    })
}

/// What is behind a coordinator whose certificate does not lead to the authority that this site knows.
fn of_another(error: SiteError) -> SiteError {
    match error {
        SiteError::Net(NetError::PeerCertificate { reason }) => SiteError::Enrolment {
            sentence: format!(
                "what answers there is not the coordinator of the consortium that this site joined: {reason}"
            ),
            hint: "check the invitation with the operator by another way; a site that was off for several \
                   changes of the authority joins anew, in another state folder"
                .into(),
        },
        other => other,
    }
}
