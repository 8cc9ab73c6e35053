//! What can go wrong between two ends, told apart so that an operator knows where to look and a site
//! knows whether to try again.
//!
//! Used by everything in `net`. Invariant: peers choose a close code, never a text that we show.

use std::io;
use std::net::SocketAddr;

use quinn::{ConnectError, ConnectionError, VarInt};

use crate::wire::codec::CodecError;

/// Application error codes of QUIC CONNECTION_CLOSE, RESET_STREAM and STOP_SENDING frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum CloseCode {
    /// Nothing is wrong; we are done.
    Done = 0,
    /// The certificate is not known here.
    NotAuthorised = 1,
    /// What was sent is not a message of this protocol.
    Malformed = 2,
    /// The coordinator stops, or has other keys from now on; come back.
    ShuttingDown = 3,
    /// As many connections as allowed are open.
    TooMany = 4,
    /// A newer connection of the same certificate took over.
    Superseded = 5,
    /// A deadline passed.
    Deadline = 6,
    /// The certificate was revoked, or its site has a newer one.
    Revoked = 7,
    /// The certificate is past its end, or not yet valid.
    Expired = 8,
}

impl CloseCode {
    /// Every code there is.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::NotAuthorised,
        Self::Malformed,
        Self::ShuttingDown,
        Self::TooMany,
        Self::Superseded,
        Self::Deadline,
        Self::Revoked,
        Self::Expired,
    ];

    pub(super) fn wire(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    fn from_wire(code: VarInt) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.wire() == code)
    }
}

/// What the coordinator finds wrong with our certificate, as its TLS alert says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateFault {
    /// Past its end, or before its beginning.
    Expired,
    /// Revoked, or its site has a newer one.
    Revoked,
    /// Issued by another CA.
    UnknownAuthority,
    /// None was presented.
    Missing,
    /// Anything else.
    Other,
}

impl CertificateFault {
    /// TLS alert numbers, RFC 8446 section 6.
    fn from_alert(alert: u64) -> Option<Self> {
        match alert {
            42 | 43 | 46 | 51 => Some(Self::Other),
            44 => Some(Self::Revoked),
            45 => Some(Self::Expired),
            48 => Some(Self::UnknownAuthority),
            116 => Some(Self::Missing),
            _ => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Expired => "it has expired, or a clock is wrong",
            Self::Revoked => "it was revoked, or the site has a newer one",
            Self::UnknownAuthority => "an authority issued it that is not, or no longer, taken there",
            Self::Missing => "none was sent",
            Self::Other => "it is not acceptable",
        }
    }
}

/// Why an exchange did not take place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// Address in use, or not ours.
    #[error("cannot open UDP socket {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
    /// DNS.
    #[error("the host name in `{address}` cannot be resolved")]
    Resolve { address: String },
    /// The host answered that nobody listens there.
    #[error("nothing listens at {address}")]
    NothingListens { address: SocketAddr },
    /// Silence.
    #[error("no answer from {address} within {waited_ms} ms")]
    NoAnswer { address: SocketAddr, waited_ms: u64 },
    /// Several addresses, and nobody at any of them.
    #[error("the coordinator answers at none of its addresses: {tried}")]
    NowhereReached { tried: String },
    /// The other end is full.
    #[error("the coordinator has no room for another connection now")]
    Refused,
    /// The coordinator rejects our certificate during the handshake.
    #[error("the coordinator refused our certificate: {}", .fault.words())]
    CertificateRefused { fault: CertificateFault },
    /// We reject the coordinator's certificate.
    #[error("the coordinator's certificate is refused: {reason}")]
    PeerCertificate { reason: String },
    /// The coordinator knows us no longer.
    #[error("the coordinator does not know this site's certificate")]
    NotAuthorised,
    /// The other end speaks no protocol of ours.
    #[error("the other end speaks another protocol")]
    WrongProtocol,
    /// The other end could not read what we sent.
    #[error("the coordinator could not read the message")]
    NotUnderstood,
    /// We could not read what the other end sent.
    #[error("the answer cannot be read")]
    MalformedAnswer,
    /// Another connection with our certificate took over.
    #[error("another connection with the same certificate took this one's place")]
    Superseded,
    /// The coordinator stops, or has other keys from now on.
    #[error("the coordinator ends all connections: it stops, or opens them anew")]
    ShuttingDown,
    /// No answer in time.
    #[error("no answer within {waited_ms} ms")]
    Deadline { waited_ms: u64 },
    /// The connection broke.
    #[error("the connection was lost: {reason}")]
    Lost { reason: String },
    /// Our own message cannot be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The TLS configuration cannot be used for QUIC.
    #[error("this TLS configuration cannot be used: {reason}")]
    Configuration { reason: String },
}

