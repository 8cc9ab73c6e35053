//! Who reads what, in which order. Called by `key`. Every grader has the items in an order of their own;
//! which answer is A is drawn for each item and grader; a tenth of the items comes again in the second half,
//! to see whether a grader says the same twice.
//!
//! Invariants: the same seed gives the same plan; every grader reads each item once, and what comes again
//! comes after it was read.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use crate::statistics::below;

/// Of so many items one comes again.
const ITEMS_FOR_A_REPEAT: usize = 10;

/// What a grader reads at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which item, from 0.
    pub item: usize,
    /// Which model's answer is A: 0 the base, 1 the tuned one. The other one's is B.
    pub a: usize,
    /// Whether the grader has read it before.
    pub again: bool,
}

/// One list of places for each grader.
#[must_use]
pub fn plan(items: usize, graders: usize, seed: [u8; 32]) -> Vec<Vec<Place>> {
    let mut random = ChaCha8Rng::from_seed(seed);
    (0..graders).map(|_| of_grader(items, &mut random)).collect()
}

fn of_grader(items: usize, random: &mut ChaCha8Rng) -> Vec<Place> {
    let mut order: Vec<usize> = (0..items).collect();
    shuffle(&mut order, random);
    let half = items.div_ceil(2);
    // A quarter of the sheet at least lies between two readings.
    let mut early = order[..half.div_ceil(2)].to_vec();
    shuffle(&mut early, random);
    early.truncate(if items < 2 { 0 } else { items.div_ceil(ITEMS_FOR_A_REPEAT) });
    let mut places: Vec<Place> = order.into_iter().map(|item| place(item, false, random)).collect();
    for item in early {
        let at = half + below(random, places.len() - half + 1);
        places.insert(at, place(item, true, random));
    }
    places
}

fn place(item: usize, again: bool, random: &mut ChaCha8Rng) -> Place {
    Place { item, a: below(random, 2), again }
}

/// Fisher and Yates.
fn shuffle<T>(values: &mut [T], random: &mut ChaCha8Rng) {
    for last in (1..values.len()).rev() {
        values.swap(last, below(random, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_item_is_read_once_and_a_tenth_again_and_later(items in 0_usize..300, seed in any::<[u8; 32]>()) {
            let all = plan(items, 2, seed);
            prop_assert_eq!(&all, &plan(items, 2, seed));
            for places in all {
                let read = |again: bool| places.iter().enumerate().filter(move |(_, one)| one.again == again);
                let mut first: Vec<usize> = read(false).map(|(_, one)| one.item).collect();
                first.sort_unstable();
                prop_assert_eq!(first, (0..items).collect::<Vec<_>>());
                let again: Vec<(usize, &Place)> = read(true).collect();
                prop_assert_eq!(again.len(), if items < 2 { 0 } else { items.div_ceil(10) });
                for (at, one) in again {
                    let before = places.iter().position(|other| other.item == one.item).expect("read");
                    prop_assert!(before < at && !places[before].again);
                    prop_assert_eq!(places.iter().filter(|other| other.item == one.item).count(), 2);
                }
            }
        }
    }

    #[test]
    fn graders_have_different_orders_and_sides_are_even() {
        let plans = plan(200, 3, [7; 32]);
        assert_ne!(plans[0], plans[1]);
        assert_eq!(plans[0].len(), 220);
        for places in &plans {
            let base_is_a = places.iter().filter(|place| place.a == 0).count();
            // Five standard deviations of 220 tosses of a coin are 37.
            assert!(base_is_a.abs_diff(110) < 37, "{base_is_a}");
        }
        assert_ne!(plan(200, 1, [8; 32])[0], plans[0]);
    }
}
