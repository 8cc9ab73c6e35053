//! `coordinator serve`: the long-running process. Called by `cli`. Invariant: what the command line says
//! wins over `coordinator.toml`.

use std::net::SocketAddr;

use common::clock::{Clock, SystemClock};
use common::log_file::SharedLog;

use super::output;
use crate::error::{Error, Result};
use crate::server;
use crate::state_folder::StateFolder;
use crate::state_folder::config::Config;

const MANUAL: &str = "\
Run the coordinator: accept sites, schedule rounds, aggregate, evaluate,
publish. Logs go to stderr (RUST_LOG=debug for more) and to logs/serve.log in
the state folder, which `coordinator logs` shows. Stop it with Ctrl-C or
SIGTERM; kill it if you must: a run that was going continues at the next start,
and nothing counts twice.

It refuses a folder whose database is missing, empty or older than what was
here, and stops answering when a site shows a receipt that it signed and does
not know: it was restored from an older copy then.

Example:
  coordinator serve --state /var/lib/consilium
  coordinator serve --listen 127.0.0.1:4600 --listen-join 127.0.0.1:4601";

/// Run the coordinator
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Local address for run traffic (UDP) [default: `listen` in coordinator.toml]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Local address for enrolment (UDP) [default: `listen_join` in coordinator.toml]
    #[arg(long, value_name = "ADDR")]
    listen_join: Option<SocketAddr>,
    /// Go on although the database is empty, or older than what was here or than what sites prove
    ///
    /// For a folder that was restored from a backup, after everything was looked for that may be newer.
    /// What is missing stays missing: sites that joined since must join again, rounds that were closed
    /// since are not known here. Said in the log, and recorded in the database.
    #[arg(long)]
    accept_restored: bool,
}

pub(super) fn run(folder: StateFolder, arguments: &Arguments) -> Result<()> {
    // Held until the process ends. Before the log: a second `serve` writes nothing into that of the first.
    let _lock = folder.lock()?;
    let log = open_log(&folder);
    output::start_log(Some(log.clone()));
    serve(folder, arguments).inspect_err(|error| {
        // Standard error is told by the end of the program.
        log.line(SystemClock.now(), &format!("serve ends: {error}"));
    })
}

/// The log in the state folder; where it cannot be made, stderr alone has the lines.
fn open_log(folder: &StateFolder) -> SharedLog {
    let path = folder.log();
    let _ = path.parent().map(std::fs::create_dir_all);
    SharedLog::open(&path)
}

fn serve(folder: StateFolder, arguments: &Arguments) -> Result<()> {
    let mut config = Config::read(&folder.config())?;
    config.listen = arguments.listen.unwrap_or(config.listen);
    config.listen_join = arguments.listen_join.unwrap_or(config.listen_join);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Internal(format!("runtime: {error}")))?;
    let accepts_restored = arguments.accept_restored;
    let result = runtime.block_on(server::serve(folder, config, accepts_restored, |addresses| {
        eprintln!("listening on {} (runs)", addresses.run);
        eprintln!("listening on {} (enrolment)", addresses.join);
    }));
    // Blocking work in progress (an aggregation) is abandoned; it is done again at the next start.
    runtime.shutdown_background();
    result
}
