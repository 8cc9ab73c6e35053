//! How many records a department has, beside what the reference wants of it. Called by `advice`.

use std::collections::BTreeMap;

use super::piece::{Advice, DEPARTMENT_LEAST};
use crate::limits::{ADVICE_DEPARTMENTS_MAX, FIELD_NAME_BYTES_MAX, FIELD_RECORDS_MIN};
use crate::room::InspectedRecord;

/// What the reference wants of a department that it gives no numbers of its own.
const USUAL: [u64; 2] = [1_000, 2_000];
/// Departments with numbers of their own, by a part of their names: cardiology; chest and gut.
const OWN: [(&[&str], [u64; 2]); 2] = [
    (&["心血管", "心内", "cardio"], [1_000, 1_500]),
    (&["呼吸", "胸", "chest", "pulmo", "respir", "消化", "胃肠", "gastro", "gut"], [800, 1_000]),
];

/// Of the records that are trained on.
pub(super) fn of(used: &[&InspectedRecord]) -> Vec<Advice> {
    let mut named: BTreeMap<&str, u64> = BTreeMap::new();
    let trained = used.iter().filter(|record| record.is_trained());
    let mut all = 0;
    for record in trained {
        all += 1;
        if let Some(name) = record.stratum.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            *named.entry(name).or_default() += 1;
        }
    }
    if named.is_empty() {
        let [least, most] = USUAL;
        return if all > 0 { vec![Advice::Amount { records: all, least, most }] } else { Vec::new() };
    }
    let mut by_size: Vec<(&str, u64)> = named.into_iter().collect();
    by_size.sort_by_key(|(name, records)| (std::cmp::Reverse(*records), *name));
    // The name of one that few records have may be of a patient.
    let is_common = |(_, records): &&(&str, u64)| *records >= FIELD_RECORDS_MIN;
    let shown = by_size.iter().filter(is_common).take(ADVICE_DEPARTMENTS_MAX);
    let mut advice: Vec<Advice> = shown.map(|(name, records)| department(name, *records)).collect();
    let small = by_size.iter().filter(|(_, records)| *records < DEPARTMENT_LEAST).count() as u64;
    if small > 0 {
        advice.push(Advice::SmallDepartments { departments: small, of: by_size.len() as u64 });
    }
    if let [(_, largest), .., (_, smallest)] = by_size.as_slice() {
        advice.push(Advice::Balance { largest: *largest, smallest: *smallest });
    }
    advice
}

fn department(name: &str, records: u64) -> Advice {
    let lower = name.to_lowercase();
    let own = OWN.iter().find(|(parts, _)| parts.iter().any(|part| lower.contains(part)));
    let [least, most] = own.map_or(USUAL, |(_, wanted)| *wanted);
    let name = name[..name.floor_char_boundary(FIELD_NAME_BYTES_MAX)].to_owned();
    Advice::Department { name, records, least, most }
}
