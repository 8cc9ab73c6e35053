//! Identity of the consortium: its certificate authority, what each certificate says, one-time join
//! tokens, certificate requests, invitations, TLS configurations and signed receipts.
//!
//! Called by the coordinator (issues, verifies) and by the site agent (requests, pins, presents).
//! A leaf crate: it takes strings, bytes, times and randomness, touches no file and opens no socket.
//! There is one crypto provider, aws-lc-rs, always passed explicitly: no process default is installed.

pub mod age;
pub mod ca;
pub mod crl;
pub mod csr;
pub mod error;
pub mod invitation;
pub mod key;
pub mod launch;
pub mod ledger_key;
pub mod limits;
pub mod lineage;
pub mod note;
pub mod officer;
pub mod peer;
pub mod pin;
pub mod profile;
pub mod provider;
pub mod random;
pub mod receipt;
pub mod release;
pub mod role;
pub mod sealed;
pub mod serial;
pub mod tls;
pub mod token;
pub mod witness_key;

pub use age::{AgeIdentity, AgeRecipient};
pub use ca::{CertificateAuthority, IssuedCertificate};
pub use crl::RevocationList;
pub use csr::RequestedKey;
pub use error::CertError;
pub use invitation::Invitation;
pub use key::IdentityKey;
pub use ledger_key::LedgerKey;
pub use lineage::{Lineage, Predecessor};
pub use note::cosignature::WitnessVerifier;
pub use note::{Note, VerifierKey};
pub use officer::{OfficerKey, OfficerPublicKey};
pub use peer::PeerCertificate;
pub use pin::SpkiPin;
pub use receipt::{ReceiptPublicKey, ReceiptSigningKey};
pub use role::Role;
pub use serial::SerialNumber;
pub use tls::TlsIdentity;
pub use token::{JoinToken, TokenHash};
pub use witness_key::WitnessKey;
