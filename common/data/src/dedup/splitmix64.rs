//! The finaliser of SplitMix64, the hash of everything that is compared. Used by `normalise` (words),
//! `shingle` and `minhash`. Invariant: its outputs are part of every key, so it never changes within a
//! `MINHASH_VERSION`.

/// The increment of SplitMix64: 2^64 divided by the golden ratio.
pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014) after one increment: a bijection that looks random.
pub(super) const fn splitmix64(value: u64) -> u64 {
    let mut z = value.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
