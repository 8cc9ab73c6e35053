//! The terms of a run in words that a privacy officer can read, who knows nothing of us. Used by `runs`, by
//! what asks before a decision, and by `officer-key sign` on a machine without a site. Pure.
//!
//! Invariants: every number is the manifest's or this site's own; what is not kept secret is said.

use common::id::{Digest, SiteId};
use common::page::grouped;
use common::progress::cut;
use common::run::{
    AggregationMethod, Compute, LocalWork, RobustRule, RunManifest, Train, WeightFormat, Weighting,
};
use common::terminal::visible;

use super::alone;
use super::own_scores;
use super::page::Page;
use crate::gateway::progress::{ROUND_BITS, RUN_BITS};
use crate::limits::{SENT_BYTES_MIN, SENT_TIMES_MAX};
use crate::policy::launcher::Launcher;

/// Columns of a suite's name: a hash has 64.
const SUITE_COLUMNS: usize = 60;

/// What is described, and for whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Described<'a> {
    pub(in crate::cli) manifest: &'a RunManifest,
    /// Of the file of terms.
    pub(in crate::cli) digest: Digest,
    /// The operator who signed them, if one did.
    pub(in crate::cli) launcher: Option<&'a Launcher>,
    /// Whether the consortium's authority was asked about that operator, which only a site's agent does.
    pub(in crate::cli) is_vouched_for: bool,
    pub(in crate::cli) site: &'a SiteId,
    /// This site's `update_mantissa_bits`.
    pub(in crate::cli) mantissa_bits: u32,
    /// Whether this site's policy lets records be compared.
    pub(in crate::cli) may_compare: bool,
    /// Whether it lets scores on own held-out records leave.
    pub(in crate::cli) may_score: bool,
}

/// Writes the terms down.
pub(in crate::cli) fn describe(page: &mut Page, described: &Described<'_>) {
    let Described { manifest, digest, .. } = *described;
    page.heading(&format!("Run {}, \"{}\"", manifest.run, visible(&manifest.name)));
    page.row("terms", &digest.to_string());
    page.row("", "the SHA-256 of the file of terms; the coordinator's signature under it holds");
    launched(page, described.launcher, described.is_vouched_for);
    training(page, manifest);
    duration(page, manifest);
    leaving(page, described);
    privacy(page, described);
    members(page, described);
    measured(page, manifest);
}

fn launched(page: &mut Page, launcher: Option<&Launcher>, is_vouched_for: bool) {
    match launcher {
        Some(Launcher { name, key }) => {
            let who = if is_vouched_for {
                format!("{name}, operator, whose signature under it holds too")
            } else {
                format!("names itself {name} (compare the key); its signature under it holds")
            };
            page.row("launched by", &who);
            page.row("by the key", &key.to_string());
        }
        None => page.row("launched by", "somebody on the coordinator's machine: nobody signed but it"),
    }
}

fn training(page: &mut Page, manifest: &RunManifest) {
    page.heading("What is trained");
    page.row("base model", &manifest.base_fingerprint.to_string());
    page.row("", "its fingerprint (SHA-256); every member has this model already, and it stays as it is");
    let adapter = &manifest.adapter;
    let names = visible(&adapter.target_modules.names().join(", "));
    let numbers = parameters(manifest);
    page.row(
        "adapter",
        &format!(
            "{} numbers beside the model: rank {}, alpha {}, on {names}",
            grouped(numbers),
            adapter.rank,
            adapter.alpha
        ),
    );
    let held = match manifest.base.weights {
        WeightFormat::Nf4 => "in 4 bits (NF4)",
        WeightFormat::F32 => "in 32 bits",
    };
    let compute = match manifest.base.compute {
        Compute::Bf16 => "bfloat16",
        Compute::F32 => "32 bits",
    };
    page.row(
        "computed",
        &format!("here, on this site's records; the model held {held}, products in {compute}"),
    );
}

