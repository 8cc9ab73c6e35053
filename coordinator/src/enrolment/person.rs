//! A one-time token and a certificate request in, an operator's or auditor's certificate out. Called by
//! `enrolment` where the token is none of a site's. Invariants: as of sites (`issue`); and it is in the log
//! of acts before the certificate counts.

use certs::RequestedKey;
use certs::role::Member;
use common::clock::Timestamp;
use common::id::Digest;

use super::issue::Application;
use super::issuer::Issuer;
use crate::admin::acts::{Act, Acts, Draft, Holder, Step, Verb, Who, result};
use crate::error::Result;
use crate::store::{EnrolledHolder, Store, StoreError};

/// Answers one request with a certificate from `now` on.
///
/// # Errors
/// As `issue::enrol` ([`Error::Store`]). Any other: the log of acts cannot be written, nothing was done, and
/// a repetition may succeed.
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
    let (mut asked, mut unwritten) = (None, None);
    let enrolled = store.enrol_holder(&token.hash(), named, key.pin(), now, |role, name| {
        let issued = issuer.issue_holder(Member { role, name: name.as_str() }, &key, now)?;
        let holder = Holder { name: name.clone(), certificate: Digest::of(&issued.der) };
        let who = Who::of(role, holder).ok_or(StoreError::TokenUnknown)?;
        let act = Act::on(Verb::Enrol, name);
        let noted = acts
            .quota()
            .take(&who, Verb::Enrol, Step::Asked, 2, now)
            .and_then(|()| acts.note(&Draft { who: &who, act: &act, step: Step::Asked, of: None }, now));
        match noted {
            Ok(number) => asked = Some((number, who, act)),
            Err(error) => {
                unwritten = Some(error);
                return Err(StoreError::InUse);
            }
        }
        Ok(issued)
    });
    if let Some(error) = unwritten {
        return Err(error);
    }
    if let Some((number, who, act)) = asked {
        result(acts, &who, &act, number, enrolled.is_ok(), now);
    }
    Ok(enrolled?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use certs::{CertificateAuthority, IdentityKey, JoinToken, Role, csr};

    use super::*;
    use crate::error::Error;
    use crate::state_folder::StateFolder;
    use crate::state_folder::authority::random_serial;
    use crate::state_folder::identity::Identity;

    #[test]
    fn what_cannot_be_written_down_burns_no_invitation() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&root.path().join("state"));
        folder.create().unwrap();
        let now = Timestamp(1_800_000_000_000);
        Identity::create(&folder, "test", now).unwrap();
        let store = Store::open(&folder.database()).unwrap();
        let acts = Acts::open(&folder).unwrap();
        let authority = CertificateAuthority::create("test", &random_serial().unwrap(), now.into()).unwrap();
        let issuer = Issuer::new(authority, Duration::from_secs(86_400));
        let (token, anna) = (JoinToken::from_bytes([5; 32]), "anna".parse().unwrap());
        store.invite_holder(Role::Auditor, &anna, &token.hash(), now.plus_ms(1_000), now).unwrap();
        let request_der = csr::create(&IdentityKey::generate().unwrap()).unwrap();
        let application = Application { token, named: "anna".into(), request_der };
        let ask = || enrol(&store, &acts, &issuer, &application, now);
        std::fs::write(acts.path(), b"nonsense\n").unwrap();
        let refused = ask().unwrap_err();
        assert!(matches!(refused, Error::ActsDamaged(_)), "{refused}: none that ends an invitation");
        acts.accept(&Who::here(), now).unwrap();
        let enrolled = ask().unwrap();
        assert!(enrolled.fresh && !ask().unwrap().fresh);
        let mut steps = Vec::new();
        acts.verify(&[], |record| steps.push((record.verb, record.step, record.of))).unwrap();
        assert_eq!(steps[2..], [(Verb::Enrol, Step::Asked, None), (Verb::Enrol, Step::Done, Some(2))]);
    }
}
