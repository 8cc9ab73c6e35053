//! The endpoint over real sockets, with a model that says what it is told to. Clients write bytes themselves.

mod client;

use std::sync::mpsc as std_mpsc;
use std::thread;

use common::clock::SystemClock;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::job::{Finish, Go, Job, Usage};
use crate::limits::{BODY_BYTES_MAX, WAITING_MAX};
use client::{Answered, get, post, send, start};

/// Keeps what it is given in a channel, while there is room.
struct Kept(std_mpsc::SyncSender<String>);

impl Keep for Kept {
    fn keep(&mut self, line: &str) -> Result<(), EndpointError> {
        self.0.try_send(line.to_owned()).map_err(|_| EndpointError::FeedbackFull)
    }
}

/// An endpoint whose model is ready.
struct Running {
    address: std::net::SocketAddr,
    kept: std_mpsc::Receiver<String>,
    /// How many parts the model said of each answer before it ended.
    ended: std_mpsc::Receiver<usize>,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<Result<(), EndpointError>>,
}

async fn running(token: Option<&str>, kept: usize) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (queue, jobs) = Queue::new();
    let (keep, kept_lines) = std_mpsc::sync_channel(kept.max(1));
    let keep: Option<Box<dyn Keep>> = if kept > 0 { Some(Box::new(Kept(keep))) } else { None };
    let token = token.map(|token| Token::new(token).unwrap());
    let system = Some("Be brief.".to_owned());
    let more = json!({"rules": {"name": "ours"}}).as_object().unwrap().clone();
    let clock = Arc::new(SystemClock);
    let without_note = Some(without_note as fn(&str) -> &str);
    let settings = Settings { name: "m".into(), token, keep, system, more, without_note, clock };
    let endpoint = Endpoint::new(settings, Arc::clone(&queue));
    let (ends, ended) = std_mpsc::channel();
    queue.open(json!({"documents": 3}).as_object().unwrap().clone());
    thread::spawn(move || model(jobs, &ends));
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(serve(listener, endpoint, stopped));
    Running { address, kept: kept_lines, ended, stop, served }
}

/// What stands behind the answers to some questions.
const NOTE: &str = "\n\nSources:\n[1] gout.md";

fn without_note(text: &str) -> &str {
    text.trim_end_matches(NOTE)
}

/// Says the last turn back, character by character; for ever, if it is asked to.
fn model(mut jobs: mpsc::Receiver<Job>, ends: &std_mpsc::Sender<usize>) {
    while let Some(mut job) = jobs.blocking_recv() {
        let asked = job.question.turns.last().map(|turn| turn.text.clone()).unwrap_or_default();
        if asked == "too long" {
            job.say.fail(EndpointError::PromptTooLong { tokens: 9, max: 8 });
            continue;
        }
        job.say.begin();
        if asked.contains("held") {
            job.say.hold();
        }
        let is_endless = asked == "for ever";
        let mut parts = 0;
        for character in asked.chars().cycle() {
            if !is_endless && parts == asked.chars().count() {
                break;
            }
            parts += 1;
            if job.say.text(&character.to_string()) == Go::Stop {
                break;
            }
            if is_endless {
                thread::sleep(Duration::from_millis(2));
            }
        }
        let cost = Usage { prompt_tokens: 1, completion_tokens: parts };
        if asked == "held and bad" {
            assert_eq!(job.say.held(), asked);
            job.say.withhold("It was withheld.");
            job.say.add("rules", json!([{"rule": "r"}]));
        }
        if asked == "held and good" {
            job.say.give();
        }
        if asked.contains("noted") {
            job.say.has_sources();
            job.say.note(NOTE);
        }
        job.say.end(cost, Finish::Stop);
        let _ = ends.send(parts);
    }
}

