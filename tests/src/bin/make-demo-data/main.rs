//! `make-demo-data`: writes everything in `deploy/demo-data` except `facts.tsv`, from which it makes it:
//! records of four hospitals, held-out sets, a tokenizer, and a small model pre-trained on other departments.
//! Run by hand when the facts or the templates change. The same seed gives the same records and tokenizer on
//! every machine, and the same model on machines with the same vector instructions.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

mod base_model;
mod pretrain;
mod tokenizer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tests::synthetic::facts;
use tests::synthetic::outcome::Outcome;
use tests::synthetic::records::{self, Plan};
use tests::synthetic::sampler::Sampler;

/// What the demo needs: each hospital has one department.
const PLAN: Plan = Plan {
    sites: &[
        ("cardiology", &[("cardiology", 220)]),
        ("neurology", &[("neurology", 190)]),
        ("gastroenterology", &[("gastroenterology", 240)]),
        ("endocrinology", &[("endocrinology", 160)]),
    ],
    held_out: 18,
    pretraining: 2_400,
};

/// Makes the demo's records, tokenizer and base model from deploy/demo-data/facts.tsv.
#[derive(Parser)]
struct Arguments {
    /// The folder that holds facts.tsv and receives the rest.
    #[arg(long, default_value = "deploy/demo-data")]
    folder: PathBuf,
    /// Everything random comes from it.
    #[arg(long, default_value_t = 20_261)]
    seed: u64,
    /// Passes over the pre-training records, each merged into the base before the next begins.
    #[arg(long, default_value_t = 4)]
    passes: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\n\nhint: run it in the repository's root, where deploy/demo-data is");
            ExitCode::from(1)
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let facts = facts::read(&arguments.folder.join("facts.tsv"))?;
    let mut sampler = Sampler::new(arguments.seed);
    let library = records::make(&facts, &PLAN, &mut sampler)?;
    library.write(&arguments.folder)?;
    println!(
        "{} records at four sites, {} for validation, {} for the test, {} for pre-training",
        library.sites.iter().map(|site| site.records.len()).sum::<usize>(),
        library.validation.len(),
        library.test.len(),
        library.pretraining.len(),
    );
    let model = arguments.folder.join("model");
    replace_folder(&model)?;
    tokenizer::make(&library, &model)?;
    base_model::make(&model, &mut sampler)?;
    pretrain::run(&model, &library.pretraining, &library.test, arguments.passes, arguments.seed)
}

fn replace_folder(folder: &Path) -> Outcome<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}
