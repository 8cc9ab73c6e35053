//! Until when this site's certificate holds, and when the agent renews it. Used by `status`, `check` and
//! `rejoin`. Invariant: a certificate is called overdue only when the agent has tried for a while.

use std::time::SystemTime;

use certs::PeerCertificate;
use common::clock::Timestamp;

use super::table;
use crate::error::SiteError;

/// Times in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) until_ms: u64,
    pub(super) renewed_from_ms: u64,
    /// From when on the next one is late.
    pub(super) late_ms: u64,
}

impl Validity {
    /// Of a certificate in DER.
    pub(super) fn of(certificate_der: &[u8]) -> Result<Self, SiteError> {
        let peer = PeerCertificate::from_der(certificate_der);
        let peer = peer.map_err(|error| SiteError::Internal(error.to_string()))?;
        let renewed = certs::profile::renewal_time(peer.not_before, peer.not_after);
        let ms = |time: SystemTime| Timestamp::from(time).0;
        let late = certs::profile::renewal_late(peer.not_before, peer.not_after);
        let (until_ms, renewed_from_ms) = (ms(peer.not_after), ms(renewed));
        Ok(Self { until_ms, renewed_from_ms, late_ms: ms(late) })
    }

    /// When it is renewed, or what is wrong.
    pub(super) fn renewal(self, now_ms: u64) -> String {
        let since = table::utc(self.renewed_from_ms);
        match self.warning(now_ms) {
            Some(_) if now_ms >= self.until_ms => "it has ended; see site-agent rejoin --help".to_owned(),
            Some(_) => format!("overdue since {since}; see site-agent logs"),
            None => format!("by the agent, from {since} on"),
        }
    }

    /// What a person should know now.
    pub(super) fn warning(self, now_ms: u64) -> Option<String> {
        let (until, since) = (table::utc(self.until_ms), table::utc(self.renewed_from_ms));
        if now_ms >= self.until_ms {
            return Some(format!(
                "this site's certificate ended on {until}; ask the coordinator's operator for an invitation with \
                 --readmit, and give it to site-agent rejoin"
            ));
        }
        (now_ms >= self.late_ms).then(|| {
            format!(
                "this site's certificate ends on {until} and should have been renewed on {since}: the agent was not \
                 running or the coordinator did not answer as it should; site-agent logs says which"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_hears_of_it_a_day_after_it_should_have_been_renewed() {
        const DAY_MS: u64 = 86_400_000;
        let validity = Validity { until_ms: 30 * DAY_MS, renewed_from_ms: 20 * DAY_MS, late_ms: 21 * DAY_MS };
        for (day, is_warned, words) in
            [(0, false, "from 1970-01-21"), (20, false, "from"), (21, true, "overdue"), (30, true, "ended")]
        {
            assert_eq!(validity.warning(day * DAY_MS).is_some(), is_warned, "day {day}");
            assert!(validity.renewal(day * DAY_MS).contains(words), "day {day}");
            assert!(validity.renewal(day * DAY_MS).len() < 56, "one line of 80 columns");
        }
    }
}
