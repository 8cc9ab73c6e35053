//! `site-agent status`: what this site is, has done and has sent. Offline; nothing here is sent anywhere. Run
//! by `cli`.

mod runs;

use certs::RevocationList;
use cli::keys::Sealing;
use common::clock::{Clock as _, SystemClock, Timestamp};
use common::ledger::{Kind, Record, Summary};
use common::wire::message::ReceiptBody;
use serde_json::json;

use super::certificate::Validity;
use super::support::{State, print_json};
use super::{leave, ledger, table};
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::gateway::identity::Papers;
use crate::gateway::keys::sealing;
use crate::gateway::progress::{ROUND_BITS, run_bits};
use crate::gateway::revocations::Revocations;
use crate::gateway::store::memory::Said;
use crate::gateway::store::{FACT_RECORDS, FACT_TOO_CLOSE, Store, Update};
use crate::policy::Hours;
use runs::Runs;

const EXAMPLES: &str = "\
Examples:
  site-agent status
  site-agent status --json

The record count is exact and is shown here only; the coordinator gets two significant digits. \
Numbers \"ever\" are of this site's whole life; those of each run stand below. \
\"Sent in runs\" counts what `coordinator sites` counts, and frames that were lost on the way; the request to join is not in \
it. The last receipt says what had arrived by then.
\"Beside updates\" is what all other numbers of a round can carry, if a replaced worker chose them.";

/// Show what this site is, has done and has sent.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let config = AgentConfig::load(&folder.config())?;
    leave::must_be_member(&folder)?;
    let identity = Papers::load(&folder.identity())?;
    let store = Store::open_to_read(&folder.database())?;
    // Before the ledger: a running agent adds the record first.
    let newest = store.newest_receipt()?.map(|receipt| receipt.body);
    let (entries, ledger) = ledger::read(&folder.ledger())?;
    let known = Known {
        validity: Validity::of(&identity.certificate_der)?,
        revocations: Revocations::load(&store, &identity.authority_der)?,
        sealing: sealing(&folder),
        identity,
        config,
        records: store.fact(FACT_RECORDS)?.unwrap_or(0),
        too_close: store.fact(FACT_TOO_CLOSE)?,
        updates: store.updates()?,
        by_receipt: newest.map(|body| (sent_until(&entries, &body), body)),
        said: store.said()?,
        runs: Runs::of(&entries),
        ledger,
    };
    if arguments.json {
        return print_json(&as_json(&known));
    }
    print!("{}", overview(&known));
    println!("\nWhat left, by run:");
    print!("{}", known.runs.render(&known.updates));
    Ok(())
}

