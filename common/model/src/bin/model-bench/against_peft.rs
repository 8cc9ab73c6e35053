//! Our training step, or our asking of questions, beside that of transformers + PEFT + bitsandbytes, on one
//! machine at one time. Called by `main` for `--against-peft`. Invariants: both programs are loaded before
//! the first timed step, each runs one step untimed, then they take turns step by step, so that a machine
//! that grows slower slows both; a row of the result never mixes steps of different settings.

use std::path::Path;
use std::process::{Command, Stdio};

use model::bench::median;
use serde_json::{Value, json};

use crate::arguments::{Arguments, Failure};
use crate::child::{Child, StepCost};

/// Tokens or questions a second, and memory, that are promised: of training, and of asking questions.
const TRAINING_GOAL: [f64; 2] = [2.0, 1.0 / 3.0];
const ASKING_GOAL: [f64; 2] = [3.0, 0.5];

/// One program's steps of a row.
struct Side {
    /// What is counted of a step: its tokens, or its questions.
    units: usize,
    unit: &'static str,
    load_ms: f64,
    first_step_ms: f64,
    steps: Vec<StepCost>,
    peak_rss_bytes: u64,
}

impl Side {
    fn step_ms(&self) -> Vec<f64> {
        self.steps.iter().map(|step| step.step_ms).collect()
    }

    fn per_s(&self) -> f64 {
        self.units as f64 * 1e3 / median(&self.step_ms()).unwrap_or(f64::NAN)
    }

    fn cpu_ms(&self) -> f64 {
        median(&self.steps.iter().map(|step| step.cpu_ms).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    }

    fn json(&self) -> Value {
        let mut side = json!({
            "peak_rss_bytes": self.peak_rss_bytes,
            "step_ms": self.step_ms(),
            "cpu_ms": self.steps.iter().map(|step| step.cpu_ms).collect::<Vec<_>>(),
            "load_ms": self.load_ms,
            "first_step_ms": self.first_step_ms,
        });
        side[format!("{}_per_s", self.unit)] = json!(self.per_s());
        side
    }
}

/// Both sides of a row.
struct Row {
    ours: Side,
    peft: Side,
}

impl Row {
    fn speed_ratio(&self) -> f64 {
        self.ours.per_s() / self.peft.per_s()
    }

    fn memory_ratio(&self) -> f64 {
        self.ours.peak_rss_bytes as f64 / self.peft.peak_rss_bytes as f64
    }

    /// Speed ratio of each pair of neighbouring steps, smallest and largest.
    fn ratio_range(&self) -> [f64; 2] {
        let pairs = self.ours.steps.iter().zip(&self.peft.steps);
        let ratios = pairs.map(|(ours, peft)| peft.step_ms / ours.step_ms);
        ratios.fold([f64::INFINITY, 0.0], |[low, high], ratio| [low.min(ratio), high.max(ratio)])
    }

    fn json(&self) -> Value {
        json!({
            "ours": self.ours.json(),
            "peft": self.peft.json(),
            "speed_ratio": self.speed_ratio(),
            "speed_ratio_of_neighbouring_steps": self.ratio_range(),
            "memory_ratio": self.memory_ratio(),
            "cpu_time_ratio": self.peft.cpu_ms() / self.ours.cpu_ms(),
        })
    }

