//! What must hold, one file an invariant of the design; each says which, and what it looks at.
//!
//! Most look at every frame, record and notice as it comes; `convergence` and `progress` also at a world at rest. None
//! trusts what a replica says of itself: disks and rosters are looked at. `Replica::check_invariants` runs after every
//! input beside them.

pub(crate) mod bounds;
pub(crate) mod convergence;
pub(crate) mod deletions;
pub(crate) mod durability;
pub(crate) mod progress;
pub(crate) mod rights;
pub(crate) mod secrecy;
