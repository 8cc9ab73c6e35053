//! The two messages of enrolment: one request, one answer, on their own endpoint and ALPN.
//!
//! Used by `site-agent join`, which asks, and the coordinator's enrolment, which answers. The request is the
//! only thing a site sends before it has a certificate; it is recorded in the ledger as kind `join`.
//! Invariants: the token is wiped when the request is dropped and never shown by `Debug`; field and variant
//! order are the wire format.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// What a site says to become a member.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// [`super::message::PROTOCOL_VERSION`] of the site.
    pub protocol: u16,
    /// The secret of the invitation.
    pub token: [u8; 32],
    /// The name in the invitation.
    pub site: String,
    /// PKCS#10 in DER. Only its public key is believed.
    pub csr: Vec<u8>,
}

impl fmt::Debug for JoinRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let csr_bytes = self.csr.len();
        formatter
            .debug_struct("JoinRequest")
            .field("site", &self.site)
            .field("csr_bytes", &csr_bytes)
            .finish_non_exhaustive()
    }
}

impl Drop for JoinRequest {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

/// What the coordinator answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinResponse {
    /// Welcome.
    Accepted(Membership),
    /// No.
    Refused(JoinRefusal),
}

/// Everything a new member needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The site's certificate, DER.
    pub certificate: Vec<u8>,
    /// The consortium's CA, DER; the site checks it against the pin.
    pub authority: Vec<u8>,
    /// `HOST:PORT` of run traffic.
    pub run_address: String,
    /// Ed25519 public key that verifies the coordinator's receipts.
    pub receipt_key: [u8; 32],
}

/// Why a site does not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum JoinRefusal {
    /// Never issued, withdrawn, or for another site: an outsider cannot tell which.
    #[error("the coordinator does not know this invitation")]
    TokenUnknown,
    /// Too late.
    #[error("the invitation has expired")]
    TokenExpired,
    /// Used with another key than the one in this request.
    #[error("the invitation was already used by another installation")]
    TokenUsed,
    /// Not PKCS#10, not ECDSA P-256, or its signature is wrong.
    #[error("the coordinator cannot read the certificate request")]
    RequestInvalid,
    /// Another protocol version.
    #[error("the coordinator speaks protocol version {supported}")]
    ProtocolVersion {
        /// The version the coordinator speaks.
        supported: u16,
    },
    /// The coordinator failed; the operator sees why. Worth a retry with the same invitation.
    #[error("the coordinator failed to answer")]
    Internal,
}

impl JoinRefusal {
    /// Whether the same invitation may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec;

    fn request() -> JoinRequest {
        JoinRequest { protocol: 1, token: [9; 32], site: "ab".to_owned(), csr: vec![0x30, 0] }
    }

    #[test]
    fn a_request_is_these_bytes() {
        let mut expected = vec![1];
        expected.extend_from_slice(&[9; 32]);
        expected.extend_from_slice(&[2, b'a', b'b', 2, 0x30, 0]);
        let bytes = codec::encode(&request()).unwrap();
        assert_eq!(bytes, expected);
        assert_eq!(codec::decode::<JoinRequest>(&bytes).unwrap(), request());
        assert!(codec::decode::<JoinRequest>(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn answers_have_these_first_bytes() {
        let membership = Membership {
            certificate: vec![1],
            authority: vec![2],
            run_address: "h:1".to_owned(),
            receipt_key: [3; 32],
        };
        let cases = [
            (JoinResponse::Accepted(membership), vec![0, 1, 1, 1, 2, 3, b'h', b':', b'1']),
            (JoinResponse::Refused(JoinRefusal::TokenUnknown), vec![1, 0]),
            (JoinResponse::Refused(JoinRefusal::ProtocolVersion { supported: 2 }), vec![1, 4, 2]),
        ];
        for (answer, first) in cases {
            let bytes = codec::encode(&answer).unwrap();
            assert_eq!(bytes[..first.len()], first);
            assert_eq!(codec::decode::<JoinResponse>(&bytes).unwrap(), answer);
        }
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let shown = format!("{:?}", request());
        assert!(!shown.contains('9') && !shown.contains("token"), "{shown}");
    }
}
