//! Recycled memory for large tensors. Fresh pages from the kernel cost a fault and a cleared page each, which
//! was a tenth of a training step; a step's tensors have the sizes of the step before.
//!
//! Called by `ops::flex` through [`buffer`]. Invariants: a part of a region belongs to one buffer at a time;
//! its contents are unspecified but always initialised (zeros from the system, or what its last user wrote);
//! neighbouring idle parts are one; regions never exceed what was in use at the fullest moment, plus the
//! parts between that nobody can use, plus the region asked for.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn_std::{AllocationController, AllocationProperty, Bytes};

use self::region::Region;

pub mod large;
mod region;
mod system;

/// Smaller buffers are left to the allocator, which recycles them well.
pub const SMALLEST_BYTES: usize = 64 << 10;
/// Parts start and end on cache lines; the AVX-512 kernels then never load across two.
const LINE: usize = 64;
/// What burn is told, because a copy it makes has no more.
const ALIGNMENT: usize = align_of::<u128>();
/// Smallest region: tensors of a few megabytes share large pages.
const REGION_BYTES: usize = 16 << 20;

/// `(region, offset)`: idle parts lie in this order, so that neighbours are found.
type Place = (u64, usize);

/// Regions, and which parts of them wait for their next user.
struct Pool {
    regions: BTreeMap<u64, Region>,
    /// Length of every idle part.
    idle: BTreeMap<Place, usize>,
    next_region: u64,
    region_bytes: usize,
    used_bytes: usize,
    most_used_bytes: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::empty());

fn pool() -> MutexGuard<'static, Pool> {
    // Nothing inside can panic half way.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Without any region.
    const fn empty() -> Self {
        Self {
            regions: BTreeMap::new(),
            idle: BTreeMap::new(),
            next_region: 0,
            region_bytes: 0,
            used_bytes: 0,
            most_used_bytes: 0,
        }
    }

    /// The smallest idle part that fits, its rest idle again; or a part of a new region.
    fn take(&mut self, bytes: usize) -> (Place, NonNull<u8>) {
        let fitting = self.idle.iter().filter(|(_, length)| **length >= bytes);
        let fitting = fitting.min_by_key(|(_, length)| **length).map(|(place, _)| *place);
        let place = fitting.unwrap_or_else(|| self.grow(bytes));
        let length = self.idle.remove(&place).unwrap_or_default();
        if length > bytes {
            self.idle.insert((place.0, place.1 + bytes), length - bytes);
        }
        self.used_bytes += bytes;
        self.most_used_bytes = self.most_used_bytes.max(self.used_bytes);
        (place, self.regions[&place.0].pointer(place.1))
    }

    /// A new region, idle as a whole, after idle ones have made room for it.
    fn grow(&mut self, bytes: usize) -> Place {
        self.free_regions(|pool| {
            pool.region_bytes + bytes > pool.most_used_bytes.max(pool.used_bytes + bytes)
        });
        let region = Region::allocate(bytes.max(REGION_BYTES));
        let place = (self.next_region, 0);
        self.next_region += 1;
        self.region_bytes += region.bytes();
        self.idle.insert(place, region.bytes());
        self.regions.insert(place.0, region);
        place
    }

    /// Frees wholly idle regions, the oldest first, as long as that is wanted.
    fn free_regions(&mut self, wanted: impl Fn(&Self) -> bool) {
        let whole = |pool: &Self, (id, region): (&u64, &Region)| {
            (pool.idle.get(&(*id, 0)) == Some(&region.bytes())).then_some(*id)
        };
        let idle: Vec<u64> = self.regions.iter().filter_map(|region| whole(self, region)).collect();
        for id in idle {
            if !wanted(self) {
                return;
            }
            self.idle.remove(&(id, 0));
            self.region_bytes -= self.regions.remove(&id).map_or(0, |region| region.bytes());
        }
    }

    fn give_back(&mut self, place: Place, bytes: usize) {
        let (id, mut offset) = place;
        self.used_bytes -= bytes;
        let mut length = bytes;
        if let Some(after) = self.idle.remove(&(id, offset + bytes)) {
            length += after;
        }
        if let Some((place, before)) = self.idle.range(..(id, offset)).next_back().map(|(p, b)| (*p, *b))
            && place == (id, offset - before.min(offset))
        {
            self.idle.remove(&place);
            (offset, length) = (place.1, length + before);
        }
        self.idle.insert((id, offset), length);
    }
}

