//! Counts what was sent, beside the ledger: what the transport says of each connection, what this process
//! handed to the kernel, and what the kernel says that this network namespace sent. Called by `gateway`,
//! which starts it, by `connection`, which says when a line begins, was used and ends, and by `cli::line`.
//!
//! Invariants: a count is written after each frame that was answered, or sent ahead of an answer, and durably
//! every minute and when a line ends; nothing waits for a count and nothing fails because of one: what is not
//! counted is named as such by `ledger reconcile --wire`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use common::clock::Clock;
use common::counts::SentCount;
use common::net::sent_by_this_process;

use super::store::Store;
use super::store::lines::{Life, Line};
use crate::egress::LineCounter;
use crate::error::SiteError;
use crate::limits::{COUNT_INTERVAL_MS_MAX, COUNT_TRIES_MAX, KERNEL_COUNTERS_BYTES_MAX};

/// The kernel's own counts of UDP datagrams that this network namespace sent, opened before the locks.
#[derive(Debug)]
pub struct Kernel {
    version_4: File,
    version_6: Option<File>,
}

impl Kernel {
    /// `None` where the kernel does not say.
    #[must_use]
    pub fn open() -> Option<Self> {
        let version_4 = File::open("/proc/self/net/snmp").ok()?;
        Some(Self { version_4, version_6: File::open("/proc/self/net/snmp6").ok() })
    }

    /// Datagrams that all processes in this namespace sent. Several that one call sent, and that the kernel
    /// cuts apart later, are one.
    fn datagrams(&self) -> Option<u64> {
        let of_version_4 = datagrams_of_version_4(&read_whole(&self.version_4)?)?;
        let of_version_6 = match &self.version_6 {
            Some(file) => datagrams_of_version_6(&read_whole(file)?)?,
            None => 0,
        };
        of_version_4.checked_add(of_version_6)
    }
}

/// These files are made anew by each reading from their beginning.
fn read_whole(file: &File) -> Option<String> {
    let mut bytes = vec![0; KERNEL_COUNTERS_BYTES_MAX];
    let mut at = 0;
    while let Some(room) = bytes.get_mut(at..).filter(|room| !room.is_empty()) {
        match file.read_at(room, at as u64).ok()? {
            0 => break,
            count => at += count,
        }
    }
    bytes.truncate(at);
    String::from_utf8(bytes).ok()
}

/// Two lines of each protocol: the names, and the numbers.
fn datagrams_of_version_4(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split(' ').position(|name| name == "OutDatagrams")?;
    numbers.split(' ').nth(at)?.parse().ok()
}

/// A name and a number on each line.
fn datagrams_of_version_6(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Udp6OutDatagrams")?.trim().parse().ok())
}

/// Counts for the life of a process. Cheap to clone: all clones are one.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    store: Store,
    kernel: Option<Kernel>,
    life: Life,
    line: Option<(Line, LineCounter)>,
}

impl Meter {
    /// Begins to count, at so many records of the ledger.
    #[must_use]
    pub fn start(mut store: Store, kernel: Option<Kernel>, records: u64, now_ms: u64) -> Self {
        let seen = kernel.as_ref().and_then(Kernel::datagrams);
        let begun = store.begin_life(records, seen, now_ms).and_then(|id| {
            store.count_durably(false)?;
            Ok(id)
        });
        let id = begun.unwrap_or_else(|error| {
            uncounted(&error);
            0
        });
        let life = Life {
            id,
            began_ms: now_ms,
            counted_ms: now_ms,
            first: records,
            kernel: seen.map(|seen| (seen, seen)),
            ..Life::default()
        };
        Self(Arc::new(Mutex::new(Inner { store, kernel, life, line: None })))
    }

    /// An attempt to connect begins.
    pub fn tries(&self) {
        self.with(|inner| {
            inner.life.attempts += 1;
            Ok(())
        });
    }

    /// A connection stands; the ledger has so many records.
    pub fn opened(&self, counter: LineCounter, records: u64, now_ms: u64) {
        self.with(|inner| {
            inner.end(now_ms)?;
            let id = inner.store.begin_line(inner.life.id, records, now_ms)?;
            let line = Line {
                id,
                life: inner.life.id,
                opened_ms: now_ms,
                counted_ms: now_ms,
                first: records,
                counted: records,
                ..Line::default()
            };
            inner.line = Some((line, counter));
            Ok(())
        });
    }

    /// A frame was exchanged, or sent ahead of its answer; the ledger has so many records.
    pub fn used(&self, records: u64, now_ms: u64) {
        self.with(|inner| {
            if let Some((line, _)) = &mut inner.line {
                line.counted = records;
            }
            inner.count(now_ms)
        });
    }

    /// The connection is not used any more; the ledger has so many records.
    pub fn over(&self, records: u64, now_ms: u64) {
        self.with(|inner| {
            if let Some((line, _)) = &mut inner.line {
                line.counted = records;
            }
            inner.end(now_ms)
        });
    }

    /// Counts durably every minute, as long as this or another clone is there. Needs a runtime.
    pub fn count_every_minute(&self, clock: impl Clock + 'static) {
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(COUNT_INTERVAL_MS_MAX)).await;
                let Some(inner) = Weak::upgrade(&inner) else { return };
                // Not on the transport's thread: it waits for the disk.
                let now_ms = clock.now().0;
                let count = move || Self(inner).with(|inner| inner.count_durably(now_ms));
                let _ = tokio::task::spawn_blocking(count).await;
            }
        });
    }

    fn with(&self, work: impl FnOnce(&mut Inner) -> Result<(), SiteError>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut inner).unwrap_or_else(|error| uncounted(&error));
    }
}

