//! `train` of a run file: whether its sites train one model together, or each one of its own as a baseline.
//! Used by `run` and its manifest; the coordinator goes by it, a site's policy allows it or not. Invariants:
//! a run in which sites train alone averages nothing, so a setting that is about averages is refused and not
//! ignored; a run in which they train together has the bytes that it always had.

use serde::{Deserialize, Serialize};

use super::aggregation::{AggregationSettings, Weighting};
use super::error::{RunError, bound};
use super::robust::Robust;
use super::settings::SitesSettings;
use super::training::TrainingSettings;
use crate::id::SiteId;

/// Who trains what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Train {
    /// One model: updates are averaged round by round.
    #[default]
    Together,
    /// Each site its own, from the run's first adapter and on its own records: a baseline. The coordinator
    /// measures each one; nothing is averaged, and nothing is published.
    Alone,
}

impl Train {
    /// Whether it need not be written.
    pub(super) fn is_together(&self) -> bool {
        *self == Self::Together
    }
}

/// What run file and manifest have in common.
pub(super) fn validate(
    train: Train,
    rounds: u32,
    training: &TrainingSettings,
    aggregation: &AggregationSettings,
    own_scores: bool,
) -> Result<(), RunError> {
    if train == Train::Together {
        return Ok(());
    }
    bound(
        rounds == 1,
        "rounds",
        rounds,
        "1 with train = \"alone\": each site trains once, and nothing is averaged",
    )?;
    let (mu, key) = (training.proximal_mu, "training.proximal_mu");
    bound(mu == 0.0, key, mu, "0 with train = \"alone\": there is no shared model to stay near")?;
    let (method, key) = (aggregation.method, "aggregation.method");
    let is_unsaid = !method.trains_halves();
    bound(is_unsaid, key, method.word(), "left out with train = \"alone\": nothing is combined")?;
    let (robust, key) = (aggregation.robust, "aggregation.robust");
    bound(
        robust == Robust::None,
        key,
        robust.word(),
        "\"none\" with train = \"alone\": nothing is combined",
    )?;
    let is_mean = aggregation.server_rule().is_none();
    let expected = "left out with train = \"alone\": there is no mean to go on from";
    bound(is_mean, "aggregation.server_optimizer", "given", expected)?;
    let (weighting, key) = (aggregation.weighting, "aggregation.weighting");
    let is_unsaid = weighting == Weighting::Capped;
    bound(is_unsaid, key, weighting.word(), "left out with train = \"alone\": nothing is weighed")?;
    let expected = "false with train = \"alone\": there is no result that all sites could score";
    bound(!own_scores, "evaluation.sites.score", own_scores, expected)
}

/// What only a run file says of it; `is_measured`: whether it names a held-out file.
pub(super) fn validate_file(
    train: Train,
    compare_with: Option<&str>,
    is_measured: bool,
) -> Result<(), RunError> {
    let is_alone = train == Train::Alone;
    let (run, expected) = (compare_with.unwrap_or_default(), "left out unless train = \"alone\"");
    bound(is_alone || compare_with.is_none(), "compare_with", run, expected)?;
    let expected =
        "\"together\" without a validation or test file: what each site trained alone is only measured";
    bound(!is_alone || is_measured, "train", "\"alone\"", expected)
}

