//! A site's questions: let out only with consent, repeated until they are answered, and what the answers
//! mean. Modelled after `gateway::connection`, `egress` and `agent_loop::sending`.

use std::convert::Infallible;

use common::id::{Digest, RunId};
use common::limits::REQUEST_WAIT_MS_MAX;
use common::wire::frame;
use common::wire::message::{Decision, Envelope, Receipt, Refusal, Request, Response, RoundKey};
use common::wire::numbers::{LossMilli, RoundedCount};
use site_agent::gateway::consent::RunFrame;
use site_agent::gateway::state::{Event, Known};
use site_agent::gateway::store::Update;
use site_agent::gateway::store::consent::Choice;
use site_agent::limits::CHUNK_ATTEMPTS_MAX;

use super::{AfterTelling, Question, Site, Then, Waiting};
use crate::context::{Asker, Context, Happening, Packet};
use crate::mutant::Mutant;
use crate::network;

/// What a frame says of a run, where it belongs to one.
fn frame_of(request: &Request) -> Option<(RunId, RunFrame)> {
    match request {
        Request::Ready { key, .. }
        | Request::Progress { key, .. }
        | Request::Offer { key, .. }
        | Request::Commit { key, .. }
        | Request::Failed { key, .. } => Some((key.run, RunFrame::Part)),
        Request::Decide { run, manifest, decision: Decision::Approved } => {
            Some((*run, RunFrame::Approval(*manifest)))
        }
        Request::Decide { run, .. } => Some((*run, RunFrame::Refusal)),
        _ => None,
    }
}

pub(super) fn said(choice: Choice) -> Decision {
    match choice {
        Choice::Approved => Decision::Approved,
        Choice::Declined => Decision::Declined,
        Choice::OutsidePolicy => Decision::OutsidePolicy,
        Choice::Withdrawn => Decision::Withdrawn,
    }
}

impl Site {
    /// Asks until there is an answer.
    pub(super) fn ask(&mut self, context: &mut Context, request: Request, payload: Vec<u8>, then: Then) {
        let question = Question { request, payload, then, is_sent: false };
        self.send_question(context, question);
    }

    /// Lets a question out, as a new frame; of a chunk the run is that of its update.
    fn send_question(&mut self, context: &mut Context, mut question: Question) {
        let of_run = match (&question.request, question.then) {
            (Request::Chunk { .. }, Then::Sending(key)) => Some((key.run, RunFrame::Part)),
            (request, _) => frame_of(request),
        };
        if let Some((run, frame)) = of_run {
            if context.mutant != Mutant::IgnoresConsent && !self.consent(run).lets_out(frame) {
                return self.event(Event::Hindered);
            }
            context.truth.leaves(self.index, run, frame);
        }
        self.ticket += 1;
        question.is_sent = true;
        let asker = Asker { site: self.index, question: self.ticket };
        context.say(|| format!("site {}: {:?}", asker.site, question.request));
        let envelope = Envelope { sequence: self.ticket, request: question.request.clone() };
        let frame = frame::to_bytes(&envelope).unwrap();
        let packet = Packet { asker, frame, payload: question.payload.clone() };
        network::send(context, &packet, Happening::ToCoordinator);
        let Some(process) = &mut self.process else { return };
        process.waiting = Waiting::Answer(Box::new(question));
        context.after(REQUEST_WAIT_MS_MAX, Happening::SiteGoes { site: self.index, ticket: self.ticket });
    }

    /// A wait is over: a pause, or an answer that did not come.
    pub(crate) fn goes(&mut self, context: &mut Context, ticket: u64) {
        if ticket != self.ticket {
            return;
        }
        let Some(process) = &mut self.process else { return };
        match std::mem::replace(&mut process.waiting, Waiting::Nothing) {
            Waiting::Timer(then) => self.then(context, then),
            Waiting::Answer(question) if question.is_sent => self.not_answered(context, *question),
            Waiting::Answer(question) => self.send_question(context, *question),
            other => process.waiting = other,
        }
        self.pump(context);
    }

    /// The line broke: the question comes again after a while, of a chunk not for ever.
    fn not_answered(&mut self, context: &mut Context, mut question: Question) {
        let Some(process) = &mut self.process else { return };
        let is_chunk = matches!(question.request, Request::Chunk { .. });
        if is_chunk && process.backoff.failures() >= CHUNK_ATTEMPTS_MAX {
            return self.event(Event::Hindered);
        }
        let wait_ms = process.backoff.next_ms(self.dice.next());
        question.is_sent = false;
        self.ticket += 1;
        process.waiting = Waiting::Answer(Box::new(question));
        context.after(wait_ms, Happening::SiteGoes { site: self.index, ticket: self.ticket });
    }

    /// A pause is over.
    fn then(&mut self, context: &mut Context, then: Then) {
        match then {
            Then::Poll => self.poll(context),
            Then::Recorded(at, digest) => self.record(context, at, digest),
            _ => {}
        }
    }

    /// An answer has arrived; one to an older question is not heard.
    pub(crate) fn receive(&mut self, context: &mut Context, packet: Packet) {
        let Some(process) = &mut self.process else { return };
        let is_asked = packet.asker.question == self.ticket;
        let Waiting::Answer(question) = &process.waiting else { return };
        if !is_asked || !question.is_sent {
            return;
        }
        let question = question.as_ref().clone();
        let response: Response = frame::from_body(&packet.frame[frame::PREFIX_BYTES..]).unwrap();
        context.trace((packet.asker, &packet.frame));
        if response == Response::Refused(Refusal::NotAuthorised) {
            // The real coordinator closes the connection.
            return self.not_answered(context, question);
        }
        process.backoff.reset();
        process.waiting = Waiting::Nothing;
        self.ticket += 1;
        self.answered(context, question, response, &packet.payload);
        self.pump(context);
    }

