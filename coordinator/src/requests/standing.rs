//! Whether a site's ledger is the one it announced before: asked at every `Hello`, and before every other
//! request whether such a question is open, or whether we were restored. Called by `handler`, on the
//! database's thread. Invariant: nothing is counted or done for a site whose ledger does not fit, nor for
//! anybody by a coordinator that was restored; what is wrong stands in our log and in `coordinator sites`.

use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::net::server::Received;
use common::wire::message::{HASH_BYTES, LedgerHead, PROTOCOL_VERSION, Refusal, Request, Response};

use crate::error::Result;
use crate::store::{LedgerAnswer, Store};

/// What a request asks about the site's ledger.
pub(super) enum Asked {
    /// Another protocol than ours.
    OtherProtocol,
    Hello {
        ledger: LedgerHead,
        /// The frame's own number.
        sequence: u64,
    },
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
            Request::Hello { ledger, .. } => Self::Hello { ledger, sequence: received.envelope.sequence },
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
        Asked::Hello { ledger, sequence } => (ledger, store.announce_ledger(site, ledger, *sequence, now)?),
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

fn hashes(payload: &[u8]) -> Vec<Digest> {
    let whole = payload.chunks_exact(HASH_BYTES);
    whole.filter_map(|hash| hash.try_into().ok().map(Digest)).collect()
}
