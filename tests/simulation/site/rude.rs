//! A member whose program was replaced: requests that its own program would not send, with its own
//! certificate. Nobody waits for their answers.

use common::id::{Digest, Round};
use common::wire::frame;
use common::wire::message::{Envelope, Request, RoundKey};
use common::wire::numbers::{LossMilli, RoundedCount};

use super::Site;
use crate::context::{Asker, Context, Happening, Packet};
use crate::faults::Rudeness;
use crate::network;

impl Site {
    /// Sends what an honest program would not; `others` is the digest of another site's update.
    pub(crate) fn be_rude(&mut self, context: &mut Context, how: Rudeness, others: Option<Digest>) {
        let Some((key, _)) = self.heard else { return };
        let bytes = self.train(context, key);
        let digest = Digest::of(&bytes);
        match how {
            Rudeness::OtherUpdate => self.upload(context, key, digest, bytes),
            Rudeness::WrongRound => {
                let round = Round(if self.dice.in_thousand(500) { key.round.0 + 1 } else { key.round.0 - 1 });
                self.upload(context, RoundKey { round, ..key }, digest, bytes);
            }
            Rudeness::NothingOffered => self.throw(context, Request::Commit { key, digest }, vec![]),
            Rudeness::ForbiddenCount => {
                let request = offer(key, digest, bytes.len() as u64, 0);
                self.throw(context, request, vec![]);
            }
            Rudeness::Stolen => {
                let Some(digest) = others else { return };
                self.throw(context, offer(key, digest, bytes.len() as u64, 100), vec![]);
                self.throw(context, Request::Commit { key, digest }, vec![]);
            }
        }
    }

    /// An update that is not the one of its own program.
    fn upload(&mut self, context: &mut Context, key: RoundKey, digest: Digest, bytes: Vec<u8>) {
        self.throw(context, offer(key, digest, bytes.len() as u64, 100), vec![]);
        let length = u32::try_from(bytes.len()).unwrap();
        self.throw(context, Request::Chunk { digest, offset: 0, length }, bytes);
        self.throw(context, Request::Commit { key, digest }, vec![]);
    }

    fn throw(&mut self, context: &mut Context, request: Request, payload: Vec<u8>) {
        // Beside the honest program, which waits for other numbers.
        let asker = Asker { site: self.index, question: u64::MAX };
        let frame = frame::to_bytes(&Envelope { sequence: self.ticket, request }).unwrap();
        network::send(context, &Packet { asker, frame, payload }, Happening::ToCoordinator);
    }

    /// An update that this site has made.
    pub(crate) fn an_update(&self) -> Option<Digest> {
        self.outbox.keys().next().copied()
    }
}

fn offer(key: RoundKey, digest: Digest, bytes: u64, records: u64) -> Request {
    Request::Offer {
        key,
        digest,
        bytes,
        records: RoundedCount::of(records),
        tokens: RoundedCount::of(9),
        loss: LossMilli::of(1.0),
    }
}