impl NetError {
    /// Whether the same exchange may succeed later, over a new connection.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::NothingListens { .. }
            | Self::NoAnswer { .. }
            | Self::NowhereReached { .. }
            | Self::Refused
            | Self::Superseded
            | Self::ShuttingDown
            | Self::Deadline { .. }
            | Self::Lost { .. } => true,
            Self::Bind { .. }
            | Self::CertificateRefused { .. }
            | Self::PeerCertificate { .. }
            | Self::NotAuthorised
            | Self::WrongProtocol
            | Self::NotUnderstood
            | Self::MalformedAnswer
            | Self::Codec(_)
            | Self::Configuration { .. } => false,
        }
    }

    /// Whether the person at the keyboard can put it right (exit code 1) or we must (exit code 2).
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Codec(_) | Self::Configuration { .. })
    }

    /// The next step, for the `hint:` line.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bind { .. } => "another process has this port, or the address is not this machine's",
            Self::Resolve { .. } => "check the spelling of the address and this machine's DNS",
            Self::NothingListens { .. } => "is `coordinator serve` running there, and on this port?",
            Self::NoAnswer { .. } | Self::NowhereReached { .. } => {
                "the host is down, or a firewall drops UDP: outgoing UDP to this address and port must be allowed"
            }
            Self::Refused | Self::ShuttingDown => "try again in a minute",
            Self::CertificateRefused { fault: CertificateFault::Expired } => {
                "check this machine's clock; if it is right, ask for a new invitation and join again"
            }
            Self::CertificateRefused { .. } | Self::NotAuthorised => {
                "ask the coordinator's operator; a new invitation lets this site join again"
            }
            Self::PeerCertificate { .. } => {
                "check this machine's clock and the address; do not go on before you know who answered"
            }
            Self::WrongProtocol => "is the port right? enrolment and run traffic have different ports",
            Self::NotUnderstood | Self::MalformedAnswer => {
                "install the same version at the site and at the coordinator"
            }
            Self::Superseded => "is a second site-agent running with a copy of this site's identity?",
            Self::Deadline { .. } | Self::Lost { .. } => {
                "the connection is retried; look at the network if this persists"
            }
            Self::Codec(_) | Self::Configuration { .. } => return None,
        })
    }

    /// Whether nobody was met: another address may lead to the coordinator all the same.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Bind { .. } | Self::NothingListens { .. } | Self::NoAnswer { .. })
    }

    /// Translates the end of a connection.
    pub(super) fn from_connection(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::from_close(close.error_code),
            ConnectionError::ConnectionClosed(close) => Self::from_alert_of_peer(u64::from(close.error_code)),
            ConnectionError::TransportError(fault) if is_alert(u64::from(fault.code)) => {
                Self::PeerCertificate { reason: fault.reason.clone() }
            }
            other => Self::Lost { reason: other.to_string() },
        }
    }

    fn from_close(code: VarInt) -> Self {
        match CloseCode::from_wire(code) {
            Some(CloseCode::NotAuthorised) => Self::NotAuthorised,
            Some(CloseCode::Revoked) => Self::CertificateRefused { fault: CertificateFault::Revoked },
            Some(CloseCode::Expired) => Self::CertificateRefused { fault: CertificateFault::Expired },
            Some(CloseCode::Malformed) => Self::NotUnderstood,
            Some(CloseCode::ShuttingDown) => Self::ShuttingDown,
            Some(CloseCode::TooMany) => Self::Refused,
            Some(CloseCode::Superseded) => Self::Superseded,
            Some(CloseCode::Done | CloseCode::Deadline) | None => {
                Self::Lost { reason: format!("closed by the other end with code {code}") }
            }
        }
    }

    fn from_alert_of_peer(code: u64) -> Self {
        /// RFC 9000 section 20.1.
        const CONNECTION_REFUSED: u64 = 0x2;
        /// RFC 7301.
        const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;
        match code {
            CONNECTION_REFUSED => Self::Refused,
            NO_APPLICATION_PROTOCOL => Self::WrongProtocol,
            code if is_alert(code) => match CertificateFault::from_alert(code - 0x100) {
                Some(fault) => Self::CertificateRefused { fault },
                None => Self::Lost { reason: format!("TLS alert {}", code - 0x100) },
            },
            code => Self::Lost { reason: format!("QUIC error {code:#x}") },
        }
    }

    pub(super) fn from_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::EndpointStopping => Self::ShuttingDown,
            other => Self::Configuration { reason: other.to_string() },
        }
    }
}

/// QUIC carries TLS alerts as 0x100 to 0x1ff (RFC 9001 section 4.8).
fn is_alert(code: u64) -> bool {
    (0x100..0x200).contains(&code)
}
