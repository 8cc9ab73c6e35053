//! `ledger reconcile --wire`: three counts of what left, and how far they agree. Called by `reconcile`.
//! Invariant: the counts are read before the ledger, so that a running agent's next frame is in the ledger at
//! least.

use std::path::PathBuf;

use common::ledger::Record;
use common::page::grouped;
use serde_json::{Value, json};

use crate::cli::ledger::wire::{Counted, Firewall, Frames, Meters, Processes, read_counters};
use crate::error::SiteError;
use crate::gateway::store::Store;
use crate::paths::StateFolder;

/// What a person asks of it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Compare the ledger with what the transport and the kernel counted.
    #[arg(long)]
    wire: bool,
    /// What `nft -j list counters` printed, of the rules in deploy/nftables-site.nft [default: `nft` is
    /// asked, where this user may].
    #[arg(long, value_name = "FILE", requires = "wire")]
    counters: Option<PathBuf>,
    /// The rules were loaded, with the agent stopped, when the ledger had this many records.
    #[arg(long, value_name = "RECORDS", requires = "wire", default_value_t = 0)]
    since: u64,
    /// Nothing but the agent sends in its network namespace: any datagram more is a fault.
    #[arg(long, requires = "wire")]
    alone: bool,
}

/// What was counted, before the ledger was read.
pub(super) struct Read {
    meters: Meters,
    firewall: Option<Firewall>,
    since: u64,
    is_alone: bool,
}

/// The comparison.
pub(super) struct Wire {
    counted: Counted,
    firewall: Option<Firewall>,
}

impl Options {
    /// # Errors
    /// `Store`; `Data` for a file of counters that has none.
    pub(super) fn read(&self, folder: &StateFolder) -> Result<Option<Read>, SiteError> {
        if !self.wire {
            return Ok(None);
        }
        let meters = Meters::read(&Store::open_to_read(&folder.database())?)?;
        let firewall = read_counters(self.counters.as_deref())?;
        Ok(Some(Read { meters, firewall, since: self.since, is_alone: self.alone }))
    }
}

impl Read {
    pub(super) fn compare(&self, records: &[Record]) -> Wire {
        let mut counted = self.meters.compare(records, self.is_alone);
        if let Some(firewall) = &self.firewall {
            let not_counted = counted.not_counted;
            counted.refused_by(firewall.faults(&self.meters.since(self.since), not_counted));
        }
        Wire { counted, firewall: self.firewall }
    }
}

impl Wire {
    pub(super) fn as_document(&self) -> Value {
        let mut document = json!(self.counted);
        document["agrees"] = json!(self.counted.faults.is_empty());
        document["firewall"] = json!(self.firewall);
        document
    }

    pub(super) fn print(&self) {
        let Counted { lines, lines_cut_short, ledger, bytes_at_most, .. } = &self.counted;
        let Counted { datagrams, bytes, lost_bytes, not_counted, before, .. } = &self.counted;
        let frames =
            |frames: &Frames| format!("{} frames, {} bytes", grouped(frames.frames), grouped(frames.bytes));
        println!("ledger       {}, on {} connections", frames(ledger), grouped(*lines));
        println!(
            "transport    {} bytes in {} datagrams, of them {} again for lost ones",
            grouped(*bytes),
            grouped(*datagrams),
            grouped(*lost_bytes)
        );
        println!("             at most {} bytes fit the ledger", grouped(*bytes_at_most));
        self.print_kernel();
        if not_counted.frames > 0 {
            println!("not counted  {} behind the last count of their connection", frames(not_counted));
        }
        if *lines_cut_short > 0 {
            println!("             {} connections were not counted at their end", grouped(*lines_cut_short));
        }
        if before.frames > 0 {
            println!("before       {} left before the first connection that was counted", frames(before));
        }
        for fault in &self.counted.faults {
            println!("FAULT        {fault}");
        }
        match (self.counted.faults.is_empty(), self.counted.faults_left_out) {
            (true, _) => println!("the counts agree"),
            (false, 0) => {}
            (false, more) => println!("and {more} more"),
        }
    }

    fn print_kernel(&self) {
        let Processes { calls, bytes, bytes_beside_lines, kernel, by_others, .. } = self.counted.processes;
        println!(
            "processes    {} bytes in {} calls, {} of them in handshakes that failed and farewells",
            grouped(bytes),
            grouped(calls),
            grouped(bytes_beside_lines)
        );
        match (kernel, by_others) {
            (Some(seen), Some(others)) => println!(
                "kernel       {} calls sent datagrams in this network namespace, {} of them by others",
                grouped(seen),
                grouped(others)
            ),
            _ => println!("kernel       it did not say what this network namespace sent"),
        }
        match &self.firewall {
            Some(Firewall { sent, refused }) => println!(
                "rules        {} bytes in {} packets to the coordinator, {} packets to others refused",
                grouped(sent.bytes),
                grouped(sent.packets),
                grouped(refused.packets)
            ),
            None => println!("rules        none for the agent's user that may be read here"),
        }
    }

    /// # Errors
    /// `Data` where the counts disagree, with what may be the reason.
    pub(super) fn verdict(&self) -> Result<(), SiteError> {
        let Some(first) = self.counted.faults.first() else { return Ok(()) };
        Err(SiteError::data(
            &format!("the counts of what left do not agree: {first}"),
            "too many: a program sent by the agent's socket or user, names are looked up over UDP, or the ledger was cut; too few: site.db is an old copy, or the rules were loaded later (--since). Keep ledger and site.db as they are",
        ))
    }
}
