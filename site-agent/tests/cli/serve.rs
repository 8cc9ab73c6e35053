//! `serve` and `ask` as an application and a person use them, with the small model of the demo. The client
//! writes bytes itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Output, Stdio};
use std::thread::JoinHandle;

use sandbox::Lock;
use sandbox::process::terminate;
use serde_json::{Value, json};

use crate::sandbox::{assert_refused, probe};
use crate::support::{Site, demo_model, program, words};

/// A server that is ready.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// What it says on standard error until it ends.
    said: Option<JoinHandle<String>>,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let (server, words) = Self::begin(arguments);
        server.ready(words)
    }

    /// A server that listens, and what it says.
    pub(crate) fn begin(arguments: &[&str]) -> (Self, BufReader<ChildStderr>) {
        let mut child = program()
            .arg("serve")
            .arg(demo_model())
            .args(["--listen", "127.0.0.1:0", "--name", "demo"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap());
        let address = listening(&mut words);
        (Self { child, address, said: None }, words)
    }

    /// Waits until it is ready.
    pub(crate) fn ready(mut self, mut words: BufReader<ChildStderr>) -> Self {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            words.read_line(&mut line).unwrap();
            if line.starts_with("ready after") {
                break;
            }
            assert!(!line.is_empty(), "it ended: {before}");
            before.push_str(&line);
        }
        self.said = Some(std::thread::spawn(move || {
            let mut said = before;
            words.read_to_string(&mut said).unwrap();
            said
        }));
        self
    }

    /// Asks it to end; what it said, and with which code it ended.
    pub(crate) fn stop(mut self) -> (String, Option<i32>) {
        terminate(self.child.id()).unwrap();
        let code = self.child.wait().unwrap().code();
        (self.said.take().unwrap().join().unwrap(), code)
    }

    /// Asks, and goes away when the answer has begun.
    pub(crate) fn leave(&self, body: &Value) {
        let mut gone = TcpStream::connect(self.address).unwrap();
        gone.write_all(request("/v1/chat/completions", body).as_bytes()).unwrap();
        let mut first = [0; 64];
        gone.read_exact(&mut first).unwrap();
    }

    pub(crate) fn send(&self, request: &str) -> (u16, String) {
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// HTTP/1.0, whose answers come without the lengths of their parts.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.send(&request(path, body))
    }

    pub(crate) fn ask(&self, text: &str, more: &Value) -> Value {
        let (status, body) = self.post("/v1/chat/completions", &question(text, more));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended where the test did not fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the first line that a server says.
fn listening(words: &mut BufReader<ChildStderr>) -> SocketAddr {
    let mut line = String::new();
    words.read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http://").and_then(|rest| rest.split_once("/v1"));
    address.unwrap_or_else(|| panic!("{line}")).0.parse().unwrap()
}

fn request(path: &str, body: &Value) -> String {
    let (body, kind) = (body.to_string(), "Content-Type: application/json");
    format!(
        "POST {path} HTTP/1.0\r\nHost: localhost\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn question(text: &str, more: &Value) -> Value {
    let mut body =
        json!({"model": "demo", "messages": [{"role": "user", "content": text}], "max_tokens": 12});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

pub(crate) fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

pub(crate) fn events(body: &str) -> Vec<Value> {
    let events = body.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    events.filter(|event| *event != "[DONE]").map(|event| serde_json::from_str(event).unwrap()).collect()
}

#[test]
fn an_application_gets_the_answer_that_generate_gives_whole_and_in_parts() {
    let prompt = "什么是高血压？";
    let ask = ["--prompt", prompt, "--max-tokens", "12", "--json"];
    let output = program().arg("generate").arg(demo_model()).args(ask).output().unwrap();
    let generated: Value = serde_json::from_slice(&output.stdout).unwrap();
    let server = Server::start(&[]);
    let first = server.ask(prompt, &json!({"temperature": 0}));
    assert_eq!(content(&first), generated["answer"].as_str().unwrap());
    assert_eq!(first["usage"]["completion_tokens"], generated["tokens"]);
    assert_eq!(first["model"], "demo");
    // Another question between changes nothing: each is answered as if it were the first.
    server.ask("什么是高血", &json!({}));
    let more = json!({"temperature": 0, "stream": true, "stream_options": {"include_usage": true}});
    let (status, body) = server.post("/v1/chat/completions", &question(prompt, &more));
    assert!(status == 200 && body.ends_with("data: [DONE]\n\n"), "{body}");
    let events = events(&body);
    let parts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    assert_eq!(parts.collect::<String>(), content(&first));
    assert_eq!(events.last().unwrap()["usage"], first["usage"]);
    let reason = &events[events.len() - 2]["choices"][0]["finish_reason"];
    assert_eq!(*reason, first["choices"][0]["finish_reason"]);
    let sampled = |seed: u64| server.ask(prompt, &json!({"temperature": 1.5, "seed": seed}));
    assert_eq!(content(&sampled(1)), content(&sampled(1)));
    assert_ne!(content(&sampled(1)), content(&sampled(2)));
    let (said, code) = server.stop();
    assert_eq!(code, Some(0));
    assert!(said.contains("answered: 12 tokens") && !said.contains("高血压"), "{said}");
}

#[test]
fn what_is_not_supported_or_too_long_is_refused_in_words() {
    let server = Server::start(&[]);
    for (body, status, expected) in [
        (question("a", &json!({"n": 2})), 400, "n must be 1"),
        (question("a", &json!({"tools": [{"type": "function"}]})), 400, "calls no tools"),
        (question("a", &json!({"model": "gpt-4o"})), 404, "`demo`"),
        (question(&"a b ".repeat(20_000), &json!({})), 400, "tokens; this model takes at most"),
        (question("<|im_end|>", &json!({})), 400, "special token"),
    ] {
        let (found, said) = server.post("/v1/chat/completions", &body);
        assert_eq!(found, status, "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        let message = said["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected) && !message.contains(".json"), "{message}");
    }
    let good = request("/v1/chat/completions", &question("a", &json!({})));
    assert_eq!(server.send(&good.replace("localhost", "evil.example")).0, 403);
    assert_eq!(server.send(&good.replace("localhost\r\n", "localhost\r\nOrigin: null\r\n")).0, 403);
    let large = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        2 << 20
    );
    assert_eq!(server.send(&large).0, 413);
    assert_eq!(server.stop().1, Some(0));
}

#[test]
fn two_at_once_are_answered_and_one_that_goes_away_holds_nobody_up() {
    let server = Server::start(&["--max-tokens", "4096"]);
    let endless = question("a", &json!({"max_tokens": 4096, "stream": true, "temperature": 1}));
    server.leave(&endless);
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asked: Vec<_> = ["哮喘？", "哮喘？"]
            .map(|text| scope.spawn(|| server.ask(text, &json!({"temperature": 0}))))
            .into_iter()
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(content(&answers[0]), content(&answers[1]));
    assert_ne!(answers[0]["id"], answers[1]["id"]);
    assert_eq!(server.stop().1, Some(0));
}

#[test]
fn it_answers_behind_the_workers_locks_and_can_reach_nobody() {
    let server = Server::start(&[]);
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    assert_eq!(server.stop().1, Some(0));
    let report = probe(&Site::new(), "server");
    assert_refused(&report, Lock::Seccomp, 68);
    assert_refused(&report, Lock::Landlock, 4);
    assert_refused(&report, Lock::NetworkNamespace, 1);
    assert_refused(&report, Lock::Descriptors, 1);
    for what in ["connect a socket", "listen on a second socket", "send to an address", "connect by sending"]
    {
        assert!(report.attempts.iter().any(|attempt| attempt.what == what), "it did not try: {what}");
    }
}

#[test]
fn feedback_is_a_file_that_the_data_room_reads_and_only_reviewed_answers_are_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feedback.jsonl");
    let server = Server::start(&["--feedback", path.to_str().unwrap()]);
    // Long enough for an answer that ends by itself, and with a whole character.
    let answer = |text: &str| server.ask(text, &json!({"temperature": 0, "max_tokens": 64}))["id"].clone();
    let rate = |more: Value| {
        let mut body = json!({"id": answer("什么是高血压？"), "rating": "up"});
        more.as_object().into_iter().flatten().for_each(|(name, value)| body[name] = value.clone());
        let (status, said) = server.post("/v1/feedback", &body);
        assert_eq!(status, 200, "{said}");
    };
    rate(json!({}));
    rate(json!({"rating": "down", "comment": "答非所问"}));
    rate(
        json!({"rating": "down", "correction": "请先休息，多喝水；若持续加重请就医。", "reviewed_by": "李医生"}),
    );
    answer("这个问题没有人评价。");
    assert_eq!(server.post("/v1/feedback", &json!({"id": "chatcmpl-x", "rating": "up"})).0, 404);
    let (said, code) = server.stop();
    assert!(code == Some(0) && !said.contains("高血压"), "{said}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() == 3 && !text.contains("没有人评价"), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let check = || -> Value {
        let checked =
            program().args(["data", "check", "--json"]).arg(&path).current_dir(&folder).output().unwrap();
        serde_json::from_slice(&checked.stdout).unwrap_or_else(|_| panic!("{}", words(&checked)))
    };
    let claimed = check();
    let none_is_learnt = json!({"unreviewed-ai-made": 2, "nothing-learnt": 1});
    assert_eq!(claimed["counts"]["refused"], none_is_learnt, "a claim is no review: {claimed}");
    // A person of the hospital opens the file and puts their name into the corrected one.
    let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&records[2]["reviewed_by"], &records[2]["reviewer_said"]),
        (&json!("pending"), &json!("李医生"))
    );
    records[2]["reviewed_by"] = json!("李医生");
    fs::write(&path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    let checked = check();
    let counts = &checked["counts"];
    assert_eq!((&counts["read"], &counts["sides"]), (&json!(3), &json!({"train": 1})), "{checked}");
    assert_eq!(counts["refused"], json!({"unreviewed-ai-made": 1, "nothing-learnt": 1}), "{checked}");
}

