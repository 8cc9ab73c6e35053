//! The content of an age file: pieces of 64 KiB, each sealed with its number and whether it is the last. Used
//! by `age`. Invariant: a file that lacks a piece, or has one more, does not open.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroizing;

use crate::error::CertError;

const PIECE_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;

fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}

pub(super) fn seal(key: &LessSafeKey, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), CertError> {
    let mut pieces: Vec<&[u8]> = plaintext.chunks(PIECE_BYTES).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    let last = pieces.len() as u64 - 1;
    for (number, piece) in (0..).zip(pieces) {
        let mut piece = Zeroizing::new(piece.to_vec());
        let tag = key
            .seal_in_place_separate_tag(nonce(number, number == last), Aad::empty(), &mut piece)
            .map_err(|_| CertError::AgeKey)?;
        out.extend_from_slice(&piece);
        out.extend_from_slice(tag.as_ref());
    }
    Ok(())
}

pub(super) fn open(key: &LessSafeKey, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let pieces: Vec<&[u8]> = sealed.chunks(PIECE_BYTES + TAG_BYTES).collect();
    let last = (pieces.len() as u64).checked_sub(1)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len()));
    for (number, piece) in (0..).zip(pieces) {
        let mut piece = Zeroizing::new(piece.to_vec());
        let opened = key.open_in_place(nonce(number, number == last), Aad::empty(), &mut piece).ok()?;
        // An empty piece is that of an empty file.
        if opened.is_empty() && last > 0 {
            return None;
        }
        plaintext.extend_from_slice(opened);
    }
    Some(plaintext)
}