/// `length` bytes (more than 0) that start on a cache line, holding anything.
pub fn buffer(length: usize) -> Bytes {
    let bytes = length.max(1).next_multiple_of(LINE);
    let (place, start) = pool().take(bytes);
    // SAFETY: `Buffer::memory` is `length` bytes of initialised memory.
    unsafe { Bytes::from_controller(Box::new(Buffer { place, start, bytes, length }), length) }
}

/// A part of a region in use; its drop gives it back.
struct Buffer {
    place: Place,
    start: NonNull<u8>,
    bytes: usize,
    length: usize,
}

// SAFETY: a buffer is the only user of its part, like a box of it.
unsafe impl Send for Buffer {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Buffer {}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        ALIGNMENT
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the part is `bytes >= length` bytes of a live region that only this buffer uses; the caller
        // promises to write initialised bytes only.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.length) }
    }

    fn memory(&self) -> &[MaybeUninit<u8>] {
        // SAFETY: as above; initialised memory may be seen as possibly uninitialised.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        pool().give_back(self.place, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_and_neighbours_become_one_again() {
        let mut pool = Pool::empty();
        let mut used: Vec<(Place, usize)> = Vec::new();
        let mut state = 5_u64;
        for _ in 0..if cfg!(miri) { 100 } else { 2_000 } {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (state >> 33) as usize;
            if random.is_multiple_of(3) && !used.is_empty() {
                let (place, bytes) = used.swap_remove(random / 3 % used.len());
                pool.give_back(place, bytes);
            } else if used.len() < 40 {
                let bytes = (random % (3 << 20) + 1).next_multiple_of(LINE);
                let (place, _) = pool.take(bytes);
                used.push((place, bytes));
            }
            let idle = pool.idle.iter().map(|(place, length)| (*place, *length));
            let mut parts: Vec<(Place, usize)> = used.iter().copied().chain(idle).collect();
            parts.sort_unstable();
            for pair in parts.windows(2).filter(|pair| pair[0].0.0 == pair[1].0.0) {
                assert_eq!(pair[0].0.1 + pair[0].1, pair[1].0.1, "no gap and no overlap");
                let idle = |part: &(Place, usize)| pool.idle.contains_key(&part.0);
                assert!(!(idle(&pair[0]) && idle(&pair[1])), "two idle neighbours");
            }
            assert_eq!(parts.iter().map(|part| part.1).sum::<usize>(), pool.region_bytes);
        }
        for (place, bytes) in used {
            pool.give_back(place, bytes);
        }
        assert_eq!(pool.idle.len(), pool.regions.len(), "every region is whole again");
        pool.free_regions(|_| true);
        assert!(pool.regions.is_empty() && pool.idle.is_empty() && pool.region_bytes == 0);
    }

    #[test]
    fn a_large_region_serves_small_tensors_and_is_whole_for_the_next_large_one() {
        let mut pool = Pool::empty();
        let (large, _) = pool.take(100 << 20);
        pool.give_back(large, 100 << 20);
        let parts = [0; 8].map(|_| pool.take(5 << 20).0);
        assert!(parts.iter().all(|part| part.0 == large.0), "no new region");
        parts.iter().for_each(|part| pool.give_back(*part, 5 << 20));
        assert_eq!(pool.take(100 << 20).0, large);
    }

    #[test]
    fn idle_regions_make_room_for_a_new_one() {
        let mut pool = Pool::empty();
        let kept = pool.take(20 << 20).0;
        let gone = pool.take(30 << 20).0;
        pool.give_back(gone, 30 << 20);
        pool.take(40 << 20);
        assert!(!pool.regions.contains_key(&gone.0) && pool.regions.contains_key(&kept.0));
    }

    /// The pool is the process's: a size nobody else uses.
    #[test]
    fn a_buffer_is_aligned_used_by_one_at_a_time_and_recycled() {
        // Miri looks at every byte by itself.
        let size = if cfg!(miri) { 70_001 } else { 3_456_789 };
        let mut first = buffer(size);
        assert_eq!(first.len(), size);
        assert_eq!(first.as_ptr().align_offset(LINE), 0);
        first.fill(7);
        let mut second = buffer(size);
        second.fill(9);
        assert!(first.iter().all(|byte| *byte == 7), "blocks in use do not overlap");
        let copy = first.clone();
        drop(first);
        assert!(copy.iter().all(|byte| *byte == 7), "a copy has memory of its own");
        drop(second);
        assert!(pool().idle.values().sum::<usize>() >= size);
    }
}
