//! Memory that the pool hands out in parts, straight from the operating system. Used by `pool` only.
//!
//! Invariants: a region starts on [`ALIGNMENT`], holds zeros at first, and goes back when it is dropped.

use core::ptr::NonNull;

use super::system::{self, ALIGNMENT};

/// One piece of memory.
pub(super) struct Region {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a region owns its memory, which any thread may use and free.
unsafe impl Send for Region {}

impl Region {
    /// At least `bytes` bytes (more than 0).
    pub(super) fn allocate(bytes: usize) -> Self {
        let bytes = bytes.next_multiple_of(ALIGNMENT);
        let region = Self { start: system::allocate(bytes), bytes };
        assert_eq!(region.start.as_ptr().align_offset(ALIGNMENT), 0, "the system keeps the alignment");
        region
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Address of a byte inside.
    pub(super) fn pointer(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.bytes, "inside the region");
        // SAFETY: inside the allocation (asserted).
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated by `system::allocate` with this size; the pool drops a region only when no part
        // is in use.
        unsafe { system::free(self.start, self.bytes) };
    }
}
