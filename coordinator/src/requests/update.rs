//! An update's way in: offer, chunks, commit, receipt. Called by `handler`. Invariant: the receipt is signed
//! and sent only after the file and the journal entry are durable; a repetition gets the same receipt.

use std::sync::Arc;

use common::id::{Digest, SiteId};
use common::net::server::Reply;
use common::wire::codec;
use common::wire::message::{Receipt, Refusal, Response, RoundKey};

use super::handler::RequestHandler;
use super::intake::Terms;
use super::rules;
use crate::blocking::{blocking, internal};
use crate::error::Error;
use crate::round::effect::Admission;
use crate::round::scheduler;
use crate::store::{FrameTotals, Offer};

impl RequestHandler {
    pub(super) async fn offer(
        &self,
        site: &SiteId,
        key: RoundKey,
        offer: Offer,
        totals: FrameTotals,
    ) -> Result<Reply, Refusal> {
        let state = self.runs.find(key.run).ok_or(Refusal::Unknown)?;
        match scheduler::admission(&state, key.round, site, offer.digest) {
            Admission::Known => return self.receipt(site, key, offer, totals).await,
            Admission::RoundClosed => return Err(Refusal::RoundClosed),
            Admission::Conflict => {
                // Submitted although the answer is known: the attempt belongs in the journal.
                internal(self.driver.submit(key.run, rules::stored(site, key, &offer)).await)?;
                return Err(Refusal::Conflict);
            }
            Admission::Welcome => {}
        }
        let (intake, store, who, now) =
            (self.intake.clone(), Arc::clone(&self.store), site.clone(), self.driver.now());
        let expected = state.launched.adapter_bytes;
        let next_offset = internal(
            blocking(move || {
                let next_offset = match intake.offer(&who, offer.digest, offer.bytes, expected) {
                    Ok(next_offset) => next_offset,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                if !store.put_offer(key.run, key.round, &who, &offer, now)? {
                    tracing::warn!(site = %who, round = %key.round, "the site offers one update after the other");
                    return Ok(Err(Refusal::BadRequest));
                }
                Ok(Ok(next_offset))
            })
            .await,
        )??;
        Ok(Response::Continue { next_offset }.into())
    }

    pub(super) async fn chunk(
        &self,
        site: &SiteId,
        digest: Digest,
        offset: u64,
        payload: Vec<u8>,
    ) -> Result<Reply, Refusal> {
        let (store, who) = (Arc::clone(&self.store), site.clone());
        let found = internal(blocking(move || Ok(store.offer_by_digest(&who, digest)?)).await)?;
        let (run, round, offer) = found.ok_or(Refusal::Unknown)?;
        // What was offered once is no way to fill the disk later.
        self.open_round(site, RoundKey { run, round })?;
        let (intake, who) = (self.intake.clone(), site.clone());
        let append = move || Ok(intake.chunk(&who, digest, offer.bytes, offset, &payload));
        let next_offset = internal(blocking(append).await)??;
        Ok(Response::Continue { next_offset }.into())
    }

    pub(super) async fn commit(
        &self,
        site: &SiteId,
        key: RoundKey,
        digest: Digest,
        totals: FrameTotals,
    ) -> Result<Reply, Refusal> {
        let (store, who) = (Arc::clone(&self.store), site.clone());
        let found = internal(blocking(move || Ok(store.offer(key.run, key.round, &who, digest)?)).await)?;
        let offer = found.ok_or(Refusal::Unknown)?;
        let state = self.runs.find(key.run).ok_or(Refusal::Unknown)?;
        match scheduler::admission(&state, key.round, site, digest) {
            Admission::Known => return self.receipt(site, key, offer, totals).await,
            Admission::RoundClosed => return Err(Refusal::RoundClosed),
            Admission::Conflict => return Err(Refusal::Conflict),
            Admission::Welcome => {}
        }
        let last = state.round(key.round).map_or(state.launched.initial, |record| record.from);
        let terms = Terms { manifest: state.launched.manifest, round: key.round, last };
        let (intake, who) = (self.intake.clone(), site.clone());
        let sealed = internal(blocking(move || Ok(intake.seal(&who, digest, offer.bytes, terms))).await)?;
        if let Some(next_offset) = sealed? {
            return Ok(Response::Continue { next_offset }.into());
        }
        rules::receipted(internal(self.driver.submit(key.run, rules::stored(site, key, &offer)).await)?)?;
        self.receipt(site, key, offer, totals).await
    }

    /// The receipt of an update that counts: the stored one, or one made now.
    async fn receipt(
        &self,
        site: &SiteId,
        key: RoundKey,
        offer: Offer,
        totals: FrameTotals,
    ) -> Result<Reply, Refusal> {
        let body = rules::receipt_body(site, key, &offer, &totals);
        let (store, who, key_pair) = (Arc::clone(&self.store), site.clone(), Arc::clone(&self.receipts));
        let receipt: Receipt = internal(
            blocking(move || {
                let signature = key_pair.sign(&body.signed_bytes())?;
                let broken = |error: codec::CodecError| Error::Internal(format!("receipt: {error}"));
                let fresh = codec::encode(&Receipt { body, signature }).map_err(broken)?;
                let standing = store.put_receipt(key.run, key.round, &who, offer.digest, &fresh)?;
                codec::decode(&standing).map_err(broken)
            })
            .await,
        )?;
        common::crash_point!("receipt-before-answer");
        Ok(Response::Receipt(receipt).into())
    }
}
