//! RFC 6962 vectors, an intact ledger, every way to break one, and the grammar beside its document and the
//! wire. `forgeries` makes broken ledgers by the hundred; `agreement` hands them to both verifiers.

use super::grammar::{Context, shape};
use super::*;
use crate::id::{Digest, Round, RunId};
use crate::limits::{
    CERTIFICATE_REQUEST_BYTES_MAX, CHUNK_BYTES_MAX, LEDGER_PROOF_HASHES_MAX, LEDGER_TIME_MS_MIN,
    MESSAGE_BYTES_MAX, OVERLAP_BATCH_POINTS_MAX,
};
use crate::wire::frame::{self, PREFIX_BYTES};
use crate::wire::join::JoinRequest;
use crate::wire::message::{
    Decision, Envelope, HASH_BYTES, LedgerHead, POINT_BYTES, Receipt, ReceiptBody, Request, RoundKey,
    TrainFailure,
};
use crate::wire::numbers::{LossMilli, RoundedCount};
use crate::wire::own_scores::{Measured, NoScores, OwnScores};

mod agreement;
mod forgeries;

/// Every kind, in the order of the words in the file.
pub(super) const KINDS: [Kind; 27] = [
    Kind::Join,
    Kind::Hello,
    Kind::Poll,
    Kind::Fetch,
    Kind::Ready,
    Kind::Progress,
    Kind::Offer,
    Kind::Chunk,
    Kind::Commit,
    Kind::Failed,
    Kind::OverlapDeclare,
    Kind::OverlapBlinded,
    Kind::LedgerProof,
    Kind::Receipt,
    Kind::Condition,
    Kind::Decide,
    Kind::Renew,
    Kind::Leave,
    Kind::Revocations,
    Kind::OwnScores,
    Kind::Approval,
    Kind::Refusal,
    Kind::Withdrawal,
    Kind::Policy,
    Kind::Waiver,
    Kind::Authority,
    Kind::Data,
];

/// A record of this kind that the grammar allows.
pub(super) fn record(kind: Kind, sequence: u64, length: u64) -> Record {
    let context = shape(kind).context;
    Record {
        sequence,
        time_ms: LEDGER_TIME_MS_MIN + 1000 * sequence,
        peer: Digest::of(b"ca").to_string(),
        run: (context != Context::Nothing).then(|| "0102030405060708".to_owned()),
        round: (context == Context::Round).then_some(1),
        kind,
        length,
        sha256: Digest::of(&sequence.to_le_bytes()).to_string(),
        previous: Digest([0; 32]).to_string(),
    }
}

/// Lines that follow from each other, numbered, with what is said of them otherwise.
pub(super) fn chained(records: Vec<Record>) -> Vec<Vec<u8>> {
    let mut previous = Digest([0; 32]);
    let line = |mut record: Record| {
        record.previous = previous.to_string();
        let line = record.to_line().unwrap();
        previous = line_digest(&line);
        line
    };
    records.into_iter().map(line).collect()
}

