//! The named counters of the kernel's rules for the agent's user (`deploy/nftables-site.nft`), beside what
//! the agent handed to the kernel. Called by `reconcile --wire`. Invariants: the counters are those of that
//! table alone; what the rules refused is a disagreement however little it is.

use std::path::Path;
use std::process::{Command, Stdio};

use common::counts::packet_bytes;
use common::limits::WIRE_LINE_BYTES_MAX;
use serde::Serialize;
use serde_json::Value;

use super::{Frames, Since};
use crate::cli::consent::known::read_bounded;
use crate::error::SiteError;
use crate::limits::NFT_COUNTERS_BYTES_MAX;

/// The table of the recipe, and its two counters.
const TABLE: &str = "consilium";
const SENT: &str = "to_coordinator";
const REFUSED: &str = "refused";
/// Handshakes that are in no count: those of `join`, `set-address` and one that is under way.
const HANDSHAKES: u64 = 3;

/// Packets and bytes, IP headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::cli::ledger) struct Packets {
    pub(in crate::cli::ledger) packets: u64,
    pub(in crate::cli::ledger) bytes: u64,
}

/// What the rules counted of the agent's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli::ledger) struct Firewall {
    /// To the coordinator.
    pub(in crate::cli::ledger) sent: Packets,
    /// To anybody else: dropped.
    pub(in crate::cli::ledger) refused: Packets,
}

/// From a file that `nft -j list counters` wrote, or from `nft` itself. `None` where this machine has no such
/// rules, or this user may not read them.
///
/// # Errors
/// `Data` for a file without the counters of the recipe; those of reading it.
pub(in crate::cli::ledger) fn read_counters(file: Option<&Path>) -> Result<Option<Firewall>, SiteError> {
    let Some(path) = file else {
        let asked = Command::new("nft").args(["-j", "list", "counters"]).stdin(Stdio::null()).output();
        let printed = asked.ok().filter(|output| output.status.success()).map(|output| output.stdout);
        return Ok(printed.and_then(|bytes| parse(&bytes)));
    };
    let bytes = read_bounded(path, NFT_COUNTERS_BYTES_MAX)?;
    let Some(found) = bytes.and_then(|bytes| parse(&bytes)) else {
        let sentence = format!("{} has no counters {SENT} and {REFUSED} of a table {TABLE}", path.display());
        let hint = "as root: nft -j list counters > FILE, with the rules of deploy/nftables-site.nft loaded";
        return Err(SiteError::data(&sentence, hint));
    };
    Ok(Some(found))
}

fn parse(bytes: &[u8]) -> Option<Firewall> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let listed = document["nftables"].as_array()?;
    let packets = |name: &str| {
        let counter = listed
            .iter()
            .map(|entry| &entry["counter"])
            .find(|counter| counter["table"] == TABLE && counter["name"] == name)?;
        Some(Packets { packets: counter["packets"].as_u64()?, bytes: counter["bytes"].as_u64()? })
    };
    Some(Firewall { sent: packets(SENT)?, refused: packets(REFUSED)? })
}

impl Firewall {
    /// What does not agree with what the agent handed to the kernel; `not_counted` may have left since.
    pub(in crate::cli::ledger) fn faults(&self, since: &Since, not_counted: Frames) -> Vec<String> {
        let mut faults = Vec::new();
        let (least, most) = packet_bytes(&since.sent);
        // The kernel has not sent a probe that is larger than the path takes.
        let least = least.saturating_sub(since.padded.saturating_mul(1_500));
        let handshakes = (since.processes + HANDSHAKES).saturating_mul(WIRE_LINE_BYTES_MAX);
        let behind = not_counted.bytes.saturating_add(not_counted.bytes / 8);
        let most = most.saturating_add(handshakes).saturating_add(behind);
        let bytes = self.sent.bytes;
        if bytes > most {
            faults.push(format!(
                "the kernel's rules counted {bytes} bytes to the coordinator, and the agent sent at most {most}: {} too many",
                bytes - most
            ));
        }
        if bytes < least {
            faults.push(format!(
                "the kernel's rules counted {bytes} bytes to the coordinator, and the agent sent at least {least}: {} too few",
                least - bytes
            ));
        }
        let Packets { packets, bytes } = self.refused;
        if packets > 0 {
            faults.push(format!(
                "the kernel refused {packets} packets, {bytes} bytes, that the agent's user wanted to send elsewhere"
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use common::counts::SentCount;

    use super::*;

    /// As nftables 1.0.6 prints it.
    const LISTED: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"counter": {"family": "inet", "name": "refused", "table": "other", "handle": 3, "packets": 9, "bytes": 9}}, {"counter": {"family": "inet", "name": "to_coordinator", "table": "consilium", "handle": 2, "comment": "datagrams", "packets": 20, "bytes": 21000}}, {"counter": {"family": "inet", "name": "refused", "table": "consilium", "handle": 3, "packets": 0, "bytes": 0}}]}"#;

    fn since(bytes: u64) -> Since {
        Since { sent: SentCount { datagrams: 30, bytes, calls: 20 }, processes: 1, padded: 0 }
    }

    #[test]
    fn the_table_of_the_recipe_is_read_and_no_other() {
        let firewall = parse(LISTED.as_bytes()).unwrap();
        assert_eq!(firewall.sent, Packets { packets: 20, bytes: 21_000 });
        assert_eq!(firewall.refused, Packets::default());
        for odd in ["", "{}", "[]", &LISTED.replace("consilium", "else"), &LISTED.replace("21000", "-1")] {
            assert_eq!(parse(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn what_is_too_many_too_few_or_refused_is_named_with_its_size() {
        let firewall = parse(LISTED.as_bytes()).unwrap();
        let none = Frames::default();
        assert_eq!(firewall.faults(&since(20_000), none), Vec::<String>::new());
        let few = firewall.faults(&since(30_000), none);
        assert!(few[0].ends_with("9560 too few") && few.len() == 1, "{few:?}");
        let mut more = firewall;
        more.sent.bytes += 1 << 20;
        let many = more.faults(&since(20_000), none);
        assert!(many[0].contains("too many") && many.len() == 1, "{many:?}");
        assert!(
            more.faults(&since(20_000), Frames { frames: 1, bytes: 1 << 20 }).is_empty(),
            "may have left"
        );
        more = firewall;
        more.refused = Packets { packets: 1, bytes: 128 };
        let refused = more.faults(&since(20_000), none);
        assert!(refused[0].contains("refused 1 packets, 128 bytes"), "{refused:?}");
    }
}
