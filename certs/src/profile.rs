//! What each certificate says. This file alone decides names, usages and lifetimes.
//!
//! Called by `ca` when it signs. A request never reaches this file: only a public key, a site name
//! taken from the invitation's record, a serial number and the time do.
//! Invariants: only an authority has CA:TRUE (path length 0; of a bridge from one to the next, as many
//! bridges as may follow); a member's certificate is good for client authentication only, the coordinator's
//! for server authentication only.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use crate::{
    error::CertError,
    limits::{
        CONSORTIUM_NAME_CHARACTERS_MAX, LIFETIME_S_MAX, LIFETIME_S_MIN, PREDECESSORS_MAX, SITE_NAME_BYTES_MAX,
    },
    role::Member,
    serial::SerialNumber,
};

/// The fixed logical name in the coordinator's certificate. Sites verify this name whatever address
/// they dial, so that a consortium can move to another host without new certificates.
pub const COORDINATOR_NAME: &str = "coordinator.consilium.internal";

/// What the organisational unit of a later authority's subject begins with; its number follows.
pub(crate) const GENERATION: &str = "authority ";

const DAY: Duration = Duration::from_secs(86_400);
/// Clocks of hospitals differ a little; step-ca backdates by the same minute.
const BACKDATE: Duration = Duration::from_secs(60);
/// Ten years: longer than most studies; `coordinator authority roll` makes the next.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3650 * 86_400);
/// One year; `coordinator serve` issues a new one before it runs out.
pub const SERVER_LIFETIME: Duration = Duration::from_secs(365 * 86_400);
/// Thirty days, the default for sites.
pub const SITE_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// Refuses a name that is not 1 to 32 of a-z, 0-9 and `-`, from a letter on and not ending with `-`. Such a
/// name is a DNS label and a folder name.
///
/// # Errors
/// [`CertError::SiteName`] with the first 80 characters of the name.
pub fn check_site_name(name: &str) -> Result<(), CertError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (1..=SITE_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-');
    if good { Ok(()) } else { Err(CertError::SiteName { name: name.chars().take(80).collect() }) }
}

/// The consortium's own certificate. The number `generation` of an authority that follows another, from 2
/// on, stands in its subject, so that people and programs tell the two apart.
pub(crate) fn authority(
    consortium: &str,
    generation: u32,
    serial: &SerialNumber,
    now: SystemTime,
) -> Result<CertificateParams, CertError> {
    let length = consortium.chars().count();
    if !(1..=CONSORTIUM_NAME_CHARACTERS_MAX).contains(&length) || consortium.chars().any(char::is_control) {
        return Err(CertError::ConsortiumName);
    }
    let mut params = blank(consortium, serial, now, AUTHORITY_LIFETIME);
    if generation > 1 {
        let unit = format!("{GENERATION}{generation}");
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    }
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The bridge: the certificate of a next authority that the one before it signs (RFC 4210, section 4.4: "new
/// with old"). Bridges of later rollovers may stand between it and a leaf. It holds from `from` on, when the
/// signing authority began: it vouches for a key, and a clock that was fast when it was made must not matter.
pub(crate) fn bridge(
    consortium: &str,
    generation: u32,
    serial: &SerialNumber,
    from: SystemTime,
) -> Result<CertificateParams, CertError> {
    let mut params = authority(consortium, generation, serial, from)?;
    params.not_before = whole_seconds(from);
    let bridges = u8::try_from(PREDECESSORS_MAX - 1).unwrap_or(u8::MAX);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(bridges));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The coordinator's server certificate.
pub(crate) fn server(serial: &SerialNumber, now: SystemTime) -> Result<CertificateParams, CertError> {
    let mut params = blank(COORDINATOR_NAME, serial, now, SERVER_LIFETIME);
    leaf(&mut params, COORDINATOR_NAME, ExtendedKeyUsagePurpose::ServerAuth)?;
    Ok(params)
}

/// A member's client certificate.
pub(crate) fn member(
    Member { role, name }: Member<'_>,
    serial: &SerialNumber,
    now: SystemTime,
    lifetime: Duration,
) -> Result<CertificateParams, CertError> {
    check_site_name(name)?;
    if !(Duration::from_secs(LIFETIME_S_MIN)..=Duration::from_secs(LIFETIME_S_MAX)).contains(&lifetime) {
        return Err(CertError::Lifetime { lifetime_s: lifetime.as_secs() });
    }
    let mut params = blank(name, serial, now, lifetime);
    leaf(&mut params, &format!("{name}{}", role.suffix()), ExtendedKeyUsagePurpose::ClientAuth)?;
    Ok(params)
}

/// When to ask for a new certificate: after two thirds of its life.
pub fn renewal_time(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or(DAY);
    not_before + life * 2 / 3
}

/// When a certificate that was not renewed is late: a day after its time, or an eighth of the rest where its
/// life is short. A site tries once an hour.
pub fn renewal_late(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or(DAY);
    renewal_time(not_before, not_after) + DAY.min(life / 24)
}

fn blank(common_name: &str, serial: &SerialNumber, now: SystemTime, lifetime: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Consilium");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(rcgen::SerialNumber::from_slice(serial.as_bytes()));
    params.not_before = whole_seconds(now - BACKDATE);
    params.not_after = whole_seconds(now + lifetime);
    params
}

fn leaf(
    params: &mut CertificateParams,
    dns_name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> Result<(), CertError> {
    let name = dns_name.try_into().map_err(|_| CertError::SiteName { name: dns_name.to_owned() })?;
    params.subject_alt_names = vec![SanType::DnsName(name)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(())
}

/// X.509 times have no fractions of a second.
fn whole_seconds(at: SystemTime) -> OffsetDateTime {
    let at = OffsetDateTime::from(at);
    at - Duration::from_nanos(u64::from(at.nanosecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_names_are_dns_labels() {
        for good in ["a", "hospital-a", "h3", &"x".repeat(32)] {
            assert!(check_site_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a b", "a/b", "医院", "a\0", "3rd", &"x".repeat(33)] {
            assert!(matches!(check_site_name(bad), Err(CertError::SiteName { .. })), "{bad}");
        }
    }

    #[test]
    fn renewal_is_at_two_thirds() {
        let start = SystemTime::UNIX_EPOCH;
        assert_eq!(renewal_time(start, start + 30 * DAY), start + 20 * DAY);
        assert_eq!(renewal_late(start, start + 30 * DAY), start + 21 * DAY);
        assert_eq!(renewal_late(start, start + DAY), start + DAY * 17 / 24, "an hour");
    }
}
