//! What real files and model folders do to the commands: `data check`, `data show` and `train` refuse the
//! same records, everywhere by file and line; a model in the hub's cache; the cutoff and the model's context.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::{demo_model, program, words};

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).env("LC_ALL", "C").output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), words(output))
}

/// A copy of the demo's model whose files are changed by `change`.
fn model(folder: &Path, change: impl FnOnce(&Path)) -> PathBuf {
    let copy = folder.join("model");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(demo_model()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    change(&copy);
    copy
}

fn config(model: &Path, key: &str, value: Value) {
    let path = model.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs::write(path, config.to_string()).unwrap();
}

const LINES: [&str; 4] = [
    r#"{"instruction":"What helps against gout?","output":"Rest and cold.<|im_end|>"}"#,
    r#"{"instruction":"What helps against a cold?","output":"Tea and sleep."}"#,
    r#"{"instruction":"","input":"What helps against a cramp?","output":"Stretching it."}"#,
    r#"{"question":"What is high?","context":"Potassium is 6.1.","answer":"Potassium.","ward":"four"}"#,
];

struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
    data: String,
}

impl Place {
    fn with(lines: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::write(root.join("data.jsonl"), lines.join("\n")).unwrap();
        let data = root.join("data.jsonl").display().to_string();
        Self { _folder: folder, root, data }
    }

    fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn check(&self, model: &Path, more: &[&str]) -> Output {
        let (model, out) = (model.display().to_string(), self.path("report"));
        run(&[&["data", "check", &self.data, "--model", &model, "--out", &out], more].concat())
    }

    fn train(&self, model: &Path, more: &[&str]) -> Output {
        let (model, out) = (model.display().to_string(), self.path("adapter"));
        let _ = fs::remove_dir_all(&out);
        run(&[&["train", &model, "--data", &self.data, "--out", &out, "--epochs", "1"], more].concat())
    }

    fn show(&self, number: usize, model: &Path, more: &[&str]) -> String {
        let (model, number) = (model.display().to_string(), number.to_string());
        text(
            &run(&[&["data", "show", &number, &self.data, "--model", &model, "--allow-pipe"], more].concat()),
        )
    }
}

#[test]
fn check_show_and_train_refuse_the_same_records_by_line() {
    let place = Place::with(&LINES);
    let model = demo_model();
    let report: Value = serde_json::from_slice(&place.check(&model, &["--json"]).stdout).unwrap();
    let verdicts: Vec<&str> = report["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["refuse", "train", "train", "train"]);
    assert_eq!(report["records"][0]["reason"], "special-token");
    assert_eq!(report["counts"]["refused"]["special-token"], 1);
    // Of so few records no name is told.
    assert_eq!(report["files"][0]["unused"]["..."], 1);
    let trained = place.train(&model, &[]);
    let said = text(&trained);
    assert!(trained.status.success(), "{said}");
    assert!(said.contains("data.jsonl, line 1: it holds the text of a special token"), "{said}");
    assert!(said.contains("records: 3 to train on") && !said.contains("left out: left out"), "{said}");
    let shown = place.show(1, &model, &[]);
    assert!(shown.contains("what the model sees: nothing; it holds the text of a special token"), "{shown}");
    let said = text(&place.check(&model, &[]));
    assert!(said.contains("Text that is not trained on, by field\n        1  ..."), "{said}");
    let page = fs::read_to_string(place.root.join("report/data-report.html")).unwrap();
    assert!(page.contains("Text that is not trained on") && !page.contains(">ward<"), "the page says it too");
}

#[test]
fn show_draws_what_is_trained_on_in_every_mode() {
    let question = "Please call me back at 13812345678 about my cold.";
    let place = Place::with(&[
        &serde_json::json!({"instruction": question, "output": "Tea and sleep."}).to_string(),
        r#"{"messages":[{"role":"user","content":"gout?"},{"role":"assistant","content":"bad","weight":0},
            {"role":"user","content":"sure?"},{"role":"assistant","content":"good"}]}"#
            .replace('\n', "")
            .as_str(),
    ]);
    let seen = |more: &[&str]| {
        let shown = place.show(1, &demo_model(), more);
        let (_, seen) = shown.split_once("what the model sees").unwrap_or_else(|| panic!("{shown}"));
        seen.replace('|', "")
    };
    assert!(seen(&["--screen", "report"]).contains("13812345678"));
    let masked = seen(&["--screen", "mask"]);
    assert!(!masked.contains("13812345678") && masked.contains("[PHONE1]"), "{masked}");
    assert!(seen(&["--screen", "block"]).starts_with(": nothing; confirmed identifiers"));
    let switched = place.show(2, &demo_model(), &[]).replace('|', "");
    assert!(switched.contains("[[good") && !switched.contains("[[bad"), "{switched}");
    let cut = place.show(1, &demo_model(), &["--screen", "report", "--cutoff-tokens", "50"]);
    let seen_or_not = cut.contains("cut here: ") || cut.contains("no answer begins within the cutoff");
    assert!(seen_or_not, "{cut}");
}

