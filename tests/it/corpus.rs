//! Good ledgers with what belongs to them, changed in more than three hundred ways, through both verifiers:
//! a committed file says what is changed and what both must say then. Run by `cargo test`; where there is no
//! Python 3 the second verifier is left out, and the test says so.
//!
//! `corpus/ledger.jsonl`: the first line has the keys that signed, the next ones the good files, each
//! further one a change and its verdict. Files that a base does not have are those of the first base.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::support::repository;

mod change;
mod verdict;

const CORPUS: &str = include_str!("corpus/ledger.jsonl");

/// Files by name: `ledger`, `receipts`, `arrivals`, `checkpoint-N`, `proof-N`, and `witness-N`, a key.
type Files = BTreeMap<String, Vec<u8>>;

/// The keys that signed the files: also for changes that are signed anew.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    verifier_key: String,
    /// Base64 of 32 bytes.
    ledger_seed: String,
    /// The same.
    receipt_seed: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    base: String,
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    base: String,
    change: Vec<Vec<serde_json::Value>>,
    verdict: String,
}

struct Corpus {
    keys: Keys,
    bases: BTreeMap<String, Files>,
    cases: Vec<Case>,
}

impl Corpus {
    fn read() -> Result<Self> {
        let mut lines = CORPUS.lines().peekable();
        let keys = serde_json::from_str(lines.next().context("the keys")?)?;
        let mut bases: BTreeMap<String, Files> = BTreeMap::new();
        let mut ledger = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("{\"base\"")) {
            let base: Base = serde_json::from_str(line)?;
            let mut files: Files =
                base.files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
            if ledger.is_empty() {
                ledger = files["ledger"].clone();
            }
            files.entry("ledger".into()).or_insert_with(|| ledger.clone());
            bases.insert(base.base, files);
        }
        let cases = lines.map(serde_json::from_str).collect::<serde_json::Result<_>>()?;
        Ok(Self { keys, bases, cases })
    }

    fn files(&self, case: &Case) -> Result<Files> {
        let mut files = self.bases.get(&case.base).context("a base")?.clone();
        for change in &case.change {
            change::apply(&mut files, change, &self.keys)
                .with_context(|| format!("{}: {change:?}", case.name))?;
        }
        Ok(files)
    }
}

#[test]
fn both_verifiers_say_of_every_changed_ledger_what_the_corpus_says() -> Result<()> {
    let corpus = Corpus::read()?;
    let changed = corpus.cases.iter().filter(|case| !case.change.is_empty()).count();
    ensure!(changed >= 200, "{changed} changes");
    let folder = tempfile::tempdir()?;
    let mut wrong = Vec::new();
    for (number, case) in corpus.cases.iter().enumerate() {
        let files = corpus.files(case)?;
        let place = folder.path().join(number.to_string());
        std::fs::create_dir(&place)?;
        for (name, bytes) in &files {
            std::fs::write(place.join(name), bytes)?;
        }
        let ours = verdict::of(&files, &corpus.keys.verifier_key)?;
        if ours != case.verdict {
            wrong.push(format!("{}, {}: {ours}, not {}", case.base, case.name, case.verdict));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} cases, {changed} of them changed", corpus.cases.len());
    let Some(theirs) = python(folder.path(), &corpus)? else {
        eprintln!("SKIPPED the second verifier, deploy/verify_ledger.py: no python3 here");
        return Ok(());
    };
    ensure!(theirs.len() == corpus.cases.len(), "{} answers", theirs.len());
    for (case, said) in corpus.cases.iter().zip(theirs) {
        let code = match &case.verdict {
            verdict if verdict.starts_with("intact ") => 0,
            // A file that was given beside the ledger cannot be read, and nothing is said of the ledger.
            verdict if verdict.ends_with(" unusable") => 2,
            _ => 1,
        };
        let expected = format!("{code} {}", case.verdict);
        ensure!(said == expected, "{}, {}: Python says {said}, not {expected}", case.base, case.name);
    }
    Ok(())
}

/// What the second verifier says, a line each; `None` where there is no Python 3.
fn python(folder: &Path, corpus: &Corpus) -> Result<Option<Vec<String>>> {
    let asked = Command::new("python3")
        .arg(repository().join("tests/it/corpus/driver.py"))
        .arg(repository().join("deploy/verify_ledger.py"))
        .arg(folder)
        .args([&corpus.keys.verifier_key, &corpus.cases.len().to_string()])
        .output();
    let output = match asked {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(Some(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect()))
}

/// Asks the Python program about published vectors: RFC 8032, section 7.1, tests 1 to 3, and each with a bit
/// changed; the example of C2SP signed-note and that of Go's tests; a cosignature of a public witness. Then
/// keys that are none: blanks of another kind around them, and points of small order.
const VECTORS: &str = r#"
import importlib.util, sys
spec = importlib.util.spec_from_file_location('verify_ledger', sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
for key, message, signature in (
    ('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', '',
     'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'),
    ('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', '72',
     '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'),
    ('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'af82',
     '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'),
):
    key, message, signature = map(bytes.fromhex, (key, message, signature))
    assert program.is_signed(key, message, signature)
    assert not program.is_signed(key, message + b'x', signature)
    for at in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert not program.is_signed(key, message, bytes(changed))
    # The same signature with the order of the group added to its scalar (RFC 8032, section 5.1.7).
    larger = (int.from_bytes(signature[32:], 'little') + program.Q).to_bytes(32, 'little')
    assert not program.is_signed(key, message, signature[:32] + larger)
for key, note in (
    ('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
     'This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n'),
    ('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
     "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"),
):
    name, identity, public = program.read_key(key)
    text, [(named, of, signature)] = program.read_note(note.encode())
    assert (named, of) == (name, identity) and program.is_signed(public, text.encode(), signature)
    assert program.read_key(' \t' + key + '\r\n\x0c') == program.read_key(key)
    for blank in '\x0b\x1c\x85\xa0\u3000\udcff':
        try:
            program.read_key(key + blank)
            raise SystemExit(f'{key!r} with {blank!r} is a key')
        except program.Unusable:
            pass
    for end in range(len(key)):
        try:
            program.read_key(key[:end])
            raise SystemExit(f'{key[:end]} is a key')
        except program.Unusable:
            pass
witness = program.read_witness('witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G')
head = 'coachandhorses2026h1.staging.certificate.transparency.goog\n185550722\nYXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=\n'
line = '\u2014 witness.navigli.sunlight.geomys.org o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==\n'
text, signatures = program.read_note(f'{head}\n{line}'.encode())
assert program.cosigned_at(text, signatures, witness) == 1785704691
try:
    program.cosigned_at(text.replace('185550722', '185550723'), signatures, witness)
    raise SystemExit('a cosignature holds for another head')
except program.Forged:
    pass
for y in (0, 1, -1, program.P, program.P + 1,
          int.from_bytes(bytes.fromhex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'), 'little'),
          int.from_bytes(bytes.fromhex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'), 'little')):
    for sign in (0, 2**255):
        assert program.is_small(((y if y >= 0 else y + program.P) + sign).to_bytes(32, 'little'))
assert not program.is_small(program.read_key(key)[2])
"#;

#[test]
fn the_second_verifier_has_the_published_vectors_of_its_signatures() -> Result<()> {
    let program = repository().join("deploy/verify_ledger.py");
    let output = match Command::new("python3").args(["-c", VECTORS]).arg(program).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED the second verifier, deploy/verify_ledger.py: no python3 here");
            return Ok(());
        }
        output => output?,
    };
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
