//! The demo's command line: nothing for the built-in example, or the caller's model and data.
//!
//! Used by `consilium-demo` and `demo`. Parsed here, checked in [`DemoSettings::resolve`] before any process
//! starts: a typing mistake must not cost a minute of set-up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser;
use common::limits::SITES_MAX;

use crate::consortium::SiteSetup;
use crate::dataset;
use crate::failure::Failure;
use crate::run_file::RunFile;

/// A whole consortium on this machine: coordinator, hospitals, certificates, training, report.
///
/// Without arguments it uses the small model and the synthetic bilingual records in
/// deploy/demo-data. With --model, --site, --validation and --test it does the same with yours:
/// every process is real, and nothing leaves this machine.
#[derive(Debug, Parser)]
#[command(name = "demo", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// Hugging Face folder of the base model (config.json, tokenizer.json, safetensors).
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// A hospital and its records; give it once for each site.
    #[arg(long = "site", value_name = "NAME=FILE")]
    pub sites: Vec<String>,
    /// So many hospitals, among which the built-in records are dealt; three processes each. A hundred take
    /// some minutes.
    #[arg(long = "sites", value_name = "N", conflicts_with_all = ["sites", "model"],
          value_parser = clap::value_parser!(u32).range(2..=SITES_MAX as i64))]
    pub hospitals: Option<u32>,
    /// Records that steer: the model is measured on them after every round.
    #[arg(long, value_name = "FILE")]
    pub validation: Option<PathBuf>,
    /// Records opened once, at the end.
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
    /// Federated rounds, instead of the run file's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,
    /// Afterwards train each hospital alone, and one more that has the records of all, so that the report
    /// shows base model, each alone, all pooled and all together side by side. Takes about as long again,
    /// or longer.
    #[arg(long)]
    pub baselines: bool,
    /// Run file with the training settings.
    #[arg(long, value_name = "RUN.toml")]
    pub run: Option<PathBuf>,
    /// Where report.json, report.html, the adapter and every party's state go. What an earlier demo
    /// left there is replaced.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  ./deploy/demo
  ./deploy/demo --rounds 1 --out /tmp/first-look
  ./deploy/demo --baselines
  ./deploy/demo --sites 100
  ./deploy/demo --model Qwen2.5-0.5B-Instruct --site north=north.jsonl --site south=south.json \\
      --validation validation.jsonl --test test.jsonl --rounds 3";

/// Everything that was decided before the first process starts.
#[derive(Debug)]
pub struct DemoSettings {
    pub run_file: RunFile,
    pub model: PathBuf,
    pub sites: Vec<SiteSetup>,
    /// Records that are dealt among them before they start; without any each has its own.
    pub dealt: Vec<PathBuf>,
    pub rounds: u32,
    /// Whether each hospital also trains alone, and one on the records of all.
    pub baselines: bool,
    /// Whether those are measured on the validation file only.
    pub is_test_for_the_run_alone: bool,
    pub out: PathBuf,
}

