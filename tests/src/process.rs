//! Child processes: started with their output going to files, killed with everything they started.
//!
//! Called by `consortium` and `demo::verify`. Each child leads a process group of its own, because a site
//! agent starts two children: a power cut takes all three. Output goes to files rather than pipes, so that no
//! child ever blocks on us, a killed child's last words survive, and the canary test can scan them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::failure::{Failure, sentence_and_hint};
use crate::limits::{PROCESS_POLL_MS_MIN, STOP_S_MAX};
use crate::wait::{self, Interrupt};

/// Numbers the log files of one-shot commands, so that none overwrites another.
static COMMANDS_RUN: AtomicU32 = AtomicU32::new(0);

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    pub program: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub log: PathBuf,
}

impl Finished {
    /// Exit code, where the process was not ended by a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The standard output of a command that succeeded.
    ///
    /// # Errors
    /// [`Failure::Command`] with the program's own sentence and hint.
    pub fn success(self) -> Result<String, Failure> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        let (sentence, hint) = sentence_and_hint(&self.stderr);
        Err(Failure::Command {
            program: self.program,
            sentence,
            hint,
            code: self.status.code(),
            log: self.log,
        })
    }
}

/// Runs a command to its end, keeping its output under `logs`.
///
/// # Errors
/// When it cannot be started or does not end in time; its own failure is in [`Finished`].
pub fn run(
    command: Command,
    name: &str,
    logs: &Path,
    within: Duration,
    interrupt: &Interrupt,
) -> Result<Finished, Failure> {
    run_with_input(command, "", name, logs, within, interrupt)
}

/// As [`run`], with a few words on standard input: what must not stand in a command line.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(
    mut command: Command,
    input: &str,
    name: &str,
    logs: &Path,
    within: Duration,
    interrupt: &Interrupt,
) -> Result<Finished, Failure> {
    let number = COMMANDS_RUN.fetch_add(1, Ordering::Relaxed);
    let stem = format!("{}-{}-{number:04}", name.replace([' ', '/'], "-"), std::process::id());
    let (stdout, stderr) = (logs.join(format!("{stem}.stdout")), logs.join(format!("{stem}.stderr")));
    command.stdin(stdin_of(input).map_err(Failure::file("write", "a pipe"))?);
    let mut process = Process::start_with(&mut command, name, stdout, stderr)?;
    let status = wait::until(
        &format!("the end of {name}"),
        within,
        Duration::from_millis(PROCESS_POLL_MS_MIN),
        logs,
        interrupt,
        || process.ended(),
    )?;
    let read = |path: &Path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Finished {
        program: name.to_owned(),
        status,
        stdout: read(&process.stdout).map_err(Failure::file("read", &process.stdout))?,
        stderr: read(&process.stderr).map_err(Failure::file("read", &process.stderr))?,
        log: process.stderr.clone(),
    })
}

