//! The one line an operator sends to a hospital: `consilium1://HOST:PORT/SITE/TOKEN/PIN`.
//!
//! Called by `coordinator invite` (prints) and `site-agent join` (parses).
//! Invariants: printing and parsing are inverse; every way of damaging the line gets its own message,
//! and no message repeats the token.

use std::fmt;

use zeroize::Zeroizing;

use crate::limits::ADDRESSES_MAX;
use crate::{error::CertError, pin::SpkiPin, profile, role::Role, token::JoinToken};

/// Everything a site needs to enrol.
#[derive(Clone)]
pub struct Invitation {
    /// `HOST:PORT` of the enrolment endpoint, or several with commas between; an IPv6 host is in brackets.
    pub address: String,
    /// The name under which the site was invited.
    pub site: String,
    pub token: JoinToken,
    /// The key of the consortium's CA.
    pub pin: SpkiPin,
}

impl Invitation {
    /// An invitation whose address and site name were checked.
    ///
    /// # Errors
    /// [`CertError::InvitationAddress`] or [`CertError::SiteName`] for an address or a name that cannot be
    /// used.
    pub fn new(address: &str, site: &str, token: JoinToken, pin: SpkiPin) -> Result<Self, CertError> {
        check_addresses(address)?;
        profile::check_site_name(site)?;
        Ok(Self { address: address.to_owned(), site: site.to_owned(), token, pin })
    }

    /// The line to print, wiped from memory when dropped.
    pub fn to_line(&self) -> Zeroizing<String> {
        self.to_line_for(Role::Site)
    }

    /// As [`Self::to_line`], for a member of any role: its scheme says which.
    pub fn to_line_for(&self, role: Role) -> Zeroizing<String> {
        let (token, scheme) = (self.token.to_text(), role.scheme());
        Zeroizing::new(format!("{scheme}{}/{}/{}/{}", self.address, self.site, token.as_str(), self.pin))
    }

    /// Reads a line; blanks around it are forgiven, nothing else is.
    ///
    /// # Errors
    /// One `CertError::Invitation...` for each way in which a line can be damaged, and
    /// [`CertError::SiteName`] for a site name that cannot be used.
    pub fn parse(line: &str) -> Result<Self, CertError> {
        Self::parse_for(Role::Site, line)
    }

