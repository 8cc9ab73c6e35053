//! Every wrong input gets one sentence, a hint, exit code 1, and leaves nothing behind.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use certs::{CertificateAuthority, IdentityKey, Invitation, JoinToken, RequestedKey, SerialNumber, SpkiPin};
use common::clock::SystemClock;
use common::id::Digest;
use site_agent::gateway::identity::{Coordinator, Identity};
use site_agent::paths::StateFolder;
use tempfile::TempDir;

use crate::support::{RECORD, Site, demo_model, program, words};

/// What `join` is given; every test changes one thing.
struct Attempt {
    root: TempDir,
    invitation: String,
    model: PathBuf,
    data: PathBuf,
}

impl Attempt {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data.jsonl");
        fs::write(&data, format!("{RECORD}\n")).unwrap();
        // A port that nobody listens on: it was free a moment ago.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let token = JoinToken::from_bytes([7; 32]);
        let invitation =
            Invitation::new(&format!("127.0.0.1:{port}"), "hospital", token, SpkiPin::of_spki(b"ca"))
                .unwrap();
        let invitation = invitation.to_line().to_string();
        Self { root, invitation, model: demo_model(), data }
    }

    /// A copy of the model folder, to be damaged.
    fn own_model(&mut self) -> &Path {
        let copy = self.root.path().join("model");
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(&self.model).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        self.model = copy;
        &self.model
    }

    fn join(&self) -> Output {
        let mut command = program();
        command.args(["join", "--model"]).arg(&self.model).arg("--data").arg(&self.data);
        command.arg("--state").arg(self.root.path().join("site"));
        let (reader, mut writer) = std::io::pipe().unwrap();
        writeln!(writer, "{}", self.invitation).unwrap();
        drop(writer);
        command.stdin(reader).output().unwrap()
    }

    /// What an earlier attempt left that got its certificate: nobody has to be asked any more.
    fn has_certificate(self) -> Self {
        let joining = StateFolder::new(self.root.path().join("site.joining"));
        for path in [vec![joining.root().to_path_buf()], joining.folders()].concat() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).unwrap();
        }
        let site = self.root.path().join("site");
        fs::write(joining.root().join("joining"), site.as_os_str().as_encoded_bytes()).unwrap();
        let serial = |byte| SerialNumber::from_random([byte; 16]);
        let (now, day) = (SystemClock.system_time(), Duration::from_secs(86_400));
        let authority = CertificateAuthority::create("consortium", &serial(1), now).unwrap();
        let key = IdentityKey::generate().unwrap();
        let request = certs::csr::create(&key).unwrap();
        let requested = RequestedKey::from_csr(&request).unwrap();
        let issued = authority.issue_site("hospital", &requested, &serial(2), now, day).unwrap();
        let coordinator = Coordinator {
            site: "hospital".parse().unwrap(),
            address: "127.0.0.1:1".into(),
            receipt_key: Digest([0; 32]),
        };
        Identity::store(&joining.identity(), &key, &issued.der, authority.certificate_der(), &coordinator)
            .unwrap();
        self
    }

    /// As [`Self::refused`], after which the certificate is still there.
    fn refused_with_certificate(self, expected: &str) -> String {
        let attempt = self.has_certificate();
        let words = attempt.refusal(expected);
        assert!(words.contains("without an invitation"), "{words}");
        assert!(!attempt.root.path().join("site").exists());
        assert!(attempt.root.path().join("site.joining/identity/certificate.pem").exists());
        words
    }

    /// Joins, and expects a refusal that contains `expected` and leaves nothing.
    fn refused(&self, expected: &str) -> String {
        let words = self.refusal(expected);
        for left in ["site", "site.joining"] {
            assert!(!self.root.path().join(left).exists(), "{left} was left behind");
        }
        words
    }

    fn refusal(&self, expected: &str) -> String {
        let output = self.join();
        let words = words(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(expected), "`{expected}` is not in: {words}");
        let sentence = words.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(!sentence.is_empty(), "no sentence in: {words}");
        assert!(words.contains("\n\nhint: "), "no hint in: {words}");
        words
    }
}

