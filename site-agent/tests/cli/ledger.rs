//! `ledger show` and `ledger verify` beside the independent verifier in Python, on good and on forged
//! ledgers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::id::{Digest, Round, RunId};
use common::ledger::Kind;
use common::wire::message::{LedgerHead, Receipt, ReceiptBody, RoundKey};
use site_agent::gateway::heads::{self, Signer};
use site_agent::gateway::identity::{Coordinator, Identity};
use site_agent::gateway::ledger::{Frame, LedgerWriter};
use site_agent::gateway::store::{Store, Update};

use crate::support::{Site, words};

pub(crate) fn fill(site: &Site, records: u64) {
    fill_from(site, records, 6);
}

/// Records whose frames are `more` bytes longer than the shortest of their kind.
fn fill_from(site: &Site, records: u64, more: u64) {
    let (mut ledger, _) = LedgerWriter::open(&site.folder.ledger()).unwrap();
    let kinds = [
        (Kind::Join, 300),
        (Kind::Hello, 40),
        (Kind::Data, 0),
        (Kind::Poll, 7),
        (Kind::Offer, 51),
        (Kind::Chunk, 5000),
        (Kind::Commit, 47),
    ];
    for number in 0..records {
        let (kind, shortest) = kinds[usize::try_from(number).unwrap() % kinds.len()];
        let is_of_run = matches!(kind, Kind::Offer | Kind::Data | Kind::Chunk | Kind::Commit);
        let run = is_of_run.then_some(RunId([7; 8]));
        let round = run.map(|_| Round(1));
        let length = if kind == Kind::Data { 0 } else { shortest + more };
        let frame = Frame { kind, run, round, length, digest: Digest::of(&number.to_le_bytes()) };
        ledger.append(1_800_000_000_000 + number, &Digest::of(b"ca"), &frame).unwrap();
    }
}

/// `None` where there is no Python 3.
fn python(arguments: &[&str], ledger: &Path) -> Option<Output> {
    let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/verify_ledger.py");
    match Command::new("python3").arg(verifier).args(arguments).arg(ledger).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: python3 cannot be started: {error}");
            None
        }
    }
}

#[test]
fn both_verifiers_print_the_same_root_and_totals() {
    // Sizes around the powers of two, where Merkle trees go wrong.
    for records in [0, 1, 2, 3, 4, 5, 7, 8, 9, 23] {
        let site = Site::new();
        fill(&site, records);
        let ours = site.run(&["ledger", "verify"]);
        assert!(ours.status.success(), "{}", words(&ours));
        let value: serde_json::Value =
            serde_json::from_slice(&site.run(&["ledger", "verify", "--json"]).stdout).unwrap();
        assert_eq!(value["records"], records);
        let Some(theirs) = python(&[], &site.folder.ledger()) else { return };
        assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&theirs.stdout));
        let theirs = python(&["--json"], &site.folder.ledger()).unwrap();
        assert_eq!(value, serde_json::from_slice::<serde_json::Value>(&theirs.stdout).unwrap());
    }
}

#[test]
fn both_verifiers_refuse_the_same_forgeries() {
    let site = Site::new();
    fill(&site, 5);
    let path = site.folder.ledger();
    let genuine = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = genuine.lines().collect();
    let joined = |lines: &[&str]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
    let forgeries = [
        ("a length", genuine.replacen("\"length\":13", "\"length\":11", 1)),
        ("a note with bytes", genuine.replacen("\"length\":0", "\"length\":9", 1)),
        ("a digest", genuine.replacen("\"sha256\":\"", "\"sha256\":\"f", 1)),
        ("a line removed", joined(&[lines[0], lines[1], lines[3], lines[4]])),
        ("two lines swapped", joined(&[lines[0], lines[2], lines[1], lines[3], lines[4]])),
        ("a line repeated", joined(&[lines[0], lines[0], lines[1]])),
        ("a blank", genuine.replacen(",\"peer\"", ", \"peer\"", 1)),
        ("another field", genuine.replacen("{\"sequence\"", "{\"note\":1,\"sequence\"", 1)),
        ("a kind", genuine.replacen("\"kind\":\"hello\"", "\"kind\":\"letter\"", 1)),
        ("not JSON", genuine.replacen('{', "[", 1)),
    ];
    for (what, forged) in forgeries {
        assert_ne!(forged, genuine, "{what}");
        fs::write(&path, forged).unwrap();
        let ours = site.run(&["ledger", "verify"]);
        assert_eq!(ours.status.code(), Some(1), "{what}: {}", words(&ours));
        assert!(words(&ours).contains("hint:"), "{what}");
        let Some(theirs) = python(&[], &path) else { continue };
        assert_eq!(theirs.status.code(), Some(1), "{what}: {}", words(&theirs));
    }
}

