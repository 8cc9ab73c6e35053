//! Streams of random numbers, each a function of a secret key and an index. A site that was killed sends the
//! same bytes again, and every point can be computed on its own core. Called by `key` and `query`.
//!
//! Block b of stream i is SHA-512(domain || key || i || b), all of fixed length: a pseudorandom function of
//! the key in the random-oracle model, which ristretto255-SHA512 assumes anyway. Invariant: a (key, index)
//! pair serves one purpose.

use rand_core::{CryptoRng, Error, RngCore};
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize, Zeroizing};

const DOMAIN: &[u8; 32] = b"consilium overlap random stream\0";

/// One stream.
pub(super) struct SeededRandom<'a> {
    key: &'a [u8; 32],
    index: u64,
    block: u64,
}

impl<'a> SeededRandom<'a> {
    /// The stream of this index.
    pub(super) fn new(key: &'a [u8; 32], index: u64) -> Self {
        Self { key, index, block: 0 }
    }
}

impl RngCore for SeededRandom<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(64) {
            let mut block = Sha512::new()
                .chain_update(DOMAIN)
                .chain_update(self.key)
                .chain_update(self.index.to_le_bytes())
                .chain_update(self.block.to_le_bytes())
                .finalize();
            piece.copy_from_slice(&block[..piece.len()]);
            block.as_mut_slice().zeroize();
            self.block += 1;
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for SeededRandom<'_> {}

/// A secret for one purpose, derived from `seed` and what it is used on.
pub(super) fn derive(purpose: &[u8], seed: &[u8; 32], context: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha512::new()
        .chain_update(b"consilium overlap derive\0")
        .chain_update((purpose.len() as u64).to_le_bytes())
        .chain_update(purpose)
        .chain_update(seed)
        .chain_update(context)
        .finalize();
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&hash[..32]);
    hash.as_mut_slice().zeroize();
    secret
}
