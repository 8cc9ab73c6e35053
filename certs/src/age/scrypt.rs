//! scrypt (RFC 7914) with r = 8, on the crypto provider's PBKDF2: how age makes a key of a passphrase. Used
//! by `age::passphrase`. Invariants: the memory is 2^(10 + log2 N) bytes and is asked for before anything is
//! computed; what was derived from the passphrase is wiped.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::CertError;

/// 128 r bytes, as words.
const BLOCK_WORDS: usize = 256;
/// Bytes that one of the p lanes is.
const BLOCK_BYTES: usize = 4 * BLOCK_WORDS;

type Block = [u32; BLOCK_WORDS];

/// Fills `key` from a passphrase, with N = 2^`log_n` and `lanes` for p.
///
/// # Errors
/// [`CertError::WorkFactor`] where the machine has not that much memory.
pub(super) fn derive(
    passphrase: &[u8],
    salt: &[u8],
    log_n: u8,
    lanes: usize,
    key: &mut [u8],
) -> Result<(), CertError> {
    let too_much = || CertError::WorkFactor { log_n };
    let steps = 1_usize.checked_shl(u32::from(log_n)).ok_or_else(too_much)?;
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(steps).map_err(|_| too_much())?;
    let mut lanes = Zeroizing::new(vec![0; lanes * BLOCK_BYTES]);
    stretch(passphrase, salt, &mut lanes);
    for lane in lanes.chunks_exact_mut(BLOCK_BYTES) {
        mix(lane, steps, &mut memory);
    }
    memory.zeroize();
    stretch(passphrase, &lanes, key);
    Ok(())
}

/// PBKDF2-HMAC-SHA256 with one iteration.
fn stretch(passphrase: &[u8], salt: &[u8], out: &mut [u8]) {
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, salt, passphrase, out);
}

/// scryptROMix of one lane; `memory` has room for so many blocks.
fn mix(lane: &mut [u8], steps: usize, memory: &mut Vec<Block>) {
    let mut block: Block = [0; BLOCK_WORDS];
    let mut mixed: Block = [0; BLOCK_WORDS];
    for (word, bytes) in block.iter_mut().zip(lane.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    memory.clear();
    for _ in 0..steps {
        memory.push(block);
        mix_block(&block, &mut mixed);
        std::mem::swap(&mut block, &mut mixed);
    }
    for _ in 0..steps {
        // N is a power of two, so that the remainder is the low bits of the last 64-byte part's first word.
        let at = block[BLOCK_WORDS - 16] as usize & (steps - 1);
        if let Some(earlier) = memory.get(at) {
            xor(&mut block, earlier);
        }
        mix_block(&block, &mut mixed);
        std::mem::swap(&mut block, &mut mixed);
    }
    for (word, bytes) in block.iter().zip(lane.as_chunks_mut::<4>().0) {
        *bytes = word.to_le_bytes();
    }
    block.zeroize();
    mixed.zeroize();
}

/// scryptBlockMix: the parts with even numbers go to the first half, the others to the second.
fn mix_block(block: &Block, mixed: &mut Block) {
    let mut part = [0; 16];
    part.copy_from_slice(&block[BLOCK_WORDS - 16..]);
    let (even, odd) = mixed.split_at_mut(BLOCK_WORDS / 2);
    let places = even.as_chunks_mut::<16>().0.iter_mut().zip(odd.as_chunks_mut::<16>().0);
    for (pair, (first, second)) in block.as_chunks::<32>().0.iter().zip(places) {
        let (left, right) = pair.split_at(16);
        xor(&mut part, left);
        salsa(&mut part);
        *first = part;
        xor(&mut part, right);
        salsa(&mut part);
        *second = part;
    }
}

fn xor(words: &mut [u32], others: &[u32]) {
    for (word, other) in words.iter_mut().zip(others) {
        *word ^= other;
    }
}

/// Salsa20/8.
fn salsa(block: &mut [u32; 16]) {
    let mut x = *block;
    for _ in 0..4 {
        quarter(&mut x, [0, 4, 8, 12]);
        quarter(&mut x, [5, 9, 13, 1]);
        quarter(&mut x, [10, 14, 2, 6]);
        quarter(&mut x, [15, 3, 7, 11]);
        quarter(&mut x, [0, 1, 2, 3]);
        quarter(&mut x, [5, 6, 7, 4]);
        quarter(&mut x, [10, 11, 8, 9]);
        quarter(&mut x, [15, 12, 13, 14]);
    }
    for (word, added) in block.iter_mut().zip(x) {
        *word = word.wrapping_add(added);
    }
}

#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "indices are constants below 16")]
fn quarter(x: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
    x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
    x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
    x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 7914, section 12: those with r = 8.
    #[test]
    fn published_keys_come_of_published_passphrases() {
        for (passphrase, salt, log_n, lanes, expected) in [
            (
                "password",
                "NaCl",
                10,
                16,
                "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
            ),
            (
                "pleaseletmein",
                "SodiumChloride",
                14,
                1,
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
            ),
        ] {
            let mut key = [0; 64];
            derive(passphrase.as_bytes(), salt.as_bytes(), log_n, lanes, &mut key).unwrap();
            assert_eq!(HEXLOWER.encode(&key), expected, "{passphrase}");
        }
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let asked = derive(b"password", b"salt", 60, 1, &mut [0; 32]);
        assert_eq!(asked, Err(CertError::WorkFactor { log_n: 60 }));
    }
}
