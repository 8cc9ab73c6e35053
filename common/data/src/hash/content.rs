//! The hash of a record's canonical bytes: of its texts and roles, not of its place or format. Called by
//! `room` and `screen`. Invariant: injective, because every text has its length before it; the bytes of
//! version 1 never change.

use sha2::{Digest as _, Sha256};

use crate::record::{Body, Record, Role};

/// SHA-256 of the canonical bytes: `consilium record v1\n`; `T` and the text, or `C`, the number of turns as
/// 8 bytes little-endian, and for each turn `s`, `u`, `a`, `n` or `t` (system, user, assistant, assistant
/// whose answer a loss switch keeps from being learnt, tool) and its text. A text is its length in bytes, 8
/// bytes little-endian, and its UTF-8. Patient, date and department are not trained on and not in it.
#[must_use]
pub fn content_hash(record: &Record) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"consilium record v1\n");
    match &record.body {
        Body::Text(parts) => {
            hash.update(b"T");
            text(&mut hash, &record.text_of(parts));
        }
        Body::Conversation(turns) => {
            hash.update(b"C");
            hash.update((turns.len() as u64).to_le_bytes());
            for turn in turns {
                hash.update(match turn.role {
                    Role::System => b"s",
                    Role::User => b"u",
                    Role::Assistant if turn.is_learnt => b"a",
                    Role::Assistant => b"n",
                    Role::Tool => b"t",
                });
                text(&mut hash, &record.text_of(&turn.parts));
            }
        }
    }
    hash.finalize().into()
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}
