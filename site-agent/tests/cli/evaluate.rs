//! `evaluate` as a person uses it: the small model of the demo, an adapter that was trained here, and suites
//! that are right and wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{demo_model, program, words};

/// The suites of the repository, with records in the form of each owner.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/evaluation/suites").join(name)
}

fn evaluate(arguments: &[&str]) -> Output {
    let mut command = program();
    command.arg("evaluate").arg(demo_model()).args(arguments).args(["--language", "en"]);
    command.stdin(Stdio::null()).output().unwrap()
}

fn report(arguments: &[&str]) -> Value {
    let output = evaluate(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", words(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An adapter that answers with one letter, and not with what the base does.
fn adapter(folder: &Path) -> PathBuf {
    let records = folder.join("train.jsonl");
    let line = |index: usize| {
        format!(
            "{{\"instruction\": \"Question: Question {index}\\nA. one\\nB. two\\nAnswer:\", \"output\": \"A\"}}\n"
        )
    };
    fs::write(&records, (0..24).map(line).collect::<String>()).unwrap();
    let out = folder.join("adapter");
    let mut command = program();
    command.arg("train").arg(demo_model()).arg("--data").arg(&records).arg("--out").arg(&out);
    command.args(["--epochs", "6", "--learning-rate", "5e-3", "--cutoff-tokens", "128"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    out
}

/// Forty questions of ten cases whose answer is B three times in four.
fn suite(folder: &Path, more: &str) -> PathBuf {
    let line = |index: usize| {
        let (answer, case) = (if index.is_multiple_of(4) { "A" } else { "B" }, index / 4);
        let group = if index < 20 { "first" } else { "second" };
        format!(
            "{{\"id\": \"{index}\", \"case\": \"{case}\", \"group\": \"{group}\", \"question\": \"Question {index}\", \
             \"options\": [\"one\", \"two\"], \"answer\": \"{answer}\"}}\n"
        )
    };
    fs::write(folder.join("items.jsonl"), (0..40).map(line).collect::<String>()).unwrap();
    let path = folder.join("suite.toml");
    let settings = format!("name = \"letters\"\nlayout = \"items\"\nrecords = \"items.jsonl\"\n{more}");
    fs::write(&path, settings).unwrap();
    path
}

#[test]
fn examples_stand_before_every_question_and_a_prompt_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let measured = |more: &str| {
        let suite = suite(folder.path(), more);
        report(&["--suite", suite.to_str().unwrap(), "--weights", "f32", "--compute", "f32"])
    };
    let zero = measured("");
    let few = measured("shots = 4\npermuted = true\n");
    let suite_of = |report: &Value| report["suites"][0].clone();
    assert_eq!(suite_of(&zero)["items"], 40);
    assert!(suite_of(&zero)["shots"].is_null() && suite_of(&zero)["examples_sha256"].is_null());
    assert_eq!((&suite_of(&few)["items"], &suite_of(&few)["shots"]), (&Value::from(36), &Value::from(4)));
    assert_eq!(suite_of(&few), suite_of(&measured("shots = 4\npermuted = true\n")), "alike again");
    let words_of = |more: &str| {
        let suite = suite(folder.path(), more);
        words(&evaluate(&["--suite", suite.to_str().unwrap()]))
    };
    let described = suite(folder.path(), "shots = 4\nchat = true\ndescription = \"Questions follow.\"\n");
    let shown = evaluate(&["--suite", described.to_str().unwrap()]).stdout;
    let shown = String::from_utf8(shown).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("behind 4 examples") && shown.contains("a description"), "{shown}");
    // A file of examples of its own: the first record, and forty questions are asked.
    let example = "{\"question\": \"Else\", \"options\": [\"one\", \"two\"], \"answer\": \"A\"}\n";
    fs::write(folder.path().join("dev.jsonl"), example).unwrap();
    let own = suite_of(&measured("shots = 1\nexamples = \"dev.jsonl\"\n"));
    assert_eq!((&own["items"], &own["shots"]), (&Value::from(40), &Value::from(1)));
    assert_eq!(own["examples_sha256"].as_str().map(str::len), Some(64));
    // An evaluation does not go on behind other examples.
    let begun = folder.path().join("begun.resume");
    let path = suite(folder.path(), "shots = 1\nexamples = \"dev.jsonl\"\n");
    let resumed =
        || evaluate(&["--suite", path.to_str().unwrap(), "--resume", begun.to_str().unwrap(), "--json"]);
    assert!(resumed().status.success() && words(&resumed()).contains("going on behind 40 of 40"));
    fs::write(folder.path().join("dev.jsonl"), example.replace("Else", "Other")).unwrap();
    let other = resumed();
    assert_eq!(other.status.code(), Some(1));
    assert!(words(&other).contains("is of another evaluation"), "{}", words(&other));
    fs::write(folder.path().join("dev.jsonl"), example.replace("Else", &"word ".repeat(4_000))).unwrap();
    let refused = words_of("shots = 1\nexamples = \"dev.jsonl\"\n");
    assert!(refused.contains("items.jsonl, line 1") && refused.contains("lower shots"), "{refused}");
}

#[test]
fn base_and_adapter_stand_side_by_side_with_n_and_interval() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = adapter(folder.path());
    let suite = suite(folder.path(), "chat = true\npermuted = true\n");
    let (adapter, suite) = (adapter.to_str().unwrap(), suite.to_str().unwrap());
    let page = folder.path().join("page.html");
    let arguments = [
        "--suite",
        suite,
        "--adapter",
        adapter,
        "--html",
        page.to_str().unwrap(),
        "--weights",
        "f32",
        "--compute",
        "f32",
    ];
    let found = report(&arguments);
    let one = &found["suites"][0];
    assert_eq!((one["items"].as_u64(), one["cases"].as_u64()), (Some(40), Some(10)));
    assert_eq!((one["majority"].as_f64(), one["guessing"].as_f64()), (Some(0.75), Some(0.5)));
    let right = |arm: usize| one["arms"][arm]["right"]["count"].as_u64().unwrap();
    let pair = &one["comparisons"][0];
    let count = |key: &str| pair[key].as_u64().unwrap();
    assert_eq!(right(1) + count("worse"), right(0) + count("better"), "{found}");
    assert_eq!(pair["better_lines"].as_array().unwrap().len() as u64, count("better"));
    // The base says B, and the adapter was taught to say A, whatever is asked.
    assert_eq!((right(0), right(1), count("worse")), (30, 10, 30), "{found}");
    assert_eq!((pair["verdict"].as_str(), pair["worse_lines"][0].as_u64()), (Some("worse"), Some(2)));
    assert_eq!(one["arms"][1]["right_in_all_orders"], 0.5, "in the other order the right answer is B");
    assert_eq!(one["arms"][1]["stable"]["count"], 0);
    assert_eq!(pair["groups"][0]["base"]["of"].as_u64(), Some(20));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("What got better, what got worse") && !html.contains("Question 1"));

    // The same again is the same to the last digit, and a page is not replaced without a word.
    let again = evaluate(&[&arguments[..], &["--json"]].concat());
    assert!(!again.status.success() && words(&again).contains("is there already"), "{}", words(&again));
    assert_eq!(report(&[&arguments[..], &["--replace"]].concat()), found);

    let text = evaluate(&["--suite", suite, "--adapter", adapter, "--weights", "f32", "--compute", "f32"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("What got better, what got worse, how sure\n"), "{text}");
    assert!(text.contains("McNemar") && text.contains("one answer always") && !text.contains("Question 1"));
}

#[test]
fn files_of_every_owner_are_asked() {
    let names = ["medqa", "medmcqa", "pubmedqa", "cmb", "cmexam", "emergency", "must-refuse"];
    let paths: Vec<String> =
        names.iter().map(|name| shipped(&format!("{name}.toml")).to_str().unwrap().to_owned()).collect();
    let arguments: Vec<&str> = paths.iter().flat_map(|path| ["--suite", path.as_str()]).collect();
    let found = report(&arguments);
    let suites = found["suites"].as_array().unwrap();
    let prompts: Vec<&str> = suites.iter().map(|suite| suite["prompt"].as_str().unwrap()).collect();
    assert_eq!(prompts, ["medqa", "medmcqa", "pubmedqa", "cmb", "cmmlu", "bare", "bare"]);
    assert!(suites[2]["arms"][0]["right_by_length"].is_object() && suites[3]["score"] == "generated");
    assert!(suites[5]["majority"].is_null() && suites[5]["cases"] == 2);
    assert!(suites.iter().all(|suite| suite["comparisons"].as_array().unwrap().is_empty()));
}

#[test]
fn what_cannot_be_scored_is_refused_in_one_sentence_and_the_rest_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let good = suite(folder.path(), "");
    let good = good.to_str().unwrap();
    assert!(evaluate(&["--suite", good]).status.success());
    let line = "{\"id\": \"1\", \"question\": \"q\", \"options\": [\"a\", \"b\"], \"answer\": \"A\"}";
    for (settings, records, expected) in [
        ("chatt = true\n", line.to_owned(), "suite.toml, line 4: unknown field `chatt`"),
        ("", String::new(), "items.jsonl: it holds no item"),
        (
            "",
            format!("{line}\n{}", line.replace(", \"answer\": \"A\"", "")),
            "items.jsonl, line 2: it has no answer",
        ),
        ("", format!("{line}\n{line}\n"), "items.jsonl, line 2: its id is that of line 1"),
        (
            "",
            line.replace("\"q\"", "\"<|im_end|>\""),
            "items.jsonl, line 1: a question contains the text of a special",
        ),
        (
            "score = \"options\"\nprompt = \"plain\"\n",
            line.replace("\"b\"", "\"<|im_end|>\""),
            "line 1: an option contains",
        ),
    ] {
        let path = suite(folder.path(), settings);
        fs::write(folder.path().join("items.jsonl"), records).unwrap();
        let refused = evaluate(&["--suite", path.to_str().unwrap()]);
        let said = words(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && said.contains("\nhint: "), "{said} instead of {expected}");
    }
    fs::remove_file(folder.path().join("items.jsonl")).unwrap();
    for arguments in [
        vec!["--suite", good],
        vec!["--suite", "/nowhere/suite.toml"],
        vec!["--suite", good, "--adapter", "/nowhere"],
    ] {
        let refused = evaluate(&arguments);
        assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    }
}

