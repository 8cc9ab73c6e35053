//! Landlock: which files a child may open, (from Linux 6.7) that it may not use TCP, and (from Linux 6.12)
//! that it reaches no process outside by a signal or an abstract socket.
//!
//! Called by `sandbox::enter`. Deny by default: what is not in `FileRules` or in the short system list
//! below is refused with EACCES, for every user including root.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::gpu::GpuFiles;
use super::lock::{Lock, LockReport};
use super::process;
use super::rules::FileRules;

/// What the process needs of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// QUIC and DNS over UDP; TCP is refused.
    UdpOnly,
    /// Nothing.
    None,
}

/// Read-only parts of the system that any Rust program with glibc may open: its own libraries, the processor
/// description, the null and random devices. None of them holds a record.
const SYSTEM_READ: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/urandom",
    "/usr/share/zoneinfo",
    "/etc/localtime",
];

/// What the resolver reads to turn the coordinator's name into an address.
const RESOLVER_READ: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
];

/// The newest rights we ask for; older kernels enforce the part they know.
const ABI_WANTED: ABI = ABI::V6;
/// The oldest kernel interface that closes every way of changing a file (truncation came with the third).
const ABI_NEEDED: ABI = ABI::V3;
/// The first with scopes for signals and abstract sockets.
const ABI_WITH_SCOPES: ABI = ABI::V6;

/// Restricts the calling thread and everything it starts. The first report is about files, the second about
/// the scopes.
pub(super) fn restrict(rules: &FileRules, network: Network) -> [LockReport; 2] {
    let no_scopes = |detail: String| LockReport::missing(Lock::Scopes, detail);
    match try_restrict(rules, network) {
        Ok(status) => {
            let files = match status.ruleset {
                RulesetStatus::FullyEnforced => LockReport::held(Lock::Landlock, "fully enforced"),
                RulesetStatus::PartiallyEnforced => {
                    LockReport::held(Lock::Landlock, "files enforced; this kernel lacks later rules")
                }
                RulesetStatus::NotEnforced => LockReport::missing(Lock::Landlock, why_missing(None)),
            };
            let has_scopes = matches!(status.landlock, LandlockStatus::Available { effective_abi, .. }
                if effective_abi >= ABI_WITH_SCOPES);
            let scopes = if files.held && has_scopes {
                LockReport::held(Lock::Scopes, "no signal and no abstract socket leads out")
            } else {
                no_scopes("this kernel has no scopes (Linux 6.12 or newer); system calls are refused".into())
            };
            [files, scopes]
        }
        Err(error) => {
            let why = why_missing(Some(&error));
            [LockReport::missing(Lock::Landlock, why.clone()), no_scopes(why)]
        }
    }
}

/// Whether the kernel has no Landlock, or something around this program keeps it away.
fn why_missing(error: Option<&RulesetError>) -> String {
    match process::landlock_version().map_err(|error| error.raw_os_error()) {
        Err(Some(libc::EPERM | libc::EACCES)) => {
            "a filter around this program (a container's or a service's) refuses landlock_create_ruleset"
                .into()
        }
        Err(Some(libc::EOPNOTSUPP)) => {
            "Landlock is switched off in this kernel (boot with lsm=...,landlock)".into()
        }
        Err(_) => "this kernel has no Landlock (Linux 6.2 or newer, lsm=landlock)".into(),
        Ok(()) => {
            error.map_or_else(|| "this kernel's Landlock is older than Linux 6.2".into(), ToString::to_string)
        }
    }
}

fn try_restrict(rules: &FileRules, network: Network) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // No right to execute anything, to make devices, sockets or fifos, or to send ioctls to devices but a
    // GPU's.
    let write = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let none = GpuFiles { devices: Vec::new(), read: Vec::new(), write_existing: Vec::new() };
    let gpu = rules.gpu.as_ref().unwrap_or(&none);
    let resolver: &[&str] = if network == Network::UdpOnly { RESOLVER_READ } else { &[] };
    Ruleset::default()
        // Without these rights the sandbox would have a hole, so an older kernel is an error, not a best
        // effort.
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI_NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_WANTED))?
        .handle_access(AccessNet::from_all(ABI_WANTED))?
        .scope(Scope::from_all(ABI_WANTED))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM_READ, read))?
        .add_rules(path_beneath_rules(resolver, read))?
        // A mapped library also needs no right to execute: the right is about `execve`.
        .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(&rules.read, read))?
        .add_rules(path_beneath_rules(&rules.write, write))?
        .add_rules(path_beneath_rules(&gpu.devices, read | AccessFs::WriteFile | AccessFs::IoctlDev))?
        .add_rules(path_beneath_rules(&gpu.read, read))?
        .add_rules(path_beneath_rules(&gpu.write_existing, AccessFs::WriteFile | AccessFs::Truncate))?
        .restrict_self()
}
