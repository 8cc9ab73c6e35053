//! `runs`, `approve`, `decline`, `withdraw`, `roster` and `policy`, as an officer types them: at a site with
//! a run that the coordinator proposed, and on a machine without one that has the officer's key.

use std::fs;
use std::process::Output;

use certs::ReceiptSigningKey;
use certs::crl::{self, Reason, Revoked};
use common::clock::SystemClock;
use common::id::{Digest, Round, RunId};
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Member, Roster, RunManifest,
    SignedManifest, TensorSpec, TrainingSettings,
};
use common::wire::message::{PROTOCOL_VERSION, Receipt, ReceiptBody, RoundKey};
use serde_json::Value;
use site_agent::gateway::consent::{Consent, Judge};
use site_agent::gateway::identity::Coordinator;
use site_agent::gateway::store::consent::Choice;
use site_agent::gateway::store::{Store, Update};

use crate::support::{Site, program, words};

const RUN: RunId = RunId([0xa1; 8]);

/// A run of two hospitals.
fn manifest(run: RunId) -> RunManifest {
    let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    let member = |name: &str, key| Member { name: name.parse().unwrap(), key: Digest([key; 32]) };
    RunManifest {
        protocol: PROTOCOL_VERSION,
        run,
        name: "exam questions".into(),
        rounds: 3,
        base_fingerprint: Digest([0xba; 32]),
        adapter: AdapterSettings { rank: 2, ..AdapterSettings::default() },
        tensors: vec![tensor("m.lora_A.weight", [2, 1000]), tensor("m.lora_B.weight", [4000, 2])],
        adapter_bytes: (2 * 1000 + 4000 * 2) * 4 + 100,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 2,
        roster: Roster { members: vec![member("cardiology", 1), member("neurology", 2)] },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    }
}

/// A site called `cardiology`, and the key that its coordinator signs with.
struct Joined {
    site: Site,
    signer: ReceiptSigningKey,
}

impl Joined {
    fn new() -> Self {
        let (site, signer) = (Site::new(), ReceiptSigningKey::generate().unwrap());
        let coordinator = Coordinator {
            site: "cardiology".parse().unwrap(),
            address: "localhost:1".into(),
            receipt_key: Digest(*signer.public_key().unwrap().as_bytes()),
        };
        coordinator.store(&site.folder.identity()).unwrap();
        Self { site, signer }
    }

    /// With one run that waits for a decision.
    fn with_a_run() -> Self {
        let joined = Self::new();
        joined.propose(manifest(RUN), 1_800_000_000_000);
        joined
    }

    /// What the gateway does when the coordinator proposes a run.
    fn propose(&self, manifest: RunManifest, now_ms: u64) -> Digest {
        let run = manifest.run;
        let signature = self.signer.sign(&manifest.statement().unwrap()).unwrap();
        let bytes = SignedManifest { manifest, signature, launched_by: None }.to_bytes().unwrap();
        let digest = Digest::of(&bytes);
        fs::write(self.site.folder.inbox().join(digest.to_string()), bytes).unwrap();
        self.store().agree(run, digest, now_ms).unwrap();
        digest
    }

    fn store(&self) -> Store {
        Store::open(&self.site.folder.database()).unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.site.folder.root().parent().unwrap().join(name).to_str().unwrap().to_owned()
    }

    /// Makes an officer's key, and returns its path.
    fn officer(&self, name: &str) -> String {
        let key = self.path(name);
        assert!(program().args(["officer-key", "new", &key]).status().unwrap().success());
        key
    }

