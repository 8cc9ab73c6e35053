//! The one role that a certificate has: what its DNS name ends with, and nothing else. Used by `profile` and
//! `peer`, by `invitation`, and by the coordinator, which asks it of every connection.
//! Invariant: a name has one role; a certificate of one role is never one of another.

use std::{fmt, str::FromStr, time::Duration};

use crate::error::CertError;

/// `<name>` plus this suffix is the one DNS name of a site's certificate.
pub const SITE_SUFFIX: &str = ".site.consilium.internal";
/// The same of an operator's.
pub const OPERATOR_SUFFIX: &str = ".operator.consilium.internal";
/// The same of an auditor's.
pub const AUDITOR_SUFFIX: &str = ".auditor.consilium.internal";
/// The same of a witness'.
pub const WITNESS_SUFFIX: &str = ".witness.consilium.internal";

/// Ninety days, for people: they are invited again, and a certificate on a lost laptop does not renew itself.
pub const PERSON_LIFETIME: Duration = Duration::from_secs(90 * 86_400);

/// What a member's certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A hospital: takes part in runs.
    Site,
    /// A person who runs the consortium from another machine.
    Operator,
    /// A person who reads what an operator reads, and changes nothing.
    Auditor,
    /// A person, or a machine, that reads heads, proofs and rosters, and cosigns heads.
    Witness,
}

impl Role {
    /// Every role there is.
    pub const ALL: [Self; 4] = [Self::Site, Self::Operator, Self::Auditor, Self::Witness];

    /// How the DNS name of its certificates ends.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Site => SITE_SUFFIX,
            Self::Operator => OPERATOR_SUFFIX,
            Self::Auditor => AUDITOR_SUFFIX,
            Self::Witness => WITNESS_SUFFIX,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Witness => "witness",
        }
    }

    /// How an invitation for it begins.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Site => "consilium1://",
            Self::Operator => "consilium-operator1://",
            Self::Auditor => "consilium-auditor1://",
            Self::Witness => "consilium-witness1://",
        }
    }

    /// Role and name that a DNS name says. Whether a member may be called so is for the caller to check.
    ///
    /// # Errors
    /// [`CertError::Certificate`] for a name with no role's suffix, and for one with more labels than it.
    pub fn of_dns_name(dns_name: &str) -> Result<(Self, &str), CertError> {
        let nobody = CertError::Certificate { what: "certificate", reason: "it is no member's" };
        let mut found =
            Self::ALL.into_iter().filter_map(|role| Some((role, dns_name.strip_suffix(role.suffix())?)));
        let (role, name) = found.next().ok_or_else(|| nobody.clone())?;
        if name.is_empty() || name.contains('.') { Err(nobody) } else { Ok((role, name)) }
    }
}

/// Who a certificate is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// What it is for.
    pub role: Role,
    /// The name on record.
    pub name: &'a str,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = CertError;

    fn from_str(word: &str) -> Result<Self, CertError> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or(CertError::Role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_one_role_is_of_no_other() {
        for role in Role::ALL {
            let dns_name = format!("anna{}", role.suffix());
            assert_eq!(Role::of_dns_name(&dns_name), Ok((role, "anna")));
            assert_eq!(role.word().parse::<Role>(), Ok(role));
            for other in Role::ALL.into_iter().filter(|other| *other != role) {
                assert!(!dns_name.ends_with(other.suffix()), "{role} {other}");
                // A member cannot be invited under a name that makes it another one.
                let both = format!("anna{}{}", other.suffix(), role.suffix());
                assert!(Role::of_dns_name(&both).is_err(), "{both}");
                assert_ne!(role.scheme(), other.scheme());
            }
        }
        for odd in ["", "anna", "coordinator.consilium.internal", ".operator.consilium.internal", "member"] {
            assert!(Role::of_dns_name(odd).is_err(), "{odd}");
            assert!(odd.parse::<Role>().is_err(), "{odd}");
        }
    }
}
