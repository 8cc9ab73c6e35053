//! A client of a few lines: it writes bytes and reads to the end of the connection.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back.
pub(super) struct Answered {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The events of a stream, without the last one.
    pub(super) fn events(&self) -> Vec<Value> {
        let events = self.body.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        let documents = events.filter(|event| *event != "[DONE]");
        documents.map(|event| serde_json::from_str(event).unwrap()).collect()
    }
}

pub(super) async fn send(at: SocketAddr, request: &[u8]) -> Answered {
    let mut connection = TcpStream::connect(at).await.unwrap();
    // A refusal may come, and the connection end, before all is written.
    let _ = connection.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = connection.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let head = head.to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
    let body = if head.contains("transfer-encoding: chunked") { joined(body) } else { body.to_owned() };
    Answered { status, head, body }
}

/// The chunks of a body, one after another.
fn joined(mut chunks: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size]);
        chunks = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}

fn request(path: &str, body: &Value) -> String {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(super) async fn post(at: SocketAddr, path: &str, body: &Value) -> Answered {
    send(at, request(path, body).as_bytes()).await
}

/// Sends a request and leaves its answer unread.
pub(super) async fn start(at: SocketAddr, path: &str, body: &Value) -> TcpStream {
    let mut connection = TcpStream::connect(at).await.unwrap();
    connection.write_all(request(path, body).as_bytes()).await.unwrap();
    connection
}

pub(super) async fn get(at: SocketAddr, path: &str, headers: &str) -> Answered {
    send(at, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes()).await
}
