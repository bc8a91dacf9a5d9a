//! Memory that was used and is free goes back to the system.
//!
//! A start reads everything that was written, in pieces that lie between what is held for good. glibc gives back what is
//! free at the end of its heaps alone; what is free between stays resident until it is used again, or is asked for.
#![allow(unsafe_code, reason = "the allocator is in C; everything that is, is in this file")]

/// Heaps of the process at most. glibc makes eight a processor otherwise, one for each thread that finds the others in use, and
/// what a start leaves free lies in all of them. The engine's work is one task's: its threads seldom wait for each other here.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS_MAX: std::ffi::c_int = 2;

/// Keeps what is allocated from now on in few heaps.
pub(crate) fn use_few_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// `M_ARENA_MAX` of `malloc.h`.
        const ARENA_MAX: std::ffi::c_int = -8;
        unsafe extern "C" {
            /// `mallopt(3)`: safe while others allocate; heaps that are there stay.
            safe fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
        }
        let _ = mallopt(ARENA_MAX, HEAPS_MAX);
    }
}

/// Gives back whole pages that nothing is held in. Costs a look at all that is free, so it is for the end of something large.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            /// `malloc_trim(3)`: of all heaps, and safe while others allocate.
            safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        let _ = malloc_trim(0);
    }
}