fn refused(arguments: &[&str], expected: &str) {
    let output = program().arg("serve").arg(demo_model()).args(arguments).output().unwrap();
    let text = words(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
    assert!(text.contains(expected) && text.contains("hint:"), "{arguments:?}: {text}");
}

#[test]
fn what_would_open_it_to_others_is_refused_with_a_hint() {
    refused(&["--listen", "0.0.0.0:0"], "not an address of this machine alone");
    refused(&["--listen", "127.0.0.1:0", "--name", "a b"], "a model's name");
    refused(&["--listen", "127.0.0.1:0", "--max-tokens", "0"], "from 1 to 4096");
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "short").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    refused(&["--token-file", token.to_str().unwrap()], "has no token of 16");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&["--token-file", token.to_str().unwrap()], "may be opened by other users");
    refused(&["--listen", "127.0.0.1:0", "--feedback", token.to_str().unwrap()], "other users");
    let no_adapter = demo_model();
    refused(&["--listen", "127.0.0.1:0", "--adapter", no_adapter.to_str().unwrap()], "adapter_config.json");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    refused(&["--listen", &taken.local_addr().unwrap().to_string()], "in use");
}

#[test]
fn who_does_not_show_the_token_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let server = Server::start(&["--token-file", token.to_str().unwrap()]);
    let get = |path: &str, more: &str| {
        server.send(&format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{more}\r\n"))
    };
    assert_eq!(get("/v1/models", "").0, 401);
    assert_eq!(get("/v1/models", "Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n").0, 401);
    let (status, body) = get("/v1/models", "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n");
    assert!(status == 200 && body.contains("\"demo\""), "{body}");
    assert_eq!(get("/healthz", ""), (200, "{\"status\":\"ready\"}".to_owned()));
    assert_eq!(server.stop().1, Some(0));
}

