//! Packs samples into runs of at most so many tokens: best-fit decreasing. Called by `order`.
//!
//! Each sample, longest first, goes into the fullest pack that still has room for it (Johnson 1973: at most
//! 11/9 of the fewest possible packs, plus 6/9). A pack is one row of tokens for the batch; its samples do
//! not see each other. Invariants: every sample is in one pack; how many packs there are depends on the
//! lengths only, not on the order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The packs, as lists of sample indices. `order` decides between samples of equal length. A sample longer
/// than `capacity_tokens` gets a pack of its own.
pub(super) fn pack(lengths: &[usize], order: &[usize], capacity_tokens: usize) -> Vec<Vec<usize>> {
    let mut longest_first = order.to_vec();
    // Stable: samples of equal length stay in the order given.
    longest_first.sort_by_key(|sample| Reverse(lengths[*sample]));
    let mut packs: Vec<Vec<usize>> = Vec::new();
    // Packs by the room they have left; among equals the one that got there last.
    let mut by_room: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for sample in longest_first {
        let length = lengths[sample];
        let fitting = by_room.range(length..).next().map(|(room, _)| *room);
        let (pack, room) = match fitting.and_then(|room| Some((take(&mut by_room, room)?, room))) {
            Some(found) => found,
            None => {
                packs.push(Vec::new());
                (packs.len() - 1, capacity_tokens.max(length))
            }
        };
        packs[pack].push(sample);
        by_room.entry(room - length).or_default().push(pack);
    }
    packs
}

/// Removes a pack with exactly this room.
fn take(by_room: &mut BTreeMap<usize, Vec<usize>>, room: usize) -> Option<usize> {
    let packs = by_room.get_mut(&room)?;
    let pack = packs.pop();
    if packs.is_empty() {
        by_room.remove(&room);
    }
    pack
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fullest_pack_with_room_is_taken() {
        // 6 and 5 open packs; 4 fits beside 6 exactly, 3 beside 5, the last 2 too.
        let lengths = [3, 6, 2, 4, 5];
        assert_eq!(pack(&lengths, &[0, 1, 2, 3, 4], 10), [vec![1, 3], vec![4, 0, 2]]);
        assert_eq!(pack(&[12, 1], &[0, 1], 10), [vec![0], vec![1]], "too long: alone");
        assert!(pack(&[], &[], 10).is_empty());
    }

    proptest! {
        #[test]
        fn every_sample_is_packed_once_and_no_pack_overflows(
            lengths in prop::collection::vec(1usize..=64, 0..200),
            rotation in 0usize..200,
        ) {
            let order: Vec<usize> = (0..lengths.len()).collect();
            let mut other = order.clone();
            other.rotate_left(rotation.min(lengths.len()));
            let packs = pack(&lengths, &order, 64);
            let mut seen: Vec<usize> = packs.iter().flatten().copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(&seen, &order);
            let loads: Vec<usize> = packs.iter().map(|pack| pack.iter().map(|s| lengths[*s]).sum()).collect();
            prop_assert!(loads.iter().all(|load| *load <= 64));
            prop_assert_eq!(pack(&lengths, &other, 64).len(), packs.len(), "a matter of lengths, not of order");
            // No two packs could be one: so at least half of everything is full, whatever the lengths.
            let total: usize = lengths.iter().sum();
            prop_assert!(packs.len() <= 1 || 2 * total > 64 * (packs.len() - 1));
        }
    }
}