fn duration(page: &mut Page, manifest: &RunManifest) {
    let training = &manifest.training;
    page.heading("For how long");
    page.row("rounds", &grouped(manifest.rounds.into()));
    page.row(
        "a round",
        &format!(
            "{}, {} records a step ({} x {})",
            work(training.work()),
            grouped((training.batch_size as u64).saturating_mul(training.gradient_accumulation as u64)),
            grouped(training.gradient_accumulation as u64),
            grouped(training.batch_size as u64),
        ),
    );
    page.row(
        "learning",
        &format!(
            "rate {} at its highest, gradients clipped to {}, records cut after {} tokens",
            training.learning_rate,
            training.max_gradient_norm,
            grouped(training.cutoff_tokens as u64)
        ),
    );
    if training.proximal_mu > 0.0 {
        let pull = "the adapter of this site is pulled back to the one that the round began with (FedProx)";
        page.row("", &format!("{pull}, strength {}", training.proximal_mu));
    }
}

/// What is trained in a round, of the site's records.
fn work(work: LocalWork) -> String {
    const GOES_ON: &str = "each round goes on in their order where the last one ended";
    match work {
        LocalWork::Steps(steps) => {
            format!("{} over this site's records; {GOES_ON}", counted(steps, "step", "steps"))
        }
        LocalWork::Epochs(epochs) => match epochs.as_whole() {
            Some(passes) => format!("{} over this site's records", counted(passes, "pass", "passes")),
            None => format!("{epochs} of a pass over this site's records; {GOES_ON}"),
        },
    }
}

fn leaving(page: &mut Page, described: &Described<'_>) {
    let Described { manifest, may_compare, .. } = *described;
    page.heading("What may leave this site");
    let is_half = manifest.aggregation.method.trains_halves();
    let most = manifest.update_bytes_most();
    page.row(
        "updates",
        &format!(
            "one {} a round{}, {} bytes{}; {}{} bytes in all",
            if is_half { "half of an adapter" } else { "adapter" },
            if manifest.participation.is_some() { " that it trains" } else { "" },
            grouped(most),
            if is_half { " at most" } else { " each" },
            if manifest.participation.is_some() { "at most " } else { "" },
            grouped(manifest.update_bytes())
        ),
    );
    page.row(
        "",
        &format!(
            "a line that breaks has parts of the same bytes sent again, at most {} bytes a round in one day",
            grouped(SENT_TIMES_MAX.saturating_mul(most).max(SENT_BYTES_MIN))
        ),
    );
    page.row(
        "beside them",
        &format!(
            "rounded counts, progress and codes: {ROUND_BITS} bits a round and {RUN_BITS} a run (see PRIVACY.md); no text"
        ),
    );
    let points = match (manifest.overlap, may_compare) {
        (None, _) => "none: this run does not compare records with the held-out ones".to_owned(),
        (Some(_), false) => {
            "this run asks for them, and this site's policy does not allow it: it sits the run out".to_owned()
        }
        (Some(terms), true) => format!(
            "blinded hashes, once: at most 17 for each record, rounded up to a power of two, 32 bytes each, to \
             find records that equal a held-out one (list of {} bytes); no text can be computed from them",
            grouped(terms.set_bytes)
        ),
    };
    page.row("points", &points);
    if manifest.own_scores {
        page.row("scores", &own_scores::words(described.may_score));
    }
}

fn privacy(page: &mut Page, described: &Described<'_>) {
    let Described { manifest, mantissa_bits, .. } = *described;
    page.heading("What privacy applies");
    page.row("records", "stay at this site; the process that reads them has no network");
    let is_alone = manifest.train == Train::Alone;
    let together = "sees each update of this site as it is, before it is combined with the others: updates are encrypted on \
         the way, not from the coordinator";
    page.row("coordinator", if is_alone { alone::COORDINATOR } else { together });
    page.row(
        "noise",
        "none is added (no differential privacy): an update can reveal something of the records it was trained on",
    );
    page.row(
        "rounding",
        &format!("this site keeps {mantissa_bits} of 23 bits after the leading one of each number, and rounds the rest away"),
    );
    if is_alone {
        page.row("alone", alone::MORE);
        page.row("result", alone::RESULT);
    } else {
        combined(page, manifest);
    }
}

