//! The page's end: what it does not prove, and how to look elsewhere. Called by `html`.

use super::page::Page;
use crate::language::officer as w;

pub(super) fn limits(page: &Page<'_>) -> String {
    let items: String = [
        w::LIMIT_MACHINE,
        w::LIMIT_ROOT,
        w::LIMIT_CONTENT,
        w::LIMIT_COMPUTED,
        w::LIMIT_RECEIPTS,
        w::LIMIT_WIRE,
        w::LIMIT_TIME,
        w::LIMIT_DATA,
    ]
    .iter()
    .map(|word| format!("<li>{}</li>\n", page.word(*word)))
    .collect();
    page.section(&page.word(w::LIMITS), "", &format!("<ul>\n{items}</ul>\n"))
}

pub(super) fn check_it_yourself(page: &Page<'_>) -> String {
    let officer = page.facts.officer.as_ref().map_or("", |_| " \\\n    --officer officer.key.pub");
    let commands = format!(
        "<pre><code>site-agent ledger receipts --out receipts.json\n\
         python3 verify_ledger.py ledger.log --receipts receipts.json{officer}</code></pre>\n"
    );
    page.section(&page.word(w::CHECK), &page.word(w::CHECK_LEAD), &commands)
}
