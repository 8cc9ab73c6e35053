//! Whose hand a run must have been launched by: `operators` of `[policy]`. Used by `policy` and by `terms`.
//! Invariant: a name is never taken for a key, nor a key for a name.

use std::fmt;
use std::str::FromStr;

use common::id::{Digest, SiteId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::launcher::Launcher;

/// An operator that this site takes runs from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// By name, as the consortium's authority vouches for it.
    Name(SiteId),
    /// By the key itself, whatever the authority says: SHA-256 of the public key.
    Key(Digest),
}

impl Operator {
    /// Whether it is this one.
    pub(super) fn is(&self, launcher: &Launcher) -> bool {
        match self {
            Self::Name(name) => *name == launcher.name,
            Self::Key(key) => *key == launcher.key,
        }
    }

    /// As it fits in a column of a table.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Name(name) => name.to_string(),
            Self::Key(key) => key.short(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}

impl FromStr for Operator {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A name has at most 32 characters, a key 64.
        text.parse()
            .map(Self::Key)
            .or_else(|_| text.parse().map(Self::Name))
            .map_err(|_| "an operator's name, or the 64 hexadecimal digits of an operator's key")
    }
}

impl Serialize for Operator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Operator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PolicyConfig, PolicyRule};
    use super::*;

    #[test]
    fn a_list_names_operators_or_their_keys_and_an_empty_one_takes_any_run() {
        let anna = Launcher { name: "anna".parse().unwrap(), key: Digest([0xab; 32]) };
        let policy = |operators: &[&str]| PolicyConfig {
            operators: operators.iter().map(|text| text.parse().unwrap()).collect(),
            ..PolicyConfig::default()
        };
        let key = "ab".repeat(32);
        for allowed in [&["anna"][..], &["otto", "anna"], &[&key], &[]] {
            assert_eq!(policy(allowed).permits_launcher(Some(&anna)), Ok(()), "{allowed:?}");
        }
        let refused = Err(PolicyRule::Operators);
        for other in [&["otto"][..], &[&"cd".repeat(32)], &["otto", "ann"]] {
            assert_eq!(policy(other).permits_launcher(Some(&anna)), refused, "{other:?}");
        }
        // Nobody but the coordinator signed it.
        assert_eq!(policy(&["anna"]).permits_launcher(None), refused);
        assert_eq!(policy(&[]).permits_launcher(None), Ok(()));
        for odd in ["", "Anna", "a b", &"ab".repeat(33), &"AB".repeat(32)] {
            assert!(odd.parse::<Operator>().is_err(), "{odd}");
        }
    }

    #[test]
    fn a_policy_without_the_list_has_the_text_that_it_always_had() {
        let before = PolicyConfig::default().canonical();
        assert!(!before.contains("operators"), "{before}");
        let with = PolicyConfig { operators: vec!["anna".parse().unwrap()], ..PolicyConfig::default() };
        let text = with.canonical();
        assert!(text.ends_with(r#","operators":["anna"]}"#), "{text}");
        assert_eq!(PolicyConfig::from_canonical(&text), Some(with));
        assert_eq!(PolicyConfig::from_canonical(&before.replace('}', r#","operators":[]}"#)), None);
    }
}