/// The file of these lines.
pub(super) fn file(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

fn ledger(count: u64) -> Vec<u8> {
    let records = (0..count).map(|sequence| match sequence % 2 {
        0 => record(Kind::Poll, sequence, 10 + sequence),
        _ => record(Kind::Chunk, sequence, 50 + sequence),
    });
    file(&chained(records.collect()))
}

/// The reference inputs of the Certificate Transparency code base for RFC 6962.
pub(super) const ENTRIES: [&[u8]; 8] = [
    &[],
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];

#[test]
fn merkle_roots_of_the_certificate_transparency_test_vectors() {
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::default();
    assert_eq!(tree.root(), Digest::of(b""));
    for (entry, root) in ENTRIES.iter().zip(roots) {
        tree.append(entry);
        assert_eq!(tree.root().to_string(), root, "size {}", tree.size());
    }
}

#[test]
fn an_intact_ledger_is_summed_up() {
    let mut seen = 0;
    let summary = verify(ledger(5).as_slice(), |_| seen += 1).unwrap();
    assert_eq!((summary.records, summary.bytes, seen), (5, 10 + 51 + 12 + 53 + 14, 5));
    assert_eq!(summary.kinds[&Kind::Poll], KindTotal { frames: 3, bytes: 36 });
    assert_eq!(verify([].as_slice(), |_| ()).unwrap().records, 0);
}

#[test]
fn any_flipped_byte_is_found() {
    let good = ledger(4);
    let root = verify(good.as_slice(), |_| ()).unwrap().root;
    for position in 0..good.len() {
        let mut changed = good.clone();
        changed[position] ^= 1;
        // A change in the last line can leave a well-formed ledger; then the root differs.
        if let Ok(summary) = verify(changed.as_slice(), |_| ()) {
            assert_ne!(summary.root, root, "byte {position}");
        }
    }
}

#[test]
fn removed_swapped_and_torn_lines_are_named() {
    let good = ledger(4);
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let without_second = [lines[0], lines[2], lines[3]].concat();
    let found = verify(without_second.as_slice(), |_| ());
    assert!(matches!(found, Err(LedgerError::Sequence { line: 2, found: 2, expected: 1 })));
    let torn = &good[..good.len() - 3];
    let whole = (good.len() - lines[3].len()) as u64;
    assert!(
        matches!(verify(torn, |_| ()), Err(LedgerError::TornTail { whole_bytes }) if whole_bytes == whole)
    );
    let long = vec![b'x'; 5000];
    assert!(matches!(verify(long.as_slice(), |_| ()), Err(LedgerError::NotARecord { line: 1 })));
}

#[test]
fn a_note_has_no_bytes_and_a_run() {
    let note = record(Kind::Data, 0, 0);
    let mut verifier = Verifier::default();
    assert!(verifier.verify_line(&note.to_line().unwrap()).unwrap().is_note());
    assert_eq!(verifier.summary().bytes, 0);
    let with_bytes = Record { length: 1, ..note.clone() };
    let of_no_run = Record { run: None, round: None, ..note };
    for odd in [with_bytes, of_no_run] {
        let refused = Verifier::default().verify_line(&odd.to_line().unwrap());
        assert!(matches!(refused, Err(LedgerError::Value { line: 1, .. })), "{odd:?}");
    }
}

/// The attacks of the review: text where a hash belongs, a time of 2020, chunks called polls.
#[test]
fn what_no_frame_says_is_no_record_though_the_chain_holds() {
    let chunk = Record { time_ms: LEDGER_TIME_MS_MIN + 5, ..record(Kind::Chunk, 0, 1 << 20) };
    let check = |record: &Record| Verifier::default().verify_line(&record.to_line().unwrap());
    assert!(check(&chunk).is_ok());
    let wrong = [
        Record { peer: "the coordinator".into(), ..chunk.clone() },
        Record { peer: chunk.peer.to_uppercase(), ..chunk.clone() },
        Record { run: Some("run 1".into()), ..chunk.clone() },
        Record { sha256: "patient 7".into(), ..chunk.clone() },
        Record { previous: String::new(), ..chunk.clone() },
        Record { time_ms: 1_577_836_800_000, ..chunk.clone() },
        Record { time_ms: u64::MAX, ..chunk.clone() },
        Record { kind: Kind::Poll, ..chunk.clone() },
        Record { kind: Kind::Poll, run: None, round: None, ..chunk.clone() },
        Record { kind: Kind::Data, ..chunk.clone() },
        Record { round: None, ..chunk.clone() },
        Record { run: None, ..chunk.clone() },
        Record { length: 0, ..chunk.clone() },
        Record { length: u64::MAX, ..chunk.clone() },
    ];
    for record in wrong {
        assert!(matches!(check(&record), Err(LedgerError::Value { line: 1, .. })), "{record:?}");
    }
    let mut verifier = Verifier::default();
    verifier.verify_line(&chunk.to_line().unwrap()).unwrap();
    let earlier = Record {
        sequence: 1,
        time_ms: chunk.time_ms - 1,
        previous: verifier.previous().to_string(),
        ..chunk
    };
    let found = verifier.verify_line(&earlier.to_line().unwrap());
    assert!(matches!(found, Err(LedgerError::Time { line: 2 })), "{found:?}");
}

/// The least and the most that the encoding makes of each request, and what may follow it.
#[test]
fn the_bounds_of_a_length_are_those_of_the_wire() {
    for kind in KINDS.into_iter().filter(|kind| !kind.is_note()) {
        let (least, most) = extremes(kind);
        let shape = shape(kind);
        assert_eq!((shape.shortest, shape.longest), (least, most), "{kind:?}");
    }
}

fn extremes(kind: Kind) -> (u64, u64) {
    if kind == Kind::Join {
        let request = JoinRequest { protocol: 1, token: [0; 32], site: "a".into(), csr: vec![] };
        let least = frame::to_bytes(&request).unwrap().len();
        return (least as u64, (PREFIX_BYTES + MESSAGE_BYTES_MAX) as u64);
    }
    let bytes = |sequence, request: Request| {
        assert_eq!(Kind::of(&request), kind);
        frame::to_bytes(&Envelope { sequence, request }).unwrap().len() as u64
    };
    let payload = match kind {
        Kind::Chunk => (1, CHUNK_BYTES_MAX as u64),
        Kind::OverlapBlinded => (POINT_BYTES as u64, (OVERLAP_BATCH_POINTS_MAX * POINT_BYTES) as u64),
        Kind::LedgerProof => (HASH_BYTES as u64, (LEDGER_PROOF_HASHES_MAX * HASH_BYTES) as u64),
        Kind::Renew => (1, CERTIFICATE_REQUEST_BYTES_MAX as u64),
        _ => (0, 0),
    };
    (bytes(0, request(kind, 0)) + payload.0, bytes(u64::MAX, request(kind, u64::MAX)) + payload.1)
}

/// A request with this number in every field, as far as the field goes.
fn request(kind: Kind, number: u64) -> Request {
    let short = u32::try_from(number).unwrap_or(u32::MAX);
    let run = RunId([1; 8]);
    let (digest, key) = (Digest([7; 32]), RoundKey { run, round: Round(short) });
    // The largest that these types hold.
    let (rounded, loss) = (RoundedCount::of(number), LossMilli::of(number as f64));
    match kind {
        Kind::Hello => Request::Hello {
            protocol: u16::try_from(number).unwrap_or(u16::MAX),
            ledger: LedgerHead { size: number, root: digest },
        },
        Kind::Poll => Request::Poll { wait_ms: short },
        Kind::Fetch => Request::Fetch { digest, offset: number },
        Kind::Ready => Request::Ready { key, base_fingerprint: digest, records: rounded },
        Kind::Progress => {
            Request::Progress { key, step: short, total_steps: short, loss, tokens_per_s: short }
        }
        Kind::Offer => Request::Offer { key, digest, bytes: number, records: rounded, tokens: rounded, loss },
        Kind::Chunk => Request::Chunk { digest, offset: number, length: short },
        Kind::Commit => Request::Commit { key, digest },
        Kind::Failed => Request::Failed { key, reason: TrainFailure::OverlapFailed },
        Kind::OverlapDeclare => Request::OverlapDeclare { run, points: short },
        Kind::OverlapBlinded => Request::OverlapBlinded { run, offset: short, count: short },
        Kind::LedgerProof => Request::LedgerProof {
            from: number,
            ledger: LedgerHead { size: number, root: digest },
            count: short,
        },
        Kind::Receipt => {
            let body = ReceiptBody {
                site: digest,
                key,
                digest,
                bytes: number,
                first_sequence: number,
                last_sequence: number,
                received_bytes: number,
                running_hash: digest,
            };
            Request::ShowReceipt { receipt: Receipt { body, signature: [7; 64] } }
        }
        Kind::Condition => Request::Condition {
            version: [u16::try_from(number).unwrap_or(u16::MAX); 3],
            clock_minutes: short,
            disk_low: number > 0,
        },
        Kind::Decide => Request::Decide { run, manifest: digest, decision: Decision::Withdrawn },
        Kind::Renew => Request::Renew { length: short },
        Kind::Leave => Request::Leave,
        Kind::Revocations => Request::Revocations { known: number },
        Kind::OwnScores if number == 0 => {
            Request::OwnScores { run, said: OwnScores::NotMeasured(NoScores::Failed) }
        }
        Kind::OwnScores => {
            let measured = Measured::of(number, number as f64, number as f64, [-64.0, 64.0]);
            Request::OwnScores { run, said: OwnScores::Measured(measured) }
        }
        Kind::Join => panic!("no request of a run"),
        note => panic!("{note:?} is no request"),
    }
}

#[test]
fn the_document_says_what_the_code_does() {
    const DOCUMENT: &str = include_str!("../../LEDGER.md");
    let table = &DOCUMENT[DOCUMENT.find("| kind |").unwrap()..];
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), KINDS.len());
    for (kind, row) in KINDS.into_iter().zip(rows) {
        let shape = shape(kind);
        let context = match shape.context {
            Context::Nothing => "null | null",
            Context::Run => "given | null",
            Context::Round => "given | given",
        };
        let said = format!("| `{}` | {context} | {} | {} |", kind.word(), shape.shortest, shape.longest);
        assert!(row.starts_with(&said), "{row}\n{said}");
    }
    for bound in [LEDGER_TIME_MS_MIN, crate::limits::LEDGER_TIME_MS_MAX] {
        assert!(DOCUMENT.contains(&bound.to_string()), "{bound}");
    }
    assert!(DOCUMENT.contains(&format!("{} bytes", crate::limits::LEDGER_LINE_BYTES_MAX)));
}
