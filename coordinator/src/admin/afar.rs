//! Operators and auditors on other machines: whose certificate it is, and the way to `server`. Called by the
//! QUIC endpoint (`common::net::admin`) for each connection and each command. Invariants: a command is
//! authorised by certificate serial and key against the database, each time; a site's certificate gets
//! nothing here, and these nothing of a site's (`requests::handler`).

use std::sync::Arc;

use certs::{PeerCertificate, Role};
use common::id::Digest;
use common::net::admin::{AdminHandler, Reader, Writer};
use common::net::{CloseCode, Peer};
use tokio::io::AsyncWriteExt as _;

use super::server::Admin;
use crate::admin::acts::{Holder, Who};
use crate::blocking::blocking;

/// Lets them in.
pub struct Afar(pub Arc<Admin>);

impl AdminHandler for Afar {
    async fn admit(&self, peer: &Peer) -> Result<(), CloseCode> {
        let who = self.authorise(peer).await?;
        tracing::info!(who = who.name(), by = ?who.by(), address = %peer.address, "connected from afar");
        Ok(())
    }

    async fn converse(&self, peer: &Peer, reader: Reader, mut writer: Writer) {
        let Ok(who) = self.authorise(peer).await else {
            // As one that was refused at the door; the connection ends.
            super::holders::close_connection(&self.0.admins, peer.connection);
            return;
        };
        self.0.converse(who, reader, &mut writer).await;
        // Fails only where nobody listens any more.
        let _ = writer.shutdown().await;
    }
}

impl Afar {
    async fn authorise(&self, peer: &Peer) -> Result<Who, CloseCode> {
        let refused = |why: &str| {
            tracing::warn!(address = %peer.address, why, "nobody was let in from afar");
            CloseCode::NotAuthorised
        };
        let certificate =
            PeerCertificate::from_der(&peer.certificate_der).map_err(|_| refused("unreadable"))?;
        let (role, name) = certificate.member().map_err(|_| refused("no member's"))?;
        if role == Role::Site {
            return Err(refused("a site's certificate"));
        }
        let now = self.0.clock.now();
        if !certificate.is_valid_at(now.into()) {
            return Err(CloseCode::Expired);
        }
        let (store, serial, key) = (Arc::clone(&self.0.store), certificate.serial, certificate.key);
        let found = blocking(move || match store.authorise_holder(serial, key, now)? {
            Some(found) => Ok(Ok(found)),
            None => Ok(Err(store.was_holder(serial, key)?)),
        })
        .await
        .map_err(|_| CloseCode::TooMany)?;
        let (known, holder) = match found {
            Ok(found) => found,
            Err(true) => return Err(CloseCode::Revoked),
            Err(false) => return Err(refused("an unknown certificate")),
        };
        // The certificate and the database say the same of it, or it is none.
        if known != role || holder.as_str() != name {
            return Err(refused("another name or role than on record"));
        }
        let holder = Holder { name: holder, certificate: Digest::of(&peer.certificate_der) };
        Who::of(role, holder).ok_or_else(|| refused("a site's certificate"))
    }
}
