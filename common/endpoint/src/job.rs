//! A question on its way to the model, and what is said back. Used by `server` and by whoever has the model.
//!
//! Invariants: a client that is gone, a stop text and the deadline are noticed at the next part of an answer,
//! and so not while the model still reads the prompt;
//! a client that reads slowly holds nobody up, because so many parts as an answer may have fit in between;
//! turn and place are given up when the job is dropped, so that the next question waits for the model and
//! for nothing else.

use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::chat::request::Question;
use crate::error::EndpointError;
use crate::limits::{ANSWER_MS_MAX, ANSWER_TOKENS_MAX};
use crate::stop::StopFilter;

/// Whether to go on with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// There is somebody who wants more.
    On,
    /// No more is wanted.
    Stop,
}

/// Why an answer ended, in OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// By itself.
    Stop,
    /// At a text that ends it, which the client named.
    StopText,
    /// At its longest, or the model's.
    Length,
}

/// Tokens that were read and made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub completion_tokens: usize,
}

/// What the model's side tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// The prompt can be used: an answer will come.
    Began,
    /// A part of the answer, in whole characters.
    Text(String),
    /// The end.
    Ended(Usage, Finish),
    /// There is no answer, or no more of it.
    Failed(EndpointError),
}

/// One question, and where its answer goes.
#[derive(Debug)]
pub struct Job {
    /// What was asked.
    pub question: Question,
    /// Who hears the answer.
    pub say: Say,
}

/// Says an answer to whoever asked, and says whether they still want it.
#[derive(Debug)]
pub struct Say {
    to: mpsc::Sender<Told>,
    stop: StopFilter,
    until: Instant,
    /// Held until the model is free again: the turn, and the place among those who wait.
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Job {
    /// The job, and what is heard of it.
    pub(crate) fn new(
        question: Question,
        turn: OwnedSemaphorePermit,
        place: OwnedSemaphorePermit,
    ) -> (Self, mpsc::Receiver<Told>) {
        // One part for each token, the rest of the text, the beginning and the end.
        let (to, heard) = mpsc::channel(ANSWER_TOKENS_MAX + 4);
        let stop = StopFilter::new(question.stop.clone());
        let until = Instant::now() + Duration::from_millis(ANSWER_MS_MAX);
        (Self { question, say: Say { to, stop, until, _turn: turn, _place: place } }, heard)
    }
}

impl Say {
    /// Whether anybody still waits for the answer and there is time for it.
    #[must_use]
    pub fn go(&self) -> Go {
        let is_over = self.to.is_closed() || self.stop.is_over() || self.is_late();
        if is_over { Go::Stop } else { Go::On }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// The prompt can be used.
    pub fn begin(&self) {
        self.tell(Told::Began);
    }

    /// A part of the answer, in whole characters.
    pub fn text(&mut self, part: &str) -> Go {
        let certain = self.stop.push(part);
        if !certain.is_empty() {
            self.tell(Told::Text(certain));
        }
        self.go()
    }

    /// The end of the answer.
    pub fn end(mut self, usage: Usage, finish: Finish) {
        let is_stopped = self.stop.is_over();
        if self.is_late() && !is_stopped {
            return self.tell(Told::Failed(EndpointError::TookTooLong));
        }
        let rest = self.stop.finish();
        if !rest.is_empty() {
            self.tell(Told::Text(rest));
        }
        self.tell(Told::Ended(usage, if is_stopped { Finish::StopText } else { finish }));
    }

    /// There is no answer, or no more of it.
    pub fn fail(self, error: EndpointError) {
        self.tell(Told::Failed(error));
    }

    fn tell(&self, told: Told) {
        // It is closed where the client is gone; it is never full (see `new`).
        let _ = self.to.try_send(told);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn job(stop: &[&str]) -> (Job, mpsc::Receiver<Told>, Arc<Semaphore>) {
        let turns = Arc::new(Semaphore::new(1));
        let turn = Arc::clone(&turns).try_acquire_owned().unwrap();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
        let (job, heard) = Job::new(Question { stop, ..Question::default() }, turn, place);
        (job, heard, turns)
    }

    fn text(heard: &mut mpsc::Receiver<Told>) -> (String, Option<Finish>) {
        let (mut text, mut finish) = (String::new(), None);
        while let Ok(told) = heard.try_recv() {
            match told {
                Told::Text(part) => text.push_str(&part),
                Told::Ended(_, why) => finish = Some(why),
                Told::Began | Told::Failed(_) => {}
            }
        }
        (text, finish)
    }

    #[test]
    fn an_answer_ends_at_a_stop_text_and_the_turn_with_the_job() {
        let (mut job, mut heard, turns) = job(&["\n\n"]);
        assert_eq!(job.say.text("one\n"), Go::On);
        assert_eq!(job.say.text("\ntwo"), Go::Stop);
        assert_eq!(turns.available_permits(), 0);
        job.say.end(Usage::default(), Finish::Length);
        assert_eq!(text(&mut heard), ("one".into(), Some(Finish::StopText)));
        assert_eq!(turns.available_permits(), 1);
    }

    #[test]
    fn nobody_who_listens_ends_it_and_the_longest_answer_waits_for_a_slow_reader() {
        let (mut one, heard, _) = job(&[]);
        drop(heard);
        assert_eq!(one.say.text("x"), Go::Stop);
        let (mut slow, mut heard, _) = job(&[]);
        slow.say.begin();
        for _ in 0..ANSWER_TOKENS_MAX {
            assert_eq!(slow.say.text("字"), Go::On);
        }
        slow.say.end(Usage::default(), Finish::Length);
        let (text, finish) = text(&mut heard);
        assert_eq!((text.chars().count(), finish), (ANSWER_TOKENS_MAX, Some(Finish::Length)));
    }

    #[test]
    fn an_answer_that_took_too_long_is_an_error() {
        let (mut late, mut heard, _) = job(&[]);
        late.say.until = Instant::now();
        assert_eq!(late.say.text("x"), Go::Stop);
        late.say.end(Usage::default(), Finish::Stop);
        assert!(matches!(heard.try_recv(), Ok(Told::Text(_))));
        assert!(matches!(heard.try_recv(), Ok(Told::Failed(EndpointError::TookTooLong))));
    }
}
