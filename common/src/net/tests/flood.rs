//! Strangers without a certificate: silent connections, and handshakes that are begun and never finished.
//! Honest peers get in all the same, and soon.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::enrolment::{open_desk, request};
use super::*;
use crate::limits::{ENROLMENTS_MAX, INCOMING_MAX, JOINS_WAITING_MAX};
use crate::net::join;
use crate::wire::join::JoinResponse;

/// What a member that comes now may have to wait.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_keep_anybody_from_joining() {
    let desk = open_desk();
    let pin = desk.consortium.authority.pin();
    let mut silent = Vec::new();
    for _ in 0..JOINS_WAITING_MAX.max(ENROLMENTS_MAX) + 4 {
        let client = Client::bind_for(desk.address).unwrap();
        let tls = tls::join_client(pin).unwrap();
        let session = client.connect(desk.address, tls, NAME, 5 * SECOND).await.unwrap();
        silent.push((client, session.into_connection()));
    }
    let begun = Instant::now();
    let key = IdentityKey::generate().unwrap();
    let bytes = request(4, csr::create(&key).unwrap());
    let answer =
        join::request(&[desk.address], tls::join_client(pin).unwrap(), NAME, &bytes, SOON).await.unwrap();
    assert!(matches!(answer, JoinResponse::Accepted(_)), "{answer:?}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let open = silent.iter().filter(|(_, connection)| connection.close_reason().is_none()).count();
    assert!(open <= JOINS_WAITING_MAX, "{open} silent connections are open");
}

/// Begins a handshake as a stranger who owns its address: answers the Retry, sends the ClientHello, and falls
/// silent. What it returns keeps the socket.
async fn begin_and_fall_silent(server: SocketAddr, tls: rustls::ClientConfig) -> (UdpSocket, UdpSocket) {
    let loopback = (Ipv4Addr::LOCALHOST, 0);
    let front = UdpSocket::bind(loopback).await.unwrap();
    let back = UdpSocket::bind(loopback).await.unwrap();
    back.connect(server).await.unwrap();
    let address = front.local_addr().unwrap();
    let client = Client::bind_for(address).unwrap();
    let connecting = async { drop(client.connect(address, tls, NAME, 20 * SECOND).await) };
    let relay = async {
        let (mut packet, mut from) = ([0; 2048], None);
        loop {
            let (mut answer, wait) = ([0; 2048], SECOND / 5);
            tokio::select! {
                sent = front.recv_from(&mut packet) => {
                    let (length, peer) = sent.unwrap();
                    from = Some(peer);
                    back.send(&packet[..length]).await.unwrap();
                }
                received = back.recv(&mut answer) => {
                    // A Retry (RFC 9000 section 17.2.5) goes on; the server's part of the handshake does not.
                    if answer[0] & 0xF0 != 0xF0 {
                        return;
                    }
                    front.send_to(&answer[..received.unwrap()], from.unwrap()).await.unwrap();
                }
                () = tokio::time::sleep(wait) => return,
            }
        }
    };
    tokio::select! {
        () = relay => {}
        () = connecting => {}
    }
    (front, back)
}

/// 300 unfinished handshakes delayed a member by seven seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_handshakes_do_not_keep_a_member_waiting() {
    let consortium = Consortium::new();
    let server = Running::start(&consortium);
    let stranger = tls::join_client(consortium.authority.pin()).unwrap();
    let mut run_protocol = stranger.clone();
    run_protocol.alpn_protocols = consortium.client_tls(&consortium.site()).alpn_protocols;
    let mut strangers = JoinSet::new();
    let mut silent = Vec::new();
    let flood_begun = Instant::now();
    // More than there are places; bounded in time on a slow machine.
    for _ in 0..INCOMING_MAX + 100 {
        strangers.spawn(begin_and_fall_silent(server.address, run_protocol.clone()));
        if strangers.len() >= 64 {
            silent.extend(strangers.join_next().await);
        }
        if flood_begun.elapsed() > 5 * SECOND {
            break;
        }
    }
    assert!(silent.len() > 256, "{} strangers: too few to prove anything", silent.len());
    let begun = Instant::now();
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    assert!(session.exchange(&hello(), SOON).await.is_ok());
    assert!(begun.elapsed() < SOON, "{:?} after {} strangers", begun.elapsed(), silent.len());
}
