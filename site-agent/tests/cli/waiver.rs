//! The privacy officer's key and waivers, from the command line: one that holds, and every reason for which
//! one does not.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::support::{Site, program, words};

const PHONE: &str = "13812345678";
const DAY: &str = "2024-05-06";

struct Office {
    site: Site,
    folder: PathBuf,
}

impl Office {
    fn new() -> Self {
        let site = Site::new();
        let lines = [
            format!(r#"{{"instruction": "{DAY}起头痛，电话{PHONE}，怎么办？", "output": "建议就诊。"}}"#),
            format!(r#"{{"instruction": "批号{PHONE}的药能吃吗？", "output": "按说明书服用。"}}"#),
        ];
        fs::write(&site.data, lines.join("\n")).unwrap();
        let folder = site.data.parent().unwrap().to_path_buf();
        let office = Self { site, folder };
        assert!(office.key("officer.key").status.success());
        office
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn key(&self, name: &str) -> Output {
        program().args(["officer-key", "new", &self.path(name)]).output().unwrap()
    }

    fn trust(&self, name: &str, more: &[&str]) -> Output {
        let mut arguments = vec!["officer-key", "trust"];
        let path = self.path(name);
        arguments.push(&path);
        arguments.extend(more);
        self.site.run(&arguments)
    }

    fn sign(&self, key: &str, more: &[&str]) -> Output {
        let data = self.site.data.display().to_string();
        let (key, output) = (self.path(key), self.path("waiver.json"));
        let mut command = program();
        command.args([
            "waiver",
            "new",
            &data,
            "--key",
            &key,
            "--output",
            &output,
            "--reason",
            "a batch number",
        ]);
        command.args(more).output().unwrap()
    }

    fn check(&self) -> Output {
        self.site.run(&["waiver", "check", &self.path("waiver.json"), &self.site.data.display().to_string()])
    }

    #[track_caller]
    fn refuses(&self, sentence: &str) {
        let output = self.check();
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(sentence), "{}", words(&output));
        assert!(words(&output).contains("hint: "), "{}", words(&output));
    }
}

/// Everything that the program printed.
fn all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), words(output))
}

/// Nothing that the program says may hold what was found.
#[track_caller]
fn quiet(output: &Output) {
    let said = all(output);
    assert!(!said.contains(PHONE) && !said.contains(DAY) && !said.contains("头痛"), "{said}");
}

#[test]
fn a_waiver_holds_for_its_records_and_names_what_it_accepts() {
    let office = Office::new();
    assert!(office.trust("officer.key.pub", &[]).status.success());
    let signed = office.sign(
        "officer.key",
        &["--kind", "date", "--finding", "data.jsonl:2:mobile-phone", "--expires", "2999-12-31"],
    );
    assert!(signed.status.success(), "{}", words(&signed));
    quiet(&signed);
    let checked = office.check();
    assert!(checked.status.success(), "{}", words(&checked));
    quiet(&checked);
    let said = all(&checked);
    assert!(said.contains("mobile-phone 1, date 1") && said.contains("a batch number"), "{said}");
    // The telephone number of the first record is not accepted, so that record stays withheld.
    assert!(said.contains("not waived  mobile-phone 1") && said.contains("mode  1"), "{said}");
    let file = fs::read_to_string(office.path("waiver.json")).unwrap();
    assert!(!file.contains(PHONE) && !file.contains(DAY), "{file}");
    // In force for runs, and out again.
    let used = office.site.run(&["waiver", "use", &office.path("waiver.json")]);
    assert!(used.status.success(), "{}", words(&used));
    assert!(site_agent::waiver::in_force(&office.site.folder).unwrap().is_some());
    assert!(office.site.run(&["waiver", "drop"]).status.success());
    assert!(site_agent::waiver::in_force(&office.site.folder).unwrap().is_none());
}

