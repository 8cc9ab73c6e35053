//! The rules of `[policy]` that look at a run's terms, one by one. Called by the gateway (a proposal, and
//! every round), by the worker before it trains, and by what explains a run to a person.
//!
//! Invariant: what is shown and what is enforced is one list; no rule is skipped because a number is not a
//! number; a list of operators that is not empty refuses what nobody but the coordinator signed.

use common::page::grouped;
use common::run::{Epochs, LocalWork, RunManifest, Train};

use super::launcher::Launcher;
use super::{Method, Operator, PolicyConfig, PolicyRule};

/// What a rule says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which rule.
    pub rule: PolicyRule,
    /// The key that holds this site's value; none of the bounds that hold for every run.
    pub key: &'static str,
    /// What is looked at, for people.
    pub what: &'static str,
    /// This site's value.
    pub allowed: String,
    /// The run's.
    pub asked: String,
    /// Whether the run is within it.
    pub holds: bool,
}

impl PolicyConfig {
    /// Whether this site takes part on these terms. Asked by the gateway when it has the manifest, and again
    /// by the worker before it trains: a policy that was changed meanwhile counts.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_terms(&self, manifest: &RunManifest) -> Result<(), PolicyRule> {
        match self.checks(manifest).into_iter().find(|check| !check.holds) {
            Some(check) => Err(check.rule),
            None => Ok(()),
        }
    }

    /// Every rule that looks at the terms of a run, in the order in which they refuse.
    #[must_use]
    pub fn checks(&self, manifest: &RunManifest) -> Vec<Check> {
        let bounds = manifest.validate();
        let is_bounded = bounds.is_ok();
        let asked = bounds.map_or_else(|error| error.to_string(), |()| "within them".to_owned());
        let mut checks = vec![Check {
            rule: PolicyRule::RunBounds,
            key: "",
            what: "bounds of any run",
            allowed: "as the coordinator's".to_owned(),
            asked,
            holds: is_bounded,
        }];
        checks.extend(self.checks_of_training(manifest));
        checks.extend(self.checks_of_extent(manifest));
        checks.extend(self.checks_of_manner(manifest));
        checks
    }

    /// Whether this site takes runs from whoever launched one.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_launcher(&self, launcher: Option<&Launcher>) -> Result<(), PolicyRule> {
        if self.check_of_launcher(launcher).holds { Ok(()) } else { Err(PolicyRule::Operators) }
    }

    /// The rule beside those of [`Self::checks`], for a person.
    #[must_use]
    pub fn check_of_launcher(&self, launcher: Option<&Launcher>) -> Check {
        Check {
            rule: PolicyRule::Operators,
            key: "operators",
            what: "who launched it",
            allowed: match self.operators.len() {
                0 => "anybody".to_owned(),
                _ => self.operators.iter().map(Operator::short).collect::<Vec<_>>().join(", "),
            },
            asked: launcher.map_or_else(|| "the coordinator alone".to_owned(), |it| it.name.to_string()),
            holds: self.operators.is_empty()
                || launcher.is_some_and(|launcher| self.operators.iter().any(|one| one.is(launcher))),
        }
    }

    /// How updates are combined, what protects them, and whether one may leave in a day at all.
    fn checks_of_manner(&self, manifest: &RunManifest) -> [Check; 5] {
        let asked: Vec<Method> = Method::of(&manifest.aggregation).collect();
        let words = |methods: &[Method]| methods.iter().map(|it| it.word()).collect::<Vec<_>>().join(", ");
        let methods = words(&self.methods);
        [
            Check {
                rule: PolicyRule::Methods,
                key: "methods",
                what: "how updates are combined",
                allowed: if methods.is_empty() { "any".to_owned() } else { methods },
                asked: words(&asked),
                holds: self.methods.is_empty() || asked.iter().all(|method| self.methods.contains(method)),
            },
            Check {
                rule: PolicyRule::PrivacyRequired,
                key: "privacy_required",
                what: "differential privacy",
                allowed: if self.privacy_required { "required" } else { "not required" }.to_owned(),
                // The terms of no run of this version have a place for it.
                asked: "none".to_owned(),
                holds: !self.privacy_required,
            },
            Check {
                rule: PolicyRule::BytesPerDayMax,
                key: "bytes_per_day_max",
                what: "bytes of an update, of a day's",
                allowed: format!("at most {}", grouped(self.bytes_per_day_max)),
                asked: grouped(manifest.update_bytes_most()),
                holds: self.has_room_today(0, manifest.update_bytes_most()),
            },
            Check {
                rule: PolicyRule::OwnScores,
                key: "own_scores",
                what: "scores on own held-out records",
                allowed: if self.own_scores { "said" } else { "not said" }.to_owned(),
                asked: if manifest.own_scores { "asked for" } else { "not asked for" }.to_owned(),
                // A site that does not say them trains all the same.
                holds: true,
            },
            self.check_of_alone(manifest),
        ]
    }

    /// An update that goes into no average is this site's alone.
    fn check_of_alone(&self, manifest: &RunManifest) -> Check {
        let is_alone = manifest.train == Train::Alone;
        Check {
            rule: PolicyRule::Alone,
            key: "alone",
            what: "who trains one model",
            allowed: if self.alone { "all together, or each alone" } else { "all together" }.to_owned(),
            asked: if is_alone { "each site alone" } else { "all together" }.to_owned(),
            holds: self.alone || !is_alone,
        }
    }

    fn checks_of_training(&self, manifest: &RunManifest) -> [Check; 4] {
        let training = &manifest.training;
        // `<=` is false for not-a-number.
        let most = |rule, key, what, pair: [f64; 2]| Check {
            rule,
            key,
            what,
            allowed: format!("at most {}", pair[1]),
            asked: pair[0].to_string(),
            holds: pair[0] <= pair[1],
        };
        [
            most(
                PolicyRule::LearningRateMax,
                "learning_rate_max",
                "learning rate",
                [training.learning_rate, self.learning_rate_max],
            ),
            most(
                PolicyRule::EpsilonMax,
                "epsilon_max",
                "epsilon of AdamW",
                [training.epsilon, self.epsilon_max],
            ),
            most(
                PolicyRule::GradientNormMax,
                "gradient_norm_max",
                "clipping of gradients",
                [training.max_gradient_norm, self.gradient_norm_max],
            ),
            self.check_of_passes(training.work()),
        ]
    }

    fn check_of_passes(&self, work: LocalWork) -> Check {
        let (asked, holds) = match work {
            LocalWork::Epochs(epochs) => (epochs.to_string(), epochs <= Epochs::whole(self.epochs_max)),
            // How many passes they are depends on the records, which only the worker sees: it asks again.
            LocalWork::Steps(steps) => (format!("{} steps; counted before training", grouped(steps)), true),
        };
        Check {
            rule: PolicyRule::EpochsMax,
            key: "epochs_max",
            what: "passes in a round",
            allowed: format!("at most {}", self.epochs_max),
            asked,
            holds,
        }
    }

    fn checks_of_extent(&self, manifest: &RunManifest) -> [Check; 7] {
        let most = |rule, key, what, pair: [u64; 2]| Check {
            rule,
            key,
            what,
            allowed: format!("at most {}", grouped(pair[1])),
            asked: grouped(pair[0]),
            holds: pair[0] <= pair[1],
        };
        // A roster of many with a quorum of one would publish the update of one.
        let needed = manifest.quorum.min(manifest.roster.members.len());
        [
            Check {
                rule: PolicyRule::SitesMin,
                key: "sites_min",
                what: "members whose updates a round needs",
                allowed: format!("at least {}", self.sites_min),
                asked: needed.to_string(),
                holds: needed >= self.sites_min as usize,
            },
            most(
                PolicyRule::RoundsMax,
                "rounds_max",
                "rounds",
                [manifest.rounds.into(), self.rounds_max.into()],
            ),
            most(
                PolicyRule::RankMax,
                "rank_max",
                "rank of the adapter",
                [manifest.adapter.rank as u64, self.rank_max.into()],
            ),
            most(
                PolicyRule::UpdateBytesMax,
                "update_bytes_max",
                "bytes of an update",
                [manifest.adapter_bytes, self.update_bytes_max],
            ),
            most(
                PolicyRule::RunBytesMax,
                "run_bytes_max",
                "bytes of all updates",
                [manifest.update_bytes(), self.run_bytes_max],
            ),
            Check {
                rule: PolicyRule::Bases,
                key: "bases",
                what: "base model",
                allowed: match self.bases.len() {
                    0 => "any".to_owned(),
                    count => format!("one of {count}"),
                },
                asked: manifest.base_fingerprint.short(),
                holds: self.bases.is_empty() || self.bases.contains(&manifest.base_fingerprint),
            },
            Check {
                rule: PolicyRule::Overlap,
                key: "overlap",
                what: "comparison with held-out",
                allowed: self.overlap.to_string(),
                asked: manifest.overlap.is_some().to_string(),
                holds: self.overlap || manifest.overlap.is_none(),
            },
        ]
    }
}
