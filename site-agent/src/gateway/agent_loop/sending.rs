//! An update on its way: offered, sent chunk by chunk, committed, acknowledged. Called by `agent_loop`.
//! Several chunks are on their way at once, in order, and each passes the gate by itself.
//! Invariants: of one update `SENT_TIMES_MAX` times its size leaves in a day, wherever the coordinator wants
//! it sent from; a receipt is kept if it is ours and signed, and only then.

use common::clock::Clock;
use common::crash_point;
use common::limits::CHUNK_BYTES_MAX;
use common::wire::message::{Receipt, Response, RoundKey};

use super::AgentLoop;
use crate::egress::Outbound;
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::output::Output;
use crate::gateway::protect::ProtectedUpdate;
use crate::gateway::state::Event;
use crate::gateway::store::Update;
use crate::limits::{SENT_BYTES_MIN, SENT_TIMES_MAX};
use crate::pipe::{NotDone, Notice, ToWorker};

const CHUNK: u64 = CHUNK_BYTES_MAX as u64;

/// What was sent of an update, and may still be.
struct Upload<'a> {
    update: &'a ProtectedUpdate,
    /// Where the next chunk follows on the last one.
    expected: u64,
    /// Chunks and commits that may still be answered.
    left: u64,
}

impl Upload<'_> {
    /// What was sent behind this offset is lost.
    fn lost_behind(&self, answered: u64) -> Sent {
        Sent::Lost(self.expected.saturating_sub(answered).div_ceil(CHUNK).max(1))
    }
}

/// What came of sending.
enum Sent {
    /// The coordinator's word, and nothing is unanswered.
    Answered(Box<Response>),
    /// What the coordinator has is not known; so many chunks are to go alone before several go together.
    Lost(u64),
    /// Nothing is unanswered, and nothing may leave.
    Held(Held),
}

