//! A year in minutes, for the test that plays one. Called by `clock`. In a build without the cargo feature
//! `failpoints` or without debug assertions, so in every release build, time passes as it does.
//!
//! Invariant: as with the crash points, nothing happens in a process to which the test harness did not name
//! its folder besides (`CONSILIUM_CRASH_TESTS_IN`).

/// The variable that says since when, in milliseconds since 1970, and how many times faster: `MS*TIMES`.
pub const VARIABLE: &str = "CONSILIUM_TIME_LAPSE";

/// The time as it is.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
pub fn at(now: std::time::SystemTime) -> std::time::SystemTime {
    now
}

#[cfg(all(feature = "failpoints", debug_assertions))]
pub use built_in::at;

#[cfg(all(feature = "failpoints", debug_assertions))]
mod built_in {
    use std::sync::OnceLock;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::VARIABLE;
    use crate::crash::FOLDER_VARIABLE;

    /// Since when time passes faster, and how much.
    static LAPSE: OnceLock<Option<(SystemTime, u32)>> = OnceLock::new();

    /// The time of the test at this real time.
    pub fn at(now: SystemTime) -> SystemTime {
        let Some((begun, times)) = LAPSE.get_or_init(wanted) else { return now };
        now.duration_since(*begun).map_or(now, |since| *begun + since * *times)
    }

    fn wanted() -> Option<(SystemTime, u32)> {
        std::env::var_os(FOLDER_VARIABLE)?;
        parse(&std::env::var(VARIABLE).ok()?)
    }

    fn parse(text: &str) -> Option<(SystemTime, u32)> {
        let (begun_ms, times) = text.split_once('*')?;
        Some((UNIX_EPOCH + Duration::from_millis(begun_ms.parse().ok()?), times.parse().ok()?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn it_says_since_when_and_how_much() {
            assert_eq!(parse("1000*7"), Some((UNIX_EPOCH + Duration::from_secs(1), 7)));
            for bad in ["", "1000", "*7", "1000*", "-1*7", "1000*-7"] {
                assert_eq!(parse(bad), None, "{bad}");
            }
        }
    }
}
