//! Gates and signatures as a person reads them, and as JSON. Used by the subcommands of `release` and by
//! `verify_release`. Invariant: no line has more than 80 columns; each gate that fails has its next step.

use common::progress::{COLUMNS, wrapped};
use serde_json::{Value, json};

use crate::cli::output;
use crate::error::Result;
use crate::export::release::assess::Weighed;
use crate::export::release::gates::{Gate, State};

/// Columns of state and title.
const LEFT: usize = 26;

/// Prints every gate.
pub(in crate::cli) fn gates(gates: &[Gate]) -> Result<()> {
    for gate in gates {
        let state = match gate.state {
            State::Passed => "passed",
            State::Failed => "FAILED",
            State::NotApplicable => "-",
        };
        let next = gate.next.map(|next| format!("next: {next}"));
        let lines = [Some(gate.says.clone()), next].into_iter().flatten();
        let lines = lines.flat_map(|text| wrapped(&text, COLUMNS - LEFT));
        for (number, line) in lines.enumerate() {
            let left = if number == 0 { format!("{state:<8}{:<18}", gate.title) } else { " ".repeat(LEFT) };
            output::print_line(format!("{left}{line}").trim_end())?;
        }
    }
    Ok(())
}

/// Gates for programs.
pub(in crate::cli) fn gates_json(gates: &[Gate]) -> Value {
    let gate =
        |gate: &Gate| json!({ "gate": gate.gate, "state": gate.state, "says": gate.says, "next": gate.next });
    gates.iter().map(gate).collect()
}

/// Signatures for programs.
pub(in crate::cli) fn signatures_json(signatures: &[Weighed]) -> Value {
    let one = |one: &Weighed| {
        let signed = one.signer.as_ref().ok().map(|signer| signer.at.rfc3339());
        json!({ "name": one.name, "counts": signed.is_some(), "signed": signed, "why_not": one.signer.as_ref().err() })
    };
    signatures.iter().map(one).collect()
}

/// How many gates fail.
pub(in crate::cli) fn failed(gates: &[Gate]) -> usize {
    gates.iter().filter(|gate| gate.state == State::Failed).count()
}