/// The site as a whole. Numbers of bytes are of its whole life, and say so.
fn overview(known: &Known) -> String {
    let Known { identity, config, records, too_close, updates, ledger, validity, by_receipt, said, .. } =
        known;
    let (frames, bytes) = in_runs(ledger);
    let rows = [
        ("site", identity.coordinator.site.to_string()),
        ("coordinator", identity.coordinator.address.clone()),
        ("certificate until", table::utc(validity.until_ms)),
        ("certificate renewed", validity.renewal(SystemClock.now().0)),
        ("revocation list", known.revocations.words(SystemClock.now().into())),
        ("private keys", known.sealing.words().to_owned()),
        ("model", config.model.display().to_string()),
        ("records", records.to_string()),
        (
            "too close to held-out",
            too_close.map_or_else(|| "never compared".to_owned(), |count| count.to_string()),
        ),
        ("training hours", hours(config.policy.hours)),
        ("rounds done, ever", done(updates).count().to_string()),
        ("bytes sent, ever", ledger.bytes.to_string()),
        ("of these, updates", update_bytes(ledger).to_string()),
        ("beside updates, at most", beside_updates(config.policy.own_scores)),
        ("sent in runs, ever", format!("{frames} frames, {bytes} bytes")),
        ("by the last receipt", by_the_receipt(by_receipt.as_ref())),
        (
            "coordinator says",
            said.as_ref()
                .map_or_else(|| "has not answered yet".to_owned(), |(said, at_ms)| in_words(*said, *at_ms)),
        ),
        ("ledger records", ledger.records.to_string()),
        ("ledger root", ledger.root.to_string()),
        ("last receipt", last_receipt(updates)),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table::render(&rows)
}

/// Everything that is known of this site.
struct Known {
    identity: Papers,
    config: AgentConfig,
    records: u64,
    /// Records that the last comparison with a held-out set left out.
    too_close: Option<u64>,
    updates: Vec<Update>,
    /// What left, run by run.
    runs: Runs,
    ledger: Summary,
    /// Of the certificate.
    validity: Validity,
    /// Who is revoked.
    revocations: Revocations,
    sealing: Sealing,
    /// Bytes sent up to the newest receipt's last frame, and that receipt.
    by_receipt: Option<(u64, ReceiptBody)>,
    /// What the coordinator said last, and when.
    said: Option<(Said, u64)>,
}

fn as_json(known: &Known) -> serde_json::Value {
    let Known {
        identity, config, records, too_close, updates, ledger, validity, by_receipt, said, runs, ..
    } = known;
    let (frames, bytes) = in_runs(ledger);
    let rounds: Vec<_> = updates
        .iter()
        .map(|update| {
            json!({
                "run": update.key.run.to_string(),
                "round": update.key.round.0,
                "digest": update.digest.to_string(),
                "bytes": update.bytes,
                "records": update.records,
                "training_loss": update.loss,
                "receipt": update.receipt.is_some(),
                "declined": update.declined,
            })
        })
        .collect();
    json!({
        "site": identity.coordinator.site,
        "coordinator": identity.coordinator.address,
        "certificate_expires": table::utc(validity.until_ms),
        "certificate_renewed_from": table::utc(validity.renewed_from_ms),
        "keys_sealed": known.sealing.is_all(),
        "certificate_warning": validity.warning(SystemClock.now().0),
        "revocation_list": revocation_list(&known.revocations),
        "model": config.model,
        "data": config.data,
        "records": records,
        "records_too_close_to_held_out": too_close,
        "training_hours": hours_as_json(config.policy.hours),
        "rounds_done": done(updates).count(),
        "bytes_sent": ledger.bytes,
        "bits_beside_the_update_of_a_round": ROUND_BITS,
        "bits_beside_the_rounds_of_a_run": run_bits(config.policy.own_scores),
        "sent_in_runs": { "frames": frames, "bytes": bytes },
        "by_the_last_receipt": by_receipt.map(|(sent, body)| json!({
            "sent_bytes": sent, "arrived_bytes": body.received_bytes, "last_sequence": body.last_sequence,
        })),
        "coordinator_said": said.as_ref().map(|(said, at_ms)| json!({ "words": said.words(), "at": table::utc(*at_ms) })),
        "ledger": { "records": ledger.records, "bytes": ledger.bytes, "root": ledger.root.to_string() },
        "runs": runs.as_json(updates),
        "rounds": rounds,
    })
}

fn revocation_list(revocations: &Revocations) -> serde_json::Value {
    let list = revocations.list();
    json!({
        "number": list.map(RevocationList::number),
        "until": list.map(|list| table::utc(Timestamp::from(list.next_update()).0)),
        "fault": revocations.fault(SystemClock.now().into()),
    })
}

/// Frames and bytes of what the coordinator counts: all but the request to join, and notes, which are none.
fn in_runs(ledger: &Summary) -> (u64, u64) {
    let counted = ledger.kinds.iter().filter(|(kind, _)| kind.is_counted());
    counted.fold((0, 0), |(frames, bytes), (_, total)| (frames + total.frames, bytes + total.bytes))
}

/// Bytes of the frames that a receipt covers, as they were sent.
fn sent_until(records: &[Record], receipt: &ReceiptBody) -> u64 {
    let covered = receipt.first_sequence..=receipt.last_sequence;
    let frames =
        records.iter().filter(|record| covered.contains(&record.sequence) && record.kind.is_counted());
    frames.map(|record| record.length).sum()
}

fn by_the_receipt(known: Option<&(u64, ReceiptBody)>) -> String {
    known.map_or_else(
        || "none yet".to_owned(),
        |(sent, body)| {
            let ReceiptBody { first_sequence, last_sequence, received_bytes, .. } = body;
            format!("{received_bytes} of {sent} bytes arrived (records {first_sequence} to {last_sequence})")
        },
    )
}

/// The hours of the policy, and where they stand now.
fn hours(hours: Hours) -> String {
    let now_ms = SystemClock.now().0;
    match hours.wait_ms(now_ms) {
        None if !hours.are_set() => "any".to_owned(),
        None => format!("{hours} (now)"),
        Some(wait_ms) => format!("{hours} (not now; from {} on)", table::utc(now_ms + wait_ms)),
    }
}

fn hours_as_json(hours: Hours) -> serde_json::Value {
    let now_ms = SystemClock.now().0;
    let wait_ms = hours.wait_ms(now_ms);
    json!({
        "hours": hours.to_string(),
        "open": wait_ms.is_none(),
        "opens": wait_ms.map(|wait_ms| table::utc(now_ms + wait_ms)),
    })
}

fn in_words(said: Said, at_ms: u64) -> String {
    format!("{} ({})", said.words(), table::utc(at_ms))
}

fn done(updates: &[Update]) -> impl Iterator<Item = &Update> {
    updates.iter().filter(|update| update.receipt.is_some())
}

fn update_bytes(ledger: &Summary) -> u64 {
    ledger.kinds.get(&Kind::Chunk).map_or(0, |total| total.bytes)
}

/// What the numbers of a round can carry, whatever a worker puts into them.
fn beside_updates(says_own_scores: bool) -> String {
    let of_run = run_bits(says_own_scores);
    format!("{ROUND_BITS} bits a round and {of_run} a run (see PRIVACY.md; points and times not counted)")
}

fn last_receipt(updates: &[Update]) -> String {
    done(updates).last().map_or_else(
        || "none yet".to_owned(),
        |update| {
            format!("run {}, round {}, update {}", update.key.run, update.key.round, update.digest.short())
        },
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use common::ledger::KindTotal;

    use super::*;

    #[test]
    fn what_is_counted_is_what_the_coordinator_counts() {
        let total = |frames, bytes| KindTotal { frames, bytes };
        let kinds = BTreeMap::from([
            (Kind::Join, total(1, 400)),
            (Kind::Hello, total(2, 90)),
            (Kind::Approval, total(3, 0)),
            (Kind::Policy, total(1, 0)),
            (Kind::Data, total(5, 0)),
            (Kind::Renew, total(1, 210)),
        ]);
        let ledger = Summary { records: 0, bytes: 0, root: common::id::Digest([0; 32]), kinds };
        assert_eq!(in_runs(&ledger), (3, 300));
    }
}
