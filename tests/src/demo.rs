//! The demo: a whole consortium on this machine, from invitation to report.
//!
//! Called by `consilium-demo`, which `deploy/demo` builds and starts. Order: resolve the settings, start
//! and join everybody, run, verify the ledgers, export, write the reports, print the table. Every
//! process is killed when this returns, whatever happened; every folder is left for inspection.
#![allow(clippy::print_stdout)] // the demo talks to the person who started it

pub mod arguments;
mod baselines;
mod collect;
mod follow;
mod verify;

pub(crate) use collect::of_run as report_of;

use std::path::Path;
use std::time::{Duration, Instant};

use common::language::Language;
use coordinator::report::{Paths, Report, html, table};

use crate::consortium::{Consortium, Setup};
use crate::failure::Failure;
use crate::limits::EXPORT_S_MAX;
use crate::status::RunStatus;
use crate::wait::Interrupt;
use arguments::DemoSettings;

/// Name of the file that marks a folder as ours to replace.
const MARK: &str = ".consilium-demo";

/// A consortium whose run is over and that still runs.
pub(crate) struct Conducted {
    pub(crate) consortium: Consortium,
    pub(crate) run: String,
    pub(crate) report: Report,
}

/// Runs everything and returns the report.
///
/// # Errors
/// The first thing that fails, in words meant for the person who started the demo.
pub fn run(settings: &DemoSettings, repository: &Path, interrupt: &Interrupt) -> Result<Report, Failure> {
    prepare_folder(&settings.out)?;
    let mut conducted = conduct(settings, repository, interrupt)?;
    conducted.consortium.stop();
    write_reports(&conducted.report, &settings.out)?;
    Ok(conducted.report)
}

/// Everything but the end, in a folder that is ours.
///
/// # Errors
/// As [`run`].
pub(crate) fn conduct(
    settings: &DemoSettings,
    repository: &Path,
    interrupt: &Interrupt,
) -> Result<Conducted, Failure> {
    let started = Instant::now();
    settings.deal()?;
    let run_path = settings.out.join("run.toml");
    settings.run_file.write(&run_path)?;
    announce(settings);
    let mut consortium = start(settings, interrupt)?;
    let setup_s = started.elapsed().as_secs_f64();
    let run_started = Instant::now();
    let run = consortium.launch(&run_path)?;
    let status = follow::follow(&mut consortium, &run, settings.rounds, interrupt)?;
    let run_s = run_started.elapsed().as_secs_f64();
    let adapter = export(&consortium, &status, &settings.out)?;
    let verifications = verify::all(&consortium, repository, interrupt)?;
    let paths = paths(settings, &consortium, &adapter);
    let mut report = collect::report(&consortium, &status.run, verifications, paths)?;
    if settings.baselines {
        baselines::train(&mut consortium, settings, &run, interrupt)?;
        let verified = verify::all(&consortium, repository, interrupt)?;
        collect::add_baselines(&consortium, &run, &verified, &mut report)?;
    }
    report.timings.setup_s = Some(setup_s);
    report.timings.run_s = Some(run_s);
    report.timings.total_s = Some(started.elapsed().as_secs_f64());
    Ok(Conducted { consortium, run, report })
}

/// The table for the terminal, with the places of everything that was left.
pub fn summary(report: &Report) -> String {
    let table = table::render(report, Language::chosen(None));
    let Some(paths) = &report.paths else { return table };
    let sites = paths.site_states.first().and_then(|first| Path::new(first).parent()?.to_str());
    format!(
        "{table}\nReport:   {}\nAdapter:  {} (load it with PEFT)\nState:    {} and {}\n",
        paths.report_html,
        paths.adapter,
        paths.coordinator_state,
        sites.unwrap_or("-"),
    )
}

/// Creates the output folder; replaces an earlier demo's, and refuses anything else that is there.
pub(crate) fn prepare_folder(out: &Path) -> Result<(), Failure> {
    let in_use = out.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if in_use && !out.join(MARK).is_file() {
        return Err(Failure::Input {
            sentence: format!("{} is not empty and was not made by the demo", out.display()),
            hint: "choose another folder with --out".to_owned(),
        });
    }
    if in_use {
        std::fs::remove_dir_all(out).map_err(Failure::file("replace", out))?;
    }
    std::fs::create_dir_all(out).map_err(Failure::file("create", out))?;
    std::fs::write(out.join(MARK), "").map_err(Failure::file("write", out))
}

fn announce(settings: &DemoSettings) {
    println!(
        "{} hospitals and a coordinator on this machine, {} federated round{}.",
        settings.sites.len(),
        settings.rounds,
        if settings.rounds == 1 { "" } else { "s" }
    );
    println!("Everything they write is in {}\n", settings.out.display());
}

fn start(settings: &DemoSettings, interrupt: &Interrupt) -> Result<Consortium, Failure> {
    let mut consortium = Consortium::create(Setup {
        root: settings.out.clone(),
        model: settings.model.clone(),
        sites: settings.sites.clone(),
        small_sites: true,
        relayed: false,
        address: std::net::Ipv4Addr::LOCALHOST,
        interrupt: interrupt.clone(),
    })?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    println!("coordinator: has its certificate authority and listens");
    for index in 0..consortium.sites.len() {
        consortium.join(index)?;
        if settings.baselines {
            consortium.allow_alone(index)?;
        }
        consortium.start_site(index, &[])?;
        println!(
            "{}: joined by invitation, its officer signed a policy under which runs begin",
            consortium.sites[index].name()
        );
    }
    println!();
    Ok(consortium)
}

fn export(consortium: &Consortium, status: &RunStatus, out: &Path) -> Result<std::path::PathBuf, Failure> {
    let folder = out.join("adapter");
    let path = folder.to_string_lossy();
    consortium
        .coordinator
        .run(&["export", &status.run, "--format", "peft", "--out", &path], Duration::from_secs(EXPORT_S_MAX))?
        .success()?;
    Ok(folder)
}

fn paths(settings: &DemoSettings, consortium: &Consortium, adapter: &Path) -> Paths {
    let text = |path: &Path| path.display().to_string();
    Paths {
        report_html: text(&settings.out.join("report.html")),
        adapter: text(adapter),
        coordinator_state: text(consortium.coordinator.state()),
        site_states: consortium.sites.iter().map(|site| text(site.state())).collect(),
        logs: text(consortium.logs()),
    }
}

pub(crate) fn write_reports(report: &Report, out: &Path) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| Failure::Output { program: "the demo".to_owned(), detail: error.to_string() })?;
    let write = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(Failure::file("write", path))
    };
    write("report.json", json + "\n")?;
    write("report.html", html::render(report, Language::chosen(None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_somebody_elses_files_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.doc"), "years of work").unwrap();
        let failure = prepare_folder(folder.path()).unwrap_err();
        assert!(failure.to_string().contains("not made by the demo"));
        assert!(folder.path().join("thesis.doc").exists());
    }

    #[test]
    fn an_earlier_demo_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("demo");
        prepare_folder(&out).unwrap();
        std::fs::write(out.join("report.json"), "old").unwrap();
        prepare_folder(&out).unwrap();
        assert!(!out.join("report.json").exists() && out.join(MARK).exists());
    }
}
