//! The socket, the signals and the end of `site-agent serve`. Called by `serve`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use endpoint::Endpoint;
use endpoint::limits::{ANSWER_TOKENS_MAX, NAME_BYTES_MAX};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::error::SiteError;

/// The name of the model, as it stands in requests.
pub(super) fn name(given: Option<&str>, folder: &Path) -> Result<String, SiteError> {
    let of_folder = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = given.map(str::to_owned).or(of_folder).unwrap_or_default();
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "-_.:/".contains(sign);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_sign) {
        return Ok(name);
    }
    let sentence = format!("a model's name has 1 to {NAME_BYTES_MAX} of the signs A-Z a-z 0-9 - _ . : /");
    Err(SiteError::data(&sentence, "name it with --name"))
}

/// The longest answer where a request does not say.
pub(super) fn max_tokens(given: usize) -> Result<usize, SiteError> {
    if (1..=ANSWER_TOKENS_MAX).contains(&given) {
        return Ok(given);
    }
    let sentence = format!("--max-tokens is {given}; it must be from 1 to {ANSWER_TOKENS_MAX}");
    Err(SiteError::data(&sentence, "512 is about a page of text"))
}

/// The one socket.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, SiteError> {
    endpoint::listen(address).map_err(|error| {
        let sentence = format!("cannot listen at {address}: {error}");
        let hint = match error.kind() {
            std::io::ErrorKind::InvalidInput => {
                "take 127.0.0.1:PORT; for other machines put a server with TLS and accounts in front, on this one"
            }
            std::io::ErrorKind::AddrInUse => "take another port, for instance --listen 127.0.0.1:8081",
            _ => "take another address or port with --listen",
        };
        SiteError::data(&sentence, hint)
    })
}

/// Answers until a signal comes or the model's thread ends.
pub(super) fn serve(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    model: oneshot::Receiver<Result<(), SiteError>>,
) -> Result<(), SiteError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| SiteError::Internal(source.to_string()))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener);
        let listener = listener.map_err(|source| SiteError::Internal(source.to_string()))?;
        let (stop, stopped) = watch::channel(false);
        let mut signals = Signals::new()?;
        let mut served = std::pin::pin!(endpoint::serve(listener, endpoint, stopped));
        tokio::select! {
            result = served.as_mut() => return result.map_err(ours),
            ended = model => return ended.unwrap_or_else(|_| Err(thread_died())),
            () = signals.next() => {}
        }
        super::saying::say("ending: no more questions are taken; again to end at once");
        let _ = stop.send(true);
        tokio::select! {
            result = served => result.map_err(ours),
            () = signals.next() => Ok(()),
        }
    })
}

fn ours(error: endpoint::EndpointError) -> SiteError {
    SiteError::Internal(error.to_string())
}

fn thread_died() -> SiteError {
    SiteError::Internal("the thread with the model ended".into())
}

/// Ctrl-C, SIGTERM, and the end of the terminal.
struct Signals([tokio::signal::unix::Signal; 3]);

impl Signals {
    fn new() -> Result<Self, SiteError> {
        let wait = |kind| {
            signal(kind).map_err(|source| SiteError::Internal(format!("cannot wait for signals: {source}")))
        };
        Ok(Self([
            wait(SignalKind::interrupt())?,
            wait(SignalKind::terminate())?,
            wait(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_or_the_folders() {
        assert_eq!(name(None, Path::new("/srv/adapter")).unwrap(), "adapter");
        assert_eq!(name(Some("org/m:1"), Path::new("/srv/adapter")).unwrap(), "org/m:1");
        for bad in ["", "a b", "模型", &"x".repeat(NAME_BYTES_MAX + 1)] {
            assert!(name(Some(bad), Path::new("/srv/adapter")).is_err(), "{bad}");
        }
        assert!(name(None, Path::new("/")).unwrap_err().hint().unwrap().contains("--name"));
        assert!(max_tokens(0).is_err() && max_tokens(ANSWER_TOKENS_MAX + 1).is_err());
        assert_eq!(max_tokens(ANSWER_TOKENS_MAX).unwrap(), ANSWER_TOKENS_MAX);
    }

    #[test]
    fn an_address_of_other_machines_is_refused_with_the_way_out() {
        let refused = listen("0.0.0.0:0".parse().unwrap()).unwrap_err();
        assert!(refused.is_user_error() && refused.hint().unwrap().contains("TLS"));
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = listen(taken.local_addr().unwrap()).unwrap_err();
        assert!(refused.hint().unwrap().contains("--listen 127.0.0.1:8081"));
    }
}
