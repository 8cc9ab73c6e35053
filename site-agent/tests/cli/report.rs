//! `ledger report`: the page and its facts of a site with a receipt that does not fit, with an officer's
//! decision, with a broken ledger, and with a waiver; what it refuses.

use std::fs;

use serde_json::Value;
use site_agent::gateway::ledger::LedgerWriter;
use site_agent::gateway::store::{FACT_LEFT_MS, Store};

use crate::ledger::{fill, with_a_false_receipt};
use crate::support::{Site, words};

/// Writes the page; returns the exit code, the page and what was said.
fn page(site: &Site, name: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let out = site.folder.root().join(name);
    let arguments = [&["ledger", "report", "--out", out.to_str().unwrap()][..], more].concat();
    let output = site.run(&arguments);
    (output.status.code(), fs::read_to_string(&out).unwrap_or_default(), words(&output))
}

fn facts(site: &Site, more: &[&str]) -> Value {
    let output = site.run(&[&["ledger", "report", "--json"][..], more].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)))
}

#[test]
fn a_ledger_that_does_not_fit_has_a_page_and_the_command_fails() {
    let site = with_a_false_receipt();
    let (code, html, said) = page(&site, "a.html", &["--language", "en"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("the receipt of run 0707070707070707, round 1") && said.contains("hint:"),
        "{said}"
    );
    assert!(html.contains("THE LEDGER DOES NOT VERIFY") && html.contains("DOES NOT FIT"), "{html}");
    let found = facts(&site, &[]);
    assert_eq!(found["ledger"]["verified"], false);
    assert_eq!(found["ledger"]["receipts"]["do_not_fit"], 1);
    let run = &found["runs"]["shown"][0];
    assert_eq!((&run["run"], &run["frames"]), (&"0707070707070707".into(), &8.into()));
    assert_eq!(run["rounds"]["shown"][0]["update"]["receipt"], "does-not-fit");
    assert_eq!(run["data"]["shown"][0]["sequence"], 2);
    let sum =
        |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&run["kinds"]) + sum(&found["beside_runs"]), found["ledger"]["bytes"].as_u64().unwrap());

    assert!(site.run(&["ledger", "accept", "--yes"]).status.success());
    let (code, html, said) = page(&site, "b.html", &["--language", "zh"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(html.contains("台账自身完整") && html.contains("搁置的回执"), "{html}");
    assert!(!html.contains("台账核验未通过"));
    assert!(html.contains("1 份回执已被搁置") && !html.contains("并与协调方的回执"), "{html}");
    // And of a site that has left.
    assert_eq!(facts(&site, &[])["left"], Value::Null);
    Store::open(&site.folder.database()).unwrap().set_fact(FACT_LEFT_MS, 1_800_000_000_000).unwrap();
    assert!(facts(&site, &[])["left"].as_str().is_some_and(|at| at.starts_with("2027-01-15")));
    let (_, html, _) = page(&site, "c.html", &["--language", "zh"]);
    assert!(html.contains("退出联盟"), "{html}");
}

#[test]
fn a_broken_ledger_is_reported_up_to_where_it_breaks() {
    let site = with_a_false_receipt();
    let text = fs::read_to_string(site.folder.ledger()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(site.folder.ledger(), [&lines[..9], &lines[10..]].concat().concat()).unwrap();
    let (code, html, said) = page(&site, "a.html", &["--language", "en"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is not intact"), "{said}");
    assert!(html.contains("It is broken: line 10 has sequence number 10, expected 9"), "{html}");
    assert!(html.contains("of the 9 records before that place"), "{html}");
    let found = facts(&site, &[]);
    assert_eq!(found["ledger"]["records"], 9);
    assert_eq!(found["runs"]["shown"][0]["rounds"]["shown"][0]["update"]["receipt"], "ledger-broken");
    // And one that is not there at all.
    fs::remove_file(site.folder.ledger()).unwrap();
    let (code, html, _) = page(&site, "b.html", &["--language", "en"]);
    assert_eq!(code, Some(1));
    assert!(html.contains("there is no ledger"), "{html}");
    assert!(!site.folder.ledger().exists(), "a report only looks");
}

#[test]
fn what_a_report_refuses() {
    let site = with_a_false_receipt();
    let no_file = site.run(&["ledger", "report"]);
    assert_eq!(no_file.status.code(), Some(1));
    assert!(words(&no_file).contains("--out"), "{}", words(&no_file));
    let (_, first, _) = page(&site, "a.html", &["--language", "en"]);
    let (code, still, said) = page(&site, "a.html", &["--language", "zh"]);
    assert_eq!((code, &still), (Some(1), &first), "{said}");
    assert!(said.contains("exists already") && said.contains("--replace"), "{said}");
    let (_, replaced, _) = page(&site, "a.html", &["--language", "zh", "--replace"]);
    assert!(replaced.contains("lang=\"zh-CN\""));
    for (run, sentence) in [("ffff", "names a run `ffff`"), ("", "more than one run")] {
        let (code, html, said) = page(&site, "none.html", &[run]);
        assert_eq!(code, Some(1));
        assert!(said.contains(sentence) && html.is_empty(), "{said}");
    }
    let (code, html, _) = page(&site, "run.html", &["0707", "--language", "en"]);
    assert_eq!(code, Some(1), "the whole ledger does not verify");
    assert!(
        html.contains("This report is of run 0707070707070707") && !html.contains("What left beside runs")
    );
    fs::remove_file(site.folder.database()).unwrap();
    let (code, html, said) = page(&site, "none.html", &[]);
    assert!(code == Some(1) && html.is_empty() && said.contains("restore site.db"), "{said}");
}

#[test]
fn verify_names_data_roots_and_no_other_note() {
    let site = Site::new();
    fill(&site, 6);
    let (mut ledger, _) = LedgerWriter::open(&site.folder.ledger()).unwrap();
    let note = site_agent::gateway::ledger::Note {
        kind: common::ledger::Kind::Policy,
        run: None,
        round: None,
        digest: common::id::Digest([9; 32]),
    };
    ledger.note(1_800_000_000_100, &common::id::Digest::of(b"ca"), &note).unwrap();
    drop(ledger);
    let verified: Value = serde_json::from_slice(&site.run(&["ledger", "verify", "--json"]).stdout).unwrap();
    let runs: Vec<&String> = verified["data"].as_object().unwrap().keys().collect();
    assert_eq!(runs, ["0707070707070707"]);
}
