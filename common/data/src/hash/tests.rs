//! Published vectors of the tree, and what the content hash sees.

use super::*;
use crate::record::{Body, Field, Format, Part, Place, Record, Role, Turn};

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
        body.push(Turn::new(*role, parts.collect()));
    }
    let place = Place { file: 0, line };
    let body = Body::Conversation(body);
    Record {
        place,
        format: Format::Messages,
        fields,
        body,
        patient: None,
        date: None,
        stratum: None,
        provenance: Default::default(),
    }
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
    let mut unlearnt = original.clone();
    if let Body::Conversation(turns) = &mut unlearnt.body {
        turns[1].is_learnt = false;
    }
    for other in [
        record(1, &[(Role::User, &["头"]), (Role::Assistant, &["痛休息"])]),
        record(1, &[(Role::System, &["头痛"]), (Role::Assistant, &["休息"])]),
        record(1, &[(Role::User, &["头痛"]), (Role::Assistant, &["休息 "])]),
        record(1, &[(Role::User, &["头痛"]), (Role::Assistant, &["休息"]), (Role::User, &[""])]),
        Record { body: Body::Text(vec![Part::Field(0)]), ..original.clone() },
        unlearnt,
    ] {
        assert_ne!(content_hash(&original), content_hash(&other));
    }
    // Computed by an independent program from the documentation of `content_hash`.
    assert_eq!(
        hex(&content_hash(&original)),
        "48d25cea69ac9b1d7809f8b531eda6ebbf523085ba157f6cbb9d60cbb560aa4f"
    );
}
