//! `[policy]` as text: with its meaning beside each key, as `join` writes it, and canonical, as the privacy
//! officer signs it. Used by `config`, by `policy` and by the subcommands that sign and show a policy.
//!
//! Invariant: of one policy there is one canonical text.

use super::{Approval, PolicyConfig};

impl PolicyConfig {
    /// JSON with the keys in their order: its SHA-256 is the policy's digest.
    #[must_use]
    pub fn canonical(&self) -> String {
        // Numbers, words and lists: it can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::canonical`] wrote: this text and no other one of the same policy.
    #[must_use]
    pub fn from_canonical(text: &str) -> Option<Self> {
        let policy: Self = serde_json::from_str(text).ok()?;
        (policy.validate().is_ok() && policy.canonical() == text).then_some(policy)
    }

    /// The section as `join` writes it.
    pub(crate) fn to_commented_toml(&self) -> String {
        format!(
            "[policy]\n\
             # Who agrees to a run: \"ask\", the privacy officer for each one, or \"auto\", this policy, where the officer\n\
             # has signed it (site-agent policy sign).\n\
             approval = \"{}\"\n\
             # What a run may be, at most: rounds, the adapter's rank, bytes of updates in all. Fewest members whose\n\
             # updates a round needs (its quorum): the fewer are averaged, the more the result says of each.\n\
             sites_min = {}\n\
             rounds_max = {}\n\
             rank_max = {}\n\
             run_bytes_max = {}\n\
             # Fingerprints of the base models that may be trained for, as `site-agent runs RUN` prints them; [] is any.\n\
             bases = [{}]\n\
             # Largest L2 norm of an update that may leave, and of the global adapter that is trained on.\n\
             update_norm_max = {:?}\n\
             # Largest size of an update that may leave, in bytes.\n\
             update_bytes_max = {}\n\
             # Mantissa bits of an update's values that leave (1 to 23); the others are rounded away.\n\
             update_mantissa_bits = {}\n\
             # Whether records may be compared with the consortium's held-out set (blinded hashes leave, no text).\n\
             overlap = {}\n\
             # What an update is made of, at least: records; records and tokens in one step; steps. Few of them say\n\
             # much of each record. A small site may lower them itself, and should know why they are here.\n\
             records_min = {}\n\
             step_records_min = {}\n\
             step_tokens_min = {}\n\
             steps_min = {}\n\
             # How far the records of an update may fall below those of the last one, as a share.\n\
             records_drop_max = {:?}\n\
             # What a run may ask of training, at most.\n\
             learning_rate_max = {:?}\n\
             epsilon_max = {:?}\n\
             gradient_norm_max = {:?}\n\
             epochs_max = {}\n\
             # Updates in 24 hours, at most.\n\
             updates_per_day_max = {}\n\
             # How much larger a tensor of the global adapter may be than in the last one taken.\n\
             adapter_growth_max = {:?}\n{}",
            match self.approval {
                Approval::Ask => "ask",
                Approval::Auto => "auto",
            },
            self.sites_min,
            self.rounds_max,
            self.rank_max,
            self.run_bytes_max,
            self.bases.iter().map(|base| format!("\"{base}\"")).collect::<Vec<_>>().join(", "),
            self.update_norm_max,
            self.update_bytes_max,
            self.update_mantissa_bits,
            self.overlap,
            self.records_min,
            self.step_records_min,
            self.step_tokens_min,
            self.steps_min,
            self.records_drop_max,
            self.learning_rate_max,
            self.epsilon_max,
            self.gradient_norm_max,
            self.epochs_max,
            self.updates_per_day_max,
            self.adapter_growth_max,
            self.manner_to_toml(),
        )
    }

    /// How a run combines and protects updates, how much leaves in a day, and when this site trains.
    fn manner_to_toml(&self) -> String {
        format!(
            "# Ways of combining updates that a run may have: \"fedavg\" (the mean), \"fedavgm\", \"fedadam\", \"fedyogi\",\n\
             # \"fedadagrad\" (the mean, then the server's optimiser); [] is any.\n\
             methods = [{}]\n\
             # Bytes of updates that leave in 24 hours, at most, over all runs.\n\
             bytes_per_day_max = {}\n\
             # Hours of the day in which this site trains, such as \"20:00-06:00 +08:00\" (from, until, how far the clock on\n\
             # the wall is ahead of UTC); outside them it waits. \"\" is any time.\n\
             hours = \"{}\"\n\
             # Whether a run must have differential privacy. No run of this version has: with true none is taken.\n\
             privacy_required = {}\n\
             # Operators whose runs are taken, by name (\"anna\") or by the key that `site-agent runs RUN` prints; [] is any\n\
             # run, also one that was launched on the coordinator's own machine, where nobody but it signs.\n\
             operators = [{}]\n\
             # Whether this site says, once in a run that asks, how base model and result do on the records that it held\n\
             # back: a rounded count, two mean losses, an interval. A site that does not still trains the run.\n\
             own_scores = {}\n\
             # Whether this site takes part in runs in which each site trains alone, to see what training together is\n\
             # worth: its update is of its own records only and goes into no average. A site that does not sits it out.\n\
             alone = {}\n",
            self.methods.iter().map(|method| format!("\"{}\"", method.word())).collect::<Vec<_>>().join(", "),
            self.bytes_per_day_max,
            self.hours,
            self.privacy_required,
            self.operators.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", "),
            self.own_scores,
            self.alone,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Method;

    #[test]
    fn a_policy_has_one_canonical_text_and_every_key_is_in_it() {
        let policy = PolicyConfig { bases: vec![common::id::Digest([1; 32])], ..PolicyConfig::default() };
        let text = policy.canonical();
        assert_eq!(PolicyConfig::from_canonical(&text), Some(policy.clone()));
        for other in [
            String::new(),
            format!("{text} "),
            text.replacen("\"overlap\":true,", "", 1),
            text.replacen("\"overlap\":true", "\"overlap\": true", 1),
            text.replacen("{", "{\"more\":1,", 1),
            text.replacen("\"sites_min\":2", "\"sites_min\":0", 1),
        ] {
            assert_eq!(PolicyConfig::from_canonical(&other), None, "{other}");
        }
        let stricter = PolicyConfig { sites_min: 3, ..policy.clone() };
        assert_ne!(stricter.digest(), policy.digest(), "a signature holds for one policy");
    }

    #[test]
    fn what_join_writes_is_read_back() {
        let policy = PolicyConfig {
            bases: vec![common::id::Digest([1; 32]), common::id::Digest([2; 32])],
            rounds_max: 7,
            approval: Approval::Auto,
            methods: Method::ALL.to_vec(),
            hours: "20:00-06:00 +08:00".parse().unwrap(),
            privacy_required: true,
            own_scores: true,
            alone: true,
            operators: vec!["anna".parse().unwrap(), "ab".repeat(32).parse().unwrap()],
            ..PolicyConfig::default()
        };
        let text = policy.to_commented_toml();
        let mut table: toml::Table = text.parse().unwrap();
        let section = table.remove("policy").unwrap();
        assert_eq!(section.try_into::<PolicyConfig>().unwrap(), policy);
        assert!(text.lines().all(|line| line.len() <= 120 || line.starts_with("bases")), "{text}");
    }
}
