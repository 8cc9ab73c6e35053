//! A site's request, from its frame to its answer. The order of the steps is that of `requests::handler` and
//! `requests::update`; what is decided in them is theirs (`rules`, `place`, `admission`, the database).

use common::id::{Digest, SiteId};
use common::ledger::Kind;
use common::wire::frame;
use common::wire::message::{Envelope, Receipt, Refusal, Request, Response, RoundKey};
use coordinator::requests::intake;
use coordinator::requests::rules;
use coordinator::round::effect::Admission;
use coordinator::round::scheduler;
use coordinator::store::{Offer, ReceivedFrame};

use super::{Coordinator, members};
use crate::context::{Asker, Context, Happening, Packet, Waiter};
use crate::mutant::Mutant;
use crate::network;
use crate::update;

impl Coordinator {
    /// A request has arrived.
    pub(crate) fn receive(&mut self, context: &mut Context, packet: Packet) {
        if !self.is_up() {
            return;
        }
        let Packet { asker, frame: bytes, payload } = packet;
        let site = context.plan.sites[asker.site].clone();
        let body = &bytes[frame::PREFIX_BYTES..];
        let envelope: Envelope = frame::from_body(body).unwrap();
        let received = ReceivedFrame {
            sequence: envelope.sequence,
            kind: Kind::of(&envelope.request).word(),
            bytes: (bytes.len() + payload.len()) as u64,
            sha256: Digest::of(&bytes),
        };
        let (serial, key) = members::identity(&site);
        let now = self.wall(context);
        let Some(up) = &mut self.up else { return };
        if up.store.authorise(serial, key).unwrap().is_none() && context.mutant != Mutant::AsksNobody {
            return self.answer(context, asker, Err(Refusal::NotAuthorised));
        }
        // Each frame is counted in reality; here what makes a member seen and gives a receipt its totals.
        let is_counted = up.seen.insert(asker.site) || matches!(envelope.request, Request::Commit { .. });
        if is_counted && up.store.record_frame(&site, &received, now).unwrap().is_err() {
            return self.answer(context, asker, Err(Refusal::BadRequest));
        }
        context.truth.admitted(asker.site);
        context.trace((asker, body));
        let answered = self.answered(context, asker, &site, envelope.request, payload);
        match answered {
            Ok(Some(response)) => self.answer(context, asker, Ok(response)),
            Ok(None) => {}
            Err(refusal) => self.answer(context, asker, Err(refusal)),
        }
    }

    /// The answer, unless it comes later.
    fn answered(
        &mut self,
        context: &mut Context,
        asker: Asker,
        site: &SiteId,
        request: Request,
        payload: Vec<u8>,
    ) -> Result<Option<Response>, Refusal> {
        match request {
            Request::Poll { wait_ms } => Ok(self.poll(context, asker, site, wait_ms)),
            Request::Fetch { digest, .. } => self.fetch(context, asker, site, digest).map(|()| None),
            Request::Ready { key, base_fingerprint, records } => {
                let event =
                    rules::ready(self.find(key.run).as_deref(), site, key, base_fingerprint, records)?;
                self.submit(context, key.run, event, Waiter::Noted(asker));
                Ok(None)
            }
            Request::Offer { key, digest, bytes, records, tokens, loss } => {
                let offer = rules::offer(digest, bytes, records, tokens, loss)?;
                self.offer(context, asker, site, key, offer)
            }
            Request::Chunk { digest, offset, .. } => self.chunk(site, digest, offset, &payload).map(Some),
            Request::Commit { key, digest } => self.commit(context, asker, site, key, digest),
            Request::Decide { run, manifest, decision } => {
                let state = self.find(run).ok_or(Refusal::Unknown)?;
                let event = rules::decided(&state, site, manifest, decision)?;
                self.submit(context, run, event, Waiter::Noted(asker));
                Ok(None)
            }
            Request::Failed { key, reason } => {
                let event = rules::failed(self.find(key.run).as_deref(), site, key, reason)?;
                self.submit(context, key.run, event, Waiter::Noted(asker));
                Ok(None)
            }
            _ => Err(Refusal::BadRequest),
        }
    }

    fn poll(&mut self, context: &mut Context, asker: Asker, site: &SiteId, wait_ms: u32) -> Option<Response> {
        if let Some(work) = self.work(context, site) {
            return Some(Response::Work(work));
        }
        let life = self.life;
        self.up.as_mut()?.polls.push((asker, site.clone()));
        context.after(u64::from(wait_ms), Happening::PollEnds { life, asker });
        None
    }

    fn fetch(
        &mut self,
        context: &mut Context,
        asker: Asker,
        site: &SiteId,
        digest: Digest,
    ) -> Result<(), Refusal> {
        let all = self.up.as_ref().map(|up| up.runs.all()).unwrap_or_default();
        let now = self.now(context);
        if !all.iter().any(|state| rules::may_fetch(state, site, digest, now)) {
            return Err(Refusal::Unknown);
        }
        let payload = self.disk.blobs.get(&digest).cloned().ok_or(Refusal::Unknown)?;
        let length = u32::try_from(payload.len()).unwrap();
        let response = Response::Blob { offset: 0, length, total: payload.len() as u64 };
        respond(context, asker, &response, payload);
        Ok(())
    }

