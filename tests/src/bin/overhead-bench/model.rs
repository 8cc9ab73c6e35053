//! A base model with random weights, large enough that adapters of a few ranks have the sizes that are
//! measured. Called by `main`. Invariants: the demo's tokenizer; the same bytes each time; what it says is
//! noise, and nobody looks at it.

use std::path::Path;

use half::bf16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::outcome::Outcome;

const HIDDEN: usize = 512;
const FEED_FORWARD: usize = 2048;
const LAYERS: usize = 6;
const HEADS: usize = 4;
const KEY_VALUE_HEADS: usize = 2;
const KEY_VALUE: usize = HIDDEN / HEADS * KEY_VALUE_HEADS;
/// Rows and columns of the seven linears of a layer.
const LINEARS: [(&str, usize, usize); 7] = [
    ("self_attn.q_proj", HIDDEN, HIDDEN),
    ("self_attn.k_proj", KEY_VALUE, HIDDEN),
    ("self_attn.v_proj", KEY_VALUE, HIDDEN),
    ("self_attn.o_proj", HIDDEN, HIDDEN),
    ("mlp.gate_proj", FEED_FORWARD, HIDDEN),
    ("mlp.up_proj", FEED_FORWARD, HIDDEN),
    ("mlp.down_proj", HIDDEN, FEED_FORWARD),
];

/// The rank at which an adapter of all linears has about so many MB.
pub(crate) fn rank_of(update_mb: u64) -> i64 {
    let of_one: usize = LINEARS.iter().map(|(_, rows, columns)| 4 * LAYERS * (rows + columns)).sum();
    ((update_mb as f64 * 1e6 / of_one as f64).round() as i64).max(1)
}

/// Writes it; `from` is the demo's model.
pub(crate) fn write(folder: &Path, from: &Path) -> Outcome<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != "model.safetensors" {
            std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    let mut config: Value = serde_json::from_slice(&std::fs::read(from.join("config.json"))?)?;
    let vocabulary = config["vocab_size"].as_u64().ok_or("the demo's model names its vocabulary")? as usize;
    for (key, value) in [
        ("hidden_size", HIDDEN),
        ("intermediate_size", FEED_FORWARD),
        ("num_hidden_layers", LAYERS),
        ("max_window_layers", LAYERS),
        ("num_attention_heads", HEADS),
        ("num_key_value_heads", KEY_VALUE_HEADS),
    ] {
        config[key] = json!(value);
    }
    std::fs::write(folder.join("config.json"), format!("{config:#}\n"))?;
    let mut noise = 1_u64;
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes(vocabulary)
        .into_iter()
        .map(|(name, shape)| {
            let data = values(&name, &shape, &mut noise);
            (name, shape, data)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, data)| Ok((name.as_str(), TensorView::new(Dtype::BF16, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    std::fs::write(folder.join("model.safetensors"), safetensors::serialize(views, Some(metadata))?)?;
    Ok(())
}

fn shapes(vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), vec![vocabulary, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, shape: Vec<usize>| {
            shapes.push((format!("model.layers.{layer}.{name}"), shape));
        };
        add("input_layernorm.weight", vec![HIDDEN]);
        add("post_attention_layernorm.weight", vec![HIDDEN]);
        for (name, rows, columns) in LINEARS {
            add(&format!("{name}.weight"), vec![rows, columns]);
            if ["q_proj", "k_proj", "v_proj"].iter().any(|biased| name.ends_with(biased)) {
                add(&format!("{name}.bias"), vec![rows]);
            }
        }
    }
    shapes
}

/// Norms are ones, biases zeros, and weights have the spread of a layer that keeps its input's size.
fn values(name: &str, shape: &[usize], noise: &mut u64) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let [_, fan_in] = shape else {
        let value = if name.ends_with("norm.weight") { 1.0 } else { 0.0 };
        return (0..count).flat_map(|_| bf16::from_f32(value).to_le_bytes()).collect();
    };
    let scale = 1.0 / (*fan_in as f32).sqrt();
    let mut next = || {
        *noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*noise >> 40) as f32 / (1_u64 << 23) as f32 - 1.0) * scale
    };
    (0..count).flat_map(|_| bf16::from_f32(next()).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_give_the_sizes_that_are_asked_for() {
        // 270,336 bytes a rank.
        assert_eq!([1, 16, 64].map(rank_of), [4, 59, 237]);
    }
}