/// A child that keeps running. Dropping it kills its whole process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts a long-running child whose output is appended to `logs/<name>.{stdout,stderr}`.
    ///
    /// # Errors
    /// When the program or its log files cannot be opened.
    pub fn start(command: &mut Command, name: &str, logs: &Path) -> Result<Self, Failure> {
        let path = |end: &str| logs.join(format!("{name}.{end}"));
        command.stdin(Stdio::null());
        Self::start_with(command, name, path("stdout"), path("stderr"))
    }

    fn start_with(
        command: &mut Command,
        name: &str,
        stdout: PathBuf,
        stderr: PathBuf,
    ) -> Result<Self, Failure> {
        let program = PathBuf::from(command.get_program());
        let child = command
            .stdout(append(&stdout)?)
            .stderr(append(&stderr)?)
            .process_group(0)
            .spawn()
            .map_err(Failure::file("start", program))?;
        Ok(Self { name: name.to_owned(), child, ended: None, stdout, stderr })
    }

    /// Process id, which is also the id of the process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where the child writes its log.
    pub fn log(&self) -> &Path {
        &self.stderr
    }

    /// What the child has written to standard error so far.
    pub fn stderr_text(&self) -> String {
        std::fs::read(&self.stderr)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The exit status, once there is one. Never blocks.
    ///
    /// # Errors
    /// When the kernel cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().map_err(Failure::file("wait for", &self.name))?;
        }
        Ok(self.ended)
    }

    /// Fails with the child's own words if it is not running any more.
    ///
    /// # Errors
    /// [`Failure::Died`].
    pub fn must_be_running(&mut self) -> Result<(), Failure> {
        let Some(status) = self.ended()? else { return Ok(()) };
        let (sentence, hint) = sentence_and_hint(&self.stderr_text());
        let how = describe(status);
        Err(Failure::Died { program: self.name.clone(), how, sentence, hint, log: self.stderr.clone() })
    }

    /// SIGKILL to the whole group: a power cut.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            signal_group(self.id(), "KILL");
            self.ended = self.child.wait().ok();
        } else {
            // A supervisor that ended by itself may have left children; a reused group id is
            // impossible while one of its members lives, and harmless where none does.
            signal_group(self.id(), "KILL");
        }
    }

    /// SIGKILL to the leader only, leaving its children to notice by themselves.
    pub fn kill_leader_only(&mut self) {
        if self.child.kill().is_ok() {
            self.ended = self.child.wait().ok();
        }
    }

    /// SIGTERM, then SIGKILL after a grace period.
    pub fn stop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            signal_group(self.id(), "TERM");
            let _ = wait::until(
                "exit",
                Duration::from_secs(STOP_S_MAX),
                Duration::from_millis(PROCESS_POLL_MS_MIN),
                Path::new("."),
                &Interrupt::default(),
                || self.ended(),
            );
        }
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A pipe that already holds `input` and then ends; a pipe takes 64 KiB before it would wait.
fn stdin_of(input: &str) -> io::Result<Stdio> {
    if input.is_empty() {
        return Ok(Stdio::null());
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(input.as_bytes())?;
    Ok(reader.into())
}

/// "exit code 1" or "signal 9".
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}

/// Sends a signal to a process group through the shell's own `kill`: std has no call for it, and a
/// crate or an `unsafe` block for one line of test code is not worth it.
fn signal_group(leader: u32, signal: &str) {
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -s {signal} -- -{leader}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn append(path: &Path) -> Result<File, Failure> {
    OpenOptions::new().create(true).append(true).open(path).map_err(Failure::file("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn killing_a_child_takes_its_children_along() {
        let logs = tempfile::tempdir().unwrap();
        let mut parent =
            Process::start(&mut shell("sleep 60 & echo $!; wait"), "parent", logs.path()).unwrap();
        let stdout = logs.path().join("parent.stdout");
        let grandchild: String = wait::until(
            "the grandchild's id",
            Duration::from_secs(5),
            Duration::from_millis(PROCESS_POLL_MS_MIN),
            logs.path(),
            &Interrupt::default(),
            || Ok(std::fs::read_to_string(&stdout).ok().filter(|text| text.ends_with('\n'))),
        )
        .unwrap();
        parent.kill();
        let gone =
            || !Path::new("/proc").join(grandchild.trim()).join("cmdline").exists() || is_zombie(&grandchild);
        wait::until(
            "its end",
            Duration::from_secs(5),
            Duration::from_millis(PROCESS_POLL_MS_MIN),
            logs.path(),
            &Interrupt::default(),
            || Ok(gone().then_some(())),
        )
        .unwrap();
    }

    fn is_zombie(id: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        stat.contains(") Z ")
    }

    #[test]
    fn a_failing_command_keeps_its_sentence_and_hint() {
        let logs = tempfile::tempdir().unwrap();
        let script = "printf 'no such model\\n\\nhint: look again\\n' >&2; exit 1";
        let finished =
            run(shell(script), "probe", logs.path(), Duration::from_secs(5), &Interrupt::default()).unwrap();
        assert_eq!(finished.code(), Some(1));
        let failure = finished.success().unwrap_err();
        assert_eq!(failure.to_string(), "probe failed: no such model");
        assert!(failure.hint().unwrap().starts_with("look again"));
    }

    #[test]
    fn a_hanging_command_is_ended_at_its_deadline() {
        let logs = tempfile::tempdir().unwrap();
        let result =
            run(shell("sleep 60"), "sleeper", logs.path(), Duration::from_millis(50), &Interrupt::default());
        assert!(matches!(result, Err(Failure::Deadline { .. })));
    }
}
