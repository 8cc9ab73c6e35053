//! Published proofs first, then every record of every small ledger, and every change of a proof.

use data_encoding::HEXLOWER;

use super::super::tests::{ENTRIES, chained, record};
use super::super::{Kind, extends};
use super::*;

fn head(entries: &[&[u8]]) -> LedgerHead {
    let mut tree = Tree::default();
    entries.iter().for_each(|entry| tree.append(entry));
    LedgerHead { size: tree.size(), root: tree.root() }
}

fn hash(text: &str) -> Digest {
    Digest(HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap())
}

fn proved(mut prover: Prover, entries: &[&[u8]]) -> Vec<Digest> {
    entries.iter().for_each(|entry| prover.line(entry));
    prover.proof()
}

/// The published proofs of those inputs: record, size, hashes.
#[test]
fn published_inclusion_proofs_are_made_and_hold() {
    let a = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    let b = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    let c = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    let d = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    let e = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    let f = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    let g = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    let h = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    let cases: [(u64, usize, &[&str]); 5] =
        [(0, 1, &[]), (0, 8, &[a, b, c]), (5, 8, &[d, e, f]), (2, 3, &[g]), (1, 5, &[h, b, d])];
    for (index, size, hashes) in cases {
        let hashes: Vec<Digest> = hashes.iter().map(|text| hash(text)).collect();
        let entries = &ENTRIES[..size];
        assert_eq!(proved(prover(index, size as u64), entries), hashes, "{index} of {size}");
        assert!(includes(&head(entries), index, entries[index as usize], &hashes));
    }
}

/// The published consistency proofs of the same inputs.
#[test]
fn published_consistency_proofs_are_made_and_hold() {
    let cases: [(u64, usize, &[&str]); 2] = [
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (from, size, hashes) in cases {
        let hashes: Vec<Digest> = hashes.iter().map(|text| hash(text)).collect();
        assert_eq!(proved(Prover::new(from, size as u64), &ENTRIES[..size]), hashes);
        assert!(extends(&head(&ENTRIES[..from as usize]), &head(&ENTRIES[..size]), &hashes));
    }
}

#[test]
fn every_record_of_every_size_is_included_and_no_other() {
    let lines: Vec<Vec<u8>> = (0..24).map(|number| format!("record {number}").into_bytes()).collect();
    let entries: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    for size in 1..=entries.len() {
        let (entries, head) = (&entries[..size], head(&entries[..size]));
        for index in 0..size {
            let hashes = proved(prover(index as u64, size as u64), entries);
            let holds =
                |index: usize, line: &[u8], hashes: &[Digest]| includes(&head, index as u64, line, hashes);
            assert!(holds(index, entries[index], &hashes), "{index} of {size}");
            assert!(!holds(index, b"another", &hashes));
            for other in (0..=size).filter(|other| *other != index) {
                assert!(!holds(other, entries[index], &hashes), "{index} as {other} of {size}");
            }
            for at in 0..hashes.len() {
                let mut changed = hashes.clone();
                changed[at].0[9] ^= 1;
                assert!(!holds(index, entries[index], &changed));
                changed.remove(at);
                assert!(!holds(index, entries[index], &changed));
            }
            let more: Vec<Digest> = hashes.iter().copied().chain([Digest([2; 32])]).collect();
            assert!(!holds(index, entries[index], &more));
        }
    }
    assert!(proved(prover(5, 5), &entries[..5]).is_empty());
    let longest = prover(0, u64::MAX).proof().len();
    assert_eq!(longest, PROOF_HASHES_MAX);
}

#[test]
fn a_proof_has_one_file_and_names_one_record() {
    let lines = chained((0..5).map(|number| record(Kind::Poll, number, 10)).collect());
    let entries: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    let head = head(&entries);
    let hashes = proved(prover(3, 5), &entries);
    let proof = InclusionProof { index: 3, line: lines[3].clone(), hashes, note: "a\n5\nb\n\n- c\n".into() };
    let text = proof.to_text();
    assert_eq!(InclusionProof::parse(text.as_bytes()).unwrap(), proof);
    assert_eq!(proof.holds(&head).unwrap().sequence, 3);
    for at in 0..text.len() - proof.note.len() {
        for bit in [1, 2, 32] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= bit;
            let holds = InclusionProof::parse(&bytes).is_ok_and(|odd| odd.holds(&head).is_ok());
            assert!(!holds, "byte {at} with {bit}");
        }
        let _ = InclusionProof::parse(&text.as_bytes()[..at]);
    }
    // A leaf of the tree that is no record: a node, for instance, or a record of another number.
    let odd: [&[u8]; 2] = [b"no record", &lines[4]];
    for line in odd {
        let mut entries = entries.clone();
        entries[3] = line;
        let proof = InclusionProof { line: line.to_vec(), ..proof.clone() };
        assert_eq!(proof.holds(&head), Err(ProofError::NotIncluded { index: 3, size: 5 }));
        assert_eq!(proof.holds(&self::head(&entries)), Err(ProofError::NotARecord));
    }
    assert_eq!(InclusionProof::parse(&[b'\n'; PROOF_BYTES_MAX + 1]), Err(ProofError::Malformed));
}
