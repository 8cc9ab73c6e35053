//! How fast this machine averages updates: a moment of what an average does to each byte, in memory.
//! Called by `simulate`. Invariant: it takes less than a second on any machine that can run a
//! coordinator, and touches no file.

use std::time::Instant;

use common::id::Digest;

/// Bytes of an update that each core hashes once and adds up twice.
const SAMPLE_BYTES: usize = 16 << 20;
/// Sums that are kept at once: as in an average, small enough to stay in a core's cache.
const SUMS: usize = 16 * 1024;

/// MB of updates that all cores together average in a second.
pub(super) fn average_mb_s(cores: usize) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for core in 0..cores {
            scope.spawn(move || std::hint::black_box(pass(core)));
        }
    });
    let took_s = started.elapsed().as_secs_f64().max(1e-6);
    (SAMPLE_BYTES * cores) as f64 / 1e6 / took_s
}

/// Once hashed, and twice read and added in f64, as `aggregate` does it: the mean, and how large each change
/// is.
fn pass(core: usize) -> f64 {
    let bytes: Vec<u8> = (0..SAMPLE_BYTES).map(|index| (index ^ core) as u8).collect();
    let started = u64::from(Digest::of(&bytes).0[0]) as f64;
    let mut sums = vec![started; SUMS];
    for _ in 0..2 {
        for block in bytes.chunks_exact(SUMS * 4) {
            for (sum, value) in sums.iter_mut().zip(block.as_chunks::<4>().0) {
                *sum += 0.01 * f64::from(f32::from_le_bytes(*value)).clamp(-1.0, 1.0);
            }
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_a_speed() {
        let speed = average_mb_s(2);
        assert!(speed.is_finite() && speed > 0.1, "{speed} MB/s");
    }
}
