//! A policy for a person: every key with its value, and what its signature means. Used by `policy`, and by
//! `officer-key sign` on a machine without a site. Pure.

use super::page::Page;
use crate::cli::table;
use crate::policy::{Approval, PolicyConfig};

/// The policy for a person: every key with its value, and what its digest is.
pub(in crate::cli) fn describe(page: &mut Page, policy: &PolicyConfig) {
    page.heading("[policy]");
    let mut rows = Vec::new();
    if let Ok(keys) = policy.every_key() {
        for (key, value) in keys {
            rows.push(vec![format!("  {key}"), value.to_string()]);
        }
    }
    for line in table::render(&rows).lines() {
        page.as_it_is(line);
    }
    page.heading("What is signed");
    page.row("digest", &policy.digest().to_string());
    page.row("", "the SHA-256 of the canonical text, which `policy show --json` prints at the site");
    if policy.approval == Approval::Auto {
        page.row("means", "runs within these limits are approved without asking anybody");
    }
}
