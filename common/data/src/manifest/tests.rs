//! What a manifest's root depends on, its bytes, and the hash of its default configuration.

use super::*;
use crate::screen::Mode;

fn parts(used: &[([u8; 32], Assignment)]) -> Parts<'_> {
    Parts {
        used,
        configuration: crate::room::RoomOptions::default().configuration(),
        scheme: Scheme::Holdout([80, 10, 10]),
        seed: 42,
        self_test: crate::screen::selftest::run(&[], 42),
        counts: Counts { read: 3, sides: BTreeMap::from([(Side::Train, 2)]), ..Counts::default() },
    }
}

#[test]
fn the_order_of_records_does_not_matter_and_their_side_does() {
    let (a, b, c) = ([1; 32], [2; 32], [3; 32]);
    let train = Assignment::Side(Side::Train);
    let made = Manifest::new(parts(&[(a, train), (b, train), (c, Assignment::LeftOut)])).unwrap();
    let turned = Manifest::new(parts(&[(b, train), (a, Assignment::Fold(3))])).unwrap();
    assert_eq!(made, turned);
    assert_eq!(made.records, 2);
    let held_out = Manifest::new(parts(&[(a, train), (b, Assignment::Side(Side::Test))])).unwrap();
    assert_eq!(made.differences(&held_out), ["root"]);
    let used = [(a, train), (b, train)];
    let mut other = parts(&used);
    other.configuration.screen = Mode::Mask;
    other.seed = 43;
    assert_eq!(made.differences(&Manifest::new(other).unwrap()), ["configuration", "seed"]);
    let leaf = |side: u8, content: [u8; 32]| leaf_hash(&[&[side][..], &content].concat());
    let mut leaves = [leaf(0, a), leaf(0, b)];
    leaves.sort_unstable();
    assert_eq!(made.root_bytes(), Some(merkle_root(&leaves)));
}

#[test]
fn a_manifest_reads_back_and_anything_else_is_refused() {
    let made = Manifest::new(parts(&[([7; 32], Assignment::Side(Side::Train))])).unwrap();
    let bytes = made.to_bytes().unwrap();
    assert_eq!(Manifest::from_bytes(&bytes).unwrap(), made);
    assert_eq!(Manifest::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    let text = String::from_utf8(bytes).unwrap();
    for broken in [
        text.replace("\"version\": 1", "\"version\": 2"),
        text.replace("consilium-data-manifest", "other"),
        text.replace("\"seed\"", "\"sead\""),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(matches!(Manifest::from_bytes(broken.as_bytes()), Err(DataError::Setting { .. })));
    }
    let odd = Manifest { root: "é".repeat(32), ..made };
    assert_eq!(odd.root_bytes(), None);
}

/// Pinned: the hash stands in manifests that hospitals keep. It must not depend on how serde_json is built
/// either.
#[test]
fn the_default_configuration_has_its_hash() {
    let made = Manifest::new(parts(&[])).unwrap();
    let written = "{\"screen\":\"block\",\"mapping_sha256\":null,\"answer_characters_min\":1,\"record_characters_max\":262144,\
                   \"turns_max\":512,\"duplicates\":\"drop-copies\",\"minhash_version\":1,\"dedup\":{\"near\":true,\"jaccard_min\":0.7,\
                   \"containment_min\":0.8,\"short_shingles_max\":50},\"split\":{\"scheme\":\"none\",\"by_patient\":true,\
                   \"by_time\":true,\"by_stratum\":true,\"seed\":42}}";
    assert_eq!(serde_json::to_string(&made.configuration).unwrap(), written);
    assert_eq!(made.configuration_sha256, hex(&Sha256::digest(written).into()));
}
