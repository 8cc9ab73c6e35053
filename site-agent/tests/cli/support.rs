//! A site's folders without a coordinator, and the program as a command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::clock::SystemClock;
use site_agent::config::{AgentConfig, DataRoomConfig, SandboxConfig, TrainingConfig};
use site_agent::gateway::store::Store;
use site_agent::paths::StateFolder;
use site_agent::policy::PolicyConfig;
use tempfile::TempDir;

/// The small model that the repository carries for its demo.
pub(crate) fn demo_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo-data/model").canonicalize().unwrap()
}

/// One good record.
pub(crate) const RECORD: &str =
    r#"{"instruction": "What helps against a headache?", "input": "", "output": "Rest and water."}"#;

/// A temporary folder with data, a state folder and everything `run` expects but the identity.
pub(crate) struct Site {
    _root: TempDir,
    pub(crate) folder: StateFolder,
    pub(crate) data: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("records").join("data.jsonl");
        fs::create_dir_all(data.parent().unwrap()).unwrap();
        fs::write(&data, format!("{RECORD}\n")).unwrap();
        let folder = StateFolder::new(root.path().join("state"));
        for path in folder.folders() {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(folder.identity().join("key.pem"), "a key").unwrap();
        fs::write(folder.identity().join("ca.pem"), authority()).unwrap();
        Store::open(&folder.database()).unwrap();
        let config = AgentConfig {
            model: demo_model(),
            data: vec![data.clone()],
            data_room: DataRoomConfig::default(),
            sandbox: SandboxConfig::default(),
            training: TrainingConfig::default(),
            policy: PolicyConfig::default(),
            retention: Default::default(),
            escrow: None,
            keys: None,
        };
        fs::write(folder.config(), config.to_commented_toml().unwrap()).unwrap();
        Self { _root: root, folder, data }
    }

    /// Runs the program on this site's state folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        program().args(arguments).arg("--state").arg(self.folder.root()).output().unwrap()
    }
}

/// The certificate of some consortium's authority.
fn authority() -> String {
    let serial = certs::SerialNumber::from_random([1; 16]);
    let authority = certs::CertificateAuthority::create("test", &serial, SystemClock.system_time());
    authority.unwrap().certificate_pem().to_owned()
}

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_site-agent"))
}

/// What was written to standard error.
pub(crate) fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
