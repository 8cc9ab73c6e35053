//! The privacy officer's sum: every byte that a man in the middle counts on the wire is explained by
//! the sites' ledgers, by the handshake, or by QUIC's own framing.

use std::io::BufReader;
use std::path::Path;

use anyhow::Result;
use common::ledger::{Kind, Summary};
use tests::consortium::Consortium;

use crate::support::{RUN_WITHIN, Small, Wish};

/// What one 1-RTT packet may carry besides application bytes, from RFC 9000:
///
/// | part | bytes |
/// |---|---|
/// | short header: flags 1, connection id 12, packet number 4 | 17 |
/// | AEAD tag | 16 |
/// | STREAM frame: type 1, stream id 4, offset 8, length 2; two streams in one packet | 30 |
/// | ACK frame: type 1, largest 4, delay 4, count 1, first range 4, three more ranges of 8 | 38 |
/// | MAX_STREAM_DATA, MAX_DATA, PING, STOP_SENDING, connection id retirements | 59 |
const PACKET_OVERHEAD_MAX: u64 = 160;
/// Path MTU discovery: at most 12 probes of at most 1,500 bytes a connection, nearly all padding.
const MTU_PROBES_BYTES_MAX: u64 = 12 * 1_500;

#[test]
fn the_ledger_explains_every_byte_on_the_wire() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, relayed: true, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    // In good order: after this nobody sends, and every ledger record belongs to a frame that left.
    consortium.stop();

    let traffic = consortium.relay().map(tests::relay::Relay::up).unwrap_or_default();
    for site in &consortium.sites {
        the_data_was_noted(site.state(), &run)?;
    }
    let (ledger, connections) = ledgers(&consortium)?;
    let upper = ledger
        + traffic.packets * PACKET_OVERHEAD_MAX
        + traffic.handshake_bytes
        + connections * MTU_PROBES_BYTES_MAX;
    println!(
        "wire {} B in {} packets; ledger {ledger} B; handshakes {} B; framing {:.1} B a packet",
        traffic.bytes,
        traffic.packets,
        traffic.handshake_bytes,
        (traffic.bytes as f64 - ledger as f64 - traffic.handshake_bytes as f64) / traffic.packets as f64,
    );
    assert!(traffic.bytes >= ledger, "the ledger claims {ledger} B, the wire carried {} B", traffic.bytes);
    assert!(traffic.bytes <= upper, "{} B on the wire, at most {upper} B are explained", traffic.bytes);
    // The bound must be able to fail: hiding one more update would not fit under it.
    let blob = consortium.coordinator.state().join("blobs").join(&status.adapter);
    let update = std::fs::metadata(blob)?.len();
    assert!(upper - traffic.bytes < update, "the bound has room for a whole hidden update of {update} B");
    Ok(())
}

/// Which records the run used is in the ledger before the first frame that names the run, and leads to the
/// manifest.
fn the_data_was_noted(state: &Path, run: &str) -> Result<()> {
    let mut records = Vec::new();
    let ledger = BufReader::new(std::fs::File::open(state.join("ledger/ledger.log"))?);
    common::ledger::verify(ledger, |record| records.push(record.clone()))?;
    let of_run: Vec<_> = records.iter().filter(|record| record.run.as_deref() == Some(run)).collect();
    let kinds: Vec<Kind> = of_run.iter().map(|record| record.kind).take(3).collect();
    assert_eq!(kinds, [Kind::Approval, Kind::Decide, Kind::Data], "before anything else of the run");
    assert_eq!(of_run.iter().filter(|record| record.is_note()).count(), 2, "each once a run");
    let root = &of_run[2].sha256;
    let manifest = std::fs::read(state.join("work").join(format!("data-manifest-{root}.json")))?;
    let manifest = data::manifest::Manifest::from_bytes(&manifest)?;
    assert_eq!(&manifest.root, root);
    assert!(manifest.records > 0 && manifest.records == manifest.counts.read);
    Ok(())
}

/// Sum of all ledgers' bytes, and the number of connections they record.
fn ledgers(consortium: &Consortium) -> Result<(u64, u64)> {
    let (mut bytes, mut connections) = (0, 0);
    for site in &consortium.sites {
        let summary = read(&site.state().join("ledger/ledger.log"))?;
        let of = |kind| summary.kinds.get(&kind).map_or((0, 0), |total| (total.frames, total.bytes));
        // Enrolment has a port of its own that the relay does not see.
        bytes += summary.bytes - of(Kind::Join).1;
        connections += of(Kind::Hello).0;
    }
    Ok((bytes, connections))
}

fn read(path: &Path) -> Result<Summary> {
    Ok(common::ledger::verify(BufReader::new(std::fs::File::open(path)?), |_| ())?)
}