    fn offer(
        &mut self,
        context: &mut Context,
        asker: Asker,
        site: &SiteId,
        key: RoundKey,
        offer: Offer,
    ) -> Result<Option<Response>, Refusal> {
        let state = self.find(key.run).ok_or(Refusal::Unknown)?;
        match scheduler::admission(&state, key.round, site, offer.digest) {
            Admission::Known => {
                self.receipt(context, asker, key, offer);
                return Ok(None);
            }
            Admission::RoundClosed => return Err(Refusal::RoundClosed),
            Admission::Conflict => {
                let waiter = Waiter::Refused { asker, refusal: Refusal::Conflict };
                self.submit(context, key.run, rules::stored(site, key, &offer), waiter);
                return Ok(None);
            }
            Admission::Welcome => {}
        }
        if offer.bytes == 0 || offer.bytes > state.launched.adapter_bytes {
            return Err(Refusal::UpdateInvalid);
        }
        let now = self.now(context);
        let part = self.disk.parts.get(&(site.clone(), offer.digest));
        let next_offset = part.map_or(0, |part| part.bytes.len() as u64);
        if self.disk.is_full {
            return Err(Refusal::StorageFull);
        }
        let store = &self.up.as_ref().ok_or(Refusal::Internal)?.store;
        if !store.put_offer(key.run, key.round, site, &offer, now).unwrap() {
            return Err(Refusal::BadRequest);
        }
        Ok(Some(Response::Continue { next_offset }))
    }

    fn chunk(
        &mut self,
        site: &SiteId,
        digest: Digest,
        offset: u64,
        payload: &[u8],
    ) -> Result<Response, Refusal> {
        let store = &self.up.as_ref().ok_or(Refusal::Internal)?.store;
        let (run, round, offer) = store.offer_by_digest(site, digest).unwrap().ok_or(Refusal::Unknown)?;
        rules::open_round(self.find(run).as_deref(), site, RoundKey { run, round })?;
        let part = (site.clone(), digest);
        let have = self.disk.parts.get(&part).map_or(0, |part| part.bytes.len() as u64);
        let Some(next) = intake::place(have, offer.bytes, offset, payload.len() as u64)? else {
            return Ok(Response::Continue { next_offset: have });
        };
        self.disk.append(part, payload, next == offer.bytes).map_err(|()| Refusal::StorageFull)?;
        Ok(Response::Continue { next_offset: next })
    }

    fn commit(
        &mut self,
        context: &mut Context,
        asker: Asker,
        site: &SiteId,
        key: RoundKey,
        digest: Digest,
    ) -> Result<Option<Response>, Refusal> {
        let store = &self.up.as_ref().ok_or(Refusal::Internal)?.store;
        let offer = store.offer(key.run, key.round, site, digest).unwrap().ok_or(Refusal::Unknown)?;
        let state = self.find(key.run).ok_or(Refusal::Unknown)?;
        match scheduler::admission(&state, key.round, site, digest) {
            Admission::Known => {
                self.receipt(context, asker, key, offer);
                return Ok(None);
            }
            Admission::RoundClosed => return Err(Refusal::RoundClosed),
            Admission::Conflict => return Err(Refusal::Conflict),
            Admission::Welcome => {}
        }
        if let Some(next_offset) = self.seal(site, offer, context.plan.sites.len())? {
            return Ok(Some(Response::Continue { next_offset }));
        }
        self.submit(
            context,
            key.run,
            rules::stored(site, key, &offer),
            Waiter::Receipt { asker, key, offer },
        );
        Ok(None)
    }

    /// A complete upload becomes a durable file under its digest; `Some` if bytes are missing.
    fn seal(&mut self, site: &SiteId, offer: Offer, sites: usize) -> Result<Option<u64>, Refusal> {
        let part = (site.clone(), offer.digest);
        let have = self.disk.parts.get(&part).map_or(0, |part| part.bytes.len() as u64);
        if have < offer.bytes {
            return Ok(Some(have));
        }
        if self.disk.is_full {
            return Err(Refusal::StorageFull);
        }
        let part = self.disk.parts.remove(&part).unwrap_or_default();
        if Digest::of(&part.bytes) != offer.digest {
            return Err(Refusal::DigestMismatch);
        }
        if update::elements(&part.bytes).len() != sites + 1 {
            return Err(Refusal::UpdateInvalid);
        }
        self.disk.blobs.insert(offer.digest, part.bytes);
        Ok(None)
    }

    /// The receipt of an update that counts: the stored one, or one made now. Its signature is not
    /// simulated.
    pub(super) fn receipt(&mut self, context: &mut Context, asker: Asker, key: RoundKey, offer: Offer) {
        let site = context.plan.sites[asker.site].clone();
        if self.disk.is_full {
            return self.answer(context, asker, Err(Refusal::StorageFull));
        }
        let Some(up) = &self.up else { return };
        let Some(totals) = up.store.frame_totals(&site).unwrap() else { return };
        let body = rules::receipt_body(&site, key, &offer, &totals);
        let fresh = common::wire::codec::encode(&Receipt { body, signature: [0; 64] }).unwrap();
        let standing = up.store.put_receipt(key.run, key.round, &site, offer.digest, &fresh).unwrap();
        let receipt: Receipt = common::wire::codec::decode(&standing).unwrap();
        context.truth.promises(asker.site, key, receipt.body.digest, &self.disk);
        self.answer(context, asker, Ok(Response::Receipt(receipt)));
    }

    pub(super) fn answer(&mut self, context: &mut Context, asker: Asker, result: Result<Response, Refusal>) {
        let response = result.unwrap_or_else(Response::Refused);
        respond(context, asker, &response, Vec::new());
    }
}

fn respond(context: &mut Context, asker: Asker, response: &Response, payload: Vec<u8>) {
    context.say(|| format!("to site {}: {response:?}", asker.site));
    let frame = frame::to_bytes(response).unwrap();
    network::send(context, &Packet { asker, frame, payload }, Happening::ToSite);
}
