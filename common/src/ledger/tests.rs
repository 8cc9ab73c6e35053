//! RFC 6962 vectors, an intact ledger, and every way to break one.

use super::*;
use crate::id::Digest;

fn ledger(count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut verifier = Verifier::default();
    for sequence in 0..count {
        let record = Record {
            sequence,
            time_ms: 1_700_000_000_000 + sequence,
            peer: Digest::of(b"ca").to_string(),
            run: Some("0102030405060708".into()),
            round: Some(1),
            kind: if sequence % 2 == 0 { Kind::Poll } else { Kind::Chunk },
            length: 10 + sequence,
            sha256: Digest::of(&sequence.to_le_bytes()).to_string(),
            previous: verifier.previous().to_string(),
        };
        let line = record.to_line().unwrap();
        verifier.check(&line).unwrap();
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
    }
    bytes
}

#[test]
fn merkle_roots_of_the_certificate_transparency_test_vectors() {
    // The reference inputs of the Certificate Transparency code base for RFC 6962.
    let entries: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
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
    for (entry, root) in entries.iter().zip(roots) {
        tree.append(entry);
        assert_eq!(tree.root().to_string(), root, "size {}", tree.size());
    }
}

#[test]
fn an_intact_ledger_is_summed_up() {
    let mut seen = 0;
    let summary = verify(ledger(5).as_slice(), |_| seen += 1).unwrap();
    assert_eq!((summary.records, summary.bytes, seen), (5, 10 + 11 + 12 + 13 + 14, 5));
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
    let note = |length, run: Option<&str>| {
        Record {
            sequence: 0,
            time_ms: 1,
            peer: Digest::of(b"ca").to_string(),
            run: run.map(str::to_owned),
            round: Some(1),
            kind: Kind::Data,
            length,
            sha256: Digest::of(b"root").to_string(),
            previous: Digest([0; 32]).to_string(),
        }
        .to_line()
        .unwrap()
    };
    let mut verifier = Verifier::default();
    assert!(verifier.check(&note(0, Some("0102030405060708"))).unwrap().is_note());
    assert_eq!(verifier.summary().bytes, 0);
    for odd in [note(1, Some("0102030405060708")), note(0, None)] {
        let refused = Verifier::default().check(&odd);
        assert!(matches!(refused, Err(LedgerError::NotARecord { line: 1 })));
    }
}