#[test]
fn a_rewritten_ledger_is_found_by_a_root_written_down_before() {
    let site = Site::new();
    fill(&site, 4);
    let Some(before) = python(&["--json"], &site.folder.ledger()) else { return };
    let before: serde_json::Value = serde_json::from_slice(&before.stdout).unwrap();
    let root = before["root"].as_str().unwrap().to_owned();
    fill(&site, 3);
    let arguments = ["--root", root.as_str(), "--size", "4"];
    assert!(python(&arguments, &site.folder.ledger()).unwrap().status.success());
    fs::remove_file(site.folder.ledger()).unwrap();
    fill_from(&site, 7, 7);
    let forgery = python(&[], &site.folder.ledger()).unwrap();
    assert!(forgery.status.success(), "the forgery is consistent in itself");
    assert_eq!(python(&arguments, &site.folder.ledger()).unwrap().status.code(), Some(1));
}

#[test]
fn an_incomplete_last_line_is_mentioned_and_not_counted() {
    let site = Site::new();
    fill(&site, 3);
    let path = site.folder.ledger();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let ours = site.run(&["ledger", "verify"]);
    assert!(ours.status.success() && words(&ours).contains("incomplete"), "{}", words(&ours));
    if let Some(theirs) = python(&[], &path) {
        assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&theirs.stdout));
    }
}

#[test]
fn show_fits_a_terminal_and_gives_the_file_back_as_json() {
    let site = Site::new();
    fill(&site, 6);
    let table = String::from_utf8(site.run(&["ledger", "show"]).stdout).unwrap();
    assert_eq!(table.lines().count(), 7);
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    let json = String::from_utf8(site.run(&["ledger", "show", "--json"]).stdout).unwrap();
    assert_eq!(json, fs::read_to_string(site.folder.ledger()).unwrap());
    let last = String::from_utf8(site.run(&["ledger", "show", "--json", "--last", "2"]).stdout).unwrap();
    assert_eq!(last.lines().count(), 2);
}

/// A site called `cardiology` with a ledger of twenty records and a receipt for the commit in it that the
/// coordinator signed, though its hash is of something else.
pub(crate) fn with_a_false_receipt() -> Site {
    let site = Site::new();
    fill(&site, 20);
    let signer = certs::ReceiptSigningKey::generate().unwrap();
    let coordinator = Coordinator {
        site: "cardiology".parse().unwrap(),
        address: "localhost:1".into(),
        receipt_key: Digest(*signer.public_key().unwrap().as_bytes()),
    };
    let authority_key = certs::IdentityKey::generate().unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let serial = certs::SerialNumber::from_random([7; 16]);
    let authority = certs::CertificateAuthority::create("test", &serial, now).unwrap();
    let request = certs::csr::create(&authority_key).unwrap();
    let key = certs::RequestedKey::from_csr(&request).unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let issued = authority.issue_site("cardiology", &key, &serial, now, day).unwrap();
    let identity = site.folder.identity();
    Identity::store(&identity, &authority_key, &issued.der, authority.certificate_der(), &coordinator)
        .unwrap();
    let key = RoundKey { run: RunId([7; 8]), round: Round(1) };
    let body = ReceiptBody {
        site: Digest::of(b"cardiology"),
        key,
        digest: Digest([2; 32]),
        bytes: 1,
        first_sequence: 1,
        last_sequence: 6,
        received_bytes: 46 + 13 + 57 + 5006 + 53,
        running_hash: Digest([9; 32]),
    };
    let signature = signer.sign(&body.signed_bytes()).unwrap();
    let mut store = Store::open(&site.folder.database()).unwrap();
    let update = Update {
        key,
        digest: body.digest,
        bytes: 1,
        records: 100,
        tokens: 100,
        loss: 1.0,
        receipt: None,
        declined: false,
    };
    store.record_update(&update, 1).unwrap();
    store.record_receipt(key, &Receipt { body, signature }, 2).unwrap();
    let taken = LedgerHead { size: 20, root: root_of(&site).parse().unwrap() };
    store.record_taken_ledger(&taken, 3).unwrap();
    site
}

/// As `ledger verify --json` has it, whatever it says otherwise.
fn document(site: &Site) -> serde_json::Value {
    serde_json::from_slice(&site.run(&["ledger", "verify", "--json"]).stdout).unwrap()
}

fn root_of(site: &Site) -> String {
    document(site)["root"].as_str().unwrap().to_owned()
}

/// The exported receipts beside the ledger, in Python; `None` where there is none.
fn python_with_receipts(site: &Site, more: &[&str]) -> Option<Output> {
    let out = site.folder.root().join("receipts.json");
    let out = out.to_str().unwrap();
    let exported = site.run(&["ledger", "receipts", "--out", out]);
    assert!(exported.status.success(), "{}", words(&exported));
    python(&[&["--receipts", out], more].concat(), &site.folder.ledger())
}

