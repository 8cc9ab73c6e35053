//! Reads a PEFT adapter and writes it twice: as a PEFT folder and merged into its base model. For checking
//! what this crate reads and writes against PEFT and transformers themselves (see the README, "Checking an
//! export with PEFT").
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

use std::path::PathBuf;
use std::process::ExitCode;

use model::{ModelConfig, ModelError, export_merged, load_peft, save_peft};

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, adapter, out] = arguments.as_slice() else {
        eprintln!("usage: export MODEL_FOLDER ADAPTER_FOLDER OUT_FOLDER");
        return ExitCode::from(1);
    };
    let export = || -> Result<(), ModelError> {
        let read = load_peft(adapter, &ModelConfig::from_dir(model)?)?;
        save_peft(&read, &out.join("adapter"), &model.to_string_lossy())?;
        export_merged(model, &read, &out.join("merged"))
    };
    match export() {
        Ok(()) => {
            println!("wrote {}/adapter and {}/merged", out.display(), out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}\n\nhint: {}", error.hint().unwrap_or_default());
            ExitCode::from(1)
        }
    }
}
