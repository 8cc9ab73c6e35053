//! To whom everything went and as whom this site sent it. Called by `html`.

use common::page::grouped;

use super::page::{Page, Verdict, code, outside};
use crate::cli::ledger::report::facts::{Key, Peer};
use crate::language::officer as w;

pub(super) fn recipient(page: &Page<'_>) -> String {
    let facts = page.facts;
    let (to, own) = (&facts.recipient, &facts.certificate);
    let officer = facts.officer.as_ref().map_or_else(|| page.word(w::OFFICER_NONE), |officer| code(officer));
    let mut first = vec![(w::AUTHORITY, code(&to.authority))];
    first.extend(to.later_authority.as_deref().map(|key| (w::LATER_AUTHORITY, code(key))));
    first.extend([
        (w::COORDINATOR, code(to.name)),
        (w::ADDRESS, code(&to.address)),
        (w::RECEIPT_KEY, code(&to.receipt_key)),
    ]);
    let first = page.pairs(&first);
    let second = page.pairs(&[
        (w::OWN_SHA, code(&own.sha256)),
        (w::OWN_SERIAL, code(&own.serial)),
        (w::OWN_KEY, code(&own.key)),
        (w::OWN_VALID, page.with(w::FROM_TO, &[&own.from, &own.until])),
        (w::OFFICER, officer),
    ]);
    let keys = if own.keys.shown.is_empty() { String::new() } else { keys(page) };
    let body = format!(
        "{first}{}<h3>{}</h3>\n{second}{keys}{}",
        peers(page),
        page.word(if facts.left.is_some() { w::OWN_PAST } else { w::OWN }),
        page.left_out(own.keys.left_out)
    );
    page.section(&page.word(w::TO), &page.word(w::TO_LEAD), &body)
}

fn peers(page: &Page<'_>) -> String {
    let to = &page.facts.recipient;
    let row = |peer: &Peer| {
        let whom = if peer.authority == to.authority {
            page.word(w::PEER_KNOWN)
        } else {
            format!("{} {}", page.badge(Verdict::Bad, &page.word(w::PEER_OTHER)), code(&peer.authority))
        };
        vec![whom, grouped(peer.frames), grouped(peer.bytes)]
    };
    page.table(w::PEERS, &[w::PEER, w::FRAMES, w::BYTES], 1, to.peers.iter().map(row))
}

fn keys(page: &Page<'_>) -> String {
    let row = |key: &Key| vec![code(&key.key), outside(&key.since)];
    let keys = page.facts.certificate.keys.shown.iter().rev().map(row);
    page.table(w::OWN_KEYS, &[w::KEY, w::SINCE], 2, keys)
}
