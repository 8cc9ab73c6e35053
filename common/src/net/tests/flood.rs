//! Strangers without a certificate: silent connections, and handshakes that are begun and never finished.
//! Honest peers get in all the same, and soon.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
        let tls = tls::join_client(pin, None).unwrap();
        let session = client.connect(desk.address, tls, NAME, 5 * SECOND).await.unwrap();
        silent.push((client, session.into_connection()));
    }
    let begun = Instant::now();
    let key = IdentityKey::generate().unwrap();
    let bytes = request(4, csr::create(&key).unwrap());
    let answer = join::request(&[desk.address], tls::join_client(pin, None).unwrap(), NAME, &bytes, SOON)
        .await
        .unwrap();
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
    let stranger = tls::join_client(consortium.authority.pin(), None).unwrap();
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
        if silent.len() > 256 && flood_begun.elapsed() > 5 * SECOND {
            break;
        }
    }
    assert!(silent.len() > 256, "{} strangers: too few to prove anything", silent.len());
    let begun = Instant::now();
    let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
    assert!(session.exchange(&hello(), SOON).await.is_ok());
    assert!(begun.elapsed() < SOON, "{:?} after {} strangers", begun.elapsed(), silent.len());
}

/// The first packet of a stranger's handshake, as it arrives.
async fn first_packet(tls: rustls::ClientConfig) -> Vec<u8> {
    let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = sink.local_addr().unwrap();
    let client = Client::bind_for(address).unwrap();
    let mut packet = vec![0; 2048];
    let length = tokio::select! {
        received = sink.recv(&mut packet) => received.unwrap(),
        _ = client.connect(address, tls, NAME, 5 * SECOND) => panic!("nobody answers"),
    };
    packet.truncate(length);
    packet
}

/// Sends `packet` a thousand times a second from many ports until `stop`, and counts. Never answers the
/// Retry.
fn flood(server: SocketAddr, packet: &[u8], stop: &AtomicBool, sent: &AtomicU64) {
    let sockets: Vec<_> =
        (0..64).map(|_| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let begun = std::time::Instant::now();
    while !stop.load(Ordering::Relaxed) {
        // What is due by now: a late wake-up is made up for.
        let due = u64::try_from(begun.elapsed().as_millis()).unwrap();
        while sent.load(Ordering::Relaxed) < due {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            // A full buffer is the flood's own loss.
            let _ = sockets[number as usize % sockets.len()].send_to(packet, server);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Retries that were left in the sockets' buffers: the server looked at these packets.
    let mut packet = [0; 2048];
    let answered = sockets.iter().filter(|socket| {
        socket.set_nonblocking(true).unwrap();
        socket.recv(&mut packet).is_ok() && packet[0] & 0xF0 == 0xF0
    });
    assert_eq!(answered.count(), sockets.len(), "ports that were asked to prove their address");
}

/// What each of the two ports has to bear while the honest come.
const FLOOD: u64 = 10_000;

/// A thousand begun handshakes a second for ten seconds on each of the two ports, and besides as many as this
/// machine makes that answer the Retry: who joins and who comes back are served within three seconds. Where
/// the machine sends more slowly, the flood lasts longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_bogus_handshakes_a_second_keep_nobody_waiting() {
    let desk = open_desk();
    let server = Running::start(&desk.consortium);
    let stranger = tls::join_client(desk.consortium.authority.pin(), None).unwrap();
    let mut run_protocol = stranger.clone();
    run_protocol.alpn_protocols = desk.consortium.client_tls(&desk.consortium.site()).alpn_protocols;
    let packets = [
        (desk.address, first_packet(stranger).await),
        (server.address, first_packet(run_protocol.clone()).await),
    ];
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new([AtomicU64::new(0), AtomicU64::new(0)]));
    let floods: Vec<_> = packets
        .into_iter()
        .enumerate()
        .map(|(index, (address, packet))| {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            std::thread::spawn(move || flood(address, &packet, &stop, &sent[index]))
        })
        .collect();
    let address = server.address;
    let strangers = tokio::spawn(async move {
        let mut begun = JoinSet::new();
        loop {
            begun.spawn(begin_and_fall_silent(address, run_protocol.clone()));
            if begun.len() >= 16 {
                begun.join_next().await;
            }
        }
    });
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    let flooded = || sent.iter().all(|sent| sent.load(Ordering::Relaxed) >= FLOOD);
    for token in 1..=60 {
        let at = Instant::now();
        let key = IdentityKey::generate().unwrap();
        let bytes = request(token, csr::create(&key).unwrap());
        let tls = tls::join_client(desk.consortium.authority.pin(), None).unwrap();
        join::request(&[desk.address], tls, NAME, &bytes, SOON).await.unwrap();
        let consortium = &desk.consortium;
        let (_client, session) = server.connect(consortium.client_tls(&consortium.site())).await.unwrap();
        assert!(session.exchange(&hello(), SOON).await.is_ok());
        longest = longest.max(at.elapsed());
        tokio::time::sleep_until(begun + u32::from(token) * SECOND).await;
        if token >= 10 && flooded() {
            break;
        }
    }
    let within = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    strangers.abort();
    floods.into_iter().for_each(|flood| flood.join().unwrap());
    for sent in sent.iter() {
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent >= FLOOD, "{sent} handshakes in {within:?}: too few to prove anything");
    }
    println!("the slowest join and hello together took {longest:?}");
    assert!(longest < SOON, "{longest:?}");
}
