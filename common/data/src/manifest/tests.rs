//! Published vectors of the tree, what the content hash sees, and a manifest's bytes.

use super::*;
use crate::record::{Body, Field, Format, Part, Place, Record, Role, Turn};
use crate::screen::Mode;

#[test]
fn merkle_roots_of_the_certificate_transparency_test_vectors() {
    // The reference inputs of the Certificate Transparency code base for RFC 6962.
    let entries: [&[u8]; 8] = [
        &[],
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let leaves: Vec<[u8; 32]> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(hex(&merkle_root(&leaves[..=size])), *expected, "{} leaves", size + 1);
    }
    assert_eq!(hex(&merkle_root(&[])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

fn record(line: u64, turns: &[(Role, &[&str])]) -> Record {
    let mut fields = Vec::new();
    let mut body = Vec::new();
    for (role, texts) in turns {
        let parts = texts.iter().map(|text| {
            fields.push(Field { path: format!("f{}", fields.len()), text: (*text).into() });
            Part::Field(fields.len() - 1)
        });
        body.push(Turn { role: *role, parts: parts.collect() });
    }
    let place = Place { file: 0, line };
    let body = Body::Conversation(body);
    Record { place, format: Format::Messages, fields, body, patient: None, date: None, stratum: None }
}

#[test]
fn content_is_what_is_taught_and_not_where_it_stands() {
    let original = record(1, &[(Role::User, &["头痛"]), (Role::Assistant, &["休息"])]);
    let moved = Record {
        patient: Some("p1".into()),
        format: Format::Alpaca,
        ..record(900, &[(Role::User, &["头", "痛"]), (Role::Assistant, &["休息"])])
    };
    assert_eq!(content_hash(&original), content_hash(&moved));
    for other in [
        record(1, &[(Role::User, &["头"]), (Role::Assistant, &["痛休息"])]),
        record(1, &[(Role::System, &["头痛"]), (Role::Assistant, &["休息"])]),
        record(1, &[(Role::User, &["头痛"]), (Role::Assistant, &["休息 "])]),
        record(1, &[(Role::User, &["头痛"]), (Role::Assistant, &["休息"]), (Role::User, &[""])]),
        Record { body: Body::Text(vec![Part::Field(0)]), ..original.clone() },
    ] {
        assert_ne!(content_hash(&original), content_hash(&other));
    }
    // Computed by an independent program from the documentation of `content_hash`.
    assert_eq!(
        hex(&content_hash(&original)),
        "48d25cea69ac9b1d7809f8b531eda6ebbf523085ba157f6cbb9d60cbb560aa4f"
    );
}

fn parts(used: &[([u8; 32], Assignment)]) -> Parts<'_> {
    Parts {
        used,
        configuration: Configuration::default(),
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

/// Pinned: the hash stands in manifests that hospitals keep. It must not depend on how serde_json is built either.
#[test]
fn the_default_configuration_has_its_hash() {
    let made = Manifest::new(parts(&[])).unwrap();
    let written = "{\"screen\":\"block\",\"mapping_sha256\":null,\"answer_characters_min\":1,\"record_characters_max\":262144,\
                   \"turns_max\":512,\"duplicates\":\"drop-copies\",\"minhash_version\":1,\"dedup\":{\"near\":true,\"jaccard_min\":0.7,\
                   \"containment_min\":0.8,\"short_shingles_max\":50},\"split\":{\"scheme\":\"auto\",\"by_patient\":true,\
                   \"by_time\":true,\"by_stratum\":true,\"seed\":42}}";
    assert_eq!(serde_json::to_string(&made.configuration).unwrap(), written);
    assert_eq!(made.configuration_sha256, hex(&Sha256::digest(written).into()));
}
