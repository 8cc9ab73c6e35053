//! Ordinary exchanges: sizes, concurrency, deadlines, restarts, shutdown.

use std::sync::Mutex;

use super::*;
use crate::limits::{CHUNK_BYTES_MAX, SITES_MAX, STREAMS_PER_CONNECTION_MAX};
use crate::net::client::resolve;

#[tokio::test]
async fn requests_and_payloads_travel_both_ways() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let (client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    let answer = session.exchange(&hello(), SECOND).await.unwrap();
    assert_eq!(answer.response, Response::Welcome { protocol: PROTOCOL_VERSION });

    let full = chunk(&vec![0xC3; CHUNK_BYTES_MAX]);
    let answer = session.exchange(&full, 10 * SECOND).await.unwrap();
    assert_eq!(answer.response, Response::Continue { next_offset: full.len() as u64 });

    let wanted = CHUNK_BYTES_MAX as u64;
    let fetch = bytes_of(Request::Fetch { digest: Digest([0; 32]), offset: wanted });
    let answer = session.exchange(&fetch, 10 * SECOND).await.unwrap();
    assert_eq!(answer.payload, vec![7; CHUNK_BYTES_MAX]);
    assert_eq!(server.connections.len(), 1);
    client.close().await;
}

#[tokio::test]
async fn many_exchanges_share_a_connection_beyond_its_stream_limit() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 * STREAMS_PER_CONNECTION_MAX {
        let session = session.clone();
        tasks.spawn(async move { session.exchange(&poll(50), 5 * SECOND).await.unwrap().response });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap(), Response::Work(Work::Nothing));
    }
}

#[tokio::test]
async fn a_silent_handler_runs_into_the_callers_deadline_and_the_session_lives_on() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    let started = tokio::time::Instant::now();
    let error = session.exchange(&poll(10_000), SECOND / 5).await.unwrap_err();
    assert!(matches!(error, NetError::Deadline { waited_ms: 200 }) && error.is_retryable());
    assert!(started.elapsed() < 5 * SECOND);
    assert!(session.exchange(&hello(), SECOND).await.is_ok());
}

#[tokio::test]
async fn a_silent_host_and_a_closed_port_are_told_apart() {
    let consortium = Consortium::new();
    let tls = consortium.client_tls(&consortium.site());
    // A bound socket that nobody reads: what a firewall that drops UDP looks like.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let client = Client::bind_for(address).unwrap();
    let error = client.connect(address, tls.clone(), NAME, SECOND / 4).await.unwrap_err();
    assert!(matches!(error, NetError::NoAnswer { waited_ms: 250, .. }), "{error}");
    assert!(error.is_retryable() && error.hint().unwrap().contains("UDP"));
    drop(silent);
    let error = client.connect(address, tls, NAME, SECOND / 4).await.unwrap_err();
    assert!(matches!(error, NetError::NothingListens { .. }), "{error}");
}

#[tokio::test]
async fn a_busy_port_is_a_clear_error() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let keys = EndpointKeys::from_bytes([5; 32]);
    let error = Server::bind(server.address, consortium.server_tls(), keys).unwrap_err();
    assert!(matches!(error, NetError::Bind { address, .. } if address == server.address));
    assert!(error.is_user_error() && !error.is_retryable());
}

#[tokio::test]
async fn shutdown_answers_what_is_in_progress_and_tells_the_sites() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    let in_progress = tokio::spawn({
        let session = session.clone();
        async move { session.exchange(&poll(300), 5 * SECOND).await }
    });
    tokio::time::sleep(SECOND / 10).await;
    server.stop.send(()).unwrap();
    assert_eq!(in_progress.await.unwrap().unwrap().response, Response::Work(Work::Nothing));
    assert!(matches!(session.closed().await, NetError::ShuttingDown));
    tokio::time::timeout(5 * SECOND, server.task).await.unwrap().unwrap();
    assert!(matches!(session.exchange(&hello(), SECOND).await, Err(NetError::ShuttingDown)));
}

