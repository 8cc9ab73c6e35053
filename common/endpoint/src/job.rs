//! A question on its way to the model, and what is said back. Used by `server` and by whoever has the model.
//!
//! Invariants: of an answer that is held nothing leaves before it is given or withheld as a whole; a client
//! that is gone, a stop text and the deadline are noticed at the next part of an answer, and so not while
//! the model still reads the prompt; a client that reads slowly holds nobody up, because so many parts as an
//! answer may have fit in between; turn and place are given up when the job is dropped, so that the next
//! question waits for the model and for nothing else.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};
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
    /// It was withheld; another text stands in its place.
    Withheld,
}

/// Tokens that were read and made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub completion_tokens: usize,
}

/// How an answer ended, and what is said of it besides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    pub(crate) usage: Usage,
    pub(crate) finish: Finish,
    /// Fields of our own, beside OpenAI's; none where it is empty.
    pub(crate) more: Map<String, Value>,
    /// Whether the model was asked with texts that are not part of the conversation.
    pub(crate) has_sources: bool,
}

/// What the model's side tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// The prompt can be used: an answer will come.
    Began,
    /// A part of the answer, in whole characters.
    Text(String),
    /// A text behind the answer that is not the model's: it is shown, and never kept as what was answered.
    Note(String),
    /// The end.
    Ended(End),
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
    /// What was sent.
    said: String,
    /// An answer that is not sent yet.
    held: Option<String>,
    is_withheld: bool,
    more: Map<String, Value>,
    has_sources: bool,
    /// Kept until the model is free again: the turn, and the place among those who wait.
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
        // One part for each token, the rest of the text twice, a note, the beginning and the end.
        let (to, heard) = mpsc::channel(ANSWER_TOKENS_MAX + 6);
        let stop = StopFilter::new(question.stop.clone());
        let until = Instant::now() + Duration::from_millis(ANSWER_MS_MAX);
        let say = Say {
            to,
            stop,
            until,
            said: String::new(),
            held: None,
            is_withheld: false,
            more: Map::new(),
            has_sources: false,
            _turn: turn,
            _place: place,
        };
        (Self { question, say }, heard)
    }
}

impl Say {
    /// Whether anybody still waits for the answer and there is time for it.
    #[must_use]
    pub fn go(&self) -> Go {
        let is_over = self.to.is_closed() || self.stop.is_over() || self.is_late();
        if is_over { Go::Stop } else { Go::On }
    }

    /// Whether nobody will get the answer, whole or not: its client is gone, or its time is over. Then what
    /// was made of it is a stump.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.to.is_closed() || (self.is_late() && !self.stop.is_over())
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
        match &mut self.held {
            Some(held) => held.push_str(&certain),
            None => self.tell_text(certain),
        }
        self.go()
    }

    /// From now on nothing of the answer is sent before [`Self::give`].
    pub fn hold(&mut self) {
        self.held = Some(String::new());
    }

    /// The whole answer that is held, as its client would get it. No part comes behind it.
    pub fn held(&mut self) -> &str {
        let rest = self.stop.finish();
        self.held.as_mut().map_or("", |held| {
            held.push_str(&rest);
            held.as_str()
        })
    }

    /// Sends what is held.
    pub fn give(&mut self) {
        if let Some(held) = self.held.take() {
            self.tell_text(held);
        }
    }

    /// Throws away what is held, and sends another text in its place.
    pub fn withhold(&mut self, instead: &str) {
        self.held = None;
        self.is_withheld = true;
        self.tell_text(instead.to_owned());
    }

    /// The whole answer as it was sent. No part comes behind it.
    pub fn said(&mut self) -> &str {
        let rest = self.stop.finish();
        self.tell_text(rest);
        &self.said
    }

    /// A text behind the whole answer, which is not the model's: no stop text is looked for in it, and it is
    /// no part of what is kept where the answer is rated.
    pub fn note(&mut self, text: &str) {
        self.said();
        self.tell(Told::Note(text.to_owned()));
    }

    /// A field of our own beside OpenAI's, at the end of the answer.
    pub fn add(&mut self, name: &str, value: Value) {
        self.more.insert(name.to_owned(), value);
    }

    /// The model is asked with texts that are not part of the conversation: such an answer is nothing to
    /// learn from without them.
    pub fn has_sources(&mut self) {
        self.has_sources = true;
    }

    /// The end of the answer.
    pub fn end(mut self, usage: Usage, finish: Finish) {
        let is_stopped = self.stop.is_over();
        if self.is_late() && !is_stopped {
            return self.tell(Told::Failed(EndpointError::TookTooLong));
        }
        self.said();
        let finish = match (self.is_withheld, is_stopped) {
            (true, _) => Finish::Withheld,
            (false, true) => Finish::StopText,
            (false, false) => finish,
        };
        let (more, has_sources) = (std::mem::take(&mut self.more), self.has_sources);
        self.tell(Told::Ended(End { usage, finish, more, has_sources }));
    }

    /// There is no answer, or no more of it.
    pub fn fail(self, error: EndpointError) {
        self.tell(Told::Failed(error));
    }

    fn tell_text(&mut self, text: String) {
        self.said.push_str(&text);
        if !text.is_empty() {
            self.tell(Told::Text(text));
        }
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
                Told::Text(part) | Told::Note(part) => text.push_str(&part),
                Told::Ended(end) => finish = Some(end.finish),
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
        assert!(one.say.text("x") == Go::Stop && one.say.is_given_up());
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
    fn of_a_held_answer_nothing_leaves_before_it_is_given_or_withheld() {
        for is_given in [true, false] {
            let (mut job, mut heard, _) = job(&["END"]);
            job.say.hold();
            assert_eq!(job.say.text("one E"), Go::On);
            assert!(heard.try_recv().is_err(), "nothing is sent yet");
            job.say.text(" two");
            assert!(heard.try_recv().is_err() && !job.say.is_given_up());
            assert_eq!(job.say.held(), "one E two");
            if is_given {
                job.say.give()
            } else {
                job.say.withhold("no")
            }
            assert_eq!(job.say.said(), if is_given { "one E two" } else { "no" });
            job.say.note("\nEND");
            assert!(!job.say.said().contains("END"), "a note is no part of what was said");
            job.say.add("rules", Value::from(1));
            job.say.end(Usage::default(), Finish::Length);
            let expected = if is_given {
                ("one E two\nEND".to_owned(), Some(Finish::Length))
            } else {
                ("no\nEND".to_owned(), Some(Finish::Withheld))
            };
            assert_eq!(text(&mut heard), expected);
        }
        // What a stop text cuts off is no part of what is checked, and what it may have begun with is.
        let (mut job, _heard, _) = job(&["END"]);
        job.say.hold();
        assert_eq!((job.say.text("one END two"), job.say.held()), (Go::Stop, "one "));
        job.say.until = Instant::now();
        assert!(!job.say.is_given_up(), "it was whole before its time was over");
    }

    #[test]
    fn an_answer_that_took_too_long_is_an_error() {
        let (mut late, mut heard, _) = job(&[]);
        late.say.until = Instant::now();
        assert!(late.say.text("x") == Go::Stop && late.say.is_given_up());
        late.say.end(Usage::default(), Finish::Stop);
        assert!(matches!(heard.try_recv(), Ok(Told::Text(_))));
        assert!(matches!(heard.try_recv(), Ok(Told::Failed(EndpointError::TookTooLong))));
    }
}
