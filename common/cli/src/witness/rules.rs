//! Whether a witness may cosign a head: the rules of C2SP tlog-witness, as a pure function. Called by
//! `cosigning`. Invariant: a head that is taken extends every head that was taken before it.

use common::id::Digest;
use common::ledger::{AddCheckpoint, extends};
use common::wire::message::LedgerHead;

/// What becomes of a head that the log's key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the one that was cosigned last: once more, with nothing to remember.
    Again,
    /// It extends that one, or is the first.
    Extends,
    /// It is smaller.
    Older,
    /// The proof begins elsewhere, at another size than the remembered one.
    OtherStart,
    /// It has the same size, and another root.
    TwoHistories,
    /// It is larger, and the proof does not hold.
    NotExtended,
}

/// The head of nothing: what is remembered of a log of which nothing was cosigned.
pub(super) fn nothing() -> LedgerHead {
    LedgerHead { size: 0, root: Digest::of(b"") }
}

/// `kept` is the head that was cosigned last.
pub(super) fn verdict(kept: &LedgerHead, shown: &LedgerHead, request: &AddCheckpoint) -> Verdict {
    if shown.size < kept.size {
        return Verdict::Older;
    }
    if shown.size == kept.size {
        return if shown.root == kept.root { Verdict::Again } else { Verdict::TwoHistories };
    }
    if request.old != kept.size {
        return Verdict::OtherStart;
    }
    if extends(kept, shown, &request.hashes) { Verdict::Extends } else { Verdict::NotExtended }
}

#[cfg(test)]
mod tests {
    use common::ledger::{Prover, Tree};

    use super::*;

    fn line(history: u8, number: u64) -> Vec<u8> {
        // Both histories have their first five lines in common.
        format!("{} {number}", if number < 5 { 0 } else { history }).into_bytes()
    }

    fn head(history: u8, size: u64) -> LedgerHead {
        let mut tree = Tree::default();
        (0..size).for_each(|number| tree.append(&line(history, number)));
        LedgerHead { size, root: tree.root() }
    }

    fn request(history: u8, old: u64, size: u64) -> AddCheckpoint {
        let mut prover = Prover::new(old, size);
        (0..size).for_each(|number| prover.line(&line(history, number)));
        AddCheckpoint { old, hashes: prover.proof(), note: String::new() }
    }

    #[test]
    fn only_one_history_is_ever_taken() {
        for kept in 0..12 {
            for shown in 0..12 {
                for other in [false, true] {
                    let history = u8::from(other) + 1;
                    let found =
                        verdict(&head(1, kept), &head(history, shown), &request(history, kept, shown));
                    let differs = other && kept > 5;
                    let expected = match shown.cmp(&kept) {
                        std::cmp::Ordering::Less => Verdict::Older,
                        std::cmp::Ordering::Equal if differs => Verdict::TwoHistories,
                        std::cmp::Ordering::Equal => Verdict::Again,
                        std::cmp::Ordering::Greater if differs => Verdict::NotExtended,
                        std::cmp::Ordering::Greater => Verdict::Extends,
                    };
                    assert_eq!(found, expected, "{kept} {shown} {other}");
                }
            }
        }
    }

    #[test]
    fn a_proof_that_is_too_short_too_long_or_from_elsewhere_is_none() {
        let (kept, shown, good) = (head(1, 6), head(1, 11), request(1, 6, 11));
        assert_eq!(verdict(&kept, &shown, &good), Verdict::Extends);
        for at in 0..good.hashes.len() {
            let mut short = good.clone();
            short.hashes.remove(at);
            assert_eq!(verdict(&kept, &shown, &short), Verdict::NotExtended, "{at}");
        }
        let mut long = good.clone();
        long.hashes.push(Digest([7; 32]));
        assert_eq!(verdict(&kept, &shown, &long), Verdict::NotExtended);
        for old in [0, 5, 7, 11, u64::MAX] {
            assert_eq!(verdict(&kept, &shown, &AddCheckpoint { old, ..good.clone() }), Verdict::OtherStart);
        }
        // From nothing there is nothing to prove, and a proof is one too many.
        assert_eq!(verdict(&nothing(), &shown, &request(1, 0, 11)), Verdict::Extends);
        assert_eq!(verdict(&nothing(), &shown, &AddCheckpoint { old: 0, ..good }), Verdict::NotExtended);
        let odd = LedgerHead { root: Digest([9; 32]), ..nothing() };
        assert_eq!(verdict(&nothing(), &odd, &request(1, 0, 0)), Verdict::TwoHistories);
    }
}