#[test]
fn data_check_holds_back_what_no_waiver_accepts() {
    let office = Office::new();
    let signed = office.sign("officer.key", &["--kind", "mobile-phone", "--expires", "2999-12-31"]);
    assert!(signed.status.success(), "{}", words(&signed));
    let data = office.site.data.display().to_string();
    let out = office.folder.join("report");
    let check = |more: &[&str]| {
        let mut command = program();
        command.args(["data", "check", &data, "--json", "--out"]).arg(&out).args(more);
        let output = command.output().unwrap();
        quiet(&output);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        document["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["verdict"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(check(&[]), ["block", "block"]);
    let (waiver, officer) = (office.path("waiver.json"), office.path("officer.key.pub"));
    // The date stays contextual and warns.
    assert_eq!(check(&["--waiver", &waiver, "--officer", &officer]), ["warn", "train"]);
}

#[test]
fn a_waiver_that_does_not_hold_is_refused_with_its_reason() {
    let office = Office::new();
    let sign = |key: &str, expires: &str| {
        let output = office.sign(key, &["--kind", "mobile-phone", "--expires", expires]);
        assert!(output.status.success(), "{}", words(&output));
    };
    sign("officer.key", "2999-12-31");
    office.refuses("trusts no privacy officer's key");
    assert!(office.trust("officer.key.pub", &[]).status.success());
    assert!(office.check().status.success());

    // Altered: one kind for another.
    let file = fs::read_to_string(office.path("waiver.json")).unwrap();
    fs::write(office.path("waiver.json"), file.replace("mobile-phone", "citizen-id")).unwrap();
    office.refuses("altered after it was signed");
    fs::write(office.path("waiver.json"), "{}").unwrap();
    office.refuses("not a waiver");

    // Another key.
    assert!(office.key("other.key").status.success());
    sign("other.key", "2999-12-31");
    office.refuses("another key than the privacy officer's");

    // Another dataset.
    sign("officer.key", "2999-12-31");
    let data = fs::read_to_string(&office.site.data).unwrap();
    fs::write(&office.site.data, data.replace("头痛", "腹痛")).unwrap();
    office.refuses("another dataset");
}

#[test]
fn an_expired_waiver_is_refused() {
    // Nobody can sign a waiver that is over already, so the day is moved and signed again by hand.
    let office = Office::new();
    assert!(office.trust("officer.key.pub", &[]).status.success());
    let over = office.sign("officer.key", &["--kind", "date", "--expires", "2020-01-01"]);
    assert_eq!(over.status.code(), Some(1));
    assert!(words(&over).contains("expire before it is signed"), "{}", words(&over));
    assert!(office.sign("officer.key", &["--kind", "date", "--expires", "2999-12-31"]).status.success());
    let mut signed =
        data::screen::waiver::SignedWaiver::from_bytes(&fs::read(office.path("waiver.json")).unwrap())
            .unwrap();
    signed.waiver.issued = "2020-01-01".into();
    signed.waiver.expires = "2020-12-31".into();
    let key = certs::OfficerKey::from_text(&fs::read_to_string(office.path("officer.key")).unwrap()).unwrap();
    let signature = key.sign(&signed.waiver.message().unwrap()).unwrap();
    signed.signature = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(office.path("waiver.json"), signed.to_bytes().unwrap()).unwrap();
    office.refuses("2020-12-31 was its last day");
}

#[test]
fn keys_are_private_not_overwritten_and_not_swapped_in_silence() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = Office::new();
    let mode = fs::metadata(office.path("officer.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = office.key("officer.key");
    assert_eq!(again.status.code(), Some(1));
    assert!(words(&again).contains("exists already"), "{}", words(&again));
    assert!(office.key("other.key").status.success());
    assert!(office.trust("officer.key.pub", &[]).status.success());
    assert!(office.trust("officer.key.pub", &[]).status.success());
    let swapped = office.trust("other.key.pub", &[]);
    assert_eq!(swapped.status.code(), Some(1));
    assert!(words(&swapped).contains("trusts another"), "{}", words(&swapped));
    assert!(office.trust("other.key.pub", &["--replace"]).status.success());
    let private = office.trust("other.key", &["--replace"]);
    assert_eq!(private.status.code(), Some(1), "a private key is no public key");
    let missing =
        office.sign("officer.key", &["--finding", "data.jsonl:1:bank-card", "--expires", "2999-12-31"]);
    assert!(words(&missing).contains("finds no bank-card"), "{}", words(&missing));
}

#[test]
fn a_waiver_holds_for_records_that_are_mapped_and_mixed() {
    let office = Office::new();
    assert!(office.trust("officer.key.pub", &[]).status.success());
    let table = |name: &str, rows: usize| {
        let rows = (0..rows)
            .map(|row| format!("{name}{row}\u{8d77}\u{5934}\u{75db},{PHONE}{row}\u{5c31}\u{8bca}\n"));
        let path = office.path(name);
        fs::write(&path, format!("ask,reply\n{}", rows.collect::<String>())).unwrap();
        path
    };
    let (one, other, mapping) = (table("one.csv", 9), table("other.csv", 5), office.path("columns.toml"));
    let turns =
        "[[turn]]\nrole = 'user'\ntemplate = '{ask}'\n[[turn]]\nrole = 'assistant'\ntemplate = '{reply}'\n";
    fs::write(&mapping, turns).unwrap();
    let key = office.path("officer.key");
    let sign = |name: &str, more: &[&str]| {
        let output = office.path(name);
        let mut command = program();
        command.args(["waiver", "new", &one, &other, "--key", &key, "--output", &output, "--kind", "date"]);
        command.args(["--reason", "shifted", "--expires", "2999-12-31"]).args(more);
        let signed = command.output().unwrap();
        assert!(signed.status.success(), "{}", words(&signed));
        quiet(&signed);
        output
    };
    let reading = ["--mapping", &mapping, "--mix", "60,40"];
    let waiver = sign("mixed.json", &reading);
    let checked =
        office.site.run(&[&["waiver", "check", &waiver, &one, &other], reading.as_slice()].concat());
    assert!(checked.status.success(), "{}", words(&checked));
    let unmixed = office.site.run(&["waiver", "check", &waiver, &one, &other, "--mapping", &mapping]);
    assert!(words(&unmixed).contains("another dataset"), "{}", words(&unmixed));

    // The site's own policy says how its records are read.
    let site_config = office.site.folder.config();
    let mut config = site_agent::config::AgentConfig::load(&site_config).unwrap();
    config.data = vec![one.clone().into(), other.clone().into()];
    config.data_room.mapping = Some(mapping.clone().into());
    config.data_room.mix = Some(vec![60, 40]);
    fs::write(&site_config, toml::to_string(&config).unwrap()).unwrap();
    assert!(office.site.run(&["waiver", "check", &waiver]).status.success());
    let used = office.site.run(&["waiver", "use", &waiver]);
    assert!(used.status.success(), "{}", words(&used));
    quiet(&used);
    assert!(site_agent::waiver::in_force(&office.site.folder).unwrap().is_some());

    // What does not fit is refused at once, and what is in force stays.
    let before = fs::read(office.site.folder.waiver()).unwrap();
    let foreign = sign("plain.json", &["--mapping", &mapping]);
    let refused = office.site.run(&["waiver", "use", &foreign]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("another dataset"), "{}", words(&refused));
    assert_eq!(fs::read(office.site.folder.waiver()).unwrap(), before);
}