/// A coordinator killed without a word and started again with the same keys: the site learns of it from
/// the first packet it sends, not from an idle timeout of 30 s. With other keys it would not.
#[tokio::test]
async fn a_restarted_coordinator_resets_old_connections_at_once() {
    let consortium = Consortium::new();
    for (keys, resets) in [([5; 32], true), ([6; 32], false)] {
        let (killed, reborn) = (Running::start(&consortium), Running::start_with_keys(&consortium, keys));
        let target = Arc::new(Mutex::new(killed.address));
        let relay = relay_to(target.clone(), 0).await;
        let client = Client::bind_for(relay).unwrap();
        let tls = consortium.client_tls(&consortium.site());
        let session = client.connect(relay, tls, NAME, 5 * SECOND).await.unwrap();
        session.exchange(&hello(), SECOND).await.unwrap();

        // From here on nothing of the first process is heard; a second one answers at the same address.
        *target.lock().unwrap() = reborn.address;
        let error = session.exchange(&hello(), SECOND).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(
            matches!(&error, NetError::Lost { reason } if reason.contains("reset")),
            resets,
            "{error}"
        );
        assert_eq!(matches!(error, NetError::Deadline { .. }), !resets);
    }
}

/// One datagram in twenty is lost, in either direction, from the first packet on.
#[tokio::test]
async fn a_lossy_network_delays_but_loses_nothing() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let relay = relay_to(Arc::new(Mutex::new(server.address)), 20).await;
    let client = Client::bind_for(relay).unwrap();
    let tls = consortium.client_tls(&consortium.site());
    let session = client.connect(relay, tls, NAME, 10 * SECOND).await.unwrap();
    for _ in 0..3 {
        let full = chunk(&vec![0x3C; CHUNK_BYTES_MAX]);
        let answer = session.exchange(&full, 20 * SECOND).await.unwrap();
        assert_eq!(answer.response, Response::Continue { next_offset: full.len() as u64 });
    }
}

/// A UDP relay that forwards one client to whatever `target` says now, hears nobody else, and loses every
/// `lose`-th datagram (0: none).
async fn relay_to(target: Arc<Mutex<SocketAddr>>, lose: u32) -> SocketAddr {
    let front = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let back = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut outward, mut inward) = ([0; 2048], [0; 2048]);
        let (mut client, mut datagrams) = (None, 0_u32);
        loop {
            datagrams = datagrams.wrapping_add(1);
            let lost = lose > 0 && datagrams.is_multiple_of(lose);
            tokio::select! {
                Ok((length, from)) = front.recv_from(&mut outward) => {
                    client = Some(from);
                    let now = *target.lock().unwrap();
                    if !lost {
                        let _ = back.send_to(&outward[..length], now).await;
                    }
                }
                Ok((length, from)) = back.recv_from(&mut inward) => {
                    let heard = from == *target.lock().unwrap() && !lost;
                    if let Some(client) = client.filter(|_| heard) {
                        let _ = front.send_to(&inward[..length], client).await;
                    }
                }
            }
        }
    });
    address
}

/// As many sites as a consortium may have connect and upload at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_consortium_uploads_at_once() {
    let consortium = Arc::new(Consortium::new());
    let server = Arc::new(Running::start(&consortium));
    let payload = Arc::new(chunk(&vec![0x77; CHUNK_BYTES_MAX]));
    let mut sites = tokio::task::JoinSet::new();
    for _ in 0..SITES_MAX {
        let (consortium, server, payload) = (consortium.clone(), server.clone(), payload.clone());
        sites.spawn(async move {
            let tls = consortium.client_tls(&consortium.site());
            let client = Client::bind_for(server.address).unwrap();
            let session = client.connect(server.address, tls, NAME, 30 * SECOND).await.unwrap();
            session.exchange(&payload, 30 * SECOND).await.unwrap();
            (client, session)
        });
    }
    let clients = sites.join_all().await;
    assert_eq!((clients.len(), server.connections.len()), (SITES_MAX, SITES_MAX));
}

#[tokio::test]
async fn names_are_resolved_or_refused() {
    let found = resolve("localhost:4433", 5 * SECOND).await.unwrap();
    assert!(found.iter().all(|address| address.port() == 4433 && address.ip().is_loopback()));
    for bad in ["nobody.invalid:1", "no-port", "", "h:99999"] {
        let error = resolve(bad, 5 * SECOND).await.unwrap_err();
        assert!(matches!(error, NetError::Resolve { .. }), "{bad}");
    }
}
