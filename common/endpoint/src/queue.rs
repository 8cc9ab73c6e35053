//! Who is answered next: one question at a time, in the order they came, and so many wait. Used by `server`.
//!
//! Invariant: a client that goes away while it waits leaves its place at once; turn and place go with the
//! job, so that both end when the model is free, however slowly its client reads.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::chat::request::Question;
use crate::error::EndpointError;
use crate::job::{Job, Told};
use crate::limits::{QUEUE_MS_MAX, WAITING_MAX};

/// The line before the model.
#[derive(Debug)]
pub struct Queue {
    /// One who is answered and those who wait. Permits are given in the order they were asked for.
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
    /// What is known of the model since it is ready.
    ready: OnceLock<Map<String, Value>>,
}

impl Queue {
    /// A queue, and where the model's side takes jobs from.
    #[must_use]
    pub fn new() -> (Arc<Self>, mpsc::Receiver<Job>) {
        let (jobs, taken) = mpsc::channel(1);
        let queue = Self {
            places: Arc::new(Semaphore::new(WAITING_MAX + 1)),
            turn: Arc::new(Semaphore::new(1)),
            jobs,
            ready: OnceLock::new(),
        };
        (Arc::new(queue), taken)
    }

    /// From now on questions are taken. `more` are fields of our own that the list of models has from now on,
    /// besides [`crate::Settings`]'s: what is known of the answers only when all is read.
    pub fn open(&self, more: Map<String, Value>) {
        // It stays as it was opened first.
        let _ = self.ready.set(more);
    }

    /// Those fields, once it is open.
    pub(crate) fn more(&self) -> Option<&Map<String, Value>> {
        self.ready.get()
    }

    /// Whether questions are taken.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ready.get().is_some()
    }

    /// Waits for the turn and asks.
    pub(crate) async fn ask(&self, question: Question) -> Result<mpsc::Receiver<Told>, EndpointError> {
        if !self.is_open() {
            return Err(EndpointError::Loading);
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| EndpointError::Full)?;
        let turn = timeout(Duration::from_millis(QUEUE_MS_MAX), Arc::clone(&self.turn).acquire_owned())
            .await
            .map_err(|_| EndpointError::WaitedTooLong)?
            .map_err(|_| EndpointError::Stopping)?;
        let (job, told) = Job::new(question, turn, place);
        self.jobs.send(job).await.map_err(|_| EndpointError::Stopping)?;
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Finish, Usage};

    #[tokio::test]
    async fn questions_are_answered_one_by_one_in_their_order_and_one_too_many_is_refused() {
        let (queue, mut jobs) = Queue::new();
        let question = |name: usize| Question { model: name.to_string(), ..Question::default() };
        assert_eq!(queue.ask(question(0)).await.err(), Some(EndpointError::Loading));
        queue.open(Map::new());
        let mut asked = Vec::new();
        for name in 0..=WAITING_MAX {
            let queue = Arc::clone(&queue);
            asked.push(tokio::spawn(async move { queue.ask(question(name)).await }));
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.ask(question(99)).await.err(), Some(EndpointError::Full));
        // One who waits goes away: its place is free, and it is passed over.
        asked[3].abort();
        let job = jobs.recv().await.unwrap();
        assert_eq!(job.question.model, "0");
        tokio::task::yield_now().await;
        assert!(jobs.try_recv().is_err(), "the next one waits for the end of this one");
        job.say.end(Usage::default(), Finish::Stop);
        // Two places are free: that of who went away, and the answered one's, though nobody has read its
        // answer yet.
        let late = [97, 98].map(|name| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.ask(question(name)).await })
        });
        tokio::task::yield_now().await;
        assert!(late.iter().all(|late| !late.is_finished()), "they wait");
        for name in [1, 2, 4, 5] {
            let job = jobs.recv().await.unwrap();
            assert_eq!(job.question.model, name.to_string());
        }
    }
}
