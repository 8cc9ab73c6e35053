//! What passes, what does not, and that the same round always yields the same file.

use common::id::{Round, RunId};
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Roster, TensorSpec, TrainingSettings,
};
use common::wire::message::PROTOCOL_VERSION;

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
        protocol: PROTOCOL_VERSION,
        run: RunId([1; 8]),
        name: "test".into(),
        rounds: 1,
        base_fingerprint: Digest([0; 32]),
        adapter: AdapterSettings::default(),
        tensors,
        adapter_bytes: 100,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 1,
        roster: Roster::default(),
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
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
fn what_the_round_does_not_train_stays_here() {
    let mut site = site();
    let names = ["m.lora_A.weight", "m.lora_B.weight"];
    for (tensor, name) in site.manifest.tensors.iter_mut().zip(names) {
        tensor.name = name.into();
    }
    site.manifest.aggregation.method = common::run::AggregationMethod::Ffa;
    let header = HEADER.replace("\"a\"", "\"m.lora_A.weight\"").replace("\"b\"", "\"m.lora_B.weight\"");
    // Whatever a replaced worker wrote there: it does not leave.
    let mut values = VALUES;
    values[..6].copy_from_slice(&[777.0; 6]);
    let facts = site.train(&header, &values);
    let sent = site.protect(&facts, &PolicyConfig::default()).unwrap();
    let reader = AdapterReader::open(&sent.path, &site.manifest.tensors[1..]).unwrap();
    assert_eq!(reader.read_whole(0).unwrap(), VALUES[6..]);
    let bytes = fs::read(&sent.path).unwrap();
    assert!(!bytes.windows(4).any(|word| word == 777.0_f32.to_le_bytes()));
    assert!(!String::from_utf8_lossy(&bytes).contains("lora_A"));
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

/// Whatever the worker cuts off is its doing, and never said to be a fault of the disk.
#[test]
fn a_file_that_ends_too_soon_is_refused() {
    let path = |site: &Site| {
        site.folder.raw().join(format!("{}.safetensors", round_file_stem(key().run, key().round)))
    };
    for bytes in [0, 7, 8, 40] {
        let mut site = site();
        let facts = site.train(HEADER, &VALUES);
        let cut = fs::read(path(&site)).unwrap()[..bytes].to_vec();
        fs::write(path(&site), &cut).unwrap();
        let facts = RawFacts { digest: Digest::of(&cut), ..facts };
        let error = site.protect(&facts, &PolicyConfig::default()).unwrap_err();
        assert!(matches!(error, SiteError::UpdateRefused { .. }), "{bytes}: {error}");
    }
}

#[test]
fn a_sparse_file_of_terabytes_is_refused_at_once() {
    let mut site = site();
    let facts = site.train(HEADER, &VALUES);
    let path = site.folder.raw().join(format!("{}.safetensors", round_file_stem(key().run, key().round)));
    let file = File::options().write(true).open(&path).unwrap();
    // As large as this file system allows, up to 8 TiB; reading it would take minutes at the least.
    assert!((36..=43).rev().any(|power| file.set_len(1 << power).is_ok()));
    let start = std::time::Instant::now();
    let error = site.protect(&facts, &PolicyConfig::default()).unwrap_err();
    assert!(matches!(error, SiteError::UpdateRefused { .. }), "{error}");
    assert!(start.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn a_link_or_a_pipe_in_the_updates_place_is_refused() {
    let mut site = site();
    let facts = site.train(HEADER, &VALUES);
    let path = site.folder.raw().join(format!("{}.safetensors", round_file_stem(key().run, key().round)));
    let elsewhere = site.folder.identity().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let refused = |site: &mut Site| site.protect(&facts, &PolicyConfig::default()).unwrap_err().to_string();
    assert!(refused(&mut site).contains("not a regular file"));
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(refused(&mut site).contains("not a regular file"));
}

/// A worker that somebody replaced writes a record into the bits that training does not need.
#[test]
fn a_message_in_the_low_bits_does_not_leave() {
    let bits = 12;
    let policy = PolicyConfig { update_mantissa_bits: bits, ..PolicyConfig::default() };
    let clean = VALUES.map(|value| round_mantissa(value, bits));
    let message = b"name: Li, 13";
    // Below half of the last bit that stays.
    let words = clean.iter().zip(message).map(|(value, byte)| {
        let is_zero = *value == 0.0;
        f32::from_bits(value.to_bits() | if is_zero { 0 } else { u32::from(*byte) })
    });
    let hidden: Vec<f32> = words.collect();
    assert_ne!(hidden, clean);
    let (mut site, mut other) = (site(), site());
    let facts = site.train(HEADER, &hidden);
    let sent = site.protect(&facts, &policy).unwrap();
    let facts = other.train(HEADER, &clean);
    assert_eq!(sent.update().digest, other.protect(&facts, &policy).unwrap().update().digest);
    // Again, as after a crash: the digest is that of the rounded file.
    assert_eq!(ProtectedUpdate::find(&site.folder, &site.store, key()).unwrap(), Some(sent));
}

#[test]
fn rounding_goes_to_the_nearest_and_a_tie_to_the_even_one() {
    let one_and = |sixteenths: u32| f32::from_bits(0x3f80_0000 | (sixteenths << 19));
    // Two bits are kept: quarters. 1 + 2/16 lies between 1 and 1.25, and 1 is even; 1 + 6/16 goes up to 1.5.
    for (sixteenths, rounded) in [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.25), (5, 1.25), (6, 1.5), (15, 2.0)] {
        assert_eq!(round_mantissa(one_and(sixteenths), 2), rounded, "{sixteenths}");
        assert_eq!(round_mantissa(-one_and(sixteenths), 2), -rounded, "{sixteenths}");
    }
    assert_eq!(round_mantissa(-0.0, 12).to_bits(), 0, "zero has no sign");
    assert_eq!(round_mantissa(f32::from_bits(12_345), 23).to_bits(), 0, "too small for a full mantissa");
    assert_eq!(round_mantissa(ADAPTER_VALUE_MAX, 1), 8192.0, "never beyond what a value may be");
}

mod properties {
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn rounded_values_are_finite_close_and_stay_as_they_are(word in any::<u32>(), bits in 1_u32..=23) {
            let value = f32::from_bits(word);
            // What comes here has passed the check of its size.
            if value.abs() <= ADAPTER_VALUE_MAX {
                let rounded = round_mantissa(value, bits);
                assert!(rounded.abs() <= ADAPTER_VALUE_MAX);
                assert_eq!(round_mantissa(rounded, bits).to_bits(), rounded.to_bits());
                assert_eq!(rounded.to_bits() & ((1 << (23 - bits)) - 1), 0);
                let largest_error = value.abs() * 0.5_f32.powi(bits as i32);
                assert!((rounded - value).abs() <= largest_error.max(f32::MIN_POSITIVE));
                if bits == 23 && value.is_normal() {
                    assert_eq!(rounded.to_bits(), word);
                }
            }
        }
    }
}
