//! The specification's example, spellings that are none, and ledgers that were changed between two heads.

use super::super::Kind;
use super::super::tests::{chained, record};
use super::*;

/// The example of C2SP tlog-checkpoint.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_example_is_read_and_written_and_another_spelling_is_not() {
    let read = Checkpoint::parse(EXAMPLE).unwrap();
    assert_eq!((read.name.as_str(), read.head.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(read.to_string(), EXAMPLE);
    let with = |from: &str, to: &str| EXAMPLE.replacen(from, to, 1);
    for odd in [
        with("20852163", "020852163"),
        with("20852163", "+20852163"),
        with("20852163", "-1"),
        with("20852163", ""),
        with("20852163", "18446744073709551616"),
        with("q2I=", "q2J="),
        with("q2I=", "q2I"),
        with("q2I=\n", "q2I="),
        // Two texts of base64, one behind the other: the same 32 bytes.
        with(
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
            "Cg==xRhqkYY+jh2QyAgBSqib9dqOPuHZ8HYw8DePaPGrYg==",
        ),
        with("q2I=\n", "q2I=\nmore\n"),
        with("CsUY", ""),
        with("example.com/behind-the-sofa", ""),
        with("\n20852163", ""),
        String::new(),
    ] {
        assert_eq!(Checkpoint::parse(&odd), Err(CheckpointError::Malformed), "{odd:?}");
    }
    assert!(Checkpoint::parse(&with("20852163", "18446744073709551615")).is_ok());
    assert!(Checkpoint::parse(&with("20852163", "0")).is_ok());
}

#[test]
fn a_ledger_is_named_after_consortium_and_site() {
    let site = "cardiology".parse().unwrap();
    assert_eq!(ledger_name(&Digest([0xab; 32]), &site), "consilium/abababababababab/cardiology");
}

fn head(records: &[Record], size: usize) -> LedgerHead {
    let mut tree = Tree::default();
    records[..size].iter().for_each(|record| tree.append(&record.to_line().unwrap()));
    LedgerHead { size: size as u64, root: tree.root() }
}

/// The records with what the chain says in them.
fn ledger(lengths: &[u64]) -> Vec<Record> {
    let polls = (0..).zip(lengths).map(|(number, length)| record(Kind::Poll, number, *length));
    chained(polls.collect()).iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn a_change_is_named_between_the_heads_around_it() {
    let good = ledger(&[10; 12]);
    let heads: Vec<LedgerHead> = [12, 4, 0, 8, 9].map(|size| head(&good, size)).into();
    assert_eq!(compare_heads(&good, &heads), Ok(()));
    assert_eq!(compare_heads(&good[..6], &heads), Err(Misfit::Short { has: 6, size: 8 }));
    for changed in 0..12 {
        let mut lengths = [10; 12];
        lengths[changed] = 11;
        let forged = ledger(&lengths);
        let (from, size) = match changed {
            0..4 => (0, 4),
            4..8 => (4, 8),
            8 => (8, 9),
            _ => (9, 12),
        };
        assert_eq!(compare_heads(&forged, &heads), Err(Misfit::Differs { from, size }), "record {changed}");
    }
    let words = Misfit::Differs { from: 4, size: 8 }.to_string();
    assert!(
        words.starts_with("it has what was signed over 4 records and not what was signed over 8"),
        "{words}"
    );
    let words = Misfit::Differs { from: 0, size: 4 }.to_string();
    assert!(words.starts_with("it has not what was signed over 4 records"), "{words}");
    assert!(Misfit::Short { has: 6, size: 8 }.to_string().contains("records 6 to 7 are not there"));
}

/// The change is in front of the head that fits: that one was signed after it.
#[test]
fn heads_of_two_histories_place_no_change_between_them() {
    let (good, mut lengths) = (ledger(&[10; 12]), [10; 12]);
    lengths[5] = 11;
    let forged = ledger(&lengths);
    let misfit = compare_heads(&forged, &[head(&good, 4), head(&forged, 8), head(&good, 10)]).unwrap_err();
    assert_eq!(misfit, Misfit::Differs { from: 8, size: 10 });
    let words = misfit.to_string();
    assert!(
        words.ends_with("behind record 7, or the checkpoint of 8 was signed after the change"),
        "{words}"
    );
    // Two roots of one size: the key signed two ledgers, whichever of them this one is.
    for records in [&good, &forged] {
        let heads = [head(&good, 8), head(&good, 4), head(&forged, 8)];
        assert_eq!(compare_heads(records, &heads), Err(Misfit::TwoLedgers { size: 8 }));
    }
    assert_eq!(compare_heads(&good, &[head(&good, 8), head(&good, 8)]), Ok(()));
}

/// A head of no records has one root, and another one is no ledger's.
#[test]
fn the_empty_head_fits_every_ledger_and_a_made_up_one_fits_none() {
    let good = ledger(&[10; 3]);
    assert_eq!(compare_heads(&good, &[head(&good, 0)]), Ok(()));
    let odd = LedgerHead { size: 0, root: Digest([1; 32]) };
    let misfit = compare_heads(&good, &[odd]).unwrap_err();
    assert_eq!(misfit, Misfit::Differs { from: 0, size: 0 });
    assert!(misfit.to_string().contains("no ledger ever had it"), "{misfit}");
}
