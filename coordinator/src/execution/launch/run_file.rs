//! Reads a run file. Called by `launch`. Invariants: what it returns is within the bounds of any run, and
//! says how long a round is, also where the file leaves that to the default: sites agree to nothing unsaid.

use std::path::Path;

use common::limits::CONFIG_BYTES_MAX;
use common::run::RunSpec;

use crate::error::{Error, Result};
use crate::state_folder::config::{read_bounded, toml_reason};

/// Reads and checks a run file. Paths in it become absolute.
///
/// # Errors
/// The file does not exist, cannot be read, or says something a run file may not say.
pub(super) fn read(path: &Path) -> Result<RunSpec> {
    if !path.is_file() {
        return Err(Error::Missing { what: "run file", path: path.to_path_buf() });
    }
    let mut spec = parse(&read_bounded(path)?, path)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    spec.model = spec.model.map(|model| folder.join(model));
    spec.validation = spec.validation.map(|file| folder.join(file));
    spec.test = spec.test.map(|file| folder.join(file));
    spec.evaluation.suites.iter_mut().for_each(|file| *file = folder.join(&*file));
    Ok(spec)
}

/// Reads and checks a run file that came from another machine.
///
/// # Errors
/// It is too long, names a file without its whole path, or as [`read`].
pub(super) fn of_text(text: &str) -> Result<RunSpec> {
    let path = Path::new("the run file that was sent");
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(Error::Config { path: path.into(), reason: "it is too long for a run file".into() });
    }
    let spec = parse(text, path)?;
    let files = [&spec.model, &spec.validation, &spec.test].into_iter().flatten();
    let files = files.chain(&spec.evaluation.suites);
    if let Some(relative) = files.into_iter().find(|file| !file.is_absolute()) {
        return Err(Error::Argument {
            message: format!("{} in the run file is not a whole path", relative.display()),
            hint: "paths of a run that is launched from afar are those of the coordinator's machine: begin each \
                   with `/`"
                .into(),
        });
    }
    Ok(spec)
}

fn parse(text: &str, path: &Path) -> Result<RunSpec> {
    let refuse = |reason: String| Error::Config { path: path.to_path_buf(), reason };
    let mut spec: RunSpec = toml::from_str(text).map_err(|error| refuse(toml_reason(text, &error)))?;
    spec.validate().map_err(|error| refuse(error.to_string()))?;
    spec.training.say_work();
    spec.evaluation.say_bound(spec.validation.is_some(), spec.train);
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use common::run::{Epochs, LocalWork, ScheduleOver, ServerRule};

    use super::*;

    fn run(sections: &str) -> Result<RunSpec> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, format!("name = \"t\"\nrounds = 1\n[quorum]\nsites = 1\n{sections}")).unwrap();
        read(&path)
    }

    #[test]
    fn how_long_a_round_is_is_said_also_where_the_file_leaves_it_to_the_default() {
        let said = |training: &str| {
            let training = run(&format!("[training]\n{training}\n")).unwrap().training;
            (training.epochs, training.steps)
        };
        assert_eq!(said("batch_size = 4"), (Some(Epochs::whole(1)), None));
        assert_eq!(said("epochs = 0.25"), (Epochs::nearest(0.25), None));
        assert_eq!(said("steps = 20"), (None, Some(20)));
        let error = run("[training]\nepochs = 1\nsteps = 20\n").unwrap_err();
        assert!(error.is_user_error() && error.to_string().contains("training.steps"), "{error}");
    }

    #[test]
    fn suites_are_relative_to_the_run_file_whole_from_afar_and_not_too_many() {
        let sections = "[training]\n[evaluation]\nsuites = [\"a.toml\"]\nforgetting = true\n";
        let evaluation = run(sections).unwrap().evaluation;
        assert!(evaluation.forgetting && evaluation.suites[0].is_absolute());
        assert!(evaluation.suites[0].ends_with("a.toml"));
        let text = format!("name = \"t\"\nrounds = 1\n[quorum]\nsites = 1\n{sections}");
        let error = of_text(&text).unwrap_err();
        assert!(error.is_user_error() && error.to_string().contains("a.toml"), "{error}");
        assert!(of_text(&text.replace("a.toml", "/suites/a.toml")).is_ok());
        let many = format!("[training]\n[evaluation]\nsuites = {:?}\n", vec!["a.toml"; 33]);
        assert!(run(&many).unwrap_err().to_string().contains("evaluation.suites"));
    }

    #[test]
    fn the_server_s_numbers_are_refused_where_nothing_uses_them() {
        let error = run("[training]\n[aggregation]\nserver_momentum = 0.5\n").unwrap_err();
        assert!(error.to_string().contains("aggregation.server_optimizer"), "{error}");
        let unknown = run("[training]\n[aggregation]\nserver_optimizer = \"sgd\"\n").unwrap_err();
        assert!(unknown.to_string().contains("adagrad"), "{unknown}");
    }

    #[test]
    fn the_best_run_file_says_what_its_header_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/runs/medqa-zh-best.toml");
        let spec = read(&path).unwrap();
        let sixteenth = LocalWork::Epochs(Epochs::nearest(0.0625).unwrap());
        assert_eq!((spec.rounds, spec.training.work()), (48, sixteenth));
        assert_eq!(spec.training.schedule_over, ScheduleOver::Run);
        let rule = ServerRule::Momentum { momentum: 0.5, rate: 1.0 };
        assert_eq!(spec.aggregation.server_rule(), Some(rule));
    }
}
