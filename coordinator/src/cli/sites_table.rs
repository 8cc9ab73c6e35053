//! The table of `coordinator sites`. Called by `cli::sites`. Invariant: a row has at most 80 columns for
//! names of up to 22 characters; what needs attention stands below it, in whole sentences.

use common::clock::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::admin::consortium::SiteFacts;

/// A name's column is at least so wide.
const NAME_COLUMNS: usize = 12;

/// The table's lines, at `now`.
pub(super) fn lines(sites: &[SiteFacts], now: Timestamp) -> Vec<String> {
    let longest = sites.iter().map(|site| site.site.len()).max().unwrap_or(0);
    let width = longest.max(NAME_COLUMNS) + 2;
    let row = |site: &str, status: &str, seen: &str, [certificate, version, rounds, ledger]: [&str; 4]| {
        format!("{site:<width$}{status:<8}{seen:<11}{certificate:<12}{version:<10}{rounds:<8}{ledger:>7}")
    };
    let mut lines = vec![row("site", "status", "last seen", ["certificate", "version", "rounds", "ledger"])];
    for site in sites {
        let ledger = match (&site.ledger_refused, &site.ledger) {
            (Some(_), _) => "REFUSED".to_owned(),
            (None, Some(head)) => head.size.to_string(),
            (None, None) => "-".to_owned(),
        };
        let rounds = match site.closed_rounds {
            0 => "-".to_owned(),
            closed => format!("{}/{closed}", site.counted_rounds),
        };
        // The day is enough: what is close is named below.
        let day = site.certificate_ends.as_ref().and_then(|end| end.get(..10)).unwrap_or("-");
        let version = site.version.as_deref().unwrap_or("-");
        lines.push(row(&site.site, &site.status, &seen(site, now), [day, version, &rounds, &ledger]));
        if let Some(at) = &site.readmitted {
            let times = if site.readmissions == 1 { "once" } else { "more than once" };
            lines.push(format!(
                "  joined again {times}, last at {at}: another key, and the ledger counted anew"
            ));
        }
        if let (Some(run), Some(missed)) = (&site.run, &site.last_missing) {
            lines.push(format!("  run {run}, round {}: {}", missed.round, missed.text));
        }
        lines.extend(site.problems.iter().map(|problem| format!("  warning: {problem}")));
    }
    lines
}

fn seen(site: &SiteFacts, now: Timestamp) -> String {
    if site.connected == Some(true) {
        return "connected".to_owned();
    }
    let at = site.last_seen.as_ref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    match at {
        Some(at) => ago(u64::try_from(now.unix_s() - at.unix_timestamp()).unwrap_or(0)),
        None if site.status == "invited" => "-".to_owned(),
        None => "never".to_owned(),
    }
}

/// `5 min ago`: the largest unit that is full.
fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::consortium::Missed;
    use crate::admin::report::reason::Reason;
    use crate::admin::report::rfc3339;

    #[test]
    fn a_row_says_who_is_there_and_what_needs_attention() {
        let reason = Reason { word: "offline".into(), code: None };
        let mut site = SiteFacts {
            site: "cardiology-of-the-city".into(),
            status: "active".into(),
            joined: None,
            readmissions: 0,
            readmitted: None,
            paused: None,
            connected: Some(true),
            last_seen: Some(rfc3339(Timestamp(1_000_000))),
            certificate_ends: Some(rfc3339(Timestamp(86_400_000))),
            version: Some("10.20.300".into()),
            clock_ahead_s: None,
            disk_low: None,
            run: Some("5f0c".into()),
            counted_rounds: 599,
            closed_rounds: 600,
            policy_refusals: 0,
            last_missing: Some(Missed { round: 3, reason, text: "it was offline".into() }),
            frames: 1,
            bytes: 1,
            running_hash: None,
            ledger: None,
            ledger_refused: None,
            ledger_repeated: None,
            problems: vec!["its disk is nearly full".into()],
        };
        let shown = lines(&[site.clone()], Timestamp(1_000_000));
        assert!(shown.iter().take(2).all(|line| line.chars().count() <= 80), "{shown:#?}");
        assert!(shown[1].contains(" connected ") && shown[1].contains("599/600"), "{shown:#?}");
        assert_eq!(shown[2], "  run 5f0c, round 3: it was offline");
        assert_eq!(shown[3], "  warning: its disk is nearly full");
        site.connected = Some(false);
        assert!(lines(&[site.clone()], Timestamp(1_180_000))[1].contains(" 3 min ago "));
        site.last_seen = None;
        assert!(lines(&[site], Timestamp(0))[1].contains(" never "));
        assert_eq!(
            [ago(59), ago(60), ago(7200), ago(86_400)],
            ["59 s ago", "1 min ago", "2 h ago", "1 d ago"]
        );
    }
}