impl DemoSettings {
    /// Completes the arguments with the built-in example and checks that every file is there.
    ///
    /// # Errors
    /// [`Failure::Input`] naming the flag to change.
    pub fn resolve(arguments: &Arguments, repository: &Path, build: &Path) -> Result<Self, Failure> {
        let own = arguments.model.is_some() || !arguments.sites.is_empty();
        if own {
            require_all(arguments)?;
        }
        let run_path = arguments.run.clone().unwrap_or_else(|| repository.join("deploy/runs/demo.toml"));
        let mut run_file = RunFile::read(&run_path)?;
        if run_file.text("train") == Some("alone") {
            return Err(Failure::Input {
                sentence: format!(
                    "{} trains each hospital alone, and the demo all together",
                    run_path.display()
                ),
                hint: "launch it beside such a run: coordinator launch FILE, with that run in compare_with"
                    .to_owned(),
            });
        }
        for (key, path) in
            [("model", &arguments.model), ("validation", &arguments.validation), ("test", &arguments.test)]
        {
            if let Some(path) = path {
                run_file.set_path(key, path)?;
            }
        }
        let out = arguments.out.clone().unwrap_or_else(|| build.join("demo"));
        let out = std::path::absolute(&out).map_err(Failure::file("resolve", &out))?;
        let mut sites = if own { named_sites(&arguments.sites)? } else { example_sites(repository)? };
        let mut dealt = Vec::new();
        if let Some(count) = arguments.hospitals {
            dealt = sites.into_iter().flat_map(|site| site.data).collect();
            sites = (1..=count).map(|number| hospital(&out, number)).collect();
        }
        if let Some(rounds) = arguments.rounds {
            run_file.set_integer("", "rounds", i64::from(rounds));
        }
        run_file.set_integer("quorum", "sites", sites.len() as i64);
        let model = existing(&run_file, "model")?;
        existing(&run_file, "validation")?;
        existing(&run_file, "test")?;
        let rounds = run_file.integer("rounds").and_then(|rounds| u32::try_from(rounds).ok()).unwrap_or(1);
        let baselines = arguments.baselines;
        if baselines && sites.len() >= SITES_MAX {
            return Err(Failure::Input {
                sentence: format!(
                    "--baselines needs one hospital more, and a consortium has at most {SITES_MAX}"
                ),
                hint: "name fewer hospitals".to_owned(),
            });
        }
        if baselines && run_file.get("training", "steps").is_some() {
            return Err(Failure::Input {
                sentence: "--baselines needs a run file that counts in epochs: with steps the pool of all records would \
                           pass over them fewer times than the hospitals do"
                    .to_owned(),
                hint: "give `epochs` in [training] instead of `steps`".to_owned(),
            });
        }
        Ok(Self { run_file, model, sites, dealt, rounds, baselines, is_test_for_the_run_alone: false, out })
    }

    /// Deals the built-in records, where they are dealt; the output folder is there.
    ///
    /// # Errors
    /// There are fewer records than sites, or a file cannot be read or written.
    pub fn deal(&self) -> Result<(), Failure> {
        if self.dealt.is_empty() {
            return Ok(());
        }
        let files: Vec<&Path> =
            self.sites.iter().flat_map(|site| site.data.iter().map(PathBuf::as_path)).collect();
        dataset::deal(&self.dealt, &files)
    }
}

fn require_all(arguments: &Arguments) -> Result<(), Failure> {
    let given = [
        ("--model", arguments.model.is_some()),
        ("--site", !arguments.sites.is_empty()),
        ("--validation", arguments.validation.is_some()),
        ("--test", arguments.test.is_some()),
    ];
    // A run file may bring the held-out sets along.
    let needed = if arguments.run.is_some() { &given[..2] } else { &given[..] };
    match needed.iter().find(|(_, present)| !present) {
        None => Ok(()),
        Some((missing, _)) => Err(Failure::Input {
            sentence: format!("{missing} is missing: your own model and data need all four flags together"),
            hint: "./deploy/demo --model DIR --site NAME=FILE ... --validation FILE --test FILE".to_owned(),
        }),
    }
}

fn named_sites(values: &[String]) -> Result<Vec<SiteSetup>, Failure> {
    let mut seen = BTreeSet::new();
    let mut sites = Vec::new();
    for value in values {
        let (name, file) = value
            .split_once('=')
            .filter(|(name, file)| !name.is_empty() && !file.is_empty())
            .ok_or_else(|| Failure::Input {
                sentence: format!("--site {value} does not name a site and a file"),
                hint: "write --site NAME=FILE, for example --site cardiology=cardiology.jsonl".to_owned(),
            })?;
        if !seen.insert(name) {
            return Err(Failure::Input {
                sentence: format!("two sites are called {name}"),
                hint: "give each --site a name of its own".to_owned(),
            });
        }
        let path = std::path::absolute(file).map_err(Failure::file("resolve", file))?;
        let path = regular_file(&path, "--site")?;
        sites.push(SiteSetup { name: name.to_owned(), data: vec![path] });
    }
    if sites.len() < 2 {
        return Err(Failure::Input {
            sentence: "one site is not a consortium".to_owned(),
            hint: "give --site at least twice".to_owned(),
        });
    }
    Ok(sites)
}

fn hospital(out: &Path, number: u32) -> SiteSetup {
    let name = format!("hospital-{number:03}");
    let file = out.join("records").join(format!("{name}.jsonl"));
    SiteSetup { name, data: vec![file] }
}

