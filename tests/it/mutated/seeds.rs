//! The valid bytes that `mutated` and the fuzz targets `messages`, `decisions` and `kept` begin with, in
//! `tests/fuzz/seeds`. Run by `cargo test`, which compares, and by `deploy/fuzz seeds`, which writes them
//! anew when a format changes. Invariant: keys and certificates are random, so those that are there stay, as
//! do the revocation lists, whose authority has no key any more.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use certs::{
    AgeIdentity, CertificateAuthority, IdentityKey, Invitation, JoinToken, RequestedKey, SerialNumber, age,
    csr,
};
use common::id::{Digest, Round, RunId};
use common::ledger::{ArrivalsWriter, Arrived, Heading, Kind, Record, line_digest};
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, LaunchSignature, Member, Roster,
    RunManifest, SignedManifest, TensorSpec, TrainingSettings,
};
use common::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};
use common::wire::message::{
    Decision, Envelope, LedgerHead, PROTOCOL_VERSION, Receipt, ReceiptBody, Refusal, Request, Response,
    RoundKey, TrainFailure, Work,
};
use common::wire::numbers::{LossMilli, RoundedCount};
use common::wire::own_scores::{Measured, NoScores, OwnScores};
use common::wire::{codec, frame};
use coordinator::admin::acts::{self, By, Step, Verb};
use serde::Serialize;

use super::kept::AGE_IDENTITY;
use super::{letters, sheets};
use crate::support::repository;

/// Set by `deploy/fuzz seeds`: what is made is written, and not compared.
const ACCEPT: &str = "CONSILIUM_ACCEPT_SEEDS";
const RUN: RunId = RunId([7; 8]);
const DIGEST: Digest = Digest([0xab; 32]);

#[test]
fn fuzz_seeds_of_messages_are_those_of_today() -> Result<()> {
    let folder = repository().join("tests/fuzz/seeds");
    for (number, request) in requests().into_iter().enumerate() {
        write(&folder, "envelope", number, &body(&Envelope { sequence: 300 * number as u64, request })?)?;
    }
    for (number, response) in responses().into_iter().enumerate() {
        write(&folder, "response", number, &body(&response)?)?;
    }
    write(&folder, "receipt", 0, &codec::encode(&receipt())?)?;
    write(&folder, "ledger", 0, &ledger()?)?;
    write(&folder, "arrivals", 0, &arrivals()?)?;
    write(&folder, "checkpoint", 0, letters::checkpoint(&ledger()?)?.as_bytes())?;
    for index in [0, 3] {
        write(&folder, "proof", index, letters::proof(&ledger()?, index)?.as_bytes())?;
    }
    for (name, number, bytes) in letters::decisions(manifest())? {
        write(&folder, name, number, &bytes)?;
    }
    write(&folder, "acts", 0, &acts()?)?;
    for (number, text) in SUITES.into_iter().enumerate() {
        write(&folder, "suite", number, text.as_bytes())?;
    }
    for (number, text) in RULES.into_iter().enumerate() {
        write(&folder, "rules", number, text.as_bytes())?;
    }
    for (number, bytes) in sheets::sheets()?.into_iter().enumerate() {
        write(&folder, "sheet", number, &bytes)?;
    }
    let signed = SignedManifest { manifest: manifest(), signature: [0xcd; 64], launched_by: None };
    write(&folder, "manifest", 0, &signed.to_bytes()?)?;
    let certificate_der = std::fs::read(folder.join("certificate/0")).unwrap_or_else(|_| vec![0x30; 64]);
    let launched_by = Some(LaunchSignature { certificate_der, signature: vec![0x30; 70] });
    write(&folder, "manifest", 1, &SignedManifest { launched_by, ..signed }.to_bytes()?)?;
    if !folder.join("certificate/0").exists() {
        of_keys(&folder)?;
    }
    if !folder.join("age/0").exists() {
        let recipient = AgeIdentity::parse(AGE_IDENTITY)?.recipient()?;
        write(&folder, "age", 0, &age::seal(&recipient, b"three records")?)?;
        write(&folder, "age", 1, &age::seal(&recipient, &[7; 70_000])?)?;
    }
    Ok(())
}