fn question(text: &str, more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn an_answer_comes_whole_or_in_parts_and_is_the_same() {
    let running = running(None, 0).await;
    let whole = post(running.address, CHAT, &question("高血压\n是什么？", json!({}))).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.json()["choices"][0]["message"]["content"], "高血压\n是什么？");
    assert_eq!(whole.json()["usage"], json!({"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9}));
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let parts = post(running.address, CHAT, &question("高血压\n是什么？", more)).await;
    assert!(parts.head.contains("text/event-stream") && parts.body.ends_with("data: [DONE]\n\n"));
    let events: Vec<Value> = parts.events();
    let texts = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    assert_eq!(texts.collect::<String>(), "高血压\n是什么？");
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 8);
    let stopped = post(running.address, CHAT, &question("one. two.", json!({"stop": ". "}))).await;
    assert_eq!(stopped.json()["choices"][0]["message"]["content"], "one");
    assert!(stopped.head.contains("connection: close") && stopped.head.contains("no-store"));
}

#[tokio::test]
async fn models_and_health_are_told() {
    let running = running(Some("0123456789abcdef"), 0).await;
    let health = get(running.address, "/healthz", "").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ready"})));
    assert_eq!(get(running.address, "/v1/models", "").await.status, 401);
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    let models = get(running.address, "/v1/models", token).await;
    assert_eq!(models.json()["data"][0]["id"], "m");
    let ours = &models.json()["data"][0]["consilium"];
    assert_eq!((&ours["rules"]["name"], &ours["documents"]), (&json!("ours"), &json!(3)));
    assert_eq!(get(running.address, "/v1/models/m", token).await.json()["object"], "model");
    assert_eq!(get(running.address, "/v1/models/other", token).await.status, 404);
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_reason() {
    let running = running(None, 0).await;
    let at = running.address;
    let good = question("a", json!({})).to_string();
    let raw = async |head: &str, body: &str| -> Answered {
        let length = body.len();
        send(at, format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await
    };
    let json_head = format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    assert_eq!(raw(&json_head, &good).await.status, 200);
    for (head, body, status) in [
        (json_head.replace("Host: localhost\r\n", ""), good.as_str(), 403),
        (json_head.replace("localhost", "evil.example"), &good, 403),
        (format!("{json_head}Origin: http://localhost\r\n"), &good, 403),
        (json_head.replace("application/json", "text/plain"), &good, 415),
        (json_head.replace("POST", "GET"), "", 405),
        (json_head.replace("POST", "OPTIONS"), "", 405),
        (json_head.replace(CHAT, "/v1/completions"), &good, 404),
        (json_head.replace(CHAT, "/"), &good, 404),
        (json_head.clone(), "{", 400),
        (json_head.clone(), "", 400),
        (json_head.clone(), &good.replace("\"m\"", "\"other\""), 404),
        (format!("{json_head}X: {}\r\n", "x".repeat(4 * HEADER_BYTES_MAX)), &good, 431),
        (format!("{json_head}{}", "X: y\r\n".repeat(HEADERS_MAX)), &good, 431),
        ("nonsense\r\n".to_owned(), "", 400),
    ] {
        let answered = raw(&head, body).await;
        let shown = head.get(..120).unwrap_or(&head);
        assert_eq!(answered.status, status, "{shown}: {}", answered.body);
        let is_hypers = status == 431 || head.starts_with("nonsense");
        assert!(is_hypers || answered.json()["error"]["message"].is_string(), "{shown}");
    }
    let long = post(at, CHAT, &question("too long", json!({"stream": true}))).await;
    assert_eq!((long.status, &long.json()["error"]["code"]), (400, &json!("context_length_exceeded")));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let running = running(None, 0).await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    let announced = format!("{head}Content-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    assert_eq!(send(running.address, announced.as_bytes()).await.status, 413);
    let chunk = format!("{:x}\r\n{}\r\n", BODY_BYTES_MAX + 1, " ".repeat(BODY_BYTES_MAX + 1));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    assert_eq!(send(running.address, chunked.as_bytes()).await.status, 413);
    let broken = format!("{head}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n");
    assert_eq!(send(running.address, broken.as_bytes()).await.status, 400, "not whole is not too large");
    // As large as it may be: blanks around a good request.
    let good = question("a", json!({})).to_string();
    let largest = format!("{good}{}", " ".repeat(BODY_BYTES_MAX - good.len()));
    let whole = format!("{head}Content-Length: {}\r\n\r\n{largest}", largest.len());
    assert_eq!(send(running.address, whole.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_answer_and_the_next_one_is_answered() {
    let running = running(None, 0).await;
    for stream in [true, false] {
        let body = question("for ever", json!({"stream": stream}));
        let connection = start(running.address, CHAT, &body).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(connection);
        let next = post(running.address, CHAT, &question("next", json!({}))).await;
        assert_eq!(next.json()["choices"][0]["message"]["content"], "next", "stream: {stream}");
        let parts = running.ended.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(parts > 1, "it had begun: {parts}");
        assert_eq!(running.ended.recv_timeout(Duration::from_secs(20)), Ok(4));
    }
}

#[tokio::test]
async fn questions_wait_in_order_and_one_too_many_is_told_when_to_come_again() {
    let running = running(None, 0).await;
    let first = start(running.address, CHAT, &question("for ever", json!({"stream": true}))).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut waiting = Vec::new();
    for number in 0..WAITING_MAX {
        let (at, body) = (running.address, question(&format!("number {number}"), json!({})));
        waiting.push(tokio::spawn(async move { post(at, CHAT, &body).await }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = post(running.address, CHAT, &question("late", json!({}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("queue_full")));
    assert!(refused.head.contains("retry-after: 20"), "{}", refused.head);
    assert_eq!(get(running.address, "/v1/models", "").await.status, 200, "the list needs no turn");
    drop(first);
    for (number, task) in waiting.into_iter().enumerate() {
        let answered = task.await.unwrap();
        let text = answered.json()["choices"][0]["message"]["content"].clone();
        assert_eq!(text, format!("number {number}"));
    }
}

#[tokio::test]
async fn what_is_rated_is_kept_once_and_nothing_else_is() {
    let running = running(None, 1).await;
    let whole = post(running.address, CHAT, &question("咳嗽？", json!({}))).await.json();
    let streamed = post(running.address, CHAT, &question("发热？", json!({"stream": true}))).await;
    let rate =
        async |id: &Value| post(running.address, "/v1/feedback", &json!({"id": id, "rating": "up"})).await;
    assert!(running.kept.try_recv().is_err(), "nothing is kept of what nobody rated");
    assert_eq!(rate(&whole["id"]).await.status, 200);
    let id = &streamed.events()[0]["id"];
    assert_eq!(rate(id).await.status, 507, "there is room for one");
    let kept: Value = serde_json::from_str(&running.kept.recv().unwrap()).unwrap();
    assert_eq!(kept["messages"][0], json!({"role": "system", "content": "Be brief."}));
    assert_eq!(kept["messages"][1]["content"], "咳嗽？");
    assert_eq!(kept["messages"][2], json!({"role": "assistant", "content": "咳嗽？", "weight": 1}));
    assert_eq!(kept["reviewed_by"], "pending");
    assert_eq!(rate(&whole["id"]).await.status, 409);
    assert_eq!(rate(id).await.status, 200, "what could not be kept can be rated again");
    assert_eq!(rate(&json!("chatcmpl-other")).await.status, 404);
}

#[tokio::test]
async fn what_was_cut_is_kept_and_not_learnt_and_what_can_be_no_record_is_refused() {
    let running = running(None, 4).await;
    let rate = async |id: Value| {
        let said = json!({"id": id, "rating": "up", "reviewed_by": "Dr. Li"});
        post(running.address, "/v1/feedback", &said).await.status
    };
    for stream in [false, true] {
        let more = json!({"stop": "。", "stream": stream});
        let cut = post(running.address, CHAT, &question("多喝水。休息。", more)).await;
        let id = if stream { cut.events()[0]["id"].clone() } else { cut.json()["id"].clone() };
        assert_eq!(rate(id).await, 200);
        let kept: Value = serde_json::from_str(&running.kept.recv().unwrap()).unwrap();
        assert_eq!(kept["messages"][2], json!({"role": "assistant", "content": "多喝水", "weight": 0}));
        assert_eq!((&kept["reviewed_by"], &kept["reviewer_said"]), (&json!("pending"), &json!("Dr. Li")));
    }
    let twice = json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]);
    let asked = question("", json!({"messages": twice}));
    let id = post(running.address, CHAT, &asked).await.json()["id"].clone();
    assert_eq!(rate(id).await, 400);
    assert!(running.kept.try_recv().is_err());
}

#[tokio::test]
async fn a_note_is_shown_and_neither_kept_nor_asked_with_whole_or_streamed() {
    let running = running(None, 2).await;
    for stream in [false, true] {
        let turns = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": format!("b{NOTE}")},
            {"role": "user", "content": "noted [1]"}]);
        let asked = question("", json!({"messages": turns, "stream": stream}));
        let answered = post(running.address, CHAT, &asked).await;
        let events = if stream { answered.events() } else { vec![answered.json()] };
        let parts = events.iter().map(|event| {
            let choice = &event["choices"][0];
            choice["message"]["content"].as_str().or_else(|| choice["delta"]["content"].as_str())
        });
        assert_eq!(parts.flatten().collect::<String>(), format!("noted [1]{NOTE}"));
        let rating = json!({"id": events[0]["id"], "rating": "up"});
        assert_eq!(post(running.address, "/v1/feedback", &rating).await.status, 200);
        let kept: Value = serde_json::from_str(&running.kept.recv().unwrap()).unwrap();
        assert_eq!(kept["messages"][2], json!({"role": "assistant", "content": "b", "weight": 0}));
        assert_eq!(kept["messages"][4], json!({"role": "assistant", "content": "noted [1]", "weight": 0}));
    }
}

#[tokio::test]
async fn a_withheld_answer_is_neither_sent_nor_kept_whole_or_streamed() {
    let running = running(None, 1).await;
    for stream in [false, true] {
        for (asked, said, reason) in [
            ("held and good", "held and good", "stop"),
            ("held and bad", "It was withheld.", "content_filter"),
        ] {
            let answered = post(running.address, CHAT, &question(asked, json!({"stream": stream}))).await;
            let events = if stream { answered.events() } else { vec![answered.json()] };
            let text = |event: &Value| {
                let choice = &event["choices"][0];
                let whole = choice["message"]["content"].as_str();
                let part = whole.or_else(|| choice["delta"]["content"].as_str());
                part.unwrap_or_default().to_owned()
            };
            assert_eq!(events.iter().map(text).collect::<String>(), said, "stream: {stream}");
            let last = events.last().unwrap();
            assert_eq!(last["choices"][0]["finish_reason"], reason);
            let is_withheld = reason == "content_filter";
            assert_eq!(last["consilium"]["rules"][0]["rule"].as_str(), is_withheld.then_some("r"));
            assert!(said == asked || !answered.body.contains(asked), "{}", answered.body);
            if is_withheld {
                let body = json!({"id": events[0]["id"], "rating": "up"});
                let rated = post(running.address, "/v1/feedback", &body).await;
                assert_eq!(
                    (rated.status, rated.json()["error"]["code"].as_str()),
                    (409, Some("answer_withheld"))
                );
            }
        }
    }
    assert!(running.kept.try_recv().is_err());
}

#[test]
fn what_passes_does_not_end_the_server() {
    for code in [12, 23, 24, 71, 103, 104, 105] {
        assert!(is_passing(&std::io::Error::from_raw_os_error(code)), "{code}");
    }
    assert!(!is_passing(&std::io::Error::from_raw_os_error(9)), "EBADF");
}

#[tokio::test]
async fn without_feedback_nothing_is_remembered() {
    let running = running(None, 0).await;
    let answer = post(running.address, CHAT, &question("a", json!({}))).await.json();
    let rated = post(running.address, "/v1/feedback", &json!({"id": answer["id"], "rating": "up"})).await;
    assert_eq!(rated.status, 404);
    assert!(rated.json()["error"]["message"].as_str().unwrap().contains("--feedback"));
}

#[tokio::test]
async fn it_ends_when_it_is_told_to_and_takes_nobody_else() {
    let running = running(None, 0).await;
    let answered = post(running.address, CHAT, &question("a", json!({}))).await;
    assert_eq!(answered.status, 200);
    running.stop.send(true).unwrap();
    let ended = timeout(Duration::from_secs(20), running.served).await;
    assert_eq!(ended.unwrap().unwrap(), Ok(()));
    assert!(TcpStream::connect(running.address).await.is_err());
}