fn ask(arguments: &[&str], input: &str, model: &Path) -> Output {
    let mut child = program()
        .arg("ask")
        .arg(model)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended before it read anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_question_is_answered_from_the_command_line_or_from_standard_input() {
    let short = ["--max-tokens", "8"];
    let written = ask(&[&["What is asthma?\nAnd hay fever?"], &short[..]].concat(), "", &demo_model());
    assert!(written.status.success(), "{}", words(&written));
    let read = ask(&short, "What is asthma?\nAnd hay fever?\n", &demo_model());
    assert_eq!(read.stdout, written.stdout, "all of standard input is one question");
    let generate =
        ["generate", demo_model().to_str().unwrap(), "--prompt", "What is asthma?\nAnd hay fever?"]
            .map(str::to_owned);
    let generated = program().args(generate).args(short).output().unwrap();
    assert_eq!(generated.stdout, written.stdout);
    let json = ask(&["a", "--json", "--max-tokens", "2"], "", &demo_model());
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["prompt"], json["answer"].is_string()), (&json!("a"), true));
    let none = ask(&[], " \n", &demo_model());
    assert_eq!(none.status.code(), Some(1));
    assert!(words(&none).contains("no question") && words(&none).contains("hint:"), "{}", words(&none));
    let long = ask(&[], &"a".repeat((1 << 20) + 1), &demo_model());
    assert!(words(&long).contains("at most 1048576 bytes"), "{}", words(&long));
}
