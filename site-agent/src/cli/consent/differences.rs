//! In what two runs differ, key by key. Used by `runs` and by what asks an officer. Pure. Invariant: every
//! key of the terms is compared but what every run has anew: its number, and key and list of the comparison
//! with held-out questions, of which the length is compared. Tensors are compared as one.

use std::collections::BTreeMap;

use common::id::Digest;
use common::run::RunManifest;
use common::terminal::visible;
use serde_json::Value;

/// One key: what it was in the earlier terms and what it is in these; `None` where it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Difference {
    pub(in crate::cli) key: String,
    pub(in crate::cli) was: Option<String>,
    pub(in crate::cli) is: Option<String>,
}

/// From the earlier terms to these.
pub(in crate::cli) fn between(earlier: &RunManifest, these: &RunManifest) -> Vec<Difference> {
    let (before, now) = (keys(earlier), keys(these));
    let mut all: Vec<&String> = before.keys().chain(now.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let differing = all.into_iter().filter(|key| before.get(*key) != now.get(*key));
    differing
        .map(|key| Difference { key: key.clone(), was: before.get(key).cloned(), is: now.get(key).cloned() })
        .collect()
}

fn keys(manifest: &RunManifest) -> BTreeMap<String, String> {
    let mut value = serde_json::to_value(manifest).unwrap_or_default();
    let mut found = BTreeMap::new();
    if let Some(object) = value.as_object_mut() {
        object.remove("run");
        // Drawn for each run: two that differ in nothing else would look as if they did.
        if let Some(overlap) = object.get_mut("overlap").and_then(Value::as_object_mut) {
            overlap.remove("public_key");
            overlap.remove("set");
        }
        let tensors = object.remove("tensors").unwrap_or_default();
        let digest = Digest::of(tensors.to_string().as_bytes());
        let count = tensors.as_array().map_or(0, Vec::len);
        found.insert("tensors".to_owned(), format!("{count} ({})", digest.short()));
        // By name: a member more is one difference and not one of all that stand behind it.
        object.remove("roster");
        for member in manifest.members() {
            found.insert(format!("roster.{}", member.name), format!("key {}", member.key));
        }
        // As the roster; what they are called is anybody's text.
        object.remove("suites");
        for suite in &manifest.suites {
            let text = format!("file {} records {}", suite.file, suite.records);
            found.insert(format!("suites.{}", visible(&suite.name)), text);
        }
    }
    flatten("", &value, &mut found);
    found
}

fn flatten(prefix: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    let Value::Object(object) = value else {
        if !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.insert(prefix.to_owned(), text);
        }
        return;
    };
    for (key, inner) in object {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        flatten(&path, inner, found);
    }
}

#[cfg(test)]
mod tests {
    use common::run::{OverlapTerms, SuiteTerms};

    use super::super::words::tests::manifest;
    use super::*;

    #[test]
    fn only_what_differs_is_named_and_a_member_by_name() {
        let earlier = manifest();
        let mut these = manifest();
        these.run = common::id::RunId([9; 8]);
        assert_eq!(between(&earlier, &these), []);
        let drawn = |byte| OverlapTerms {
            public_key: common::id::Point([byte; 32]),
            set: Digest([byte; 32]),
            set_bytes: 7,
        };
        let with = |byte| RunManifest { overlap: Some(drawn(byte)), ..manifest() };
        assert_eq!(between(&with(1), &with(2)), [], "each run has them anew");
        these.rounds = 9;
        these.training.learning_rate = 1e-3;
        these.roster.members.remove(0);
        these.tensors.pop();
        let (file, records) = (Digest([2; 32]), Digest([3; 32]));
        these.suites = vec![SuiteTerms { name: "exam\u{202e}".into(), file, records }];
        these.overlap = Some(drawn(1));
        let found = between(&earlier, &these);
        let keys: Vec<&str> = found.iter().map(|difference| difference.key.as_str()).collect();
        let expected = [
            "overlap.set_bytes",
            "roster.cardiology",
            "rounds",
            "suites.exam\\u{202e}",
            "tensors",
            "training.learning_rate",
        ];
        assert_eq!(keys, expected);
        assert_eq!((found[1].was.is_some(), found[1].is.clone()), (true, None), "who left");
        assert_eq!((found[2].was.as_deref(), found[2].is.as_deref()), (Some("3"), Some("9")));
    }
}
