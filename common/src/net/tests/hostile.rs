//! A member that sends what no member should: the connection ends with a code, the server lives on.

use proptest::prelude::*;
use quinn::{Connection, ConnectionError};

use super::*;
use crate::limits::{CHUNK_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::net::CloseCode;

async fn connection(server: &Running, consortium: &Consortium) -> (Client, Connection) {
    let (client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    (client, session.into_connection())
}

/// Writes raw bytes on a stream and reports how the connection ends.
async fn end_after(server: &Running, consortium: &Consortium, bytes: &[u8]) -> ConnectionError {
    let (_client, connection) = connection(server, consortium).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    tokio::time::timeout(5 * SECOND, connection.closed()).await.unwrap()
}

fn is_malformed(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::ApplicationClosed(close) if close.error_code == CloseCode::Malformed.wire())
}

#[tokio::test]
async fn malformed_frames_close_the_connection_with_a_code() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let good = hello();
    let mut trailing = good.clone();
    trailing.push(0);
    let announced_too_long = (MESSAGE_BYTES_MAX as u32 + 1).to_le_bytes().to_vec();
    let mut bad_tag = vec![3, 0, 0, 0, 0, 200, 0];
    bad_tag.truncate(7);
    let oversized = CHUNK_BYTES_MAX as u32 + 1;
    let huge_chunk = bytes_of(Request::Chunk { digest: Digest([0; 32]), offset: 0, length: oversized });
    let empty_chunk = bytes_of(Request::Chunk { digest: Digest([0; 32]), offset: 0, length: 0 });
    let mut short_chunk = chunk(&[1; 100]);
    short_chunk.pop();
    let cases: [(&str, &[u8]); 10] = [
        ("nothing", &[]),
        ("half a prefix", &[1, 0]),
        ("a length of zero", &[0; 4]),
        ("a length above the limit", &announced_too_long),
        ("half a message", &good[..good.len() - 1]),
        ("bytes after the message", &trailing),
        ("an unknown request", &bad_tag),
        ("a chunk above the limit", &huge_chunk),
        ("an empty chunk", &empty_chunk),
        ("a chunk that ends early", &short_chunk),
    ];
    for (what, bytes) in cases {
        let error = end_after(&server, &consortium, bytes).await;
        assert!(is_malformed(&error), "{what}: {error}");
    }
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    assert!(session.exchange(&hello(), SECOND).await.is_ok(), "the server lives on");
}

#[test]
fn random_bytes_never_panic_nor_reach_a_handler_as_something_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (consortium, server) = runtime.block_on(async {
        let consortium = Consortium::new();
        let server = Running::start(&consortium);
        (consortium, server)
    });
    let config = ProptestConfig::with_cases(24);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&proptest::collection::vec(any::<u8>(), 0..200), |garbage| {
            // With a length in front that fits, so that the decoder is reached, and without.
            let mut framed = u32::try_from(garbage.len().max(1)).unwrap().to_le_bytes().to_vec();
            framed.extend_from_slice(&garbage);
            for bytes in [&garbage, &framed] {
                runtime.block_on(answer_or_end(&server, &consortium, bytes));
            }
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
        assert!(session.exchange(&hello(), SECOND).await.is_ok());
    });
}

/// Either the bytes happen to be a request and are answered, or the connection ends; never silence.
async fn answer_or_end(server: &Running, consortium: &Consortium, bytes: &[u8]) {
    let (_client, connection) = connection(server, consortium).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    let ended = async {
        tokio::select! {
            error = connection.closed() => assert!(is_malformed(&error), "{error}"),
            answer = receive.read_to_end(2 * CHUNK_BYTES_MAX) => drop(answer),
        }
    };
    tokio::time::timeout(25 * SECOND, ended).await.unwrap();
}

