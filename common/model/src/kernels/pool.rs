//! Recycled memory for large tensors. Fresh pages from the kernel cost a fault and a cleared page each, which was a
//! tenth of a training step; a step's tensors have the sizes of the step before.
//!
//! Called by `ops::flex` through [`buffer`]. Invariants: a block belongs to one buffer at a time; its contents are
//! unspecified but always initialised (zeros from the allocator, or what its last user wrote); blocks in use and
//! idle ones together never exceed what was in use at the fullest moment, plus the block asked for.

use core::mem::MaybeUninit;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn_std::{AllocationController, AllocationProperty, Bytes};

/// Smaller buffers are left to the allocator, which recycles them well.
pub const SMALLEST_BYTES: usize = 64 << 10;
/// A cache line; the AVX-512 kernels then never load across two.
const LINE: usize = 64;
/// Block unit: its alignment is what tensors may rely on.
type Unit = u128;

/// Memory of one buffer.
struct Block {
    units: Vec<Unit>,
    /// Bytes before the first cache line.
    start: usize,
}

impl Block {
    fn allocate(bytes: usize) -> Self {
        let units: Vec<Unit> = vec![0; (bytes + LINE).div_ceil(size_of::<Unit>())];
        let start = units.as_ptr().cast::<u8>().align_offset(LINE).min(LINE);
        let block = Self { units, start };
        advise_huge_pages(bytemuck::cast_slice(&block.units));
        block
    }

    /// What a buffer may use.
    fn bytes(&self) -> usize {
        size_of_val(self.units.as_slice()) - LINE
    }
}

/// Asks for 2 MiB pages where the kernel leaves the choice to programs: 512 times fewer faults and TLB misses.
fn advise_huge_pages(memory: &[u8]) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const PAGE: usize = 4 << 10;
        let skip = memory.as_ptr().align_offset(PAGE);
        let Some(length) = memory.len().checked_sub(skip).filter(|length| *length >= 2 << 20) else {
            return;
        };
        // SAFETY: the range starts on a page and lies inside a live allocation; this advice changes no contents. A
        // kernel without huge pages refuses, which is all right.
        let _ =
            unsafe { libc::madvise(memory[skip..].as_ptr().cast_mut().cast(), length, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = memory;
}

/// Blocks waiting for their next user, the longest waiting first.
struct Pool {
    idle: Vec<Block>,
    idle_bytes: usize,
    used_bytes: usize,
    most_used_bytes: usize,
}

static POOL: Mutex<Pool> =
    Mutex::new(Pool { idle: Vec::new(), idle_bytes: 0, used_bytes: 0, most_used_bytes: 0 });

fn pool() -> MutexGuard<'static, Pool> {
    // Nothing inside can panic half way.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// An idle block that fits without wasting more than a quarter, or a new one.
    fn take(&mut self, bytes: usize) -> Block {
        let fits = |block: &Block| (bytes..=bytes + bytes / 4).contains(&block.bytes());
        let fitting = self.idle.iter().enumerate().filter(|(_, block)| fits(block));
        let block = match fitting.min_by_key(|(_, block)| block.bytes()).map(|(index, _)| index) {
            Some(index) => {
                let block = self.idle.remove(index);
                self.idle_bytes -= block.bytes();
                block
            }
            None => {
                while !self.idle.is_empty()
                    && self.used_bytes + self.idle_bytes + bytes > self.most_used_bytes
                {
                    self.idle_bytes -= self.idle.remove(0).bytes();
                }
                Block::allocate(bytes)
            }
        };
        self.used_bytes += block.bytes();
        self.most_used_bytes = self.most_used_bytes.max(self.used_bytes);
        block
    }

    fn give_back(&mut self, block: Block) {
        self.used_bytes -= block.bytes();
        self.idle_bytes += block.bytes();
        self.idle.push(block);
    }
}

/// Frees every idle block: for a process that goes on living after a training.
pub fn release() {
    let mut pool = pool();
    pool.idle.clear();
    pool.idle_bytes = 0;
    pool.most_used_bytes = pool.used_bytes;
}

/// Bytes that are waiting for their next user.
pub fn idle_bytes() -> usize {
    pool().idle_bytes
}

/// `length` bytes that start on a cache line, holding anything.
pub fn buffer(length: usize) -> Bytes {
    let block = pool().take(length);
    // SAFETY: `Buffer::memory` is `length` bytes of initialised memory.
    unsafe { Bytes::from_controller(Box::new(Buffer { block, length }), length) }
}

/// A block in use; its drop gives it back.
struct Buffer {
    block: Block,
    length: usize,
}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        align_of::<Unit>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        let start = self.block.start;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.block.units);
        let bytes = &mut bytes[start..start + self.length];
        // SAFETY: same size and alignment; the caller promises to write initialised bytes only.
        unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
    }

    fn memory(&self) -> &[MaybeUninit<u8>] {
        let bytes: &[u8] = bytemuck::cast_slice(&self.block.units);
        let bytes = &bytes[self.block.start..self.block.start + self.length];
        // SAFETY: same size and alignment; initialised memory may be seen as possibly uninitialised.
        unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let block = Block { units: core::mem::take(&mut self.block.units), start: self.block.start };
        pool().give_back(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because the pool is the process's: a size nobody else uses.
    #[test]
    fn a_block_is_aligned_used_by_one_at_a_time_and_used_again() {
        let size = 3_456_789;
        let mut first = buffer(size);
        assert_eq!(first.len(), size);
        assert_eq!(first.as_ptr().align_offset(LINE), 0);
        first.fill(7);
        let mut second = buffer(size);
        second.fill(9);
        assert!(first.iter().all(|byte| *byte == 7), "blocks in use do not overlap");
        let address = first.as_ptr() as usize;
        drop(first);
        let again = buffer(size - 1_000);
        assert_eq!(again.as_ptr() as usize, address, "the block is used again");
        assert_eq!(again.len(), size - 1_000);
        assert!(again.iter().all(|byte| *byte == 7));
        let copy = again.clone();
        drop(again);
        assert!(copy.iter().all(|byte| *byte == 7), "a copy has memory of its own");
        drop(second);
        assert!(idle_bytes() > 0);
    }
}
