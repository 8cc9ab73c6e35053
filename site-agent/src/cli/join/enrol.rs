//! The site's key and the coordinator's answer to it. Called by `join`, and by
//! `rejoin`, which only asks. Invariants: the key is durable before
//! it is used; the answer is stored only when it is what the invitation promised.

use std::fs;

use certs::{CertError, IdentityKey, Invitation};
use common::clock::SystemClock;
use common::durable;
use common::id::{Digest, SiteId};
use common::net::NetError;
use common::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};
use common::wire::message::PROTOCOL_VERSION;
use zeroize::Zeroizing;

use crate::egress::{JoinEndpoint, release_join};
use crate::error::SiteError;
use crate::gateway::connection::quic::every_address;
use crate::gateway::identity::{Coordinator, Identity};
use crate::gateway::ledger::LedgerWriter;
use crate::paths::StateFolder;

/// Why there is no identity, and whether the coordinator may have signed our key all the same.
pub(in crate::cli) struct Failed {
    pub(in crate::cli) error: SiteError,
    pub(in crate::cli) keep_key: bool,
}

impl From<SiteError> for Failed {
    fn from(error: SiteError) -> Self {
        Self { error, keep_key: false }
    }
}

/// Gets a certificate and stores the identity. `run_host` is the host of the runs that the person agreed to,
/// besides the invitation's own.
pub(super) fn enrol(
    folder: &StateFolder,
    invitation: &Invitation,
    run_host: Option<&str>,
) -> Result<SiteId, Failed> {
    let site: SiteId = invitation.site.parse().map_err(|_| SiteError::Enrolment {
        sentence: "the invitation names no possible site".into(),
        hint: "give the whole line that `coordinator invite` printed".into(),
    })?;
    let key = own_key(folder)?;
    let internal = |error: CertError| SiteError::Internal(error.to_string());
    let (mut ledger, _) = LedgerWriter::open(&folder.ledger())?;
    let request = certs::csr::create(&key).map_err(internal)?;
    let peer = Digest(*invitation.pin.as_bytes());
    let membership = ask(&mut ledger, invitation, request, Known { peer, authority_der: None })?;
    // From here on our key is signed: the same invitation gives the same certificate again, and no other key
    // does.
    let signed = |error| Failed { error, keep_key: true };
    certs::tls::verify_enrolment(
        &membership.certificate,
        &membership.authority,
        invitation.pin,
        &invitation.site,
        &key,
        SystemClock.system_time(),
    )
    .map_err(|error| SiteError::Enrolment {
        sentence: format!("the coordinator's answer is refused: {error}"),
        hint: "check this machine's clock; if it is right, tell the coordinator's operator".into(),
    })
    .map_err(signed)?;
    agree(&membership.run_address, &invitation.address, run_host).map_err(signed)?;
    let coordinator = Coordinator {
        site: site.clone(),
        address: membership.run_address.clone(),
        receipt_key: Digest(membership.receipt_key),
    };
    Identity::store(&folder.identity(), &key, &membership.certificate, &membership.authority, &coordinator)
        .map_err(signed)?;
    Ok(site)
}

/// The key of an earlier attempt that may have been signed, or a new one. Durable before it is used.
fn own_key(folder: &StateFolder) -> Result<IdentityKey, SiteError> {
    let path = folder.identity().join("key.pem");
    let internal = |error: CertError| SiteError::Internal(error.to_string());
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(pem) => IdentityKey::from_pem(&pem).map_err(|error| SiteError::config(&path, error.to_string())),
        Err(_) => {
            let key = IdentityKey::generate().map_err(internal)?;
            durable::write(&path, key.to_pem().as_bytes(), durable::PRIVATE)
                .map_err(|source| SiteError::io(&path, source))?;
            Ok(key)
        }
    }
}

/// What a site knows of the consortium before it asks.
pub(in crate::cli) struct Known<'a> {
    /// Who receives the request, as the ledger names it.
    pub(in crate::cli) peer: Digest,
    /// The authority that it goes by: the coordinator must descend from it.
    pub(in crate::cli) authority_der: Option<&'a [u8]>,
}

