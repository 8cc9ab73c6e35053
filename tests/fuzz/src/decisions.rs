//! What goes to the machine with the officer's key and comes back, and what a site's policy is read from, as
//! any bytes. Called by `targets/decisions` and, on stable Rust, by `tests/it/mutated.rs`. Invariants: no
//! panic; of one request and of one canonical policy there is one text; an answer that is taken bears the
//! officer's signature; what is refused is refused with a sentence.

use std::path::Path;

use certs::{OfficerKey, OfficerPublicKey};
use site_agent::cli::consent::answer::Answer;
use site_agent::cli::consent::request::{Request, Subject};
use site_agent::config::AgentConfig;
use site_agent::policy::{Approval, PolicyConfig};

/// Reads some bytes, and says whether they were what they pretend to be.
pub type Target = fn(&[u8]) -> bool;

/// Every kind of bytes, by its name, which is also that of the folder of its seeds.
pub const TARGETS: [(&str, Target); 4] = [
    ("approval_request", request),
    ("approval_answer", answer),
    ("policy", policy),
    ("agent_config", config),
];

/// The officer of the seeds; no site trusts them.
pub const OFFICER_KEY: &str = "consilium-officer-key MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=";
/// The site of the seeds.
pub const SITE: &str = "cardiology";

/// What the answers of the seeds answer.
pub fn asked() -> Subject {
    Subject::Policy(PolicyConfig { approval: Approval::Auto, ..PolicyConfig::default() })
}

fn request(bytes: &[u8]) -> bool {
    match Request::parse(bytes) {
        Ok((request, subject)) => {
            assert_eq!(request.to_bytes().ok().as_deref(), Some(bytes), "a second spelling");
            assert!(subject.statement(&request.site).len() > 60);
            true
        }
        Err(reason) => is_a_sentence(&reason),
    }
}

fn answer(bytes: &[u8]) -> bool {
    let (Ok(site), Some(trusted)) = (SITE.parse(), officer()) else { return false };
    match Answer::check(bytes, &site, &asked(), &trusted) {
        Ok(signature) => {
            assert!(trusted.verifies(&asked().statement(&site), &signature));
            true
        }
        Err(reason) => is_a_sentence(&reason),
    }
}

fn officer() -> Option<OfficerPublicKey> {
    OfficerKey::from_text(OFFICER_KEY).and_then(|key| key.public_key()).ok()
}

fn policy(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some(policy) = PolicyConfig::from_canonical(&text) else { return false };
    assert_eq!(policy.canonical(), text, "a second spelling");
    assert!(policy.validate().is_ok());
    true
}

/// `agent.toml`, whose `[policy]` is in force.
fn config(bytes: &[u8]) -> bool {
    match AgentConfig::parse(Path::new("agent.toml"), &String::from_utf8_lossy(bytes)) {
        Ok(config) => {
            assert!(PolicyConfig::from_canonical(&config.policy.canonical()).is_some());
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn is_a_sentence(error: &dyn std::fmt::Display) -> bool {
    assert!(!error.to_string().trim().is_empty());
    false
}