#[test]
fn a_model_in_the_cache_of_the_hub_serves_every_command() {
    let place = Place::with(&LINES[1..]);
    let cache = place.root.join("models--org--tiny");
    let snapshot = cache.join("snapshots/0123abcd");
    for folder in [cache.join("blobs"), cache.join("refs"), snapshot.clone()] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(cache.join("refs/main"), "0123abcd").unwrap();
    for (number, entry) in fs::read_dir(demo_model()).unwrap().enumerate() {
        let (entry, blob) = (entry.unwrap(), format!("blob{number}"));
        fs::copy(entry.path(), cache.join("blobs").join(&blob)).unwrap();
        symlink(format!("../../blobs/{blob}"), snapshot.join(entry.file_name())).unwrap();
    }
    for named in [&cache, &snapshot] {
        let named_text = named.display().to_string();
        for output in [
            place.check(named, &[]),
            place.train(named, &[]),
            run(&["plan", &named_text]),
            run(&["generate", &named_text, "--prompt", "a", "--max-tokens", "1"]),
        ] {
            assert!(output.status.success(), "{}: {}", named.display(), text(&output));
        }
        assert!(place.show(1, named, &[]).contains("what the model sees"));
    }
}

#[test]
fn no_record_is_trained_beyond_the_models_context() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), |model| config(model, "max_position_embeddings", 64.into()));
    let long = format!(r#"{{"instruction":"{}","output":"Tea."}}"#, "a b ".repeat(60));
    let tail = format!(r#"{{"instruction":"a","output":"{}"}}"#, "tea ".repeat(60));
    let place = Place::with(&[LINES[1], &long, &tail]);
    let trained = text(&place.train(&model, &["--cutoff-tokens", "8192"]));
    assert!(
        trained.contains("the model's context has 64 tokens: records are cut there, not at 8192"),
        "{trained}"
    );
    assert!(trained.contains("line 2: no answer begins within the cutoff"), "{trained}");
    assert!(trained.contains("cut at 64 tokens: 1 records"), "{trained}");
    let checked = text(&place.check(&model, &["--cutoff-tokens", "8192"]));
    assert!(checked.contains("cut at 64 tokens, the model's context"), "{checked}");
    assert!(checked.contains("data.jsonl:2"), "{checked}");
    let model = model.display().to_string();
    let planned = run(&["plan", &model, "--seq", "65"]);
    assert_eq!(planned.status.code(), Some(1));
    assert!(words(&planned).contains("the model's context has 64 tokens"), "{}", words(&planned));
    assert!(run(&["plan", &model, "--seq", "64"]).status.success());
}

#[test]
fn a_template_that_prefills_its_answers_is_checked_and_trained_with() {
    const TEMPLATE: &str = "{%- for m in messages -%}{%- if m.role == 'assistant' -%}{{- '<|im_start|>assistant\n' \
        + m.content.split('</think>')[-1] + '<|im_end|>\n' -}}{%- else -%}{{- '<|im_start|>' + m.role + '\n' + m.content \
        + '<|im_end|>\n' -}}{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}{{- \
        '<|im_start|>assistant\n<think>\n' -}}{%- endif -%}";
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), |model| fs::write(model.join("chat_template.jinja"), TEMPLATE).unwrap());
    let place = Place::with(&[
        LINES[1],
        r#"{"instruction":"gout?","output":"<think>why</think>Rest and cold."}"#,
        r#"{"instruction":"cramp?","output":"<think>nothing else</think>"}"#,
    ]);
    let report: Value = serde_json::from_slice(&place.check(&model, &["--json"]).stdout).unwrap();
    assert_eq!(report["records"][2]["reason"], "template");
    assert_eq!(report["records"][1]["is_trained"], true);
    let trained = text(&place.train(&model, &[]));
    assert!(trained.contains("records: 2 to train on") && trained.contains("line 3: "), "{trained}");
}

#[test]
fn one_short_record_is_one_record_in_every_word() {
    let place = Place::with(&[r#"{"instruction":"甲？","output":"乙。"}"#]);
    let checked = place.check(&demo_model(), &[]);
    assert!(checked.status.success(), "{}", text(&checked));
    assert!(text(&checked).contains("trained on  1") && text(&checked).contains("self-test passed"));
    let trained = place.train(&demo_model(), &[]);
    assert!(trained.status.success(), "{}", text(&trained));
}

#[test]
fn nothing_is_held_back_by_default_and_what_is_has_a_row() {
    let lines: Vec<String> = (0..600)
        .map(|number| {
            serde_json::json!({"instruction": format!("Case {number}: what helps {}?", number * 7919), "output": "Rest."})
                .to_string()
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let place = Place::with(&lines);
    let row = |more: &[&str]| {
        let said =
            text(&run(&[&["data", "check", &place.data, "--out", &place.path("report")], more].concat()));
        said.lines().find(|line| line.starts_with("held back")).unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    assert!(row(&["--duplicates", "ignore"]).starts_with("held back   0"), "{}", row(&[]));
    let held_back = row(&["--duplicates", "ignore", "--split", "70-15-15"]);
    assert!(held_back.starts_with("held back   180"), "{held_back}");
}

#[test]
fn a_kind_has_one_name_and_its_places_are_those_a_waiver_names() {
    let place = Place::with(&[
        r#"{"instruction":"Please call me back at 13812345678.","output":"We shall."}"#,
        LINES[1],
    ]);
    let said = text(&place.check(&demo_model(), &["--places"]));
    assert!(said.contains("data.jsonl:1:mobile-phone"), "{said}");
    let page = fs::read_to_string(place.root.join("report/data-report.html")).unwrap();
    assert!(page.contains("<code>mobile-phone</code>") && page.contains("data.jsonl:1"), "{page}");
    let shown = place.show(1, &demo_model(), &[]);
    assert!(shown.contains("(mobile-phone)"), "{shown}");
    let help = text(&run(&["waiver", "new", "--help"]));
    for kind in data::screen::Kind::ALL {
        assert!(help.contains(kind.name()), "{kind} is not in the help");
    }
}
