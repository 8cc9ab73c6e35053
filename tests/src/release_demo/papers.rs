//! From a graded run to a signed release, and what stops it on the way. Called by `release_demo`. Invariants:
//! the release is signed on another machine than the coordinator's, by a person's own key, and verified on a
//! third that has nothing but a copy of the folder and the public key; a changed copy is refused there.
#![allow(clippy::print_stdout)] // the demo talks to the person who started it

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{COMMAND, Story, card};
use crate::binaries::Binaries;
use crate::failure::Failure;
use crate::folder::copy_tree;
use crate::process::{self, Finished};

/// The field that is emptied again.
const EMPTIED: &str = "intended_use";
/// What stands in every field that people fill in.
const ANSWER: &str = "SYNTHETIC, of the release demo: no committee wrote this.";

impl Story<'_> {
    /// Draft, what stops it, signature, release, verification.
    pub(super) fn release(&self) -> Result<(), Failure> {
        println!("4. The release\n");
        let (draft, release, review) = (self.path("draft"), self.path("release"), self.path("review"));
        let evidence = self.evidence();
        let asked = ["release", "new", &self.conducted.run, "--out", &draft, "--review", &review];
        self.coordinator(&[&asked[..], &evidence.as_words()[..]].concat())?;
        fill(Path::new(&draft))?;
        let operator = self.machine("operator")?;
        self.enrol(&operator)?;
        operator.run(self, &["release", "sign", &draft])?.success()?;
        println!(
            "Every field filled in (marked as made up), and signed by anna, an operator, on her machine:\n"
        );
        println!("{}", self.coordinator(&["release", "status", &draft])?);
        self.an_empty_field_stops_it(Path::new(&draft), &release)?;
        let made = self.coordinator(&["release", "make", &draft, "--out", &release, "--json"])?;
        let key = text(&made, "key")?;
        card::validate(self, &Path::new(&release).join("model-card.xml"))?;
        println!("On a machine that has the folder and the consortium's public key:\n");
        let elsewhere = self.machine("elsewhere")?;
        let (whole, changed) = (elsewhere.home.join("release"), elsewhere.home.join("changed"));
        copy_tree(Path::new(&release), &whole)?;
        copy_tree(Path::new(&release), &changed)?;
        let weights = changed.join("adapter_model.safetensors");
        let mut bytes = std::fs::read(&weights).map_err(Failure::file("read", &weights))?;
        bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        std::fs::write(&weights, bytes).map_err(Failure::file("write", &weights))?;
        println!("{}", elsewhere.run(self, &["verify-release", "release", "--key", &key])?.success()?);
        println!("And with one bit of the weights changed:\n");
        let refused = elsewhere.run(self, &["verify-release", "changed", "--key", &key])?;
        says(&refused, "adapter_model.safetensors was changed")?;
        println!("{}{}", refused.stdout, refused.stderr);
        println!("Release:  {release}\nKey:      {key}");
        Ok(())
    }

    /// All is there but one answer: it is named, and nothing is made. Then it is put back.
    fn an_empty_field_stops_it(&self, draft: &Path, release: &str) -> Result<(), Failure> {
        let path = draft.join("fields.toml");
        let good = std::fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
        let empty = format!("{EMPTIED} = \"\"\n");
        let line = format!("{EMPTIED} = \"{ANSWER}\"\n");
        let write = |text: &str| std::fs::write(&path, text).map_err(Failure::file("write", &path));
        write(&good.replacen(&line, &empty, 1))?;
        let draft = draft.to_string_lossy();
        println!("One field emptied again, which an operator would have to sign anew:\n");
        let made =
            self.consortium().coordinator.run(&["release", "make", &draft, "--out", release], COMMAND)?;
        says(&made, EMPTIED)?;
        println!("{}{}", made.stdout, made.stderr);
        write(&good)
    }

    fn machine(&self, name: &str) -> Result<Machine, Failure> {
        let home = self.settings.out.join("machines").join(name);
        std::fs::create_dir_all(&home).map_err(Failure::file("create", &home))?;
        Ok(Machine { home, program: Binaries::find()?.coordinator })
    }

    fn enrol(&self, machine: &Machine) -> Result<(), Failure> {
        let invitation = self.coordinator(&["operators", "invite", "anna", "--role", "operator"])?;
        let file = machine.home.join("invitation");
        std::fs::write(&file, invitation).map_err(Failure::file("write", &file))?;
        let only_ours = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&file, only_ours).map_err(Failure::file("close", &file))?;
        machine.run(self, &["enrol", "--invitation-file", &file.to_string_lossy()])?.success()?;
        Ok(())
    }
}

/// Refused as somebody's mistake, in these words.
fn says(finished: &Finished, words: &str) -> Result<(), Failure> {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    if finished.code() == Some(1) && said.contains(words) {
        return Ok(());
    }
    Err(Failure::output("release-demo", format!("it was not refused for {words}: {said}")))
}

/// A machine of somebody, with a home and no state folder.
struct Machine {
    home: PathBuf,
    program: PathBuf,
}

impl Machine {
    fn run(&self, story: &Story<'_>, arguments: &[&str]) -> Result<Finished, Failure> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.home).env("HOME", &self.home).env("NO_COLOR", "1");
        command.env_remove("CONSILIUM_STATE").env_remove("XDG_CONFIG_HOME");
        process::run(command, "coordinator", story.consortium().logs(), COMMAND, story.interrupt)
    }
}

/// An answer in every field.
fn fill(draft: &Path) -> Result<(), Failure> {
    let path = draft.join("fields.toml");
    let text = std::fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
    let filled = text.replace(" = \"\"\n", &format!(" = \"{ANSWER}\"\n"));
    std::fs::write(&path, filled).map_err(Failure::file("write", path))
}

fn text(json: &str, key: &str) -> Result<String, Failure> {
    let document: Value =
        serde_json::from_str(json).map_err(|error| Failure::output("release-demo", error))?;
    let found = document[key].as_str().map(str::to_owned);
    found.ok_or_else(|| Failure::output("release-demo", format!("{key} is not in {json}")))
}
