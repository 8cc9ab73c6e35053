//! The answering side of the admin socket, and of `afar`: one task per command. Called by `server` when
//! `serve` starts; `runs`, `sites` and `books` do what is asked. Invariants: a command is one bounded line,
//! read within a bounded time; `rules` says who may ask it, and what changes anything is in the log of acts
//! before it is done.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use certs::ReceiptSigningKey;
use common::clock::Clock;
use common::limits::LOCAL_MESSAGE_BYTES_MAX;
use common::net::Connections;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::books::Books;
use super::holders;
use super::lines::{Reader, Writer, write};
use super::message::{Answer, Command};
use super::report::{self, RunReport};
use super::rules::{self, Kind, May};
use super::signing;
use crate::admin::acts::{Act, Acts, Draft, Step, Who, recorded_async};
use crate::blocking::blocking;
use crate::enrolment::keeper::KeeperHandle;
use crate::enrolment::lists::Lists;
use crate::error::{Error, Result};
use crate::evaluate::Evaluator;
use crate::execution::driver::Driver;
use crate::execution::launch::hand::Hand;
use crate::execution::performer::Performer;
use crate::execution::presence::Presence;
use crate::execution::runs::Runs;
use crate::limits::{
    ACCEPT_WAIT_MS_MIN, COMMAND_READ_MS_MAX, OPERATORS_MAX, REPORT_LINE_ROUNDS_MAX, WATCH_PACE_MS_MIN,
    WATCH_WAIT_MS_MAX,
};
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs};
use crate::store::Store;

/// Everything an operator's command may need.
pub struct Admin {
    /// Where things are.
    pub folder: Arc<StateFolder>,
    /// Facts.
    pub store: Arc<Store>,
    /// Run states.
    pub runs: Runs,
    /// Where events go.
    pub driver: Driver,
    /// Live connections, cut when their site is revoked.
    pub connections: Connections,
    /// Who is there.
    pub presence: Arc<Presence>,
    /// What does not succeed at the moment.
    pub performer: Performer,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Describes models.
    pub evaluator: Evaluator,
    /// Signs manifests.
    pub receipts: Arc<ReceiptSigningKey>,
    /// Who keeps the authority's key.
    pub keys: KeeperHandle,
    /// What counts no more, for who asks.
    pub lists: Arc<Lists>,
    /// Live connections of operators and auditors, cut when one is revoked.
    pub admins: Connections,
    /// Who asked for what.
    pub acts: Arc<Acts>,
}

/// Opens the socket, closed to everybody else from its first moment.
///
/// # Errors
/// The socket cannot be created or closed to others.
pub fn listen(folder: &StateFolder) -> Result<UnixListener> {
    let path = &folder.socket();
    // We hold the folder's lock, so a socket that is there belongs to nobody.
    blobs::remove(path)?;
    let (_folder, short) = folder.short_socket()?;
    let listener = UnixListener::bind(short).map_err(Error::io("create the socket", path))?;
    // Between bind and this line the folder's mode 0700 keeps others out.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(Error::io("close", path))?;
    Ok(listener)
}

