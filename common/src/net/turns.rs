//! Whose turn it is: the requests of one connection that move files are handled one after the other, in the
//! order in which the site opened their streams, though several are on their way. Called by `server`.
//!
//! Invariants: a turn ends when it is dropped, however its stream ended; a request that moves no file keeps
//! nobody waiting once it has been read; at most as many turns are open as streams.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// The streams of a connection, counted as they come.
#[derive(Debug, Default)]
struct Open {
    next: u64,
    numbers: BTreeSet<u64>,
}

/// Gives turns out. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<watch::Sender<Open>>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Open::default())))
    }

    /// A turn behind all that were given out before.
    pub(super) fn take(&self) -> Turn {
        let mut number = 0;
        self.0.send_modify(|open| {
            number = open.next;
            open.next += 1;
            open.numbers.insert(number);
        });
        Turn { open: Arc::clone(&self.0), number }
    }
}

/// One stream's place.
#[derive(Debug)]
pub(super) struct Turn {
    open: Arc<watch::Sender<Open>>,
    number: u64,
}

impl Turn {
    /// Waits until all turns before this one are over.
    pub(super) async fn comes(&self) {
        // The sender is ours, so that it cannot be gone.
        let _ = self.open.subscribe().wait_for(|open| open.numbers.first() == Some(&self.number)).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.open.send_modify(|open| {
            open.numbers.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn turns_come_in_the_order_in_which_they_were_taken_whichever_ends_first() {
        let turns = Turns::new();
        let [first, second, third] = [turns.take(), turns.take(), turns.take()];
        first.comes().await;
        let waits = tokio::spawn(async move { third.comes().await });
        drop(first);
        yield_now().await;
        assert!(!waits.is_finished(), "the second has not had its turn");
        drop(second);
        waits.await.unwrap();
        turns.take().comes().await;
    }

    #[tokio::test]
    async fn a_turn_that_is_given_up_keeps_nobody_waiting() {
        let turns = Turns::new();
        let (first, second) = (turns.take(), turns.take());
        let task = tokio::spawn(async move {
            first.comes().await;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        second.comes().await;
    }
}
