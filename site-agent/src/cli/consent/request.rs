//! What goes to the machine with the officer's key: a decision about a run with the run's terms, or a policy.
//! Used by `decide` and `policy sign`, which write it, and by `officer-key sign`, which reads it.
//!
//! Invariants: of one request there is one file; what is signed is computed from what is shown, never taken
//! from the file; terms in it bear the signature of the key in it.

use std::path::Path;

use certs::ReceiptPublicKey;
use common::id::{Digest, RunId, SiteId};
use common::run::RunManifest;
use serde::{Deserialize, Serialize};

use super::known::read_bounded;
use crate::error::SiteError;
use crate::gateway::consent::{Terms, policy_statement, statement, verified_terms};
use crate::gateway::store::consent::{Choice, RunDecision};
use crate::limits::{REQUEST_BYTES_MAX, RUN_MANIFEST_BYTES_MAX};
use crate::policy::launcher::Launcher;
use crate::policy::{Approval, PolicyConfig};

/// Version of requests and answers.
pub(in crate::cli) const VERSION: u16 = 1;

/// What a person may decide about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Approve,
    Decline,
    Withdraw,
}

impl Wish {
    #[must_use]
    pub fn choice(self) -> Choice {
        match self {
            Self::Approve => Choice::Approved,
            Self::Decline => Choice::Declined,
            Self::Withdraw => Choice::Withdrawn,
        }
    }

    /// What the question before it says.
    #[must_use]
    pub fn question(self, run: RunId) -> String {
        match self {
            Self::Approve => format!("this site takes part in run {run} on exactly these terms"),
            Self::Decline => format!("this site does not take part in run {run}"),
            Self::Withdraw => format!("this site leaves run {run} for good"),
        }
    }
}

/// The request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    version: u16,
    /// Whose decision it is.
    pub site: SiteId,
    pub about: Asked,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Asked {
    Run(RunAsked),
    Policy(PolicyAsked),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunAsked {
    pub decision: Wish,
    /// The file of terms, signature included.
    pub terms: String,
    /// The coordinator's key, as this site knows it.
    pub receipt_key: Digest,
    /// Of this site's policy, for the words.
    pub update_mantissa_bits: u32,
    pub overlap: bool,
    /// Not in requests about runs that do not ask, nor where the policy says no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_scores: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyAsked {
    /// Its canonical text.
    pub policy: String,
}

/// What a request comes to when it is read: what to show, and what to sign.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    Run { manifest: Box<RunManifest>, launcher: Option<Launcher>, digest: Digest, wish: Wish },
    Policy(PolicyConfig),
}

impl Subject {
    /// The bytes that the officer signs for a site.
    #[must_use]
    pub fn statement(&self, site: &SiteId) -> Vec<u8> {
        match self {
            Self::Run { manifest, digest, wish, .. } => {
                statement(site, &RunDecision::new(manifest.run, *digest, wish.choice()))
            }
            Self::Policy(policy) => policy_statement(site, policy.digest()),
        }
    }
}

impl Request {
    #[must_use]
    pub fn new(site: SiteId, about: Asked) -> Self {
        Self { version: VERSION, site, about }
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

    /// Reads what [`Self::to_bytes`] wrote, and checks all that can be checked without the site.
    ///
    /// # Errors
    /// `Data`, with what is wrong; `Io`.
    pub fn read(path: &Path) -> Result<(Self, Subject), SiteError> {
        let named = |reason: String| refused(format!("{} is no request: {reason}", path.display()));
        let bytes = read_bounded(path, REQUEST_BYTES_MAX)?
            .ok_or_else(|| named(format!("it is no file of at most {REQUEST_BYTES_MAX} bytes")))?;
        Self::parse(&bytes).map_err(named)
    }

    /// As [`Self::read`], of a file's bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Subject), String> {
        let request: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read ({error})"))?;
        if request.version != VERSION {
            return Err(format!("it has version {}, this program reads {VERSION}", request.version));
        }
        // Other spaces, another order, a field twice: all of that ends here.
        if request.to_bytes().map_err(|error| error.to_string())? != bytes {
            return Err("it was changed after it was written".to_owned());
        }
        let subject = request.subject()?;
        Ok((request, subject))
    }

    fn subject(&self) -> Result<Subject, String> {
        match &self.about {
            Asked::Policy(asked) => PolicyConfig::from_canonical(&asked.policy)
                // What asks run by run needs no signature, and must get none that another day gives meaning.
                .filter(|policy| policy.approval == Approval::Auto)
                .map(Subject::Policy)
                .ok_or_else(|| {
                    "the policy in it is not one of this version, makes no sense, or does not say \"auto\""
                        .to_owned()
                }),
            Asked::Run(asked) => {
                let bytes = asked.terms.as_bytes();
                if bytes.len() as u64 > RUN_MANIFEST_BYTES_MAX {
                    return Err("the terms in it are too long".to_owned());
                }
                let key = ReceiptPublicKey::from_bytes(asked.receipt_key.0);
                let of_terms = |reason| format!("of the terms in it: {reason}");
                let Terms { signed, launcher } = verified_terms(bytes, &key).map_err(of_terms)?;
                let manifest = signed.manifest;
                manifest
                    .validate()
                    .map_err(|error| format!("the terms in it are out of bounds ({error})"))?;
                if manifest.roster.member(&self.site).is_none() {
                    return Err(format!("{} is not a member of the run in it", self.site));
                }
                let digest = Digest::of(bytes);
                let wish = asked.decision;
                Ok(Subject::Run { manifest: Box::new(manifest), launcher, digest, wish })
            }
        }
    }
}

