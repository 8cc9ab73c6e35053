//! A man in the middle for UDP on loopback: counts every byte, and misbehaves on request.
//!
//! Called by the integration tests that compare the wire with the ledger, and by those that cut it.
//! It sits where a hospital's network officer would sit: it sees datagrams, not frames. Losses come
//! from a seeded generator, so a failing test can be run again. One thread per client address, and one per
//! direction, which holds datagrams back where the line is long or narrow.

mod line;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::line::{Line, Route};
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
    /// So many are lost one after the other where one is; 0 and 1 mean that each is lost by itself.
    pub burst: u32,
    /// How much later a datagram arrives, in each direction.
    pub delay_ms: u64,
    /// How much passes in each direction; 0 means all of it.
    pub kbit_per_s: u64,
    /// A datagram of more bytes than this is lost (UDP payload); 0 means that none is too large.
    pub datagram_bytes_max: usize,
    /// Nothing passes.
    pub partitioned: bool,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    /// Counted up where every client gets another address towards the coordinator.
    rebound: AtomicU64,
    state: Mutex<State>,
    up: Line,
    down: Line,
}

#[derive(Debug, Default)]
struct State {
    up: Traffic,
    down: Traffic,
    faults: Faults,
    random: u64,
    /// How many are still lost of a burst.
    losing: u32,
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
        let front = Arc::new(open_socket()?);
        let address = front.local_addr().map_err(|source| Failure::Socket { source })?;
        let shared = Arc::new(Shared::new());
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

