//! A one-time token and a certificate request in, an operator's or auditor's certificate out. Called by
//! `enrolment` where the token is none of a site's. Invariants: as of sites (`issue`); and it is in the log
//! of acts before the certificate counts.

use certs::role::Member;
use certs::{RequestedKey, Role};
use common::clock::Timestamp;
use common::id::{Digest, SiteId};

use super::issue::Application;
use super::issuer::Issuer;
use crate::admin::acts::{Act, Acts, Draft, Holder, Step, Verb, Who};
use crate::error::Result;
use crate::store::{EnrolledHolder, Store, StoreError};

/// Answers one request with a certificate from `now` on.
///
/// # Errors
/// As `issue::enrol`; the log of acts cannot be written.
pub(super) fn enrol(
    store: &Store,
    acts: &Acts,
    issuer: &Issuer,
    application: &Application,
    now: Timestamp,
) -> Result<EnrolledHolder> {
    let Application { token, named, request_der } = application;
    let key =
        RequestedKey::from_csr(request_der).map_err(|error| StoreError::Certificate(error.to_string()))?;
    let mut asked = None;
    let note = |step, (role, name): (Role, &SiteId), der: &[u8], of| {
        let holder = Holder { name: name.clone(), certificate: Digest::of(der) };
        let who = Who::of(role, holder).ok_or(StoreError::TokenUnknown)?;
        let act = Act::on(Verb::Enrol, name);
        acts.note(&Draft { who: &who, act: &act, step, of }, now).map_err(|error| {
            tracing::error!(%error, "an enrolment cannot be written down, and is not done");
            StoreError::Certificate(error.to_string())
        })
    };
    let enrolled = store.enrol_holder(&token.hash(), named, key.pin(), now, |role, name| {
        let issued = issuer.issue_holder(Member { role, name: name.as_str() }, &key, now)?;
        asked = Some(note(Step::Asked, (role, name), &issued.der, None)?);
        Ok(issued)
    })?;
    if asked.is_some() {
        note(Step::Done, (enrolled.role, &enrolled.name), &enrolled.certificate.der, asked)?;
    }
    Ok(enrolled)
}
