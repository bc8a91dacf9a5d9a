//! Processor time of a process, as Linux tells it.

use std::time::Duration;

/// Of `/proc/PID/stat`, in the unit that `sysconf(_SC_CLK_TCK)` has on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of a process and all its threads, good to a tick.
///
/// # Panics
/// Where the process is gone, or the system is no Linux.
pub(crate) fn time_of(pid: u32) -> Duration {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
    // The name before it may hold anything.
    let fields = text.rsplit_once(')').expect("a name in brackets").1;
    let field = |place: usize| -> u32 {
        fields.split_ascii_whitespace().nth(place).and_then(|field| field.parse().ok()).expect("a number")
    };
    TICK * (field(11) + field(12))
}
