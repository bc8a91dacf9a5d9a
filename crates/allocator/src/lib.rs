//! Memory that was used and is free goes back to the system.
//!
//! A client's start reads everything that was written, in pieces that lie between what is held for good. glibc gives back what is
//! free at the end of its heaps alone; what is free between stays resident until it is used again, or is asked for, and then
//! whole pages of it go. A server hashes passwords, each in 19 MiB: as soon as glibc has seen a piece of such a size come back,
//! it takes the next from a heap, of which each thread has another, and there they stay, 57 MiB a thread.
//!
//! Without glibc nothing here does anything.
#![allow(unsafe_code, reason = "the allocator is in C; everything that is, is in this file")]

/// Keeps what is allocated from now on in few heaps.
pub fn use_few_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set(glibc::ARENA_MAX, glibc::HEAPS_MAX);
}

/// Gives large pieces pages of their own, which go back with them, for as long as the process runs: a password's 19 MiB, not a
/// frame.
pub fn give_large_pieces_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set(glibc::MMAP_THRESHOLD, glibc::LARGE);
}

/// The same for all but small pieces, while much is read, until [`give_back`].
pub fn keep_large_pieces_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set(glibc::MMAP_THRESHOLD, glibc::LARGE_WHILE_READING);
}

/// Gives back whole pages that nothing is held in. Costs a look at all that is free, so it is for the end of something large.
pub fn give_back() {
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

    /// The same at other times, above a picture of a call and a frame of the relay, which would ask the kernel for pages each time.
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