#[test]
fn a_damaged_invitation() {
    let mut attempt = Attempt::new();
    attempt.invitation.pop();
    attempt.refused("invitation");
    attempt.invitation = "https://example.org".into();
    attempt.refused("invitation");
}

#[test]
fn a_coordinator_that_does_not_answer() {
    Attempt::new().refused("nothing listens");
}

#[test]
fn a_missing_data_file_and_a_missing_model() {
    let mut attempt = Attempt::new();
    attempt.data = attempt.root.path().join("missing.jsonl");
    attempt.refused("missing.jsonl");
    let mut attempt = Attempt::new();
    attempt.model = attempt.root.path().join("no-model");
    attempt.refused("no-model");
    let mut attempt = Attempt::new();
    attempt.model = attempt.data.clone();
    attempt.refused("is not a folder");
}

#[test]
fn a_broken_line_is_named_by_number_and_never_quoted() {
    let attempt = Attempt::new();
    let canary = "Zorbinian-Quelch-4711";
    let broken = format!("{RECORD}\n{RECORD}\n{{\"instruction\": \"{canary}\", \"output\": \n{RECORD}\n");
    fs::write(&attempt.data, broken).unwrap();
    let words = attempt.refused_with_certificate("line 3");
    assert!(!words.contains(canary), "a record was quoted: {words}");
}

#[test]
fn an_empty_dataset() {
    let attempt = Attempt::new();
    fs::write(&attempt.data, "").unwrap();
    attempt.refused_with_certificate("no records");
}

#[test]
fn a_model_that_is_not_whole_or_not_ours() {
    let mut attempt = Attempt::new();
    let path = attempt.own_model().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    attempt.refused_with_certificate("model.safetensors");

    let mut attempt = Attempt::new();
    let path = attempt.own_model().join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("Qwen2ForCausalLM", "MambaForCausalLM").replace("\"qwen2\"", "\"mamba\""))
        .unwrap();
    attempt.refused_with_certificate("not supported");

    let mut attempt = Attempt::new();
    let path = attempt.own_model().join("tokenizer_config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("chat_template");
    fs::write(&path, config.to_string()).unwrap();
    let _ = fs::remove_file(attempt.model.join("chat_template.jinja"));
    attempt.refused_with_certificate("template");
}

#[test]
fn records_inside_the_state_folder() {
    let mut attempt = Attempt::new();
    let inside = attempt.root.path().join("site");
    fs::create_dir(&inside).unwrap();
    let words = {
        attempt.data = inside.join("data.jsonl");
        fs::write(&attempt.data, RECORD).unwrap();
        words(&attempt.join())
    };
    assert!(words.contains("already holds") && words.contains("hint:"), "{words}");
    // The model folder may not contain the state folder either: the worker may read all of the model folder.
    let mut attempt = Attempt::new();
    attempt.model = attempt.root.path().to_path_buf();
    attempt.refused("must not contain each other");
}

#[test]
fn commands_before_joining_say_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    for command in [&["run"][..], &["check"], &["status"], &["ledger", "show"], &["ledger", "verify"]] {
        let output = program().args(command).arg("--state").arg(root.path().join("none")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(words(&output).contains("there is no site in"), "{command:?}: {}", words(&output));
        assert!(words(&output).contains("hint: "), "{command:?}");
    }
}

#[test]
fn a_misspelt_policy_is_an_error_with_its_key() {
    let site = Site::new();
    let text = fs::read_to_string(site.folder.config()).unwrap();
    fs::write(site.folder.config(), text.replace("allow_missing", "allow_mising")).unwrap();
    let output = site.run(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("allow_mising"), "{}", words(&output));
}