/// Every `deploy/demo-data/sites/NAME.jsonl|json` is a hospital.
fn example_sites(repository: &Path) -> Result<Vec<SiteSetup>, Failure> {
    let folder = repository.join("deploy/demo-data/sites");
    let mut sites = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(Failure::file("list", &folder))? {
        let path = entry.map_err(Failure::file("list", &folder))?.path();
        let known = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "json");
        if let (true, Some(stem)) = (known, path.file_name().and_then(|name| name.to_str())) {
            let name = stem.split('.').next().unwrap_or(stem).to_owned();
            sites.push(SiteSetup { name, data: vec![path] });
        }
    }
    sites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sites)
}

fn existing(run_file: &RunFile, key: &'static str) -> Result<PathBuf, Failure> {
    let path = run_file.path(key).ok_or_else(|| Failure::Input {
        sentence: format!("the run file does not say which {key} to use"),
        hint: format!("add `{key} = \"...\"` to it, or give --{key}"),
    })?;
    // Without the run file's `..`, so that the report shows a path people recognise.
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    Err(Failure::Input {
        sentence: format!("{} does not exist", path.display()),
        hint: format!("check --{key} or `{key}` in the run file"),
    })
}

fn regular_file(path: &Path, flag: &str) -> Result<PathBuf, Failure> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    Err(Failure::Input {
        sentence: format!("{} is not a file", path.display()),
        hint: format!("check {flag}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Arguments {
        Arguments::try_parse_from(std::iter::once(&"demo").chain(words)).unwrap()
    }

    fn sentence(words: &[&str]) -> String {
        let nowhere = Path::new("/nonexistent");
        let failure = DemoSettings::resolve(&arguments(words), nowhere, nowhere).unwrap_err();
        assert!(failure.hint().is_some(), "{failure}");
        failure.to_string()
    }

    #[test]
    fn a_forgotten_flag_is_named() {
        assert!(sentence(&["--model", "m"]).contains("--site is missing"));
        assert!(sentence(&["--model", "m", "--site", "a=b"]).contains("--validation is missing"));
    }

    #[test]
    fn sites_need_a_name_a_file_and_company() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jsonl");
        std::fs::write(&file, "{}").unwrap();
        let site = |name: &str| format!("{name}={}", file.display());
        assert!(named_sites(&["a".to_owned()]).unwrap_err().to_string().contains("does not name"));
        assert!(named_sites(&[site("a"), site("a")]).unwrap_err().to_string().contains("two sites"));
        assert!(named_sites(&[site("a")]).unwrap_err().to_string().contains("not a consortium"));
        assert!(named_sites(&["a=/nonexistent".to_owned()]).unwrap_err().to_string().contains("not a file"));
        assert_eq!(named_sites(&[site("b"), site("a")]).unwrap().len(), 2);
    }

    #[test]
    fn a_run_of_each_alone_is_no_demo() {
        let alone = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/runs/demo-alone.toml");
        assert!(sentence(&["--run", alone.to_str().unwrap()]).contains("trains each hospital alone"));
    }

    #[test]
    fn a_number_of_hospitals_is_for_the_built_in_records_and_bounded() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let settings = DemoSettings::resolve(&arguments(&["--sites", "30"]), repository, repository).unwrap();
        assert_eq!((settings.sites.len(), settings.run_file.integer("rounds")), (30, Some(3)));
        assert_eq!(settings.sites[29].name, "hospital-030");
        assert_eq!(settings.dealt.len(), 4);
        let full =
            DemoSettings::resolve(&arguments(&["--sites", "100", "--baselines"]), repository, repository);
        assert!(full.unwrap_err().to_string().contains("one hospital more"));
        for words in [&["--sites", "1"][..], &["--sites", "101"], &["--sites", "9", "--site", "a=b"]] {
            assert!(Arguments::try_parse_from(std::iter::once(&"demo").chain(words)).is_err(), "{words:?}");
        }
    }

    #[test]
    fn zero_rounds_are_refused() {
        assert!(Arguments::try_parse_from(["demo", "--rounds", "0"]).is_err());
    }
}
