//! Several requests that move files on one connection: handled in order, one after the other, bounded.

use std::sync::Mutex;

use quinn::{Connection, RecvStream, SendStream};
use tokio::time::timeout;

use super::*;
use crate::limits::{CHUNK_BYTES_MAX, STREAMS_PER_CONNECTION_MAX, TRANSFERS_IN_FLIGHT_MAX};

/// What a step gets in these tests, which wait for its end.
const STEP_MS: u64 = 5_000;
/// The offset of a chunk that is worked on for long.
const SLOW: u64 = 1 << 20;

/// The offset of a chunk that is worked on beyond the deadline.
const STUCK: u64 = 2 << 20;

/// Notes which chunk came when, and how many were handled at once.
#[derive(Default)]
struct Noting {
    offsets: Mutex<Vec<u64>>,
    busy: AtomicU32,
    most: AtomicU32,
}

impl Handler for Noting {
    async fn admit(&self, _peer: &Peer) -> Result<(), CloseCode> {
        Ok(())
    }

    async fn handle(&self, _peer: &Peer, received: Received) -> Reply {
        match received.envelope.request {
            Request::Chunk { offset, .. } => {
                let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(busy, Ordering::SeqCst);
                // The later a chunk, the faster it is handled: without turns the last would be first.
                let pause_ms = match offset {
                    SLOW => 2_000,
                    STUCK => 2 * STEP_MS,
                    _ => 40_u64.saturating_sub(10 * offset),
                };
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                self.offsets.lock().unwrap().push(offset);
                self.busy.fetch_sub(1, Ordering::SeqCst);
                Response::Continue { next_offset: offset + 1 }.into()
            }
            Request::Fetch { offset, .. } => {
                let payload = vec![u8::try_from(offset).unwrap(); CHUNK_BYTES_MAX];
                let length = u32::try_from(payload.len()).unwrap();
                Reply { response: Response::Blob { offset, length, total: 1 << 40 }, payload }
            }
            Request::Poll { wait_ms } => {
                tokio::time::sleep(Duration::from_millis(u64::from(wait_ms))).await;
                Response::Work(Work::Nothing).into()
            }
            _ => Response::Noted.into(),
        }
    }
}

struct Site {
    _client: Client,
    session: ClientConnection,
    handler: Arc<Noting>,
    _stop: oneshot::Sender<()>,
}

async fn site() -> Site {
    site_at(|_| ()).await
}

async fn site_at(differs: impl FnOnce(&mut rustls::ServerConfig)) -> Site {
    let consortium = Consortium::new();
    let keys = EndpointKeys::from_bytes([5; 32]);
    let mut tls = consortium.server_tls();
    differs(&mut tls);
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), tls, keys).unwrap();
    let server = server.with_step(Duration::from_millis(STEP_MS));
    let (address, handler) = (server.local_address().unwrap(), Arc::new(Noting::default()));
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn({
        let handler = handler.clone();
        async move {
            let nobody = admin::Admins { alpn: tls::ALPN_ADMIN, handler: Arc::new(NoAdmins) };
            server.serve(handler, nobody, async move { drop(stopped.await) }).await;
        }
    });
    let client = Client::bind_for(address).unwrap();
    let tls = consortium.client_tls(&consortium.site());
    let session = client.connect(address, tls, NAME, 5 * SECOND).await.unwrap();
    Site { _client: client, session, handler, _stop: stop }
}

fn chunk_at(offset: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = bytes_of(Request::Chunk { digest: Digest([0; 32]), offset, length });
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_on_their_way_together_are_handled_one_by_one_in_their_order() {
    let site = site().await;
    let full = vec![0x5A; CHUNK_BYTES_MAX];
    let mut sent = Vec::new();
    for offset in 0..TRANSFERS_IN_FLIGHT_MAX as u64 {
        sent.push((offset, site.session.send(&chunk_at(offset, &full), 10 * SECOND).await.unwrap()));
    }
    // A poll finds its way beside them, and answers are there for whoever asks, in any order.
    assert!(site.session.exchange(&poll(1), 10 * SECOND).await.is_ok());
    for (offset, sent) in sent.into_iter().rev() {
        let answer = sent.answer(10 * SECOND).await.unwrap();
        assert_eq!(answer.response, Response::Continue { next_offset: offset + 1 });
    }
    let offsets = site.handler.offsets.lock().unwrap().clone();
    assert_eq!(offsets, (0..TRANSFERS_IN_FLIGHT_MAX as u64).collect::<Vec<_>>());
    assert_eq!(site.handler.most.load(Ordering::SeqCst), 1, "one at a time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_that_were_asked_for_together_come_whole_and_to_their_questions() {
    let site = site().await;
    let mut sent = Vec::new();
    for offset in 0..TRANSFERS_IN_FLIGHT_MAX as u64 {
        let fetch = bytes_of(Request::Fetch { digest: Digest([0; 32]), offset });
        sent.push((offset, site.session.send(&fetch, 10 * SECOND).await.unwrap()));
    }
    for (offset, sent) in sent {
        let answer = sent.answer(10 * SECOND).await.unwrap();
        assert_eq!(answer.payload, vec![u8::try_from(offset).unwrap(); CHUNK_BYTES_MAX], "piece {offset}");
    }
}

/// Opens a stream and writes some of a chunk on it.
async fn begin(connection: &Connection, bytes: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, receive) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    (send, receive)
}

/// A site that opens all its streams with the beginning of a chunk and says no more: it holds one place for
/// payloads and harms its own connection alone, which ends when it gives a stream up: what is behind must not
/// be counted in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_all_streams_and_sends_nothing_holds_up_nobody_but_itself() {
    let site = site().await;
    let connection = site.session.clone().into_connection();
    let part = chunk_at(7, &[1; 100]);
    let mut silent = Vec::new();
    for _ in 1..STREAMS_PER_CONNECTION_MAX {
        silent.push(begin(&connection, &part[..part.len() - 1]).await);
    }
    let (mut last, mut answer) = begin(&connection, &chunk_at(3, &[1; 100])).await;
    last.finish().unwrap();
    let early = timeout(SECOND / 5, answer.read_to_end(100)).await;
    assert!(early.is_err(), "it waits for those before it");
    assert!(site.handler.offsets.lock().unwrap().is_empty());
    for (mut send, _receive) in silent {
        send.reset(CloseCode::Done.wire()).unwrap();
    }
    assert!(timeout(5 * SECOND, answer.read_to_end(100)).await.unwrap().is_err());
    timeout(5 * SECOND, connection.closed()).await.unwrap();
    assert!(site.handler.offsets.lock().unwrap().is_empty(), "no half chunk reaches a handler");
}

