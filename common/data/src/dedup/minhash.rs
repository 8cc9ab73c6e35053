//! MinHash signatures and their bands (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive
//! Datasets", 3.3-3.4): two texts agree in a row with the probability of their Jaccard similarity J, and in
//! at least one band with 1 - (1 - J^8)^16. Called by `texts`. Pure functions of a set of shingles and of
//! constants that never change within a version, so that a hospital and the consortium compute the same keys.

use super::shingle::Shingles;
use super::splitmix64::{GOLDEN, splitmix64};

/// Version of everything that a key depends on: normalisation, tokens, shingles, permutations, bands. Part of
/// every key.
pub const MINHASH_VERSION: u32 = 1;
/// Permutations: the standard error of an estimated similarity of 0.8 is 0.035.
pub const PERMUTATIONS: usize = BANDS * ROWS;
/// Bands; one equal band makes two texts candidates.
pub const BANDS: usize = 16;
/// Rows of a band.
pub const ROWS: usize = 8;

/// Start of the stream of multipliers: the letters "consil" and the version.
const SEED: u64 = 0x636f_6e73_696c_0000 | MINHASH_VERSION as u64;

/// The least value of each permutation over a set of shingles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(pub [u32; PERMUTATIONS]);

/// Multipliers and offsets of h(x) = (a x + b) >> 32 over 64 bits, which is strongly universal for 32-bit x
/// (Dietzfelbinger 1996): the outputs 0, 1, 2, ... of SplitMix64 from `SEED`, alternately a and b.
const COEFFICIENTS: ([u64; PERMUTATIONS], [u64; PERMUTATIONS]) = {
    let (mut a, mut b) = ([0; PERMUTATIONS], [0; PERMUTATIONS]);
    let mut index = 0;
    while index < PERMUTATIONS {
        a[index] = splitmix64(SEED.wrapping_add(GOLDEN.wrapping_mul(2 * index as u64)));
        b[index] = splitmix64(SEED.wrapping_add(GOLDEN.wrapping_mul(2 * index as u64 + 1)));
        index += 1;
    }
    (a, b)
};

/// The signature of a set; `None` for an empty one, which has no similarity to anything.
#[must_use]
pub fn minhash(shingles: &Shingles) -> Option<Signature> {
    static A: [u64; PERMUTATIONS] = COEFFICIENTS.0;
    static B: [u64; PERMUTATIONS] = COEFFICIENTS.1;
    if shingles.is_empty() {
        return None;
    }
    let mut least = [u32::MAX; PERMUTATIONS];
    for shingle in shingles.as_slice() {
        let x = u64::from(*shingle);
        for ((least, a), b) in least.iter_mut().zip(&A).zip(&B) {
            let hash = (a.wrapping_mul(x).wrapping_add(*b) >> 32) as u32;
            *least = (*least).min(hash);
        }
    }
    Some(Signature(least))
}

impl Signature {
    /// The estimated Jaccard similarity: the share of equal rows.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f64 {
        let equal = self.0.iter().zip(&other.0).filter(|(left, right)| left == right).count();
        equal as f64 / PERMUTATIONS as f64
    }
}

/// One key for each band: equal keys mean that all rows of that band are equal (or a chance of 2^-64). The
/// band's number and the version are part of the key, so keys of different bands never meet.
#[must_use]
pub fn band_keys(signature: &Signature) -> [u64; BANDS] {
    let mut keys = [0; BANDS];
    for (band, (key, rows)) in keys.iter_mut().zip(signature.0.chunks_exact(ROWS)).enumerate() {
        let start = splitmix64((u64::from(MINHASH_VERSION) << 32) | band as u64);
        *key = rows.iter().fold(start, |hash, row| splitmix64(hash ^ u64::from(*row)));
    }
    keys
}

/// The probability that two texts of Jaccard similarity `jaccard` share at least one band.
#[must_use]
pub fn candidate_probability(jaccard: f64) -> f64 {
    1.0 - (1.0 - jaccard.powi(ROWS as i32)).powi(BANDS as i32)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Two sets of random shingles whose Jaccard similarity is exactly `shared` / `union`.
    fn pair(stream: &mut u64, shared: usize, union: usize) -> (Shingles, Shingles) {
        let mut draw = |count: usize| -> Vec<u64> {
            (0..count)
                .map(|_| {
                    *stream = stream.wrapping_add(1);
                    splitmix64(*stream)
                })
                .collect()
        };
        let common = draw(shared);
        let half = (union - shared) / 2;
        // A run of four or fewer tokens is one shingle, so single tokens make a set of a known size.
        let set = |own: Vec<u64>| {
            let mut numbers: Vec<u32> =
                common.iter().chain(&own).map(|token| Shingles::of_tokens(&[*token]).as_slice()[0]).collect();
            numbers.sort_unstable();
            numbers.dedup();
            Shingles::from_sorted(numbers)
        };
        let (left, right) = (draw(half), draw(union - shared - half));
        (set(left), set(right))
    }

    #[test]
    fn the_published_probabilities_hold() {
        const PAIRS: usize = 4000;
        for (shared, expected) in [(50, 0.061), (60, 0.237), (70, 0.613), (80, 0.947), (90, 0.9999)] {
            let jaccard = shared as f64 / 100.0;
            assert!((candidate_probability(jaccard) - expected).abs() < 6e-4, "{jaccard}");
            let mut stream = 1_000_003 * shared as u64;
            let (mut hits, mut estimate) = (0, 0.0);
            for _ in 0..PAIRS {
                let (left, right) = pair(&mut stream, shared, 100);
                assert!((left.jaccard(&right) - jaccard).abs() < 1e-9);
                let (left, right) = (minhash(&left).unwrap(), minhash(&right).unwrap());
                estimate += left.similarity(&right) / PAIRS as f64;
                let equal = |(left, right): (&u64, &u64)| left == right;
                hits += usize::from(band_keys(&left).iter().zip(&band_keys(&right)).any(equal));
            }
            let found = hits as f64 / PAIRS as f64;
            // Four standard errors of the sample; and of the mean of an estimate with 128 rows.
            let error = 4.0 * (expected * (1.0 - expected) / PAIRS as f64).sqrt();
            println!("J {jaccard}: candidates {found:.4}, published {expected}, estimate {estimate:.4}");
            assert!((found - expected).abs() < error + 2e-3, "{jaccard}: {found} against {expected}");
            let error = 4.0 * (jaccard * (1.0 - jaccard) / (128.0 * PAIRS as f64)).sqrt();
            assert!((estimate - jaccard).abs() < error + 2e-3, "{jaccard}: {estimate}");
        }
    }

    #[test]
    fn keys_are_the_same_on_every_machine() {
        let mut hash = Sha256::new();
        for text in
            ["老年人高血压一般如何治疗？", "How is high blood pressure treated in old age?", "头痛", "1"]
        {
            let signature = minhash(&Shingles::of(text)).unwrap();
            signature.0.iter().for_each(|row| hash.update(row.to_le_bytes()));
            band_keys(&signature).iter().for_each(|key| hash.update(key.to_le_bytes()));
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // Computed by an independent program; a change here means a new MINHASH_VERSION.
        assert_eq!(found, "282b55e92f8705e83a725891adf1bbac54134f1202ad6378ac2a541fd9988a15");
        assert_eq!(minhash(&Shingles::of("？！")), None);
    }

    #[test]
    fn keys_of_different_bands_never_meet() {
        let keys = band_keys(&Signature([7; PERMUTATIONS]));
        let different: std::collections::BTreeSet<u64> = keys.into_iter().collect();
        assert_eq!(different.len(), BANDS);
    }
}
