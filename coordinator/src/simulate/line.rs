//! A line that many share: each transfer has at most its own line's speed, and together they have at most the
//! shared one's, in equal parts. Used by `world` for the way up, the way down, and the coordinator's check of
//! what arrived. Invariants: equal shares, so one clock of bytes a transfer serves all of them and a step
//! costs a logarithm; how bytes are cut into chunks does not matter.

use std::collections::BTreeSet;

use super::agenda::Ms;

/// Bytes that rounding of floats may leave over: nobody waits for them.
const ROUNDING_BYTES: f64 = 0.01;

/// The line. Speeds are in bytes a millisecond.
#[derive(Debug)]
pub(super) struct Line {
    own: f64,
    shared: f64,
    /// Bytes that each transfer would have moved that was there all the time.
    moved: f64,
    at: Ms,
    /// By what `moved` is at their ends (bits of a positive float, which sort as it does), and whose.
    ends: BTreeSet<(u64, usize)>,
    of: Vec<Option<u64>>,
    pub(super) most: usize,
}

impl Line {
    /// For so many sites, at speeds above 0.
    pub(super) fn new(own: f64, shared: f64, sites: usize) -> Self {
        Self { own, shared, moved: 0.0, at: 0, ends: BTreeSet::new(), of: vec![None; sites], most: 0 }
    }

    fn speed(&self) -> f64 {
        self.own.min(self.shared / self.ends.len().max(1) as f64)
    }

    fn advance(&mut self, now: Ms) {
        if self.ends.is_empty() {
            // Begin anew: small numbers stay exact.
            self.moved = 0.0;
        } else {
            self.moved += self.speed() * now.saturating_sub(self.at) as f64;
        }
        self.at = now;
    }

    /// A site's transfer of so many bytes begins; one that it has goes on instead.
    pub(super) fn begin(&mut self, now: Ms, who: usize, bytes: u64) {
        self.advance(now);
        let end = (self.moved + bytes as f64).to_bits();
        if let Some(of) = self.of.get_mut(who)
            && of.is_none()
        {
            *of = Some(end);
            self.ends.insert((end, who));
            self.most = self.most.max(self.ends.len());
        }
    }

    /// A site's transfer ends before its time. Returns the bytes that were not moved, if there is one.
    pub(super) fn stop(&mut self, now: Ms, who: usize) -> Option<u64> {
        self.advance(now);
        let end = self.of.get_mut(who).and_then(Option::take)?;
        self.ends.remove(&(end, who));
        Some((f64::from_bits(end) - self.moved).max(0.0) as u64)
    }

    /// When the next one ends, if nobody comes or goes.
    pub(super) fn next_end(&self) -> Option<Ms> {
        let (end, _) = self.ends.first()?;
        let left = (f64::from_bits(*end) - self.moved - ROUNDING_BYTES).max(0.0);
        // Saturating, as conversions of floats are.
        Some(self.at.saturating_add((left / self.speed()).ceil() as u64))
    }

    /// Takes out whoever has ended by now.
    pub(super) fn ended(&mut self, now: Ms) -> Vec<usize> {
        self.advance(now);
        let mut ended = Vec::new();
        while let Some((end, who)) = self.ends.first().copied() {
            if f64::from_bits(end) > self.moved + ROUNDING_BYTES {
                break;
            }
            self.ends.pop_first();
            if let Some(of) = self.of.get_mut(who) {
                *of = None;
            }
            ended.push(who);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of these transfers ends: (begin, bytes).
    fn ends(line: &mut Line, transfers: &[(Ms, u64)]) -> Vec<Ms> {
        let (mut ends, mut begun) = (vec![0; transfers.len()], 0);
        loop {
            let begins = transfers.get(begun).map(|(at, _)| *at);
            match (begins, line.next_end()) {
                (Some(at), next) if next.is_none_or(|next| at < next) => {
                    line.begin(at, begun, transfers[begun].1);
                    begun += 1;
                }
                (_, Some(at)) => line.ended(at).into_iter().for_each(|who| ends[who] = at),
                (_, None) => return ends,
            }
        }
    }

    #[test]
    fn one_has_its_own_speed_and_many_share() {
        assert_eq!(ends(&mut Line::new(10.0, 100.0, 1), &[(5, 1_000)]), [105]);
        // Twenty at 10 want 200 of 100: each has 5.
        assert_eq!(ends(&mut Line::new(10.0, 100.0, 20), &[(0, 1_000); 20]), [200; 20]);
        // The first alone for 50 ms at 10, then two at 6 each: 500 bytes are left of it, 84 ms.
        let two = ends(&mut Line::new(10.0, 12.0, 2), &[(0, 1_000), (50, 1_000)]);
        // After that the second has 10 again: 1000 - 84 x 6 = 496 bytes, 50 ms.
        assert_eq!(two, [134, 184]);
    }

    #[test]
    fn what_is_stopped_says_what_is_left_and_others_go_faster() {
        let mut line = Line::new(10.0, 10.0, 2);
        line.begin(0, 0, 1_000);
        line.begin(0, 1, 1_000);
        assert_eq!(line.stop(100, 0), Some(500));
        assert_eq!((line.most, line.next_end()), (2, Some(150)));
        assert_eq!(line.stop(100, 0), None, "it is gone");
        assert_eq!(line.ended(150), [1]);
        assert_eq!(line.next_end(), None);
    }

    #[test]
    fn nothing_takes_no_time_and_a_slow_line_an_end_that_a_number_holds() {
        assert_eq!(ends(&mut Line::new(1.0, 1.0, 1), &[(7, 0)]), [7]);
        let mut line = Line::new(1e-12, 1.0, 1);
        line.begin(u64::MAX / 2, 0, u64::MAX);
        assert_eq!(line.next_end(), Some(u64::MAX));
    }
}
