//! What an administrator's tools expect of the program: completions, manual pages, its settings, its logs,
//! one name for one thing, units, and exit codes.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{RECORD, Site, demo_model, program, words};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn completions_are_taken_by_their_shell_and_hide_what_nobody_types() {
    for shell in ["bash", "zsh", "fish"] {
        let output = program().args(["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        assert!(output.status.success() && script.contains("set-address"), "{shell}: {}", words(&output));
        assert!(!script.contains("probe"), "{shell} completes what is hidden");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        fs::write(&path, script).unwrap();
        // `-n` reads and runs nothing; a shell that is not installed says nothing.
        if let Ok(read) = Command::new(shell).arg("-n").arg(&path).output() {
            assert!(read.status.success(), "{shell}: {}", words(&read));
        }
    }
    assert_eq!(program().args(["completions", "tcsh"]).output().unwrap().status.code(), Some(1));
}

#[test]
fn manual_pages_are_written_for_every_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    let output = program().args(["man", "--out", out.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    for page in ["site-agent.1", "site-agent-run.1", "site-agent-ledger-verify.1", "site-agent-waiver-new.1"]
    {
        let page = fs::read_to_string(out.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(page.contains(".TH") && page.contains(".SH NAME"), "{page}");
    }
    for hidden in ["site-agent-gateway.1", "site-agent-worker.1", "site-agent-help.1"] {
        assert!(!out.join(hidden).exists(), "{hidden}");
    }
    let one = program().arg("man").output().unwrap();
    assert!(one.status.success() && text(&one.stdout).contains("SUBCOMMANDS"), "{}", text(&one.stdout));
}

#[test]
fn settings_say_where_they_come_from_and_no_key_is_shown() {
    let site = Site::new();
    let config = site.folder.config();
    let data = site.data.display();
    fs::write(
        &config,
        format!(
            "model = '{}'\ndata = ['{data}']\n[training]\nweights = 'nf4'\n[policy]\nupdate_norm_max = 9.0\n",
            demo_model().display()
        ),
    )
    .unwrap();
    let output = site.run(&["config", "show", "--json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let from = |key: &str| {
        let all = shown["settings"].as_array().unwrap();
        let setting = all.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("{key}"));
        (setting["from"].as_str().unwrap().to_owned(), setting["value"].clone())
    };
    assert_eq!(from("state").0, "option");
    assert_eq!(from("policy.update_norm_max"), ("file".into(), 9.0.into()));
    assert_eq!(from("training.base_in_memory"), ("file".into(), "nf4".into()));
    assert_eq!(from("training.attempts_max"), ("default".into(), 3.into()));
    assert_eq!(from("data_room.mapping"), ("default".into(), Value::Null));
    let table = program()
        .args(["config", "show"])
        .env("CONSILIUM_STATE", site.folder.root())
        .env("CONSILIUM_CPU", "avx2")
        .output()
        .unwrap();
    let table = text(&table.stdout);
    assert!(table.contains("environment  avx2"), "{table}");
    let state = table.lines().find(|line| line.starts_with("state ")).unwrap();
    assert!(state.contains("environment"), "{state}");
    assert!(!table.contains("a key") && !table.contains("PRIVATE"), "{table}");
}

#[test]
fn logs_are_shown_in_the_order_of_their_times_and_followed() {
    let site = Site::new();
    let nothing = site.run(&["logs"]);
    assert!(nothing.status.success() && words(&nothing).contains("there is no log yet"));
    let write = |process: &str, lines: &str| fs::write(site.folder.log(process), lines).unwrap();
    write("agent", "2026-11-29T08:00:00Z connected\n2026-11-29T10:00:00Z joined\n");
    write("gateway", "2026-11-29T09:00:00.25Z WARN slow\nerror: of the gateway\n");
    let shown = text(&site.run(&["logs"]).stdout);
    let order: Vec<&str> = shown.lines().map(|line| line.split_whitespace().next_back().unwrap()).collect();
    assert_eq!(order, ["connected", "slow", "gateway", "joined"]);
    let shown = text(&site.run(&["logs", "gateway", "--since", "2026-11-29T08:30:00Z", "-n", "1"]).stdout);
    assert_eq!(shown, "gateway  error: of the gateway\n");
    let json = text(&site.run(&["logs", "agent", "--json"]).stdout);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["source"], &first["time"]), (&"agent".into(), &"2026-11-29T08:00:00Z".into()));
    for bad in [&["logs", "--since", "24"][..], &["logs", "-n", "0"], &["logs", "coordinator"]] {
        assert_eq!(site.run(bad).status.code(), Some(1), "{bad:?}");
    }
    let mut follower = program()
        .args(["logs", "agent", "--follow", "-n", "1", "--state"])
        .arg(site.folder.root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = follower.stdout.take().unwrap();
    let mut expect = |line: &str| {
        let mut bytes = vec![0; line.len()];
        out.read_exact(&mut bytes).unwrap();
        assert_eq!(text(&bytes), line);
    };
    expect("agent    2026-11-29T10:00:00Z joined\n");
    write("agent", "2026-11-29T11:00:00Z begun anew\n");
    expect("agent    2026-11-29T11:00:00Z begun anew\n");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn one_name_for_one_thing_and_the_old_ones_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo_model();
    let model = model.to_str().unwrap();
    for (name, arguments) in [("new", &["--out"][..]), ("old", &[])] {
        let out = folder.path().join(name);
        let output = program().args(["quantise", model]).args(arguments).arg(&out).output().unwrap();
        assert!(output.status.success() && out.join("config.json").exists(), "{name}: {}", words(&output));
    }
    let none = program().args(["quantise", model]).output().unwrap();
    assert!(none.status.code() == Some(1) && words(&none).contains("--out DIR"), "{}", words(&none));
    for options in [["--cutoff-tokens", "64", "--batch-size", "2"], ["--seq", "64", "--batch", "2"]] {
        let planned = program().args(["plan", model]).args(options).output().unwrap();
        let said = text(&planned.stdout);
        assert!(said.contains("2 x 64 tokens"), "{options:?}: {said}{}", words(&planned));
    }
    let data = folder.path().join("data.jsonl");
    fs::write(&data, format!("{RECORD}\n").repeat(20)).unwrap();
    let check = |options: &[&str]| {
        let out = folder.path().to_str().unwrap();
        let all = ["data", "check", data.to_str().unwrap(), "--out", out, "--duplicates", "ignore"];
        program().args(all).args(options).output().unwrap()
    };
    let roots: Vec<String> = [["--split", "80/10/10"], ["--split", "80-10-10"]]
        .iter()
        .map(|split| {
            let output = check(&[&split[..], &["--language", "en"]].concat());
            assert!(output.status.success(), "{split:?}: {}", words(&output));
            text(&fs::read(folder.path().join("data-manifest.json")).unwrap())
        })
        .collect();
    assert_eq!(roots[0], roots[1], "both spellings divide in the same way");
    let wrong = check(&["--split", "80/20/10"]);
    assert!(wrong.status.code() == Some(1) && words(&wrong).contains("80/10/10"), "{}", words(&wrong));
}

#[test]
fn a_size_needs_its_unit() {
    let plan = |memory: &str| program().args(["plan", "qwen2.5-0.5b", "--memory", memory]).output().unwrap();
    assert!(text(&plan("24GB").stdout).contains("In 24.00 GB"));
    let refused = plan("24");
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("a number with its unit"), "{}", words(&refused));
}

#[test]
fn a_record_is_shown_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.jsonl");
    fs::write(&data, format!("{RECORD}\n\n{}\n", RECORD.replace("headache", "cold"))).unwrap();
    let show = |place: &str| {
        let place = format!("{}:{place}", data.display());
        program().args(["data", "show", &place, "--allow-pipe", "--language", "en"]).output().unwrap()
    };
    for place in ["3", "3:mobile-phone"] {
        let shown = text(&show(place).stdout);
        assert!(shown.contains("record 2 ") && shown.contains("against a cold"), "{shown}");
    }
    let none = show("2");
    assert!(
        none.status.code() == Some(1) && words(&none).contains("no record begins at"),
        "{}",
        words(&none)
    );
    let bare = program().args(["data", "show", "7", "--allow-pipe"]).output().unwrap();
    assert!(words(&bare).contains("no file was named"), "{}", words(&bare));
}

#[test]
fn a_wrong_option_is_the_users_mistake_in_every_command() {
    for arguments in [&["frobnicate"][..], &["status", "--frobnicate"], &["ledger", "verify", "x"], &[]] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_takes_something_away_for_good_goes_on_in_a_script_and_can_be_told_yes() {
    let site = Site::new();
    for arguments in [&["waiver", "drop"][..], &["waiver", "drop", "--yes"], &["prune", "-y"], &["prune"]] {
        let output = site.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    }
}
