//! Times training steps on a random-weight model and prints one JSON object, or compares them with
//! transformers + PEFT + bitsandbytes. Called by `deploy/bench`; [`arguments::USAGE`] says how. Invariant:
//! standard output holds JSON lines, or the table of a comparison, and nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its result")]

mod against_peft;
mod arguments;
mod child;

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use model::ModelError;
use model::bench::{AskingBench, Bench, products, random_base, run};

use arguments::{Arguments, Failure, USAGE, parse};

/// One JSON object a line: first the load time, then a step for each line `step`, until input ends.
fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let started = Instant::now();
    let base = random_base(arguments.config()?, &arguments.options, arguments.placement)?;
    let settings = &arguments.settings;
    let mut step: Box<dyn FnMut() -> Result<serde_json::Value, ModelError>> = match arguments.evaluate {
        Some(asked) => {
            let mut bench = AskingBench::new(&base, settings, asked)?;
            Box::new(move || Ok(serde_json::json!({ "step_ms": bench.ask()? })))
        }
        None => {
            let mut bench = Bench::new(&base, settings, u64::from(u32::MAX))?;
            Box::new(move || {
                let step = bench.step()?;
                Ok(serde_json::json!({ "step_ms": step.step_ms, "loss": step.loss }))
            })
        }
    };
    let mut out = std::io::stdout().lock();
    let mut write = |value: serde_json::Value| {
        // The reader is gone: there is nobody left to answer.
        writeln!(out, "{value}").and_then(|()| out.flush()).map_err(|error| {
            Failure::user(format!("cannot write the answer: {error}"), "keep reading standard output")
        })
    };
    write(serde_json::json!({ "load_ms": started.elapsed().as_secs_f64() * 1e3 }))?;
    for line in std::io::stdin().lock().lines() {
        if !matches!(line.as_deref(), Ok("step")) {
            break;
        }
        write(step()?)?;
    }
    Ok(())
}

fn perform(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(python) = &arguments.against_peft {
        return against_peft::against_peft(arguments, python);
    }
    if arguments.on_request {
        return serve(arguments);
    }
    if let Some([tokens, input, output]) = arguments.products {
        let found = products(arguments.placement.device, tokens, input, output, arguments.settings.steps)?;
        println!("{}", serde_json::json!(found));
        return Ok(());
    }
    let report = run(arguments.config()?, &arguments.options, arguments.placement, &arguments.settings)?;
    println!("{}", serde_json::json!(report));
    Ok(())
}

fn main() -> ExitCode {
    let result = parse(std::env::args().skip(1))
        .map_err(|reason| Failure::user(reason, USAGE))
        .and_then(|arguments| perform(&arguments));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, reason, hint }) => {
            eprintln!("error: {reason}\n\nhint: {hint}");
            ExitCode::from(code)
        }
    }
}
