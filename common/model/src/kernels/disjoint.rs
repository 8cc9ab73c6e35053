//! A mutable slice that several tasks write at the same time, each at indices of its own.
//!
//! Used by the row and tile kernels where a task's output is a strided block (one head of `[T, heads *
//! head_dim]`, a tile of a matrix), which `chunks_mut` cannot express. The caller owes disjointness; nothing
//! is read while another task may write.

use core::marker::PhantomData;

/// Shared view for disjoint writes.
#[derive(Clone, Copy)]
pub struct DisjointMut<'a, T> {
    start: *mut T,
    length: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: the view only hands out parts through `slice`, whose contract is that no two live parts
// overlap; moving or sharing it between threads then moves or shares nothing but `T: Send` data.
unsafe impl<T: Send> Send for DisjointMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for DisjointMut<'_, T> {}

impl<'a, T> DisjointMut<'a, T> {
    /// Borrows the slice for the view's lifetime.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), borrowed: PhantomData }
    }

    /// Elements `start .. start + length`.
    ///
    /// # Safety
    /// No other live part of the same view may overlap this one.
    ///
    /// # Panics
    /// When the range leaves the slice.
    pub unsafe fn slice(&self, start: usize, length: usize) -> &'a mut [T] {
        assert!(start.checked_add(length).is_some_and(|end| end <= self.length), "part inside the slice");
        // SAFETY: in bounds by the assertion, exclusive by the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(start), length) }
    }

    /// Pointer to an element, for kernels that write strided blocks.
    ///
    /// # Panics
    /// When the index leaves the slice.
    pub fn pointer(&self, index: usize) -> *mut T {
        assert!(index < self.length, "element inside the slice");
        // SAFETY: in bounds by the assertion.
        unsafe { self.start.add(index) }
    }
}
