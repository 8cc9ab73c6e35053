//! A site's next certificate, asked for over the present one. Called by `handler`. Invariants: the name is
//! the database's, never the request's; the same key gets the same certificate; the older one counts until
//! the site comes with the newer.

use std::sync::Arc;

use certs::{RequestedKey, SerialNumber};
use common::id::SiteId;
use common::net::server::Reply;
use common::wire::message::{Refusal, Response};

use super::handler::RequestHandler;
use crate::blocking::blocking;
use crate::error::Error;
use crate::limits::DAY_OVER_WAIT_MS_MIN;
use crate::store::StoreError;

impl RequestHandler {
    /// Certifies the key of this request for the site that came with the certificate `used`.
    pub(super) async fn renew(
        &self,
        site: &SiteId,
        used: SerialNumber,
        request_der: Vec<u8>,
    ) -> Result<Reply, Refusal> {
        let (store, issuer) = (Arc::clone(&self.store), Arc::clone(&self.issuer));
        let (name, now) = (site.clone(), self.clock.now());
        let work = move || {
            let key = RequestedKey::from_csr(&request_der)?;
            let renewed = store.renew(&name, used, key.pin(), now, || issuer.issue(&name, &key, now))?;
            common::crash_point!("renew-after-commit");
            Ok(renewed)
        };
        let renewed = match blocking(work).await {
            Ok(renewed) => renewed,
            Err(Error::Certificate(error)) => {
                tracing::warn!(%site, %error, "no certificate request");
                return Err(Refusal::BadRequest);
            }
            Err(Error::Store(error @ StoreError::KeyUsed)) => {
                tracing::warn!(%site, %error, "no new certificate");
                return Err(Refusal::Conflict);
            }
            Err(Error::Store(error @ StoreError::TooManyCertificates)) => {
                tracing::warn!(%site, %error, "no new certificate");
                return Ok(Response::Busy { retry_after_ms: DAY_OVER_WAIT_MS_MIN }.into());
            }
            Err(Error::Store(error @ StoreError::SiteRevoked(_))) => {
                tracing::warn!(%site, %error, "no new certificate");
                return Err(Refusal::NotAuthorised);
            }
            Err(Error::Store(StoreError::Full)) => return Err(Refusal::StorageFull),
            Err(error) => {
                tracing::error!(%site, %error, "a certificate could not be renewed");
                return Err(Refusal::Internal);
            }
        };
        if renewed.fresh {
            tracing::info!(%site, serial = %renewed.certificate.serial, "certificate renewed");
        }
        let payload = renewed.certificate.der;
        let length = u32::try_from(payload.len()).map_err(|_| Refusal::Internal)?;
        Ok(Reply { response: Response::Renewed { length }, payload })
    }
}