impl Inner {
    fn count(&mut self, now_ms: u64) -> Result<(), SiteError> {
        // Both before the database is written: the transport goes on sending meanwhile.
        let (line, kernel) = (self.line.as_ref(), self.kernel.as_ref());
        let (of_line, sent, seen) = at_one_moment(
            sent_by_this_process(|| ()).0,
            || line.map(|(_, counter)| counter.read()),
            || sent_by_this_process(|| kernel.and_then(Kernel::datagrams)),
        );
        self.life.sent = sent;
        self.life.counted_ms = now_ms;
        self.life.kernel = self.life.kernel.zip(seen).map(|((first, _), last)| (first, last));
        if let (Some((line, _)), Some(count)) = (&mut self.line, of_line) {
            line.counted_ms = now_ms;
            line.count = count;
            self.store.count_line(line)?;
        }
        self.store.count_life(&self.life)
    }

    fn count_durably(&mut self, now_ms: u64) -> Result<(), SiteError> {
        self.store.count_durably(true)?;
        let counted = self.count(now_ms);
        self.store.count_durably(false)?;
        counted
    }

    fn end(&mut self, now_ms: u64) -> Result<(), SiteError> {
        // Attempts that came to nothing count, too.
        let Some((line, counter)) = &mut self.line else { return self.count(now_ms) };
        line.is_over = true;
        counter.close();
        let counted = self.count_durably(now_ms);
        self.line = None;
        counted
    }
}

/// What a connection and the process counted while nothing was sent between the two: what is on its way in
/// the last count before a power cut would else seem to have been sent beside the connection. The transport
/// holds a connection's lock while it sends, so the connection cannot be read while nobody may send; where it
/// sends each time, the last reading stands.
fn at_one_moment<L, K>(
    mut before: SentCount,
    line: impl Fn() -> L,
    process: impl Fn() -> (SentCount, K),
) -> (L, SentCount, K) {
    let mut tries = 0;
    loop {
        let of_line = line();
        let (after, seen) = process();
        tries += 1;
        if before == after || tries == COUNT_TRIES_MAX {
            return (of_line, after, seen);
        }
        before = after;
    }
}

fn uncounted(error: &SiteError) {
    tracing::warn!("what was sent could not be counted, and `ledger reconcile --wire` will lack it: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Tcp: OutSegs\nTcp: 9\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 1 2 3 4711 5\nUdpLite: InDatagrams OutDatagrams\nUdpLite: 6 7\n";

    #[test]
    fn the_kernels_words_are_read_by_name() {
        assert_eq!(datagrams_of_version_4(SNMP), Some(4711));
        for odd in ["", "Udp: OutDatagrams\n", "Udp: OutDatagrams\nUdp: x\n", "Udp: In\nUdp: 1\n"] {
            assert_eq!(datagrams_of_version_4(odd), None, "{odd:?}");
        }
        let six = "Udp6InDatagrams                 \t1\nUdp6OutDatagrams                \t17\n";
        assert_eq!(datagrams_of_version_6(six), Some(17));
        assert_eq!(datagrams_of_version_6("Udp6OutDatagrams -1\n"), None);
    }

    #[test]
    fn the_kernel_counts_what_a_socket_of_this_process_sends() {
        let Some(kernel) = Kernel::open() else { return };
        let before = kernel.datagrams().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        assert!(kernel.datagrams().unwrap() > before);
    }

    #[test]
    fn a_connection_and_its_process_are_read_while_nothing_is_sent() {
        use std::cell::Cell;

        // So many times something is sent between the two.
        let read = |disturbed: u64| {
            let (sent, left, reads) = (Cell::new(1000_u64), Cell::new(disturbed), Cell::new(0_u32));
            let line = || {
                let counted = sent.get();
                if left.get() > 0 {
                    left.set(left.get() - 1);
                    sent.set(counted + 500);
                }
                counted
            };
            let process = || {
                reads.set(reads.get() + 1);
                (SentCount { bytes: sent.get(), ..SentCount::default() }, ())
            };
            let before = SentCount { bytes: sent.get(), ..SentCount::default() };
            let (of_line, of_process, ()) = at_one_moment(before, line, process);
            (of_process.bytes - of_line, reads.get())
        };
        assert_eq!(read(0), (0, 1));
        assert_eq!(read(3), (0, 4));
        assert_eq!(read(u64::MAX), (500, COUNT_TRIES_MAX), "and it ends");
    }

    #[test]
    fn a_life_is_counted_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.db");
        let meter = Meter::start(Store::open(&path).unwrap(), Kernel::open(), 7, 1000);
        meter.tries();
        meter.used(9, 2000);
        let lives = Store::open_to_read(&path).unwrap().lives().unwrap();
        let [life] = lives[..] else { panic!("{lives:?}") };
        assert_eq!((life.began_ms, life.counted_ms, life.first, life.attempts), (1000, 2000, 7, 1));
        assert!(Store::open_to_read(&path).unwrap().lines().unwrap().is_empty(), "no connection stood");
    }
}
