//! Memory that was used and is free goes back to the system.
//!
//! A start reads everything that was written, in pieces that lie between what is held for good. glibc gives back what is
//! free at the end of its heaps alone; what is free between stays resident until it is used again, or is asked for.
#![allow(unsafe_code, reason = "the allocator is in C; everything that is, is in this file")]

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