/// What the run's result is, and what becomes of an update in it.
fn combined(page: &mut Page, manifest: &RunManifest) {
    let trained = match manifest.aggregation.method {
        AggregationMethod::FedAvg => None,
        AggregationMethod::Ffa => {
            Some("each round trains one half of the adapter, B, and sends that alone (FFA-LoRA)")
        }
        AggregationMethod::RoLora => {
            Some("rounds train the halves B and A of the adapter in turn, and send that half alone (RoLoRA)")
        }
    };
    let weight = match manifest.aggregation.weighting {
        Weighting::Records => "in proportion to its records",
        Weighting::SqrtRecords => "in proportion to the square root of its records",
        Weighting::Uniform => "alike",
        Weighting::Capped => "in proportion to its records, and none above a share that is capped",
    };
    let combined = match manifest.aggregation.robust_rule() {
        None => format!("the mean of all updates, each weighed {weight}"),
        Some(RobustRule::Clip) => {
            format!("the mean of all changes, each weighed {weight} and cut to the median of their sizes")
        }
        Some(rule) => format!("of all updates, number by number, the {rule}"),
    };
    if let Some(trained) = trained {
        page.row("trained", trained);
    }
    page.row("result", &format!("{combined}; every member gets it after each round that is adopted"));
    if let Some(rule) = manifest.aggregation.server_rule() {
        let words =
            format!("the coordinator goes on from the mean by what it keeps of earlier rounds ({rule})");
        page.row("", &words);
    }
}

fn members(page: &mut Page, described: &Described<'_>) {
    let Described { manifest, site, .. } = *described;
    page.heading("Who takes part");
    let names: Vec<String> = manifest
        .members()
        .map(|member| {
            let is_own = if &member.name == site { " (this site)" } else { "" };
            format!("{}{is_own}", member.name)
        })
        .collect();
    page.row("members", &format!("{}: {}", names.len(), names.join(", ")));
    page.row("quorum", &format!("a round needs the updates of {}", manifest.quorum));
    if let Some(of) = manifest.participation {
        let words = format!(
            "{} of the {} train each round, in turns that the coordinator draws by lot; the others rest",
            of.sites_per_round,
            names.len()
        );
        page.row("turns", &words);
    }
    code(page, manifest);
}

/// The code, and what to do with it.
pub(in crate::cli) fn code(page: &mut Page, manifest: &RunManifest) {
    page.row("code", &manifest.roster.code());
    page.row(
        "",
        "Read this code to the other members by telephone, at numbers that you know. Whoever reads the same digits \
         has the same members with the same keys in front of them; whoever does not: approve nothing.",
    );
}

fn measured(page: &mut Page, manifest: &RunManifest) {
    page.heading("What the result is measured on");
    let hash =
        |digest: Option<Digest>| digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
    page.row("validation", &hash(manifest.held_out.validation));
    page.row("test", &hash(manifest.held_out.test));
    page.row("", "the SHA-256 of files that the coordinator holds");
    if manifest.suites.is_empty() {
        return;
    }
    let names: Vec<String> = manifest.suites.iter().map(|suite| suite_name(&suite.name)).collect();
    let count = counted(names.len() as u64, "suite", "suites");
    page.row("suites", &format!("the model is measured on {count} of questions: {}", names.join(", ")));
    for (name, suite) in names.iter().zip(&manifest.suites) {
        page.row("suite", name);
        page.row("file", &suite.file.to_string());
        page.row("records", &suite.records.to_string());
    }
    page.row("", "these stay at the coordinator, too; they are not compared with this site's records");
}

