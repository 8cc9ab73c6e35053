//! `coordinator simulate`: what a planned run will cost, before it is launched. Called by `cli`. Invariants:
//! it needs no state folder, no running coordinator and no site; every number is within its bounds before
//! anything is simulated; what is assumed is said.

mod arguments;
mod assumptions;
mod measure;
mod numbers;
mod planned;
mod shown;
mod update;

pub(super) use self::arguments::Arguments;

use common::progress::colours;
use serde_json::Value;

use super::output;
use crate::error::{Error, Result};
use crate::simulate::{Endless, predict};

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    // Before the locks, under which a model's config.json is read.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let measured_mb_s = match arguments.aggregate_mb_s {
        Some(_) => None,
        None => Some(measure::average_mb_s(cores)),
    };
    let planned = planned::plan(arguments, measured_mb_s, cores)?;
    let too_long = |Endless| Error::Argument {
        message: "the simulation does not end in a sensible number of steps".to_owned(),
        hint: "simulate fewer sites or rounds, or another --seed".into(),
    };
    let found = predict(&planned.plan, arguments.seed, planned.runs, cores).map_err(too_long)?;
    let assumptions = assumptions::of(arguments, &planned, measured_mb_s);
    if arguments.json {
        let mut document =
            serde_json::to_value(&found).map_err(|error| Error::Internal(error.to_string()))?;
        document["assumptions"] = Value::from(assumptions);
        document["aggregate_mb_s"] = Value::from(planned.plan.machine.average / 1000.0);
        document["aggregate_is_measured"] = Value::from(measured_mb_s.is_some());
        return output::print_json(&document);
    }
    let is_coloured = colours(std::io::IsTerminal::is_terminal(&std::io::stdout()));
    let lines = shown::lines(&found, &assumptions, is_coloured);
    lines.iter().try_for_each(|line| output::print_line(line))
}
