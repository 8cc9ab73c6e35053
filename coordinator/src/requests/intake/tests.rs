//! Resuming, lying, and damaged uploads.

use common::adapter::AdapterWriter;
use common::id::RunId;
use common::limits::ADAPTER_VALUE_MAX;
use common::run::{AggregationSettings, HeldOutHashes, Member, Roster, RunManifest, RunSpec, SignedManifest};
use common::wire::message::PROTOCOL_VERSION;

use super::*;

struct Fixture {
    _folder: tempfile::TempDir,
    folder: StateFolder,
    intake: Intake,
    terms: Terms,
    tensors: Vec<TensorSpec>,
}

fn fixture() -> Fixture {
    fixture_of(AggregationSettings::default())
}

fn fixture_of(aggregation: AggregationSettings) -> Fixture {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    folder.create().unwrap();
    let spec: RunSpec =
        toml::from_str("name = \"t\"\nrounds = 1\n[quorum]\nsites = 1\n[training]\n").unwrap();
    let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    let tensors =
        vec![tensor("m.q_proj.lora_A.weight", [2, 300]), tensor("m.q_proj.lora_B.weight", [300, 2])];
    let manifest = RunManifest {
        protocol: PROTOCOL_VERSION,
        run: RunId([1; 8]),
        name: spec.name,
        rounds: 1,
        base_fingerprint: Digest::of(b"base"),
        adapter: spec.adapter,
        tensors: tensors.clone(),
        adapter_bytes: 100,
        training: spec.training,
        base: spec.base,
        aggregation,
        quorum: 1,
        roster: Roster { members: vec![Member { name: site(), key: Digest([1; 32]) }] },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    };
    let manifest = blobs::put(
        &folder,
        &SignedManifest { manifest, signature: [0; 64], launched_by: None }.to_bytes().unwrap(),
    )
    .unwrap();
    let mut fixture = Fixture {
        intake: Intake::new(folder.clone()),
        _folder: temporary,
        folder,
        terms: Terms { manifest, round: Round(1), last: manifest },
        tensors,
    };
    fixture.terms.last = blobs::put(&fixture.folder, &fixture.update(0.1)).unwrap();
    fixture
}

fn site() -> SiteId {
    "cardiology".parse().unwrap()
}

impl Fixture {
    fn update(&self, value: f32) -> Vec<u8> {
        self.of(&self.tensors, value)
    }

    fn of(&self, tensors: &[TensorSpec], value: f32) -> Vec<u8> {
        let path = self.folder.path().join("made");
        let mut writer = AdapterWriter::create(&path, tensors).unwrap();
        writer.append(&vec![value; 600 * tensors.len()]).unwrap();
        writer.finish().unwrap();
        fs::read(path).unwrap()
    }

    fn send(&self, bytes: &[u8], digest: Digest) -> Result<Option<u64>, Refusal> {
        let total = bytes.len() as u64;
        let mut offset = self.intake.offer(&site(), digest, total, total)?;
        while offset < total {
            let end = bytes.len().min(offset as usize + 1000);
            offset = self.intake.chunk(&site(), digest, total, offset, &bytes[offset as usize..end])?;
        }
        self.intake.seal(&site(), digest, total, self.terms)
    }
}

#[test]
fn an_interrupted_upload_resumes_and_becomes_a_blob() {
    let fixture = fixture();
    let bytes = fixture.update(0.25);
    let (digest, total) = (Digest::of(&bytes), bytes.len() as u64);
    assert_eq!(fixture.intake.offer(&site(), digest, total, total), Ok(0));
    assert_eq!(fixture.intake.chunk(&site(), digest, total, 0, &bytes[..700]), Ok(700));
    // The answer was lost, or the coordinator restarted: the site is told where we are.
    let restarted = Intake::new(fixture.folder.clone());
    assert_eq!(restarted.offer(&site(), digest, total, total), Ok(700));
    assert_eq!(
        restarted.chunk(&site(), digest, total, 0, &bytes[..700]),
        Ok(700),
        "a repeated chunk adds nothing"
    );
    assert_eq!(restarted.seal(&site(), digest, total, fixture.terms), Ok(Some(700)));
    assert_eq!(fixture.send(&bytes, digest), Ok(None));
    assert_eq!(fs::read(fixture.folder.blob(digest)).unwrap(), bytes);
    let other = "neurology".parse().unwrap();
    assert_eq!(restarted.offer(&other, digest, total, total), Ok(0), "its name is not enough");
    assert_eq!(restarted.seal(&other, digest, total, fixture.terms), Ok(Some(0)));
    assert!(!fixture.folder.part(&site(), digest).exists());
}

#[test]
fn invalid_updates_are_thrown_away() {
    let fixture = fixture();
    let good = fixture.update(0.5);
    assert_eq!(fixture.send(&good, Digest::of(b"another name")), Err(Refusal::DigestMismatch));
    for value in [f32::NAN, f32::INFINITY, ADAPTER_VALUE_MAX * 2.0, ADAPTER_VALUE_MAX] {
        let bytes = fixture.update(value);
        assert_eq!(fixture.send(&bytes, Digest::of(&bytes)), Err(Refusal::UpdateInvalid), "{value}");
    }
    let torn = good[..good.len() - 4].to_vec();
    assert_eq!(fixture.send(&torn, Digest::of(&torn)), Err(Refusal::UpdateInvalid));
    assert_eq!(fs::read_dir(fixture.folder.spool()).unwrap().count(), 0);
    let blobs = fs::read_dir(fixture.folder.blobs()).unwrap().count();
    assert_eq!(blobs, 2, "only the manifest and the last adapter");
}

