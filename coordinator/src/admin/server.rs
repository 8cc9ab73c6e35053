//! The answering side of the admin socket: one task per connection. Called by `server` when `serve` starts.
//! Invariants: a command is one bounded line, read within a bounded time, and checked against the same rules
//! as any other input.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use certs::PeerCertificate;
use common::clock::{Clock, Timestamp};
use common::id::SiteId;
use common::limits::LOCAL_MESSAGE_BYTES_MAX;
use common::net::Connections;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::message::{Answer, Command};
use super::report;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::Evaluator;
use crate::execution::driver::Driver;
use crate::execution::launch;
use crate::execution::runs::Runs;
use crate::limits::{ACCEPT_WAIT_MS_MIN, COMMAND_READ_MS_MAX, OPERATORS_MAX, WATCH_WAIT_MS_MAX};
use crate::round::event::Event;
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs, parts};
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
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Describes models.
    pub evaluator: Evaluator,
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
                        tasks.spawn(Arc::clone(&self).converse(stream));
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

    async fn converse(self: Arc<Self>, mut stream: UnixStream) {
        let (reader, mut writer) = stream.split();
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
        let answer = match serde_json::from_slice(&line) {
            Ok(Command::Watch { run }) => match self.watch(&run, &mut writer).await {
                Ok(()) => return,
                Err(error) => Answer::from(&error),
            },
            Ok(command) => self.answer(command).await.unwrap_or_else(|error| Answer::from(&error)),
            Err(error) => Answer::from(&Error::Internal(format!("unreadable command: {error}"))),
        };
        // A caller that went away needs no answer.
        let _ = write(&mut writer, &answer).await;
    }

    async fn answer(&self, command: Command) -> Result<Answer> {
        match command {
            Command::Launch { run_file } => {
                let launched =
                    launch::prepare(&self.folder, &self.store, &self.runs, &run_file, &self.evaluator)
                        .await?;
                let run = launched.run.to_string();
                self.driver.launch(launched).await?;
                Ok(Answer::Launched { run })
            }
            Command::Status { run } => self.report(self.runs.choose(run.as_deref())?).await,
            Command::Stop { run } => {
                let state = self.runs.choose(Some(&run))?;
                if state.is_over() {
                    let message = format!("run {} is already over", state.launched.run);
                    return Err(Error::Argument {
                        message,
                        hint: "`coordinator runs` lists the runs".into(),
                    });
                }
                self.driver.submit(state.launched.run, Event::Stopped).await?;
                Ok(Answer::Done)
            }
            Command::Revoke { site } => self.revoke(&site).await,
            Command::Watch { .. } => Err(Error::Internal("watch is answered elsewhere".into())),
        }
    }

    async fn report(&self, state: Arc<RunState>) -> Result<Answer> {
        let store = Arc::clone(&self.store);
        let report = blocking(move || report::run_report(&store, &state)).await?;
        Ok(Answer::Run { report: Box::new(report) })
    }

    async fn watch(&self, run: &str, writer: &mut (impl tokio::io::AsyncWrite + Unpin)) -> Result<()> {
        let mut changes = self.runs.subscribe();
        let run = self.runs.choose(Some(run))?.launched.run.to_string();
        loop {
            changes.mark_unchanged();
            let state = self.runs.choose(Some(&run))?;
            let over = state.is_over();
            let answer = self.report(state).await?;
            if write(writer, &answer).await.is_err() || over {
                return Ok(());
            }
            // Also without a change now and then, so that a caller that went away is noticed.
            let _ = tokio::time::timeout(Duration::from_millis(WATCH_WAIT_MS_MAX), changes.changed()).await;
        }
    }

    /// First the database (no new request is let in), then the scheduler, then live connections.
    async fn revoke(&self, name: &str) -> Result<Answer> {
        let site: SiteId = name.parse().map_err(|_| Error::UnknownSite(name.chars().take(64).collect()))?;
        let (folder, store) = (Arc::clone(&self.folder), Arc::clone(&self.store));
        let (who, now) = (site.clone(), self.clock.now());
        blocking(move || revoke_in(&folder, &store, &who, now)).await?;
        if let Some(state) = self.runs.active() {
            self.driver.submit(state.launched.run, Event::SiteRevoked { site: site.clone() }).await?;
        }
        let closed = self.connections.close_where(|peer| {
            let certificate = PeerCertificate::from_der(&peer.certificate_der);
            certificate.is_ok_and(|certificate| certificate.is_of(site.as_str()))
        });
        tracing::warn!(%site, closed, "site revoked");
        Ok(Answer::Done)
    }
}

/// Revokes a site in the database and frees what its unfinished uploads hold, with or without a running
/// coordinator.
pub(crate) fn revoke_in(folder: &StateFolder, store: &Store, site: &SiteId, now: Timestamp) -> Result<()> {
    if !store.sites()?.iter().any(|row| &row.name == site) {
        return Err(Error::UnknownSite(site.to_string()));
    }
    store.revoke(site, now)?;
    // What cannot be freed now stands in the way of nothing: it goes when the round ends.
    match parts::remove(folder, Some(site)) {
        Ok(freed) => tracing::info!(%site, freed, "unfinished uploads of the site are gone"),
        Err(error) => tracing::warn!(%site, %error, "cannot free unfinished uploads of the site"),
    }
    Ok(())
}

async fn write(writer: &mut (impl tokio::io::AsyncWrite + Unpin), answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
