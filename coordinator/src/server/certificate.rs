//! The coordinator's own certificate in a process that runs for years. Run by `server` beside its endpoints.
//! Invariants: it is renewed when a third of its life is left, as at every start; live connections keep the
//! one that they were made with; a failure changes nothing and is tried again.

use std::time::Duration;

use certs::tls;
use common::clock::Clock;
use common::net::join::JoinServer;
use common::net::server::Server;

use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::limits::OWN_CERTIFICATE_LOOK_MS_MAX;
use crate::state_folder::StateFolder;
use crate::state_folder::identity::Identity;

/// Looks once a day, for as long as it is polled. `used` is the certificate that the endpoints have.
pub(super) async fn keep_renewed(
    folder: &StateFolder,
    clock: &dyn Clock,
    server: &Server,
    join_server: &JoinServer,
    mut used: Vec<u8>,
) {
    loop {
        tokio::time::sleep(Duration::from_millis(OWN_CERTIFICATE_LOOK_MS_MAX)).await;
        match renewed(folder, clock, server, join_server, &used).await {
            Ok(certificate) => used = certificate,
            Err(error) => tracing::error!(%error, "our own certificate could not be renewed"),
        }
    }
}

/// Uses the certificate that is there now, if it is not the one in use. Returns it.
async fn renewed(
    folder: &StateFolder,
    clock: &dyn Clock,
    server: &Server,
    join_server: &JoinServer,
    used: &[u8],
) -> Result<Vec<u8>> {
    let identity = load(folder, clock).await?;
    let certificate = identity.server.certificate_der().to_vec();
    if used == certificate {
        return Ok(certificate);
    }
    let ca = identity.authority.certificate_der();
    let unusable = |error: common::net::NetError| Error::Internal(error.to_string());
    server.replace_tls(tls::run_server(&identity.server, ca)?).map_err(unusable)?;
    join_server.replace_tls(tls::join_server(&identity.server, ca)?).map_err(unusable)?;
    tracing::info!("our own certificate was renewed; new connections see the new one");
    Ok(certificate)
}

async fn load(folder: &StateFolder, clock: &dyn Clock) -> Result<Identity> {
    let (folder, now) = (folder.clone(), clock.now());
    blocking(move || Identity::load(&folder, now)).await
}

#[cfg(test)]
mod tests {
    use common::clock::{ManualClock, Timestamp};
    use common::net::EndpointKeys;

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    #[tokio::test]
    async fn it_is_replaced_when_a_third_of_its_life_is_left_and_when_it_begins_in_the_future() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&root.path().join("state"));
        folder.create().unwrap();
        let start = Timestamp(1_800_000_000_000);
        let identity = Identity::create(&folder, "test", start).unwrap();
        let ca = identity.authority.certificate_der();
        let local = "127.0.0.1:0".parse().unwrap();
        let (run, join) =
            (tls::run_server(&identity.server, ca).unwrap(), tls::join_server(&identity.server, ca).unwrap());
        let server = Server::bind(local, run, EndpointKeys::from_bytes([1; 32])).unwrap();
        let join_server = JoinServer::bind(local, join, EndpointKeys::from_bytes([1; 32])).unwrap();
        let first = identity.server.certificate_der();
        let at = |days: u64| ManualClock::at(Timestamp(start.0 + days * DAY_MS));
        let young = renewed(&folder, &at(200), &server, &join_server, first).await.unwrap();
        assert_eq!(young, first);
        let old = renewed(&folder, &at(250), &server, &join_server, first).await.unwrap();
        assert_ne!(old, first, "a third of its life is left");
        let again = renewed(&folder, &at(251), &server, &join_server, &old).await.unwrap();
        assert_eq!(again, old);
        // The clock had been wrong.
        let right = renewed(&folder, &at(100), &server, &join_server, &old).await.unwrap();
        assert_ne!(right, old);
    }
}