/// Why a chunk does not leave.
#[derive(Clone, Copy)]
enum Held {
    /// No more may leave in 24 hours.
    Day,
    /// The coordinator asked too often.
    TooOften,
}

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Whether the update of a round waits for its receipt.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn is_unacknowledged(&self, key: RoundKey) -> Result<bool, SiteError> {
        Ok(self.store.update(key)?.is_some_and(|update| update.receipt.is_none()))
    }

    /// Offer, the missing chunks, commit. Each step may be answered by the receipt at once.
    ///
    /// # Errors
    /// The ledger's, the database's, the disk's; what the policy does not let leave; a line that keeps
    /// breaking.
    pub(super) async fn send(&mut self, key: RoundKey) -> Result<Event, SiteError> {
        let Some(update) = ProtectedUpdate::find(&self.folder, &self.store, key)? else {
            return Ok(Event::Hindered);
        };
        let bytes = update.update().bytes;
        // While the day is full nothing is said again, and nothing asked.
        if self.course.waits_for_day.is_some_and(|wanted| self.waits_for_day(wanted)) {
            return Ok(Event::Hindered);
        }
        self.output.notice(Notice::Sending { key, bytes });
        let mut answer = self.connection.ask(Outbound::Offer(&update), &mut self.output).await?.response;
        // Every chunk twice and a commit after each time; more is a coordinator that does not listen.
        let mut upload = Upload { update: &update, expected: 0, left: 2 * (bytes.div_ceil(CHUNK) + 1) };
        // After a loss as many go alone as were lost, each as often as it takes: what is sent again counts,
        // and a line that breaks again and again would use up the day.
        let mut alone = 0_u64;
        while upload.left > 0 {
            answer = match answer {
                Response::Continue { next_offset } if next_offset < bytes => {
                    let sent = if alone > 0 {
                        alone -= 1;
                        self.send_one(&mut upload, next_offset).await?
                    } else {
                        self.send_chunks(&mut upload, next_offset).await?
                    };
                    match sent {
                        Sent::Answered(answer) => *answer,
                        // Where it has all that arrived, the coordinator says.
                        Sent::Lost(chunks) => {
                            alone = chunks;
                            let offer = Outbound::Offer(&update);
                            self.connection.ask(offer, &mut self.output).await?.response
                        }
                        Sent::Held(Held::Day) => return Ok(Event::Hindered),
                        Sent::Held(Held::TooOften) => break,
                    }
                }
                Response::Continue { next_offset } if next_offset == bytes => {
                    upload.left = upload.left.saturating_sub(1);
                    let commit = Outbound::Commit(&update);
                    let answer = self.connection.ask(commit, &mut self.output).await?.response;
                    crash_point!("site-committed");
                    answer
                }
                Response::Receipt(receipt) => return self.acknowledge(&update, &receipt),
                Response::Refused(refusal) => return Ok(Event::Refused { refusal }),
                other => return Ok(self.unexpected(&other)),
            };
        }
        match answer {
            Response::Receipt(receipt) => self.acknowledge(&update, &receipt),
            Response::Refused(refusal) => Ok(Event::Refused { refusal }),
            _ => {
                self.not_done(NotDone::SentTooOften);
                Ok(Event::Hindered)
            }
        }
    }

    /// One chunk, asked until it is answered.
    async fn send_one(&mut self, upload: &mut Upload<'_>, offset: u64) -> Result<Sent, SiteError> {
        if let Some(held) = self.holds_back(upload, offset)? {
            return Ok(Sent::Held(held));
        }
        let item = Outbound::Chunk { update: upload.update, offset };
        let answer = self.connection.ask(item, &mut self.output).await?.response;
        upload.left = upload.left.saturating_sub(1);
        crash_point!("site-chunk-sent");
        Ok(Sent::Answered(Box::new(answer)))
    }

    /// The chunks from `offset` to the end, several on their way at once, until one is answered in another
    /// way than by the offset behind it. Nothing is unanswered then.
    async fn send_chunks(&mut self, upload: &mut Upload<'_>, offset: u64) -> Result<Sent, SiteError> {
        let bytes = upload.update.update().bytes;
        let (mut next, mut answered, mut held) = (offset, offset, None);
        loop {
            while held.is_none() && next < bytes && self.connection.has_place_ahead() {
                if upload.left <= (next - answered).div_ceil(CHUNK) {
                    held = Some(Held::TooOften);
                    break;
                }
                held = match self.holds_back(upload, next) {
                    Ok(held) => held,
                    Err(error) => {
                        self.connection.settle(None, &mut self.output).await?;
                        return Err(error);
                    }
                };
                if held.is_some() {
                    break;
                }
                let item = Outbound::Chunk { update: upload.update, offset: next };
                if !self.connection.send_ahead(item, &mut self.output).await? {
                    return Ok(upload.lost_behind(answered));
                }
                next = upload.expected;
            }
            if let Some(held) = held.filter(|_| !self.connection.is_ahead()) {
                return Ok(Sent::Held(held));
            }
            let Some(answer) = self.connection.next_answer(&mut self.output).await? else {
                return Ok(upload.lost_behind(answered));
            };
            upload.left = upload.left.saturating_sub(1);
            crash_point!("site-chunk-sent");
            answered = answered.saturating_add(CHUNK).min(bytes);
            let response = answer.response;
            if response == (Response::Continue { next_offset: answered }) && answered < bytes {
                continue;
            }
            // Where it wants others, what it has with those behind this one its last answer says.
            let goes_on = matches!(response, Response::Continue { .. });
            let last = self.connection.settle(Some(response.clone()), &mut self.output).await?;
            let word = last.map(|last| if goes_on { last } else { response });
            return Ok(match word {
                // Who is busy is asked again and waited for where one thing is asked.
                None | Some(Response::Busy { .. }) => upload.lost_behind(answered),
                Some(word) => Sent::Answered(Box::new(word)),
            });
        }
    }

    /// Why the chunk at `offset` does not leave now; one that leaves is counted.
    fn holds_back(&mut self, upload: &mut Upload<'_>, offset: u64) -> Result<Option<Held>, SiteError> {
        let Update { key, bytes, .. } = *upload.update.update();
        let chunk = (bytes - offset).min(CHUNK);
        // Before it counts as sent: what does not leave uses up nothing.
        if self.waits_for_day(chunk) {
            return Ok(Some(Held::Day));
        }
        self.connection.has_room_for(chunk)?;
        if self.is_sent_too_often(upload.update, offset)? {
            return Ok(Some(Held::TooOften));
        }
        // Whole chunks follow from wherever it begins; a replay has to find each in the ledger.
        let is_odd = offset != upload.expected && !offset.is_multiple_of(CHUNK);
        if is_odd && !self.store.note_odd_offset(key, offset)? {
            return Ok(Some(Held::TooOften));
        }
        upload.expected = offset.saturating_add(CHUNK).min(bytes);
        Ok(None)
    }

    /// Counts the chunk at `offset`, and says whether the day's share of this update is used up.
    fn is_sent_too_often(&mut self, update: &ProtectedUpdate, offset: u64) -> Result<bool, SiteError> {
        let update = update.update();
        let chunk = (update.bytes - offset).min(CHUNK);
        let sent = self.store.count_sent(update.key, chunk, self.clock.now().0)?;
        Ok(sent > (SENT_TIMES_MAX * update.bytes).max(SENT_BYTES_MIN))
    }

    /// Checks the coordinator's signature and keeps the receipt.
    fn acknowledge(&mut self, update: &ProtectedUpdate, receipt: &Receipt) -> Result<Event, SiteError> {
        let ours = update.update();
        let body = &receipt.body;
        let is_ours = ours.is_named_by(body, &self.coordinator.site);
        let public_key = self.coordinator.receipt_public_key();
        let is_signed = public_key.verify(&body.signed_bytes(), &receipt.signature).is_ok();
        if !(is_ours && is_signed) {
            tracing::error!("a receipt is not ours or not signed by the coordinator; asking again");
            self.not_done(NotDone::UnexpectedAnswer);
            return Ok(Event::Hindered);
        }
        let is_first = ours.receipt.is_none();
        self.store.record_receipt(ours.key, receipt, self.clock.now().0)?;
        crash_point!("site-receipt-stored");
        if is_first {
            self.course.pace.done();
        }
        self.output.notice(Notice::Receipt { key: ours.key, bytes: ours.bytes });
        // The update is in the outbox; the worker's copy of it takes room for nothing.
        self.output.order(ToWorker::Abandon { key: ours.key });
        self.tidy_outbox()?;
        Ok(Event::Acknowledged)
    }
}
