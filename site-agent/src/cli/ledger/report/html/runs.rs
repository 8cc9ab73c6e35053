//! The runs: what left in each, by kind and by round, which records were used, who decided, and which
//! receipts there are; then what left beside runs. Called by `html`.

use common::page::grouped;

use super::page::{Page, Verdict, above, code, name, outside, unbroken};
use crate::cli::ledger::report::facts::{DataNote, Decision, Receipt, RoundOfRun, Run, Screening};
use crate::language::officer::{self as w, Word};

pub(super) fn all(page: &Page<'_>) -> String {
    let facts = page.facts;
    let mut text: String = facts.runs.shown.iter().map(|run| one(page, run)).collect();
    if facts.runs.shown.is_empty() {
        text = page.section(&page.word(w::FIGURE_RUNS), &page.word(w::NO_RUNS), "");
    }
    if facts.runs.left_out > 0 {
        let earlier = &facts.earlier_runs;
        let values: [&dyn std::fmt::Display; 3] =
            [&facts.runs.left_out, &grouped(earlier.frames), &grouped(earlier.bytes)];
        text.push_str(&format!("<p>{}</p>\n", page.with(w::EARLIER, &values)));
    }
    text
}

pub(super) fn beside(page: &Page<'_>) -> String {
    if page.facts.run.is_some() {
        return String::new();
    }
    let rows = page.facts.beside_runs.iter().map(|one| page.of_kind(one));
    let body = page.table(w::BESIDE_BY_KIND, &[w::KIND, w::FRAMES, w::BYTES], 1, rows);
    page.section(&page.word(w::BESIDE), &page.word(w::BESIDE_LEAD), &body)
}

fn one(page: &Page<'_>, run: &Run) -> String {
    let left = [grouped(run.frames), grouped(run.bytes), grouped(run.update_bytes)];
    let time = match (&run.first, &run.last) {
        (Some(first), Some(last)) => page.with(w::FROM_TO, &[first, last]),
        _ => page.word(w::NEVER),
    };
    let (gone, unknown) = (|| page.word(w::TERMS_GONE), || page.word(w::RUN_UNKNOWN));
    let body = [
        page.pairs(&[
            (w::RUN_NAME, run.name.as_ref().map_or_else(gone, |name| outside(name))),
            (w::RUN_STATE, run.state.map_or_else(unknown, |state| page.word(state_word(state)))),
            (w::RUN_TERMS, run.terms.as_ref().map_or_else(unknown, |terms| code(terms))),
            (w::RUN_CODE, run.roster_code.as_ref().map_or_else(gone, |roster| code(roster))),
            (w::RUN_SENT, page.with(w::RUN_SENT_VALUE, &[&left[0], &left[1], &left[2]])),
            (w::RUN_TIME, time),
        ]),
        decisions(page, run),
        sent(page, run),
        updates(page, run),
        data(page, run),
    ]
    .concat();
    page.section(&page.with(w::RUN, &[&run.run]), "", &body)
}

fn state_word(state: &str) -> Word {
    match state {
        "approved" => w::STATE_APPROVED,
        "declined" => w::STATE_DECLINED,
        "outside-policy" => w::STATE_OUTSIDE,
        "withdrawn" => w::STATE_WITHDRAWN,
        "left" => w::STATE_LEFT,
        "over" => w::STATE_OVER,
        _ => w::STATE_WAITING,
    }
}

fn decisions(page: &Page<'_>, run: &Run) -> String {
    let row = |decision: &Decision| {
        let sequence = decision.sequence.map_or_else(|| page.word(w::NOT_IN_LEDGER), grouped);
        vec![above(&choice(page, decision), &outside(&decision.at)), author(page, decision), sequence]
    };
    let mut text = if run.decisions.shown.is_empty() {
        format!("<h3>{}</h3>\n<p>{}</p>\n", page.word(w::DECISIONS), page.word(w::DECISIONS_NONE))
    } else {
        let rows = run.decisions.shown.iter().map(row);
        page.table(w::DECISIONS, &[w::CHOICE, w::BY, w::IN_LEDGER], 2, rows)
    };
    text.push_str(&page.left_out(run.decisions.left_out));
    let orphans = &run.notes_without_decision;
    if !orphans.shown.is_empty() {
        let shown = |note: &super::super::facts::Note| format!("{} {}", name(note.kind), code(&note.sha256));
        text.push_str(&page.notes(w::ORPHANS, &orphans.shown, shown));
        text.push_str(&page.left_out(orphans.left_out));
    }
    text
}

fn choice(page: &Page<'_>, decision: &Decision) -> String {
    unbroken(&page.word(match decision.choice {
        "approved" => w::CHOICE_APPROVED,
        "declined" => w::CHOICE_DECLINED,
        "withdrawn" => w::CHOICE_WITHDRAWN,
        _ => w::CHOICE_OUTSIDE,
    }))
}

fn author(page: &Page<'_>, decision: &Decision) -> String {
    match (decision.decided_by, &decision.policy) {
        ("officer", _) => page.word(w::BY_OFFICER),
        ("policy", Some(policy)) => page.with(w::BY_POLICY, &[policy]),
        ("policy", None) => page.word(w::BY_RULES),
        ("unsigned", _) => page.word(w::BY_UNSIGNED),
        _ => page.badge(Verdict::Bad, &page.word(w::BY_NOBODY)),
    }
}

