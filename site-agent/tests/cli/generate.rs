//! `generate`, `quantise` and `plan` as a person uses them, with the small model of the demo.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{demo_model, program, words};

fn run(arguments: &[&str], model: &Path) -> Output {
    program().arg(arguments[0]).arg(model).args(&arguments[1..]).stdin(Stdio::null()).output().unwrap()
}

fn answer(arguments: &[&str], model: &Path) -> String {
    let output = run(&[&["generate"], arguments].concat(), model);
    assert!(output.status.success(), "{}", words(&output));
    assert!(words(&output).contains("tokens/s"), "{}", words(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_prompt_is_answered_the_same_way_twice_and_differently_with_another_seed() {
    let model = demo_model();
    let ask = ["--prompt", "What helps against a headache?", "--max-tokens", "24"];
    let greedy = answer(&ask, &model);
    assert_eq!(greedy, answer(&ask, &model));
    let sampled =
        |seed: &str| answer(&[&ask[..], &["--temperature", "1.5", "--seed", seed]].concat(), &model);
    assert_eq!(sampled("1"), sampled("1"));
    assert_ne!(sampled("1"), sampled("2"));
}

#[test]
fn prompts_on_standard_input_are_answered_line_by_line() {
    let mut child = program()
        .arg("generate")
        .arg(demo_model())
        .args(["--json", "--max-tokens", "8"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all("什么是高血压？\n\nWhat is asthma?\n什么是高血压？\n".as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3, "{text}");
    assert_eq!(answers[1]["prompt"], "What is asthma?");
    assert!(answers.iter().all(|answer| answer["tokens"].as_u64().unwrap() <= 8));
    assert_eq!(answers[0]["answer"], answers[2]["answer"], "prompts are independent of each other");
}

#[test]
fn it_answers_behind_the_workers_locks() {
    let mut child = program()
        .arg("generate")
        .arg(demo_model())
        .args(["--json", "--max-tokens", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"What is asthma?\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("answer"), "{line}");
    // It waits for the next prompt: model and conversation are in memory.
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_written_folder_and_one_of_links_work_like_the_original() {
    let place = tempfile::tempdir().unwrap();
    let (out, links) = (place.path().join("nf4"), place.path().join("snapshots/0123abcd"));
    let output = program().arg("quantise").arg(demo_model()).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let again = program().arg("quantise").arg(demo_model()).arg(&out).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(words(&again).contains("not empty") && words(&again).contains("hint:"), "{}", words(&again));
    // As the hub's cache lays a model out: names that lead to a common store.
    let blobs = place.path().join("blobs");
    fs::create_dir_all(&links).unwrap();
    fs::create_dir(&blobs).unwrap();
    for entry in fs::read_dir(demo_model()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), blobs.join(entry.file_name())).unwrap();
        let target = Path::new("../../blobs").join(entry.file_name());
        std::os::unix::fs::symlink(target, links.join(entry.file_name())).unwrap();
    }
    let ask = ["--prompt", "What is asthma?", "--max-tokens", "12"];
    let original = answer(&ask, &demo_model());
    assert_eq!(answer(&ask, &out), original);
    assert_eq!(answer(&ask, &links), original);
    // One that leads elsewhere is not followed.
    std::os::unix::fs::symlink("/etc/passwd", links.join("notes.txt")).unwrap();
    let refused = run(&["generate", "--prompt", "a"], &links);
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("notes.txt is a link out of the model's folder"), "{}", words(&refused));
}

#[test]
fn wrong_input_gets_a_sentence_and_a_hint() {
    let (model, nowhere) = (demo_model(), Path::new("/nowhere"));
    for (arguments, model, expected) in [
        (vec!["generate", "--prompt", "a"], nowhere, "/nowhere"),
        (vec!["generate", "--prompt", "a", "--adapter", "/nowhere"], &model, "/nowhere"),
        (vec!["generate", "--prompt", "a", "--temperature=-1"], &model, "temperature"),
        (vec!["generate", "--prompt", "a", "--top-p", "2"], &model, "top_p"),
        (vec!["generate", "--prompt", "a", "--device", "cuda:99"], &model, "cuda:99"),
        (
            vec!["generate", "--prompt", "a", "--adapter", model.to_str().unwrap()],
            &model,
            "adapter_config.json",
        ),
        (vec!["plan"], nowhere, "known names: qwen2.5-0.5b"),
        (vec!["plan", "--seq", "0"], &model, "seq"),
    ] {
        let output = run(&arguments, model);
        let text = words(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains(expected) && text.contains("hint:"), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_plan_needs_no_more_than_a_name_or_a_config() {
    let output = run(&["plan", "--memory", "16GB"], Path::new("qwen2.5-1.5b"));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["linears", "embedding and head", "activations kept", "peak", "keeps", "In 16.00 GB: this fits"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().take_while(|line| !line.starts_with("In")).all(|line| line.chars().count() <= 100));
    let gpu = run(&["plan", "--device", "cuda", "--seq", "2048"], Path::new("qwen2.5-7b"));
    assert!(String::from_utf8(gpu.stdout).unwrap().contains("planned, not measured"));
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("config.json");
    fs::copy(demo_model().join("config.json"), &config).unwrap();
    let of = |model: &Path| -> Value {
        serde_json::from_slice(&run(&["plan", "--json", "--memory", "1GB"], model).stdout).unwrap()
    };
    assert_eq!(of(&config), of(&demo_model()), "a file and the folder around it");
    assert!(of(&config)["peak_bytes"].as_u64().unwrap() > 0 && of(&config)["fit"]["fits"] == true);
}
