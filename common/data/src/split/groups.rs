//! Records that must stay together: of one patient, of one cluster of duplicates, and whatever these connect.
//! Called by `split::assign`. Invariant: the list of groups and its order depend on contents and seed, not on
//! the order of the records.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use super::assignment::SplitInput;
use super::options::SplitOptions;
use crate::record::Date;

/// Records that stay together.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Their indices, ascending.
    pub(super) members: Vec<usize>,
    /// The group's place in a random order that only the seed and the contents decide.
    key: [u8; 32],
    /// The date of the latest member: what trains before a day must not know of later days.
    pub(super) latest: Option<Date>,
    /// The stratum of most members; on a tie the first by name.
    pub(super) stratum: Option<&'a str>,
}

impl Group<'_> {
    /// How many records the group has.
    pub(super) fn size(&self) -> u64 {
        self.members.len() as u64
    }
}

/// All groups, in the seed's random order.
pub(super) fn form<'a>(inputs: &[SplitInput<'a>], options: &SplitOptions) -> Vec<Group<'a>> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, root) in roots(inputs, options).into_iter().enumerate() {
        members.entry(root).or_default().push(index);
    }
    let mut groups: Vec<Group<'a>> =
        members.into_values().map(|members| describe(inputs, members, options)).collect();
    // The members decide only between groups of equal records that duplicates did not join.
    groups.sort_by(|left, right| {
        (left.key, left.latest, left.stratum, &left.members).cmp(&(
            right.key,
            right.latest,
            right.stratum,
            &right.members,
        ))
    });
    groups
}

/// For every record, the first record of its group.
fn roots(inputs: &[SplitInput<'_>], options: &SplitOptions) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..inputs.len()).collect();
    let mut clusters: HashMap<u32, usize> = HashMap::new();
    let mut patients: HashMap<&str, usize> = HashMap::new();
    for (index, input) in inputs.iter().enumerate() {
        join(&mut parent, *clusters.entry(input.cluster).or_insert(index), index);
        if let Some(patient) = input.patient.filter(|_| options.by_patient) {
            join(&mut parent, *patients.entry(patient.trim()).or_insert(index), index);
        }
    }
    (0..inputs.len()).map(|index| root(&mut parent, index)).collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while let Some(up) = parent.get(at).copied()
        && up != at
    {
        let next = parent.get(up).copied().unwrap_or(up);
        if let Some(place) = parent.get_mut(at) {
            *place = next;
        }
        at = next;
    }
    at
}

fn join(parent: &mut [usize], left: usize, right: usize) {
    let (left, right) = (root(parent, left), root(parent, right));
    if let Some(place) = parent.get_mut(left.max(right)) {
        *place = left.min(right);
    }
}

fn describe<'a>(inputs: &[SplitInput<'a>], members: Vec<usize>, options: &SplitOptions) -> Group<'a> {
    let inputs = || members.iter().filter_map(|index| inputs.get(*index));
    let least = inputs().map(|input| input.content).min().unwrap_or_default();
    let key = Sha256::new()
        .chain_update(b"consilium split v1\0")
        .chain_update(options.seed.to_le_bytes())
        .chain_update(least)
        .finalize()
        .into();
    let latest = inputs().filter_map(|input| input.date).max();
    let mut counts: BTreeMap<&'a str, usize> = BTreeMap::new();
    for stratum in inputs().filter_map(|input| input.stratum).filter(|_| options.by_stratum) {
        *counts.entry(stratum.trim()).or_default() += 1;
    }
    let stratum = counts.iter().rev().max_by_key(|(_, count)| **count).map(|(stratum, _)| *stratum);
    Group { key, latest, stratum, members }
}

/// Groups by stratum; each list keeps the groups' random order.
pub(super) fn strata<'a, 'g>(
    groups: &'g [Group<'a>],
) -> BTreeMap<Option<&'a str>, Vec<(usize, &'g Group<'a>)>> {
    let mut strata: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        strata.entry(group.stratum).or_default().push((index, group));
    }
    strata
}
