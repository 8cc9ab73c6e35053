//! A whole consortium on one machine: real processes, real certificates, loopback.
//!
//! Called by the demo and by every integration test. It creates the folders, starts the coordinator,
//! joins sites by invitation, launches runs, waits with deadlines, and can kill or restart anybody.
//! Dropping it kills every process it started; the folders are the caller's.

pub mod member;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::binaries::Binaries;
use crate::failure::Failure;
use crate::limits::{COMMAND_S_MAX, READY_POLL_MS_MIN, START_S_MAX, STATUS_POLL_MS_MIN};
use crate::ports::free_port;
use crate::process::Finished;
use crate::relay::Relay;
use crate::status::{RunStatus, SiteList};
use crate::wait::{self, Interrupt};
use member::{COMMAND_LOGS, Member};

/// What a one-shot command gets.
const COMMAND: Duration = Duration::from_secs(COMMAND_S_MAX);
/// Every record is trained on: results are compared with references that were computed on all of them,
/// planted records must reach the training or a search for them proves nothing, and these consortia have a
/// held-out set of their own.
const EVERYTHING: [&str; 6] = ["--screen", "report", "--duplicates", "keep", "--split", "none"];

/// One hospital.
#[derive(Clone, Debug)]
pub struct SiteSetup {
    pub name: String,
    pub data: Vec<PathBuf>,
}

/// What a consortium is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Folder for every party's state and all logs.
    pub root: PathBuf,
    /// Base model folder, read by every site.
    pub model: PathBuf,
    pub sites: Vec<SiteSetup>,
    /// Whether the sites are so small that the rules of a hospital's policy would refuse every run: each then
    /// lowers them in its own agent.toml, as a small site may.
    pub small_sites: bool,
    /// Sites reach the coordinator through a [`Relay`].
    pub relayed: bool,
    /// Where the coordinator listens: loopback, or an address that sites in another network namespace reach.
    pub address: Ipv4Addr,
    pub interrupt: Interrupt,
}

/// The running parties.
#[derive(Debug)]
pub struct Consortium {
    setup: Setup,
    logs: PathBuf,
    listen: SocketAddr,
    listen_join: SocketAddr,
    relay: Option<Relay>,
    pub coordinator: Member,
    pub sites: Vec<Member>,
}

impl Consortium {
    /// Where the coordinator listens: its endpoint for runs, and that for enrolment.
    pub fn listens_at(&self) -> [SocketAddr; 2] {
        [self.listen, self.listen_join]
    }

    /// Creates folders and the coordinator's identity. Nothing runs yet.
    ///
    /// # Errors
    /// When a binary is missing, a folder cannot be made, or `coordinator init` fails.
    pub fn create(setup: Setup) -> Result<Self, Failure> {
        let binaries = Binaries::find()?;
        let logs = setup.root.join("logs");
        std::fs::create_dir_all(setup.root.join("sites")).map_err(Failure::file("create", &setup.root))?;
        let commands = logs.join(COMMAND_LOGS);
        std::fs::create_dir_all(&commands).map_err(Failure::file("create", &commands))?;
        let at = |port| SocketAddr::from((setup.address, port));
        let (listen, listen_join) = (at(free_port()?), at(free_port()?));
        let relay = setup.relayed.then(|| Relay::start(listen)).transpose()?;
        let member = |name: &str, program: &Path, state: PathBuf| {
            Member::new(name, program, state, logs.clone(), setup.interrupt.clone())
        };
        let coordinator = member("coordinator", &binaries.coordinator, setup.root.join("coordinator"));
        let sites = setup
            .sites
            .iter()
            .map(|site| member(&site.name, &binaries.site_agent, setup.root.join("sites").join(&site.name)))
            .collect();
        let consortium = Self { listen, listen_join, relay, coordinator, sites, logs, setup };
        consortium.initialise()?;
        Ok(consortium)
    }

    fn initialise(&self) -> Result<(), Failure> {
        let advertised = self.relay.as_ref().map_or(self.listen, Relay::address).to_string();
        let join = self.listen_join.to_string();
        let arguments = ["init", "--address", &advertised, "--join-address", &join, "--name", "consortium"];
        self.coordinator.run(&arguments, COMMAND)?.success()?;
        Ok(())
    }

