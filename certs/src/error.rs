//! The one error type of this crate. Every variant is one sentence, with a hint for the command line.
//!
//! Called by everything here; the binaries turn it into exit codes and `hint:` lines.
//! Invariant: no message contains a token, a private key, or bytes the peer chose.

use thiserror::Error;

/// What went wrong with an identity, and whose mistake it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertError {
    #[error("the {what} is not a readable PEM file")]
    Pem { what: &'static str },
    #[error("the {what} could not be read: {reason}")]
    Certificate { what: &'static str, reason: &'static str },
    #[error("the private key cannot be used: it must be an ECDSA P-256 key in PKCS#8")]
    Key,
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    #[error("the certificate authority expired; it can issue nothing any more")]
    AuthorityExpired,
    #[error("the certificate request is refused: {reason}")]
    Csr { reason: &'static str },
    #[error("the name {name:?} cannot be used: 1 to 32 of a-z, 0-9 and '-', starting with a letter")]
    SiteName { name: String },
    #[error("there is no such role: site, operator, auditor and witness are all there are")]
    Role,
    #[error("the consortium name is empty, longer than 64 characters, or contains control characters")]
    ConsortiumName,
    #[error("the certificate lifetime of {lifetime_s} s is outside 1 minute to 397 days")]
    Lifetime { lifetime_s: u64 },
    #[error("this is not an invitation: it must start with consilium1://")]
    InvitationScheme,
    #[error("the invitation is incomplete: its {part} is missing")]
    InvitationPart { part: &'static str },
    #[error("the invitation has more parts than an invitation has")]
    InvitationTrailing,
    #[error("the invitation's address is not HOST:PORT: {reason}")]
    InvitationAddress { reason: &'static str },
    #[error("the invitation's token is damaged: it must be 43 characters of base64url")]
    InvitationToken,
    #[error("the invitation's pin is damaged: it must be 43 characters of base64url")]
    InvitationPin,
    #[error("the pin is damaged: it must be 43 characters of base64url")]
    Pin,
    #[error("the join token is not the one that was issued")]
    TokenWrong,
    #[error("the join token has expired")]
    TokenExpired,
    #[error("the answer of the coordinator is refused: {reason}")]
    Enrolment { reason: &'static str },
    #[error("what the coordinator shows does not lead to the consortium's authority")]
    Lineage,
    #[error("the revocation list is refused: {reason}")]
    Revocations { reason: &'static str },
    #[error("the receipt's signature does not verify")]
    ReceiptSignature,
    #[error("it does not bear the signature of the operator whose certificate it has")]
    LaunchSignature,
    #[error("the signature over the release is not that of an operator over what stands there")]
    ReleaseSignature,
    #[error("the receipt key could not be read")]
    ReceiptKey,
    #[error(
        "this is not the privacy officer's key: the file must hold the one line that `site-agent officer-key new` wrote"
    )]
    OfficerKey,
    #[error("this is no key for ledger heads: the file must hold the one line that `site-agent join` wrote")]
    LedgerKey,
    #[error("this is no verifier key: it must be NAME+ID+KEY, with an id that belongs to the key")]
    VerifierKey,
    #[error("it is no signed note: {reason}")]
    Note { reason: &'static str },
    #[error("it has no signature of this key that holds")]
    NoteSignature,
    #[error(
        "this is no witness' key: the file must hold the one line that `site-agent witness init` or `coordinator witness init` wrote"
    )]
    WitnessKey,
    #[error(
        "this is no verifier key of a witness: it must be NAME+ID+KEY, with an id that belongs to the key"
    )]
    WitnessVerifier,
    #[error("it has no cosignature that counts: {reason}")]
    Cosignature { reason: &'static str },
    #[error("this is no key in the form of age")]
    AgeKey,
    #[error("it is no file that age opens with this key: {reason}")]
    Age { reason: &'static str },
    #[error("the passphrase is not the one that the key was sealed with")]
    PassphraseWrong,
    #[error("the sealed key is damaged: {reason}")]
    Sealed { reason: &'static str },
    #[error(
        "the sealed key asks for 2^{log_n} steps of scrypt, which no key of ours does, or which this machine has not the memory for"
    )]
    WorkFactor { log_n: u8 },
    #[error("the TLS configuration could not be built: {0}")]
    Tls(String),
    #[error("signing failed: {0}")]
    Signing(String),
    #[error("the operating system gave no random bytes")]
    Randomness,
}

impl CertError {
    /// Whether the person at the keyboard can put it right (exit code 1) or we must (exit code 2).
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Tls(_) | Self::Signing(_) | Self::Randomness)
    }

    /// Whether the same call may succeed later with nothing changed.
    pub fn retry_helps(&self) -> bool {
        matches!(self, Self::Randomness)
    }

    /// The next step, for the `hint:` line of the command line.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Pem { .. } | Self::Certificate { .. } | Self::Key | Self::ReceiptKey => {
                "restore the file from a backup; a site can instead delete its identity folder and join again"
            }
            Self::KeyMismatch => {
                "key and certificate come from different installations; restore both together"
            }
            Self::AuthorityExpired => {
                "create a new consortium with `coordinator init` and invite the sites again"
            }
            Self::Csr { .. } => "join again with the site-agent of this version",
            Self::SiteName { .. } => "choose a short lower-case name such as hospital-a",
            Self::Role => "give one of these words",
            Self::ConsortiumName => "choose a name of 1 to 64 printable characters",
            Self::Lifetime { .. } => "30 days is the default",
            Self::InvitationScheme
            | Self::InvitationPart { .. }
            | Self::InvitationTrailing
            | Self::InvitationAddress { .. }
            | Self::InvitationToken
            | Self::InvitationPin
            | Self::Pin => "copy the whole line that `coordinator invite SITE` printed, in one piece",
            Self::TokenWrong | Self::TokenExpired => {
                "ask the coordinator's operator for a new line from `coordinator invite SITE`"
            }
            Self::Enrolment { .. } | Self::Lineage => {
                "do not go on: check the invitation with the coordinator's operator over another channel"
            }
            Self::ReceiptSignature => {
                "keep the receipt and report it: it was altered or signed by another key"
            }
            Self::Revocations { .. } => {
                "ask the coordinator's operator what `coordinator crl show` says, and look at both clocks"
            }
            Self::OfficerKey => {
                "restore the file from a backup, or make a new key with `site-agent officer-key new`"
            }
            Self::LaunchSignature => {
                "launch the run again with `coordinator --context NAME launch`, as the operator whom the context is for"
            }
            Self::ReleaseSignature => "have an operator sign it again with `coordinator release sign`",
            Self::LedgerKey => "restore identity/ledger.key from a backup of the state folder",
            Self::VerifierKey => "copy the whole line that `site-agent ledger checkpoint --key` printed",
            Self::Note { .. } | Self::NoteSignature => {
                "give a file that `site-agent ledger checkpoint --out FILE` wrote, and the key that was written down then"
            }
            Self::WitnessKey => {
                "restore the file from a backup, or make another key, and tell who asks for it"
            }
            Self::WitnessVerifier => {
                "give a name without blanks and without +; of a key the whole line that `site-agent witness show` prints"
            }
            Self::Cosignature { .. } => {
                "ask the witness for the cosigned head, or for its verifier key once more, on another way"
            }
            Self::AgeKey => {
                "a recipient begins with age1, a private key with AGE-SECRET-KEY-1: `site-agent ledger escrow new-key` makes both"
            }
            Self::Age { .. } => "use the private key whose recipient stood in agent.toml then",
            Self::PassphraseWrong => {
                "give the passphrase of these keys; one that is lost is lost, and a backup of the sealed keys does not help (certs/README.md)"
            }
            Self::Sealed { .. } => "restore the file from a backup; the passphrase is still needed",
            Self::WorkFactor { .. } => {
                "restore the file from a backup; at most 2^18 steps are taken, in 256 MiB of memory"
            }
            Self::Tls(_) | Self::Signing(_) => return None,
            Self::Randomness => "try again; if it persists, the machine's /dev/urandom is not usable",
        })
    }
}
