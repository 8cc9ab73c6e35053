//! Who keeps the coordinator's own keys in a process that runs for years: its certificate is renewed, and an
//! authority is followed by another. Run by `server` beside its endpoints; `admin::server` gives it orders.
//! Invariants: one after the other; the certificate is renewed when a third of its life is left, as at every
//! start; live connections keep the one that they were made with, and end where it changed which authorities
//! sign or are taken, or where ours was revoked; whatever became of an order, what is on the disk is what is
//! used.

use std::sync::Arc;
use std::time::Duration;

use certs::{Lineage, TlsIdentity, tls};
use common::clock::{Clock, Timestamp};
use common::net::join::JoinServer;
use common::net::server::Server;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::issuer::Issuer;
use super::lists::Lists;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::limits::{AUTHORITY_OVERLAP_MS_MAX, KEY_LOOK_MS_MIN, KEY_ORDERS_MAX, OWN_CERTIFICATE_LOOK_MS_MAX};
use crate::state_folder::identity::{self, Identity};
use crate::state_folder::{StateFolder, authority, revocations};
use crate::store::Store;

/// What an operator wants of the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// A new authority signs from now on; what the present one signed is taken for so long.
    Roll {
        /// In milliseconds.
        overlap_ms: u64,
    },
    /// Nothing that an earlier authority signed is taken any more.
    Retire,
    /// The certificate that we show counts no more; we make another, with a new key.
    ReplaceServer,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The pin of the present authority.
    pub pin: String,
    /// Of `Roll`: until when the one before is taken.
    pub taken_until: Option<Timestamp>,
    /// Of `Roll`: invitations that were open and are void. Of `Retire`: authorities that are taken no more.
    /// Of `ReplaceServer`: 1.
    pub ended: usize,
}

type Waiting = (Order, oneshot::Sender<Result<Done>>);

/// Where orders come out.
pub type Orders = mpsc::Receiver<Waiting>;

/// Gives orders to the keeper.
#[derive(Debug, Clone)]
pub struct KeeperHandle(mpsc::Sender<Waiting>);

impl KeeperHandle {
    /// Has an order carried out and waits for what became of it.
    ///
    /// # Errors
    /// That of the order; nobody keeps the keys any more.
    pub async fn order(&self, order: Order) -> Result<Done> {
        let gone = || Error::Internal("the coordinator is stopping".into());
        let (answer, done) = oneshot::channel();
        self.0.send((order, answer)).await.map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

/// A handle, and where its orders come out.
pub fn channel() -> (KeeperHandle, Orders) {
    let (sender, receiver) = mpsc::channel(KEY_ORDERS_MAX);
    (KeeperHandle(sender), receiver)
}

/// What is needed to keep the keys.
pub struct Keeper<'a> {
    /// Where they are.
    pub folder: StateFolder,
    /// Whose open invitations name the authority of the time before.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The endpoint of members.
    pub server: &'a Server,
    /// The endpoint of who joins.
    pub join_server: &'a JoinServer,
    /// Who signs.
    pub issuer: Arc<Issuer>,
    /// What counts no more.
    pub lists: Arc<Lists>,
    /// What the endpoints have now.
    pub used: Used,
    /// What a look that failed has left to do.
    pub owed: Owed,
}

/// What is still to be done of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owed {
    /// Looks that failed, one after the other.
    failures: u32,
    /// To begin all connections anew after one that did not.
    reopening: bool,
}

/// What endpoints show and take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    certificate_der: Vec<u8>,
    lineage: Lineage,
}

impl Used {
    /// Of endpoints with this identity.
    pub fn of(server: &TlsIdentity, lineage: &Lineage) -> Self {
        Self { certificate_der: server.certificate_der().to_vec(), lineage: lineage.clone() }
    }
}