    fn print(&self, supervised: &str) {
        for (name, side) in [("ours", &self.ours), ("peft", &self.peft)] {
            println!(
                "{name:<6} {supervised:>11} {:>10.1} {:>8.2} GB {:>10.2} s {:>9.1} s {:>10.1} s",
                side.per_s(),
                side.peak_rss_bytes as f64 / 1e9,
                side.cpu_ms() / 1e3,
                side.load_ms / 1e3,
                side.first_step_ms / 1e3,
            );
        }
        let [low, high] = self.ratio_range();
        println!(
            "ratio  {supervised:>11} {:>9.2}x {:>10.3}x {:>10.2}x   (neighbouring steps: {low:.2}x to {high:.2}x)\n",
            self.speed_ratio(),
            self.memory_ratio(),
            self.peft.cpu_ms() / self.ours.cpu_ms(),
        );
    }
}

/// Runs the comparison, prints a table, and writes the JSON file asked for.
pub(crate) fn against_peft(arguments: &Arguments, python: &Path) -> Result<(), Failure> {
    let Some(baseline) = &arguments.baseline else {
        return Err(Failure::user("--against-peft needs --baseline FILE", "./deploy/bench names it for you"));
    };
    let versions = python_versions(python, baseline)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let load_before = load_average();
    println!("{}, {threads} threads each, load average {load_before:.2}", processor());
    println!("{}", described(&versions));
    let pair = Pair { arguments, python, baseline, threads };
    let mut report = if arguments.evaluate.is_some() { pair.asking()? } else { pair.training()? };
    let load_after = load_average();
    // Both programs keep all cores busy, which alone is a load of `threads`.
    let busy = load_before > 0.5 * threads as f64 || load_after > threads as f64 + 1.0;
    if busy {
        println!(
            "The machine was busy with other work (load average {load_before:.2} before, {load_after:.2} after): \
             read the ratios as a magnitude, and repeat on an idle machine."
        );
    }
    let Some(path) = &arguments.json else { return Ok(()) };
    report["machine"] = json!({
        "processor": processor(), "threads": threads, "busy": busy,
        "load_average_before": load_before, "load_average_after": load_after,
    });
    report["versions"] = versions;
    report["versions"]["consilium"] = json!(env!("CARGO_PKG_VERSION"));
    std::fs::write(path, format!("{report:#}\n")).map_err(|error| {
        Failure::user(
            format!("cannot write {}: {error}", path.display()),
            "name a file in a folder you may write",
        )
    })
}

/// Two programs that are compared.
struct Pair<'a> {
    arguments: &'a Arguments,
    python: &'a Path,
    baseline: &'a Path,
    threads: usize,
}

