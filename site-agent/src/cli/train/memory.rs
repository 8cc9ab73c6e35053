//! How much memory another process takes, from `/proc`. Used by the progress display.

use std::fs;

/// Memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// In RAM now.
    pub(super) resident_bytes: u64,
    /// The most it ever was.
    pub(super) peak_bytes: u64,
}

/// `None` when the process is gone or the kernel hides it.
pub(super) fn of(process_id: u32) -> Option<Memory> {
    parse(&fs::read_to_string(format!("/proc/{process_id}/status")).ok()?)
}

fn parse(status: &str) -> Option<Memory> {
    let bytes = |key: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(key))?;
        let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some(Memory { resident_bytes: bytes("VmRSS:")?, peak_bytes: bytes("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_one_that_is_gone_has_none() {
        let memory = of(std::process::id()).unwrap();
        assert!(memory.peak_bytes >= memory.resident_bytes && memory.resident_bytes > 100_000);
        assert_eq!(of(u32::MAX), None);
        assert_eq!(parse("VmRSS:\t12 kB\nVmHWM: x kB"), None);
    }
}
