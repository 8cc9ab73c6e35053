//! From keys and outcomes to a use for every record, and the manifest over the result. Called by
//! `room::inspect`. Pure.

use std::collections::HashSet;

use super::gather::Gathered;
use super::options::{RoomFile, RoomOptions};
use super::outcome::{InspectedRecord, Inspection, LikeRecord, RecordOutcome, counts};
use crate::dedup::{DuplicatePolicy, Duplicates, MatchKind};
use crate::error::Result;
use crate::manifest::{Manifest, Parts};
use crate::record::Record;
use crate::screen::selftest;
use crate::split::{self, Assignment, Side, SplitInput};

pub(super) fn divide(
    files: &[RoomFile],
    options: &RoomOptions,
    gathered: Gathered,
    duplicates: &Duplicates,
) -> Result<Inspection> {
    let Gathered { files: reports, mut records, people, compared, sample, .. } = gathered;
    let sample: Vec<Record> = sample.into_values().collect();
    let self_test = selftest::run(&sample, options.split.seed);
    drop(sample);
    let side =
        |inspected: &InspectedRecord| files.get(inspected.place.file as usize).and_then(|file| file.side);
    // A record that was not compared is a cluster of its own; numbers from here on are free.
    let mut clusters: Vec<u32> = (0u32..).skip(compared.len()).take(records.len()).collect();
    for (index, cluster) in compared.iter().zip(&duplicates.cluster) {
        if let Some(place) = clusters.get_mut(*index) {
            *place = *cluster;
        }
    }
    note_matches(&mut records, &compared, duplicates);
    drop_copies(&mut records, &compared, duplicates, options.duplicates, side);
    let used: Vec<usize> = records
        .iter()
        .enumerate()
        .filter(|(_, inspected)| inspected.outcome <= RecordOutcome::Warn && !inspected.is_dropped)
        .map(|(index, _)| index)
        .collect();
    let inputs: Vec<SplitInput<'_>> = used
        .iter()
        .filter_map(|index| {
            let (inspected, person) = (records.get(*index)?, people.get(*index)?);
            Some(SplitInput {
                content: inspected.content,
                cluster: *clusters.get(*index)?,
                patient: person.patient.as_deref(),
                date: person.date,
                stratum: inspected.stratum.as_deref(),
                given: side(inspected),
            })
        })
        .collect();
    let assigned = split::assign(&inputs, &options.split)?;
    drop(inputs);
    let mut leaves: Vec<([u8; 32], Assignment)> = Vec::with_capacity(used.len());
    let divided = assigned.assignment.iter().zip(&assigned.groups);
    for (index, (assignment, group)) in used.iter().zip(divided) {
        if let Some(inspected) = records.get_mut(*index) {
            (inspected.assignment, inspected.group) = (Some(*assignment), Some(*group));
            leaves.push((inspected.content, *assignment));
        }
    }
    let manifest = Manifest::new(Parts {
        used: &leaves,
        configuration: options.configuration(),
        scheme: assigned.scheme,
        seed: options.split.seed,
        self_test,
        counts: counts(&records),
    })?;
    Ok(Inspection {
        files: reports,
        records,
        pairs_left_out: duplicates.pairs_left_out,
        scheme: assigned.scheme,
        split: assigned.report,
        manifest,
    })
}

fn note_matches(records: &mut [InspectedRecord], compared: &[usize], duplicates: &Duplicates) {
    for found in &duplicates.matches {
        let (Some(record), Some(of)) = (compared.get(found.record as usize), compared.get(found.of as usize))
        else {
            continue;
        };
        if let Some(inspected) = records.get_mut(*record) {
            let (kind, similarity) = (found.kind, found.similarity);
            inspected.duplicate_of = Some(LikeRecord { record: *of, kind, similarity });
        }
    }
}

/// Leaves out all but the first of what the policy takes for one record, on each given side by itself:
/// between sides the split decides.
fn drop_copies(
    records: &mut [InspectedRecord],
    compared: &[usize],
    duplicates: &Duplicates,
    policy: DuplicatePolicy,
    side: impl Fn(&InspectedRecord) -> Option<Side>,
) {
    let mut first = HashSet::new();
    for (number, index) in (0u32..).zip(compared) {
        let Some(inspected) = records.get_mut(*index) else { continue };
        let same = match (policy, inspected.duplicate_of) {
            (DuplicatePolicy::Ignore | DuplicatePolicy::Keep, _) => return,
            (DuplicatePolicy::DropNear, _) => duplicates
                .cluster
                .get(number as usize)
                .and_then(|first| compared.get(*first as usize))
                .copied(),
            (DuplicatePolicy::DropCopies, Some(like)) if like.kind == MatchKind::SameRecord => {
                Some(like.record)
            }
            (DuplicatePolicy::DropCopies, _) => Some(*index),
        };
        inspected.is_dropped = !first.insert((same.unwrap_or(*index), side(inspected)));
    }
}
