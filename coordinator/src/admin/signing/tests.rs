//! Tests of what an operator signs, and does not. Run by `cargo test`.

use certs::role::Member as Holder;
use certs::{
    CertificateAuthority, IdentityKey, ReceiptSigningKey, RequestedKey, Role, SerialNumber, TlsIdentity, csr,
};
use common::clock::SystemClock;
use common::id::{Digest, RunId};
use common::run::{HeldOutHashes, Member, Roster, TensorSpec};
use common::wire::message::PROTOCOL_VERSION;

use super::*;

const RUN_FILE: &str =
    "name = \"spring\"\nrounds = 3\nvalidation = \"/v\"\n[quorum]\nsites = 2\n[training]\nepochs = 1\n";

/// A new consortium's authority.
pub(crate) fn authority() -> CertificateAuthority {
    let serial = SerialNumber::from_bytes(certs::random::bytes().unwrap());
    CertificateAuthority::create("heart", &serial, SystemClock.system_time()).unwrap()
}

/// The operator anna of this consortium, with a new key.
pub(crate) fn holder(authority: &CertificateAuthority) -> TlsIdentity {
    let key = IdentityKey::generate().unwrap();
    let asked = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let (holder, serial) = (Holder { role: Role::Operator, name: "anna" }, SerialNumber::from_bytes([2; 16]));
    let life = certs::role::PERSON_LIFETIME;
    let issued = authority.issue_member(holder, &asked, &serial, SystemClock.system_time(), life).unwrap();
    TlsIdentity::new(&issued.der, &key).unwrap()
}

/// What an honest coordinator makes of [`RUN_FILE`].
pub(crate) fn manifest() -> RunManifest {
    let spec = spec();
    let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    let member = |name: &str, key| Member { name: name.parse().unwrap(), key: Digest([key; 32]) };
    RunManifest {
        protocol: PROTOCOL_VERSION,
        run: RunId([1; 8]),
        name: spec.name,
        rounds: spec.rounds,
        base_fingerprint: Digest([0; 32]),
        adapter: spec.adapter,
        tensors: vec![tensor("m.q.lora_A.weight", [16, 64]), tensor("m.q.lora_B.weight", [64, 16])],
        adapter_bytes: 16 * 64 * 4 * 2 + 400,
        training: spec.training,
        base: spec.base,
        aggregation: spec.aggregation,
        quorum: spec.quorum.sites,
        roster: Roster { members: vec![member("a", 1), member("b", 2)] },
        held_out: HeldOutHashes { validation: Some(Digest([3; 32])), test: None },
        overlap: Some(common::run::OverlapTerms {
            public_key: common::id::Point([0; 32]),
            set: Digest([4; 32]),
            set_bytes: 4096,
        }),
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    }
}

fn spec() -> RunSpec {
    crate::execution::launch::spec_of_text(RUN_FILE).unwrap()
}

fn context(receipts: &ReceiptSigningKey) -> Context {
    Context {
        name: "heart".into(),
        address: "127.0.0.1:1".into(),
        role: Role::Operator,
        holder: "anna".into(),
        identity: holder(&authority()),
        authority: Vec::new(),
        receipt_key: receipts.public_key().unwrap(),
    }
}