    /// An officer whom the site trusts.
    fn trusted(&self) -> String {
        let key = self.officer("officer.key");
        assert!(self.site.run(&["officer-key", "trust", &format!("{key}.pub")]).status.success());
        key
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.site.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
        said(&output)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Exit code 1 and a hint; returns the sentence.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.site.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}{}", said(&output), words(&output));
        assert!(words(&output).contains("\nhint: "), "{}", words(&output));
        words(&output)
    }

    /// What the gateway would act on.
    fn consent(&self) -> Consent {
        let officer = self.site.folder.officer();
        let officer = officer.exists().then(|| site_agent::waiver::read_public(&officer).unwrap());
        Judge::new("cardiology".parse().unwrap(), officer).consent(&self.store(), RUN).unwrap()
    }

    fn set_policy(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.site.folder.config()).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(self.site.folder.config(), text.replace(from, to)).unwrap();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Without line breaks, so that sentences can be looked for.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nobody_approves_a_run_with_a_member_who_was_revoked() {
    let joined = Joined::with_a_run();
    let now = SystemClock.system_time();
    let serial = certs::SerialNumber::from_random([1; 16]);
    let authority = certs::CertificateAuthority::create("test", &serial, now).unwrap();
    fs::write(joined.site.folder.identity().join("ca.pem"), authority.certificate_pem()).unwrap();
    // Neurology's key, as the roster has it.
    let key = certs::SpkiPin::from_bytes([2; 32]);
    let revoked =
        |reason| Revoked { serial: certs::SerialNumber::from_random([3; 16]), key, since: now, reason };
    for (number, reason, is_refused) in [(7, Reason::Superseded, false), (8, Reason::Withdrawn, true)] {
        let list = crl::sign(&authority, number, &[revoked(reason)], now).unwrap();
        joined.store().record_revocations(number, &list, 1).unwrap();
        let refused = joined.json(&["runs", "a1"])["refused_by"].to_string();
        assert_eq!(refused.contains("revocation list"), is_refused, "{refused}");
        let text = flat(&joined.done(&["runs", "a1"]));
        assert_eq!(text.contains("It allows the run"), !is_refused, "{text}");
    }
    let said = joined.refused(&["approve", "a1", "--yes"]);
    assert!(said.contains("neurology") && said.contains("revocation list"), "{said}");
    // To say no needs nothing; of a run that is decided the list of today says nothing more.
    joined.done(&["decline", "a1", "--yes"]);
}

