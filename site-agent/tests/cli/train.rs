//! `site-agent train` as a person uses it: killed, stopped and resumed; refused with a hint; locked away from
//! the network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::support::{demo_model, program, words};

/// The demo's records; long enough for a few dozen steps.
fn records() -> PathBuf {
    let path = "../deploy/demo-data/sites/cardiology.alpaca.jsonl";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).canonicalize().unwrap()
}

/// Every feature at once, on half the records' tokens.
const SETTINGS: &str = "\
[adapter]
rank = 4
alpha = 8
use_rslora = true
dropout = 0.05
target_modules = ['q_proj', 'v_proj', 'down_proj']
[training]
epochs = 2
batch_size = 2
batching = 'packed'
cutoff_tokens = 128
learning_rate = 5e-3
schedule = 'wsd'
decay_ratio = 0.5
warmup_ratio = 0.1
kl_weight = 0.05
neftune_alpha = 5.0
validation_share = 0.1
evaluate_every_steps = 7
";

struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("train.toml"), SETTINGS).unwrap();
        // One record that is longer than the cutoff.
        let long =
            serde_json::json!({"instruction": "What helps?", "input": "", "output": "Rest. ".repeat(200)});
        fs::write(root.path().join("long.jsonl"), format!("{long}\n")).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `site-agent train` with the settings above.
    fn command(&self, out: &str, more: &[&str]) -> Command {
        let mut command = program();
        command.arg("train").arg(demo_model()).arg("--data").arg(records()).arg(self.path("long.jsonl"));
        command.arg("--config").arg(self.path("train.toml")).arg("--out").arg(self.path(out)).args(more);
        command
    }

    fn run(&self, out: &str, more: &[&str]) -> Output {
        self.command(out, more).output().unwrap()
    }

    fn adapter(&self, out: &str) -> Vec<u8> {
        fs::read(self.path(out).join("adapter_model.safetensors")).unwrap()
    }

    /// Starts a training and waits for this many rows of metrics.
    fn start(&self, out: &str, more: &[&str], rows: usize) -> Child {
        let child = self.command(out, more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.rows(out).len() < rows {
            assert!(Instant::now() < deadline, "no {rows} rows of metrics");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }

    fn rows(&self, out: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path(out).join("metrics.jsonl")).unwrap_or_default();
        text.lines().filter_map(|row| serde_json::from_str(row).ok()).collect()
    }
}

/// The process that the command started.
fn trainer_of(command: &Child) -> u32 {
    let id = command.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    children.trim().parse().unwrap()
}