    /// Everything: coordinator up, every site joined and running.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn start(setup: Setup) -> Result<Self, Failure> {
        let mut consortium = Self::create(setup)?;
        consortium.start_coordinator(&[])?;
        for index in 0..consortium.sites.len() {
            consortium.join(index)?;
            consortium.start_site(index, &[])?;
        }
        Ok(consortium)
    }

    /// Gives every site an equal part of this machine's processors: in reality each has its own
    /// machine, and threads that outnumber processors only wait for each other.
    pub fn share_processors(&mut self) {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = (processors / self.sites.len().max(1)).max(1).to_string();
        for site in &mut self.sites {
            site.set_environment("RAYON_NUM_THREADS", &threads);
        }
    }

    /// Starts `coordinator serve` and waits until it listens.
    ///
    /// # Errors
    /// When it ends or does not listen in time.
    pub fn start_coordinator(&mut self, environment: &[(&str, &str)]) -> Result<(), Failure> {
        self.start_coordinator_with(&[], environment)
    }

    /// As [`Self::start_coordinator`], with more arguments.
    ///
    /// # Errors
    /// When it ends or does not listen in time.
    pub fn start_coordinator_with(
        &mut self,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let (listen, join) = (self.listen.to_string(), self.listen_join.to_string());
        let arguments = [&["serve", "--listen", &listen, "--listen-join", &join], more].concat();
        self.coordinator.start(&arguments, environment)?;
        let (logs, interrupt) = (self.logs.clone(), self.setup.interrupt.clone());
        wait::until(
            "the coordinator's start",
            Duration::from_secs(START_S_MAX),
            Duration::from_millis(READY_POLL_MS_MIN),
            &logs,
            &interrupt,
            || {
                self.coordinator.must_be_running()?;
                let listening = self.coordinator.stderr_since_start().matches("listening on").count();
                Ok((listening >= 2).then_some(()))
            },
        )
    }

    /// Invites and joins one site.
    ///
    /// # Errors
    /// What `invite` or `join` report.
    pub fn join(&self, index: usize) -> Result<(), Failure> {
        let invitation = self.invite(self.sites[index].name(), &[])?;
        self.join_with(index, &invitation)
    }

    /// Joins one site with a given invitation.
    ///
    /// # Errors
    /// What `join` reports.
    pub fn join_with(&self, index: usize, invitation: &str) -> Result<(), Failure> {
        self.try_join(index, invitation)?.success()?;
        if self.setup.small_sites {
            self.lower_policy(index)?;
        }
        self.agree_in_advance(index)
    }

    /// Has the site's privacy officer sign its policy, under which it agrees to runs by itself: these
    /// consortia have nobody who could decide run by run.
    ///
    /// # Errors
    /// When the key cannot be made, or a command reports something.
    pub fn agree_in_advance(&self, index: usize) -> Result<(), Failure> {
        let site = &self.sites[index];
        let path = site.state().join("agent.toml");
        let text = std::fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
        let auto = text.replace("approval = \"ask\"", "approval = \"auto\"");
        std::fs::write(&path, auto).map_err(Failure::file("write", &path))?;
        let key = self.officer_key(index);
        if !key.exists() {
            let folder = self.setup.root.join("officers");
            std::fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
            site.run_without_state(&["officer-key", "new", path_text(&key)], COMMAND)?.success()?;
        }
        // Also where the site joined again, into a new folder.
        let public = format!("{}.pub", key.display());
        site.run(&["officer-key", "trust", &public], COMMAND)?.success()?;
        self.sign_policy(index)
    }

    /// Has the officer sign the policy as it is now; a change of it makes an earlier signature void.
    ///
    /// # Errors
    /// What `policy sign` reports.
    pub fn sign_policy(&self, index: usize) -> Result<(), Failure> {
        let key = self.officer_key(index);
        self.sites[index].run(&["policy", "sign", "--yes", "--key", path_text(&key)], COMMAND)?.success()?;
        Ok(())
    }

    /// The private key of a site's privacy officer, once [`Self::agree_in_advance`] has made it.
    pub fn officer_key(&self, index: usize) -> PathBuf {
        self.setup.root.join("officers").join(format!("{}.key", self.sites[index].name()))
    }

    /// Lets a site with few records take part.
    ///
    /// # Errors
    /// When its agent.toml cannot be read or written.
    pub fn lower_policy(&self, index: usize) -> Result<(), Failure> {
        let path = self.sites[index].state().join("agent.toml");
        let text = std::fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
        let lowered: Vec<String> = text
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((
                    "records_min" | "step_records_min" | "step_tokens_min" | "steps_min" | "sites_min",
                    _,
                )) => {
                    format!("{} = 1", line.split(' ').next().unwrap_or_default())
                }
                Some(("records_drop_max", _)) => "records_drop_max = 1.0".to_owned(),
                _ => line.to_owned(),
            })
            .collect();
        std::fs::write(&path, lowered.join("\n") + "\n").map_err(Failure::file("write", &path))
    }

    /// As [`Self::join_with`], for tests that look at how it ends. The invitation goes in by standard input.
    ///
    /// # Errors
    /// When the command cannot start or does not end in time.
    pub fn try_join(&self, index: usize, invitation: &str) -> Result<Finished, Failure> {
        self.sites[index].run_with_input(&self.join_arguments(index), invitation, COMMAND)
    }

    /// The arguments of `site-agent join` for a site, for tests that run it themselves.
    pub fn join_arguments(&self, index: usize) -> Vec<&str> {
        let mut arguments = vec!["join", "--model", path_text(&self.setup.model)];
        arguments.extend(EVERYTHING);
        arguments.push("--data");
        arguments.extend(self.setup.sites[index].data.iter().map(|path| path_text(path)));
        arguments
    }

    /// One invitation line.
    ///
    /// # Errors
    /// What `invite` reports.
    pub fn invite(&self, site: &str, more: &[&str]) -> Result<String, Failure> {
        let arguments = [&["invite", site], more].concat();
        Ok(self.coordinator.run(&arguments, COMMAND)?.success()?.trim().to_owned())
    }

    /// One hospital more, in a consortium that is already there.
    ///
    /// # Errors
    /// What `invite` or `join` report.
    pub fn add(&mut self, site: SiteSetup) -> Result<usize, Failure> {
        let program = Binaries::find()?.site_agent;
        let state = self.setup.root.join("sites").join(&site.name);
        let (logs, interrupt) = (self.logs.clone(), self.setup.interrupt.clone());
        self.sites.push(Member::new(&site.name, &program, state, logs, interrupt));
        self.setup.sites.push(site);
        let index = self.sites.len() - 1;
        self.join(index)?;
        Ok(index)
    }

    /// Lets a site train alone, as its officer may; before it is started.
    ///
    /// # Errors
    /// When its agent.toml cannot be read or written, or what `policy sign` reports.
    pub fn allow_alone(&self, index: usize) -> Result<(), Failure> {
        let path = self.sites[index].state().join("agent.toml");
        let text = std::fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
        let allowed = text.replace("\nalone = false", "\nalone = true");
        std::fs::write(&path, allowed).map_err(Failure::file("write", &path))?;
        self.sign_policy(index)
    }

    /// Starts `site-agent run` for one site.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_site(&mut self, index: usize, environment: &[(&str, &str)]) -> Result<(), Failure> {
        self.sites[index].start(&["run"], environment)
    }

    /// Launches a run and returns its id.
    ///
    /// # Errors
    /// What `launch` reports.
    pub fn launch(&self, run_file: &Path) -> Result<String, Failure> {
        let path = run_file.to_string_lossy();
        Ok(self.coordinator.run(&["launch", &path], COMMAND)?.success()?.trim().to_owned())
    }

    /// What the coordinator says about a run.
    ///
    /// # Errors
    /// What `status` reports, or output that is not its JSON.
    pub fn run_status(&self, run: &str) -> Result<RunStatus, Failure> {
        RunStatus::parse(&self.coordinator.run(&["status", run, "--json"], COMMAND)?.success()?)
    }

    /// What the coordinator's books say about every site.
    ///
    /// # Errors
    /// What `sites` reports, or output that is not its JSON.
    pub fn site_list(&self) -> Result<SiteList, Failure> {
        SiteList::parse(&self.coordinator.run(&["sites", "--json"], COMMAND)?.success()?)
    }

    /// Waits until a run is published; every process must stay alive meanwhile.
    ///
    /// # Errors
    /// A run that failed, a process that ended, or the deadline.
    pub fn wait_published(&mut self, run: &str, within: Duration) -> Result<RunStatus, Failure> {
        let (logs, interrupt) = (self.logs.clone(), self.setup.interrupt.clone());
        wait::until(
            "the end of the run",
            within,
            Duration::from_millis(STATUS_POLL_MS_MIN),
            &logs,
            &interrupt,
            || {
                self.all_must_be_running()?;
                self.published(run)
            },
        )
    }

    /// The status of a run once it is published, `None` while it is under way.
    ///
    /// # Errors
    /// [`Failure::RunFailed`] with the coordinator's reason.
    pub fn published(&self, run: &str) -> Result<Option<RunStatus>, Failure> {
        let status = self.run_status(run)?;
        self.ended(run, status)
    }

    /// The status itself if it says that the run is published, `None` while it is under way.
    ///
    /// # Errors
    /// [`Failure::RunFailed`] with the coordinator's reason.
    pub fn ended(&self, run: &str, status: RunStatus) -> Result<Option<RunStatus>, Failure> {
        if let Some(reason) = status.failure() {
            return Err(Failure::RunFailed { run: run.to_owned(), reason, logs: self.logs.clone() });
        }
        Ok(status.is_published().then_some(status))
    }

    /// Fails with the words of the first started process that is not running any more.
    ///
    /// # Errors
    /// [`Failure::Died`].
    pub fn all_must_be_running(&mut self) -> Result<(), Failure> {
        self.coordinator.must_be_running()?;
        self.sites.iter_mut().try_for_each(Member::must_be_running)
    }

    /// Ends every process in good order.
    pub fn stop(&mut self) {
        self.sites.iter_mut().for_each(Member::stop);
        self.coordinator.stop();
    }

    /// The relay between sites and coordinator, where one was asked for.
    pub fn relay(&self) -> Option<&Relay> {
        self.relay.as_ref()
    }

    /// The folder with everybody's output.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.setup.root
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
