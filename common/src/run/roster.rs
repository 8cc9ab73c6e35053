//! Who takes part in a run, each with the key that its certificate certifies, and the short code of them all.
//! Used by `manifest`, by the coordinator (writes it) and by the site (shows it, and looks for itself in it).
//! Invariants: names and keys stand in it once; the code depends on every name and key.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use crate::id::{Digest, SiteId};
use crate::limits::SITES_MAX;

/// What the code's bytes begin with.
const CODE_CONTEXT: &[u8] = b"consilium roster v1\0";
/// Groups of five digits in a code. 30 digits are 99 bits: whoever wants another roster with the same code
/// tries 2^99 of them.
const GROUPS: usize = 6;
/// A group is below this.
const GROUP_BELOW: u64 = 100_000;

/// The members of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster {
    /// Sorted by name.
    pub members: Vec<Member>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The name in its certificate.
    pub name: SiteId,
    /// SHA-256 of its certificate's public key (SubjectPublicKeyInfo, DER).
    pub key: Digest,
}

impl Roster {
    /// Whether it is one that a coordinator may write.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`]: nobody, too many, or a name or key twice.
    pub fn validate(&self) -> Result<(), RunError> {
        let count = self.members.len();
        bound((1..=SITES_MAX).contains(&count), "roster", count, "1 to 100 members")?;
        let in_order = self.members.is_sorted_by(|a, b| a.name < b.name);
        bound(in_order, "roster", count, "sorted by name, each once")?;
        let mut keys: Vec<&Digest> = self.members.iter().map(|member| &member.key).collect();
        keys.sort_unstable();
        keys.dedup();
        bound(keys.len() == count, "roster", count, "a key of its own for each")
    }

    /// The member of this name.
    pub fn member(&self, name: &SiteId) -> Option<&Member> {
        self.members.iter().find(|member| &member.name == name)
    }

    /// The short code that members compare by telephone: six groups of five digits, from SHA-256 over every
    /// name and key. Whoever holds the consortium's CA could invent members; two hospitals that read the same
    /// code to each other have the same members with the same keys in front of them.
    pub fn code(&self) -> String {
        let mut bytes = CODE_CONTEXT.to_vec();
        for member in &self.members {
            let name = member.name.as_str().as_bytes();
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&member.key.0);
        }
        let digest = Digest::of(&bytes);
        let groups = digest.0.as_chunks::<5>().0.iter().take(GROUPS);
        let digits = groups.map(|chunk| {
            let number = chunk.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            format!("{:05}", number % GROUP_BELOW)
        });
        digits.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(members: &[(&str, u8)]) -> Roster {
        let member =
            |(name, key): &(&str, u8)| Member { name: name.parse().unwrap(), key: Digest([*key; 32]) };
        Roster { members: members.iter().map(member).collect() }
    }

    #[test]
    fn the_code_depends_on_every_name_and_key_and_not_on_where_a_name_ends() {
        let code = roster(&[("a", 1), ("bc", 2)]).code();
        assert_eq!(code.len(), 35);
        assert!(code.split(' ').all(|group| group.len() == 5 && group.bytes().all(|b| b.is_ascii_digit())));
        for other in
            [&[("a", 1), ("bc", 3)][..], &[("a", 2), ("bc", 1)], &[("ab", 1), ("c", 2)], &[("a", 1)], &[]]
        {
            assert_ne!(roster(other).code(), code, "{other:?}");
        }
    }

    /// Written down once: officers on two versions of the program must read the same digits.
    #[test]
    fn the_code_stays_what_it_was() {
        assert_eq!(
            roster(&[("cardiology", 1), ("neurology", 2)]).code(),
            "11768 38458 97846 61702 35254 09256"
        );
    }

    #[test]
    fn nobody_is_in_it_twice() {
        assert!(roster(&[("a", 1), ("b", 2)]).validate().is_ok());
        for wrong in [&[][..], &[("b", 1), ("a", 2)], &[("a", 1), ("a", 2)], &[("a", 1), ("b", 1)]] {
            assert!(roster(wrong).validate().is_err(), "{wrong:?}");
        }
    }
}