#[test]
fn an_operator_signs_what_the_run_file_says_and_nothing_else() {
    let receipts = ReceiptSigningKey::generate().unwrap();
    let (context, spec) = (context(&receipts), spec());
    let asked = |manifest: &RunManifest, wanted: Wanted<'_>| {
        let signature = receipts.sign(&manifest.statement().unwrap()).unwrap();
        let text = String::from_utf8(manifest.to_bytes().unwrap()).unwrap();
        sign(&context, &text, &signature_to_digits(&signature), wanted)
    };
    let (said, terms) = asked(&manifest(), Wanted::RunFile(&spec)).unwrap();
    assert_eq!(terms, manifest());
    let signed = LaunchSignature::from_text(said.launched_by.as_bytes()).unwrap();
    let statement = terms.launch_statement().unwrap();
    let found = certs::launch::signed_by(&signed.certificate_der, &statement, &signed.signature).unwrap();
    assert_eq!(found.member().unwrap(), (Role::Operator, "anna"));
    type Change = fn(&mut RunManifest);
    let changes: [(&str, Change); 12] = [
        ("name", |m| m.name = "summer".into()),
        ("rounds", |m| m.rounds = 30),
        ("adapter", |m| m.adapter.alpha = 64.0),
        ("training", |m| m.training.learning_rate = 9e-3),
        ("base", |m| m.base.compute = common::run::Compute::F32),
        ("aggregation", |m| m.aggregation = serde_json::from_str(r#"{"weighting":"uniform"}"#).unwrap()),
        ("participation", |m| {
            m.participation = Some(common::run::ParticipationSettings { sites_per_round: 2 });
        }),
        ("quorum.sites", |m| m.quorum = 1),
        ("validation", |m| m.held_out.validation = None),
        ("test", |m| m.held_out.test = Some(Digest([5; 32]))),
        ("overlap.enabled", |m| m.overlap = None),
        ("evaluation.suites", |m| {
            let (file, records) = (Digest([6; 32]), Digest([7; 32]));
            m.suites = vec![common::run::SuiteTerms { name: "exam".into(), file, records }];
        }),
    ];
    for (expected, change) in changes {
        let mut other = manifest();
        change(&mut other);
        assert_ne!(other, manifest(), "{expected}");
        let error = asked(&other, Wanted::RunFile(&spec)).unwrap_err();
        assert!(matches!(error, Error::OtherTerms { key } if key == expected), "{expected}: {error}");
        assert!(error.is_user_error() && error.hint().is_some());
    }
    // The terms that averaged nothing, where the operator meant sites to train together.
    let mut together = spec.clone();
    together.rounds = 1;
    let alone = RunManifest { train: common::run::Train::Alone, rounds: 1, ..manifest() };
    let error = asked(&alone, Wanted::RunFile(&together)).unwrap_err();
    assert!(matches!(error, Error::OtherTerms { key: "train" }), "{error}");
    let mut asking = spec.clone();
    asking.evaluation.sites.score = true;
    let error = asked(&manifest(), Wanted::RunFile(&asking)).unwrap_err();
    assert!(matches!(error, Error::OtherTerms { key: "evaluation.sites.score" }), "{error}");
    let mut chosen = spec.clone();
    chosen.sites = Some(common::run::SitesSettings { names: vec!["a".parse().unwrap()] });
    let error = asked(&manifest(), Wanted::RunFile(&chosen)).unwrap_err();
    assert!(matches!(error, Error::OtherTerms { key: "sites.names" }), "{error}");
    let names =
        |all: &[&str]| all.iter().map(|name| name.parse::<common::id::SiteId>().unwrap()).collect::<Vec<_>>();
    for (all, is_kept) in [(names(&["b", "a"]), true), (names(&["a", "b", "c"]), false)] {
        chosen.sites = Some(common::run::SitesSettings { names: all });
        assert_eq!(asked(&manifest(), Wanted::RunFile(&chosen)).is_ok(), is_kept);
    }
    assert!(matches!(asked(&manifest(), Wanted::Nothing), Err(Error::OtherTerms { .. })));
    assert!(asked(&manifest(), Wanted::Continuation).is_ok());
}

#[test]
fn terms_that_the_coordinator_did_not_sign_or_no_site_would_take_are_not_signed() {
    let (receipts, other) = (ReceiptSigningKey::generate().unwrap(), ReceiptSigningKey::generate().unwrap());
    let context = context(&receipts);
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    let by = |key: &ReceiptSigningKey, manifest: &RunManifest| {
        signature_to_digits(&key.sign(&manifest.statement().unwrap()).unwrap())
    };
    let right = by(&receipts, &manifest());
    let mut wide = manifest();
    wide.training.learning_rate = 1e14;
    let wide_text = String::from_utf8(wide.to_bytes().unwrap()).unwrap();
    for (text, signature) in [
        (text.as_str(), by(&other, &manifest())),
        (text.as_str(), "00".repeat(64)),
        (text.as_str(), right.to_uppercase()),
        (text.as_str(), String::new()),
        (text.replace("\"rounds\":3", "\"rounds\": 3").as_str(), right.clone()),
        (text.replace("\"rounds\":3", "\"rounds\":4").as_str(), right.clone()),
        ("{}", right.clone()),
        (wide_text.as_str(), by(&receipts, &wide)),
    ] {
        let error = sign(&context, text, &signature, Wanted::Continuation).unwrap_err();
        assert!(matches!(error, Error::NotSigned(_)), "{error}");
    }
    let odd = text.replacen('{', "{\"\\u001b[2J\":1,", 1);
    let error = sign(&context, &odd, &right, Wanted::Continuation).unwrap_err().to_string();
    assert!(error.contains("u{1b}[2J") && !error.contains('\u{1b}'), "{error}");
}

async fn said(line: &[u8]) -> (Result<LaunchSignature>, Vec<u8>) {
    let (reply, _waits) = tokio::sync::oneshot::channel();
    let to_sign = ToSign { manifest: "{}".into(), signature: [7; 64], reply };
    let (mut reader, mut writer) = (line, std::io::Cursor::new(Vec::new()));
    let signed = ask(&to_sign, &mut reader, &mut writer).await;
    (signed, writer.into_inner())
}

#[tokio::test]
async fn what_comes_back_is_one_line_of_two_texts_in_digits() {
    let (signed, asked) = said(b"{\"launched_by\":\"30\\n31\\n\"}\n").await;
    assert_eq!(signed.unwrap(), LaunchSignature { certificate_der: vec![0x30], signature: vec![0x31] });
    let expected = Answer::Sign { manifest: "{}".into(), signature: "07".repeat(64) };
    assert_eq!(serde_json::from_slice::<Answer>(&asked).unwrap(), expected);
    for bad in [
        b"".as_slice(),
        b"\n",
        b"yes\n",
        b"{}\n",
        b"{\"launched_by\":\"30\\n\"}\n",
        b"{\"launched_by\":\"30\\n3\\n\"}\n",
        b"{\"launched_by\":\"30\\n31\\n\",\"more\":1}\n",
    ] {
        let error = said(bad).await.0.unwrap_err();
        assert!(matches!(error, Error::NotSigned(_)), "{error}");
    }
}