#[tokio::test]
async fn unidirectional_streams_and_datagrams_are_not_available() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let (_client, connection) = connection(&server, &consortium).await;
    let opened = tokio::time::timeout(SECOND / 5, connection.open_uni()).await;
    assert!(opened.is_err(), "no unidirectional stream is granted");
    assert!(connection.max_datagram_size().is_none());
}

/// Answers that no coordinator should give.
#[tokio::test]
async fn a_lying_coordinator_is_a_clear_error() {
    let consortium = Consortium::new();
    let blob = |length: u32| frame::to_bytes(&Response::Blob { offset: 0, length, total: 1 << 40 }).unwrap();
    let mut long_prefix = u32::MAX.to_le_bytes().to_vec();
    long_prefix.push(0);
    let mut trailing = frame::to_bytes(&Response::Noted).unwrap();
    trailing.push(9);
    for lie in [blob(u32::MAX), blob(10), long_prefix, trailing, vec![], vec![1, 0, 0, 0, 99]] {
        let (address, _task) = liar(&consortium, lie.clone());
        let client = Client::bind_for(address).unwrap();
        let tls = consortium.client_tls(&consortium.site());
        let session = client.connect(address, tls, NAME, 5 * SECOND).await.unwrap();
        let error = session.exchange(&hello(), 2 * SECOND).await.unwrap_err();
        assert!(matches!(error, NetError::MalformedAnswer), "{lie:?}: {error}");
    }
}

/// An endpoint with the coordinator's real certificate that answers `lie` to anything.
fn liar(consortium: &Consortium, lie: Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let keys = EndpointKeys::from_bytes([6; 32]);
    let address = "127.0.0.1:0".parse().unwrap();
    let endpoint = crate::net::endpoint::bind_server(address, consortium.server_tls(), &keys).unwrap();
    let address = endpoint.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let connection = incoming.accept().unwrap().await.unwrap();
            let (mut send, _receive) = connection.accept_bi().await.unwrap();
            send.write_all(&lie).await.unwrap();
            send.finish().unwrap();
            connection.closed().await;
        }
    });
    (address, task)
}

/// Spoofed sources cost nothing: the first answer to a new address is a Retry packet, smaller than what
/// was sent, and no TLS state is kept for it.
#[tokio::test]
async fn a_new_address_gets_a_retry_packet_first() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let front = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let back = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    let client = Client::bind_for(address).unwrap();
    let connecting = client.connect(address, consortium.client_tls(&consortium.site()), NAME, SECOND);
    let observed = async {
        let (mut sent, mut answered) = ([0; 2048], [0; 2048]);
        let length = front.recv(&mut sent).await.unwrap();
        back.send_to(&sent[..length], server.address).await.unwrap();
        let answer = back.recv(&mut answered).await.unwrap();
        (length, answer, answered[0])
    };
    let (connected, (sent, answer, first)) = tokio::join!(connecting, observed);
    assert!(connected.is_err(), "we did not pass the answer on");
    // RFC 9000 section 17.2.5: header form 1, fixed bit 1, packet type 3.
    assert_eq!(first & 0xF0, 0xF0);
    assert!(answer < sent / 3, "{answer} bytes answered to {sent}");
    assert!(server.connections.is_empty());
}

#[tokio::test]
async fn a_flood_of_garbage_datagrams_does_not_keep_an_honest_site_out() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let noise = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut bytes = [0_u8; 1200];
    for number in 0..3000_u32 {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = (number.wrapping_mul(2_654_435_761).rotate_left(index as u32 % 32) >> 7) as u8;
        }
        // Every other one looks like a QUIC version 1 Initial packet.
        if number % 2 == 0 {
            bytes[..5].copy_from_slice(&[0xC0, 0, 0, 0, 1]);
            bytes[5] = 8;
        }
        noise.send_to(&bytes, server.address).await.unwrap();
    }
    let started = tokio::time::Instant::now();
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    assert!(session.exchange(&hello(), 2 * SECOND).await.is_ok());
    assert!(started.elapsed() < 3 * SECOND);
}