#[test]
fn a_training_that_was_killed_and_stopped_gives_the_same_bytes() {
    let place = Place::new();
    let whole = place.run("whole", &[]);
    assert!(whole.status.success(), "{}", words(&whole));
    let shown = String::from_utf8_lossy(&whole.stdout).into_owned();
    assert!(shown.contains("lowest held-out loss") && shown.contains("--max-lora-rank 8"), "{shown}");
    let said = words(&whole);
    assert!(
        said.contains("cut at 128 tokens: 1 records,") && said.contains("before training: held-out loss"),
        "{said}"
    );
    assert!(said.contains("packed forward passes an epoch"), "{said}");
    assert!(
        said.lines()
            .chain(shown.lines())
            .all(|line| line.starts_with("adapter: ") || line.chars().count() <= 80)
    );

    let step_by_step = ["--checkpoint-interval-s", "0"];
    let mut child = place.start("part", &step_by_step, 4);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("part/adapter_config.json").exists());
    // A second time, in good order, from where it was.
    let resume = ["--checkpoint-interval-s", "0", "--resume"];
    let before = place.rows("part").len();
    let child = place.start("part", &resume, before + 3);
    Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    let stopped = child.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    assert!(!place.path("part/adapter_config.json").exists());

    let rest = place.run("part", &resume);
    assert!(rest.status.success(), "{}", words(&rest));
    assert!(words(&rest).contains("resumed after step "), "{}", words(&rest));
    assert_eq!(place.adapter("part"), place.adapter("whole"));
    // Every step once, in order, with the same numbers.
    let losses = |out: &str| {
        let key =
            |row: &serde_json::Value| (row["step"].clone(), row["loss"].clone(), row["eval_loss"].clone());
        place.rows(out).iter().map(key).collect::<Vec<_>>()
    };
    assert_eq!(losses("part"), losses("whole"));
    assert_eq!(losses("whole")[0].0, 0, "first the measurement before training");
    assert!(place.rows("whole")[1]["kl"].is_number());
    assert!(!place.path("part/training.checkpoint").exists());

    let config = fs::read_to_string(place.path("part/adapter_config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!((&config["use_rslora"], &config["r"]), (&true.into(), &4.into()));

    // It can be trained on from there, with its own rank.
    let whole = place.path("whole");
    let more = ["--adapter", whole.to_str().unwrap(), "--epochs", "1", "--learning-rate", "1e-4"];
    let next = place.run("next", &more);
    assert!(next.status.success(), "{}", words(&next));
    assert!(words(&next).contains("adapter: rank 4, alpha 8"), "{}", words(&next));
    assert_ne!(place.adapter("next"), place.adapter("whole"));
}

#[test]
fn the_process_that_reads_the_records_is_locked() {
    let place = Place::new();
    let mut child = place.start("out", &["--epochs", "50"], 1);
    let trainer = trainer_of(&child);
    let status = fs::read_to_string(format!("/proc/{trainer}/status")).unwrap();
    let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim).unwrap();
    // A seccomp filter, which the probes of `check` show to refuse every socket.
    assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2", "1"));
    // The parent has no record open.
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    let open: Vec<PathBuf> = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    assert!(!open.contains(&records()), "{open:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    // The trainer ends with the command.
    let deadline = Instant::now() + Duration::from_secs(10);
    while Path::new(&format!("/proc/{trainer}/status")).exists() {
        assert!(Instant::now() < deadline, "the trainer outlives the command");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_cannot_be_done_is_said_with_the_next_step() {
    let place = Place::new();
    fs::create_dir(place.path("begun")).unwrap();
    fs::write(place.path("begun/training.json"), "{}").unwrap();
    fs::create_dir(place.path("foreign")).unwrap();
    fs::write(place.path("foreign/thesis.txt"), "x").unwrap();
    let canary = "SECRET-CANARY-7731";
    fs::write(place.path("broken.jsonl"), format!("{{\"instruction\": \"{canary}\", \"output\"\n")).unwrap();
    let broken = place.path("broken.jsonl");
    for (out, more, sentence, hint) in [
        ("begun", &[][..], "a training was begun", "--resume"),
        ("fresh", &["--resume"], "no training was begun", "leave --resume out"),
        ("foreign", &[], "holds other files", "absent or empty"),
        ("fresh", &["--kl-weight=-1"], "training.kl_weight is -1", "--kl-weight"),
        ("fresh", &["--schedule", "cosin"], "cosine-with-restarts", ""),
        ("fresh", &["--target-modules", "lm_head"], "adapter.target_modules", "--target-modules"),
        ("fresh", &["--validation", broken.to_str().unwrap()], "broken.jsonl, line", ""),
        ("fresh", &["--adapter", "/nonexistent"], "/nonexistent", "check the path"),
        ("fresh", &["--device", "tpu"], "tpu", ""),
    ] {
        let more = [more, &["--validation-share", "0.1"]].concat();
        let output = place.run(out, &more);
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {said}");
        assert!(said.contains(sentence) && said.contains(hint), "{more:?}: {said}");
        assert!(!said.contains(canary) && !said.contains("panicked"), "{said}");
    }
    assert!(!place.path("fresh").exists(), "nothing was begun, nothing is left");
}
