//! Named places where a test may kill a process, to prove that a restart continues. Compiled to
//! nothing unless the cargo feature `failpoints` is on; release binaries are built without it.
//!
//! Used by both binaries: the coordinator lists its points in `crash`; the site agent's are where they pass.

/// Aborts the process if the environment variable `CONSILIUM_CRASH_AT` names this point. With
/// `name:3` the third passage dies. Abort, not exit: nothing is flushed, as with SIGKILL. One line on
/// standard error says so, because a parent process may well hide the death by a restart.
#[macro_export]
macro_rules! crash_point {
    ($name:expr) => {
        $crate::crash::reached($name)
    };
}

/// Called by [`crash_point!`]; counts passages of the point named in the environment.
#[cfg(feature = "failpoints")]
pub fn reached(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSAGES: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("CONSILIUM_CRASH_AT") else { return };
    let (point, count) = match wanted.split_once(':') {
        Some((point, count)) => (point, count.parse().unwrap_or(1)),
        None => (wanted.as_str(), 1),
    };
    if point == name && PASSAGES.fetch_add(1, Ordering::SeqCst) + 1 == count {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("crash point {name}\n").as_bytes());
        std::process::abort();
    }
}

/// Does nothing: the feature `failpoints` is off.
#[cfg(not(feature = "failpoints"))]
pub fn reached(_name: &str) {}
