//! Numbered pieces of work on several threads, whose results are taken in order. Used by `aggregate` and
//! `aggregation_error`. Invariants: a result depends on its number alone, and results are taken one after the
//! other in the order of their numbers, so that nothing depends on how many threads there are; of the results
//! only one wave is in memory.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::error::AggregateError;

/// How many pieces there are, and on how many threads they are done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pieces {
    pub(super) count: usize,
    /// So many at least are done before their results are taken.
    pub(super) wave: usize,
    pub(super) threads: usize,
}

impl Pieces {
    /// Does `work` for each piece, with a scratch space for each thread, and hands the results to `take`.
    pub(super) fn in_order<S: Send, T: Send>(
        self,
        scratch: impl Fn() -> S,
        work: impl Fn(&mut S, usize) -> Result<T, AggregateError> + Sync,
        mut take: impl FnMut(T) -> Result<(), AggregateError>,
    ) -> Result<(), AggregateError> {
        let threads = self.threads.clamp(1, self.count.max(1));
        let mut scratches: Vec<S> = (0..threads).map(|_| scratch()).collect();
        let wave = self.wave.max(threads);
        for first in (0..self.count).step_by(wave) {
            let end = self.count.min(first + wave);
            let next = AtomicUsize::new(first);
            let run = |scratch: &mut S| {
                let mut done = Vec::new();
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= end {
                        return done;
                    }
                    done.push((piece, work(scratch, piece)));
                }
            };
            let mut done = on_threads(&mut scratches, run);
            done.sort_by_key(|(piece, _)| *piece);
            done.into_iter().try_for_each(|(_, result)| take(result?))?;
        }
        Ok(())
    }
}

/// Runs `run` once for each scratch space, the first on this thread.
fn on_threads<S: Send, R: Send>(scratches: &mut [S], run: impl Fn(&mut S) -> Vec<R> + Sync) -> Vec<R> {
    let Some((own, others)) = scratches.split_first_mut() else { return Vec::new() };
    thread::scope(|scope| {
        let run = &run;
        // With fewer threads than wished the same pieces take longer.
        let spawn = |other| thread::Builder::new().spawn_scoped(scope, move || run(other)).ok();
        let others: Vec<_> = others.iter_mut().filter_map(spawn).collect();
        let mut done = run(own);
        for other in others {
            // A panic there is one here.
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    })
}

/// Threads for what others wait for: all cores.
pub(super) fn all_cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Threads for what nobody waits for: half of the cores, so that measurements and sites have the rest.
pub(super) fn half_of_the_cores() -> usize {
    (all_cores() / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for (count, threads, wave) in [(0, 2, 1), (1, 4, 3), (100, 1, 7), (100, 3, 7), (100, 8, 1000)] {
            let mut taken = Vec::new();
            let pieces = Pieces { count, wave, threads };
            let work = |_: &mut (), piece: usize| {
                thread::sleep(std::time::Duration::from_micros((piece as u64 * 37) % 50));
                Ok(piece)
            };
            pieces
                .in_order(
                    || (),
                    work,
                    |piece| {
                        taken.push(piece);
                        Ok(())
                    },
                )
                .unwrap();
            assert_eq!(taken, (0..count).collect::<Vec<_>>(), "{threads} threads");
        }
    }

    #[test]
    fn the_first_failure_in_order_is_the_one_that_is_told() {
        let pieces = Pieces { count: 50, wave: 50, threads: 4 };
        let work = |_: &mut (), piece: usize| match piece {
            20 | 30 => Err(AggregateError::Unpaired(piece.to_string())),
            _ => Ok(()),
        };
        let error = pieces.in_order(|| (), work, |()| Ok(())).unwrap_err();
        assert!(matches!(error, AggregateError::Unpaired(name) if name == "20"));
    }
}
