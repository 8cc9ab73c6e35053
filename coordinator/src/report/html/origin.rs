//! The page's end: what left each hospital, what none of this proves, and where the model comes from. Called
//! by `html`. Invariant: colour never carries a verdict alone.

use common::page::escape;

use super::page::Page;
use crate::report::changes::words as c;
use crate::report::document::SiteReport;
use crate::report::sentences::sites_per_round;
use crate::report::{format, words as w};

pub(super) fn sites(page: &Page<'_>) -> String {
    let ledgers = page.report.has_ledgers();
    let mut heads = vec![w::SITE, w::RECORDS, w::WEIGHT, w::BYTES, w::MESSAGES];
    if ledgers {
        heads.extend([w::LEDGER, w::LEDGER_SECOND]);
    }
    let head: String = heads.iter().map(|word| format!("<th>{}</th>", page.word(*word))).collect();
    let row = |site: &SiteReport| {
        let mut cells = vec![
            escape(&site.name),
            site.records.map_or_else(|| "&ndash;".to_owned(), format::grouped),
            site.weight.map_or_else(|| "&ndash;".to_owned(), format::percent),
            format::grouped(site.bytes_sent),
            format::grouped(site.frames_sent),
        ];
        if ledgers {
            cells.extend([site.ledger_verified, site.ledger_verified_by_python].map(|it| verdict(page, it)));
        }
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = page.report.sites.iter().map(row).collect();
    let lead = if ledgers { w::LEFT_LEAD_LEDGER } else { w::LEFT_LEAD };
    let body = format!("<div class=\"scroll\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n");
    page.section(w::LEFT, Some(lead), &body)
}

fn verdict(page: &Page<'_>, verified: Option<bool>) -> String {
    let (class, sign, word) = match verified {
        Some(true) => ("good", "&#10003; ", w::VERIFIED),
        Some(false) => ("bad", "&#10007; ", w::NOT_VERIFIED),
        None => ("open", "", w::NOT_RUN),
    };
    format!("<span class=\"verdict {class}\">{sign}{}</span>", page.word(word))
}

pub(super) fn warnings(page: &Page<'_>) -> String {
    if page.report.warnings.is_empty() {
        return String::new();
    }
    let items: String =
        page.report.warnings.iter().map(|warning| format!("<li>{}</li>\n", escape(warning))).collect();
    page.section(w::WARNINGS, None, &format!("<ul>\n{items}</ul>\n"))
}

pub(super) fn limits(page: &Page<'_>) -> String {
    let items: String = [w::LIMIT_PRIVACY, w::LIMIT_LEDGER, w::LIMIT_CLINICAL]
        .iter()
        .map(|word| format!("<li>{}</li>\n", page.word(*word)))
        .collect();
    page.section(w::LIMITS, None, &format!("<ul>\n{items}</ul>\n"))
}

pub(super) fn check_it_yourself(page: &Page<'_>) -> String {
    let site = page.report.paths.as_ref().and_then(|paths| paths.site_states.first());
    let site = escape(site.map_or("./site-state", String::as_str));
    let body = format!(
        "<pre><code>site-agent ledger verify --state {site}\nsite-agent ledger show --state {site}\n\
         python3 deploy/verify_ledger.py {site}/ledger/ledger.log</code></pre>\n"
    );
    page.section(w::CHECK, Some(w::CHECK_LEAD), &body)
}

pub(super) fn provenance(page: &Page<'_>) -> String {
    let (run, origin) = (&page.report.run, &page.report.provenance);
    let mut facts = String::new();
    let mut fact = |name: w::Word, value: String| {
        facts.push_str(&format!("<dt>{}</dt><dd>{value}</dd>\n", page.word(name)));
    };
    let digest = |digest: &str| format!("<code>sha256 {}</code>", escape(digest));
    fact(w::RUN, format!("<code>{}</code>", escape(&run.id)));
    fact(w::PHASE, escape(&run.phase.replace('_', " ")));
    fact(w::LAUNCHED, escape(&run.launched));
    fact(w::ENDED, run.ended.as_ref().map_or_else(|| page.word(w::GOING), |ended| escape(ended)));
    if let Some(work) = &run.local_work {
        let is_of_some = sites_per_round(page.report).is_some();
        fact(if is_of_some { w::LOCAL_WORK_IN_TURNS } else { w::LOCAL_WORK }, escape(work));
        if let Some(rule) = &run.robust {
            fact(w::ROBUST, escape(rule));
        }
    }
    if run.local_work.is_some() && !run.alone {
        let none = || page.word(if run.robust.is_some() { w::NO_OPTIMIZER_ROBUST } else { w::NO_OPTIMIZER });
        fact(w::SERVER_OPTIMIZER, run.server_optimizer.as_ref().map_or_else(none, |rule| escape(rule)));
    }
    fact(w::BASE_MODEL, escape(&run.model));
    fact(w::FINGERPRINT, digest(&origin.base_fingerprint));
    let published = page.report.rounds.iter().any(|round| round.published);
    let adapter = if published { digest(&run.adapter_digest) } else { page.word(w::NO_ADAPTER) };
    if !run.alone {
        fact(w::ADAPTER, adapter);
    }
    for (name, file) in [(w::VALIDATION_FILE, &origin.validation_file), (w::TEST_FILE, &origin.test_file)] {
        if let Some(file) = file {
            fact(name, digest(file));
        }
    }
    for suite in &page.report.suites {
        fact(c::SUITE, format!("{} {} {}", escape(&suite.name), digest(&suite.file), digest(&suite.records)));
    }
    let openings: Vec<String> =
        page.report.test_set_openings.iter().map(|opening| escape(&opening.at)).collect();
    let openings = if openings.is_empty() { page.word(w::NEVER_OPENED) } else { openings.join(", ") };
    fact(w::OPENED, openings);
    let timings = &page.report.timings;
    if let Some(run_s) = timings.run_s {
        fact(w::TIME, format::seconds(run_s));
    }
    if let Some(overhead) = timings.worst_round_overhead_s {
        fact(w::OVERHEAD, page.with(w::OVERHEAD_NOTE, &[&format!("{overhead:.2}")]));
    }
    fact(w::VERSION, format!("coordinator {}", escape(&origin.version)));
    page.section(w::PROVENANCE, None, &format!("<dl class=\"facts\">\n{facts}</dl>\n"))
}

pub(super) fn settings(page: &Page<'_>) -> String {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    };
    let settings = &page.report.provenance.settings;
    let facts: String = settings
        .iter()
        .map(|(key, set)| {
            format!("<dt><code>{}</code></dt><dd><code>{}</code></dd>\n", escape(key), value(set))
        })
        .collect();
    page.section(w::SETTINGS, Some(w::SETTINGS_LEAD), &format!("<dl class=\"facts\">\n{facts}</dl>\n"))
}
