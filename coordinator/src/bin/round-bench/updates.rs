//! Made-up updates of a 0.5B model's shape, as sites leave them after a round: a common start and a drift of
//! each site's own. Used by `main` and `row`. Invariant: a seed a site, so that every run has the same files.

use std::path::{Path, PathBuf};

use common::adapter::AdapterWriter;
use common::run::TensorSpec;

use super::arguments::Failure;

/// Rank of the adapters.
const RANK: usize = 16;
/// Rows of B and columns of A of the seven linears of one layer of Qwen2.5-0.5B.
const LINEARS: [(&str, usize, usize); 7] = [
    ("self_attn.q_proj", 896, 896),
    ("self_attn.k_proj", 128, 896),
    ("self_attn.v_proj", 128, 896),
    ("self_attn.o_proj", 896, 896),
    ("mlp.gate_proj", 4864, 896),
    ("mlp.up_proj", 4864, 896),
    ("mlp.down_proj", 896, 4864),
];

/// So many layers as make about `update_mb` MB; at least one.
pub(crate) fn tensors(update_mb: u64) -> Vec<TensorSpec> {
    let elements: usize = LINEARS.iter().map(|(_, rows, columns)| RANK * (rows + columns)).sum();
    let layers = (update_mb as f64 * 1e6 / (4 * elements) as f64).round().max(1.0) as usize;
    let pair = |layer: usize, (name, rows, columns): (&str, usize, usize)| {
        let name = format!("base_model.model.model.layers.{layer}.{name}");
        [
            TensorSpec { name: format!("{name}.lora_A.weight"), shape: [RANK, columns] },
            TensorSpec { name: format!("{name}.lora_B.weight"), shape: [rows, RANK] },
        ]
    };
    (0..layers).flat_map(|layer| LINEARS.into_iter().flat_map(move |of| pair(layer, of))).collect()
}

/// The file of one site.
pub(crate) fn path(folder: &Path, site: usize) -> PathBuf {
    folder.join(format!("update-{site}"))
}

/// The adapter that they were trained from.
pub(crate) fn last(folder: &Path) -> PathBuf {
    folder.join("last")
}

/// Writes the last adapter and one update for each site.
pub(crate) fn write(folder: &Path, sites: usize, update_mb: u64) -> Result<(), Failure> {
    let tensors = tensors(update_mb);
    let one = |path: &Path, drift: Option<u64>| -> Result<(), common::adapter::AdapterError> {
        let mut writer = AdapterWriter::create(path, &tensors)?;
        let (mut common, mut own) = (Values(1), Values(drift.unwrap_or(0)));
        for spec in &tensors {
            let count = spec.shape[0] * spec.shape[1];
            let value = |_| {
                let start = common.next() / 50.0;
                drift.map_or(start, |_| start + own.next() / 100.0)
            };
            writer.append(&(0..count).map(value).collect::<Vec<f32>>())?;
        }
        writer.finish()
    };
    let all = (0..sites).map(|site| (path(folder, site), Some(site as u64 + 2)));
    for (path, drift) in all.chain([(last(folder), None)]) {
        one(&path, drift).map_err(|error| {
            Failure::user(error.to_string(), "make room, or name another folder with --folder")
        })?;
    }
    Ok(())
}

/// Values between -1 and 1.
struct Values(u64);

impl Values {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_has_about_the_size_that_was_asked_for() {
        for (asked, within) in [(35, 0.02), (16, 0.05), (64, 0.02)] {
            let bytes: usize = tensors(asked).iter().map(|spec| 4 * spec.shape[0] * spec.shape[1]).sum();
            assert!((bytes as f64 / 1e6 / asked as f64 - 1.0).abs() < within, "{asked} MB: {bytes}");
        }
    }
}
