//! Large pages for memory that was allocated without them. Called by `ops::flex` for a frozen weight before
//! it is first used.
//!
//! Invariant: advice only; contents and addresses stay, and a system that refuses changes nothing. The advice
//! to move pages at once holds whatever the administrator set for programs that do not ask
//! (`transparent_hugepage/enabled`).

/// Asks the system to move `memory`, which will be read again and again, to large pages. A weight is read in
/// strips of a row: with small pages each needs an address of its own translated, in a virtual machine twice.
pub fn gather<T>(memory: &[T]) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        use super::system::ALIGNMENT;
        let (start, bytes) = (memory.as_ptr().cast::<u8>(), size_of_val(memory));
        if bytes < super::SMALLEST_BYTES {
            return;
        }
        // Outwards: a large page may begin in this weight and end in the next one.
        let before = start.addr() % ALIGNMENT;
        let length = (before + bytes).next_multiple_of(ALIGNMENT);
        let start = start.wrapping_sub(before).cast_mut().cast();
        // SAFETY: advice about pages changes no contents; where nothing is mapped it is refused.
        unsafe {
            libc::madvise(start, length, libc::MADV_HUGEPAGE);
            libc::madvise(start, length, libc::MADV_COLLAPSE);
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = memory;
}
