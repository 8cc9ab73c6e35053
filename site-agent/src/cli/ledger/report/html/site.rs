//! This site as it is now: policy, waiver and locks, with what the ledger notes of the first two. Called by
//! `html`.

use common::page::grouped;
use data::screen::Mode;
use serde_json::Value;

use super::page::{Page, Verdict, above, code, name, outside};
use crate::cli::ledger::report::facts::{Held, Lock, Note, WaiverInForce};
use crate::language::officer::{self as w, Word};
use crate::language::policy::RULES;

/// What `gateway` notes where a waiver was taken out of force.
const NO_WAIVER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

pub(super) fn policy(page: &Page<'_>) -> String {
    let policy = &page.facts.policy;
    let rows = RULES.iter().map(|(key, meaning)| {
        let value = value(page, &policy.rules[*key]);
        vec![above(&name(key), &outside(meaning.get(page.language))), value]
    });
    let facts = page
        .pairs(&[(w::POLICY_SHA, code(&policy.sha256)), (w::POLICY_SIGNED, page.word(yes(policy.signed)))]);
    let doubt = page.paragraph_if(!policy.noted, || page.word(w::POLICY_NOT_NOTED));
    let rules = page.table(w::RULES, &[w::RULE, w::VALUE], 2, rows);
    let changes = changes(page, w::POLICY_CHANGES, &policy.changes.shown, policy.changes.left_out);
    let body = format!("{facts}{doubt}{rules}{changes}");
    page.section(&page.word(w::POLICY), &page.word(w::POLICY_LEAD), &body)
}

fn yes(is_so: bool) -> Word {
    if is_so { w::YES } else { w::NO }
}

/// A value as people read it.
fn value(page: &Page<'_>, value: &Value) -> String {
    match value {
        Value::Bool(is_so) => page.word(yes(*is_so)),
        Value::Number(number) => number.as_u64().map_or_else(|| outside(&number.to_string()), grouped),
        Value::String(text) if text.is_empty() => page.word(w::ANY),
        Value::String(text) => outside(text),
        Value::Array(items) if items.is_empty() => page.word(w::ANY),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| code(item.as_str().unwrap_or("?"))).collect();
            items.join("<br>")
        }
        other => outside(&other.to_string()),
    }
}

fn changes(page: &Page<'_>, caption: Word, notes: &[Note], left_out: usize) -> String {
    if notes.is_empty() {
        return format!("<h3>{}</h3>\n<p>{}</p>\n", page.word(caption), page.word(w::CHANGES_NONE));
    }
    let shown = |note: &Note| {
        if note.sha256 == NO_WAIVER { page.word(w::WAIVER_DROPPED) } else { code(&note.sha256) }
    };
    format!("{}{}", page.notes(caption, notes, shown), page.left_out(left_out))
}

pub(super) fn waiver(page: &Page<'_>) -> String {
    let waiver = &page.facts.waiver;
    let now = waiver.in_force.as_ref().map_or_else(
        || format!("<p>{}</p>\n", page.word(none_in_force(waiver.screen))),
        |waiver| in_force(page, waiver),
    );
    let changes = changes(page, w::WAIVER_CHANGES, &waiver.changes.shown, waiver.changes.left_out);
    page.section(&page.word(w::WAIVER), "", &format!("{now}{changes}"))
}

/// What having no waiver means: only one of the three modes holds records back.
fn none_in_force(screen: Mode) -> Word {
    match screen {
        Mode::Block => w::WAIVER_NONE_BLOCK,
        Mode::Mask => w::WAIVER_NONE_MASK,
        Mode::Report => w::WAIVER_NONE_REPORT,
    }
}

fn in_force(page: &Page<'_>, waiver: &WaiverInForce) -> String {
    let kinds =
        if waiver.kinds.is_empty() { page.word(w::NOTHING) } else { outside(&waiver.kinds.join(", ")) };
    let holds = match &waiver.doubt {
        None => page.badge(Verdict::Good, &page.word(w::YES)),
        Some(doubt) => page.badge(Verdict::Bad, &page.with(w::WAIVER_DOUBT, &[doubt])),
    };
    page.pairs(&[
        (w::WAIVER_SHA, code(&waiver.sha256)),
        (w::WAIVER_KINDS, kinds),
        (w::WAIVER_FINDINGS, grouped(waiver.findings as u64)),
        (w::WAIVER_REASON, outside(&waiver.reason)),
        (w::WAIVER_DAYS, format!("{}, {}", outside(&waiver.issued), outside(&waiver.expires))),
        (w::WAIVER_HOLDS, holds),
    ])
}

pub(super) fn locks(page: &Page<'_>) -> String {
    let locks = &page.facts.locks;
    let bad =
        |word: Word, what: &str| format!("<p>{}</p>\n", page.badge(Verdict::Bad, &page.with(word, &[&what])));
    let title = page.word(w::LOCKS);
    if let Some(failure) = &locks.failure {
        return page.section(&title, &page.word(w::LOCKS_LEAD), &bad(w::LOCKS_FAILED, failure));
    }
    let rows = locks.tried.iter().map(|lock| row(page, lock));
    let mut body = page.table(w::LOCKS_TRIED, &[w::LOCK, w::GATEWAY, w::WORKER, w::TRIED], 3, rows);
    if locks.missing.is_empty() && locks.reached.is_empty() {
        let excused = locks.tried.iter().any(|lock| lock.excused && is_lacking(lock));
        let good = if excused { String::new() } else { page.badge(Verdict::Good, &page.word(w::LOCKS_ALL)) };
        body.push_str(&format!("<p>{good}</p>\n"));
    }
    if !locks.missing.is_empty() {
        body.push_str(&bad(w::LOCKS_MISSING, &locks.missing.join(", ")));
    }
    if !locks.reached.is_empty() {
        body.push_str(&bad(w::LOCKS_REACHED, &locks.reached.join(", ")));
    }
    page.section(&title, &page.word(w::LOCKS_LEAD), &body)
}

fn is_lacking(lock: &Lock) -> bool {
    lock.required && [lock.gateway, lock.worker].iter().any(|held| *held != Held::Holds)
}

fn row(page: &Page<'_>, lock: &Lock) -> Vec<String> {
    let mut what = name(&lock.lock);
    if !lock.required {
        what = above(&what, &page.word(w::NOT_REQUIRED));
    }
    if lock.excused {
        what = above(&what, &page.word(w::EXCUSED));
    }
    let held = |held: Held| match held {
        Held::Holds => page.badge(Verdict::Good, &page.word(w::HOLDS)),
        // What is not required is no alarm.
        Held::DoesNotHold if !lock.required => page.badge(Verdict::Open, &page.word(w::HOLDS_NOT)),
        Held::DoesNotHold => page.badge(Verdict::Bad, &page.word(w::HOLDS_NOT)),
        Held::NotUsed => page.word(w::NOT_USED),
    };
    vec![what, held(lock.gateway), held(lock.worker), grouped(lock.attempts as u64)]
}
