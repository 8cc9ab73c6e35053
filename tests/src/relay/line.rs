//! A line with a length and a width: datagrams leave it in order, some time later, so many bytes a second.
//! Used by the relay, one for each direction. Invariants: what waits is bounded as in a router, and more of
//! it is lost; dropping the line ends its thread.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::limits::{LINE_BYTES_MAX, RELAY_WAKE_MS_MIN};

/// Where a datagram goes on: by a socket that is connected, or to an address.
#[derive(Debug)]
pub(super) struct Route(pub(super) Arc<UdpSocket>, pub(super) Option<SocketAddr>);

impl Route {
    fn send(&self, datagram: &[u8]) {
        // What cannot be sent is lost, as on any network.
        let _ = match self.1 {
            Some(to) => self.0.send_to(datagram, to),
            None => self.0.send(datagram),
        };
    }
}

#[derive(Debug, Default)]
struct Waiting {
    datagrams: VecDeque<(Instant, Vec<u8>, Route)>,
    bytes: usize,
    /// When the last byte so far has left the sender.
    free_at: Option<Instant>,
    is_over: bool,
}

#[derive(Debug)]
pub(super) struct Line {
    waiting: Arc<(Mutex<Waiting>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    pub(super) fn new() -> Self {
        let waiting = Arc::<(Mutex<Waiting>, Condvar)>::default();
        let of_thread = Arc::clone(&waiting);
        Self { waiting, thread: Some(std::thread::spawn(move || carry(&of_thread))) }
    }

    /// Sends one on, `delay` later and not before those in front of it. Returns whether there was room.
    pub(super) fn send(&self, datagram: &[u8], route: Route, delay: Duration, kbit_per_s: u64) -> bool {
        let mut waiting = lock(&self.waiting.0);
        if delay.is_zero() && kbit_per_s == 0 && waiting.datagrams.is_empty() {
            route.send(datagram);
            return true;
        }
        if waiting.bytes + datagram.len() > LINE_BYTES_MAX {
            return false;
        }
        let now = Instant::now();
        let begins = waiting.free_at.map_or(now, |at| at.max(now));
        let takes = match kbit_per_s {
            0 => Duration::ZERO,
            rate => Duration::from_micros(datagram.len() as u64 * 8000 / rate),
        };
        waiting.free_at = Some(begins + takes);
        // A line that was made shorter overtakes nobody.
        let last = waiting.datagrams.back().map_or(now, |(due, ..)| *due);
        waiting.datagrams.push_back(((begins + takes + delay).max(last), datagram.to_vec(), route));
        waiting.bytes += datagram.len();
        self.waiting.1.notify_one();
        true
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        lock(&self.waiting.0).is_over = true;
        self.waiting.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry((mutex, changed): &(Mutex<Waiting>, Condvar)) {
    let mut waiting = lock(mutex);
    while !waiting.is_over {
        let now = Instant::now();
        let wait = match waiting.datagrams.front() {
            Some((due, ..)) if *due <= now => {
                if let Some((_, datagram, route)) = waiting.datagrams.pop_front() {
                    waiting.bytes -= datagram.len();
                    route.send(&datagram);
                }
                continue;
            }
            Some((due, ..)) => *due - now,
            None => Duration::from_millis(RELAY_WAKE_MS_MIN),
        };
        waiting =
            changed.wait_timeout(waiting, wait).map_or_else(|error| error.into_inner().0, |(kept, _)| kept);
    }
}
