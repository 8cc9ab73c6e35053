//! Small consortia for the integration tests: the demo's model, a few records a site, one or two
//! rounds, everything in a temporary folder that goes away with the test.
//!
//! A failing test keeps its folder when `CONSILIUM_KEEP` is set, and names it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tests::consortium::{Consortium, Setup, SiteSetup};
use tests::dataset;
use tests::demo::arguments::{Arguments, DemoSettings};
use tests::run_file::RunFile;
use tests::wait::Interrupt;

/// A run of two rounds on a machine that is busy with other tests.
pub(crate) const RUN_WITHIN: Duration = Duration::from_secs(300);
/// A one-shot command.
pub(crate) const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// What a test wants to be different.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) sites: usize,
    pub(crate) records: usize,
    pub(crate) rounds: u32,
    pub(crate) relayed: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { sites: 3, records: 16, rounds: 2, relayed: false }
    }
}

/// Folders and files of a small consortium; nothing runs yet.
#[derive(Debug)]
pub(crate) struct Small {
    pub(crate) folder: Folder,
    pub(crate) run_file: PathBuf,
    pub(crate) setup: Setup,
}

/// A temporary folder, kept on request.
#[derive(Debug)]
pub(crate) struct Folder(Option<tempfile::TempDir>, PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("consilium-it-").tempdir()?;
        let path = folder.path().to_owned();
        Ok(Self(Some(folder), path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.1
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::env::var_os("CONSILIUM_KEEP").is_some()
            && let Some(folder) = self.0.take()
        {
            eprintln!("kept {}", folder.keep().display());
        }
    }
}

impl Small {
    /// Cuts the data and writes the run file.
    pub(crate) fn new(wish: &Wish) -> Result<Self> {
        let folder = Folder::new()?;
        let settings = demo_settings()?;
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data)?;
        let mut sites = Vec::new();
        for index in 0..wish.sites {
            // More sites than the demo has share its files: what matters here is not what they learn.
            let source = &settings.sites[index % settings.sites.len()].data[0];
            let name = format!("site-{}", index + 1);
            let to = data.join(&name).with_extension(source.extension().unwrap_or_default());
            dataset::take(source, &to, wish.records)?;
            sites.push(SiteSetup { name, data: vec![to] });
        }
        let run_file = folder.path().join("run.toml");
        short_run(&settings, &data, wish)?.write(&run_file)?;
        let setup = Setup {
            root: folder.path().join("parties"),
            model: settings.model,
            sites,
            small_sites: true,
            relayed: wish.relayed,
            address: Ipv4Addr::LOCALHOST,
            interrupt: Interrupt::default(),
        };
        Ok(Self { folder, run_file, setup })
    }

    /// Starts coordinator and sites, all joined.
    pub(crate) fn start(&self) -> Result<Consortium> {
        let mut consortium = Consortium::create(self.setup.clone())?;
        consortium.share_processors();
        consortium.start_coordinator(&[])?;
        for index in 0..consortium.sites.len() {
            consortium.join(index)?;
            consortium.start_site(index, &[])?;
        }
        Ok(consortium)
    }

    /// The data folder, where planted strings are allowed.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Copies the files of a folder.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// What the demo would run without arguments.
pub(crate) fn demo_settings() -> Result<DemoSettings> {
    let arguments = Arguments::parse_from(["demo"]);
    DemoSettings::resolve(&arguments, repository(), repository()).context("the demo's own data")
}

/// The demo's run with short held-out sets, few steps and a short deadline.
fn short_run(settings: &DemoSettings, data: &Path, wish: &Wish) -> Result<RunFile> {
    let mut run = settings.run_file.clone();
    for key in ["validation", "test"] {
        let source = run.path(key).context("the demo's run file names its held-out sets")?;
        let to = data.join(key).with_extension(source.extension().unwrap_or_default());
        dataset::take(&source, &to, 16)?;
        run.set_path(key, &to)?;
    }
    run.set_integer("", "rounds", i64::from(wish.rounds));
    run.set_integer("quorum", "sites", wish.sites as i64);
    run.set_integer("quorum", "deadline_s", 120);
    run.set_integer("training", "epochs", 1);
    Ok(run)
}

/// A small file system, unmounted when dropped.
pub(crate) struct TinyDisk(PathBuf);

impl TinyDisk {
    /// Mounts one of this size (`4k`, `96m`); `None` where this machine may not.
    pub(crate) fn mount(at: &Path, size: &str) -> Option<Self> {
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output().ok()?;
        mounted.status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
