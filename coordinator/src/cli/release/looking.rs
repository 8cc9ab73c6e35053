//! What the state folder and a draft say together. Used by the subcommands of `release`. Invariants: the
//! review is read anew each time, never what an earlier command made of it; an operator counts who is active
//! and whose certificate is the newest.

use std::path::Path;

use certs::{Role, tls};
use common::clock::{Clock as _, SystemClock, Timestamp};
use common::language::Language;

use crate::admin::acts::Acts;
use crate::cli::{offline, review};
use crate::error::Result;
use crate::export::release::assess::{Assessment, Vouching, assess};
use crate::export::release::collect::{Collected, Place, collect};
use crate::export::release::draft::{Draft, Evidence};
use crate::export::release::statement::Signer;
use crate::state_folder::{StateFolder, authority};
use crate::store::Store;

/// A draft, beside what is known now.
pub(super) struct Looked {
    pub(super) draft: Draft,
    pub(super) collected: Collected,
    pub(super) assessment: Assessment,
    pub(super) authority_pem: String,
    pub(super) now: Timestamp,
}

/// What is known of a run now.
pub(super) fn collected(folder: &StateFolder, evidence: &Evidence, now: Timestamp) -> Result<Collected> {
    let (store, runs) = offline::open_runs(folder)?;
    let acts = Acts::open(folder)?;
    let state = runs.choose(Some(&evidence.run.to_string()))?;
    let tables = [evidence.questionnaire.as_deref(), evidence.utility.as_deref()];
    let graded = evidence.review.as_ref().map(|review| review::graded(review, tables, 0)).transpose()?;
    let place = Place { folder, store: &store, runs: &runs, acts: &acts, now };
    collect(&place, &state, graded.as_ref())
}

/// Of a draft.
pub(super) fn look(folder: &StateFolder, draft: &Path) -> Result<Looked> {
    let now = SystemClock.now();
    let evidence = Evidence::read(draft)?;
    let draft = Draft::open(draft)?;
    let collected = collected(folder, &evidence, now)?;
    let authority_pem = authority::certificate_pem(folder)?;
    let authority_der = tls::certificate_from_pem(&authority_pem)?;
    let holders = Store::open(&folder.database())?.holders()?;
    let counts = |signer: &Signer| {
        holders.iter().any(|holder| {
            holder.role == Role::Operator
                && holder.status == "active"
                && holder.name.as_str() == signer.name
                && holder.certificate_der.as_deref() == Some(&signer.certificate_der)
        })
    };
    let vouching = Vouching { authority_der: &authority_der, at: now, counts: &counts };
    let assessment = assess(&draft, &collected, &vouching, Language::En);
    Ok(Looked { draft, collected, assessment, authority_pem, now })
}