fn refused(sentence: String) -> SiteError {
    SiteError::Data {
        sentence,
        hint: Some(
            "have the site write it again: site-agent approve RUN --request FILE; sign nothing else".into(),
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use certs::ReceiptSigningKey;
    use common::run::SignedManifest;

    use super::super::words::tests::manifest;
    use super::*;

    /// A request of the site `cardiology` about a run that this key signed.
    pub(in crate::cli::consent) fn request(signer: &ReceiptSigningKey, manifest: RunManifest) -> Request {
        let signature = signer.sign(&manifest.statement().unwrap()).unwrap();
        let terms =
            String::from_utf8(SignedManifest { manifest, signature, launched_by: None }.to_bytes().unwrap())
                .unwrap();
        let asked = RunAsked {
            decision: Wish::Approve,
            terms,
            receipt_key: Digest(*signer.public_key().unwrap().as_bytes()),
            update_mantissa_bits: 12,
            overlap: true,
            own_scores: false,
        };
        Request::new("cardiology".parse().unwrap(), Asked::Run(asked))
    }

    #[test]
    fn a_request_is_read_back_and_what_is_signed_is_computed_from_it() {
        let signer = ReceiptSigningKey::generate().unwrap();
        let written = request(&signer, manifest());
        let (read, subject) = Request::parse(&written.to_bytes().unwrap()).unwrap();
        assert_eq!(read, written);
        let Asked::Run(asked) = &written.about else { unreachable!() };
        let digest = Digest::of(asked.terms.as_bytes());
        let expected = statement(&written.site, &RunDecision::new(manifest().run, digest, Choice::Approved));
        assert_eq!(subject.statement(&written.site), expected);
        let policy = PolicyConfig { approval: Approval::Auto, ..PolicyConfig::default() };
        let asked = Asked::Policy(PolicyAsked { policy: policy.canonical() });
        let written = Request::new("cardiology".parse().unwrap(), asked);
        let (_, subject) = Request::parse(&written.to_bytes().unwrap()).unwrap();
        assert_eq!(subject.statement(&written.site), policy_statement(&written.site, policy.digest()));
    }

    /// Each of these must be refused, and none may crash.
    #[test]
    fn a_hostile_request_is_refused_with_a_reason() {
        let signer = ReceiptSigningKey::generate().unwrap();
        let good = request(&signer, manifest());
        let text = String::from_utf8(good.to_bytes().unwrap()).unwrap();
        assert!(Request::parse(text.as_bytes()).is_ok());
        let elsewhere = Request { site: "radiology".parse().unwrap(), ..good.clone() };
        let mut wide = manifest();
        wide.training.learning_rate = 7.0;
        let unbounded = request(&signer, wide);
        let other = ReceiptSigningKey::generate().unwrap();
        let mut forged = good.clone();
        if let Asked::Run(asked) = &mut forged.about {
            asked.receipt_key = Digest(*other.public_key().unwrap().as_bytes());
        }
        let bytes = |request: &Request| String::from_utf8(request.to_bytes().unwrap()).unwrap();
        let policy = |text: &str| {
            let asked = Asked::Policy(PolicyAsked { policy: text.to_owned() });
            bytes(&Request::new("cardiology".parse().unwrap(), asked))
        };
        for (what, hostile) in [
            ("empty", String::new()),
            ("no JSON", "{".repeat(100_000)),
            ("another version", text.replacen("\"version\":1", "\"version\":2", 1)),
            ("no line end", text.trim_end().to_owned()),
            ("a blank more", text.replacen("\"version\":1", "\"version\": 1", 1)),
            ("a field more", text.replacen("{\"version\"", "{\"note\":1,\"version\"", 1)),
            ("a field twice", text.replacen("{\"version\":1", "{\"version\":1,\"version\":1", 1)),
            ("another decision", text.replacen("\"approve\"", "\"revoke\"", 1)),
            ("other terms", text.replacen("\\\"rounds\\\":3", "\\\"rounds\\\":9", 1)),
            ("another coordinator", bytes(&forged)),
            ("another site", bytes(&elsewhere)),
            ("terms out of bounds", bytes(&unbounded)),
            ("a policy that is none", policy("{}")),
            ("a policy that asks", policy(&PolicyConfig::default().canonical())),
            ("a policy in other words", policy(&format!("{} ", PolicyConfig::default().canonical()))),
            ("not text", "\u{0}\u{ffff}".repeat(10)),
        ] {
            assert_ne!(hostile, text, "{what}");
            let reason = Request::parse(hostile.as_bytes()).unwrap_err();
            assert!(!reason.is_empty() && reason.len() < 400, "{what}: {reason}");
        }
    }

    #[test]
    fn what_is_too_long_or_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("request");
        std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        for path in [path.as_path(), folder.path(), Path::new("/dev/zero")] {
            let error = Request::read(path).unwrap_err();
            assert!(error.to_string().contains("no request") && error.hint().is_some(), "{error}");
        }
    }
}
