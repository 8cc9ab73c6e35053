//! What the coordinator reads of others: a model folder and held-out files. The process that reads them is
//! locked as a site's worker is.
//!
//! Run by `cargo test`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tests::binaries::Binaries;
use tests::consortium::Consortium;

use crate::support::{COMMAND_WITHIN, Folder, Small, Wish, demo_settings, repository};

#[test]
fn the_process_that_reads_a_model_folder_is_locked_before_it_reads() -> Result<()> {
    let folder = Folder::new()?;
    let (data, out) = (folder.path().join("held-out.jsonl"), folder.path().join("initial"));
    fs::write(&data, r#"{"instruction":"What helps?","output":"Rest."}"#)?;
    let model = repository().join(demo_settings()?.model);
    let job = serde_json::json!({
        "job": "describe",
        "model": { "model": model, "base": {}, "adapter": {}, "cutoff_tokens": 256 },
        "data": [data],
        "seed": 1,
        "initial": out,
    });
    let mut child = Command::new(Binaries::find()?.coordinator)
        .args(["evaluate-child", "--device=cpu", "--gpu-cache=/nonexistent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // It stays open until the answer is there: its end would end the child.
    let mut stdin = child.stdin.take().context("a pipe")?;
    stdin.write_all(format!("{job}\n").as_bytes())?;
    let status = format!("/proc/{}/status", child.id());
    let started = Instant::now();
    let mut is_locked = false;
    while child.try_wait()?.is_none() {
        if started.elapsed() > COMMAND_WITHIN {
            child.kill()?;
            bail!("no answer");
        }
        let facts = fs::read_to_string(&status).unwrap_or_default();
        let has =
            |name: &str, value: &str| facts.lines().any(|line| line.split_whitespace().eq([name, value]));
        is_locked |= has("Seccomp:", "2") && has("NoNewPrivs:", "1");
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut answer = String::new();
    child.stdout.take().context("a pipe")?.read_to_string(&mut answer)?;
    assert!(answer.contains("described") && out.is_file(), "{answer}");
    assert!(is_locked, "it worked without a filter of system calls");
    Ok(())
}

#[test]
fn the_coordinators_check_tries_these_locks() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let consortium = Consortium::create(small.setup.clone())?;
    let checked = consortium.coordinator.run(&["check"], COMMAND_WITHIN)?.success()?;
    let line = checked.lines().find(|line| line.starts_with("locks")).context("no word of locks")?;
    assert!(line.contains("landlock, seccomp, core-dumps, descriptors"), "{line}");
    Ok(())
}
