//! What comes back from the machine with the officer's key. Used by `officer-key sign`, which writes it, and
//! by what wrote the request. Invariants: of one answer there is one file; it counts only for what was asked,
//! and only with the signature of the officer whom this site trusts.

use std::path::Path;

use certs::{OfficerKey, OfficerPublicKey};
use common::id::{Digest, RunId, SiteId};
use common::run::{signature_from_digits, signature_to_digits};
use serde::{Deserialize, Serialize};

use super::known::read_bounded;
use super::request::{Subject, VERSION, Wish};
use crate::error::SiteError;
use crate::limits::ANSWER_BYTES_MAX;
use crate::waiver::key_error;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    version: u16,
    site: SiteId,
    about: Answered,
    /// The officer's public key.
    key: Digest,
    /// 128 hexadecimal digits.
    signature: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answered {
    Run { run: RunId, terms: Digest, decision: Wish },
    Policy { policy: Digest },
}

impl From<&Subject> for Answered {
    fn from(subject: &Subject) -> Self {
        match subject {
            Subject::Run { manifest, digest, wish, .. } => {
                Self::Run { run: manifest.run, terms: *digest, decision: *wish }
            }
            Subject::Policy(policy) => Self::Policy { policy: policy.digest() },
        }
    }
}

impl Answer {
    /// Signs what was asked.
    ///
    /// # Errors
    /// What signing says.
    pub fn sign(key: &OfficerKey, site: SiteId, subject: &Subject) -> Result<Self, SiteError> {
        let signature = key.sign(&subject.statement(&site)).map_err(key_error)?;
        Ok(Self {
            version: VERSION,
            site,
            about: subject.into(),
            key: Digest(*key.public_key().map_err(key_error)?.as_bytes()),
            signature: signature_to_digits(&signature),
        })
    }

    /// The file.
    ///
    /// # Errors
    /// `Internal` when it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SiteError> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| SiteError::Internal(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The trusted officer's signature in a file, over exactly this.
    ///
    /// # Errors
    /// `Data`, with what is wrong; `Io`.
    pub fn accept(
        path: &Path,
        site: &SiteId,
        subject: &Subject,
        trusted: &OfficerPublicKey,
    ) -> Result<[u8; 64], SiteError> {
        let named = |reason: &str| SiteError::Data {
            sentence: format!("{} is not the answer: {reason}", path.display()),
            hint: Some("have the officer sign the request of this site: site-agent officer-key sign".into()),
        };
        let bytes =
            read_bounded(path, ANSWER_BYTES_MAX)?.ok_or_else(|| named("it is too long, or no file"))?;
        Self::check(&bytes, site, subject, trusted).map_err(named)
    }

    /// As [`Self::accept`], of a file's bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(
        bytes: &[u8],
        site: &SiteId,
        subject: &Subject,
        trusted: &OfficerPublicKey,
    ) -> Result<[u8; 64], &'static str> {
        let answer: Self = serde_json::from_slice(bytes).map_err(|_| "it cannot be read")?;
        if answer.version != VERSION {
            return Err("it is of another version of this program");
        }
        if answer.to_bytes().map_or(true, |written| written != bytes) {
            return Err("it was changed after it was written");
        }
        if &answer.site != site {
            return Err("it is for another site");
        }
        if answer.about != Answered::from(subject) {
            return Err("it is about another decision, another run or other terms");
        }
        if answer.key.0 != *trusted.as_bytes() {
            return Err("it is signed with another key than the one of the officer whom this site trusts");
        }
        let signature = signature_from_digits(answer.signature.as_bytes())
            .ok_or("its signature is not 128 hexadecimal digits")?;
        if trusted.verifies(&subject.statement(site), &signature) {
            Ok(signature)
        } else {
            Err("its signature does not hold")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::manifest;
    use super::*;
    use crate::policy::PolicyConfig;

    fn subject(wish: Wish) -> Subject {
        Subject::Run { manifest: Box::new(manifest()), launcher: None, digest: Digest([4; 32]), wish }
    }

    #[test]
    fn an_answer_counts_for_what_was_asked_and_for_nothing_else() {
        let (officer, other) = (OfficerKey::generate().unwrap(), OfficerKey::generate().unwrap());
        let (site, elsewhere) = ("cardiology".parse().unwrap(), "neurology".parse().unwrap());
        let trusted = officer.public_key().unwrap();
        let approve = subject(Wish::Approve);
        let answer = |key: &OfficerKey, site: &SiteId, subject: &Subject| {
            Answer::sign(key, site.clone(), subject).unwrap().to_bytes().unwrap()
        };
        let good = answer(&officer, &site, &approve);
        let signature = Answer::check(&good, &site, &approve, &trusted).unwrap();
        assert!(trusted.verifies(&approve.statement(&site), &signature));
        let other_terms = Subject::Run {
            manifest: Box::new(manifest()),
            launcher: None,
            digest: Digest([5; 32]),
            wish: Wish::Approve,
        };
        for (what, bytes) in [
            ("another key", answer(&other, &site, &approve)),
            ("another site", answer(&officer, &elsewhere, &approve)),
            ("another decision", answer(&officer, &site, &subject(Wish::Decline))),
            ("other terms", answer(&officer, &site, &other_terms)),
            ("a policy", answer(&officer, &site, &Subject::Policy(PolicyConfig::default()))),
        ] {
            assert!(Answer::check(&bytes, &site, &approve, &trusted).is_err(), "{what}");
        }
    }

    #[test]
    fn a_hostile_answer_is_refused() {
        let officer = OfficerKey::generate().unwrap();
        let (site, trusted) = ("cardiology".parse::<SiteId>().unwrap(), officer.public_key().unwrap());
        let approve = subject(Wish::Approve);
        let good = Answer::sign(&officer, site.clone(), &approve).unwrap();
        let text = String::from_utf8(good.to_bytes().unwrap()).unwrap();
        let digits = &good.signature;
        let last = if digits.ends_with('0') { "1" } else { "0" };
        let flipped = format!("{}{last}", &digits[..127]);
        for hostile in [
            String::new(),
            "[".repeat(4000),
            text.trim_end().to_owned(),
            text.replacen("\"version\":1", "\"version\":2", 1),
            text.replacen("{\"version\"", "{\"more\":1,\"version\"", 1),
            text.replacen("{\"version\"", "{ \"version\"", 1),
            text.replace(digits, &digits[..126]),
            text.replace(digits, &format!("+{}", &digits[1..])),
            text.replace(digits, &digits.to_uppercase()),
            text.replace(digits, &"é".repeat(64)),
            text.replace(digits, &flipped),
        ] {
            assert!(Answer::check(hostile.as_bytes(), &site, &approve, &trusted).is_err(), "{hostile}");
        }
    }
}
