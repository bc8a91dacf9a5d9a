//! What a process holds, as Linux tells it.

/// Of one process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Proportional: what several processes share is counted in parts.
    pub(crate) pss_kib: f64,
    /// Resident: what is shared counts in full.
    pub(crate) rss_kib: f64,
}

impl Memory {
    /// # Panics
    /// Where the process is gone, or the system is no Linux.
    pub(crate) fn of(pid: u32) -> Self {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
        let field = |name: &str| -> f64 {
            let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field of smaps_rollup");
            value.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Self { pss_kib: field("Pss:"), rss_kib: field("Rss:") }
    }
}
