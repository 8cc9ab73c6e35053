//! What a replay says of a ledger, without a training: the whole of it is in `tests/it/replay.rs`.

use std::fs;

use common::id::{Digest, Round, RunId};
use common::ledger::{Kind, Record};
use common::limits::CHUNK_BYTES_MAX;
use common::wire::frame;
use common::wire::message::{Envelope, Request, RoundKey};

use super::computing::{differences, noted_root};
use super::evidence::{self, Frames};
use crate::config::computed_on::ComputedOn;
use crate::egress::offer_of;
use crate::gateway::store::Update;
use crate::gateway::store::replays::Made;

const KEY: RoundKey = RoundKey { run: RunId([1; 8]), round: Round(2) };

fn made() -> Made {
    Made {
        key: KEY,
        adapter: Digest([7; 32]),
        adapter_bytes: 100,
        mantissa_bits: 16,
        validation_share: 0.1,
        computed_on: ComputedOn::Avx2,
        machine: std::env::consts::ARCH.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        made_ms: 10,
        kept: true,
    }
}

fn record(sequence: u64, kind: Kind, round: u32, bytes: &[u8]) -> Record {
    Record {
        sequence,
        time_ms: 1_800_000_000_000,
        peer: Digest([1; 32]).to_string(),
        run: Some(KEY.run.to_string()),
        round: Some(round),
        kind,
        length: bytes.len() as u64,
        sha256: Digest::of(bytes).to_string(),
        previous: Digest([0; 32]).to_string(),
    }
}

fn offer(sequence: u64, update: &Update) -> Record {
    let bytes = frame::to_bytes(&Envelope { sequence, request: offer_of(update) }).unwrap();
    record(sequence, Kind::Offer, 2, &bytes)
}

fn chunk(sequence: u64, update: &Update, content: &[u8], offset: usize) -> Record {
    let piece = &content[offset..content.len().min(offset + CHUNK_BYTES_MAX)];
    let length = u32::try_from(piece.len()).unwrap();
    let request = Request::Chunk { digest: update.digest, offset: offset as u64, length };
    let mut bytes = frame::to_bytes(&Envelope { sequence, request }).unwrap();
    bytes.extend_from_slice(piece);
    record(sequence, Kind::Chunk, 2, &bytes)
}

fn update(content: &[u8]) -> Update {
    Update {
        key: KEY,
        digest: Digest::of(content),
        bytes: content.len() as u64,
        records: 775,
        tokens: 1000,
        loss: 2.0,
        receipt: None,
        declined: false,
    }
}

#[test]
fn frames_count_only_where_every_byte_of_them_is_of_the_update() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("update");
    let content: Vec<u8> = (0..CHUNK_BYTES_MAX * 5 / 2).map(|index| (index % 251) as u8).collect();
    fs::write(&path, &content).unwrap();
    let ours = update(&content);
    // Sent from the beginning, again from the beginning after a break, and to the end; an offer for each.
    let resumed = CHUNK_BYTES_MAX;
    let ledger = vec![
        record(0, Kind::Poll, 2, b"poll"),
        offer(1, &ours),
        chunk(2, &ours, &content, 0),
        offer(3, &ours),
        chunk(4, &ours, &content, 0),
        chunk(5, &ours, &content, resumed),
        chunk(6, &ours, &content, 2 * resumed),
        record(7, Kind::Chunk, 1, b"of another round"),
    ];
    let frames = evidence::frames(&ledger, &ours, &[], &path).unwrap();
    assert_eq!(frames, Frames { offers: 2, offers_matched: 2, chunks: 4, chunks_matched: 4 });
    assert!(frames.all_match());
    // One bit of one chunk, with the same length and in the same place.
    let mut smuggled = content.clone();
    smuggled[resumed + 7] ^= 1;
    let mut other = ledger.clone();
    other[5] = chunk(5, &ours, &smuggled, resumed);
    let frames = evidence::frames(&other, &ours, &[], &path).unwrap();
    assert_eq!((frames.chunks, frames.chunks_matched, frames.all_match()), (4, 3, false));
    // Another number beside the update says something, too.
    for told in [Update { tokens: 5000, ..ours.clone() }, Update { loss: 2.5, ..ours.clone() }] {
        let mut other = ledger.clone();
        other[3] = offer(3, &told);
        let frames = evidence::frames(&other, &ours, &[], &path).unwrap();
        assert_eq!((frames.offers, frames.offers_matched, frames.all_match()), (2, 1, false));
    }
    // A coordinator that broke in the middle of a chunk asks from there on; the site notes where.
    let mut broken = ledger.clone();
    broken[4] = chunk(4, &ours, &content, 12_345);
    broken[5] = chunk(5, &ours, &content, 12_345 + CHUNK_BYTES_MAX);
    let frames = evidence::frames(&broken, &ours, &[12_345], &path).unwrap();
    assert!(frames.all_match(), "{frames:?}");
    assert_eq!(evidence::frames(&broken, &ours, &[], &path).unwrap().chunks_matched, 2);
    // And the line breaks while the second of them is sent: it goes once more, under another number.
    broken.insert(6, chunk(9, &ours, &content, 12_345 + CHUNK_BYTES_MAX));
    let frames = evidence::frames(&broken, &ours, &[12_345], &path).unwrap();
    assert_eq!((frames.chunks, frames.chunks_matched), (5, 5));
    // Nothing left: nothing is proved.
    assert!(!evidence::frames(&[], &ours, &[], &path).unwrap().all_match());
}

#[test]
fn a_rounds_records_are_those_that_its_run_noted_last() {
    let root = |value| Digest([value; 32]);
    let note = |round, value| Record { sha256: root(value).to_string(), ..record(0, Kind::Data, round, b"") };
    let other_run = Record { run: Some(RunId([2; 8]).to_string()), ..note(2, 9) };
    let approval = Record { kind: Kind::Approval, ..note(2, 8) };
    // Noted when the result was measured, after all rounds.
    let of_result = note(0, 5);
    let ledger = [note(1, 3), other_run, approval, note(3, 4), of_result];
    assert_eq!(noted_root(&ledger, KEY), Some(root(3)));
    assert_eq!(noted_root(&ledger, RoundKey { round: Round(3), ..KEY }), Some(root(4)));
    assert_eq!(noted_root(&ledger[1..], KEY), None);
}

#[test]
fn bytes_may_differ_only_where_something_is_known_to_be_different() {
    assert_eq!(differences(&made(), ComputedOn::Avx2), Vec::<String>::new());
    assert_eq!(differences(&made(), ComputedOn::Avx512).len(), 1);
    let gpu = Made { computed_on: ComputedOn::Gpu, ..made() };
    assert_eq!(differences(&gpu, ComputedOn::Gpu).len(), 1);
    let older = Made { version: "0.0.1".into(), machine: "aarch64-odd".into(), ..made() };
    assert_eq!(differences(&older, ComputedOn::Avx2).len(), 2);
}