#[test]
fn what_verify_refuses_the_officer_can_accept_by_name() {
    let site = with_a_false_receipt();
    let refused = site.run(&["ledger", "verify"]);
    let root = root_of(&site);
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("the receipt of run 0707070707070707, round 1"), "{}", words(&refused));
    assert!(words(&refused).contains("ledger accept"), "{}", words(&refused));
    assert!(words(&refused).contains(&format!("this ledger: 20 records, root {root}")));
    assert!(words(&refused).contains(&format!("taken by the coordinator: 20 records, root {root}")));
    assert_eq!(document(&site)["verified"], false);
    assert_eq!(python_with_receipts(&site, &[]).map_or(Some(1), |output| output.status.code()), Some(1));

    let accepted = site.run(&["ledger", "accept", "--yes"]);
    assert!(accepted.status.success(), "{}", words(&accepted));
    assert!(words(&accepted).contains("round 1"), "it names what it accepts: {}", words(&accepted));
    let said = String::from_utf8_lossy(&accepted.stdout).into_owned();
    assert!(said.contains("1 receipts are set aside") && said.contains("knows this ledger"), "{said}");
    let verified = site.run(&["ledger", "verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    assert!(python_with_receipts(&site, &[]).is_none_or(|output| output.status.success()));
    // A receipt in the database that nobody signed.
    let store = rusqlite::Connection::open(site.folder.database()).unwrap();
    store.execute("DELETE FROM ledger_epochs", []).unwrap();
    let signed: Vec<u8> = store.query_row("SELECT receipt FROM updates", [], |row| row.get(0)).unwrap();
    let mut forged = signed;
    *forged.last_mut().unwrap() ^= 1;
    store.execute("UPDATE updates SET receipt = ?1", [forged]).unwrap();
    let refused = site.run(&["ledger", "verify"]);
    assert!(words(&refused).contains("is not signed by the coordinator"), "{}", words(&refused));
    assert!(site.run(&["ledger", "accept", "--yes"]).status.success());
    assert!(site.run(&["ledger", "verify"]).status.success());
    assert!(python_with_receipts(&site, &[]).is_none_or(|output| output.status.success()));
}

/// A head of the ledger before does not fit, which stays an error and says that there was an acceptance.
#[test]
fn a_head_that_does_not_fit_is_told_beside_the_newest_acceptance() {
    let site = with_a_false_receipt();
    let identity = site.folder.identity();
    let key = identity.join("ledger.key");
    std::os::unix::fs::symlink("nowhere", &key).unwrap();
    let refused = site.run(&["ledger", "checkpoint", "--key"]);
    assert!(words(&refused).contains("ledger.key"), "{}", words(&refused));
    assert!(!words(&refused).contains("makes it when it starts"), "it would not: {}", words(&refused));
    fs::remove_file(&key).unwrap();
    heads::create_key(&identity, None).unwrap();
    let before = LedgerHead { size: 20, root: Digest([1; 32]) };
    let note = Signer::load(&identity, &Default::default()).unwrap().sign(before).unwrap();
    let file = site.folder.root().join("before.checkpoint");
    fs::write(&file, note).unwrap();
    let file = file.to_str().unwrap();
    let said = |code: i32| {
        let output = site.run(&["ledger", "verify", "--checkpoint", file]);
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        words(&output)
    };
    assert!(!said(1).contains("accepted this ledger"));
    assert!(site.run(&["ledger", "accept", "--yes"]).status.success());
    let told = said(1);
    assert!(told.contains("it has not what was signed over 20 records"), "{told}");
    assert!(told.contains("accepted this ledger on 20") && told.contains("at 20 records"), "{told}");
    // A key that nothing is verified with.
    let odd = site.run(&["ledger", "verify", "--key", "nobody"]);
    assert!(!odd.status.success() && words(&odd).contains("--checkpoint"), "{}", words(&odd));
}

/// Who may write to the database writes a decision into it: it counts for nobody who knows the officer's key.
#[test]
fn a_forged_decision_is_refused_here_and_on_another_machine() {
    let site = with_a_false_receipt();
    let path = |name: &str| site.folder.root().join(name).to_str().unwrap().to_owned();
    let (officer, public) = (path("officer.key"), path("officer.key.pub"));
    assert!(crate::support::program().args(["officer-key", "new", &officer]).status().unwrap().success());
    // Without an officer it holds.
    assert!(site.run(&["ledger", "accept", "--yes"]).status.success());
    assert!(site.run(&["ledger", "verify"]).status.success());
    let elsewhere = |more: &[&str]| python_with_receipts(&site, more).map(|output| output.status.code());
    assert_eq!(elsewhere(&[]).unwrap_or(Some(0)), Some(0));
    assert_eq!(elsewhere(&["--officer", &public]).unwrap_or(Some(1)), Some(1), "not the officer's");
    // With one it does not, and the officer has it all before them again.
    assert!(site.run(&["officer-key", "trust", &public]).status.success());
    for (command, code) in [(&["ledger", "verify"][..], 1), (&["run"], 3)] {
        let refused = site.run(command);
        assert_eq!(refused.status.code(), Some(code));
        assert!(words(&refused).contains("not signed by the privacy officer"), "{}", words(&refused));
    }
    let refused = site.run(&["ledger", "accept", "--yes"]);
    assert!(words(&refused).contains("they decide"), "{}", words(&refused));
    let accepted = site.run(&["ledger", "accept", "--yes", "--key", &officer]);
    assert!(accepted.status.success(), "{}", words(&accepted));
    assert!(site.run(&["ledger", "verify"]).status.success());
    assert_eq!(elsewhere(&["--officer", &public]).unwrap_or(Some(0)), Some(0));
}