    /// From now on every client has another address towards the coordinator, as behind a NAT that was
    /// restarted.
    pub fn rebind(&self) {
        self.shared.rebound.fetch_add(1, Ordering::SeqCst);
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
    fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
            rebound: AtomicU64::new(0),
            state: Mutex::default(),
            up: Line::new(),
            down: Line::new(),
        }
    }

    /// Lets a datagram go on, if it may pass and there is room on the line.
    fn forward(&self, direction: Direction, datagram: &[u8], route: Route) {
        if !self.admit(direction, datagram) {
            return;
        }
        let faults = self.lock().faults;
        let line = match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        };
        if !line.send(datagram, route, Duration::from_millis(faults.delay_ms), faults.kbit_per_s) {
            self.lock().of(direction).dropped_packets += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a datagram and says whether it may pass.
    fn admit(&self, direction: Direction, datagram: &[u8]) -> bool {
        let mut state = self.lock();
        let is_too_large = matches!(state.faults.datagram_bytes_max, 1.. if datagram.len() > state.faults.datagram_bytes_max);
        let lost = state.faults.partitioned || is_too_large || state.loses_one();
        let traffic = state.of(direction);
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
    fn of(&mut self, direction: Direction) -> &mut Traffic {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// In bursts as alone, so many of a thousand are lost in the long run (Gilbert 1960: after each of a
    /// burst's length the line is good again).
    fn loses_one(&mut self) -> bool {
        if self.faults.drop_per_mille == 0 {
            return false;
        }
        if self.losing > 0 {
            self.losing -= 1;
            return true;
        }
        let (lost, burst) = (u64::from(self.faults.drop_per_mille), u64::from(self.faults.burst.max(1)));
        // Of one burst's lost and the good ones before it, lost / 1000 are lost: p = lost / (lost + burst
        // (1000 - lost)).
        let begins = split_mix_64(&mut self.random) % (lost + burst * (1000 - lost.min(1000))) < lost;
        if begins {
            self.losing = self.faults.burst.saturating_sub(1);
        }
        begins
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

/// A client's address, as the coordinator sees it.
struct Client {
    socket: Arc<UdpSocket>,
    answering: JoinHandle<()>,
    /// It is none any more: its thread ends.
    is_gone: Arc<AtomicBool>,
    heard: Instant,
}

impl Client {
    fn end(self) {
        self.is_gone.store(true, Ordering::SeqCst);
        let _ = self.answering.join();
    }
}

/// Reads from clients, gives each its own socket towards the coordinator.
fn accept(front: &Arc<UdpSocket>, upstream: SocketAddr, shared: &Arc<Shared>) {
    let mut clients: BTreeMap<SocketAddr, Client> = BTreeMap::new();
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut rebound = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        let asked = shared.rebound.load(Ordering::SeqCst);
        if rebound != asked {
            rebound = asked;
            std::mem::take(&mut clients).into_values().for_each(Client::end);
        }
        // Timeouts and ICMP errors of an earlier send arrive here too; neither ends the relay.
        let Ok((length, client)) = front.recv_from(&mut buffer) else { continue };
        if !clients.contains_key(&client) {
            let quietest = clients.iter().min_by_key(|(_, one)| one.heard).map(|(address, _)| *address);
            if clients.len() >= RELAY_CLIENTS_MAX
                && let Some(quietest) = quietest.and_then(|address| clients.remove(&address))
            {
                quietest.end();
            }
            let Some(entry) = connect(front, client, upstream, shared) else { continue };
            clients.insert(client, entry);
        }
        if let Some(client) = clients.get_mut(&client) {
            client.heard = Instant::now();
            shared.forward(Direction::Up, &buffer[..length], Route(Arc::clone(&client.socket), None));
        }
    }
    clients.into_values().for_each(Client::end);
}

fn connect(
    front: &Arc<UdpSocket>,
    client: SocketAddr,
    upstream: SocketAddr,
    shared: &Arc<Shared>,
) -> Option<Client> {
    let socket = Arc::new(open_socket().ok()?);
    socket.connect(upstream).ok()?;
    let is_gone = Arc::new(AtomicBool::new(false));
    let (front, back, shared) = (Arc::clone(front), Arc::clone(&socket), Arc::clone(shared));
    let is_over = Arc::clone(&is_gone);
    let answering = std::thread::spawn(move || {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while !shared.stop.load(Ordering::SeqCst) && !is_over.load(Ordering::SeqCst) {
            let Ok(length) = back.recv(&mut buffer) else { continue };
            shared.forward(Direction::Down, &buffer[..length], Route(Arc::clone(&front), Some(client)));
        }
    });
    Some(Client { socket, answering, is_gone, heard: Instant::now() })
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
    fn bursts_lose_as_many_in_the_long_run_one_after_the_other() {
        for (drop_per_mille, burst) in [(10, 1), (50, 8), (250, 20), (1000, 3)] {
            let mut state = State { random: 11, ..State::default() };
            state.faults = Faults { drop_per_mille, burst, ..Faults::default() };
            let lost: Vec<bool> = (0..200_000).map(|_| state.loses_one()).collect();
            let share = lost.iter().filter(|is_lost| **is_lost).count() as f64 / 200.0;
            assert!((share / f64::from(drop_per_mille) - 1.0).abs() < 0.1, "{share} of {drop_per_mille}");
            let begins = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            let mean = share * 200.0 / begins.max(1) as f64;
            assert!(drop_per_mille == 1000 || mean >= f64::from(burst), "bursts of {mean}");
        }
    }

    #[test]
    fn a_long_narrow_line_holds_datagrams_back_in_order() {
        let (target, sender) = (open_socket().unwrap(), Arc::new(open_socket().unwrap()));
        target.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (to, line, began) = (target.local_addr().unwrap(), Line::new(), Instant::now());
        // 1,000 bytes at 400 kbit/s take 20 ms each.
        for number in 0..5 {
            let route = Route(Arc::clone(&sender), Some(to));
            assert!(line.send(&[number; 1000], route, Duration::from_millis(30), 400));
        }
        let mut buffer = [0; 2000];
        for number in 0..5 {
            let (length, _) = target.recv_from(&mut buffer).unwrap();
            assert_eq!((length, buffer[0]), (1000, number));
            assert!(began.elapsed() >= Duration::from_millis(30 + 20 * (u64::from(number) + 1)));
        }
        let far =
            || line.send(&[0; 60_000], Route(Arc::clone(&sender), Some(to)), Duration::from_secs(60), 0);
        assert!((0..1000).any(|_| !far()), "what waits is bounded");
    }

    #[test]
    fn after_a_rebinding_the_coordinator_sees_another_address() {
        let server = open_socket().unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let relay = Relay::start(server.local_addr().unwrap()).unwrap();
        let client = open_socket().unwrap();
        let seen = || {
            client.send_to(b"hello", relay.address()).unwrap();
            server.recv_from(&mut [0; 64]).unwrap().1
        };
        let (first, again) = (seen(), seen());
        assert_eq!(first, again);
        relay.rebind();
        // It is noticed between two datagrams, or when none comes for a while.
        std::thread::sleep(Duration::from_millis(3 * RELAY_WAKE_MS_MIN));
        assert_ne!(seen(), first);
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