/// Asks the coordinator of the invitation to certify the key of this request; the frame is in the ledger
/// first.
pub(in crate::cli) fn ask(
    ledger: &mut LedgerWriter,
    invitation: &Invitation,
    csr: Vec<u8>,
    known: Known<'_>,
) -> Result<Membership, Failed> {
    let internal = |error: CertError| SiteError::Internal(error.to_string());
    let request = JoinRequest {
        protocol: PROTOCOL_VERSION,
        token: *invitation.token.expose_bytes(),
        site: invitation.site.clone(),
        csr,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    let answer = runtime.block_on(async {
        let remotes = every_address(&invitation.address).await?;
        let tls = certs::tls::join_client(invitation.pin, known.authority_der).map_err(internal)?;
        release_join(ledger, &SystemClock, &known.peer, JoinEndpoint { remotes, tls }, &request).await
    });
    match answer {
        Ok(JoinResponse::Accepted(membership)) => Ok(membership),
        Ok(JoinResponse::Refused(refusal)) => {
            Err(Failed { error: refused(refusal), keep_key: refusal.is_retryable() })
        }
        // The request may have arrived and been answered: only the same key gets the same certificate.
        Err(error) => {
            let keep_key = matches!(error, SiteError::Net(NetError::Deadline { .. } | NetError::Lost { .. }));
            Err(Failed { error, keep_key })
        }
    }
}

/// Where the runs are is the coordinator's word. It may be another port of the invitation's host; another
/// host is the person's to agree to.
fn agree(run_address: &str, invited_to: &str, run_host: Option<&str>) -> Result<(), SiteError> {
    certs::invitation::check_addresses(run_address).map_err(|error| SiteError::Enrolment {
        sentence: format!(
            "the coordinator's answer is refused: the address of its runs cannot be used: {error}"
        ),
        hint: "tell the coordinator's operator: `address` in coordinator.toml is sent to the sites".into(),
    })?;
    let hosts = |list: &str| -> Vec<String> {
        let host = |address: &str| address.rsplit_once(':').map(|(host, _)| host.to_ascii_lowercase());
        certs::invitation::addresses(list).filter_map(host).collect()
    };
    let agreed: Vec<String> =
        run_host.into_iter().flat_map(|hosts| hosts.split(',')).map(str::to_ascii_lowercase).collect();
    let invited = hosts(invited_to);
    let mut others = hosts(run_address);
    others.retain(|host| !invited.contains(host) && !agreed.contains(host));
    if others.is_empty() {
        return Ok(());
    }
    let (run, invited) = (others.join(","), invited.join(","));
    Err(SiteError::Enrolment {
        sentence: format!(
            "the coordinator says that its runs are at {run}, but the invitation is for {invited}"
        ),
        hint: format!(
            "ask the operator whether that is so; if it is, repeat with the same invitation and --run-host {run}"
        ),
    })
}

fn refused(refusal: JoinRefusal) -> SiteError {
    let hint = match refusal {
        JoinRefusal::TokenUnknown => {
            "check that the whole line was copied, and that it comes from this consortium"
        }
        JoinRefusal::TokenExpired | JoinRefusal::TokenUsed => {
            "ask the coordinator's operator for a new invitation: coordinator invite SITE"
        }
        JoinRefusal::ProtocolVersion { .. } | JoinRefusal::RequestInvalid => {
            "install the same version at the site and at the coordinator"
        }
        JoinRefusal::Internal => {
            "try again with the same invitation; the coordinator's log says what happened"
        }
    };
    SiteError::Enrolment { sentence: refusal.to_string(), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_are_where_the_invitation_said_or_where_the_person_agreed() {
        agree("coordinator.example.org:4600", "Coordinator.example.org:4601", None).unwrap();
        agree("[::1]:1", "[::1]:2", None).unwrap();
        agree("10.0.0.9:1", "coordinator.example.org:4601", Some("10.0.0.9")).unwrap();
        agree("a.org:1,[::1]:1", "A.org:2,[::1]:2", None).unwrap();
        agree("a.org:1,b.org:1,c.org:1", "a.org:2", Some("b.org,c.org")).unwrap();
        agree("a.org:1,b.org:1", "a.org:2", None).unwrap_err();
        for (run, agreed) in [
            ("10.0.0.9:1", None),
            ("10.0.0.9:1", Some("10.0.0.8")),
            ("169.254.169.254:80", None),
            ("no address", Some("no address")),
            ("", None),
        ] {
            let error = agree(run, "coordinator.example.org:4601", agreed).unwrap_err();
            assert!(error.hint().is_some(), "{run}");
        }
    }
}
