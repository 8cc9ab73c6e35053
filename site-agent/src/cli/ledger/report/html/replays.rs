//! Rounds that were computed again at this site, and what came of it. Called by `html`.

use super::page::{Page, Verdict, code, name, outside};
use crate::cli::ledger::report::facts::Replay;
use crate::language::officer as w;

pub(super) fn replays(page: &Page<'_>) -> String {
    let all = &page.facts.replays;
    let body = if all.shown.is_empty() {
        format!("<p>{}</p>\n", page.word(w::REPLAYS_NONE))
    } else {
        let head = [w::AT, w::REPLAY_OF, w::OUTCOME, w::UPDATE];
        let rows = all.shown.iter().rev().map(|one| row(page, one));
        format!("{}{}", page.table(w::REPLAYS, &head, 4, rows), page.left_out(all.left_out))
    };
    page.section(&page.word(w::REPLAYS), &page.word(w::REPLAYS_LEAD), &body)
}

fn row(page: &Page<'_>, one: &Replay) -> Vec<String> {
    let (verdict, word) = match one.verdict {
        "same-bytes" => (Verdict::Good, w::REPLAY_SAME),
        "within-tolerance" => (Verdict::Open, w::REPLAY_NEAR),
        "other-records" => (Verdict::Open, w::REPLAY_RECORDS),
        _ => (Verdict::Bad, w::REPLAY_DIFFERENT),
    };
    vec![
        outside(&one.at),
        format!("{} {}", name(&one.run), one.round),
        page.badge(verdict, &page.word(word)),
        one.sha256.as_deref().map_or_else(String::new, code),
    ]
}
