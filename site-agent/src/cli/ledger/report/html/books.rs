//! The ledger as a whole: size and root, the receipts beside it, and what an officer accepted of it. Called
//! by `html`.

use common::page::grouped;

use super::page::{Page, Verdict, above, code, outside};
use crate::cli::ledger::report::facts::{Acceptance, Witnessed};
use crate::cli::ledger::wire::Frames;
use crate::language::officer::{self as w, Word};

pub(super) fn ledger(page: &Page<'_>) -> String {
    let ledger = &page.facts.ledger;
    let taken = ledger.taken.as_ref().map_or_else(
        || page.word(w::TAKEN_NOTHING),
        |head| page.with(w::TAKEN, &[&grouped(head.records), &head.root]),
    );
    let mut pairs = vec![
        (w::BOOKS_RECORDS, grouped(ledger.records)),
        (w::BOOKS_ROOT, code(&ledger.root)),
        (w::BOOKS_TAKEN, taken),
    ];
    if let Some(key) = &ledger.verifier_key {
        pairs.push((w::BOOKS_KEY, code(key)));
    } else if ledger.verifier_key_unreadable {
        pairs.push((w::BOOKS_KEY, page.word(w::BOOKS_KEY_UNREADABLE)));
    }
    if let (Some(first), Some(last)) = (&ledger.first, &ledger.last) {
        pairs.push((w::BOOKS_TIME, page.with(w::FROM_TO, &[first, last])));
    }
    if ledger.torn_bytes > 0 {
        pairs.push((w::BOOKS_TORN, page.with(w::BOOKS_BYTES, &[&grouped(ledger.torn_bytes)])));
    }
    let parts = [page.pairs(&pairs), receipts(page), witnesses(page), wire(page), acceptances(page)];
    let body = parts.concat();
    page.section(&page.word(w::BOOKS), &page.word(w::BOOKS_LEAD), &body)
}

fn receipts(page: &Page<'_>) -> String {
    let receipts = &page.facts.ledger.receipts;
    let broken = page.facts.ledger.broken.is_some();
    let not_compared = if broken { w::RECEIPT_BROKEN } else { w::RECEIPT_NOT_COMPARED };
    let outcomes: [(Verdict, Word, u64); 5] = [
        (Verdict::Good, w::RECEIPT_FITS, receipts.fit),
        (Verdict::Open, not_compared, receipts.not_compared),
        (Verdict::Bad, w::RECEIPT_DIFFERS, receipts.do_not_fit),
        (Verdict::Bad, w::RECEIPT_UNSIGNED, receipts.not_signed),
        (Verdict::Open, w::RECEIPT_ASIDE, receipts.set_aside),
    ];
    let (first, others) = outcomes.split_at(1);
    let rows = first.iter().chain(others.iter().filter(|(_, _, count)| *count > 0));
    let rows = rows.map(|(verdict, word, count)| {
        let verdict = if *count == 0 { Verdict::Open } else { *verdict };
        vec![page.badge(verdict, &page.word(*word)), grouped(*count)]
    });
    let table = page.table(w::RECEIPTS, &[w::OUTCOME, w::COUNT], 1, rows);
    let lost = page.with(w::FRAMES_LOST, &[&grouped(receipts.frames_lost)]);
    let lost = page.paragraph_if(receipts.fit > 0, || lost);
    format!("{table}{lost}<p>{}</p>\n", page.word(w::BEHIND))
}

/// Who cosigned a head, up to which record; nothing where nobody did.
fn witnesses(page: &Page<'_>) -> String {
    let (all, unusable) = (&page.facts.ledger.witnesses, page.facts.ledger.witnesses_unusable);
    let unusable = page.with(w::WITNESSES_UNUSABLE, &[&grouped(unusable as u64)]);
    let unusable = page.paragraph_if(page.facts.ledger.witnesses_unusable > 0, || unusable);
    if all.is_empty() {
        return unusable;
    }
    let row = |one: &Witnessed| {
        let (verdict, word) =
            if one.fits { (Verdict::Good, w::WITNESS_FITS) } else { (Verdict::Bad, w::WITNESS_DIFFERS) };
        vec![
            above(&outside(&one.witness), &code(&one.verifier_key)),
            page.badge(verdict, &page.word(word)),
            outside(&one.at),
            grouped(one.records),
        ]
    };
    let head = [w::WITNESS, w::OUTCOME, w::AT, w::WITNESSED_UP_TO];
    let table = page.table(w::WITNESSES, &head, 3, all.iter().map(row));
    format!("{table}<p>{}</p>\n{unusable}", page.word(w::WITNESSES_LEAD))
}

/// Three counts of what left.
fn wire(page: &Page<'_>) -> String {
    let Some(counted) = &page.facts.wire else { return String::new() };
    let verdict = match (counted.lines, counted.faults.as_slice()) {
        (_, [_, ..]) => page.badge(Verdict::Bad, &page.word(w::WIRE_DISAGREES)),
        (0, []) => page.badge(Verdict::Open, &page.word(w::WIRE_NOTHING)),
        (_, []) => page.badge(Verdict::Good, &page.word(w::WIRE_AGREES)),
    };
    let sum = |frames: u64, bytes: u64| page.with(w::WIRE_FRAMES, &[&grouped(frames), &grouped(bytes)]);
    let bytes = |bytes: u64| page.with(w::BOOKS_BYTES, &[&grouped(bytes)]);
    let left_out = Frames {
        frames: counted.not_counted.frames + counted.before.frames,
        bytes: counted.not_counted.bytes.saturating_add(counted.before.bytes),
    };
    let mut pairs = vec![
        (w::WIRE_VERDICT, verdict),
        (w::WIRE_LEDGER, sum(counted.ledger.frames, counted.ledger.bytes)),
        (w::WIRE_SENT, bytes(counted.bytes)),
        (w::WIRE_AT_MOST, bytes(counted.bytes_at_most)),
        (w::WIRE_PROCESSES, bytes(counted.processes.bytes)),
    ];
    if let (Some(seen), Some(others)) = (counted.processes.kernel, counted.processes.by_others) {
        let said = page.with(w::WIRE_KERNEL_SAID, &[&grouped(seen), &grouped(others)]);
        pairs.push((w::WIRE_KERNEL, said));
    }
    if left_out.frames > 0 {
        pairs.push((w::WIRE_LEFT_OUT, sum(left_out.frames, left_out.bytes)));
    }
    for fault in &counted.faults {
        pairs.push((w::WIRE_FAULT, outside(fault)));
    }
    let left_out = page.left_out(usize::try_from(counted.faults_left_out).unwrap_or(usize::MAX));
    format!("<h3>{}</h3>\n{}{left_out}", page.word(w::WIRE), page.pairs(&pairs))
}

fn acceptances(page: &Page<'_>) -> String {
    let all = &page.facts.ledger.acceptances;
    if all.shown.is_empty() {
        return String::new();
    }
    let row = |one: &Acceptance| {
        let (verdict, word) =
            if one.signed { (Verdict::Good, w::VERIFIED) } else { (Verdict::Bad, w::UNSIGNED) };
        vec![
            outside(&one.at),
            page.badge(verdict, &page.word(word)),
            code(&one.root),
            grouped(one.records),
            grouped(one.receipts_set_aside as u64),
        ]
    };
    let head = [w::AT, w::SIGNATURE, w::BOOKS_ROOT, w::BOOKS_RECORDS, w::ACCEPTED_ASIDE];
    let table = page.table(w::ACCEPTANCES, &head, 3, all.shown.iter().map(row));
    format!("{table}{}", page.left_out(all.left_out))
}
