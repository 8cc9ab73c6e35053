//! Reusable scratch memory for kernels, aligned to cache lines.
//!
//! A product needs megabytes of scratch for milliseconds; fresh pages from the kernel would cost as much
//! as the arithmetic saved. Each thread keeps a few released buffers. Contents are unspecified on `take`:
//! every user writes before it reads.

use std::cell::RefCell;

/// Buffers a thread keeps.
const KEPT: usize = 4;
/// Largest buffer kept, in words: 64 MiB.
const KEPT_WORDS: usize = 16 << 20;
/// Words of a cache line.
const LINE: usize = 16;

thread_local! {
    static RELEASED: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of words that starts on a cache line.
pub struct Scratch {
    words: Vec<u32>,
    start: usize,
    length: usize,
}

impl Scratch {
    /// A buffer of `length` words, holding anything.
    pub fn take(length: usize) -> Self {
        let needed = length + LINE;
        let fitting = RELEASED.with_borrow_mut(|released| {
            let index = released.iter().position(|words| words.len() >= needed)?;
            Some(released.swap_remove(index))
        });
        let words = fitting.unwrap_or_else(|| vec![0; needed]);
        let start = words.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE);
        Self { words, start, length }
    }
}

impl AsRef<[u32]> for Scratch {
    fn as_ref(&self) -> &[u32] {
        &self.words[self.start..self.start + self.length]
    }
}

impl AsMut<[u32]> for Scratch {
    fn as_mut(&mut self) -> &mut [u32] {
        &mut self.words[self.start..self.start + self.length]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let words = core::mem::take(&mut self.words);
        if words.len() > KEPT_WORDS {
            return;
        }
        RELEASED.with_borrow_mut(|released| {
            released.push(words);
            if released.len() > KEPT {
                // The smallest is the cheapest to allocate again.
                if let Some(smallest) = (0..released.len()).min_by_key(|index| released[*index].len()) {
                    released.swap_remove(smallest);
                }
            }
        });
    }
}
