//! The terms and the adapters of the runs that these tests play. Used by all of them.

use common::adapter::AdapterWriter;
use common::run::{
    AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Member, Roster, TensorSpec,
};

use super::*;

/// The terms of a run; below 10 an update has 3 MiB, above some bytes.
pub(super) fn manifest(run: u8) -> RunManifest {
    let adapter = AdapterSettings::default();
    let shape = [adapter.rank, if run < 10 { 3 * 16 * 1024 } else { 1 }];
    RunManifest {
        protocol: PROTOCOL_VERSION,
        run: RunId([run; 8]),
        name: "test".into(),
        rounds: 5,
        base_fingerprint: BASE,
        adapter,
        tensors: vec![TensorSpec { name: "m.lora_A.weight".into(), shape }],
        adapter_bytes: (shape[0] * shape[1] * 4) as u64 + 100,
        training: TrainingSettings::default(),
        base: BaseSettings::default(),
        aggregation: AggregationSettings::default(),
        quorum: 2,
        roster: Roster {
            members: [(SITE, OWN_KEY), ("neurology", Digest([2; 32]))]
                .map(|(name, key)| Member { name: name.parse().unwrap(), key })
                .to_vec(),
        },
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    }
}

/// An adapter of these terms with every value alike.
pub(super) fn adapter(terms: &RunManifest, value: f32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter");
    let mut writer = AdapterWriter::create(&path, &terms.tensors).unwrap();
    for TensorSpec { shape, .. } in &terms.tensors {
        writer.append(&vec![value; shape[0] * shape[1]]).unwrap();
    }
    writer.finish().unwrap();
    fs::read(path).unwrap()
}
