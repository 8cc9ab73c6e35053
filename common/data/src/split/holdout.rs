//! One division into training, validation and test. Called by `split::assign`. Integers only, so that every
//! machine rounds alike.

use super::assignment::{Assignment, Side};
use super::groups::{Group, strata};

const SIDES: [Side; 3] = [Side::Train, Side::Validation, Side::Test];

/// Old to training, new to test. Groups without a date train: nobody can say that they are new.
pub(super) fn by_time(groups: &[Group<'_>], percent: [u8; 3]) -> Vec<Assignment> {
    let mut order: Vec<(usize, &Group<'_>)> = groups.iter().enumerate().collect();
    // Stable: groups of one day stay in the seed's random order; `None` comes first.
    order.sort_by_key(|(_, group)| group.latest);
    let total: u64 = groups.iter().map(Group::size).sum();
    let [first, second] = borders(&order, total, percent);
    let mut chosen = vec![Assignment::Side(Side::Train); groups.len()];
    for (rank, (index, _)) in order.iter().enumerate() {
        let side = match rank {
            rank if rank < first => Side::Train,
            rank if rank < second => Side::Validation,
            _ => Side::Test,
        };
        if let Some(place) = chosen.get_mut(*index) {
            *place = Assignment::Side(side);
        }
    }
    chosen
}

/// Ranks at which validation and test begin: nearest to the percentages, no wanted side empty where there are
/// groups.
fn borders(order: &[(usize, &Group<'_>)], total: u64, percent: [u8; 3]) -> [usize; 2] {
    let [train, validation, test] = percent.map(u64::from);
    let nearest = |wanted_percent: u64| {
        let (mut before, mut best) = (0, (u64::MAX, 0));
        for rank in 0..=order.len() {
            best = best.min((u64::abs_diff(before * 100, total * wanted_percent), rank));
            before += order.get(rank).map_or(0, |(_, group)| group.size());
        }
        best.1
    };
    let needed = [validation, test].map(|part| usize::from(part > 0));
    let last_train = order.len().saturating_sub(needed[0] + needed[1]).max(1);
    let first = nearest(train).clamp(1, last_train);
    let last_validation = order.len().saturating_sub(needed[1]).max(first);
    let second = nearest(train + validation).clamp((first + needed[0]).min(last_validation), last_validation);
    [first, second]
}

/// Every stratum in the same proportion, at random; each wanted side of a stratum gets a group where there
/// are enough.
pub(super) fn by_stratum(groups: &[Group<'_>], percent: [u8; 3]) -> Vec<Assignment> {
    let mut chosen = vec![Assignment::Side(Side::Train); groups.len()];
    // Rounded cumulatively, so that many small strata do not all round to the same side.
    let mut seen = 0;
    for members in strata(groups).values() {
        let size: u64 = members.iter().map(|(_, group)| group.size()).sum();
        let share = |part: u8| {
            let part = u64::from(part);
            ((seen + size) * part + 50) / 100 - (seen * part + 50) / 100
        };
        let held_out = [share(percent[1]), share(percent[2])];
        seen += size;
        let wanted = percent.iter().filter(|part| **part > 0).count();
        let least = u64::from(members.len() >= wanted);
        let target = |part: u8, share: u64| if part == 0 { 0 } else { share.max(least) };
        let (validation, test) = (target(percent[1], held_out[0]), target(percent[2], held_out[1]));
        let targets = [size.saturating_sub(validation + test).max(1), validation, test];
        for ((index, _), side) in members.iter().zip(fill(members, targets)) {
            if let Some(place) = chosen.get_mut(*index) {
                *place = Assignment::Side(side);
            }
        }
    }
    chosen
}

/// Puts each group, in the given random order, on the side that lacks the largest share of its target and has
/// room for it.
fn fill(members: &[(usize, &Group<'_>)], targets: [u64; 3]) -> Vec<Side> {
    let mut got = [0u64; 3];
    let mut chosen = Vec::with_capacity(members.len());
    for (rank, (_, group)) in members.iter().enumerate() {
        let empty = (0..3).filter(|side| targets[*side] > 0 && got[*side] == 0).count();
        let must_fill = members.len() - rank <= empty;
        let lacks = |side: usize| targets[side].saturating_sub(got[side]);
        let is_open = |side: &usize| targets[*side] > 0 && (!must_fill || got[*side] == 0);
        let has_room = |side: &usize| 2 * lacks(*side) >= group.size();
        // Compares lacks/target without division; on a tie the earlier side wins, so training comes first.
        let emptiest = |left: &usize, right: &usize| {
            (lacks(*left) * targets[*right]).cmp(&(lacks(*right) * targets[*left])).then(right.cmp(left))
        };
        let side = (0..3)
            .filter(is_open)
            .filter(has_room)
            .max_by(emptiest)
            .or_else(|| (0..3).filter(is_open).max_by_key(|side| (lacks(*side), std::cmp::Reverse(*side))))
            .unwrap_or(0);
        got[side] += group.size();
        chosen.push(SIDES[side]);
    }
    chosen
}
