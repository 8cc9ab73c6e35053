//! The samples in `deploy` are valid and complete. Run by `cargo test`.

use super::nobody;
use super::source::repository;

#[test]
fn sample_run_files_are_valid() {
    let folder = repository().join("deploy/runs");
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let spec: common::run::RunSpec =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        spec.validate().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        checked += 1;
    }
    assert!(checked >= 2, "deploy/runs holds {checked} run files");
}

#[test]
fn sample_configurations_are_valid_and_show_every_key() {
    let folder = repository().join("deploy/config");
    let coordinator =
        coordinator::state_folder::config::Config::read(&folder.join("coordinator.toml")).unwrap();
    let agent = site_agent::config::AgentConfig::load(&folder.join("agent.toml")).unwrap();
    // What the program would write for these values has no key that the sample lacks.
    for (name, written) in [
        ("coordinator.toml", toml::to_string(&coordinator).unwrap()),
        ("agent.toml", toml::to_string(&agent).unwrap()),
    ] {
        let sample = std::fs::read_to_string(folder.join(name)).unwrap();
        let keys = |text: &str| -> Vec<String> {
            let keys = text.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key.to_owned());
            keys.filter(|key| !key.starts_with('#')).collect()
        };
        let missing: Vec<String> =
            keys(&written).into_iter().filter(|key| !keys(&sample).contains(key)).collect();
        nobody(&format!("{name} shows every key"), missing);
    }
}
