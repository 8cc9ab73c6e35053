//! Whether a site's ledger is the one it announced before, and whether we are older than what we signed:
//! asked at every `Hello` and at every receipt that is shown, and before every other request whether such a
//! question is open. Called by `handler`. Invariant: nothing is counted or done for a site whose ledger does
//! not fit, nor for anybody by a coordinator that was restored; what is wrong stands in our log and in
//! `coordinator sites`.

use std::sync::Arc;

use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::net::server::{Received, Reply};
use common::wire::message::{HASH_BYTES, LedgerHead, PROTOCOL_VERSION, Receipt, Refusal, Request, Response};

use super::handler::RequestHandler;
use crate::blocking::{blocking, internal};
use crate::error::Result;
use crate::store::{LedgerAnswer, Store};

/// What a request asks about the site's ledger.
pub(super) enum Asked {
    /// Another protocol than ours.
    OtherProtocol,
    Hello(LedgerHead),
    Proof {
        from: u64,
        ledger: LedgerHead,
        hashes: Vec<Digest>,
    },
    /// Nothing.
    Other,
}

impl Asked {
    pub(super) fn of(received: &Received) -> Self {
        match received.envelope.request {
            Request::Hello { protocol, .. } if protocol != PROTOCOL_VERSION => Self::OtherProtocol,
            Request::Hello { ledger, .. } => Self::Hello(ledger),
            Request::LedgerProof { from, ledger, .. } => {
                Self::Proof { from, ledger, hashes: hashes(&received.payload) }
            }
            _ => Self::Other,
        }
    }
}

/// The answer to a request that is about the ledger; `None` for another request, which may be answered.
/// Blocks.
pub(super) fn stands(
    store: &Store,
    site: &SiteId,
    asked: &Asked,
    now: Timestamp,
) -> Result<std::result::Result<Option<Response>, Refusal>> {
    if store.is_doubted()? {
        return Ok(Err(Refusal::Restored));
    }
    let (found, answer) = match asked {
        Asked::OtherProtocol => {
            return Ok(Err(Refusal::ProtocolVersion { supported: PROTOCOL_VERSION }));
        }
        Asked::Hello(ledger) => (ledger, store.announce_ledger(site, ledger, now)?),
        Asked::Proof { from, ledger, hashes } => {
            (ledger, store.prove_ledger(site, *from, ledger, hashes, now)?)
        }
        Asked::Other => {
            let is_open = store.ledger_question(site)?.is_some();
            return Ok(if is_open { Err(Refusal::LedgerChanged) } else { Ok(None) });
        }
    };
    Ok(match answer {
        LedgerAnswer::Taken => Ok(Some(Response::Welcome { protocol: PROTOCOL_VERSION })),
        LedgerAnswer::Prove { from } => Ok(Some(Response::ProveLedger { size: from })),
        LedgerAnswer::Refused => {
            let LedgerHead { size, root } = found;
            tracing::error!(
                %site, size, %root,
                "the site's ledger is not the one it announced before: `coordinator sites` says more"
            );
            Err(Refusal::LedgerChanged)
        }
    })
}

impl RequestHandler {
    /// A site shows the newest receipt that it has of us.
    pub(super) async fn shown(
        &self,
        site: &SiteId,
        receipt: &Receipt,
    ) -> std::result::Result<Reply, Refusal> {
        let body = receipt.body;
        let public_key = self.receipts.public_key().map_err(|_| Refusal::Internal)?;
        let is_ours = public_key.verify(&body.signed_bytes(), &receipt.signature).is_ok();
        if !is_ours || body.site != Digest::of(site.as_str().as_bytes()) {
            tracing::warn!(%site, "the site shows a receipt that is not ours, or not its own");
            return Err(Refusal::BadRequest);
        }
        let (store, who, now) = (Arc::clone(&self.store), site.clone(), self.clock.now());
        let is_accepted = self.accepts_restored;
        let remembers = move || Ok(store.remembers(&who, &body, is_accepted, now)?);
        if internal(blocking(remembers).await)? {
            return Ok(Response::Noted.into());
        }
        tracing::error!(
            %site, run = %body.key.run, round = %body.key.round,
            "the site shows a receipt that we signed and do not know: this coordinator was restored from an older \
             copy. No site gets an answer until it is started with `coordinator serve --accept-restored`"
        );
        Err(Refusal::Restored)
    }
}

fn hashes(payload: &[u8]) -> Vec<Digest> {
    let whole = payload.chunks_exact(HASH_BYTES);
    whole.filter_map(|hash| hash.try_into().ok().map(Digest)).collect()
}
