//! An update put together from its pieces: names, shapes, norms, and how the values are spread. Called by
//! `open`. Invariants: pieces are taken as far as they follow each other; what is shown as whole has the hash
//! that it was sent under.

use std::collections::BTreeMap;

use common::id::Digest;
use common::limits::ADAPTER_BYTES_MAX;
use common::page::grouped;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bounds of the bins, as powers of ten of a value's size: below 1e-8, to 1e-7, ..., to 1, above.
const BINS: usize = 10;
/// Characters of the longest bar.
const BAR: u64 = 40;

/// Pieces by where they belong; a piece that was sent twice counts once.
#[derive(Default)]
pub(super) struct Pieces(BTreeMap<u64, Zeroizing<Vec<u8>>>);

/// What they make.
#[derive(Debug, Serialize)]
pub(super) struct Update {
    sha256: String,
    /// Bytes that are there without a gap, from the beginning.
    bytes: u64,
    /// They are all, and have the hash.
    whole: bool,
    tensors: Vec<Tensor>,
}

#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    norm: f64,
    /// Values that are zero.
    zeros: u64,
    /// Values by size: below 1e-8, below 1e-7, ..., below 1, and the rest.
    histogram: [u64; BINS],
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl Pieces {
    pub(super) fn put(&mut self, offset: u64, bytes: &[u8]) {
        let piece = self.0.entry(offset).or_default();
        if bytes.len() > piece.len() {
            *piece = Zeroizing::new(bytes.to_vec());
        }
    }

    pub(super) fn update(self, digest: Digest) -> Update {
        let mut bytes = Zeroizing::new(Vec::new());
        for (offset, piece) in self.0 {
            let length = bytes.len() as u64;
            if offset > length || length + piece.len() as u64 > ADAPTER_BYTES_MAX {
                break;
            }
            // A site sends from where the coordinator's disk ended: pieces may overlap.
            let known = usize::try_from(length - offset).unwrap_or(usize::MAX);
            bytes.extend_from_slice(piece.get(known..).unwrap_or_default());
        }
        let whole = Digest::of(&bytes) == digest;
        let tensors = if whole { tensors(&bytes).unwrap_or_default() } else { Vec::new() };
        Update { sha256: digest.to_string(), bytes: bytes.len() as u64, whole, tensors }
    }
}

/// The tensors of a safetensors file of f32.
fn tensors(bytes: &[u8]) -> Option<Vec<Tensor>> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(header).ok()?;
    let tensor = |(name, Entry { dtype, shape, data_offsets: [from, to] }): (String, Entry)| {
        let values = data.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)?;
        (dtype == "F32").then(|| Tensor::of(name, shape, values))
    };
    entries.into_iter().map(tensor).collect()
}

impl Tensor {
    fn of(name: String, shape: Vec<u64>, bytes: &[u8]) -> Self {
        let (mut squares, mut zeros, mut histogram) = (0.0, 0, [0; BINS]);
        for word in bytes.as_chunks::<4>().0 {
            let value = f64::from(f32::from_le_bytes(*word));
            squares += value * value;
            if value == 0.0 {
                zeros += 1;
            } else if let Some(bin) = histogram.get_mut(bin(value.abs())) {
                *bin += 1;
            }
        }
        Self { name, shape, norm: squares.sqrt(), zeros, histogram }
    }
}

fn bin(size: f64) -> usize {
    (0..BINS - 1).find(|bin| size < 10_f64.powi(*bin as i32 - 8)).unwrap_or(BINS - 1)
}

impl Update {
    pub(super) fn print(&self) {
        let Self { sha256, bytes, whole, tensors } = self;
        let told = if *whole { "all of its pieces are kept" } else { "not all of its pieces are kept" };
        println!("update   {sha256}: {} bytes, {told}", grouped(*bytes));
        for Tensor { name, shape, norm, zeros, histogram } in tensors {
            println!("{name}  {shape:?}  norm {norm:.6}  zeros {}", grouped(*zeros));
            let most = histogram.iter().copied().max().unwrap_or(0).max(1);
            for (bin, count) in histogram.iter().enumerate().filter(|(_, count)| **count > 0) {
                let bound = if bin + 1 == BINS { "from 1".into() } else { format!("< 1e{}", bin as i32 - 8) };
                let bar = "#".repeat(usize::try_from(count.saturating_mul(BAR) / most).unwrap_or(0).max(1));
                println!("  {bound:>7}  {:>12}  {bar}", grouped(*count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let header = r#"{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        for value in [3.0_f32, -4.0, 0.0, 0.05] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn pieces_that_overlap_make_the_update_and_a_gap_does_not() {
        let file = file();
        let mut pieces = Pieces::default();
        pieces.put(40, &file[40..]);
        pieces.put(0, &file[..30]);
        pieces.put(0, &file[..50]);
        let update = pieces.update(Digest::of(&file));
        assert!(update.whole && update.bytes == file.len() as u64);
        let [tensor] = &update.tensors[..] else { panic!("{update:?}") };
        assert_eq!((tensor.name.as_str(), tensor.shape.as_slice(), tensor.zeros), ("a", &[2, 2][..], 1));
        assert!((tensor.norm - 25.0025_f64.sqrt()).abs() < 1e-6);
        assert_eq!(tensor.histogram, [0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
        let mut pieces = Pieces::default();
        pieces.put(0, &file[..30]);
        pieces.put(31, &file[31..]);
        let update = pieces.update(Digest::of(&file));
        assert!(!update.whole && update.bytes == 30 && update.tensors.is_empty());
    }

    #[test]
    fn what_is_no_adapter_has_no_tensors() {
        for odd in [&b""[..], &[255; 8], &[255; 64], b"\x02\0\0\0\0\0\0\0{}"] {
            assert!(tensors(odd).unwrap_or_default().is_empty());
        }
    }
}
