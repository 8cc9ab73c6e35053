//! Reusable scratch memory for kernels, aligned to cache lines.
//!
//! Used by the products and the row kernels. A product needs megabytes of scratch for milliseconds; fresh
//! pages from the kernel would cost as much as the arithmetic saved. Each thread keeps a few small released
//! buffers; large ones come from the process's `pool`. Contents are unspecified on `take`: every user writes
//! before it reads.

use std::cell::RefCell;

use burn_std::Bytes;

use super::pool;

/// Buffers a thread keeps: those of the nested products of a projection.
const KEPT: usize = 12;
/// Largest buffer a thread keeps, in words: several times the tiles of a task.
const KEPT_WORDS: usize = 512 << 10;
/// Words of a cache line.
const LINE: usize = 16;

thread_local! {
    static RELEASED: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of words that starts on a cache line.
pub struct Scratch {
    memory: Memory,
    length: usize,
}

enum Memory {
    /// Kept by the thread; the second is the first word on a cache line.
    Thread(Vec<u32>, usize),
    Pool(Bytes),
}

impl Scratch {
    /// A buffer of `length` words, holding anything.
    pub fn take(length: usize) -> Self {
        let needed = length + LINE;
        if needed > KEPT_WORDS {
            return Self { memory: Memory::Pool(pool::buffer(length * size_of::<u32>())), length };
        }
        let fitting = RELEASED.with_borrow_mut(|released| {
            // The smallest that fits: a large one is soon asked for by somebody who needs all of it.
            let fitting = (0..released.len()).filter(|index| released[*index].len() >= needed);
            let index = fitting.min_by_key(|index| released[*index].len())?;
            Some(released.swap_remove(index))
        });
        let words = fitting.unwrap_or_else(|| vec![0; needed]);
        let start = words.as_ptr().align_offset(LINE * size_of::<u32>()).min(LINE);
        Self { memory: Memory::Thread(words, start), length }
    }
}

impl Scratch {
    /// The words as f32.
    pub fn f32(&self) -> &[f32] {
        bytemuck::cast_slice(self.as_ref())
    }

    /// The words as f32, to be written.
    pub fn f32_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(self.as_mut())
    }
}

impl AsRef<[u32]> for Scratch {
    fn as_ref(&self) -> &[u32] {
        match &self.memory {
            Memory::Thread(words, start) => &words[*start..*start + self.length],
            Memory::Pool(bytes) => bytemuck::cast_slice(bytes),
        }
    }
}

impl AsMut<[u32]> for Scratch {
    fn as_mut(&mut self) -> &mut [u32] {
        match &mut self.memory {
            Memory::Thread(words, start) => &mut words[*start..*start + self.length],
            Memory::Pool(bytes) => bytemuck::cast_slice_mut(bytes),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Memory::Thread(words, _) = &mut self.memory else { return };
        let words = core::mem::take(words);
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