/// What has a key in it, once.
fn of_keys(folder: &Path) -> Result<()> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let serial = SerialNumber::from_random([3; 16]);
    let authority = CertificateAuthority::create("test", &serial, now)?;
    let key = IdentityKey::generate()?;
    let request = csr::create(&key)?;
    let requested = RequestedKey::from_csr(&request)?;
    let site = authority.issue_site("cardiology", &requested, &serial, now, Duration::from_secs(86_400))?;
    let server = authority.issue_server(&key, &serial, now)?;
    write(folder, "certificate_request", 0, &request)?;
    write(folder, "certificate", 0, &site.der)?;
    write(folder, "certificate", 1, &server.der)?;
    let token = JoinToken::from_bytes([5; 32]);
    let addresses = ["coordinator.example.org:4601", "10.0.0.5:4601,[2001:db8::1]:4601"];
    for (number, address) in addresses.into_iter().enumerate() {
        let invitation = Invitation::new(address, "cardiology", token.clone(), authority.pin())?;
        write(folder, "invitation", number, invitation.to_line().as_bytes())?;
    }
    let asked =
        JoinRequest { protocol: PROTOCOL_VERSION, token: [5; 32], site: "cardiology".into(), csr: request };
    write(folder, "join_request", 0, &body(&asked)?)?;
    let membership = Membership {
        certificate: site.der,
        authority: authority.certificate_der().to_vec(),
        run_address: "coordinator.example.org:4600".into(),
        receipt_key: [9; 32],
    };
    write(folder, "join_response", 0, &body(&JoinResponse::Accepted(membership))?)?;
    write(folder, "join_response", 1, &body(&JoinResponse::Refused(JoinRefusal::TokenUsed))?)
}

/// Writes a seed where that is asked for, and otherwise insists on the one that is committed.
fn write(folder: &Path, name: &str, number: usize, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name).join(number.to_string());
    if std::env::var_os(ACCEPT).is_none() {
        let is_there = std::fs::read(&path).is_ok_and(|committed| committed == bytes);
        ensure!(is_there, "{name}/{number} is not what is made today; `deploy/fuzz seeds` writes it anew");
        return Ok(());
    }
    std::fs::create_dir_all(folder.join(name))?;
    Ok(std::fs::write(path, bytes)?)
}

fn body<T: Serialize>(message: &T) -> Result<Vec<u8>> {
    Ok(frame::to_bytes(message)?.split_off(frame::PREFIX_BYTES))
}

fn key() -> RoundKey {
    RoundKey { run: RUN, round: Round(3) }
}

fn receipt() -> Receipt {
    let body = ReceiptBody {
        site: DIGEST,
        key: key(),
        digest: DIGEST,
        bytes: 70_000,
        first_sequence: 1,
        last_sequence: 300,
        received_bytes: 80_000,
        running_hash: DIGEST,
    };
    Receipt { body, signature: [4; 64] }
}

fn requests() -> Vec<Request> {
    let (records, loss, head) =
        (RoundedCount::of(120), LossMilli::of(2.5), LedgerHead { size: 300, root: DIGEST });
    let measured = Measured::of(25, 5.87, 5.17, [0.41, 0.93]);
    vec![
        Request::Hello { protocol: PROTOCOL_VERSION, ledger: head },
        Request::Poll { wait_ms: 20_000 },
        Request::Fetch { digest: DIGEST, offset: 1 << 20 },
        Request::Ready { key: key(), base_fingerprint: DIGEST, records },
        Request::Progress { key: key(), step: 50, total_steps: 100, loss, tokens_per_s: 1200 },
        Request::Offer { key: key(), digest: DIGEST, bytes: 70_000, records, tokens: records, loss },
        Request::Chunk { digest: DIGEST, offset: 0, length: 70_000 },
        Request::Commit { key: key(), digest: DIGEST },
        Request::Failed { key: key(), reason: TrainFailure::NoRecords },
        Request::OverlapDeclare { run: RUN, points: 1024 },
        Request::OverlapBlinded { run: RUN, offset: 0, count: 1024 },
        Request::LedgerProof { from: 5, ledger: head, count: 9 },
        Request::ShowReceipt { receipt: receipt() },
        Request::Condition { version: [0, 1, 0], clock_minutes: 29_000_000, disk_low: false },
        Request::Decide { run: RUN, manifest: DIGEST, decision: Decision::Approved },
        Request::Renew { length: 200 },
        Request::Leave,
        Request::Revocations { known: 1_795_000_000 },
        Request::OwnScores { run: RUN, said: OwnScores::Measured(measured) },
        Request::OwnScores { run: RUN, said: OwnScores::NotMeasured(NoScores::TooFew) },
    ]
}