impl Pair<'_> {
    /// A step of training, with all and with half of the positions supervised.
    fn training(&self) -> Result<Value, Failure> {
        let settings = &self.arguments.settings;
        println!(
            "Qwen2.5-{} shape, random weights, NF4 with double quantisation, rank {} on all linears, bf16 compute,\n\
             {} tokens, batch 1, median of {} steps taken in turns\n",
            self.arguments.shape, settings.rank, settings.tokens, settings.steps
        );
        println!(
            "{:<6} {:>11} {:>10} {:>11} {:>12} {:>11} {:>12}",
            "", "supervised", "tokens/s", "peak RSS", "CPU a step", "load", "first step"
        );
        let supervised = |share: f64| {
            self.measure(&[("--supervised-fraction", share.to_string())], settings.tokens, "tokens")
        };
        let row = supervised(1.0)?;
        row.print("100 %");
        let half = supervised(0.5)?;
        half.print("50 %");
        let [speed, memory] = TRAINING_GOAL;
        let met = row.speed_ratio() >= speed && row.memory_ratio() <= memory;
        let widens = half.speed_ratio() > row.speed_ratio();
        println!(
            "Goal (at least {speed} times the tokens/s, at most a third of the memory): {}. \
             The gap {} with half the positions supervised.",
            if met { "met" } else { "missed" },
            if widens { "widens" } else { "does not widen" }
        );
        let mut report = row.json();
        report["half_supervised"] = half.json();
        report["goal"] = json!({
            "speed_ratio_at_least": speed, "memory_ratio_at_most": memory, "met": met,
            "gap_widens_with_half_supervised": widens,
        });
        report["settings"] = json!({
            "shape": self.arguments.shape, "tokens": settings.tokens, "rank": settings.rank, "batch": 1,
            "steps": settings.steps, "compute": "bf16", "weights": "nf4, double quantisation",
        });
        Ok(report)
    }

    /// Questions of four answers, scored by whole answers and by letters.
    fn asking(&self) -> Result<Value, Failure> {
        let settings = &self.arguments.settings;
        println!(
            "Qwen2.5-{} shape, random weights, NF4 with double quantisation, rank {} on all linears, bf16 compute,\n\
             questions of {} tokens with four answers, {} questions a step, median of {} steps taken in turns\n",
            self.arguments.shape, settings.rank, settings.tokens, settings.sequences, settings.steps
        );
        println!(
            "{:<6} {:>11} {:>10} {:>11} {:>12} {:>11} {:>12}",
            "", "scored by", "questions/s", "peak RSS", "CPU a step", "load", "first step"
        );
        let by = |what: &str| {
            let more = [("--evaluate", what.to_owned()), ("--sequences", settings.sequences.to_string())];
            self.measure(&more, settings.sequences, "questions")
        };
        let options = by("options")?;
        options.print("options");
        let letters = by("letters")?;
        letters.print("letters");
        let [speed, memory] = ASKING_GOAL;
        let is_met = |row: &Row| row.speed_ratio() >= speed && row.memory_ratio() <= memory;
        let met = [&options, &letters].map(is_met);
        let word = |met| if met { "met" } else { "missed" };
        println!(
            "Goal (at least {speed} times the questions/s, at most half of the memory): {} by options, {} by letters.",
            word(met[0]),
            word(met[1])
        );
        Ok(json!({
            "options": options.json(),
            "letters": letters.json(),
            "goal": {
                "speed_ratio_at_least": speed, "memory_ratio_at_most": memory,
                "met_by_options": met[0], "met_by_letters": met[1],
            },
            "settings": {
                "shape": self.arguments.shape, "question_tokens": settings.tokens, "rank": settings.rank,
                "answers": 4, "questions_a_step": settings.sequences, "steps": settings.steps,
                "compute": "bf16", "weights": "nf4, double quantisation",
            },
        }))
    }

    /// Both programs loaded, one untimed step each, then step by step in turns.
    fn measure(&self, more: &[(&str, String)], units: usize, unit: &'static str) -> Result<Row, Failure> {
        let settings = &self.arguments.settings;
        let common = [
            ("--shape", self.arguments.shape.clone()),
            ("--tokens", settings.tokens.to_string()),
            ("--rank", settings.rank.to_string()),
        ];
        let common = || common.iter().chain(more).flat_map(|(option, value)| [*option, value.as_str()]);
        let ourselves = std::env::current_exe().map_err(|error| {
            Failure::user(format!("cannot find this program: {error}"), "start it by its path")
        })?;
        let threads = self.threads.to_string();
        let mut ours = Command::new(ourselves);
        ours.args(common()).args(["--on-request", "yes"]).env("RAYON_NUM_THREADS", &threads);
        let mut peft = Command::new(self.python);
        peft.arg(self.baseline).args(common()).args(["--threads", &threads]);
        peft.env("OMP_NUM_THREADS", &threads).env("HF_HUB_OFFLINE", "1");
        let (mut ours, our_load_ms) = Child::start("model-bench", &mut ours)?;
        let (mut peft, peft_load_ms) = Child::start("PEFT", &mut peft)?;
        let (our_first, peft_first) = (ours.step()?, peft.step()?);
        let (mut our_steps, mut peft_steps) = (Vec::new(), Vec::new());
        for _ in 0..settings.steps {
            our_steps.push(ours.step()?);
            peft_steps.push(peft.step()?);
        }
        let side = |load_ms, first: StepCost, steps, child: &Child| Side {
            units,
            unit,
            load_ms,
            first_step_ms: first.step_ms,
            steps,
            peak_rss_bytes: child.peak_rss_bytes(),
        };
        Ok(Row {
            ours: side(our_load_ms, our_first, our_steps, &ours),
            peft: side(peft_load_ms, peft_first, peft_steps, &peft),
        })
    }
}

/// Versions of the interpreter's packages; fails with what to install where one is missing.
fn python_versions(python: &Path, baseline: &Path) -> Result<Value, Failure> {
    let install = "python3 -m venv /tmp/peft && /tmp/peft/bin/pip install torch transformers peft bitsandbytes, \
                   then --against-peft /tmp/peft/bin/python";
    let output =
        Command::new(python).arg(baseline).arg("--check").stdin(Stdio::null()).output().map_err(|error| {
            Failure::user(
                format!("cannot start the Python interpreter {}: {error}", python.display()),
                install,
            )
        })?;
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        Failure::user(
            format!("{} is no Python 3 interpreter that can run the baseline", python.display()),
            install,
        )
    })?;
    let missing: Vec<&str> =
        answer["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !missing.is_empty() {
        let python = python.display();
        return Err(Failure::user(
            format!("{python} lacks {}", missing.join(", ")),
            format!("{python} -m pip install {}, or a fresh environment: {install}", missing.join(" ")),
        ));
    }
    Ok(answer["versions"].clone())
}

/// `torch 2.15.0, transformers 5.23.0, ...`.
fn described(versions: &Value) -> String {
    let pairs = versions.as_object().into_iter().flatten();
    let pairs: Vec<String> =
        pairs.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect();
    pairs.join(", ")
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// Of the last minute; 0 where unknown.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}