#[test]
fn runs_lists_what_waits_and_shows_one_in_words() {
    let joined = Joined::new();
    assert!(joined.done(&["runs"]).contains("has not heard of any run"));
    joined.propose(manifest(RUN), 1_800_000_000_000);
    let mut other = manifest(RunId([0xa2; 8]));
    (other.name, other.rounds) = ("a name that is far too long for a table".into(), 5);
    joined.propose(other, 1_800_000_100_000);
    let table = joined.done(&["runs"]);
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    assert!(table.contains("waits for a decision") && table.contains("decision: 2"), "{table}");
    let text = joined.done(&["runs", "a1a"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for expected in ["exam questions", "120,300 bytes in all", "by telephone", "no differential privacy"] {
        assert!(flat(&text).contains(expected), "{expected}: {text}");
    }
    assert!(text.contains("has approved no other run"), "{text}");
    joined.done(&["approve", "a1", "--yes"]);
    let text = joined.done(&["runs", "a2"]);
    assert!(text.contains("rounds: 3 then, 5 now") && text.contains("name: exam questions then"), "{text}");
    assert!(!text.contains("training."), "only what differs: {text}");
    let value = joined.json(&["runs", "a2"]);
    assert_eq!((&value["state"], &value["manifest"]["rounds"]), (&"waiting".into(), &5.into()));
    assert_eq!(value["differences"][1]["key"], "rounds");
    assert_eq!(joined.json(&["runs"])["runs"][1]["state"], "approved");
    assert!(joined.refused(&["runs", "a"]).contains("more than one run"));
    assert!(joined.refused(&["runs", "ff"]).contains("has not heard of a run"));
    assert!(joined.refused(&["approve", "", "--yes"]).contains("more than one run"));
}

#[test]
fn without_an_officer_a_decision_is_asked_for_and_unsigned() {
    let joined = Joined::with_a_run();
    assert!(joined.refused(&["approve", "a1"]).contains("nobody can be asked"));
    assert_eq!(joined.consent(), Consent::Open, "nothing is decided before it is confirmed");
    // While the agent has the database open.
    let agent = joined.store();
    let value = joined.json(&["approve", "a1", "--yes"]);
    assert_eq!((&value["decision"], &value["signed"]), (&"approved".into(), &false.into()));
    assert!(matches!(joined.consent(), Consent::Approved(_)));
    assert_eq!(agent.untold_decisions().unwrap().len(), 1, "the agent sees it");
    assert!(joined.refused(&["approve", "a1", "--yes"]).contains("approved already"));
    assert!(joined.refused(&["decline", "a1", "--yes"]).contains("is approved"));
    let shown = joined.done(&["runs", "a1"]);
    assert!(flat(&shown).contains("approved, not signed; the agent has not seen it yet"), "{shown}");
    joined.done(&["withdraw", "a1", "--yes"]);
    assert_eq!(joined.consent(), Consent::Withdrawn);
    for again in ["approve", "decline", "withdraw"] {
        assert!(joined.refused(&[again, "a1", "--yes"]).contains("final"), "{again}");
    }
    assert!(joined.done(&["runs"]).contains("withdrawn"));
}

#[test]
fn where_an_officer_is_trusted_only_their_key_says_yes_and_anybody_says_no() {
    let joined = Joined::with_a_run();
    let (officer, other) = (joined.trusted(), joined.officer("other.key"));
    assert!(joined.refused(&["approve", "a1", "--yes"]).contains("they approve its runs"));
    let wrong = joined.refused(&["approve", "a1", "--yes", "--key", &other]);
    assert!(wrong.contains("not the key of the officer"), "{wrong}");
    assert_eq!(joined.consent(), Consent::Open);
    joined.done(&["decline", "a1", "--yes"]);
    assert_eq!(joined.consent(), Consent::Declined);
    assert!(joined.refused(&["decline", "a1", "--yes"]).contains("declined already"));
    assert!(joined.refused(&["withdraw", "a1", "--yes"]).contains("never approved"));
    joined.done(&["approve", "a1", "--yes", "--key", &officer]);
    assert!(matches!(joined.consent(), Consent::Approved(_)));
    let decided = joined.json(&["runs", "a1"]);
    assert_eq!(decided["decided_by"], "officer");
    assert_eq!(decided["decisions"][0]["decided_by"], "unsigned");
    // Another officer: what the last one signed counts for nothing.
    let public = format!("{other}.pub");
    joined.done(&["officer-key", "trust", &public, "--replace"]);
    assert_eq!(joined.json(&["runs", "a1"])["state"], "declined");
    joined.done(&["withdraw", "a1", "--yes"]);
    assert_eq!(joined.consent(), Consent::Withdrawn);
}

/// The whole way: a request, a machine without a site, an answer.
#[test]
fn a_run_is_approved_with_a_key_that_never_was_at_the_site() {
    let joined = Joined::with_a_run();
    let officer = joined.trusted();
    let [request, answer] = ["request.json", "answer.json"].map(|name| joined.path(name));
    let told = joined.done(&["approve", "a1", "--request", &request]);
    assert!(told.contains("officer-key sign") && joined.consent() == Consent::Open, "{told}");
    let elsewhere = tempfile::tempdir().unwrap();
    let sign = |request: &str, key: &str, out: &str, more: &[&str]| {
        let asked = ["officer-key", "sign", request, "--key", key, "--out", out];
        program().args(asked).args(more).current_dir(elsewhere.path()).output().unwrap()
    };
    assert_eq!(sign(&request, &officer, &answer, &[]).status.code(), Some(1), "it asks");
    let signed = sign(&request, &officer, &answer, &["--yes"]);
    assert!(signed.status.success(), "{}", words(&signed));
    let text = flat(&said(&signed));
    for expected in
        ["cardiology asks", "decision approved", "120,300 bytes in all", "by telephone", "as the file says"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none(), "no state folder was made");
    // The answer is about approving, and about nothing else.
    assert!(joined.refused(&["decline", "a1", "--yes", "--answer", &answer]).contains("another decision"));
    let other = joined.officer("other.key");
    let forged = joined.path("forged.json");
    assert!(sign(&request, &other, &forged, &["--yes"]).status.success());
    assert!(joined.refused(&["approve", "a1", "--answer", &forged]).contains("another key"));
    let value = joined.json(&["approve", "a1", "--answer", &answer]);
    assert_eq!((&value["signed"], &value["recorded"]), (&true.into(), &true.into()));
    assert!(matches!(joined.consent(), Consent::Approved(_)));
    // Somebody on the way makes it three hundred rounds.
    let text = fs::read_to_string(&request).unwrap();
    fs::write(&request, text.replace("\\\"rounds\\\":3", "\\\"rounds\\\":300")).unwrap();
    let refused = sign(&request, &officer, &answer, &["--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("does not bear the coordinator's signature"), "{}", words(&refused));
    assert!(words(&refused).contains("hint: "), "{}", words(&refused));
}

#[test]
fn a_run_outside_the_policy_cannot_be_approved_and_is_explained_rule_by_rule() {
    let joined = Joined::with_a_run();
    joined.set_policy("rounds_max = 1000", "rounds_max = 2");
    joined.set_policy("sites_min = 2", "sites_min = 3");
    let refused = joined.refused(&["approve", "a1", "--yes"]);
    assert!(refused.contains("(sites_min)") && refused.contains("(rounds_max)"), "{refused}");
    assert!(refused.contains("policy explain"), "{refused}");
    assert!(joined.done(&["runs", "a1"]).contains("Refused: it has too many rounds"));
    let explained = joined.site.run(&["policy", "explain", "a1"]);
    assert_eq!(explained.status.code(), Some(1));
    let text = said(&explained);
    assert!(text.lines().all(|line| line.len() <= 80) && text.contains("outside the policy"), "{text}");
    let line = text.lines().find(|line| line.starts_with("rounds_max")).unwrap();
    assert_eq!(flat(line), "rounds_max at most 2 3 NO");
    // To say no, the policy does not matter.
    joined.done(&["decline", "a1", "--yes"]);
    joined.set_policy("rounds_max = 2", "rounds_max = 3");
    joined.set_policy("sites_min = 3", "sites_min = 2");
    let value = joined.json(&["policy", "explain"]);
    assert_eq!(value["holds"], true);
    assert!(value["rules"].as_array().unwrap().iter().all(|rule| rule["holds"] == true));
    joined.done(&["approve", "a1", "--yes"]);
}

#[test]
fn a_withdrawal_names_what_was_sent_and_that_it_stays_sent() {
    let joined = Joined::with_a_run();
    let digest = joined.propose(manifest(RUN), 1);
    joined.done(&["approve", "a1", "--yes"]);
    let mut store = joined.store();
    for round in 1..=3 {
        let key = RoundKey { run: RUN, round: Round(round) };
        let update = Update {
            key,
            digest,
            bytes: 40_100,
            records: 100,
            tokens: 100,
            loss: 1.0,
            receipt: None,
            declined: false,
        };
        store.record_update(&update, 5).unwrap();
        if round < 3 {
            let body = ReceiptBody {
                site: digest,
                key,
                digest,
                bytes: 40_100,
                first_sequence: 0,
                last_sequence: 1,
                received_bytes: 1,
                running_hash: digest,
            };
            store.record_receipt(key, &Receipt { body, signature: [0; 64] }, 6).unwrap();
        }
    }
    let text = joined.done(&["withdraw", "a1", "--yes"]);
    for expected in ["round 1, 2", "80,200 bytes", "round 3 was made here", "cannot be called back"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    store.end_run(RUN).unwrap();
    for late in ["approve", "decline", "withdraw"] {
        assert!(joined.refused(&[late, "a1", "--yes"]).contains("final"), "{late}");
    }
    assert_eq!(joined.json(&["runs"])["runs"][0]["state"], "withdrawn");
}

#[test]
fn only_what_the_coordinator_signed_is_shown_or_approved() {
    let joined = Joined::with_a_run();
    let digest = joined.store().proposed_runs().unwrap()[0].manifest;
    let path = joined.site.folder.inbox().join(digest.to_string());
    let genuine = fs::read(&path).unwrap();
    let text = String::from_utf8(genuine.clone()).unwrap();
    fs::write(&path, text.replace("\"rounds\":3", "\"rounds\":4")).unwrap();
    for command in [&["runs", "a1"][..], &["approve", "a1", "--yes"], &["roster"], &["policy", "explain"]] {
        assert!(joined.refused(command).contains("do not have the digest"), "{command:?}");
    }
    // Of the right digest, and of somebody else.
    let other = Joined::new();
    let forged = other.propose(manifest(RunId([0xb1; 8])), 9);
    let name = forged.to_string();
    let (from, to) = (other.site.folder.inbox().join(&name), joined.site.folder.inbox().join(&name));
    fs::copy(from, to).unwrap();
    joined.store().agree(RunId([0xb1; 8]), forged, 9).unwrap();
    assert!(
        joined.refused(&["approve", "b1", "--yes"]).contains("does not bear the coordinator's signature")
    );
    // Without its terms nobody can agree to a run, and anybody can say no.
    fs::remove_file(&path).unwrap();
    assert!(joined.refused(&["approve", "a1", "--yes"]).contains("not at this site any more"));
    joined.done(&["decline", "a1", "--yes"]);
    assert_eq!(joined.consent(), Consent::Declined);
    assert!(joined.done(&["runs"]).contains("declined"));
}

#[test]
fn a_policy_decides_only_with_the_officers_signature_and_as_it_was_signed() {
    let joined = Joined::with_a_run();
    assert!(joined.refused(&["policy", "sign", "--yes"]).contains("nothing to sign"));
    assert_eq!(joined.site.run(&["config", "show"]).stderr, b"");
    joined.set_policy("approval = \"ask\"", "approval = \"auto\"");
    let unsigned = "bears no signature of the privacy officer";
    assert!(words(&joined.site.run(&["config", "show"])).contains(unsigned));
    assert!(words(&joined.site.run(&["policy", "show"])).contains(unsigned));
    assert!(words(&joined.site.run(&["check", "--offline"])).contains(unsigned));
    assert!(joined.refused(&["policy", "sign", "--yes"]).contains("trusts no privacy officer's key"));
    let officer = joined.trusted();
    assert!(joined.refused(&["policy", "sign", "--yes"]).contains("signed with the officer's key"));
    let other = joined.officer("other.key");
    assert!(joined.refused(&["policy", "sign", "--yes", "--key", &other]).contains("not the key"));
    let told = joined.done(&["policy", "sign", "--yes", "--key", &officer]);
    assert!(told.contains("it is void from the agent") && told.contains("records_min"), "{told}");
    let shown = joined.json(&["policy", "show"]);
    assert_eq!(shown["signed"], true);
    let canonical = shown["canonical"].as_str().unwrap();
    assert_eq!(shown["digest"], Digest::of(canonical.as_bytes()).to_string());
    assert_eq!(joined.site.run(&["config", "show"]).stderr, b"");
    joined.set_policy("rounds_max = 1000", "rounds_max = 1001");
    assert_eq!(joined.json(&["policy", "show"])["signed"], false);
    // From the other machine.
    let [request, answer] = ["request.json", "answer.json"].map(|name| joined.path(name));
    joined.done(&["policy", "sign", "--request", &request]);
    let sign = ["officer-key", "sign", &request, "--key", &officer, "--out", &answer, "--yes"];
    let signed = program().args(sign).output().unwrap();
    assert!(signed.status.success() && said(&signed).contains("rounds_max"), "{}", words(&signed));
    assert!(said(&signed).lines().all(|line| line.len() <= 80), "{}", said(&signed));
    joined.done(&["policy", "sign", "--answer", &answer]);
    assert_eq!(joined.json(&["policy", "show"])["signed"], true);
    joined.set_policy("rounds_max = 1001", "rounds_max = 1002");
    assert!(joined.refused(&["policy", "sign", "--answer", &answer]).contains("another decision"));
}

#[test]
fn the_code_of_the_members_is_the_same_wherever_it_is_shown() {
    let joined = Joined::with_a_run();
    let code = manifest(RUN).roster.code();
    for command in [&["roster"][..], &["roster", "a1"], &["runs", "a1"]] {
        let text = joined.done(command);
        assert!(text.contains(&code) && text.lines().all(|line| line.len() <= 80), "{text}");
    }
    let value = joined.json(&["roster"]);
    assert_eq!(value["code"], code.as_str());
    assert_eq!(value["members"][0]["is_this_site"], true);
    assert_eq!(value["members"][1]["key"], Digest([2; 32]).to_string());
    assert!(Joined::new().refused(&["roster"]).contains("has not heard of any run"));
}

#[test]
fn a_decision_of_the_gateways_own_rules_is_shown_as_such() {
    let joined = Joined::with_a_run();
    let digest = joined.store().proposed_runs().unwrap()[0].manifest;
    let decision = site_agent::gateway::store::consent::RunDecision {
        id: 0,
        run: RUN,
        manifest: digest,
        choice: Choice::OutsidePolicy,
        at_ms: 1_800_000_000_001,
        signature: None,
        policy: None,
        noted: false,
        told: false,
    };
    joined.store().record_decision(&decision).unwrap();
    let value = joined.json(&["runs"]);
    assert_eq!(
        (&value["runs"][0]["state"], &value["runs"][0]["decided_by"]),
        (&"outside-policy".into(), &"policy".into())
    );
    joined.done(&["approve", "a1", "--yes"]);
    assert_eq!(joined.json(&["runs"])["runs"][0]["state"], "approved");
}