fn responses() -> Vec<Response> {
    let (manifest, manifest_bytes) = (DIGEST, 4_000);
    let train = Work::Train { key: key(), manifest, manifest_bytes, adapter: DIGEST, adapter_bytes: 70_000 };
    let measure =
        Work::Measure { run: RUN, manifest, manifest_bytes, adapter: DIGEST, adapter_bytes: 70_000 };
    vec![
        Response::Welcome { protocol: PROTOCOL_VERSION },
        Response::Work(Work::Nothing),
        Response::Work(train),
        Response::Work(Work::Proposed { run: RUN, manifest, manifest_bytes }),
        Response::Blob { offset: 0, length: 4_000, total: 70_000 },
        Response::Noted,
        Response::Continue { next_offset: 70_000 },
        Response::Receipt(receipt()),
        Response::Busy { retry_after_ms: 500 },
        Response::Refused(Refusal::ProtocolVersion { supported: 3 }),
        Response::OverlapEvaluated { offset: 0, count: 1024 },
        Response::ProveLedger { size: 300 },
        Response::Renewed { length: 600 },
        Response::Revocations { length: 600 },
        Response::Work(measure),
    ]
}

fn manifest() -> RunManifest {
    let member = |(name, number): (&str, u8)| -> Result<Member> {
        Ok(Member { name: name.parse()?, key: Digest([number; 32]) })
    };
    let members = [("cardiology", 1), ("neurology", 2)].map(member).into_iter().flatten().collect();
    let tensors = vec![TensorSpec { name: "m.lora_A.weight".into(), shape: [16, 64] }];
    RunManifest {
        protocol: PROTOCOL_VERSION,
        run: RUN,
        name: "心内科 2026".into(),
        rounds: 5,
        base_fingerprint: DIGEST,
        adapter: AdapterSettings::default(),
        tensors,
        adapter_bytes: 5_000,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 2,
        roster: Roster { members },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    }
}

/// Three frames that arrived.
fn arrivals() -> Result<Vec<u8>> {
    let taken = Some(LedgerHead { size: 300, root: DIGEST });
    let (site, at_ms) = ("cardiology".parse()?, 1_800_000_000_000);
    let heading = Heading { site, receipt_key: DIGEST, at_ms, taken, frames: 3 };
    let mut writer = ArrivalsWriter::begin(Vec::new(), &heading)?;
    for (sequence, kind, length) in [(1, Kind::Hello, 41), (4, Kind::Chunk, 1_048_621), (5, Kind::Leave, 6)] {
        writer.frame(&Arrived { sequence, kind, length, sha256: DIGEST })?;
    }
    Ok(writer.finish(&[0xcd; 64])?)
}

