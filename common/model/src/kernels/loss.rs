//! What both cross-entropies share: a row's result, and how many rows they take at a time. Used by
//! `cross_entropy`, `cross_entropy_kl`, `bf16::head` and `plan::cpu`. Invariant: the logits of a chunk fit
//! [`LOGIT_BYTES`].

use super::product::Product;

/// Scratch for the logits of a chunk of rows: 256 rows of a 152k vocabulary in f32, 512 in bf16. Fewer rows
/// would unpack the head's weight more often than its product is worth.
pub(super) const LOGIT_BYTES: usize = 160 << 20;

/// Loss and hit of one row.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowLoss {
    /// Negative log-likelihood of the target, in nats.
    pub loss: f64,
    /// Whether the target has the largest logit (lowest id on a tie).
    pub correct: bool,
}

/// Bytes of a logit, or of what is kept in its place.
pub(crate) const fn logit_bytes(product: Product) -> usize {
    match product {
        #[cfg(target_arch = "x86_64")]
        Product::Avx512Bf16 => size_of::<half::bf16>(),
        _ => size_of::<f32>(),
    }
}

/// Rows of a chunk. Equal chunks: a small last one would use the cores badly.
pub(crate) fn rows_at_a_time(rows: usize, vocabulary: usize, logit_bytes: usize) -> usize {
    let rows = rows.max(1);
    let most = (LOGIT_BYTES / logit_bytes / vocabulary).clamp(1, rows);
    rows.div_ceil(rows.div_ceil(most))
}
