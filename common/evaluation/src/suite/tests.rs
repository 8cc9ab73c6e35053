//! Every layout as its owner publishes it (synthetic records of the same form), and what is refused, by line.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn shipped(name: &str) -> Suite {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites").join(name);
    SuiteFile::read(&path)
        .unwrap_or_else(|error| panic!("{error}"))
        .open()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn written(settings: &str, records: &str) -> Result<Suite, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suite.toml");
    fs::write(&path, settings).unwrap();
    fs::write(folder.path().join("r.jsonl"), records).unwrap();
    let read = SuiteFile::read(&path).and_then(SuiteFile::open);
    read.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
}

const ITEMS: &str = "name = \"a\"\nlayout = \"items\"\nrecords = \"r.jsonl\"\n";
const GOOD: &str = r#"{"id": "1", "question": "q", "options": ["a", "b"], "answer": "B"}"#;

#[test]
fn files_of_all_owners_are_read() {
    let medqa = shipped("medqa.toml");
    assert_eq!(
        (medqa.items.len(), medqa.items[0].options.len(), medqa.settings.score),
        (4, 4, Score::Letters)
    );
    assert_eq!(medqa.items[1].gold, [2]);
    let medmcqa = shipped("medmcqa.toml");
    assert_eq!(
        (medmcqa.items[0].gold.clone(), medmcqa.items[0].group.as_deref()),
        (vec![1], Some("Medicine"))
    );
    let pubmedqa = shipped("pubmedqa.toml");
    assert_eq!(pubmedqa.items[0].options, ["yes", "no", "maybe"]);
    assert!(pubmedqa.items[0].context.contains('\n') && pubmedqa.items[0].id.is_some());
    assert_eq!(pubmedqa.settings.score, Score::Options);
    let cmb = shipped("cmb.toml");
    assert_eq!((cmb.settings.score, cmb.items[1].gold.clone()), (Score::Generated, vec![0, 2]));
    assert_eq!(cmb.items[0].options.len(), 4, "the empty fifth option is none");
    for name in ["emergency.toml", "must-refuse.toml"] {
        assert_eq!(shipped(name).settings.score, Score::Phrases);
    }
    let cmexam = shipped("cmexam.toml");
    assert_eq!((cmexam.items.len(), cmexam.items[0].options.len(), cmexam.items[0].line), (3, 5, 2));
    assert!(cmexam.items.iter().all(|item| !item.options[0].starts_with('A')));
}

