//! Which operator launched a run: the certificate and the signature in its terms. Used by `gateway::consent`
//! (terms with a signature that does not hold are none), by the gateway's connection (whether the consortium
//! vouches for the certificate, when the site first hears of a run), by `operators` and by what shows a run
//! to a person. Invariant: a name is shown only with a signature of its key that holds.

use std::time::SystemTime;

use common::id::{Digest, SiteId};
use common::run::SignedManifest;

/// The operator whose hand launched a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// The name in their certificate.
    pub name: SiteId,
    /// SHA-256 of their public key, as `coordinator context list --json` prints it.
    pub key: Digest,
}

/// Who signed the terms beside the coordinator; nobody where the run was launched on its own machine.
///
/// # Errors
/// There is a signature, and it does not hold.
pub fn launcher(signed: &SignedManifest) -> Result<Option<Launcher>, String> {
    let Some(launched_by) = &signed.launched_by else { return Ok(None) };
    let statement = signed.manifest.launch_statement().map_err(|error| error.to_string())?;
    let found = certs::launch::signed_by(&launched_by.certificate_der, &statement, &launched_by.signature)
        .map_err(|error| error.to_string())?;
    let (_, name) = found.member().map_err(|error| error.to_string())?;
    let name = name.parse().map_err(|_| "its operator has a name that nobody can have".to_owned())?;
    Ok(Some(Launcher { name, key: Digest(*found.key.as_bytes()) }))
}

/// Whether this authority signed the certificate of whoever launched a run, and it is valid at `now`. True
/// where nobody signed but the coordinator.
#[must_use]
pub fn is_vouched_for(signed: &SignedManifest, authority_der: &[u8], now: SystemTime) -> bool {
    signed.launched_by.as_ref().is_none_or(|launched_by| {
        certs::tls::vouches(authority_der, &launched_by.certificate_der, now).unwrap_or(false)
    })
}
