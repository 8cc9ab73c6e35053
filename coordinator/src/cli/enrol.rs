//! `coordinator enrol`: from an invitation to a context on a person's own machine. Called by `cli`.
//! Invariants: the key is made here, is durable before it is used and never leaves; the coordinator is the
//! one that the invitation names; the answer is stored only when it is what the invitation promised.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certs::{CertError, IdentityKey, Invitation, Role, csr, profile, tls};
use common::clock::SystemClock;
use common::id::{Digest, SiteId};
use common::limits::HANDSHAKE_MS_MAX;
use common::net::client::resolve_all;
use common::net::{NetError, join};
use common::private::{self, line};
use common::wire::frame;
use common::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};
use common::wire::message::PROTOCOL_VERSION;
use serde_json::json;
use zeroize::Zeroizing;

use super::output;
use crate::admin::contexts::{Begun, Contexts, Entry};
use crate::error::{Error, Result};
use crate::limits::INVITATION_BYTES_MAX;

const MANUAL: &str = "\
Take an invitation of `coordinator operators invite`, on your own machine. Makes
a key, which never leaves it, checks that the coordinator is the one that the
invitation names, gets a certificate for the key, and stores all of it as a
context (`coordinator context list`). The line is read from standard input, or
from a file that only you can read; it is never an argument. If the connection
breaks, repeat the command with the same invitation.

Examples:
  coordinator enrol
  coordinator enrol --name trial --invitation-file FILE
  coordinator --context trial status";

/// Become an operator, auditor or witness, with an invitation
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Nothing: the invitation comes by standard input.
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
    /// What the context is called: 1 to 32 of a-z, 0-9 and `-`
    #[arg(long, value_name = "NAME", default_value = "main")]
    name: String,
    /// A file with the line, which only you can read [default: standard input]
    #[arg(long, value_name = "FILE")]
    invitation_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.words.is_empty() {
        return Err(Error::Argument {
            message: "an invitation must not stand in the command line: every user of this machine can read it there"
                .into(),
            hint: "ask for another one (this one may have been seen), and paste it when the command asks".into(),
        });
    }
    let name: SiteId = arguments.name.parse().map_err(|error: common::id::IdError| Error::Argument {
        message: error.to_string(),
        hint: "choose a short name for the context, such as main".into(),
    })?;
    let mut contexts = Contexts::open()?;
    let (role, invitation) = invitation(arguments.invitation_file.as_deref())?;
    let Begun { key, is_new } = contexts.begin(&name)?;
    let membership = ask(&invitation, &key).inspect_err(|failed| {
        // One that was there may have been signed before, for an answer that was lost.
        if is_new && failed.is_final {
            contexts.give_up(&name);
        }
    });
    let membership = membership.map_err(|failed| failed.error)?;
    let member = (role, invitation.site.as_str());
    let Membership { certificate, authority, run_address, receipt_key } = membership;
    let now = SystemClock.system_time();
    let peer = tls::verify_member(&certificate, &authority, invitation.pin, member, &key, now)?;
    certs::invitation::check_addresses(&run_address)?;
    let entry = Entry {
        address: run_address,
        role: role.to_string(),
        holder: invitation.site.clone(),
        receipt_key: Digest(receipt_key),
    };
    let document = json!({
        "context": name,
        "role": entry.role,
        "name": entry.holder,
        "address": entry.address,
        "certificate_ends": crate::admin::report::rfc3339(peer.not_after.into()),
    });
    contexts.finish(&name, entry, &certificate, &authority)?;
    output::tell(arguments.json, &document, || {
        let (article, next) = match role {
            Role::Witness => ("a", "acts cosign --first"),
            _ => ("an", "status"),
        };
        eprintln!("{} is {article} {role} now; try: coordinator --context {name} {next}", invitation.site);
        // Of another context's passphrase nothing is known here.
        eprintln!("its key is a plain file; to seal it: coordinator --context {name} keys seal");
    })
}

