//! `serve` and `ask` with rules of safety, on the small model of the demo, whose most likely answers are
//! known: it sends nobody to a doctor, which the start's first rule asks for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::serve::{Server, content, events, question};
use crate::support::{demo_model, program, words};

const EMERGENCY: &str = "我爸胸痛怎么办？";

/// The start, written by the program; its rule file.
fn start(folder: &Path) -> PathBuf {
    let out = folder.join("safety");
    let made = program().args(["rules", "new", "--out"]).arg(&out).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    out.join("safety.toml")
}

fn greedy(stream: bool) -> Value {
    json!({"temperature": 0, "stream": stream})
}

#[test]
fn an_answer_that_breaks_a_rule_is_withheld_whole_and_streamed_and_cannot_be_rated() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, feedback) = (start(folder.path()), folder.path().join("feedback.jsonl"));
    let plain = Server::start(&[]);
    let harm = content(&plain.ask(EMERGENCY, &greedy(false))).to_owned();
    let good = content(&plain.ask("What is asthma?", &greedy(false))).to_owned();
    plain.stop();
    let [rules, kept] = [&rules, &feedback].map(|path| path.to_str().unwrap());
    let server = Server::start(&["--rules", rules, "--feedback", kept]);
    let whole = server.ask(EMERGENCY, &greedy(false));
    let said = content(&whole);
    assert!(said.contains("请咨询医生") && said.contains("急症") && !said.contains(&harm), "{said}");
    assert_eq!(whole["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(whole["consilium"]["rules"][0]["rule"], "emergency-referral");
    let (status, body) = server.post("/v1/chat/completions", &question(EMERGENCY, &greedy(true)));
    assert!(status == 200 && !body.contains(&harm), "{body}");
    let events = events(&body);
    let parts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    assert_eq!(parts.collect::<String>(), said);
    let last = events.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(last["consilium"], whole["consilium"]);
    for id in [&whole["id"], &events[0]["id"]] {
        let (status, body) = server.post("/v1/feedback", &json!({"id": id, "rating": "up"}));
        assert!(status == 409 && body.contains("answer_withheld"), "{body}");
    }
    // What only a rule that warns is broken by is given as it would be without rules.
    let asthma = server.ask("What is asthma?", &greedy(false));
    assert_eq!(content(&asthma), good);
    let broken = asthma["consilium"]["rules"].as_array().unwrap();
    assert!(broken.iter().all(|one| one["severity"] == "warn"), "{broken:?}");
    assert_eq!((broken.len(), &broken[0]["rule"]), (1, &json!("disclaimer")));
    let (_, models) = server.send("GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let models: Value = serde_json::from_str(&models).unwrap();
    let of_rules = &models["data"][0]["consilium"]["rules"];
    assert_eq!((&of_rules["rules"], of_rules["approved_by"].is_null()), (&json!(9), true), "{models}");
    let (log, code) = server.stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("approved by nobody") && log.contains("withheld: 12 tokens"), "{log}");
    assert!(log.contains("breaks: emergency-referral"), "{log}");
    assert!(
        log.contains("checked answers: 3; withheld: 2; given although a rule warns: 1")
            && !log.contains(&harm),
        "{log}"
    );
    assert_eq!(fs::read_to_string(&feedback).unwrap(), "", "nothing that nobody saw is kept");
}

#[test]
fn a_stump_that_nobody_gets_is_neither_checked_nor_counted() {
    let folder = tempfile::tempdir().unwrap();
    let rules = start(folder.path());
    let server = Server::start(&["--rules", rules.to_str().unwrap(), "--max-tokens", "4096"]);
    server.leave(&question(EMERGENCY, &json!({"max_tokens": 4096, "stream": true, "temperature": 1})));
    let next = server.ask("What is asthma?", &greedy(false));
    assert!(!content(&next).is_empty());
    let (log, code) = server.stop();
    assert_eq!(code, Some(0));
    let gone: Vec<&str> = log.lines().filter(|line| line.starts_with("given up: ")).collect();
    assert!(gone.len() == 1 && !gone[0].contains("breaks") && !log.contains("withheld: 1"), "{log}");
    assert!(log.contains("checked answers: 1; withheld: 0"), "{log}");
}

#[test]
fn ask_shows_nothing_of_a_withheld_answer_and_says_which_rule_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let rules = start(folder.path());
    let ask = |more: &[&str]| {
        let mut command = program();
        command.arg("ask").arg(demo_model()).args(["--max-tokens", "12"]).args(more);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let harm = ask(&[EMERGENCY]).stdout;
    let harm = String::from_utf8(harm).unwrap();
    let output = ask(&[EMERGENCY, "--rules", rules.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && said.contains("请咨询医生") && !said.contains(harm.trim()), "{said}");
    assert!(
        words(&output).contains("[the model's answer breaks: emergency-referral, disclaimer]"),
        "{}",
        words(&output)
    );
    let output = ask(&[EMERGENCY, "--rules", rules.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["withheld"], &found["rules"][0]["rule"]),
        (&json!(true), &json!("emergency-referral"))
    );
    assert!(!found.to_string().contains(harm.trim()), "{found}");
}

#[test]
fn rules_whose_tests_fail_and_tables_that_are_not_there_serve_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rules = start(folder.path());
    let text = fs::read_to_string(&rules).unwrap();
    let refused = |verb: &str, expected: &str| {
        let mut command = program();
        command.arg(verb).arg(demo_model()).arg("--rules").arg(&rules);
        let command =
            if verb == "serve" { command.args(["--listen", "127.0.0.1:0"]) } else { command.arg("a") };
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "{verb}: {said}");
        assert!(said.contains(expected) && !said.contains("listening on"), "{verb}: {said}");
        assert!(output.stdout.is_empty());
    };
    for verb in ["serve", "ask"] {
        fs::write(&rules, text.replace("\"#mg\", ", "")).unwrap();
        refused(verb, "hint: `site-agent rules check FILE` shows every test that fails");
        fs::write(&rules, text.replace("contraindicated.csv", "nowhere.csv")).unwrap();
        refused(verb, "nowhere.csv");
    }
}
