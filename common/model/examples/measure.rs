//! Time and peak memory of what is not a training step: loading, quantising, generating. For a person;
//! README.md says what it printed.
//!
//! ```text
//! measure write qwen2.5-1.5b FOLDER     a random bf16 checkpoint of a published shape, one tensor at a time
//! measure load FOLDER                   BaseModel::load, NF4 and bf16
//! measure quantise FOLDER OUT           quantise_checkpoint
//! measure generate qwen2.5-0.5b         tokens/s of greedy generation, with a random adapter and without
//! ```

#![allow(clippy::print_stdout, reason = "a command prints its result")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use half::bf16;
use model::bench::{peak_rss_bytes, random_base};
use model::config::LinearKind;
use model::generate::{GenerateSettings, Generator};
use model::nf4::CodeRule;
use model::{
    Adapter, BaseModel, Compute, Control, Device, LoadOptions, LoraSettings, ModelConfig, WeightFormat,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const OPTIONS: LoadOptions = LoadOptions { weights: WeightFormat::Nf4, compute: Compute::Bf16 };

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let started = Instant::now();
    match words.as_slice() {
        ["write", shape, folder] => write(&named(shape)?, Path::new(folder))?,
        ["load", folder] => drop(BaseModel::load(Path::new(folder), &OPTIONS)?),
        ["quantise", folder, out] => {
            let done = model::quantise_checkpoint(Path::new(folder), Path::new(out), CodeRule::Cuda)?;
            println!("{done:?}");
        }
        ["generate", shape] => generate(named(shape)?)?,
        _ => return Err("see the first lines of common/model/examples/measure.rs".into()),
    }
    let peak = peak_rss_bytes("self") as f64 / 1e9;
    println!("{:.2} s, peak {peak:.3} GB", started.elapsed().as_secs_f64());
    Ok(())
}

fn named(shape: &str) -> Result<ModelConfig, String> {
    model::config::published::shape(shape).ok_or_else(|| format!("{shape} is not a known shape"))
}

fn generate(config: ModelConfig) -> Result<(), Box<dyn Error>> {
    let base = random_base(config, &OPTIONS, Device::Cpu.into())?;
    let adapter = Adapter::init(base.config(), &LoraSettings::all_linear(16, 32.0), 7)?;
    let prompt: Vec<u32> = (0..512).map(|i| (i * 7919) % 50_000).collect();
    for (name, adapter) in [("base", None), ("with adapter", Some(&adapter))] {
        for length in [32, 512] {
            let settings = GenerateSettings { max_tokens: 64, ..GenerateSettings::default() };
            let mut generator = Generator::new(&base, adapter)?;
            let done = generator.generate(&prompt[..length], &settings, &mut |_| Control::Continue)?;
            let prompt_speed = length as f64 * 1e3 / done.prompt_ms as f64;
            let speed = done.tokens_per_s();
            println!(
                "{name}, prompt of {length}: prompt {prompt_speed:.0} tokens/s, then {speed:.1} tokens/s"
            );
        }
    }
    Ok(())
}

/// One safetensors file; the header first, then each tensor as it is drawn.
fn write(config: &ModelConfig, folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let norm = |name: String| (name, vec![config.hidden_size]);
    let table = vec![config.vocab_size, config.hidden_size];
    let mut tensors = vec![("model.embed_tokens.weight".to_owned(), table.clone())];
    if !config.tie_word_embeddings {
        tensors.push(("lm_head.weight".to_owned(), table));
    }
    tensors.push(norm("model.norm.weight".to_owned()));
    for layer in 0..config.num_layers {
        for kind in ["input_layernorm", "post_attention_layernorm"] {
            tensors.push(norm(format!("model.layers.{layer}.{kind}.weight")));
        }
        for kind in LinearKind::ALL {
            let shape = config.linear_shape(kind);
            if config.linear_bias(kind) {
                tensors.push((format!("{}.bias", kind.module_name(layer)), vec![shape[0]]));
            }
            tensors.push((format!("{}.weight", kind.module_name(layer)), shape.to_vec()));
        }
    }
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in &tensors {
        let start = end;
        end += shape.iter().product::<usize>() * 2;
        let entry = serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]});
        header.insert(name.clone(), entry);
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join("model.safetensors"))?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut stream = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..end / 2 {
        let unit = (stream.next_u32() >> 8) as f32 / (1_u32 << 23) as f32 - 1.0;
        file.write_all(&bf16::from_f32(unit * 0.035).to_le_bytes())?;
    }
    file.flush()?;
    let config = serde_json::json!({
        "model_type": "qwen2", "hidden_size": config.hidden_size, "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers, "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads, "vocab_size": config.vocab_size, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": config.tie_word_embeddings, "max_position_embeddings": 32_768, "rope_theta": 1e6,
        "hidden_act": "silu", "torch_dtype": "bfloat16"
    });
    std::fs::write(folder.join("config.json"), config.to_string())?;
    Ok(())
}