/// As wide as a hash at most, without what a terminal would obey.
fn suite_name(name: &str) -> String {
    cut(&visible(name), SUITE_COLUMNS)
}

/// Numbers in the adapter.
pub(in crate::cli) fn parameters(manifest: &RunManifest) -> u64 {
    let elements = |shape: [usize; 2]| (shape[0] as u64).saturating_mul(shape[1] as u64);
    manifest.tensors.iter().fold(0, |sum, tensor| sum.saturating_add(elements(tensor.shape)))
}

/// `1 pass`, `2 passes`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
pub(super) mod tests {
    use common::id::{Point, RunId};
    use common::progress::COLUMNS;
    use common::run::{
        AdapterSettings, AggregationSettings, BaseSettings, HeldOutHashes, Member, OverlapTerms,
        ParticipationSettings, Roster, SuiteTerms, TensorSpec, TrainingSettings,
    };
    use common::wire::message::PROTOCOL_VERSION;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    /// A run of two hospitals.
    pub(in crate::cli::consent) fn manifest() -> RunManifest {
        let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
        let member = |name: &str, key| Member { name: name.parse().unwrap(), key: Digest([key; 32]) };
        RunManifest {
            protocol: PROTOCOL_VERSION,
            run: RunId([1; 8]),
            name: "exam questions".into(),
            rounds: 3,
            base_fingerprint: Digest([0xba; 32]),
            adapter: AdapterSettings { rank: 2, ..AdapterSettings::default() },
            tensors: vec![tensor("m.lora_A.weight", [2, 1000]), tensor("m.lora_B.weight", [4000, 2])],
            adapter_bytes: (2 * 1000 + 4000 * 2) * 4 + 100,
            training: TrainingSettings::default(),
            base: BaseSettings::default(),
            aggregation: AggregationSettings::default(),
            quorum: 2,
            roster: Roster { members: vec![member("cardiology", 1), member("neurology", 2)] },
            held_out: HeldOutHashes { validation: None, test: Some(Digest([0x7e; 32])) },
            overlap: None,
            suites: Vec::new(),
            own_scores: false,
            train: Default::default(),
            participation: None,
        }
    }