/// Suites as they are written: letters, generated, structured, rubric and phrases.
const SUITES: [&str; 6] = [
    "name = \"MedQA\"\nlayout = \"medqa\"\nrecords = \"test.jsonl\"\nlicence = \"MIT\"\n",
    "# ours\nname = \"referral 转诊\"\nlayout = \"items\"\nrecords = \"r.jsonl\"\nscore = \"generated\"\n",
    "name = \"a\"\nlayout = \"items\"\nrecords = \"r.jsonl\"\nanswers = [\"yes\", \"no\"]\n",
    "name = \"j\"\nlayout = \"items\"\nrecords = \"r.jsonl\"\nprompt = \"plain\"\nscore = \"structured\"\nform = \"json\"\nschema = '{\"type\": \"object\", \"required\": [\"a\"]}'\n",
    "name = \"h\"\nlayout = \"healthbench\"\nrecords = \"h.jsonl\"\nchat = true\ngrades = \"g.csv\"\ngraded_by = \"model\"\n",
    "name = \"w\"\nlayout = \"items\"\nrecords = \"r.jsonl\"\nprompt = \"bare\"\n[[rule]]\nname = \"disclaimer\"\n[[rule]]\nname = \"b\"\nunwanted.zh = [\"自行*服药\"]\n",
];

/// Files of safety rules: phrases, and identifiers.
const RULES: [&str; 2] = [
    "name = \"a\"\n[[rule]]\nname = \"dose\"\ntitle = { zh = \"剂量\", en = \"dose\" }\nseverity = \"stop\"\nsaid.en = [\"#mg\"]\nsaid.zh = [\"每日#次\"]\nwanted.en = [\"ask*doctor\"]\nwanted.zh = [\"咨询*医生\"]\n[[rule.test]]\nquestion = \"q\"\nanswer = \"5 mg\"\nexpect = \"broken\"\n[[rule.test]]\nquestion = \"q\"\nanswer = \"none\"\nexpect = \"not-applied\"\n",
    "name = \"b\"\napproved_by = \"c\"\n[[rule]]\nname = \"i\"\ntitle = { zh = \"一\", en = \"i\" }\nseverity = \"warn\"\nkind = \"identifiers\"\ncertainty = \"contextual\"\nallowed = [\"120\"]\n[[rule.test]]\nquestion = \"q\"\nanswer = \"a\"\nexpect = \"held\"\n[[rule.test]]\nquestion = \"q\"\nanswer = \"x\"\nexpect = \"broken\"\n",
];

/// An act, its result, and one that was refused.
fn acts() -> Result<Vec<u8>> {
    let (mut bytes, mut previous) = (Vec::new(), Digest([0; 32]));
    let (local, anna) = ((By::Local, "1000"), (By::Auditor, "anna"));
    let rows = [
        (Step::Asked, local, Verb::Revoke, None),
        (Step::Done, local, Verb::Revoke, Some(0)),
        (Step::Refused, anna, Verb::Stop, None),
    ];
    for (sequence, (step, (role, who), verb, of)) in (0..).zip(rows) {
        let is_local = role == By::Local;
        let record = acts::Record {
            sequence,
            time_ms: 1_800_000_000_000 + sequence,
            step,
            role,
            who: who.into(),
            certificate: (!is_local).then_some(DIGEST),
            verb,
            run: (!is_local).then_some(RUN),
            name: is_local.then(|| "cardiology".parse()).transpose()?,
            sha256: None,
            of,
            previous,
        };
        let line = record.to_line();
        previous = line_digest(&line);
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Four records: a request to join, a note, a frame of a run, a frame of none.
fn ledger() -> Result<Vec<u8>> {
    let (mut bytes, mut previous) = (Vec::new(), Digest([0; 32]));
    let run = Some(RUN.to_string());
    let rows = [
        (Kind::Join, None, None, 400),
        (Kind::Approval, run.clone(), None, 0),
        (Kind::Ready, run, Some(3), 60),
        (Kind::Renew, None, None, 210),
    ];
    for (sequence, (kind, run, round, length)) in (0..).zip(rows) {
        let record = Record {
            sequence,
            time_ms: 1_800_000_000_000 + sequence,
            peer: DIGEST.to_string(),
            run,
            round,
            kind,
            length,
            sha256: DIGEST.to_string(),
            previous: previous.to_string(),
        };
        let line = record.to_line()?;
        previous = line_digest(&line);
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
    }
    Ok(bytes)
}
