//! Memory that the pool hands out in parts, straight from the operating system. Used by `pool` only.
//!
//! Invariants: a region starts on [`ALIGNMENT`], holds zeros at first, and goes back when it is dropped.

use core::ptr::NonNull;

/// A large page: the fewest faults and address translations.
pub(super) const ALIGNMENT: usize = 2 << 20;

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
        // SAFETY: allocated by `system::allocate` with this size; the pool drops a region only when no part is in use.
        unsafe { system::free(self.start, self.bytes) };
    }
}

/// Anonymous pages: a fresh one is zero, takes memory only once it is touched, and is large where the kernel leaves the
/// choice to programs.
#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use core::ptr::{NonNull, null_mut};

    use super::ALIGNMENT;

    pub(super) fn allocate(bytes: usize) -> NonNull<u8> {
        let length = bytes + ALIGNMENT;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new private mapping at an address the kernel chooses.
        let start = unsafe { libc::mmap(null_mut(), length, protection, flags, -1, 0) };
        let Some(start) = NonNull::new(start.cast::<u8>()).filter(|_| start != libc::MAP_FAILED) else {
            std::alloc::handle_alloc_error(super::layout(bytes))
        };
        let before = start.as_ptr().align_offset(ALIGNMENT);
        // SAFETY: `before < ALIGNMENT`, so the aligned part and what surrounds it lie inside the mapping, on page
        // boundaries; the surroundings are nobody's. Advice changes no contents and may be refused.
        unsafe {
            let aligned = start.add(before);
            if before > 0 {
                libc::munmap(start.as_ptr().cast(), before);
            }
            if before < ALIGNMENT {
                libc::munmap(aligned.add(bytes).as_ptr().cast(), ALIGNMENT - before);
            }
            libc::madvise(aligned.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
            aligned
        }
    }

    /// # Safety
    /// As `Region::drop` says.
    pub(super) unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: exactly the mapping that `allocate` left.
        unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    use core::ptr::NonNull;

    pub(super) fn allocate(bytes: usize) -> NonNull<u8> {
        let layout = super::layout(bytes);
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
            .unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
    }

    /// # Safety
    /// As `Region::drop` says.
    pub(super) unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: allocated with this layout.
        unsafe { std::alloc::dealloc(start.as_ptr(), super::layout(bytes)) };
    }
}

/// Size and alignment of a region.
fn layout(bytes: usize) -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(bytes, ALIGNMENT)
        .unwrap_or_else(|_| unreachable!("a tensor smaller than the address space"))
}