/// The site that has the records of all others is one of the run's.
pub(super) fn validate_pooled(
    train: Train,
    pooled: Option<&SiteId>,
    sites: Option<&SitesSettings>,
) -> Result<(), RunError> {
    let Some(pooled) = pooled else { return Ok(()) };
    bound(train == Train::Alone, "pooled", pooled, "left out unless train = \"alone\"")?;
    let is_named = sites.is_none_or(|sites| sites.names.contains(pooled));
    bound(is_named, "pooled", pooled, "one of sites.names")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::RunSpec;
    use super::*;

    fn read(changes: serde_json::Value) -> Result<RunSpec, String> {
        let mut text = serde_json::json!({
            "name": "t", "rounds": 1, "validation": "v", "quorum": {"sites": 3, "deadline_s": 60}, "training": {},
        });
        let fields = changes.as_object().unwrap().clone();
        text.as_object_mut().unwrap().extend(fields);
        let spec: RunSpec = serde_json::from_value(text).map_err(|error| error.to_string())?;
        spec.validate().map_err(|error| error.to_string())?;
        Ok(spec)
    }

    #[test]
    fn a_run_of_each_site_alone_is_read_and_one_together_is_written_as_before() {
        let alone = read(json!({"train": "alone", "compare_with": "5f0c"})).unwrap();
        assert_eq!((alone.train, alone.compare_with.as_deref()), (Train::Alone, Some("5f0c")));
        let together = read(json!({"rounds": 3})).unwrap();
        assert_eq!(together.train, Train::Together);
        let text = serde_json::to_string(&together).unwrap();
        assert!(!text.contains("\"train\"") && !text.contains("compare_with"), "{text}");
        assert_eq!(read(json!({"rounds": 3, "train": "together"})), Ok(together));
        assert!(read(json!({"train": "apart"})).is_err());
    }

    #[test]
    fn the_pool_is_a_site_of_a_run_of_each_alone() {
        let read = |changes| read(changes).map(|spec| spec.pooled.map(|site| site.to_string()));
        let sites = json!({"names": ["a", "b", "c", "pool"]});
        let pool = read(json!({"train": "alone", "pooled": "pool", "sites": sites}));
        assert_eq!(pool, Ok(Some("pool".to_owned())));
        assert_eq!(read(json!({"train": "alone", "pooled": "pool"})), Ok(Some("pool".to_owned())));
        let together = read(json!({"pooled": "pool"})).unwrap_err();
        assert!(together.contains("`pooled`") && together.contains("train = \"alone\""), "{together}");
        let other = read(json!({"train": "alone", "pooled": "d", "sites": sites})).unwrap_err();
        assert!(other.contains("one of sites.names"), "{other}");
        assert!(read(json!({"train": "alone", "pooled": "no name"})).is_err());
    }

    #[test]
    fn what_is_about_averages_is_refused_by_name_where_each_site_trains_alone() {
        for (changes, key) in [
            (json!({"rounds": 2}), "`rounds`"),
            (json!({"training": {"proximal_mu": 0.1}}), "training.proximal_mu"),
            (json!({"aggregation": {"robust": "clip"}}), "aggregation.robust"),
            (json!({"aggregation": {"server_optimizer": "adam"}}), "aggregation.server_optimizer"),
            (json!({"aggregation": {"weighting": "uniform"}}), "aggregation.weighting"),
            (
                json!({"training": {"validation_share": 0.1}, "evaluation": {"sites": {"score": true}}}),
                "evaluation.sites.score",
            ),
            (json!({"evaluation": {"loss_increase_max": 1.0}}), "evaluation.loss_increase_max"),
            (json!({"evaluation": {"suites": ["a.toml"]}}), "evaluation.suites"),
            (json!({"evaluation": {"forgetting": true}}), "evaluation.forgetting"),
            (json!({"evaluation": {"sample_questions": 5}}), "evaluation.sample_questions"),
            (json!({"validation": null}), "validation or test file"),
        ] {
            let together = read(changes.clone());
            let mut changes = changes;
            changes["train"] = "alone".into();
            let message = read(changes).unwrap_err();
            assert!(message.contains(key) && message.contains("alone"), "{message}");
            assert!(together.is_ok(), "{key}: it is refused for that alone: {together:?}");
        }
        assert!(read(json!({"compare_with": "5f0c"})).unwrap_err().contains("compare_with"));
        assert!(read(json!({"train": "alone", "evaluation": {"sample_questions": 0}})).is_ok());
        assert!(read(json!({"train": "alone", "validation": null, "test": "t"})).is_ok());
    }
}