#[test]
fn a_suite_of_ones_own_is_read_with_its_baselines() {
    let suite = written(ITEMS, &format!("{GOOD}\n\n{}\n", GOOD.replace("\"1\"", "\"2\""))).unwrap();
    assert_eq!(suite.items.iter().map(|item| item.line).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((suite.majority(), suite.guessing()), (Some(1.0), Some(0.5)));
    assert_eq!(suite.records_sha256.len(), 64);
    let named =
        written(ITEMS, r#"{"question": "q", "options": {"A": "a", "B": "b", "C": "c"}, "answer": "A"}"#);
    assert_eq!(named.unwrap().items[0].gold, [0]);
    let labels =
        format!("{ITEMS}answers = [\"心内科\", \"消化科\"]\nscore = \"options\"\nprompt = \"plain-zh\"\n");
    let classified = written(&labels, r#"{"question": "胸痛", "answer": "心内科"}"#).unwrap();
    assert_eq!(classified.items[0].options, ["心内科", "消化科"]);
    let bare = format!("{ITEMS}prompt = \"bare\"\nwanted = [\"120\"]\n");
    let words = written(
        &bare,
        "{\"question\": \"a\"}\n{\"question\": \"b\", \"wanted\": [], \"unwanted\": [\"x\"]}\n",
    )
    .unwrap();
    let of = |place: usize| (words.items[place].wanted.len(), words.items[place].unwanted.len());
    assert_eq!((of(0), of(1), words.settings.answer_tokens, words.majority()), ((1, 0), (0, 1), 256, None));
    let refused = written(&bare, "{\"question\": \"a\", \"wanted\": []}").unwrap_err();
    assert!(refused.contains("line 1: neither it nor the suite says"), "{refused}");
    assert!(written(&bare, GOOD).unwrap_err().contains("options do not act on answers in words"));
    assert!(
        written(ITEMS, &GOOD.replace("\"id\": \"1\"", "\"wanted\": [\"x\"]"))
            .unwrap_err()
            .contains("act with score")
    );
    let several = format!("{ITEMS}score = \"generated\"\nanswer_tokens = 32\n");
    let suite =
        written(&several, r#"{"question": "q", "options": ["a", "b", "c"], "answer": ["C", "A"]}"#).unwrap();
    assert_eq!((suite.items[0].gold.clone(), suite.guessing()), (vec![0, 2], Some(1.0 / 7.0)));
    let mixed = r#"{"question": "q", "options": ["a", "b", "c"], "answer": ["C", "A"]}"#;
    let suite = written(&several, &format!("{mixed}\n{GOOD}\n")).unwrap();
    assert_eq!(suite.guessing(), Some((1.0 / 7.0 + 0.5) / 2.0));
}

#[test]
fn what_cannot_be_scored_is_refused_by_line() {
    for (settings, records, expected) in [
        (ITEMS, String::new(), "/r.jsonl: it holds no item"),
        (ITEMS, format!("{GOOD}\n{GOOD}\n"), "/r.jsonl, line 2: its id is that of line 1"),
        (
            ITEMS,
            format!("{GOOD}\n{{\"question\": \"q\", \"options\": [\"a\", \"b\"]}}"),
            "line 2: it has no answer",
        ),
        (ITEMS, GOOD.replace("\"B\"", "\"\""), "line 1: it has no answer"),
        (ITEMS, GOOD.replace("\"B\"", "\"C\""), "line 1: its answer names an option that it has not"),
        (ITEMS, GOOD.replace("\"B\"", "\"AB\""), "line 1: several of its options are right"),
        (ITEMS, GOOD.replace("\"b\"", "\"a\""), "line 1: its options A and B are the same"),
        (ITEMS, GOOD.replace("[\"a\", \"b\"]", "[\"a\"]"), "an option that it has not"),
        (ITEMS, GOOD.replace("\"q\"", "\" \""), "line 1: its question is empty"),
        (ITEMS, GOOD.replace("\"id\"", "\"no\""), "line 1: unknown field `no`"),
        (ITEMS, GOOD.replace("\"id\"", "\"张三 13800000000\""), "line 1: unknown field"),
        (ITEMS, GOOD.replace("\"id\"", "\"answer\""), "line 1: duplicate field `answer`"),
        (ITEMS, GOOD.replace("\"id\": \"1\"", "\"id\": 1"), "a field has a value of another kind"),
        (ITEMS, GOOD.replace('}', ""), "line 1: it is not JSON"),
        (ITEMS, GOOD.replace("[\"a\", \"b\"]", "{\"B\": \"a\", \"A\": \"b\"}"), "not named A, B, C"),
    ] {
        let refused = written(settings, &records).unwrap_err();
        assert!(refused.contains(expected), "{refused} instead of {expected}");
        assert!(!refused.contains("\"q\"") && !refused.contains("张三"), "{refused}");
    }
}

#[test]
fn settings_that_would_not_act_are_refused_by_line() {
    for (more, expected) in [
        ("chatt = true\n", "line 4: unknown field `chatt`"),
        ("score = \"best\"\n", "line 4: unknown variant `best`"),
        ("prompt = \"plain\"\nscore = \"letters\"\n", "line 5: score needs a prompt that lists the options"),
        ("prompt = \"cmb\"\n", "line 4: prompt cmb names the examination"),
        ("score = \"options\"\npermuted = true\n", "line 5: permuted acts on letters only"),
        ("score = \"structured\"\nprompt = \"bare\"\n", "line 4: score is \"structured\", which needs form"),
        (
            "score = \"structured\"\nprompt = \"plain\"\nform = \"json\"\n",
            "line 6: form is \"json\", which needs",
        ),
        (
            "score = \"structured\"\nprompt = \"bare\"\nform = \"json\"\nschema = '{\"pattern\": \"x\"}'\n",
            "line 7: schema has pattern",
        ),
        ("form = \"soap\"\n", "line 4: form acts with score"),
        ("score = \"open\"\n", "line 1: prompt is \"bare\", \"plain\" or"),
        ("score = \"rubric\"\nprompt = \"bare\"\n", "line 4: score is \"rubric\" with the layout"),
        ("prompt = \"bare\"\nscore = \"letters\"\n", "line 5: score needs a prompt that lists"),
        ("grades = \"g.csv\"\ngraded_by = \"people\"\n", "line 4: grades acts on score"),
        ("[[rule]]\nname = \"disclaimer\"\n", "line 4: rule acts on answers in words"),
        ("prompt = \"bare\"\n[[rule]]\nname = \"mine\"\n", "line 5: rule 1 has neither wanted nor unwanted"),
        ("prompt = \"bare\"\n[[rule]]\nname = \"a\"\nwant = 1\n", "unknown field `want`"),
        ("wanted = [\"x\"]\n", "line 4: wanted acts on phrases only"),
        ("score = \"phrases\"\n", "line 4: score is \"phrases\" with the prompt \"bare\""),
        ("prompt = \"bare\"\nunwanted = [\"\"]\n", "line 5: unwanted has up to 256 texts"),
        ("prompt = \"bare\"\nanswers = [\"a\", \"b\"]\n", "line 5: answers are options"),
        ("examples = \"e.jsonl\"\n", "line 4: examples acts with `shots` only"),
        ("shots = 0\n", "line 4: shots is from 1 to 25"),
        ("shots = 26\n", "line 4: shots is from 1 to 25"),
        ("score = \"generated\"\nshots = 1\n", "line 5: shots acts on letters and options only"),
        ("shots = 1\nexamples = \"../e.jsonl\"\n", "line 5: examples names a file in the folder"),
        ("description = \" \"\n", "line 4: description needs 1 to 2000 characters"),
        ("score = \"generated\"\ndescription = \"x\"\n", "line 5: description acts on letters"),
        ("answer_tokens = 5\n", "line 4: answer_tokens acts on generated answers only"),
        ("score = \"generated\"\nanswer_tokens = 0\n", "line 5: answer_tokens is from 1"),
        ("margin_points = 0\n", "line 4: margin_points is above 0"),
        ("answers = [\"yes\"]\n", "line 4: answers needs 2 to 26 different texts"),
        ("licence = \"\"\n", "line 4: licence needs"),
    ] {
        let refused = written(&format!("{ITEMS}{more}"), GOOD).unwrap_err();
        assert!(refused.contains(expected), "{refused} instead of {expected}");
    }
    for records in ["../r.jsonl", "/r.jsonl", "", "..", "r\\u001b[2J"] {
        let refused = written(&ITEMS.replace("r.jsonl", records), GOOD).unwrap_err();
        assert!(refused.contains("line 3: records names a file in the folder"), "{refused}");
    }
}

/// A record of the layout `items`.
fn record(question: &str, options: [&str; 2], answer: &str) -> String {
    let [a, b] = options;
    format!("{{\"question\": \"{question}\", \"options\": [\"{a}\", \"{b}\"], \"answer\": \"{answer}\"}}\n")
}

#[test]
fn examples_are_the_first_records_and_are_not_asked() {
    let records: String = ["one", "two", "three"].map(|question| record(question, ["a", "b"], "B")).concat();
    let suite = written(&format!("{ITEMS}shots = 2\n"), &records).unwrap();
    let names = |items: &[Item]| items.iter().map(|item| item.question.clone()).collect::<Vec<_>>();
    assert_eq!(
        (names(&suite.examples), names(&suite.items)),
        (vec!["one".into(), "two".into()], vec!["three".into()])
    );
    assert_eq!(suite.examples_sha256, None);
    // Letter for letter what the harness joins: answers behind a blank, an empty line after each.
    let example = |question: &str| format!("Question: {question}\nA. a\nB. b\nAnswer: B\n\n");
    let last = "Question: three\nA. a\nB. b\nAnswer:";
    let whole = format!("{}{}{last}", example("one"), example("two"));
    assert_eq!(crate::prompt::asked(&suite, &suite.items[0], 0), whole);
    // Only the question's options go round.
    let turned = format!("{}{}Question: three\nA. b\nB. a\nAnswer:", example("one"), example("two"));
    assert_eq!(crate::prompt::asked(&suite, &suite.items[0], 1), turned);
    let described = format!("{ITEMS}shots = 2\ndescription = \"The following are questions.\\n\\n\"\n");
    let bare = written(&described, &records).unwrap();
    assert_eq!(
        crate::prompt::asked(&bare, &bare.items[0], 0),
        format!("The following are questions.\n\n{whole}")
    );
    let chat = written(&format!("{described}chat = true\n"), &records).unwrap();
    assert_eq!(crate::prompt::asked(&chat, &chat.items[0], 0), whole, "it is the system's turn");
    let chinese = format!("{ITEMS}shots = 1\nprompt = \"cmmlu\"\n");
    let chinese = written(&chinese, &records).unwrap();
    assert_eq!(
        crate::prompt::asked(&chinese, &chinese.items[0], 0),
        "one\nA. a\nB. b\n答案： B\n\ntwo\nA. a\nB. b\n答案："
    );
    let whole_options = format!("{ITEMS}shots = 1\nprompt = \"plain\"\n");
    let suite = written(&whole_options, &records).unwrap();
    let asked = crate::prompt::asked(&suite, &suite.items[0], 0);
    assert_eq!(asked, "Question: one\nAnswer: b\n\nQuestion: two\nAnswer:");
}

#[test]
fn examples_of_a_file_of_their_own_are_read_and_none_is_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let open = |examples: &str, records: &str| {
        let path = folder.path().join("suite.toml");
        fs::write(&path, format!("{ITEMS}shots = 2\nexamples = \"e.jsonl\"\n")).unwrap();
        fs::write(folder.path().join("r.jsonl"), records).unwrap();
        fs::write(folder.path().join("e.jsonl"), examples).unwrap();
        let file = SuiteFile::read(&path).unwrap();
        assert_eq!(file.files(), ["r.jsonl", "e.jsonl"].map(|name| folder.path().join(name)));
        file.open().map_err(|error| error.to_string())
    };
    let examples: String = ["one", "two", "three"].map(|it| record(it, ["a", "b"], "A")).concat();
    let suite = open(&examples, &record("four", ["a", "b"], "B")).unwrap();
    assert_eq!((suite.examples.len(), suite.items.len()), (2, 1));
    assert_eq!(suite.examples_sha256, Some(sha256(examples.as_bytes())));
    // The third record of the file is no example.
    assert!(open(&examples, &record("three", ["a", "b"], "B")).is_ok());
    // The same words with another right answer: another question. Other wrong options, letters of another
    // width or case, or another order make none.
    assert!(open(&examples, &record("two", ["a", "c"], "B")).is_ok());
    let same = [["a", "b"], ["a", "other"]].map(|options| record("two", options, "A"));
    for same in same.into_iter().chain([record(" ＴＷＯ ", ["b", "A"], "B")]) {
        let refused = open(&examples, &(record("four", ["a", "b"], "B") + &same)).unwrap_err();
        assert!(refused.contains("line 2: it is one of the examples"), "{refused}");
    }
    let refused = open(&record("one", ["a", "b"], "A"), GOOD).unwrap_err();
    assert!(refused.contains("e.jsonl: it has 1 records, and shots is 2"), "{refused}");
    let refused = open(&record("one", ["a", "a"], "A").repeat(2), GOOD).unwrap_err();
    assert!(refused.contains("e.jsonl, line 1: its options"), "{refused}");
    let own = format!("{ITEMS}shots = 1\n");
    assert!(written(&own, GOOD).unwrap_err().contains("none is left to be asked"));
    // What is of an example's case is not asked behind it, whatever it asks.
    let of_case = |question: &str, case: &str| {
        record(question, ["a", "b"], "A")
            .replace("{\"question", &format!("{{\"case\": \"{case}\", \"question"))
    };
    let cases = |last: &str| [of_case("one", "p1"), of_case("two", "p2"), of_case("three", last)].concat();
    assert!(written(&own, &cases("p2")).is_ok());
    let refused = written(&own, &cases("p1")).unwrap_err();
    assert!(refused.contains("line 3: its case is that of one of the examples"), "{refused}");
    let twice = format!("{GOOD}\n{}\n", GOOD.replace("\"1\"", "\"2\""));
    assert!(written(&own, &twice).unwrap_err().contains("line 2: it is one of the examples"));
}

#[test]
fn owners_records_that_contradict_themselves_are_refused() {
    let medqa = "name = \"a\"\nlayout = \"medqa\"\nrecords = \"r.jsonl\"\n";
    let record = r#"{"question": "q", "options": {"A": "a", "B": "b"}, "answer": "a", "answer_idx": "B"}"#;
    assert!(written(medqa, record).unwrap_err().contains("line 1: answer is not the option"));
    let twice = record.replace("\"B\": \"b\"", "\"A\": \"b\"");
    assert!(written(medqa, &twice).unwrap_err().contains("a key stands twice"));
    let medmcqa = "name = \"a\"\nlayout = \"medmcqa\"\nrecords = \"r.jsonl\"\n";
    let record = r#"{"id": "1", "question": "q", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 0}"#;
    assert!(written(medmcqa, record).unwrap_err().contains("line 1: cop is 0"));
    assert!(written(medmcqa, &record.replace(", \"cop\": 0", "")).unwrap_err().contains("no answer (cop)"));
    let pubmedqa = "name = \"a\"\nlayout = \"pubmedqa\"\nrecords = \"r.jsonl\"\n";
    let record = r#"{"1": {"QUESTION": "q", "CONTEXTS": ["c"], "final_decision": "perhaps"}}"#;
    let refused = written(pubmedqa, record).unwrap_err();
    assert!(refused.contains("r.jsonl, record 1: final_decision is not yes, no or maybe"), "{refused}");
}

#[test]
fn a_line_or_a_row_without_end_is_refused_before_it_takes_memory() {
    let long = format!("{{\"question\": \"q\", \"options\": [{}\"\"]}}", "\"\",".repeat(1 << 19));
    assert!(written(ITEMS, &long).unwrap_err().contains("line 1: it is longer than 1048576 bytes"));
    let table = ITEMS.replace("\"items\"", "\"cmexam\"");
    let refused = written(&table, &",".repeat(300)).unwrap_err();
    assert!(refused.contains("line 1: there are too many rows, or its row is too long"), "{refused}");
}

#[test]
fn bytes_that_are_no_text_are_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suite.toml");
    fs::write(&path, ITEMS).unwrap();
    fs::write(folder.path().join("r.jsonl"), [GOOD.as_bytes(), b"\n\xff"].concat()).unwrap();
    let refused = SuiteFile::read(&path).unwrap().open().unwrap_err().to_string();
    assert!(refused.ends_with("line 2: it is not UTF-8"), "{refused}");
    assert!(matches!(SuiteFile::read(Path::new("/nowhere/s.toml")), Err(SuiteError::Io { .. })));
}

#[test]
fn dialogues_begin_and_end_with_the_user() {
    let talk = format!("{ITEMS}prompt = \"bare\"\nchat = true\nwanted = [\"x\"]\n");
    let turn = |role: &str, content: &str| format!("{{\"role\": \"{role}\", \"content\": \"{content}\"}}");
    let record = |turns: &[String]| format!("{{\"dialogue\": [{}]}}", turns.join(","));
    let (user, assistant, system) = (turn("user", "疼"), turn("assistant", "b"), turn("system", "c"));
    let good = [system.clone(), user.clone(), user.clone(), assistant.clone(), user.clone()];
    let suite = written(&talk, &record(&good)).unwrap();
    assert_eq!((suite.items[0].turns.len(), suite.items[0].tongue()), (5, Tongue::Zh));
    for bad in [
        vec![assistant.clone(), user.clone()],
        vec![user.clone(), assistant.clone()],
        vec![user.clone(), assistant.clone(), assistant.clone(), user.clone()],
        vec![user.clone(), system.clone(), user.clone()],
        vec![system.clone()],
    ] {
        assert!(written(&talk, &record(&bad)).unwrap_err().contains("line 1: its dialogue"), "{bad:?}");
    }
    assert!(
        written(&talk, &record(&[turn("user", " ")]))
            .unwrap_err()
            .contains("a turn of its dialogue is empty")
    );
    assert!(
        written(&talk, &record(&[turn("tool", "x")]))
            .unwrap_err()
            .contains("a field has a value of another kind")
    );
    let both =
        record(std::slice::from_ref(&user)).replace("{\"dialogue\"", "{\"question\": \"q\", \"dialogue\"");
    assert!(written(&talk, &both).unwrap_err().contains("and a question or a context, too"));
    assert!(
        written(&talk.replace("chat = true\n", ""), &record(&[user]))
            .unwrap_err()
            .contains("chat = true only")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_records_are_read_or_refused(records in "(\\PC|[{}\\[\\]\",:\n]){0,120}") {
        for layout in ["items", "medqa", "medmcqa", "pubmedqa", "cmb", "cmexam", "healthbench"] {
            let _ = written(&ITEMS.replace("items", layout), &records);
        }
    }
}