    fn answered(&mut self, context: &mut Context, question: Question, response: Response, payload: &[u8]) {
        match (question.then, response) {
            (Then::Polled, response) => self.polled(context, response),
            (Then::Told { id, run, choice, after }, response) => {
                if self.told(id, run, choice, &response) {
                    self.tell_decisions(context, after);
                } else {
                    self.all_told(context, after);
                }
            }
            (then, Response::Blob { .. }) => {
                let Request::Fetch { digest, .. } = question.request else { return };
                if Digest::of(payload) != digest {
                    return self.event(Event::FetchFailed);
                }
                self.inbox.insert(digest);
                self.fetched(context, then);
            }
            (Then::Sending(key), response) => self.sending(context, key, response),
            (Then::Reported(key), response) => {
                if let Some(process) = &mut self.process {
                    process.told.insert(key);
                }
                self.event(refused(&response).unwrap_or(Event::Noted));
            }
            (Then::Considered(_, AfterTelling::NothingToDo | AfterTelling::NotAgreed), response) => {
                self.event(refused(&response).unwrap_or(Event::Hindered));
            }
            (Then::SaidReady, response) => {
                if let Some(event) = refused(&response) {
                    self.event(event);
                }
            }
            (_, response) => self.event(refused(&response).unwrap_or(Event::Hindered)),
        }
    }

    /// Whether the coordinator heard a decision, or nobody needs to hear it; else it comes after the next
    /// poll.
    fn told(&mut self, id: i64, run: RunId, choice: Choice, response: &Response) -> bool {
        if let Response::Refused(refusal) = response
            && refusal.is_retryable()
        {
            return false;
        }
        self.store.decision_told(id).unwrap();
        if choice == Choice::Withdrawn {
            self.forget(run);
        }
        true
    }

    fn polled(&mut self, context: &mut Context, response: Response) {
        let event = match response {
            Response::Work(work) => {
                let known = |key: RoundKey| {
                    self.say_again_that_we_left(key.run);
                    Ok::<_, Infallible>(self.known(key))
                };
                Event::of_work(work, known).unwrap_or_else(|never| match never {})
            }
            response => refused(&response).unwrap_or(Event::Hindered),
        };
        let is_news = match event {
            Event::Assigned { assignment, known: Known::Protected } => {
                let update = self.store.update(assignment.key).unwrap();
                update.is_some_and(|update| update.receipt.is_none())
            }
            Event::Assigned { known: Known::Nothing { .. }, .. } => true,
            _ => false,
        };
        let Some(process) = &mut self.process else { return };
        process.pace.polled(context.now - process.began, is_news);
        process.events.push_back(event);
    }

    /// Offers the update of a round.
    pub(super) fn send(&mut self, context: &mut Context, key: RoundKey) {
        let Some(mut update) = self.store.update(key).unwrap() else { return self.event(Event::Hindered) };
        if context.mutant == Mutant::SendsAnother {
            let bytes = self.train(context, key);
            update.digest = Digest::of(&bytes);
            self.outbox.insert(update.digest, bytes);
        }
        if !self.outbox.contains_key(&update.digest) {
            return self.event(Event::Hindered);
        }
        context.truth.offers(self.index, key, update.digest);
        let request = Request::Offer {
            key,
            digest: update.digest,
            bytes: update.bytes,
            records: RoundedCount::of(update.records),
            tokens: RoundedCount::of(update.tokens),
            loss: LossMilli::of(update.loss),
        };
        self.ask(context, request, vec![], Then::Sending(key));
    }

    /// The missing chunks, commit, and at any time the receipt.
    fn sending(&mut self, context: &mut Context, key: RoundKey, response: Response) {
        let Some(update) = self.store.update(key).unwrap() else { return self.event(Event::Hindered) };
        let Some(bytes) = self.outbox.get(&update.digest) else { return self.event(Event::Hindered) };
        let length = bytes.len() as u64;
        match response {
            Response::Continue { next_offset } if next_offset < length => {
                let from = usize::try_from(next_offset).unwrap();
                let piece = bytes[from..bytes.len().min(from + bytes.len().div_ceil(3))].to_vec();
                let length = u32::try_from(piece.len()).unwrap();
                let request = Request::Chunk { digest: update.digest, offset: next_offset, length };
                self.ask(context, request, piece, Then::Sending(key));
            }
            Response::Continue { .. } => {
                let request = Request::Commit { key, digest: update.digest };
                self.ask(context, request, vec![], Then::Sending(key));
            }
            Response::Receipt(receipt) => self.acknowledge(context, &update, &receipt),
            response => self.event(refused(&response).unwrap_or(Event::Hindered)),
        }
    }

    fn acknowledge(&mut self, context: &mut Context, update: &Update, receipt: &Receipt) {
        if !update.is_named_by(&receipt.body, &self.name) {
            return self.event(Event::Hindered);
        }
        let now_ms = self.wall_ms(context);
        self.store.record_receipt(update.key, receipt, now_ms).unwrap();
        if let (None, Some(process)) = (&update.receipt, &mut self.process) {
            process.pace.done();
        }
        self.event(Event::Acknowledged);
    }
}

fn refused(response: &Response) -> Option<Event> {
    match response {
        Response::Refused(refusal) => Some(Event::Refused { refusal: *refusal }),
        _ => None,
    }
}
