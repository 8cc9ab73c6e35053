//! How much memory this process may still take: what the machine has free, and what its control groups leave
//! of their bounds, of version 2 and of version 1. Called by `quality`, behind the locks, which leave these
//! files readable. Invariant: the smallest of all bounds decides; where one is there and cannot be read,
//! nothing is known.

use std::io::ErrorKind;
use std::path::{Component, Path};

/// The files of a control group.
struct Names {
    bound: &'static str,
    used: &'static str,
    /// In `memory.stat`: pages of files that the kernel gives up first.
    idle: &'static str,
}

const V2: Names = Names { bound: "memory.max", used: "memory.current", idle: "inactive_file" };
const V1: Names =
    Names { bound: "memory.limit_in_bytes", used: "memory.usage_in_bytes", idle: "total_inactive_file" };

/// What this process may still take, in bytes; nothing where that is not known.
pub(super) fn available_bytes() -> Option<u64> {
    available_under(Path::new("/"))
}

fn available_under(root: &Path) -> Option<u64> {
    let machine = available_in(&std::fs::read_to_string(root.join("proc/meminfo")).ok()?)?;
    let groups = match std::fs::read_to_string(root.join("proc/self/cgroup")) {
        Ok(groups) => groups,
        // A kernel without control groups.
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(machine),
        Err(_) => return None,
    };
    let mounts = root.join("sys/fs/cgroup");
    let mut least = machine;
    for line in groups.lines() {
        // Number, controllers (none of version 2), path.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        // In version 1 each controller has a mount of its own, and version 2 may be one beside them.
        let (names, mounts) = if controllers.is_empty() {
            (&V2, vec![mounts.clone(), mounts.join("unified")])
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (&V1, vec![mounts.join("memory")])
        } else {
            continue;
        };
        for mount in mounts {
            if let Some(left) = left_beneath(&mount, path, names)? {
                least = least.min(left);
            }
        }
    }
    Some(least)
}

/// What the group at `path` and its parents up to the mount leave. A path that is the host's, and not there
/// in a container, leaves the mount alone, which is the container's own group.
fn left_beneath(mount: &Path, path: &str, names: &Names) -> Option<Option<u64>> {
    let mut least = None;
    for at in Path::new(path.trim_start_matches('/')).ancestors() {
        if at.components().any(|part| !matches!(part, Component::Normal(_))) {
            continue;
        }
        if let Some(left) = left_in(&mount.join(at), names)? {
            least = Some(least.unwrap_or(u64::MAX).min(left));
        }
    }
    Some(least)
}

/// What one group leaves; nothing inside where it has no bound, nothing at all where that is not known.
fn left_in(group: &Path, names: &Names) -> Option<Option<u64>> {
    let bound = match std::fs::read_to_string(group.join(names.bound)) {
        Ok(text) if text.trim() == "max" => return Some(None),
        Ok(text) => text.trim().parse::<u64>().ok()?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(None),
        Err(_) => return None,
    };
    let used: u64 = std::fs::read_to_string(group.join(names.used)).ok()?.trim().parse().ok()?;
    let facts = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let idle = facts.lines().find_map(|line| line.strip_prefix(names.idle)?.trim().parse::<u64>().ok());
    Some(Some(bound.saturating_sub(used.saturating_sub(idle.unwrap_or(0)))))
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is available where these files are there, with a machine that has 1,000 KiB.
    fn with(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in
            [("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    1000 kB\n")].iter().chain(files)
        {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        available_under(root.path())
    }

    const MACHINE: Option<u64> = Some(1_000 << 10);
    const OWN: (&str, &str) = ("proc/self/cgroup", "0::/a/b\n");

    #[test]
    fn the_smallest_bound_of_machine_group_and_parents_decides() {
        assert_eq!(with(&[]), MACHINE, "a kernel without groups");
        assert_eq!(with(&[OWN]), MACHINE, "groups without bounds");
        let own =
            [OWN, ("sys/fs/cgroup/a/b/memory.max", "9000\n"), ("sys/fs/cgroup/a/b/memory.current", "2000\n")];
        assert_eq!(with(&own), Some(7_000));
        let idle = ("sys/fs/cgroup/a/b/memory.stat", "anon 1\ninactive_file 500\nactive_file 7\n");
        assert_eq!(with(&[&own[..], &[idle]].concat()), Some(7_500));
        let parent = [("sys/fs/cgroup/a/memory.max", "5000"), ("sys/fs/cgroup/a/memory.current", "4000")];
        assert_eq!(with(&[&own[..], &parent].concat()), Some(1_000));
        let over = [("sys/fs/cgroup/a/memory.max", "5000"), ("sys/fs/cgroup/a/memory.current", "6000")];
        assert_eq!(with(&[&own[..], &over].concat()), Some(0));
        let open =
            [OWN, ("sys/fs/cgroup/a/b/memory.max", "max\n"), ("sys/fs/cgroup/a/b/memory.current", "1")];
        assert_eq!(with(&open), MACHINE);
        // In a container: the host's path, and its own group at the mount; a path that leads out is none.
        let mounted = [("sys/fs/cgroup/memory.max", "3000"), ("sys/fs/cgroup/memory.current", "1000")];
        assert_eq!(with(&[&[OWN], &mounted[..]].concat()), Some(2_000));
        assert_eq!(with(&[&[("proc/self/cgroup", "0::/../x\n")], &mounted[..]].concat()), Some(2_000));
        // Version 1, with version 2 beside it.
        let old = ("proc/self/cgroup", "4:cpu,memory:/m\n1:cpu:/\n0::/\n");
        let bound = [
            ("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "800"),
            ("sys/fs/cgroup/memory/m/memory.usage_in_bytes", "300"),
        ];
        assert_eq!(with(&[&[old], &bound[..]].concat()), Some(500));
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        for meminfo in ["", "MemAvailable: x kB", "MemAvailable: 12", "MemAvailable: 99999999999999999999 kB"]
        {
            assert_eq!(with(&[("proc/meminfo", meminfo)]), None, "{meminfo}");
        }
        for odd in ["", "x", "-1", "99999999999999999999"] {
            let bound = ("sys/fs/cgroup/a/b/memory.max", odd);
            assert_eq!(with(&[OWN, bound, ("sys/fs/cgroup/a/b/memory.current", "1")]), None, "{odd}");
            let bound = ("sys/fs/cgroup/a/b/memory.max", "9");
            assert_eq!(with(&[OWN, bound, ("sys/fs/cgroup/a/b/memory.current", odd)]), None, "{odd}");
        }
        assert_eq!(with(&[OWN, ("sys/fs/cgroup/a/b/memory.max", "9")]), None, "a bound without a use");
        assert_eq!(with(&[("proc/self/cgroup", "garbage")]), None);
    }
}