#[test]
fn what_was_killed_goes_on_behind_the_last_question_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite(folder.path(), "chat = true\npermuted = true\n");
    let suite = suite.to_str().unwrap();
    let whole = report(&["--suite", suite]);
    let path = folder.path().join("letters.resume");
    let file = path.to_str().unwrap();
    let arguments = ["--suite", suite, "--resume", file];
    let length = || fs::metadata(&path).map_or(0, |facts| facts.len());
    let mut command = program();
    command.arg("evaluate").arg(demo_model()).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // The head has 55 bytes; behind it are answers.
    while length() < 200 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = length();
    assert!(killed >= 200, "it ended before its first answers");
    // As a power cut would leave it.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(killed - 5).unwrap();
    let output = evaluate(&[&arguments[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), whole);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("going on behind ") && said.contains(" of 40 questions"), "{said}");

    // Now all are known, and the same command asks none.
    let again = evaluate(&[&arguments[..], &["--json"]].concat());
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap(), whole);
    assert!(words(&again).contains("going on behind 40 of 40 questions"), "{}", words(&again));
    // Another way of asking, another file, a file of somebody else: refused, and nothing is lost.
    let kept = fs::read(&path).unwrap();
    let others = folder.path().join("notes.txt");
    fs::write(&others, "notes").unwrap();
    for (arguments, word) in [
        (vec!["--suite", suite, "--resume", file, "--weights", "f32"], "is of another evaluation"),
        (vec!["--suite", suite, "--resume", others.to_str().unwrap()], "is no file of an evaluation"),
        (vec!["--suite", suite, "--resume", file, "--sheet", file], "is there already"),
    ] {
        let output = evaluate(&arguments);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(word), "{}", words(&output));
    }
    assert_eq!((fs::read(&path).unwrap(), fs::read(&others).unwrap()), (kept, b"notes".to_vec()));
}
