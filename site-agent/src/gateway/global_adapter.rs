//! Looks at the global adapter before the worker may train on it: a crafted one could make single records
//! stand out in the update. Called by `agent_loop`. Invariant: an adapter that passes has exactly the run's
//! tensors, finite values, a norm that the policy allows, and no tensor that grew far beyond the last one
//! taken.

use std::io;
use std::path::Path;

use common::adapter::{AdapterError, AdapterReader};
use common::run::RunManifest;

use crate::policy::{PolicyConfig, PolicyRule};

/// Why an adapter is not trained on.
#[derive(Debug)]
pub enum Refused {
    /// A rule, and words for the gateway's log.
    Rule(PolicyRule, String),
    /// The file cannot be read.
    Disk(io::Error),
}

/// The norm of each tensor, in the manifest's order. `before` holds those of the adapter that was taken last
/// in this run, if there was one.
///
/// # Errors
/// [`Refused::Rule`] with the first rule that is broken, [`Refused::Disk`] when the file cannot be read.
pub fn examine(
    path: &Path,
    manifest: &RunManifest,
    policy: &PolicyConfig,
    before: Option<&[f64]>,
) -> Result<Vec<f64>, Refused> {
    let unfit = |error: AdapterError| match error {
        AdapterError::Io(source) => Refused::Disk(source),
        growth @ AdapterError::Growth { .. } => {
            Refused::Rule(PolicyRule::AdapterGrowthMax, growth.to_string())
        }
        other => Refused::Rule(PolicyRule::GlobalAdapterNorm, other.to_string()),
    };
    let reader = AdapterReader::open(path, &manifest.tensors).map_err(unfit)?;
    let summary = reader.check_values().map_err(unfit)?;
    summary.check_norm(policy.update_norm_max).map_err(unfit)?;
    if let Some(before) = before {
        summary.check_growth(before, policy.adapter_growth_max).map_err(unfit)?;
    }
    Ok(summary.norms())
}

#[cfg(test)]
mod tests {
    use common::adapter::AdapterWriter;
    use common::id::{Digest, RunId};
    use common::run::{
        AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Roster, TensorSpec,
        TrainingSettings,
    };
    use common::wire::message::PROTOCOL_VERSION;

    use super::*;

    fn manifest() -> RunManifest {
        let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
        RunManifest {
            protocol: PROTOCOL_VERSION,
            run: RunId([1; 8]),
            name: "r".into(),
            rounds: 1,
            base_fingerprint: Digest([0; 32]),
            adapter: AdapterSettings { rank: 2, ..AdapterSettings::default() },
            tensors: vec![tensor("m.lora_A.weight", [2, 3]), tensor("m.lora_B.weight", [4, 2])],
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
        }
    }

    fn rule(values: [f32; 2], before: Option<&[f64]>) -> Option<PolicyRule> {
        let folder = tempfile::tempdir().unwrap();
        let (path, manifest) = (folder.path().join("adapter"), manifest());
        let mut writer = AdapterWriter::create(&path, &manifest.tensors).unwrap();
        writer.append(&[values[0]; 6]).unwrap();
        writer.append(&[values[1]; 8]).unwrap();
        writer.finish().unwrap();
        match examine(&path, &manifest, &PolicyConfig::default(), before) {
            Ok(norms) => {
                assert!((norms[0] - f64::from(values[0]) * 6.0_f64.sqrt()).abs() < 1e-6);
                None
            }
            Err(Refused::Rule(rule, _)) => Some(rule),
            Err(Refused::Disk(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn a_crafted_adapter_is_refused_by_rule() {
        assert_eq!(rule([0.5, 0.0], None), None);
        assert_eq!(rule([0.5, 0.3], Some(&[1.2, 0.0])), None, "B grows from zero");
        assert_eq!(rule([9000.0, 0.0], None), Some(PolicyRule::GlobalAdapterNorm));
        assert_eq!(rule([f32::NAN, 0.0], None), Some(PolicyRule::GlobalAdapterNorm));
        assert_eq!(rule([0.5, 40.0], Some(&[1.2, 0.5])), Some(PolicyRule::AdapterGrowthMax));
    }

    #[test]
    fn what_is_no_adapter_of_this_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter");
        std::fs::write(&path, [7; 100]).unwrap();
        let refused = examine(&path, &manifest(), &PolicyConfig::default(), None);
        assert!(matches!(refused, Err(Refused::Rule(..))), "{refused:?}");
    }
}
