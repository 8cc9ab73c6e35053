//! Consistency proofs of RFC 6962, section 2.1.2: that a ledger is an older one with more records behind it.
//! The site makes them (`Prover`, one pass over the lines), the coordinator checks them (`extends`), which
//! needs the two heads and the hashes only. Called by the site agent's ledger and by the coordinator's
//! `store::ledgers`. Invariant: a proof has at most `LEDGER_PROOF_HASHES_MAX` hashes.

use super::merkle::{Tree, node};
use crate::id::Digest;
use crate::limits::LEDGER_PROOF_HASHES_MAX;
use crate::wire::message::LedgerHead;

/// Makes a proof from the ledger's lines in order: that a ledger of some size extends its first records, or
/// that it has a record (`inclusion::prover`).
#[derive(Debug)]
pub struct Prover {
    next: u64,
    /// The subtrees whose roots are the proof, in its order.
    parts: Vec<Part>,
}

/// A subtree, over the records from `first` to `end`.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) end: u64,
    pub(super) tree: Tree,
}

impl Prover {
    /// For a ledger of `size` records, of which the first `from` are known. Without hashes where there is
    /// nothing to prove: from an empty ledger, or from one that is not smaller.
    pub fn new(from: u64, size: u64) -> Self {
        let mut parts = Vec::new();
        if from > 0 && from < size {
            split(from, 0, size, true, &mut parts);
        }
        Self::of(parts)
    }

    /// Of these subtrees, which do not overlap.
    pub(super) fn of(parts: Vec<Part>) -> Self {
        Self { next: 0, parts }
    }

    /// The next line, without its newline.
    pub fn line(&mut self, line: &[u8]) {
        let at = self.next;
        // The subtrees do not overlap.
        if let Some(part) = self.parts.iter_mut().find(|part| (part.first..part.end).contains(&at)) {
            part.tree.append(line);
        }
        self.next += 1;
    }

    /// The hashes, once every line was seen.
    pub fn proof(&self) -> Vec<Digest> {
        self.parts.iter().map(|part| part.tree.root()).collect()
    }
}

/// SUBPROOF of the RFC over the records from `first` to `end`, of which the first `known` are known.
/// `is_whole`: what is known is the older ledger itself, whose root need not be told.
fn split(known: u64, first: u64, end: u64, is_whole: bool, parts: &mut Vec<Part>) {
    let part = |first, end| Part { first, end, tree: Tree::default() };
    let size = end - first;
    if known == size {
        if !is_whole {
            parts.push(part(first, end));
        }
        return;
    }
    // The largest power of two below the size.
    let half = 1 << (size - 1).ilog2();
    if known <= half {
        split(known, first, first + half, is_whole, parts);
        parts.push(part(first + half, end));
    } else {
        split(known - half, first + half, end, false, parts);
        parts.push(part(first, first + half));
    }
}

/// Whether the hashes prove that `new` is `old` with more records behind it (RFC 9162, section 2.1.4.2). The
/// same head, and any head after an empty one, need no hashes.
pub fn extends(old: &LedgerHead, new: &LedgerHead, proof: &[Digest]) -> bool {
    if old.size == 0 || old.size >= new.size {
        let is_same = old == new || (old.size == 0 && old.root == Digest::of(b"") && new.size > 0);
        return is_same && proof.is_empty();
    }
    if proof.len() > LEDGER_PROOF_HASHES_MAX {
        return false;
    }
    let whole = [old.root];
    let mut hashes = if old.size.is_power_of_two() { &whole[..] } else { &[] }.iter().chain(proof);
    let Some(start) = hashes.next() else { return false };
    let (mut old_root, mut new_root) = (start.0, start.0);
    let (mut from, mut to) = (old.size - 1, new.size - 1);
    while from & 1 == 1 {
        (from, to) = (from >> 1, to >> 1);
    }
    for hash in hashes {
        if to == 0 {
            return false;
        }
        if from & 1 == 1 || from == to {
            old_root = node(&hash.0, &old_root);
            new_root = node(&hash.0, &new_root);
            while from & 1 == 0 && from != 0 {
                (from, to) = (from >> 1, to >> 1);
            }
        } else {
            new_root = node(&new_root, &hash.0);
        }
        (from, to) = (from >> 1, to >> 1);
    }
    to == 0 && Digest(old_root) == old.root && Digest(new_root) == new.root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Vec<u8> {
        format!("record {number}").into_bytes()
    }

    fn head(size: u64) -> LedgerHead {
        let mut tree = Tree::default();
        (0..size).for_each(|number| tree.append(&line(number)));
        LedgerHead { size, root: tree.root() }
    }

    fn proof(from: u64, size: u64) -> Vec<Digest> {
        let mut prover = Prover::new(from, size);
        (0..size).for_each(|number| prover.line(&line(number)));
        prover.proof()
    }

    #[test]
    fn every_size_extends_every_smaller_one_and_no_other() {
        let heads: Vec<LedgerHead> = (0..40).map(head).collect();
        for size in 1..40 {
            for from in 0..=size {
                let (old, new) = (&heads[from as usize], &heads[size as usize]);
                let hashes = proof(from, size);
                assert!(hashes.len() <= LEDGER_PROOF_HASHES_MAX);
                assert!(extends(old, new, &hashes), "{from} of {size}");
                let other = LedgerHead { root: Digest([1; 32]), ..*old };
                assert!(!extends(&other, new, &hashes), "another root of {from} in {size}");
                let other = LedgerHead { root: Digest([1; 32]), ..*new };
                // Of an empty ledger everything is an extension.
                assert_eq!(extends(old, &other, &hashes), from == 0, "another root of {size} after {from}");
                for at in 0..hashes.len() {
                    let mut changed = hashes.clone();
                    changed[at].0[7] ^= 1;
                    assert!(!extends(old, new, &changed), "hash {at} of {from} in {size}");
                    let mut short = hashes.clone();
                    short.remove(at);
                    assert!(!extends(old, new, &short), "without hash {at} of {from} in {size}");
                }
                let more: Vec<Digest> = hashes.iter().copied().chain([Digest([2; 32])]).collect();
                assert!(!extends(old, new, &more), "one hash more for {from} in {size}");
                assert_eq!(extends(new, old, &hashes), from == size, "{size} back to {from}");
            }
        }
    }

    /// The example of RFC 6962, section 2.1.3: which hashes prove 3, 4 and 6 of 7.
    #[test]
    fn the_example_of_the_rfc() {
        let root = |first: u64, end: u64| {
            let mut tree = Tree::default();
            (first..end).for_each(|number| tree.append(&line(number)));
            tree.root()
        };
        assert_eq!(proof(3, 7), [root(2, 3), root(3, 4), root(0, 2), root(4, 7)]);
        assert_eq!(proof(4, 7), [root(4, 7)]);
        assert_eq!(proof(6, 7), [root(4, 6), root(6, 7), root(0, 4)]);
    }

    #[test]
    fn the_largest_ledger_has_the_longest_proof_and_a_long_one_is_not_read() {
        let longest = Prover::new((1 << 63) + 1, u64::MAX).parts.len();
        assert!(longest <= LEDGER_PROOF_HASHES_MAX, "{longest}");
        let (old, new) = (head(3), head(7));
        let long = vec![Digest([0; 32]); LEDGER_PROOF_HASHES_MAX + 1];
        assert!(!extends(&old, &new, &long) && !extends(&old, &new, &[]));
    }
}
