//! Whether a held-out part of a split is like the training part, in length, in departments, and in how hard
//! it is for the base model. Called by `advice`. Each statistic comes with how often chance alone makes it so
//! large; all take records for independent, which records of one patient, kept together by the split, are not
//! quite.

use std::collections::BTreeMap;

use super::piece::Advice;
use super::statistic::{chi_square_tail, kolmogorov_tail};
use crate::room::InspectedRecord;
use crate::split::{Assignment, Side};

/// With a smaller effective number of records the limit distribution is not near (Stephens 1970).
const EFFECTIVE_LEAST: f64 = 4.0;
/// Cochran's rule: each cell of the table expects at least so many.
const EXPECTED_LEAST: f64 = 5.0;

/// What can be said of one part; nothing where it or training is empty or too small.
pub(super) fn of(used: &[&InspectedRecord], part: Side) -> Vec<Advice> {
    let side = |wanted: Side| -> Vec<&InspectedRecord> {
        let is_on = |record: &&&InspectedRecord| record.assignment == Some(Assignment::Side(wanted));
        used.iter().filter(is_on).copied().collect()
    };
    let (train, held_out) = (side(Side::Train), side(part));
    let records = held_out.len() as u64;
    let lengths = |records: &[&InspectedRecord]| -> Vec<f64> {
        records.iter().map(|record| f64::from(record.characters)).collect()
    };
    let length = distance(lengths(&train), lengths(&held_out)).map(|(distance, p)| Advice::LengthDrift {
        part,
        records,
        distance,
        p,
    });
    let department = chi_square(&table(&train, &held_out))
        .map(|(chi_square, degrees, p)| Advice::DepartmentDrift { part, records, chi_square, degrees, p });
    length.into_iter().chain(department).collect()
}

/// What can be said of a part by the base model's losses, in nats per token of each record's answers; nothing
/// where it or training is too small.
pub(super) fn of_losses(losses: &[(Side, f64)], part: Side) -> Option<Advice> {
    let side = |wanted: Side| -> Vec<f64> {
        losses.iter().filter(|(side, _)| *side == wanted).map(|(_, loss)| *loss).collect()
    };
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (train, held_out) = (side(Side::Train), side(part));
    let (train_nats, nats, records) = (mean(&train), mean(&held_out), held_out.len() as u64);
    let (distance, p) = distance(train, held_out)?;
    Some(Advice::LossDrift { part, records, train_nats, nats, distance, p })
}

/// The two-sample Kolmogorov-Smirnov distance, and how often chance makes it so large: Stephens' formula
/// (1970). Values that are alike make the tail too large, never too small.
pub(super) fn distance(mut one: Vec<f64>, mut other: Vec<f64>) -> Option<(f64, f64)> {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let effective = n * m / (n + m);
    // Of nothing at all it is no number.
    if effective.is_nan() || effective < EFFECTIVE_LEAST {
        return None;
    }
    one.sort_unstable_by(f64::total_cmp);
    other.sort_unstable_by(f64::total_cmp);
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while let (Some(left), Some(right)) = (one.get(i), other.get(j)) {
        let value = left.min(*right);
        i += one.iter().skip(i).take_while(|one| **one <= value).count();
        j += other.iter().skip(j).take_while(|one| **one <= value).count();
        largest = largest.max((i as f64 / n - j as f64 / m).abs());
    }
    let root = effective.sqrt();
    Some((largest, kolmogorov_tail((root + 0.12 + 0.11 / root) * largest)))
}

/// Records of training and of the part, by department; those that name none are not counted.
fn table(train: &[&InspectedRecord], held_out: &[&InspectedRecord]) -> Vec<[u64; 2]> {
    let mut table: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for (column, records) in [train, held_out].into_iter().enumerate() {
        for name in records.iter().filter_map(|record| record.stratum.as_deref()) {
            if let Some(count) = table.entry(name.trim()).or_default().get_mut(column) {
                *count += 1;
            }
        }
    }
    table.into_values().collect()
}

/// Pearson's test that two columns have the same distribution, its degrees of freedom and tail. Rows too
/// rare for it are taken together.
pub(super) fn chi_square(table: &[[u64; 2]]) -> Option<(f64, u32, f64)> {
    let sum = |column: usize| table.iter().filter_map(|row| row.get(column)).sum::<u64>() as f64;
    let sums = [sum(0), sum(1)];
    let all = sums[0] + sums[1];
    let least = sums[0].min(sums[1]);
    let is_enough = |row: &[u64; 2]| (row[0] + row[1]) as f64 * least / all >= EXPECTED_LEAST;
    let mut rows: Vec<[u64; 2]> = table.iter().copied().filter(is_enough).collect();
    let rare = table.iter().filter(|row| !is_enough(row)).fold([0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
    if is_enough(&rare) {
        rows.push(rare);
    } else if let Some(smallest) = rows.iter_mut().min_by_key(|row| row[0] + row[1]) {
        *smallest = [smallest[0] + rare[0], smallest[1] + rare[1]];
    }
    let degrees = u32::try_from(rows.len()).ok()?.checked_sub(1).filter(|degrees| *degrees > 0)?;
    let statistic: f64 = rows
        .iter()
        .flat_map(|row| row.iter().zip(sums).map(move |(seen, sum)| (row, *seen as f64, sum)))
        .map(|(row, seen, sum)| {
            let expected = (row[0] + row[1]) as f64 * sum / all;
            (seen - expected).powi(2) / expected
        })
        .sum();
    Some((statistic, degrees, chi_square_tail(statistic, degrees)))
}
