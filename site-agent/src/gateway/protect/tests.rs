//! What passes, what does not, and that the same round always yields the same file.

use common::id::{Round, RunId};
use common::run::{AdapterSettings, BaseSettings, TensorSpec, TrainingSettings};

use super::*;

struct Site {
    _root: tempfile::TempDir,
    folder: StateFolder,
    store: Store,
    manifest: RunManifest,
}

fn site() -> Site {
    let root = tempfile::tempdir().unwrap();
    let folder = StateFolder::new(root.path());
    for path in folder.folders() {
        fs::create_dir_all(path).unwrap();
    }
    let store = Store::open(&folder.database()).unwrap();
    let tensors =
        [("a", [2, 3]), ("b", [4, 1])].map(|(name, shape)| TensorSpec { name: name.into(), shape }).to_vec();
    let manifest = RunManifest {
        run: RunId([1; 8]),
        name: "test".into(),
        rounds: 1,
        base_fingerprint: Digest([0; 32]),
        adapter: AdapterSettings::default(),
        tensors,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        sites: Vec::new(),
        overlap: None,
    };
    Site { _root: root, folder, store, manifest }
}

fn key() -> RoundKey {
    RoundKey { run: RunId([1; 8]), round: Round(1) }
}

impl Site {
    /// Writes a raw update by hand, with any header spelling, and returns what the worker would say of it.
    fn train(&self, header: &str, values: &[f32]) -> RawFacts {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let path = self.folder.raw().join(format!("{}.safetensors", round_file_stem(key().run, key().round)));
        fs::write(path, &bytes).unwrap();
        RawFacts { digest: Digest::of(&bytes), records: 775, tokens: 1000, loss: 2.0 }
    }

    fn protect(&mut self, facts: &RawFacts, policy: &PolicyConfig) -> Result<ProtectedUpdate, SiteError> {
        let raw = RawUpdate { key: key(), facts, manifest: &self.manifest };
        protect(&self.folder, &mut self.store, policy, &raw, 1)
    }
}

const HEADER: &str = r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F32","shape":[4,1],"data_offsets":[24,40]}}"#;
const VALUES: [f32; 10] = [1.0, -2.0, 3.0, 0.5, 0.25, 0.0, 9.0, 8.0, 7.0, 6.0];

#[test]
fn a_good_update_becomes_one_canonical_file() {
    let mut site = site();
    let policy = PolicyConfig::default();
    let facts = site.train(HEADER, &VALUES);
    let first = site.protect(&facts, &policy).unwrap();
    let sent = first.chunk(0).unwrap();
    assert_eq!(sent.len() as u64, first.update().bytes);
    assert_eq!(Digest::of(&sent), first.update().digest);
    assert!(first.chunk(first.update().bytes).unwrap().is_empty());

    // The same values with another spelling of the header: the same bytes leave.
    let mut other = self::site();
    let spaced = HEADER.replace(",\"b\"", " ,   \"b\"");
    let facts = other.train(&spaced, &VALUES);
    assert_eq!(other.protect(&facts, &policy).unwrap().update().digest, first.update().digest);
}

#[test]
fn a_round_yields_the_file_it_yielded_before() {
    let mut site = site();
    let policy = PolicyConfig::default();
    let facts = site.train(HEADER, &VALUES);
    let first = site.protect(&facts, &policy).unwrap();
    let mut others = VALUES;
    others[0] = 1.5;
    let facts = site.train(HEADER, &others);
    assert_eq!(site.protect(&facts, &policy).unwrap(), first);
    assert_eq!(ProtectedUpdate::find(&site.folder, &site.store, key()).unwrap(), Some(first));
}

#[test]
fn what_is_not_an_adapter_of_this_run_is_refused_and_leaves_nothing() {
    let with = |index: usize, value: f32| {
        let mut values = VALUES;
        values[index] = value;
        values.to_vec()
    };
    let metadata = HEADER.replacen('{', r#"{"__metadata__":{"note":"patient"},"#, 1);
    let half = HEADER.replace("F32", "F16");
    let renamed = HEADER.replace("\"b\"", "\"c\"");
    let reshaped = HEADER.replace("[4,1]", "[1,4]");
    let cases = [
        ("not a number", HEADER, with(9, f32::NAN)),
        ("infinite", HEADER, with(0, f32::NEG_INFINITY)),
        ("too large a value", HEADER, with(3, 2.0e4)),
        ("metadata", metadata.as_str(), VALUES.to_vec()),
        ("another element type", half.as_str(), VALUES.to_vec()),
        ("another name", renamed.as_str(), VALUES.to_vec()),
        ("another shape", reshaped.as_str(), VALUES.to_vec()),
        ("bytes after the tensors", HEADER, [VALUES.to_vec(), vec![0.0]].concat()),
        ("too short", HEADER, VALUES[..9].to_vec()),
    ];
    for (what, header, values) in cases {
        let mut site = site();
        let facts = site.train(header, &values);
        let error = site.protect(&facts, &PolicyConfig::default()).unwrap_err();
        assert!(matches!(error, SiteError::UpdateRefused { .. }), "{what}: {error}");
        assert_eq!(fs::read_dir(site.folder.outbox()).unwrap().count(), 0, "{what}");
        assert_eq!(site.store.updates().unwrap(), Vec::new(), "{what}");
    }
}

#[test]
fn the_policy_bounds_norm_and_size() {
    let norm = VALUES.iter().map(|value| f64::from(value * value)).sum::<f64>().sqrt();
    for (update_norm_max, update_bytes_max, passes) in
        [(norm + 0.01, 1000, true), (norm - 0.01, 1000, false), (norm + 0.01, 100, false)]
    {
        let mut site = site();
        let facts = site.train(HEADER, &VALUES);
        let policy = PolicyConfig { update_norm_max, update_bytes_max, ..PolicyConfig::default() };
        let result = site.protect(&facts, &policy);
        assert_eq!(result.is_ok(), passes, "{update_norm_max} {update_bytes_max}");
    }
}

#[test]
fn a_file_changed_after_the_worker_or_in_the_outbox_is_noticed() {
    let mut site = site();
    let policy = PolicyConfig::default();
    let facts = site.train(HEADER, &VALUES);
    let wrong = RawFacts { digest: Digest([0; 32]), ..facts };
    assert!(matches!(site.protect(&wrong, &policy), Err(SiteError::UpdateRefused { .. })));
    let update = site.protect(&facts, &policy).unwrap();
    let path = site.folder.outbox().join(update.update().digest.to_string());
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(site.protect(&facts, &policy), Err(SiteError::UpdateRefused { .. })));
}
