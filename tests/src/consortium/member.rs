//! One party of a consortium: its program, its state folder, and its process where one runs.
//!
//! Called by `consortium`; the coordinator and the sites differ only in which program they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{self, Finished, Process};
use crate::wait::Interrupt;

/// Folder, inside that of the logs, for what one-shot commands print: a run's progress alone is
/// hundreds of them.
pub(super) const COMMAND_LOGS: &str = "commands";

/// Names the crash point at which a process dies, see `common::crash`.
const CRASH_AT: &str = "CONSILIUM_CRASH_AT";
/// Names the state folder whose processes may.
const CRASH_TESTS_IN: &str = "CONSILIUM_CRASH_TESTS_IN";

/// A coordinator or a site.
#[derive(Debug)]
pub struct Member {
    name: String,
    program: PathBuf,
    state: PathBuf,
    logs: PathBuf,
    interrupt: Interrupt,
    /// Program and arguments before the party's own: what puts it into another network namespace.
    wrapper: Vec<String>,
    /// Set for every command and process of this party.
    environment: Vec<(String, String)>,
    process: Option<Process>,
    /// Length of the log when the current process started: a restart appends.
    log_offset: usize,
}

impl Member {
    pub(super) fn new(
        name: &str,
        program: &Path,
        state: PathBuf,
        logs: PathBuf,
        interrupt: Interrupt,
    ) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            state,
            logs,
            interrupt,
            wrapper: Vec::new(),
            environment: Vec::new(),
            process: None,
            log_offset: 0,
        }
    }

    /// The site's name, or "coordinator".
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Sets an environment variable for everything this party starts from now on.
    pub fn set_environment(&mut self, key: &str, value: &str) {
        self.environment.push((key.to_owned(), value.to_owned()));
    }

    /// Starts everything of this party by another program from now on, which gets the party's as arguments.
    pub fn set_wrapper(&mut self, words: &[&str]) {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// A command of this party's program on this party's state folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.wrapper.split_first() {
            Some((wrapper, words)) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.args(arguments).arg("--state").arg(&self.state);
        command.env_remove("CONSILIUM_STATE").env_remove(CRASH_AT).env_remove(CRASH_TESTS_IN);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    /// As [`Self::command`], with more environment variables. A crash point is armed for this party's own
    /// folder.
    fn command_in(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = self.command(arguments);
        if environment.iter().any(|(key, _)| *key == CRASH_AT) {
            command.env(CRASH_TESTS_IN, &self.state);
        }
        command.envs(environment.iter().copied());
        command
    }

    /// Runs a one-shot command to its end.
    ///
    /// # Errors
    /// When it cannot start or does not end in time.
    pub fn run(&self, arguments: &[&str], within: Duration) -> Result<Finished, Failure> {
        self.run_with(arguments, &[], within)
    }

    /// As [`Self::run`], for a command that has nothing to do with a state folder.
    ///
    /// # Errors
    /// When it cannot start or does not end in time.
    pub fn run_without_state(&self, arguments: &[&str], within: Duration) -> Result<Finished, Failure> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        let name = self.log_name(arguments);
        process::run(command, &name, &self.logs.join(COMMAND_LOGS), within, &self.interrupt)
    }

    /// As [`Self::run`], with a line on standard input.
    ///
    /// # Errors
    /// When it cannot start or does not end in time.
    pub fn run_with_input(
        &self,
        arguments: &[&str],
        input: &str,
        within: Duration,
    ) -> Result<Finished, Failure> {
        let (name, logs) = (self.log_name(arguments), self.logs.join(COMMAND_LOGS));
        process::run_with_input(self.command(arguments), input, &name, &logs, within, &self.interrupt)
    }

    /// As [`Self::run`], with more environment variables.
    ///
    /// # Errors
    /// When it cannot start or does not end in time.
    pub fn run_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        within: Duration,
    ) -> Result<Finished, Failure> {
        let command = self.command_in(arguments, environment);
        let name = self.log_name(arguments);
        process::run(command, &name, &self.logs.join(COMMAND_LOGS), within, &self.interrupt)
    }

    /// Program and verbs.
    fn log_name(&self, arguments: &[&str]) -> String {
        let program = self.program.file_name().unwrap_or_default().to_string_lossy();
        let verbs: Vec<&str> = arguments.iter().copied().take_while(|word| is_verb(word)).collect();
        format!("{program} {}", verbs.join(" "))
    }

    /// Starts the long-running process of this party.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start(&mut self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
        let mut command = self.command_in(arguments, environment);
        // The old process must be gone before the length is taken: only then is what follows new.
        self.process = None;
        let log = self.logs.join(format!("{}.stderr", self.name));
        self.log_offset = std::fs::metadata(&log).map_or(0, |metadata| metadata.len() as usize);
        self.process = Some(Process::start(&mut command, &self.name, &self.logs)?);
        Ok(())
    }

    /// The running process.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// What the current process has written to standard error.
    pub fn stderr_since_start(&self) -> String {
        let bytes =
            self.process.as_ref().and_then(|process| std::fs::read(process.log()).ok()).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.log_offset..).unwrap_or_default()).into_owned()
    }

    /// Whether the process runs.
    ///
    /// # Errors
    /// When the kernel cannot say.
    pub fn is_running(&mut self) -> Result<bool, Failure> {
        match &mut self.process {
            Some(process) => Ok(process.ended()?.is_none()),
            None => Ok(false),
        }
    }

    /// Fails with the process's own words if it was started and has ended.
    ///
    /// # Errors
    /// [`Failure::Died`].
    pub fn must_be_running(&mut self) -> Result<(), Failure> {
        self.process.as_mut().map_or(Ok(()), Process::must_be_running)
    }

    /// A power cut: SIGKILL to the process and all it started.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, then SIGKILL.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }
}

/// A subcommand as opposed to a value that should not be part of a log file's name.
fn is_verb(word: &str) -> bool {
    word.len() <= 12
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && !word.starts_with('-')
}
