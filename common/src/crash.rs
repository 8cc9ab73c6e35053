//! Named places where a test may kill a process, to prove that a restart continues. There are none in a build
//! without the cargo feature `failpoints` or without debug assertions, so in no release build.
//!
//! Tests and demo share one build, which therefore has them: there they act only in a process whose state
//! folder the test harness named besides (`CONSILIUM_CRASH_TESTS_IN`), and `--version` says that they are in.
//! Used by both binaries: the coordinator lists its points in `crash`; the site agent's are where they pass.

#[cfg(all(feature = "failpoints", debug_assertions))]
pub use built_in::{arm, reached};

/// Whether this build has the points at all.
pub const BUILT_IN: bool = cfg!(all(feature = "failpoints", debug_assertions));

/// The variable that names a point, and after `:` which passage dies.
pub const POINT_VARIABLE: &str = "CONSILIUM_CRASH_AT";
/// The variable that names the one state folder whose processes may die.
pub const FOLDER_VARIABLE: &str = "CONSILIUM_CRASH_TESTS_IN";

/// Aborts the process if this point is armed (see [`arm`]). Abort, not exit: nothing is flushed, as with
/// SIGKILL. One line on standard error says so, because a parent process may well hide the death by a
/// restart.
#[macro_export]
macro_rules! crash_point {
    ($name:expr) => {
        $crate::crash::reached($name)
    };
}

/// Does nothing: this build has no crash points.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
pub fn reached(_name: &str) {}

/// Does nothing: this build has no crash points.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
pub fn arm(_state: &std::path::Path) {}

#[cfg(all(feature = "failpoints", debug_assertions))]
mod built_in {
    use std::io::{self, Write as _};
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{FOLDER_VARIABLE, POINT_VARIABLE};

    /// The armed point, and which passage dies.
    static ARMED: OnceLock<(String, u32)> = OnceLock::new();
    static PASSAGES: AtomicU32 = AtomicU32::new(0);

    /// Arms the point that the environment names, if the environment also names this process's state folder
    /// as the test's own. Says on standard error what kind of build this is.
    pub fn arm(state: &Path) {
        say("this build has the crash points of the tests; do not install it");
        let Ok(wanted) = std::env::var(POINT_VARIABLE) else { return };
        let is_the_tests = std::env::var_os(FOLDER_VARIABLE)
            .and_then(|named| Some(Path::new(&named).canonicalize().ok()? == state.canonicalize().ok()?));
        if is_the_tests != Some(true) {
            say(&format!("{POINT_VARIABLE} is ignored: {FOLDER_VARIABLE} does not name {}", state.display()));
            return;
        }
        say(&format!("this process dies at {wanted}"));
        let (point, passage) = match wanted.split_once(':') {
            Some((point, passage)) => (point, passage.parse().unwrap_or(1)),
            None => (wanted.as_str(), 1),
        };
        // Set once; a second call has the same environment.
        let _ = ARMED.set((point.to_owned(), passage));
    }

    /// Called by `crash_point!`; counts passages of the armed point.
    pub fn reached(name: &str) {
        let Some((point, passage)) = ARMED.get() else { return };
        if point == name && PASSAGES.fetch_add(1, Ordering::SeqCst) + 1 == *passage {
            let _ = io::stderr().write_all(format!("crash point {name}\n").as_bytes());
            std::process::abort();
        }
    }

    fn say(words: &str) {
        // There is nobody to be told if standard error is gone.
        let _ = io::stderr().write_all(format!("warning: {words}\n").as_bytes());
    }
}
