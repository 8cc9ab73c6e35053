//! The release demo: from records to a signed release, as a consortium would go about it, on records and
//! grades that are made up. Called by the `release-demo` binary, which `deploy/release-demo` starts.
//!
//! Order: records, the demo's run with each hospital alone and all in one pool beside it, the suite of
//! questions, sheets of three synthetic graders and their verdict, a draft, what stops it, the signature, the
//! release, its verification on a machine that knows the public key alone. Invariants: everything is done by
//! the two programs, from their command line; whatever is made up says so where people read it.
#![allow(clippy::print_stdout)] // the demo talks to the person who started it

pub mod arguments;
mod card;
mod data;
mod graders;
mod papers;
mod sheet;

use std::path::Path;
use std::time::Duration;

use coordinator::report::Report;
use coordinator::report::suites::Status;

use crate::consortium::Consortium;
use crate::demo::{self, Conducted};
use crate::failure::Failure;
use crate::limits::{ROUND_S_MAX, STATUS_POLL_MS_MIN};
use crate::wait::{self, Interrupt};
use arguments::{Arguments, Settings};
use data::Data;

/// What a command of the release gets: the longest asks two models 200 questions.
const COMMAND: Duration = Duration::from_secs(ROUND_S_MAX);

/// Runs the story.
///
/// # Errors
/// The first thing that does not go as the story says, in words meant for the person who started it.
pub fn run(arguments: &Arguments, repository: &Path, interrupt: &Interrupt) -> Result<(), Failure> {
    let settings = Settings::resolve(arguments, repository)?;
    demo::prepare_folder(&settings.out)?;
    let data = Data::make(&settings, repository)?;
    println!("1. Records, made up from deploy/demo-data/facts.tsv: no patient is behind any of them\n");
    println!("{}", data.summary());
    println!("2. The run, and beside it each hospital alone and one pool of all records\n");
    let mut conducted = demo::conduct(&data.demo_settings(&settings, repository)?, repository, interrupt)?;
    let report = measured(&conducted, interrupt)?;
    conducted.report.suites = report.suites;
    conducted.report.forgetting = report.forgetting;
    demo::write_reports(&conducted.report, &settings.out)?;
    print!("{}", demo::summary(&conducted.report));
    let told = Story { conducted: &conducted, settings: &settings, data: &data, interrupt };
    told.people_grade()?;
    told.release()?;
    conducted.consortium.stop();
    Ok(())
}

/// Waits until the suites of the run are measured.
fn measured(conducted: &Conducted, interrupt: &Interrupt) -> Result<Report, Failure> {
    println!("waiting until base and result have answered the suites\n");
    let logs = conducted.consortium.logs().to_owned();
    let every = Duration::from_millis(STATUS_POLL_MS_MIN);
    wait::until("the answers to the suites", COMMAND, every, &logs, interrupt, || {
        let report = demo::report_of(&conducted.consortium, &conducted.run)?;
        let suites = report.suites.iter().map(|suite| suite.status);
        let mut all = suites.chain(report.forgetting.iter().map(|it| it.status));
        Ok(all.all(|status| status != Status::Waiting).then_some(report))
    })
}

/// What the later steps work on.
struct Story<'a> {
    conducted: &'a Conducted,
    settings: &'a Settings,
    data: &'a Data,
    interrupt: &'a Interrupt,
}

impl Story<'_> {
    fn consortium(&self) -> &Consortium {
        &self.conducted.consortium
    }

    fn path(&self, name: &str) -> String {
        self.settings.out.join(name).to_string_lossy().into_owned()
    }

    /// What a command of the coordinator printed; it has to succeed.
    fn coordinator(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.consortium().coordinator.run(arguments, COMMAND)?.success()
    }

    fn people_grade(&self) -> Result<(), Failure> {
        println!(
            "3. Three graders: SYNTHETIC, seeded with {}. A real release needs people\n",
            self.settings.seed
        );
        let review = self.path("review");
        let suite = self.data.suite.to_string_lossy().into_owned();
        let graders = graders::NUMBER.to_string();
        let asked = ["review", "new", &self.conducted.run, "--suite", &suite, "--graders", &graders];
        self.coordinator(&[&asked[..], &["--out", &review]].concat())?;
        let back = graders::grade(Path::new(&review), &self.settings.out, self.data, self.settings.seed)?;
        let back: Vec<&str> = back.iter().filter_map(|path| path.to_str()).collect();
        self.coordinator(&[&["review", "import", &review], &back[..]].concat())?;
        graders::write_patients(&self.settings.out, self.settings.seed)?;
        println!("{}", graders::JUDGED);
        let said =
            self.coordinator(&[&["review", "report", &review], &self.evidence().as_words()[..]].concat())?;
        println!("{said}");
        Ok(())
    }

    fn evidence(&self) -> Evidence {
        Evidence { patients: self.path(graders::PATIENTS), used: self.path(graders::USED) }
    }
}

/// What patients said and what was counted in use.
struct Evidence {
    patients: String,
    used: String,
}

impl Evidence {
    fn as_words(&self) -> [&str; 4] {
        ["--questionnaire", &self.patients, "--utility", &self.used]
    }
}
