//! What happens next: a queue of happenings by time, and by the order they were planned in where that is the
//! same. Used by `world`, and by the simulator of the protocol in `tests`. Invariant: what was planned first
//! happens first, so that a seed gives one course.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Virtual milliseconds since the launch.
pub type Ms = u64;

/// The queue.
#[derive(Debug)]
pub struct Agenda<T> {
    entries: BinaryHeap<Reverse<Entry<T>>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Ms,
    number: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { entries: BinaryHeap::new(), planned: 0 }
    }
}

impl<T> Agenda<T> {
    /// Plans it for this time.
    pub fn plan(&mut self, at: Ms, what: T) {
        self.planned += 1;
        self.entries.push(Reverse(Entry { at, number: self.planned, what }));
    }

    /// The next one, and when it happens.
    pub fn take_next(&mut self) -> Option<(Ms, T)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_comes_first_and_then_the_order_of_planning() {
        let mut agenda = Agenda::default();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            agenda.plan(at, what);
        }
        let order: String = std::iter::from_fn(|| agenda.take_next()).map(|(_, what)| what).collect();
        assert_eq!(order, "abcd");
    }
}
