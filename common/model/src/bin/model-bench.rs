//! Times training steps on a random-weight model and prints one JSON object. Called by `deploy/bench`.
//! Usage: `model-bench [--shape 0.5b|1.5b] [--tokens N] [--rank N] [--supervised-fraction X] [--steps N]
//! [--compute bf16|f32] [--weights nf4|f32] [--device cpu|cuda:N]`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its result")]

use model::bench::{BenchSettings, qwen2_5_0_5b, qwen2_5_1_5b, run};
use model::{Compute, Device, LoadOptions, ModelConfig, ModelError, WeightFormat};
use std::process::ExitCode;

struct Arguments {
    config: ModelConfig,
    options: LoadOptions,
    device: Device,
    settings: BenchSettings,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        config: qwen2_5_0_5b(),
        device: Device::Cpu,
        options: LoadOptions { weights: WeightFormat::Nf4, compute: Compute::Bf16 },
        settings: BenchSettings { tokens: 512, rank: 16, supervised_fraction: 1.0, steps: 5 },
    };
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        let count = || match value.parse::<usize>() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(format!("{option} needs a positive whole number, not {value:?}")),
        };
        match (option.as_str(), value.as_str()) {
            ("--shape", "0.5b") => parsed.config = qwen2_5_0_5b(),
            ("--shape", "1.5b") => parsed.config = qwen2_5_1_5b(),
            ("--tokens", _) if count()? < 2 => return Err("--tokens must be at least 2".to_owned()),
            ("--tokens", _) => parsed.settings.tokens = count()?,
            ("--rank", _) => parsed.settings.rank = count()?,
            ("--steps", _) => parsed.settings.steps = count()?,
            ("--supervised-fraction", _) => {
                let share = value.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
                parsed.settings.supervised_fraction =
                    share.ok_or_else(|| format!("{option} must be in (0, 1], not {value:?}"))?;
            }
            ("--device", _) => {
                parsed.device = value.parse().map_err(|error: ModelError| error.to_string())?;
            }
            ("--compute", "bf16") => parsed.options.compute = Compute::Bf16,
            ("--compute", "f32") => parsed.options.compute = Compute::F32,
            ("--weights", "nf4") => parsed.options.weights = WeightFormat::Nf4,
            ("--weights", "f32") => parsed.options.weights = WeightFormat::F32,
            _ => return Err(format!("unknown option {option} {value}")),
        }
    }
    Ok(parsed)
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("{reason}\n\nhint: see the first lines of common/model/src/bin/model-bench.rs");
            return ExitCode::from(1);
        }
    };
    let report = run(arguments.config, &arguments.options, arguments.device.into(), &arguments.settings);
    match report.map(|report| serde_json::to_string(&report)) {
        Ok(Ok(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            if let Some(hint) = error.hint() {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::from(if error.is_user_error() { 1 } else { 2 })
        }
    }
}
