//! How a decision gets the officer's signature, as options: here, or on a machine without network and back.
//! Used by `approve`, `decline`, `withdraw` and `policy sign`. Invariant: one way at a time.

use std::path::PathBuf;

use cli::confirm::Yes;

use crate::cli::support::Unlock;

/// One of the three ways, and the answer to the question that comes before a signature.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Signing {
    /// The officer's private key, where it is on this machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "answer"])]
    pub(in crate::cli) key: Option<PathBuf>,
    /// Write what is to be signed on another machine; nothing is decided yet.
    #[arg(long, value_name = "FILE", conflicts_with = "answer")]
    pub(in crate::cli) request: Option<PathBuf>,
    /// What came back from the other machine.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) answer: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) unlock: Unlock,
    #[command(flatten)]
    pub(in crate::cli) yes: Yes,
}

impl Signing {
    /// Whether any of the ways was named.
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.key.is_some() || self.request.is_some() || self.answer.is_some()
    }
}

/// What is decided on, before it is: documents for programs are on standard output, and then people read
/// elsewhere.
pub(in crate::cli) fn show(as_json: bool, text: &str) {
    if as_json {
        eprint!("{text}");
    } else {
        print!("{text}");
    }
}
