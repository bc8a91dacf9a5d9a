//! Memory that was used and is free goes back to the system.
//!
//! A start reads everything that was written, in pieces that lie between what is held for good. glibc gives back what is
//! free at the end of its heaps alone; what is free between stays resident until it is used again, or is asked for, and then
//! whole pages of it go.
#![allow(unsafe_code, reason = "the allocator is in C; everything that is, is in this file")]

/// Keeps what is allocated from now on in few heaps.
pub(crate) fn use_few_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set(glibc::ARENA_MAX, glibc::HEAPS_MAX);
}

/// Gives large pieces pages of their own, which go back with them, until [`give_back`].
pub(crate) fn keep_large_pieces_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set(glibc::MMAP_THRESHOLD, glibc::LARGE_WHILE_READING);
}

/// Gives back whole pages that nothing is held in. Costs a look at all that is free, so it is for the end of something large.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        glibc::set(glibc::MMAP_THRESHOLD, glibc::LARGE);
        glibc::set(glibc::TRIM_THRESHOLD, glibc::LARGE);
        glibc::trim();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::ffi::c_int;

    /// Parameters, of `malloc.h`.
    pub(super) const TRIM_THRESHOLD: c_int = -1;
    pub(super) const MMAP_THRESHOLD: c_int = -3;
    pub(super) const ARENA_MAX: c_int = -8;

    /// Heaps of the process at most. glibc makes eight a processor otherwise, one for each thread that finds the others in use,
    /// and what a start leaves free lies in all of them. The engine's work is one task's: its threads seldom wait for each
    /// other here.
    pub(super) const HEAPS_MAX: c_int = 2;

    /// Bytes of a piece that has pages of its own while everything is read: buffers and tables that grow, of which each size
    /// before would leave a hole.
    pub(super) const LARGE_WHILE_READING: c_int = 64 * 1024;

    /// The same afterwards, above a picture of a call, which would ask the kernel for its pages each time.
    pub(super) const LARGE: c_int = 4 * 1024 * 1024;

    unsafe extern "C" {
        /// `mallopt(3)`: safe while others allocate; what is allocated stays as it is.
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
        /// `malloc_trim(3)`: of all heaps, and safe while others allocate.
        safe fn malloc_trim(pad: usize) -> c_int;
    }

    pub(super) fn set(parameter: c_int, value: c_int) {
        let _ = mallopt(parameter, value);
    }

    pub(super) fn trim() {
        let _ = malloc_trim(0);
    }
}
