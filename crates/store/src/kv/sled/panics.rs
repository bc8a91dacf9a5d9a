//! sled answers some kinds of damage with a panic. Here it becomes an error.
//!
//! The panic hook is chained once a process: a panic inside [`guarded`], or on one of sled's own threads, goes to the log
//! instead of standard error, where it would look like a crash of the program. Every other panic goes to the hook before.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::super::StoreError;

/// What sled's worker threads are named.
const SLED_THREAD: &str = "sled-";

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call`, which is one call into sled, and turns a panic into [`StoreError::Damaged`].
///
/// Whatever `call` was changing is not to be trusted afterwards: the store halts on this error.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    static CHAINED: Once = Once::new();
    CHAINED.call_once(chain_hook);
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        tracing::error!(said, "sled panicked");
        // sled's own words can hold keys; they go to the log only.
        Err(StoreError::damaged("the database cannot be read"))
    })
}

fn chain_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let of_sled = std::thread::current().name().is_some_and(|name| name.starts_with(SLED_THREAD));
        // A thread that is being torn down has no flag left; then the panic is not ours.
        if of_sled || GUARDED.try_with(Cell::get).unwrap_or(false) {
            tracing::error!(location = ?info.location(), "sled panicked");
        } else {
            before(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::super::super::StoreError;
    use super::guarded;

    #[test]
    fn a_panic_becomes_damage_and_the_next_call_runs() {
        let result: Result<(), StoreError> = guarded(|| panic!("at the disk"));
        assert!(matches!(result, Err(StoreError::Damaged { .. })));
        assert_eq!(guarded(|| Ok(7)), Ok(7));
    }
}
