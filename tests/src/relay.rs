//! A man in the middle for UDP on loopback: counts every byte, and misbehaves on request.
//!
//! Called by the integration tests that compare the wire with the ledger, and by those that cut it.
//! It sits where a hospital's network officer would sit: it sees datagrams, not frames. Losses come
//! from a seeded generator, so a failing test can be run again. One thread per client address.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::failure::Failure;
use crate::limits::{RELAY_CLIENTS_MAX, RELAY_WAKE_MS_MIN};

/// Largest UDP payload there is.
const DATAGRAM_BYTES: usize = 65_535;

/// What passed in one direction. Sizes are UDP payloads: QUIC packets, without IP and UDP headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes: u64,
    pub packets: u64,
    /// Datagrams that begin with a QUIC long header (RFC 9000, 17.2): the handshake.
    pub handshake_packets: u64,
    pub handshake_bytes: u64,
    pub dropped_packets: u64,
}

/// What the relay does to traffic; changed at any time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Seed of the loss pattern.
    pub seed: u64,
    /// Datagrams lost of each thousand, in each direction.
    pub drop_per_mille: u32,
    /// Nothing passes.
    pub partitioned: bool,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    up: Traffic,
    down: Traffic,
    faults: Faults,
    random: u64,
    captured: Option<Vec<u8>>,
    capture_limit: usize,
}

/// Which way a datagram travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// Site to coordinator.
    Up,
    /// Coordinator to site.
    Down,
}

/// A running relay; dropping it ends its threads.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Relay {
    /// Listens on a free loopback port and forwards to `upstream`.
    ///
    /// # Errors
    /// [`Failure::Socket`].
    pub fn start(upstream: SocketAddr) -> Result<Self, Failure> {
        let front = open_socket()?;
        let address = front.local_addr().map_err(|source| Failure::Socket { source })?;
        let shared = Arc::new(Shared::default());
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&front, upstream, &shared)
        });
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where sites are told the coordinator is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Keeps a copy of every datagram, up to `limit` bytes, for the canary scan.
    pub fn capture(&self, limit: usize) {
        let mut state = self.shared.lock();
        state.capture_limit = limit;
        state.captured.get_or_insert_default();
    }

    /// The datagrams kept so far, one after the other.
    pub fn captured(&self) -> Vec<u8> {
        self.shared.lock().captured.clone().unwrap_or_default()
    }

    /// Changes what is done to traffic from now on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.shared.lock();
        state.faults = faults;
        state.random = faults.seed;
    }

    /// Site to coordinator, so far.
    pub fn up(&self) -> Traffic {
        self.shared.lock().up
    }

    /// Coordinator to site, so far.
    pub fn down(&self) -> Traffic {
        self.shared.lock().down
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a datagram and says whether it may pass.
    fn admit(&self, direction: Direction, datagram: &[u8]) -> bool {
        let mut state = self.lock();
        let lost = state.faults.partitioned || state.loses_one();
        let traffic = match direction {
            Direction::Up => &mut state.up,
            Direction::Down => &mut state.down,
        };
        if lost {
            traffic.dropped_packets += 1;
            return false;
        }
        traffic.packets += 1;
        traffic.bytes += datagram.len() as u64;
        if datagram.first().is_some_and(|first| first & 0x80 != 0) {
            traffic.handshake_packets += 1;
            traffic.handshake_bytes += datagram.len() as u64;
        }
        let limit = state.capture_limit;
        if let Some(captured) = &mut state.captured
            && captured.len() + datagram.len() <= limit
        {
            captured.extend_from_slice(datagram);
        }
        true
    }
}

impl State {
    fn loses_one(&mut self) -> bool {
        if self.faults.drop_per_mille == 0 {
            return false;
        }
        split_mix_64(&mut self.random) % 1000 < u64::from(self.faults.drop_per_mille)
    }
}

/// Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators": enough for losses.
pub fn split_mix_64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn open_socket() -> Result<UdpSocket, Failure> {
    let open = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(RELAY_WAKE_MS_MIN)))?;
        Ok(socket)
    };
    open().map_err(|source| Failure::Socket { source })
}

/// Reads from clients, gives each its own socket towards the coordinator.
fn accept(front: &UdpSocket, upstream: SocketAddr, shared: &Arc<Shared>) {
    let mut clients: BTreeMap<SocketAddr, (Arc<UdpSocket>, JoinHandle<()>)> = BTreeMap::new();
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while !shared.stop.load(Ordering::SeqCst) {
        // Timeouts and ICMP errors of an earlier send arrive here too; neither ends the relay.
        let Ok((length, client)) = front.recv_from(&mut buffer) else { continue };
        if !clients.contains_key(&client) {
            if clients.len() >= RELAY_CLIENTS_MAX {
                continue;
            }
            let Some(entry) = connect(front, client, upstream, shared) else { continue };
            clients.insert(client, entry);
        }
        let datagram = &buffer[..length];
        if let Some((socket, _)) = clients.get(&client)
            && shared.admit(Direction::Up, datagram)
        {
            let _ = socket.send(datagram);
        }
    }
    for (_, answering) in clients.into_values() {
        let _ = answering.join();
    }
}

fn connect(
    front: &UdpSocket,
    client: SocketAddr,
    upstream: SocketAddr,
    shared: &Arc<Shared>,
) -> Option<(Arc<UdpSocket>, JoinHandle<()>)> {
    let socket = Arc::new(open_socket().ok()?);
    socket.connect(upstream).ok()?;
    let (front, back, shared) = (front.try_clone().ok()?, Arc::clone(&socket), Arc::clone(shared));
    let answering = std::thread::spawn(move || {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while !shared.stop.load(Ordering::SeqCst) {
            let Ok(length) = back.recv(&mut buffer) else { continue };
            let datagram = &buffer[..length];
            if shared.admit(Direction::Down, datagram) {
                let _ = front.send_to(datagram, client);
            }
        }
    });
    Some((socket, answering))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> (SocketAddr, JoinHandle<()>) {
        let socket = open_socket().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let address = socket.local_addr().unwrap();
        let answering = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&buffer[..length], from).unwrap();
        });
        (address, answering)
    }

    #[test]
    fn both_directions_are_counted_and_captured() {
        let (upstream, answering) = echo();
        let relay = Relay::start(upstream).unwrap();
        relay.capture(1 << 20);
        let client = open_socket().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.send_to(b"\x01hello", relay.address()).unwrap();
        let mut buffer = [0; 64];
        let (length, _) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"\x01hello");
        answering.join().unwrap();
        let once = Traffic { bytes: 6, packets: 1, ..Traffic::default() };
        assert_eq!((relay.up(), relay.down()), (once, once));
        assert_eq!(relay.captured(), b"\x01hello\x01hello");
    }

    #[test]
    fn a_partition_lets_nothing_through() {
        let (upstream, _answering) = echo();
        let relay = Relay::start(upstream).unwrap();
        relay.set_faults(Faults { partitioned: true, ..Faults::default() });
        let client = open_socket().unwrap();
        client.send_to(b"hello", relay.address()).unwrap();
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(relay.up(), Traffic { dropped_packets: 1, ..Traffic::default() });
    }

    #[test]
    fn losses_repeat_with_their_seed() {
        let pattern = |seed| {
            let mut state = State { random: seed, ..State::default() };
            state.faults.drop_per_mille = 300;
            (0..64).map(|_| state.loses_one()).collect::<Vec<_>>()
        };
        assert_eq!(pattern(7), pattern(7));
        assert_ne!(pattern(7), pattern(8));
        assert!(pattern(7).contains(&true) && pattern(7).contains(&false));
    }
}