fn invitation(file: Option<&Path>) -> Result<(Role, Invitation)> {
    let text = match file {
        Some(path) => {
            let bytes =
                private::read_file(path, INVITATION_BYTES_MAX as u64).map_err(|error| Error::Argument {
                    message: error.to_string(),
                    hint: "make it yours alone with chmod 600".into(),
                })?;
            Zeroizing::new(std::str::from_utf8(&bytes).unwrap_or_default().to_owned())
        }
        None => line::read(INVITATION_BYTES_MAX, || eprint!("invitation (it is not shown): "))
            .map_err(Error::io("read", Path::new("standard input")))?,
    };
    if Invitation::parse(&text).is_ok() {
        return Err(Error::Argument {
            message: "this invitation is for a hospital".into(),
            hint: "give it to `site-agent join`; people are invited with `coordinator operators invite`"
                .into(),
        });
    }
    let is_for = |role: &Role| text.trim().starts_with(role.scheme());
    let role = Role::ALL.into_iter().find(is_for).filter(|role| *role != Role::Site);
    let role = role.ok_or_else(|| Error::Argument {
        message: "this is no invitation of an operator, auditor or witness".into(),
        hint: "give the whole line that `coordinator operators invite` printed, in one piece".into(),
    })?;
    let damaged = |error: CertError| Error::Argument {
        message: error.to_string(),
        hint: "give the whole line that `coordinator operators invite` printed, in one piece".into(),
    };
    Ok((role, Invitation::parse_for(role, &text).map_err(damaged)?))
}

/// Why there is no certificate, and whether that is the coordinator's last word: in every other case it may
/// have signed our key all the same, now or in an attempt before.
struct Failed {
    error: Error,
    is_final: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, is_final: false }
    }
}

fn ask(invitation: &Invitation, key: &IdentityKey) -> std::result::Result<Membership, Failed> {
    let request = JoinRequest {
        protocol: PROTOCOL_VERSION,
        token: *invitation.token.expose_bytes(),
        site: invitation.site.clone(),
        csr: csr::create(key).map_err(Error::from)?,
    };
    let frame = frame::to_bytes(&request).map(Zeroizing::new);
    let frame = frame.map_err(|error| Error::Internal(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Internal(format!("runtime: {error}")))?;
    let answer = runtime.block_on(ask_to_join(invitation, &frame))?;
    match answer {
        Ok(JoinResponse::Accepted(membership)) => Ok(membership),
        Ok(JoinResponse::Refused(refusal)) => {
            Err(Failed { error: refused(refusal), is_final: !refusal.is_retryable() })
        }
        // It may have arrived, and been answered: only the same key gets the same certificate.
        Err(error) => Err(Failed {
            is_final: false,
            error: Error::Argument {
                message: format!("the coordinator of the invitation is not reached: {error}"),
                hint: "repeat the command with the same invitation".into(),
            },
        }),
    }
}

#[expect(clippy::disallowed_methods, reason = "a person's machine has no records and no ledger")]
async fn ask_to_join(
    invitation: &Invitation,
    frame: &[u8],
) -> Result<std::result::Result<JoinResponse, NetError>> {
    let (tls, deadline) = (tls::join_client(invitation.pin, None)?, Duration::from_millis(HANDSHAKE_MS_MAX));
    Ok(match resolve_all(&invitation.address, deadline).await {
        Ok(remotes) => join::request(&remotes, tls, profile::COORDINATOR_NAME, frame, deadline).await,
        Err(error) => Err(error),
    })
}

fn refused(refusal: JoinRefusal) -> Error {
    let hint = match refusal {
        JoinRefusal::ProtocolVersion { .. } | JoinRefusal::RequestInvalid => {
            "install the coordinator's version of this program"
        }
        JoinRefusal::Internal => {
            "try again with the same invitation; the coordinator's log says what happened"
        }
        JoinRefusal::TokenUnknown | JoinRefusal::TokenExpired | JoinRefusal::TokenUsed => {
            "ask for a new line of `coordinator operators invite NAME`"
        }
    };
    Error::Argument { message: refusal.to_string(), hint: hint.into() }
}
