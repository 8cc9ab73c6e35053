//! `[retention]` of agent.toml: with how little room on the disk no round is begun, and what stays so that a
//! past round can be computed again. Used by `config`, the gateway and `preflight`. An update as trained goes
//! once the coordinator has the one that was sent: that is no setting.

use serde::{Deserialize, Serialize};

use crate::limits::{DISK_FREE_MIB_MAX, REPLAY_DAYS_MAX, REPLAY_MIB_MAX};

/// `[retention]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// With less room on the disk of the state folder, in MiB, `check` and `run` warn, and no round is begun.
    pub disk_free_mib_min: u64,
    /// For how many days `site-agent replay` can compute a round again: so long its files stay.
    pub replay_days: u32,
    /// What these files may take of the disk, in MiB; the oldest go first.
    pub replay_mib_max: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { disk_free_mib_min: 512, replay_days: 90, replay_mib_max: 2048 }
    }
}

impl RetentionConfig {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Which key is out of its range.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.disk_free_mib_min > DISK_FREE_MIB_MAX {
            return Err("`retention.disk_free_mib_min` must be at most 1048576 (1 TiB)");
        }
        if self.replay_days > REPLAY_DAYS_MAX {
            return Err("`retention.replay_days` must be at most 3660");
        }
        if self.replay_mib_max > REPLAY_MIB_MAX {
            return Err("`retention.replay_mib_max` must be at most 1048576 (1 TiB)");
        }
        Ok(())
    }

    /// How many of these rounds, newest first, keep what their replay needs. Each is given by when it was
    /// made, in milliseconds since 1970, and by the bytes that its files take; a file of two rounds counts
    /// twice.
    pub fn replays_kept(&self, rounds: &[(u64, u64)], now_ms: u64) -> usize {
        let oldest_ms = now_ms.saturating_sub(u64::from(self.replay_days) * 24 * 3600 * 1000);
        let mut left = if self.replay_days == 0 { 0 } else { self.replay_mib_max.saturating_mul(1 << 20) };
        let fits = |(made_ms, bytes): &&(u64, u64)| {
            let is_kept = *made_ms >= oldest_ms && *bytes <= left;
            left = left.saturating_sub(*bytes);
            is_kept
        };
        rounds.iter().take_while(fits).count()
    }

    /// `disk_free_mib_min` in bytes.
    pub fn disk_free_bytes_min(&self) -> u64 {
        self.disk_free_mib_min.saturating_mul(1 << 20)
    }

    /// The section as `join` writes it.
    pub(super) fn to_commented_toml(self) -> String {
        format!(
            "\n[retention]\n\
             # With less room on the disk, in MiB, the agent warns and begins no round; it goes on when there is more.\n\
             disk_free_mib_min = {}\n\
             # For so many days, and within so many MiB, what `site-agent replay` needs of a round stays: the adapter\n\
             # that it began with and the update that was sent. The oldest go first; 0 keeps nothing.\n\
             replay_days = {}\n\
             replay_mib_max = {}\n",
            self.disk_free_mib_min, self.replay_days, self.replay_mib_max
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3600 * 1000;

    #[test]
    fn the_newest_rounds_stay_within_their_days_and_their_share_of_the_disk() {
        let now_ms = 1000 * DAY_MS;
        let rounds: Vec<_> = (0..5).map(|days| (now_ms - days * DAY_MS, 500 << 10)).collect();
        let kept = |replay_days, replay_mib_max| {
            let config = RetentionConfig { replay_days, replay_mib_max, ..RetentionConfig::default() };
            config.replays_kept(&rounds, now_ms)
        };
        assert_eq!(kept(90, 2048), 5);
        assert_eq!(kept(3, 2048), 4, "today's and those of three days");
        assert_eq!(kept(90, 1), 2, "500 KiB each");
        assert_eq!((kept(0, 2048), kept(90, 0)), (0, 0));
        // Clocks go back: what is dated later is new.
        assert_eq!(RetentionConfig::default().replays_kept(&[(now_ms + DAY_MS, 1)], now_ms), 1);
    }
}