/// The site may have said hello on another connection meanwhile; what it sent on this one must not come
/// behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_its_turn_when_the_connection_ends_is_not_handled() {
    let site = site().await;
    let mut sent = Vec::new();
    for offset in [SLOW, 1, 2] {
        sent.push(site.session.send(&chunk_at(offset, &[1; 100]), SECOND).await.unwrap());
    }
    while site.handler.busy.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    site.session.close();
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(*site.handler.offsets.lock().unwrap(), [SLOW], "what was begun comes to its end");
}

/// None has a deadline for its turn: one that was left out would be a hole before those behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_comes_later_than_any_step_may_take_comes() {
    let site = site().await;
    let mut sent = Vec::new();
    for _ in 0..TRANSFERS_IN_FLIGHT_MAX {
        sent.push(site.session.send(&chunk_at(SLOW, &[1; 100]), SECOND).await.unwrap());
    }
    for sent in sent {
        assert!(sent.answer(20 * SECOND).await.is_ok());
    }
    let waited_ms = 2_000 * (TRANSFERS_IN_FLIGHT_MAX as u64 - 1);
    assert!(waited_ms > STEP_MS, "the last waited longer than a step");
    assert_eq!(site.handler.offsets.lock().unwrap().len(), TRANSFERS_IN_FLIGHT_MAX);
}

/// Neither what does not come to its end nor what is worked on for too long is overtaken: the line ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_late_takes_the_line_along_and_nothing_behind_it_is_handled() {
    let late = site().await;
    let connection = late.session.clone().into_connection();
    let part = chunk_at(7, &[1; 100]);
    let _silent = begin(&connection, &part[..part.len() - 1]).await;
    let behind = late.session.send(&chunk_at(1, &[1; 100]), SECOND).await.unwrap();

    let stuck = site().await;
    let first = stuck.session.send(&chunk_at(STUCK, &[1; 100]), SECOND).await.unwrap();
    let second = stuck.session.send(&chunk_at(2, &[1; 100]), SECOND).await.unwrap();

    for sent in [behind, first, second] {
        assert!(sent.answer(20 * SECOND).await.is_err());
    }
    assert!(late.session.close_reason().is_some() && stuck.session.close_reason().is_some());
    tokio::time::sleep(Duration::from_millis(2 * STEP_MS)).await;
    assert!(late.handler.offsets.lock().unwrap().is_empty());
    assert!(stuck.handler.offsets.lock().unwrap().is_empty());
}

/// What a site goes by before it sends several.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_says_in_the_handshake_that_it_handles_them_in_turn_and_one_of_before_does_not() {
    assert_eq!(site().await.session.protocol().as_deref(), Some(tls::ALPN_RUN_IN_TURN));
    let site = site_at(|tls| tls.alpn_protocols = vec![tls::ALPN_RUN.to_vec()]).await;
    assert_eq!(site.session.protocol().as_deref(), Some(tls::ALPN_RUN));
    assert!(site.session.exchange(&poll(1), 5 * SECOND).await.is_ok(), "and is served all the same");
}

/// A request that is read and moves no file keeps no chunk waiting, however long it is worked on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_keeps_no_chunk_waiting() {
    let site = site().await;
    let poll = site.session.send(&poll(20_000), SECOND).await.unwrap();
    let answer = site.session.exchange(&chunk_at(4, &[1; 100]), 5 * SECOND).await.unwrap();
    assert_eq!(answer.response, Response::Continue { next_offset: 5 });
    drop(poll);
}
