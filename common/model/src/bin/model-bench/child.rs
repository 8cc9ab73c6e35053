//! A process that runs one training step per request, and what it takes meanwhile. Used by `against_peft` for
//! our own program and for the Python baseline alike, so that both are measured by the same code. Invariants:
//! every wait has a deadline; the process is ended when its `Child` goes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStderr, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use model::limits::{BENCH_ERROR_BYTES_MAX, BENCH_LOAD_S_MAX, BENCH_STEP_S_MAX};
use serde_json::Value;

use crate::arguments::Failure;

/// Clock ticks of `/proc/PID/stat` in a second: fixed by Linux's ABI on every architecture we build for.
const TICKS_PER_S: f64 = 100.0;

/// A running process that answers requests.
pub(crate) struct Child {
    name: &'static str,
    process: std::process::Child,
    requests: ChildStdin,
    answers: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

/// What one step took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepCost {
    pub(crate) step_ms: f64,
    /// Processor time of all threads, user and system.
    pub(crate) cpu_ms: f64,
}

impl Child {
    /// Starts the process and waits until it has loaded; also returns the load time in milliseconds.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<(Self, f64), Failure> {
        let program = command.get_program().to_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| {
            Failure::user(
                format!("cannot start {}: {error}", program.display()),
                "name a program that exists and may be run",
            )
        })?;
        let (Some(requests), Some(answers), Some(errors)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(Failure {
                code: 2,
                reason: "a process without pipes".to_owned(),
                hint: String::new(),
            });
        };
        let (sender, receiver) = sync_channel(16);
        std::thread::spawn(move || {
            for line in BufReader::new(answers).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let errors = Some(std::thread::spawn(move || drain(errors)));
        let mut child = Self { name, process, requests, answers: receiver, errors };
        let load_ms = child.number("load_ms", BENCH_LOAD_S_MAX)?;
        Ok((child, load_ms))
    }

    /// Runs one step.
    pub(crate) fn step(&mut self) -> Result<StepCost, Failure> {
        let before = self.cpu_ms();
        // A process that died is reported by the missing answer, with what it said.
        let _ = self.requests.write_all(b"step\n").and_then(|()| self.requests.flush());
        let step_ms = self.number("step_ms", BENCH_STEP_S_MAX)?;
        Ok(StepCost { step_ms, cpu_ms: self.cpu_ms() - before })
    }

    /// Highest resident set so far, in bytes.
    pub(crate) fn peak_rss_bytes(&self) -> u64 {
        model::bench::peak_rss_bytes(&self.process.id().to_string())
    }

    /// The field of the next answer.
    fn number(&mut self, field: &str, s_max: u64) -> Result<f64, Failure> {
        let answer = self.answers.recv_timeout(Duration::from_secs(s_max)).ok();
        let value = answer.as_deref().and_then(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(number) = value.as_ref().and_then(|value| value[field].as_f64()) {
            return Ok(number);
        }
        let _ = self.process.kill();
        let said = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let last = said.trim().lines().last().unwrap_or("it said nothing").to_owned();
        Err(Failure::user(
            format!("the {} program gave no {field}: {last}", self.name),
            format!("its whole error output:\n{}", said.trim()),
        ))
    }

    /// Processor time so far, from `/proc/PID/stat` (fields 14 and 15, counted behind the name in brackets).
    fn cpu_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        ticks.sum::<f64>() * 1e3 / TICKS_PER_S
    }
}

/// Reads to the end, so that the process never blocks on a full pipe; keeps the beginning.
fn drain(mut errors: ChildStderr) -> String {
    let mut kept = Vec::new();
    // What cannot be read cannot be shown either.
    let _ = errors.by_ref().take(BENCH_ERROR_BYTES_MAX).read_to_end(&mut kept);
    let _ = std::io::copy(&mut errors, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; either way there is nothing left of it afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