    /// Without line breaks, so that sentences can be looked for.
    fn said(manifest: &RunManifest, may_compare: bool) -> String {
        let mut page = Page::default();
        let site = "cardiology".parse().unwrap();
        let digest = Digest([0xdd; 32]);
        describe(
            &mut page,
            &Described {
                manifest,
                digest,
                launcher: None,
                is_vouched_for: true,
                site: &site,
                mantissa_bits: 12,
                may_compare,
                may_score: may_compare,
            },
        );
        let text = page.finish();
        assert!(text.lines().all(|line| line.width() <= COLUMNS), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_officer_reads_what_for_how_long_how_much_and_with_whom() {
        let manifest = manifest();
        let text = said(&manifest, true);
        for expected in [
            "Run 0101010101010101, \"exam questions\"",
            &"dd".repeat(32),
            &"ba".repeat(32),
            "10,000 numbers beside the model: rank 2, alpha 32, on q_proj, k_proj",
            "1 pass over this site's records, 8 records a step",
            "rate 0.0002 at its highest",
            "one adapter a round, 40,100 bytes each; 120,300 bytes in all",
            "points none",
            "sees each update of this site as it is",
            "no differential privacy",
            "keeps 12 of 23 bits",
            "2: cardiology (this site), neurology",
            "a round needs the updates of 2",
            &manifest.roster.code(),
            "by telephone",
            "validation nothing",
            &"7e".repeat(32),
        ] {
            assert!(text.contains(expected), "{expected} is not in: {text}");
        }
    }

    #[test]
    fn a_fraction_steps_and_the_servers_optimiser_are_said() {
        let with = |training: &str, aggregation: &str| {
            let training = serde_json::from_str(training).unwrap();
            let aggregation = serde_json::from_str(aggregation).unwrap();
            said(&RunManifest { training, aggregation, ..manifest() }, true)
        };
        let text = with(r#"{"epochs": 0.25}"#, r#"{"server_optimizer": "momentum"}"#);
        let goes_on = "each round goes on in their order where the last one ended, 8 records a step";
        assert!(text.contains(&format!("0.25 of a pass over this site's records; {goes_on}")), "{text}");
        assert!(text.contains("keeps of earlier rounds (momentum 0.5, rate 1)"), "{text}");
        let text = with(r#"{"steps": 20}"#, "{}");
        assert!(text.contains(&format!("20 steps over this site's records; {goes_on}")), "{text}");
        assert!(!text.contains("earlier rounds"), "{text}");
    }

    #[test]
    fn sites_that_take_turns_are_said_where_they_do() {
        assert!(!said(&manifest(), true).contains("turns"));
        let participation = Some(ParticipationSettings { sites_per_round: 2 });
        let text = said(&RunManifest { participation, ..manifest() }, true);
        assert!(text.contains("2 of the 2 train each round, in turns"), "{text}");
        assert!(text.contains("a round that it trains, 40,100 bytes each; at most 120,300 bytes"), "{text}");
    }

    #[test]
    fn a_run_of_each_site_alone_says_that_nothing_is_averaged() {
        let text = said(&RunManifest { train: Train::Alone, rounds: 1, ..manifest() }, true);
        for expected in ["nothing is averaged", "only with alone = true", "says more of them", "no other one"]
        {
            assert!(text.contains(expected), "{expected} is not in: {text}");
        }
        assert!(!text.contains("the mean of all updates"), "{text}");
    }

    #[test]
    fn points_are_named_only_where_they_would_leave() {
        let terms = OverlapTerms { public_key: Point([1; 32]), set: Digest([1; 32]), set_bytes: 4096 };
        let manifest = RunManifest { overlap: Some(terms), ..manifest() };
        assert!(
            said(&manifest, true).contains("blinded hashes, once") && said(&manifest, true).contains("4,096")
        );
        assert!(said(&manifest, false).contains("it sits the run out"));
    }

    #[test]
    fn suites_are_named_with_their_hashes_and_a_name_stays_in_its_line() {
        assert!(!said(&manifest(), true).contains("suites"));
        let suite = |name: &str, byte: u8| SuiteTerms {
            name: name.to_owned(),
            file: Digest([byte; 32]),
            records: Digest([byte + 1; 32]),
        };
        let suites = vec![suite("emergency", 0x11), suite(&"\u{202e}科".repeat(24), 0x21)];
        let manifest = RunManifest { suites, ..manifest() };
        let text = said(&manifest, true);
        assert!(text.contains("the model is measured on 2 suites of questions: emergency, "), "{text}");
        for byte in [0x11, 0x12, 0x21, 0x22] {
            assert!(text.contains(&Digest([byte; 32]).to_string()), "{byte}: {text}");
        }
        assert!(!text.contains('\u{202e}'), "{text}");
    }

    #[test]
    fn a_name_cannot_write_on_the_terminal_and_a_large_run_fits() {
        let mut manifest = manifest();
        manifest.name = "x\u{202e}\u{1b}[2J".into();
        manifest.rounds = 10_000;
        manifest.adapter_bytes = u64::MAX / 20_000;
        let members = (0..100).map(|index| Member {
            name: format!("a-very-long-name-of-hospital-{index:03}").parse().unwrap(),
            key: Digest([index; 32]),
        });
        manifest.roster = Roster { members: members.collect() };
        let text = said(&manifest, true);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && text.contains("\\u{1b}"), "{text}");
        assert!(text.contains("100: a-very-long-name-of-hospital-000"), "{text}");
    }
}