    /// As [`Self::parse`], for a member of any role; a line for another role is refused.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_for(role: Role, line: &str) -> Result<Self, CertError> {
        let rest = line.trim().strip_prefix(role.scheme()).ok_or(CertError::InvitationScheme)?;
        let mut parts = rest.split('/');
        let mut part = |part: &'static str| {
            parts.next().filter(|text| !text.is_empty()).ok_or(CertError::InvitationPart { part })
        };
        let (address, site) = (part("address")?, part("site name")?);
        let (token, pin) = (part("token")?, part("pin")?);
        if parts.next().is_some() {
            return Err(CertError::InvitationTrailing);
        }
        let pin = pin.parse().map_err(|_| CertError::InvitationPin)?;
        Self::new(address, site, JoinToken::from_text(token)?, pin)
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("address", &self.address)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// The addresses in a list with commas between them.
pub fn addresses(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// Refuses what is not one to [`ADDRESSES_MAX`] addresses with commas between.
///
/// # Errors
/// [`CertError::InvitationAddress`] with what is wrong about the first bad one.
pub fn check_addresses(list: &str) -> Result<(), CertError> {
    if addresses(list).count() > ADDRESSES_MAX {
        return Err(CertError::InvitationAddress { reason: "there are more than 4" });
    }
    addresses(list).try_for_each(check_address)
}

/// Refuses what is not `host:port` with a host name, an IPv4 address or a bracketed IPv6 address.
///
/// # Errors
/// [`CertError::InvitationAddress`] with what is wrong about it.
pub fn check_address(address: &str) -> Result<(), CertError> {
    let refuse = |reason| Err(CertError::InvitationAddress { reason });
    let Some((host, port)) = address.rsplit_once(':') else {
        return refuse("it has no port");
    };
    if !matches!(port.parse::<u16>(), Ok(1..)) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse("its port is not a number from 1 to 65535");
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => refuse("its IPv6 address is not valid"),
        };
    }
    if host.is_empty() || host.len() > 253 {
        return refuse("its host is empty or longer than 253 characters");
    }
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return refuse("its host has characters that are in no host name (IPv6 needs [brackets])");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invitation(address: &str) -> Invitation {
        let token = JoinToken::from_bytes([7; 32]);
        Invitation::new(address, "hospital-a", token, SpkiPin::of_spki(b"ca")).unwrap()
    }

    #[test]
    fn lines_round_trip() {
        for address in [
            "127.0.0.1:4434",
            "coordinator.example.org:1",
            "[::1]:65535",
            "localhost:4434",
            "a.example.org:1,10.0.0.1:2,[::1]:3",
        ] {
            let made = invitation(address);
            let line = made.to_line();
            let read = Invitation::parse(&format!("  {}\n", line.as_str())).unwrap();
            assert_eq!((read.address.as_str(), read.site.as_str()), (address, "hospital-a"));
            assert_eq!((read.token.hash(), read.pin), (made.token.hash(), made.pin));
            assert!(!format!("{read:?}").contains(made.token.to_text().as_str()));
        }
    }

    #[test]
    fn a_line_for_one_role_is_none_for_another() {
        let made = invitation("127.0.0.1:4434");
        for role in Role::ALL {
            let line = made.to_line_for(role);
            for other in Role::ALL {
                let read = Invitation::parse_for(other, &line);
                assert_eq!(read.is_ok(), role == other, "{role} {other}");
            }
        }
    }

    #[test]
    fn each_kind_of_damage_has_its_own_message() {
        let line = invitation("127.0.0.1:4434").to_line().to_string();
        let token = JoinToken::from_bytes([7; 32]).to_text().to_string();
        let pin = SpkiPin::of_spki(b"ca").to_string();
        let error = |line: &str| Invitation::parse(line).unwrap_err();
        assert_eq!(error(""), CertError::InvitationScheme);
        assert_eq!(error(&line.replace("consilium1", "https")), CertError::InvitationScheme);
        assert_eq!(error(&line.replace("consilium1", "consilium2")), CertError::InvitationScheme);
        assert_eq!(error("consilium1://"), CertError::InvitationPart { part: "address" });
        assert_eq!(error("consilium1://h:1"), CertError::InvitationPart { part: "site name" });
        assert_eq!(error("consilium1://h:1/s"), CertError::InvitationPart { part: "token" });
        assert_eq!(error(&format!("consilium1://h:1/s/{token}")), CertError::InvitationPart { part: "pin" });
        assert_eq!(error(&format!("{line}/x")), CertError::InvitationTrailing);
        assert_eq!(error(&line.replace(&token, &token[1..])), CertError::InvitationToken);
        assert_eq!(error(&line.replace(&pin, &pin[..40])), CertError::InvitationPin);
        assert!(matches!(error(&line.replace("hospital-a", "Hospital A")), CertError::SiteName { .. }));
        for address in [
            "127.0.0.1",
            "h:0",
            "h:65536",
            "h:+1",
            ":1",
            "h h:1",
            "[::1:1",
            "::1:1",
            "[x]:1",
            "a:1,b",
            "a:1,,b:1",
            "a:1,a:1,a:1,a:1,a:1",
        ] {
            let line = line.replace("127.0.0.1:4434", address);
            assert!(matches!(error(&line), CertError::InvitationAddress { .. }), "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_read_without_panic(text in "\\PC{0,120}") {
            let _ = Invitation::parse(&text);
            let _ = Invitation::parse(&format!("consilium1://{text}"));
        }
    }
}