impl Keeper<'_> {
    /// Looks once a day, and carries out orders, for as long as it is polled.
    pub async fn keep(mut self, mut orders: Orders) {
        loop {
            let look = tokio::time::sleep(Duration::from_millis(self.pause_ms()));
            tokio::select! {
                () = look => {
                    if let Err(error) = self.settle().await {
                        tracing::error!(%error, "our own certificate could not be renewed");
                    }
                }
                Some((order, answer)) = orders.recv() => {
                    // Who gave it may be gone; it is done all the same.
                    let _ = answer.send(self.carry_out(order).await);
                }
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<Done> {
        let (folder, store, now) = (self.folder.clone(), Arc::clone(&self.store), self.clock.now());
        let done = blocking(move || change(&folder, &store, order, now)).await;
        // Also after a failure: the certificate may be revoked already, though the rest was not done.
        self.owed.reopening |= order == Order::ReplaceServer;
        // Also after a failure: the authority may have changed before it.
        self.settle().await?;
        done
    }

    /// Looks, and does what is owed then. What fails is tried again.
    async fn settle(&mut self) -> Result<()> {
        let looked = self.look().await;
        if !matches!(looked, Ok(true)) {
            self.owed.failures = self.owed.failures.saturating_add(1);
            return looked.map(|_| ());
        }
        let Owed { reopening, .. } = std::mem::take(&mut self.owed);
        if reopening {
            // Sites come again, find the new certificate and take the list.
            let closed = self.server.connections().reopen_all() + self.server.admins().reopen_all();
            tracing::warn!(closed, "our own certificate was revoked; all connections begin anew");
        }
        Ok(())
    }

    /// How long until the next look: a day, or until an earlier authority is taken no more; after looks that
    /// failed a second, two, four and so on, for each opens every key.
    fn pause_ms(&self) -> u64 {
        if let Some(before) = self.owed.failures.checked_sub(1) {
            return (KEY_LOOK_MS_MIN << before.min(12)).min(OWN_CERTIFICATE_LOOK_MS_MAX);
        }
        let now = self.clock.now();
        let end = authority::next_end(&self.folder, now).ok().flatten();
        let left = end.map_or(OWN_CERTIFICATE_LOOK_MS_MAX, |end| end.since_ms(now));
        left.clamp(KEY_LOOK_MS_MIN, OWN_CERTIFICATE_LOOK_MS_MAX)
    }

    /// Uses what is on the disk now, if it is not what is in use. Returns whether a revocation list is signed
    /// that says so.
    async fn look(&mut self) -> Result<bool> {
        let (folder, now) = (self.folder.clone(), self.clock.now());
        let load = move || authority::finish(&folder).and_then(|()| Identity::load(&folder, now));
        let identity = blocking(load).await?;
        self.use_of(identity)?;
        // After it: another authority signs the list, too.
        let (lists, now) = (Arc::clone(&self.lists), self.clock.now());
        blocking(move || Ok(lists.look(now))).await
    }

    /// Has the endpoints show and take this, if it is not what they have.
    fn use_of(&mut self, identity: Identity) -> Result<()> {
        let found = Used::of(&identity.server, &identity.lineage);
        if found == self.used {
            return Ok(());
        }
        let unusable = |error: common::net::NetError| Error::Internal(error.to_string());
        let run = tls::run_server(&identity.server, &identity.lineage)?;
        let join = tls::join_server(&identity.server, &identity.lineage)?;
        self.server.replace_tls(run).map_err(unusable)?;
        self.join_server.replace_tls(join).map_err(unusable)?;
        let pin = identity.authority.pin();
        self.issuer.follow(identity.authority);
        if found.lineage != self.used.lineage {
            // Who has a certificate that is taken no more is out; the others see what leads to the next one.
            let closed = self.server.connections().reopen_all() + self.server.admins().reopen_all();
            tracing::warn!(%pin, closed, "other authorities sign or are taken; all connections begin anew");
        }
        self.used = found;
        tracing::info!("our own certificate or what it rests on has changed; new connections see it");
        Ok(())
    }
}

/// Carries out the part of an order that is on the disk: all of it where no `serve` runs.
///
/// # Errors
/// The overlap is longer than a certificate may live; the authority's files or the database cannot be read or
/// written; an authority is still taken that would be forgotten.
pub fn change(folder: &StateFolder, store: &Store, order: Order, now: Timestamp) -> Result<Done> {
    match order {
        Order::Roll { overlap_ms } if overlap_ms > AUTHORITY_OVERLAP_MS_MAX => Err(Error::Argument {
            message: "certificates of an earlier authority are taken for at most 397d".into(),
            hint: "give a shorter --overlap: no certificate of a site lives longer".into(),
        }),
        Order::Roll { overlap_ms } => {
            let taken_until = now.plus_ms(overlap_ms);
            let next = authority::roll(folder, now, taken_until)?;
            // They name the key of the time before.
            let ended = store.withdraw_all(now)? + store.withdraw_holders(now)?;
            Ok(Done { pin: next.pin().to_string(), taken_until: Some(taken_until), ended })
        }
        Order::Retire => {
            let ended = authority::retire(folder, now)?;
            Ok(Done { pin: authority::pin(folder)?.to_string(), taken_until: None, ended })
        }
        Order::ReplaceServer => {
            authority::finish(folder)?;
            revocations::revoke_server(folder, &identity::load_server(folder)?, now)?;
            // It is listed: loading makes another.
            Identity::load(folder, now)?;
            Ok(Done { pin: authority::pin(folder)?.to_string(), taken_until: None, ended: 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use certs::JoinToken;
    use common::clock::ManualClock;
    use common::net::EndpointKeys;

    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const START: Timestamp = Timestamp(1_800_000_000_000);

    /// A keeper of a new consortium; nothing in it runs yet.
    struct Kept {
        _root: tempfile::TempDir,
        folder: StateFolder,
        store: Arc<Store>,
        server: Server,
        join_server: JoinServer,
        issuer: Arc<Issuer>,
        used: Used,
    }

    impl Kept {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let folder = StateFolder::at(&root.path().join("state"));
            folder.create().unwrap();
            let identity = Identity::create(&folder, "test", START).unwrap();
            let local = "127.0.0.1:0".parse().unwrap();
            let run = tls::run_server(&identity.server, &identity.lineage).unwrap();
            let join = tls::join_server(&identity.server, &identity.lineage).unwrap();
            Self {
                store: Arc::new(Store::open(&folder.database()).unwrap()),
                server: Server::bind(local, run, EndpointKeys::from_bytes([1; 32])).unwrap(),
                join_server: JoinServer::bind(local, join, EndpointKeys::from_bytes([1; 32])).unwrap(),
                used: Used::of(&identity.server, &identity.lineage),
                issuer: Arc::new(Issuer::new(identity.authority, Duration::from_millis(30 * DAY_MS))),
                folder,
                _root: root,
            }
        }

        fn keeper(&self) -> Keeper<'_> {
            Keeper {
                folder: self.folder.clone(),
                store: Arc::clone(&self.store),
                clock: Arc::new(ManualClock::at(START)),
                server: &self.server,
                join_server: &self.join_server,
                issuer: Arc::clone(&self.issuer),
                lists: Arc::new(Lists::new(&self.folder, &self.store, &self.issuer)),
                used: self.used.clone(),
                owed: Owed::default(),
            }
        }
    }

    #[tokio::test]
    async fn the_certificate_is_replaced_when_a_third_of_its_life_is_left_and_when_it_begins_in_the_future() {
        let kept = Kept::new();
        let mut keeper = kept.keeper();
        let at = |days: u64| Timestamp(START.0 + days * DAY_MS);
        let first = keeper.used.clone();
        for (days, is_same, why) in [
            (200, true, "it is young"),
            (250, false, "a third of its life is left"),
            (251, true, "it is new"),
            (100, false, "the clock had been wrong"),
        ] {
            let before = keeper.used.clone();
            keeper.clock = Arc::new(ManualClock::at(at(days)));
            keeper.look().await.unwrap();
            assert_eq!(keeper.used == before, is_same, "{why}");
        }
        assert_eq!(keeper.used.lineage, first.lineage, "no authority changed");
    }

    #[tokio::test]
    async fn what_a_failed_look_leaves_is_done_later() {
        let kept = Kept::new();
        let mut keeper = kept.keeper();
        assert!(keeper.pause_ms() > KEY_LOOK_MS_MIN);
        let away = kept.folder.path().join("away");
        std::fs::rename(kept.folder.ca(), &away).unwrap();
        keeper.carry_out(Order::ReplaceServer).await.unwrap_err();
        assert_eq!((keeper.pause_ms(), keeper.owed.reopening), (KEY_LOOK_MS_MIN, true));
        keeper.settle().await.unwrap_err();
        assert_eq!(keeper.pause_ms(), 2 * KEY_LOOK_MS_MIN);
        keeper.owed.failures = u32::MAX;
        assert_eq!(keeper.pause_ms(), KEY_LOOK_MS_MIN << 12);
        std::fs::rename(&away, kept.folder.ca()).unwrap();
        // The key is there again, and no list can be signed: connections that began anew now would find none.
        let servers = kept.folder.ca().join("revoked-server.json");
        std::fs::write(&servers, "no").unwrap();
        keeper.settle().await.unwrap_err();
        assert!(keeper.owed.reopening);
        std::fs::remove_file(&servers).unwrap();
        keeper.settle().await.unwrap();
        assert_eq!(keeper.owed, Owed::default());
        assert!(keeper.pause_ms() > KEY_LOOK_MS_MIN);
    }

    #[tokio::test]
    async fn an_order_to_roll_changes_who_signs_and_makes_open_invitations_void() {
        let kept = Kept::new();
        let site = "cardiology".parse().unwrap();
        let token = JoinToken::from_bytes([7; 32]).hash();
        kept.store.invite(&site, &token, START.plus_ms(DAY_MS), START).unwrap();
        let anna = "anna".parse().unwrap();
        kept.store.invite_holder(certs::Role::Auditor, &anna, &token, START.plus_ms(DAY_MS), START).unwrap();
        let (handle, orders) = channel();
        let first = kept.issuer.authority().pin();
        let keeping = kept.keeper().keep(orders);
        let ordering = async {
            let done = handle.order(Order::Roll { overlap_ms: 30 * DAY_MS }).await.unwrap();
            assert_eq!((done.ended, done.taken_until), (2, Some(START.plus_ms(30 * DAY_MS))));
            assert_ne!(done.pin, first.to_string());
            assert_eq!(kept.issuer.authority().pin().to_string(), done.pin);
            let long = handle.order(Order::Roll { overlap_ms: AUTHORITY_OVERLAP_MS_MAX + 1 }).await;
            assert!(matches!(long, Err(Error::Argument { .. })), "{long:?}");
            assert!(kept.store.invitations().unwrap().is_empty());
            let before = identity::load_server(&kept.folder).unwrap().peer().unwrap();
            assert_eq!(handle.order(Order::ReplaceServer).await.unwrap().ended, 1);
            let list = revocations::read(&kept.folder).unwrap().unwrap();
            let list =
                certs::RevocationList::verify(&list, kept.issuer.authority().certificate_der()).unwrap();
            assert!(list.has_serial(before.serial) && list.has_key(before.key));
            let after = identity::load_server(&kept.folder).unwrap().peer().unwrap();
            assert!(!list.has_serial(after.serial));
            let retired = handle.order(Order::Retire).await.unwrap();
            assert_eq!((retired.ended, retired.pin), (1, done.pin));
            assert_eq!(handle.order(Order::Retire).await.unwrap().ended, 0);
        };
        tokio::select! { () = keeping => {}, () = ordering => {} }
    }
}