#[test]
fn an_update_holds_what_its_round_trains_and_nothing_else() {
    use common::run::AggregationMethod;
    for (method, round, trained) in [
        (AggregationMethod::Ffa, 1, 1),
        (AggregationMethod::Ffa, 2, 1),
        (AggregationMethod::RoLora, 1, 1),
        // The fixture has one round, so this one would be the one before it.
        (AggregationMethod::RoLora, 2, 0),
    ] {
        let mut fixture = fixture_of(AggregationSettings { method, ..AggregationSettings::default() });
        fixture.terms.round = Round(round);
        let (one, other) = (fixture.of(&fixture.tensors[trained..=trained], 0.2), 1 - trained);
        let other = fixture.of(&fixture.tensors[other..=other], 0.3);
        let whole = fixture.update(0.4);
        for bytes in [&other, &whole] {
            let refused = fixture.send(bytes, Digest::of(bytes));
            assert_eq!(refused, Err(Refusal::UpdateInvalid), "{method:?} {round}");
        }
        assert_eq!(fixture.send(&one, Digest::of(&one)), Ok(None), "{method:?} {round}");
        let far = fixture.of(&fixture.tensors[trained..=trained], ADAPTER_VALUE_MAX / 2.0);
        let grown = fixture.send(&far, Digest::of(&far));
        assert_eq!(grown, Err(Refusal::UpdateInvalid), "{method:?} {round}: it grew too much");
    }
}

#[test]
fn sizes_are_bounded() {
    let fixture = fixture();
    let digest = Digest::of(b"x");
    assert_eq!(fixture.intake.offer(&site(), digest, 0, 100), Err(Refusal::UpdateInvalid));
    let far_too_long = 100 + SAFETENSORS_HEADER_BYTES_MAX as u64 + 1;
    assert_eq!(fixture.intake.offer(&site(), digest, far_too_long, 100), Err(Refusal::UpdateInvalid));
    assert_eq!(fixture.intake.chunk(&site(), digest, 3, 0, &[0; 4]), Err(Refusal::BadRequest));
}

/// The attack: an update of norm 96,658 was taken here and made every honest site refuse its own next one.
#[test]
fn what_sites_would_refuse_is_refused_here() {
    let fixture = fixture();
    // 1,200 values: norms 96,658 (beyond any site's bound) and 9,900 (within it, and 2,800 times the last
    // one).
    for norm in [96_658.0_f32, 9_900.0, 40.0] {
        let bytes = fixture.update(norm / 1200.0_f32.sqrt());
        assert_eq!(fixture.send(&bytes, Digest::of(&bytes)), Err(Refusal::UpdateInvalid), "{norm}");
    }
    let bytes = fixture.update(34.0 / 1200.0_f32.sqrt());
    assert_eq!(fixture.send(&bytes, Digest::of(&bytes)), Ok(None), "less than ten times the last one");
}

/// The attack: uploads that are begun and never committed.
#[test]
fn a_site_holds_few_unfinished_uploads_and_leaves_room_on_the_disk() {
    let fixture = fixture();
    for number in 0_u32..50 {
        let digest = Digest::of(&number.to_le_bytes());
        assert_eq!(fixture.intake.offer(&site(), digest, 1000, 1000), Ok(0));
        assert_eq!(fixture.intake.chunk(&site(), digest, 1000, 0, &[7; 900]), Ok(900));
    }
    // Also without an offer in between: what was offered once may be begun at any time.
    for number in 0_u32..50 {
        assert_eq!(
            fixture.intake.chunk(&site(), Digest::of(&number.to_le_bytes()), 1000, 0, &[7; 900]),
            Ok(900)
        );
    }
    assert_eq!(parts::list(&fixture.folder, Some(&site())).unwrap().len(), PARTS_PER_SITE_MAX);
    let other: SiteId = "neurology".parse().unwrap();
    let bytes = fixture.update(0.25);
    assert_eq!(fixture.intake.chunk(&other, Digest::of(&bytes), 10_000, 0, &bytes[..100]), Ok(100));
    assert_eq!(fixture.send(&bytes, Digest::of(&bytes)), Ok(None), "an honest upload goes on");
    assert!(has_room(DISK_RESERVE_BYTES_MIN + 10, 10) && !has_room(DISK_RESERVE_BYTES_MIN + 9, 10));
    assert!(!has_room(u64::MAX - 1, u64::MAX), "a sum beyond any disk");
}

#[test]
fn a_piece_continues_a_part_at_its_end_only() {
    assert_eq!(place(0, 10, 0, 4), Ok(Some(4)));
    assert_eq!(place(4, 10, 4, 6), Ok(Some(10)));
    assert_eq!(place(4, 10, 0, 4), Ok(None), "it is there already");
    assert_eq!(place(4, 10, 8, 1), Ok(None), "a hole");
    assert_eq!(place(4, 10, 4, 7), Err(Refusal::BadRequest));
    assert_eq!(place(u64::MAX, u64::MAX, u64::MAX, 1), Ok(Some(u64::MAX)), "saturates");
}
