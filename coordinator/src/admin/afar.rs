//! Operators and auditors on other machines: whose certificate it is, and the way to `server`. Called by the
//! QUIC endpoint (`common::net::admin`) for each connection and each command. Invariants: a command is
//! authorised by certificate serial and key against the database, each time; one person has few in progress,
//! whatever becomes of the connection; a site's certificate gets
//! nothing here, and these nothing of a site's (`requests::handler`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use certs::{PeerCertificate, Role};
use common::id::Digest;
use common::net::admin::{AdminHandler, Reader, Writer};
use common::net::{CloseCode, Peer};
use tokio::io::AsyncWriteExt as _;

use super::message::Answer;
use super::server::Admin;
use crate::admin::acts::{Holder, Who};
use crate::blocking::blocking;
use crate::limits::COMMANDS_OF_ONE_MAX;

/// Lets them in.
pub struct Afar {
    admin: Arc<Admin>,
    running: Running,
}

/// How many commands of each are in progress.
#[derive(Debug, Clone, Default)]
struct Running(Arc<Mutex<BTreeMap<String, usize>>>);

/// A command in progress; it is over when this is dropped.
struct Begun {
    running: Running,
    who: String,
}

impl Running {
    fn begin(&self, who: String) -> Option<Begun> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(who.clone()).or_default();
        if *count >= COMMANDS_OF_ONE_MAX {
            return None;
        }
        *count += 1;
        Some(Begun { running: self.clone(), who })
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut all = self.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.who);
            }
        }
    }
}

impl AdminHandler for Afar {
    async fn admit(&self, peer: &Peer) -> Result<(), CloseCode> {
        let who = self.authorise(peer).await?;
        tracing::info!(who = who.name(), by = ?who.by(), address = %peer.address, "connected from afar");
        Ok(())
    }

    async fn converse(&self, peer: &Peer, reader: Reader, mut writer: Writer) {
        let Ok(who) = self.authorise(peer).await else {
            // As one that was refused at the door; the connection ends.
            super::holders::close_connection(&self.admin.admins, peer.connection);
            return;
        };
        let Some(_begun) = self.running.begin(who.name()) else {
            tracing::warn!(who = who.name(), "more commands at once than one may have in progress");
            let refused = Answer::Failed {
                message: format!(
                    "{COMMANDS_OF_ONE_MAX} commands of yours are in progress, as many as one may have"
                ),
                hint: Some("wait until one of them has ended".into()),
                user: true,
            };
            // Fails only where nobody listens any more.
            let _ = super::lines::write(&mut writer, &refused).await;
            let _ = writer.shutdown().await;
            return;
        };
        self.admin.converse(who, reader, &mut writer).await;
        // Fails only where nobody listens any more.
        let _ = writer.shutdown().await;
    }
}

impl Afar {
    /// To this server.
    pub fn new(admin: Arc<Admin>) -> Self {
        Self { admin, running: Running::default() }
    }

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
        let now = self.admin.clock.now();
        if !certificate.is_valid_at(now.into()) {
            return Err(CloseCode::Expired);
        }
        let (store, serial, key) = (Arc::clone(&self.admin.store), certificate.serial, certificate.key);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_few_commands_in_progress_and_another_as_many() {
        let running = Running::default();
        let mut begun: Vec<_> =
            (0..COMMANDS_OF_ONE_MAX).map(|_| running.begin("anna".into()).unwrap()).collect();
        assert!(running.begin("anna".into()).is_none());
        assert!(running.begin("otto".into()).is_some());
        begun.pop();
        begun.push(running.begin("anna".into()).unwrap());
        drop(begun);
        assert!(running.0.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
