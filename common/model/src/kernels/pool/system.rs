//! Memory from the operating system: large pages on Linux, the allocator elsewhere and under Miri. Called by
//! `pool::region`; `pool::large` uses the alignment. Invariant: what is handed out starts on [`ALIGNMENT`]
//! and holds zeros.

pub(super) use self::pages::{allocate, free};

/// A large page: the fewest faults and address translations.
pub(super) const ALIGNMENT: usize = 2 << 20;

/// Anonymous pages: a fresh one is zero, takes memory only once it is touched, and is large where the kernel
/// leaves the choice to programs.
#[cfg(all(target_os = "linux", not(miri)))]
mod pages {
    use core::ptr::{NonNull, null_mut};

    use crate::kernels::pool::system::{ALIGNMENT, layout};

    pub(in super::super) fn allocate(bytes: usize) -> NonNull<u8> {
        let length = bytes + ALIGNMENT;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new private mapping at an address the kernel chooses.
        let start = unsafe { libc::mmap(null_mut(), length, protection, flags, -1, 0) };
        let Some(start) = NonNull::new(start.cast::<u8>()).filter(|_| start != libc::MAP_FAILED) else {
            std::alloc::handle_alloc_error(layout(bytes))
        };
        let before = start.as_ptr().align_offset(ALIGNMENT);
        // SAFETY: `before < ALIGNMENT`, so the aligned part and what surrounds it lie inside the mapping, on
        // page boundaries; the surroundings are nobody's. Advice changes no contents and may be refused.
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
    pub(in super::super) unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: exactly the mapping that `allocate` left.
        unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod pages {
    use core::ptr::NonNull;

    use crate::kernels::pool::system::layout;

    pub(in super::super) fn allocate(bytes: usize) -> NonNull<u8> {
        let layout = layout(bytes);
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
            .unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
    }

    /// # Safety
    /// As `Region::drop` says.
    pub(in super::super) unsafe fn free(start: NonNull<u8>, bytes: usize) {
        // SAFETY: allocated with this layout.
        unsafe { std::alloc::dealloc(start.as_ptr(), layout(bytes)) };
    }
}

/// Size and alignment of a region.
fn layout(bytes: usize) -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(bytes, ALIGNMENT)
        .unwrap_or_else(|_| unreachable!("a tensor smaller than the address space"))
}
