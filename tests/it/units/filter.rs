//! What a unit says, and its system-call filter as systemd 252 makes it. Used by `units`. Invariant: a name
//! that is not resolved is an error, as it is a hole in the unit.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use crate::support::repository;

/// `@system-service` of systemd 252, with numbers.
const SYSTEM_SERVICE: &str = include_str!("system-service.txt");
/// What the units name besides, with numbers.
const NAMED: [(&str, i64); 5] = [
    ("landlock_create_ruleset", 444),
    ("landlock_add_rule", 445),
    ("landlock_restrict_self", 446),
    ("seccomp", 317),
    ("unshare", 272),
];

const EPERM: u32 = 1;
const FAMILIES: [(&str, u64); 3] = [("AF_UNIX", 1), ("AF_INET", 2), ("AF_INET6", 10)];
/// Kinds of namespaces and the flags that make them.
const NAMESPACES: [(&str, u64); 7] = [
    ("mnt", 0x0002_0000),
    ("cgroup", 0x0200_0000),
    ("uts", 0x0400_0000),
    ("ipc", 0x0800_0000),
    ("user", 0x1000_0000),
    ("pid", 0x2000_0000),
    ("net", 0x4000_0000),
];

/// What happens to a call that is not in the list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// `SystemCallErrorNumber=EPERM`.
    Errno,
    /// What systemd does without that line.
    Kill,
}

/// A unit's settings.
pub(super) struct Unit {
    /// Section, key, value.
    lines: Vec<(String, String, String)>,
    calls: BTreeMap<String, i64>,
}

impl Unit {
    /// Of `deploy/systemd`.
    pub(super) fn read(name: &str) -> Result<Self> {
        let text = std::fs::read_to_string(repository().join(format!("deploy/systemd/{name}.service")))?;
        let mut section = String::new();
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else {
                let (key, value) = line.split_once('=').context("a line of a unit has a =")?;
                lines.push((section.clone(), key.to_owned(), value.to_owned()));
            }
        }
        let mut unit = Self { lines, calls: BTreeMap::new() };
        let filter = unit.value("Service", "SystemCallFilter").context("the unit has a filter")?;
        let mut calls = BTreeMap::new();
        for word in filter.split(' ') {
            calls.extend(resolve(word)?);
        }
        unit.calls = calls;
        Ok(unit)
    }

    /// A setting.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&str> {
        let found = self.lines.iter().find(|(of, name, _)| of == section && name == key);
        found.map(|(_, _, value)| value.as_str())
    }

    /// The same unit with a shorter list.
    pub(super) fn without(mut self, calls: &[&str]) -> Self {
        self.calls.retain(|name, _| !calls.contains(&name.as_str()));
        self
    }

    /// Puts this unit's filter on the calling thread, and with it on what that thread starts.
    pub(super) fn apply(&self, refusal: Refusal) -> Result<()> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            self.calls.values().map(|number| (*number, Vec::new())).collect();
        self.limit(&mut rules)?;
        let otherwise = match refusal {
            Refusal::Errno => SeccompAction::Errno(EPERM),
            Refusal::Kill => SeccompAction::KillProcess,
        };
        let filter = SeccompFilter::new(rules, otherwise, SeccompAction::Allow, TargetArch::x86_64)?;
        let program: BpfProgram = filter.try_into()?;
        Ok(apply_filter(&program)?)
    }

    /// `RestrictNamespaces=`, `RestrictAddressFamilies=` and `MemoryDenyWriteExecute=`, which are filters,
    /// too.
    fn limit(&self, rules: &mut BTreeMap<i64, Vec<SeccompRule>>) -> Result<()> {
        const WRITE_EXECUTE: u64 = 0x6;
        const EXECUTE: u64 = 0x4;
        let [mmap, mprotect, socket, clone, unshare] = [9, 10, 41, 56, 272];
        let families = self.values("RestrictAddressFamilies", &FAMILIES)?;
        let namespaces = self.values("RestrictNamespaces", &NAMESPACES)?;
        let closed = NAMESPACES.iter().map(|(_, bit)| *bit).filter(|bit| !namespaces.contains(bit));
        let closed = closed.fold(0, |bits, bit| bits | bit);
        let families = families.into_iter().map(|family| masked(0, u64::from(u32::MAX), family));
        rules.insert(socket, families.collect::<Result<_>>()?);
        rules.insert(clone, vec![masked(0, closed, 0)?]);
        if let Some(rule) = rules.get_mut(&unshare) {
            *rule = vec![masked(0, closed, 0)?];
        }
        if self.value("Service", "MemoryDenyWriteExecute") == Some("yes") {
            let harmless = [0, 0x2, EXECUTE].map(|bits| masked(2, WRITE_EXECUTE, bits));
            rules.insert(mmap, harmless.into_iter().collect::<Result<_>>()?);
            rules.insert(mprotect, vec![masked(2, EXECUTE, 0)?]);
        }
        Ok(())
    }

    /// The words of a setting as numbers; none for `yes`, which forbids all.
    fn values(&self, key: &str, known: &[(&str, u64)]) -> Result<Vec<u64>> {
        let words = self.value("Service", key).with_context(|| format!("the unit has {key}"))?;
        let number = |word: &str| {
            let found = known.iter().find(|(name, _)| *name == word);
            found.map(|(_, number)| *number).with_context(|| format!("{key}={word} is not known here"))
        };
        words.split(' ').filter(|word| *word != "yes").map(number).collect()
    }
}

/// Those bits of an argument that are in `mask` are `value`.
fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule> {
    let operator = SeccompCmpOp::MaskedEq(mask);
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

fn resolve(word: &str) -> Result<BTreeMap<String, i64>> {
    if word == "@system-service" {
        let lines = SYSTEM_SERVICE.lines().filter(|line| !line.starts_with('#'));
        let pair = |line: &str| {
            let (name, number) = line.split_once(' ').context("a name and a number")?;
            Ok((name.to_owned(), number.parse()?))
        };
        return lines.map(pair).collect();
    }
    let number = NAMED.iter().find(|(name, _)| *name == word);
    let (name, number) = number.with_context(|| format!("{word} is no call or group of systemd 252"))?;
    Ok(BTreeMap::from([((*name).to_owned(), *number)]))
}