fn sent(page: &Page<'_>, run: &Run) -> String {
    if run.frames == 0 {
        return String::new();
    }
    let by_kind = run.kinds.iter().map(|one| page.of_kind(one));
    let by_kind = page.table(w::BY_KIND, &[w::KIND, w::FRAMES, w::BYTES], 1, by_kind);
    let rows = run.rounds.shown.iter().flat_map(|of| {
        of.kinds
            .iter()
            .map(|one| vec![round(page, of.round), name(one.kind), grouped(one.frames), grouped(one.bytes)])
    });
    let by_round = page.table(w::BY_ROUND, &[w::ROUND, w::KIND, w::FRAMES, w::BYTES], 2, rows);
    let left_out = run.rounds.left_out;
    let more = page.paragraph_if(left_out > 0, || page.with(w::LEFT_OUT_ROUNDS, &[&left_out]));
    format!("{by_kind}{by_round}{more}")
}

fn round(page: &Page<'_>, round: Option<u32>) -> String {
    match round {
        None | Some(0) => unbroken(&page.word(w::OUTSIDE_ROUNDS)),
        Some(round) => grouped(round.into()),
    }
}

fn updates(page: &Page<'_>, run: &Run) -> String {
    let row = |of: &RoundOfRun| {
        let update = of.update.as_ref()?;
        let (round, receipt) = (round(page, of.round), receipt(page, update.receipt));
        let bytes = page.with(w::BOOKS_BYTES, &[&grouped(update.bytes)]);
        Some(vec![round, above(&code(&update.sha256), &bytes), receipt])
    };
    let rows: Vec<Vec<String>> = run.rounds.shown.iter().filter_map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    page.table(w::UPDATES, &[w::ROUND, w::UPDATE, w::RECEIPT], 3, rows)
}

fn receipt(page: &Page<'_>, receipt: Receipt) -> String {
    let (verdict, word) = match receipt {
        Receipt::Fits => (Verdict::Good, w::RECEIPT_FITS),
        Receipt::NotCompared => (Verdict::Open, w::RECEIPT_NOT_COMPARED),
        Receipt::DoesNotFit => (Verdict::Bad, w::RECEIPT_DIFFERS),
        Receipt::NotSigned => (Verdict::Bad, w::RECEIPT_UNSIGNED),
        Receipt::SetAside => (Verdict::Open, w::RECEIPT_ASIDE),
        Receipt::LedgerBroken => (Verdict::Open, w::RECEIPT_BROKEN),
        Receipt::Declined => (Verdict::Open, w::RECEIPT_DECLINED),
        Receipt::None => (Verdict::Open, w::RECEIPT_NONE),
    };
    page.badge(verdict, &page.word(word))
}

fn data(page: &Page<'_>, run: &Run) -> String {
    if run.data.shown.is_empty() {
        return String::new();
    }
    let mut text = format!("<h3>{}</h3>\n<p>{}</p>\n", page.word(w::DATA), page.word(w::DATA_NOTE));
    for note in &run.data.shown {
        text.push_str(&used(page, note));
    }
    text + &page.left_out(run.data.left_out)
}

fn used(page: &Page<'_>, note: &DataNote) -> String {
    let at = format!("{} ({} {})", outside(&note.at), page.word(w::RECORD), grouped(note.sequence));
    let named =
        page.pairs(&[(w::ROUND, round(page, note.round)), (w::AT, at), (w::DATA_ROOT, code(&note.root))]);
    let Some(counted) = &note.screening else {
        return format!("{named}<p>{}</p>\n", page.word(w::DATA_GONE));
    };
    let rows = [
        (w::DATA_READ, counted.read),
        (w::DATA_REFUSED, counted.refused),
        (w::DATA_BLOCKED, counted.blocked),
        (w::DATA_COPIES, counted.duplicates_dropped),
        (w::DATA_LEFT, counted.left_out),
        (w::DATA_USED, counted.used),
    ];
    let rows = rows.map(|(word, count)| vec![page.word(word), grouped(count)]);
    let table = page.table(w::DATA_COUNTS, &[w::OUTCOME, w::DATA_RECORDS], 1, rows);
    let waiver = counted
        .waiver_sha256
        .as_ref()
        .map_or_else(String::new, |waiver| format!("<p>{}</p>\n", page.with(w::WITH_WAIVER, &[waiver])));
    format!("{named}{table}<p>{}</p>\n{waiver}", screened(page, counted))
}

fn screened(page: &Page<'_>, counted: &Screening) -> String {
    let found: Vec<String> =
        counted.findings.iter().map(|(kind, count)| format!("{kind} {}", grouped(*count))).collect();
    let none = w::NOTHING.get(page.language).to_owned();
    let found = if found.is_empty() { none } else { found.join(", ") };
    let passed = if counted.self_test_passed { w::PASSED } else { w::NOT_PASSED }.get(page.language);
    let mode = counted.mode.as_str().unwrap_or("?");
    page.with(w::SCREENED, &[&mode, &passed, &found])
}