impl Admin {
    /// Answers until the task is dropped.
    pub async fn serve(self: Arc<Self>, listener: UnixListener) {
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if tasks.len() < OPERATORS_MAX => {
                        tasks.spawn(Arc::clone(&self).converse_here(stream));
                    }
                    Ok(_) => tracing::warn!("too many operators at once"),
                    Err(error) => {
                        tracing::warn!(%error, "admin socket");
                        tokio::time::sleep(Duration::from_millis(ACCEPT_WAIT_MS_MIN)).await;
                    }
                },
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            }
        }
    }

    async fn converse_here(self: Arc<Self>, mut stream: UnixStream) {
        // Who may open the socket owns the folder; the number is for the log.
        let Ok(credentials) = stream.peer_cred() else { return };
        let (reader, mut writer) = stream.split();
        self.converse(Who::Local { uid: credentials.uid() }, reader, &mut writer).await;
    }

    /// Reads a command of `who` and answers it.
    pub(super) async fn converse(
        &self,
        who: Who,
        reader: impl AsyncRead + Unpin + Send,
        writer: &mut Writer<'_>,
    ) {
        let mut line = Vec::new();
        let mut reader = BufReader::new(reader.take(LOCAL_MESSAGE_BYTES_MAX as u64));
        let read = tokio::time::timeout(
            Duration::from_millis(COMMAND_READ_MS_MAX),
            reader.read_until(b'\n', &mut line),
        )
        .await;
        if !matches!(read, Ok(Ok(length)) if length > 0) {
            return;
        }
        let command = match serde_json::from_slice(&line) {
            Ok(command) => command,
            Err(error) => {
                let error = Error::Internal(format!("unreadable command: {error}"));
                let _ = write(writer, &Answer::from(&error)).await;
                return;
            }
        };
        // A caller that went away needs no answer.
        let _ = match (self.decide(&who, &command).await, command) {
            (Err(error), _) => write(writer, &Answer::from(&error)).await,
            (Ok(()), Command::Watch { run }) => self.watch(&run, writer).await,
            (Ok(()), Command::Status { run }) => self.status(run.as_deref(), writer).await,
            (Ok(()), command) => {
                let command = rules::as_asked_by(command, who.by());
                self.work(who, command, &mut reader, writer).await
            }
        };
    }

    /// Whether `who` may ask this; a refusal is written down where the command would have changed something.
    async fn decide(&self, who: &Who, command: &Command) -> Result<()> {
        let (may, verb, typed) = Kind::of(command).rule();
        if may.allows(who.by()) {
            return Ok(());
        }
        if let Some(verb) = verb {
            let now = self.clock.now();
            self.acts.quota().take(who, verb, Step::Refused, 1, now)?;
            // A file of this machine that somebody names from afar is not even looked at.
            let act = if may == May::Here { Some(Act::of(verb)) } else { self.act(command).await? };
            let Some(act) = act else { return Err(rules::refusal(command, who.by())) };
            let (acts, who) = (Arc::clone(&self.acts), who.clone());
            blocking(move || acts.note(&Draft { who: &who, act: &act, step: Step::Refused, of: None }, now))
                .await?;
        }
        tracing::warn!(who = who.name(), by = ?who.by(), command = typed, "refused: not for this role");
        Err(rules::refusal(command, who.by()))
    }

    async fn act(&self, command: &Command) -> Result<Option<Act>> {
        let (command, runs) = (command.clone(), self.runs.clone());
        blocking(move || Ok(rules::act(&command, Some(&runs)))).await
    }

    /// Answers a command; says now and then that it is at work, so that the asker knows a living coordinator
    /// from one that stands still. What an operator elsewhere launches goes to them to be signed.
    async fn work(
        &self,
        who: Who,
        command: Command,
        reader: &mut Reader<'_>,
        writer: &mut Writer<'_>,
    ) -> io::Result<()> {
        let (hand, mut asked) = match who.certificate().map(Hand::of) {
            Some((hand, asked)) => (Some(hand), asked),
            None => (None, tokio::sync::mpsc::channel(1).1),
        };
        let mut answer = std::pin::pin!(self.recorded(who, command, hand));
        loop {
            tokio::select! {
                answer = &mut answer => {
                    return write(writer, &answer.unwrap_or_else(|error| Answer::from(&error))).await;
                }
                Some(ask) = asked.recv() => {
                    let signed = signing::ask(&ask, reader, writer).await;
                    // Whoever waits for it may have given up.
                    let _ = ask.reply.send(signed);
                }
                () = tokio::time::sleep(Duration::from_millis(WATCH_WAIT_MS_MAX)) => {
                    // Whoever asked may be gone; what was begun is done all the same.
                    let _ = write(writer, &Answer::Working).await;
                }
            }
        }
    }

    /// Answers; of what changes anything only between its two lines in the log of acts.
    async fn recorded(&self, who: Who, command: Command, hand: Option<Hand>) -> Result<Answer> {
        let hand = hand.as_ref();
        let Some(act) = self.act(&command).await? else { return self.answer(command, hand).await };
        let now = self.clock.now();
        self.acts.quota().take(&who, act.verb, Step::Asked, 2, now)?;
        let made = |answer: &Answer| match answer {
            Answer::Launched { run, .. } => run.parse().ok(),
            _ => None,
        };
        recorded_async(&self.acts, who, act, now, self.answer(command, hand), made).await
    }

    async fn answer(&self, command: Command, hand: Option<&Hand>) -> Result<Answer> {
        match command {
            Command::Launch { run_file, queue } => self.launch(&run_file, queue, hand).await,
            Command::LaunchText { text, queue } => self.launch_text(&text, queue, hand).await,
            Command::Resume { run, model } => self.resume(&run, model, hand).await,
            Command::Evaluate { run, model, test } => self.evaluate(&run, model, test).await,
            Command::Sites => self.sites().await,
            Command::Stop { run, after_round: false } => self.stop(&run).await,
            Command::Stop { run, after_round: true } => self.stop_after_round(&run).await,
            Command::Extend { run, by_ms } => self.extend(&run, by_ms).await,
            Command::Revoke { site } => self.revoke(&site).await,
            Command::Authority { order } => Ok(Answer::Authority { done: self.keys.order(order).await? }),
            Command::Change { site, change } => self.change(&site, change).await,
            Command::RevokeOperator { name } => {
                let answer = self.books(Command::RevokeOperator { name: name.clone() }).await?;
                let closed = name.parse().map_or(0, |name| holders::close_all(&self.admins, &name, None));
                self.look_at_list().await?;
                tracing::warn!(name, closed, "operator or auditor revoked");
                Ok(answer)
            }
            Command::Revocations => {
                // Signed anew where there is something new; where none can be signed, `books` shows the last.
                let (lists, now) = (Arc::clone(&self.lists), self.clock.now());
                blocking(move || Ok(lists.newest(now).is_ok())).await?;
                self.books(Command::Revocations).await
            }
            Command::Status { .. } | Command::Watch { .. } => {
                Err(Error::Internal("reports are answered elsewhere".into()))
            }
            command => self.books(command).await,
        }
    }

    /// Has another revocation list signed where there is something new.
    async fn look_at_list(&self) -> Result<()> {
        let (lists, now) = (Arc::clone(&self.lists), self.clock.now());
        let look = move || {
            lists.look(now);
            Ok(())
        };
        blocking(look).await
    }

    /// What the state folder answers.
    async fn books(&self, command: Command) -> Result<Answer> {
        let (folder, store, acts) =
            (Arc::clone(&self.folder), Arc::clone(&self.store), Arc::clone(&self.acts));
        let (runs, now) = (self.runs.clone(), self.clock.now());
        blocking(move || {
            let books = Books { folder: &folder, store: &store, acts: &acts, runs: Some(&runs), now };
            books.answer(&command)?.ok_or_else(|| Error::Internal("nobody answers this command".into()))
        })
        .await
    }

    async fn status(&self, run: Option<&str>, writer: &mut Writer<'_>) -> io::Result<()> {
        match self.runs.choose(run) {
            Ok(state) => self.report(state, 0, writer).await.map(|_| ()),
            Err(error) => write(writer, &Answer::from(&error)).await,
        }
    }

    async fn watch(&self, run: &str, writer: &mut Writer<'_>) -> io::Result<()> {
        let mut changes = self.runs.subscribe();
        let run = match self.runs.choose(Some(run)) {
            Ok(state) => state.launched.run,
            Err(error) => return write(writer, &Answer::from(&error)).await,
        };
        let mut sent = 0;
        loop {
            // Before the look: what changes after it wakes us.
            changes.mark_unchanged();
            let Some(state) = self.runs.find(run) else { break };
            let over = state.is_over();
            // Of what was sent only the last round may have changed since.
            sent = self.report(state, sent.max(1) - 1, writer).await?;
            if over {
                break;
            }
            tokio::time::sleep(Duration::from_millis(WATCH_PACE_MS_MIN)).await;
            // Also without a change now and then, so that a caller that went away is noticed.
            let _ = tokio::time::timeout(Duration::from_millis(WATCH_WAIT_MS_MAX), changes.changed()).await;
        }
        Ok(())
    }

    /// Sends a report with its rounds from number `keep` (counted from 0) on. Returns how many rounds there
    /// are.
    async fn report(&self, state: Arc<RunState>, keep: usize, writer: &mut Writer<'_>) -> io::Result<usize> {
        let (store, runs) = (Arc::clone(&self.store), self.runs.clone());
        let trouble = self.performer.trouble().filter(|trouble| trouble.run == state.launched.run);
        let now = self.clock.now();
        let report = blocking(move || report::run_report(&store, &runs, &state, keep, now)).await;
        let mut report = match report {
            Ok(report) => Box::new(RunReport { trouble, ..report }),
            Err(error) => return write(writer, &Answer::from(&error)).await.map(|()| 0),
        };
        let rounds = std::mem::take(&mut report.history);
        let (follow, all) = (rounds.len(), keep + rounds.len());
        write(writer, &Answer::Run { report, keep, follow }).await?;
        for rounds in rounds.chunks(REPORT_LINE_ROUNDS_MAX) {
            write(writer, &Answer::Rounds { rounds: rounds.to_vec() }).await?;
        }
        Ok(all)
    }
}
