//! The README.md of an export: front matter as Hugging Face reads it, what was measured on how many records,
//! and how to load it. Called by `export`, behind its locks. Invariants: it is a function of the run's
//! journal, the name, the licence and what was measured of the files, so that two exports that measure alike
//! on one processor are alike to the byte; it names no site, and nothing of this machine but the base
//! folder's last part.

mod quality;
mod rounding;
mod usage;

use std::fmt::Write as _;
use std::path::Path;

use common::run::LocalWork;
use model::bounded;

use self::usage::quoted;
use super::format::Format;
use super::quality::Quality;
use crate::admin::report::rfc3339;
use crate::error::{Error, Result};
use crate::limits::{BASE_NAME_BYTES_MAX, CARD_BYTES_MAX};
use crate::report::{format, interval};
use crate::round::state::{Metrics, RoundRecord, RunState, Score};

pub(super) use self::rounding::Rounded;

/// What an export says of its measurements; a release, whose answers people judged, says otherwise.
pub(super) const NOT_JUDGED: &str = "No answer was judged by a person, and this is no clinical validation.";
/// What an export says where nobody named the base model.
pub(super) const FOLDER_NAME: &str = "`base_model` above is the name of a folder; export with `--base-name` to \
                                      give the model's own name.\n\n";

/// A held-out set's name, and what the base model and the adapter reach on it.
type Measured<'a> = (&'a str, Option<Metrics>, Option<Metrics>);

/// Refuses a name that would break the files it stands in.
///
/// # Errors
/// It is empty, too long or has control characters.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_fine =
        !name.trim().is_empty() && name.len() <= BASE_NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if is_fine {
        return Ok(());
    }
    Err(Error::Argument {
        message: "--base-name is empty, too long or has control characters".into(),
        hint: "give the name as users load it, such as Qwen/Qwen2.5-0.5B-Instruct".into(),
    })
}

/// The licence that the base model's own card gives, if it has one that is a plain identifier.
pub(super) fn licence_of(base: &Path) -> Option<String> {
    let bytes = bounded::read(&base.join("README.md"), CARD_BYTES_MAX).ok()?;
    licence_in(&String::from_utf8_lossy(&bytes))
}

fn licence_in(card: &str) -> Option<String> {
    let mut lines = card.lines();
    if lines.next()?.trim() != "---" {
        return None;
    }
    let front = lines.take_while(|line| line.trim() != "---");
    let mut licences = front.filter_map(|line| line.strip_prefix("license:"));
    let licence = licences.next()?.trim().trim_matches(['"', '\'']);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+');
    let is_plain = (1..=64).contains(&licence.len()) && licence.bytes().all(plain);
    is_plain.then(|| licence.to_owned())
}

/// What a card names beside the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// What lies beside it.
    pub(super) format: Format,
    /// The base model's folder at the coordinator.
    pub(super) base_folder: &'a Path,
    /// The base model's own name, where it was given.
    pub(super) base_name: Option<&'a str>,
    /// The base model's licence, where it is known.
    pub(super) licence: Option<&'a str>,
    /// What was rounded in writing it, where that was measured.
    pub(super) rounded: Option<Rounded>,
    /// What the files lost, or why that is not known, where weights were rounded.
    pub(super) quality: Option<&'a Quality>,
}

/// The whole file.
pub(super) fn render(state: &RunState, subject: Subject<'_>) -> String {
    let Subject { format, base_folder, base_name, licence, rounded, quality } = subject;
    let base = base_name.map_or_else(|| name_of(base_folder), str::to_owned);
    let measured = |score: &Option<Score>| score.as_ref().and_then(Score::metrics).copied();
    let validation = newest(state).and_then(|record| measured(&record.score));
    let sets = [
        ("test", measured(&state.test.base), measured(&state.test.federated)),
        ("validation", measured(&state.base), validation),
    ];
    let mut card = front_matter(state, format, &base, licence, &sets);
    about(&mut card, state, subject, &base);
    if base_name.is_none() {
        card.push_str(FOLDER_NAME);
    }
    facts(&mut card, state);
    measurements(&mut card, &sets);
    let is_measured = sets.iter().any(|(_, _, adapted)| adapted.is_some());
    if is_measured && format.rounds() {
        let weights = word(&state.launched.spec.base.weights);
        let to = rounded.map_or("bf16", |rounded| rounded.to);
        let _ = write!(
            card,
            "Measured with the adapter beside the base model in {weights}; these files are the sum of both in {to}, \
             which rounds a little otherwise.\n\n"
        );
    }
    if let Some(quality) = quality {
        quality::write(&mut card, quality);
    }
    if let Some(rounded) = rounded {
        rounding::write(&mut card, format, &rounded);
    }
    match format {
        Format::Peft => usage::of_adapter(&mut card, state, &base),
        Format::Merged => usage::of_merged(&mut card),
        Format::Nf4 => usage::of_model(&mut card, ", with bitsandbytes and accelerate installed"),
        Format::Gguf => usage::of_gguf(&mut card, rounded.is_some_and(|rounded| rounded.is_normalised)),
        Format::GgufAdapter => usage::of_gguf_adapter(&mut card),
    }
    card
}

/// What a model folder is called: its last part, or in the hub's cache (`models--ORG--NAME/snapshots/REV`)
/// the name at the hub.
pub(super) fn name_of(folder: &Path) -> String {
    let part =
        |path: Option<&Path>| path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let above = folder.parent().filter(|above| above.ends_with("snapshots")).and_then(Path::parent);
    let hub = part(above).and_then(|name| Some(name.strip_prefix("models--")?.replace("--", "/")));
    hub.or_else(|| part(Some(folder))).unwrap_or_default()
}

/// The round whose adapter is exported.
fn newest(state: &RunState) -> Option<&RoundRecord> {
    state.rounds.iter().rev().find(|record| record.published_at.is_some())
}

fn front_matter(
    state: &RunState,
    format: Format,
    base: &str,
    licence: Option<&str>,
    sets: &[Measured<'_>],
) -> String {
    let mut text = format!("---\nbase_model: {}\n", quoted(base));
    if let Some(licence) = licence {
        let _ = writeln!(text, "license: {licence}");
    }
    text.push_str(match format {
        Format::Peft => "library_name: peft\n",
        // What a hub asks of a model that is not an adapter.
        Format::Merged | Format::Nf4 => "base_model_relation: finetune\nlibrary_name: transformers\n",
        Format::Gguf => "base_model_relation: finetune\n",
        Format::GgufAdapter => "base_model_relation: adapter\n",
    });
    text.push_str(
        "pipeline_tag: text-generation\ntags:\n- lora\n- qlora\n- federated-learning\n- consilium\n",
    );
    text.push_str(match format {
        Format::Peft | Format::Merged => "",
        Format::Nf4 => "- bitsandbytes\n- 4-bit\n",
        Format::Gguf | Format::GgufAdapter => "- gguf\n",
    });
    if sets.iter().any(|(_, _, adapted)| adapted.is_some()) {
        let name = quoted(&state.launched.spec.name);
        let _ = writeln!(text, "model-index:\n- name: {name}\n  results:");
    }
    for (set, _, adapted) in sets {
        let Some(metrics) = adapted else { continue };
        let _ = writeln!(
            text,
            "  - task:\n      type: text-generation\n    dataset:\n      name: held-out {set} set\n      \
             type: private\n    metrics:"
        );
        let kinds = [
            ("loss", "loss", metrics.loss),
            ("perplexity", "perplexity", metrics.perplexity),
            ("accuracy", "token accuracy", metrics.token_accuracy),
        ];
        for (kind, name, value) in kinds {
            let n = metrics.samples;
            let _ = writeln!(
                text,
                "    - type: {kind}\n      value: {value:.6}\n      name: \"{name} (n = {n})\""
            );
        }
    }
    text.push_str("---\n\n");
    text
}

fn about(card: &mut String, state: &RunState, subject: Subject<'_>, base: &str) {
    let spec = &state.launched.spec;
    let (rank, alpha) = (spec.adapter.rank, spec.adapter.alpha);
    let base = plain(base);
    let lora = format!("LoRA adapter (rank {rank}, alpha {alpha})");
    let to = subject.rounded.map_or("bf16", |rounded| rounded.to);
    let what = match subject.format {
        Format::Peft => format!("A {lora} over `{base}`"),
        Format::GgufAdapter => format!("A {lora} over `{base}`, as a GGUF file (f32, as it was published)"),
        Format::Merged | Format::Nf4 => format!("`{base}` in {to} with a {lora} added"),
        Format::Gguf => format!("`{base}` with a {lora} added, as a GGUF file ({to})"),
    };
    let _ = write!(
        card,
        "# {}\n\n{what}, trained by several sites together with Consilium: the records stayed at the sites, which \
         sent adapter updates.\n\n",
        plain(&spec.name),
    );
}

fn facts(card: &mut String, state: &RunState) {
    let launched = &state.launched;
    let spec = &launched.spec;
    let published = state.rounds.iter().filter(|record| record.published_at.is_some()).count();
    let updates = newest(state).map(|record| &record.updates);
    let records = updates.into_iter().flatten().fold(0, |sum: u64, (_, it)| sum.saturating_add(it.records));
    let rows = [
        ("run", format!("`{}`, launched {}", launched.run, rfc3339(state.launched_at))),
        ("rounds published", format!("{published} of {}", spec.rounds)),
        ("sites in the last round", updates.map_or(0, |updates| updates.len()).to_string()),
        (
            "training records in the last round",
            format!("{} (rounded by the sites)", format::grouped(records)),
        ),
        ("adapter, as published", format!("`sha256 {}`", state.model())),
        ("base model as it was held", format!("`{}`", launched.model_fingerprint)),
        ("learning rate", spec.training.learning_rate.to_string()),
        local_work(spec.training.work()),
        ("seed", spec.training.seed.to_string()),
    ];
    let server = spec.aggregation.server_rule().map(|rule| ("server optimiser", rule.to_string()));
    let robust = spec.aggregation.robust_rule().map(|rule| ("updates combined by", rule.to_string()));
    card.push_str("| | |\n|---|---|\n");
    for (name, value) in rows.into_iter().chain(robust).chain(server) {
        let _ = writeln!(card, "| {name} | {value} |");
    }
    card.push('\n');
}

/// What a site did of its records in a round.
fn local_work(work: LocalWork) -> (&'static str, String) {
    match work {
        LocalWork::Epochs(epochs) => ("epochs a round", epochs.to_string()),
        LocalWork::Steps(steps) => ("steps a round", format::grouped(steps)),
    }
}

fn measurements(card: &mut String, sets: &[Measured<'_>]) {
    card.push_str("## Measurements\n\n");
    if sets.iter().all(|(_, _, adapted)| adapted.is_none()) {
        card.push_str("None were made.\n\n");
        return;
    }
    card.push_str(
        "Loss is in nats per supervised token; accuracy is the share of these tokens that the model's first guess \
         is. ",
    );
    card.push_str(NOT_JUDGED);
    card.push_str(
        "\n\n\
         | set | model | records (n) | tokens | loss | perplexity | token accuracy |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (set, base, adapted) in sets {
        for (model, metrics) in [("base", base), ("with the adapter", adapted)] {
            let Some(metrics) = metrics else { continue };
            let _ = writeln!(
                card,
                "| {set} | {model} | {} | {} | {} | {} | {} |",
                metrics.samples,
                metrics.supervised_tokens,
                format::loss(metrics.loss),
                format::perplexity(metrics.perplexity),
                format::percent(metrics.token_accuracy),
            );
        }
    }
    card.push('\n');
    let paired = sets.iter().find_map(|(_, _, adapted)| adapted.and_then(|metrics| metrics.paired));
    if let Some((paired, [low, high])) = paired.and_then(|paired| Some((paired, interval(&paired)?))) {
        let _ = write!(
            card,
            "The test loss changes by {}; 95 % interval {} to {}, from the paired differences of {} records.\n\n",
            format::signed_percent(paired.change),
            format::signed_percent(low),
            format::signed_percent(high),
            paired.records,
        );
    }
}

/// A setting as a run file spells it.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

/// On one line of Markdown, without markup.
fn plain(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() || matches!(it, '`' | '<' | '>' | '|') { ' ' } else { it })
        .collect()
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::*;
    use crate::round::scheduler::tests::launched_run;
    use crate::round::state::Paired;

    fn state() -> RunState {
        let mut state = RunState::launched(launched_run(2, 2, 3), Timestamp(0));
        let metrics = |loss: f64, paired| {
            Some(Score::Measured(Metrics {
                loss,
                perplexity: loss.exp(),
                token_accuracy: 0.5,
                supervised_tokens: 900,
                samples: 60,
                duration_ms: 1,
                paired,
            }))
        };
        let paired = Paired { records: 60, better: 40, change: -0.1, standard_error: 0.01 };
        state.test.base = metrics(2.0, None);
        state.test.federated = metrics(1.8, Some(paired));
        state
    }

    fn subject<'a>(base_name: Option<&'a str>, licence: Option<&'a str>) -> Subject<'a> {
        Subject {
            format: Format::Peft,
            base_folder: Path::new("/srv/base"),
            base_name,
            licence,
            rounded: None,
            quality: None,
        }
    }

    #[test]
    fn a_merged_model_is_loaded_by_itself() {
        let merged = Subject { format: Format::Merged, ..subject(Some("Org/Base"), Some("mit")) };
        let card = render(&state(), merged);
        let front = card.split("---\n").nth(1).unwrap();
        for line in ["base_model: \"Org/Base\"", "license: mit", "base_model_relation: finetune"] {
            assert!(front.lines().any(|found| found == line), "{line} is missing in\n{front}");
        }
        assert!(front.contains("library_name: transformers") && front.contains("loss (n = 60)"), "{front}");
        assert!(card.contains("from_pretrained(\".\")") && card.contains("vllm serve ."), "{card}");
        assert!(card.contains("beside the base model in nf4") && !card.contains("PeftModel"), "{card}");
        assert!(card.contains("95 % interval -12.0 % to -8.0 %") && !card.contains("site-0"), "{card}");
    }

    #[test]
    fn a_gguf_card_says_what_rounding_lost_and_claims_no_loss_of_its_own() {
        let rounded = Rounded { to: "Q8_0", difference: model::Difference::default(), is_normalised: true };
        let named = subject(Some("Org/Base"), None);
        let quality = Quality::NotMeasured("it was turned off (`--no-measure`)".to_owned());
        let (rounded, quality) = (Some(rounded), Some(&quality));
        let card = render(&state(), Subject { format: Format::Gguf, rounded, quality, ..named });
        let front = card.split("---\n").nth(1).unwrap();
        assert!(front.contains("- gguf\n") && !front.contains("library_name"), "{front}");
        for words in
            ["(Q8_0)", "Not measured: it was turned off", "## Rounding", "llama-server -m model.gguf", "NFC"]
        {
            assert!(card.contains(words), "{words} is missing in\n{card}");
        }
        let card = render(&state(), Subject { format: Format::GgufAdapter, ..named });
        assert!(card.contains("base_model_relation: adapter\n") && card.contains("--lora adapter.gguf"));
        assert!(card.contains("FROM") && !card.contains("## Rounding"), "{card}");
        let rounded = rounded.map(|rounded| Rounded { to: "NF4", is_normalised: false, ..rounded });
        let card = render(&state(), Subject { format: Format::Nf4, rounded, ..named });
        assert!(card.contains("in NF4 with a LoRA adapter") && card.contains("`--format peft`"), "{card}");
    }

    #[test]
    fn a_folder_of_the_hubs_cache_is_called_as_at_the_hub() {
        let cache = "/home/a/.cache/huggingface/hub/models--Qwen--Qwen2.5-0.5B/snapshots/0123abcd";
        assert_eq!(name_of(Path::new(cache)), "Qwen/Qwen2.5-0.5B");
        assert_eq!(name_of(Path::new("/srv/models/qwen")), "qwen");
        assert_eq!(name_of(Path::new("/srv/snapshots/qwen")), "qwen");
    }

    #[test]
    fn the_front_matter_is_what_a_hub_reads() {
        let named = subject(Some("Qwen/Qwen2.5-0.5B-Instruct"), Some("apache-2.0"));
        let card = render(&state(), named);
        let front = card.split("---\n").nth(1).unwrap();
        for line in [
            "base_model: \"Qwen/Qwen2.5-0.5B-Instruct\"",
            "license: apache-2.0",
            "library_name: peft",
            "    - type: loss",
            "      value: 1.800000",
            "      name: \"loss (n = 60)\"",
        ] {
            assert!(front.lines().any(|found| found == line), "{line} is missing in\n{front}");
        }
        assert!(card.contains("95 % interval -12.0 % to -8.0 %"), "{card}");
        assert!(
            card.contains("vllm serve Qwen/Qwen2.5-0.5B-Instruct --enable-lora --max-lora-rank 16"),
            "{card}"
        );
        assert!(!card.contains("site-0"), "a site is named in\n{card}");
    }

    #[test]
    fn without_a_name_nothing_of_this_machine_is_told_but_the_folders_name() {
        let mut state = state();
        state.launched.model = "/srv/secret place/it's".into();
        let card = render(&state, Subject { base_folder: &state.launched.model, ..subject(None, None) });
        assert!(card.contains("base_model: \"it's\"") && card.contains("--base-name"), "{card}");
        assert!(!card.contains("/srv") && !card.contains("license:"));
        assert!(card.contains("vllm serve 'it'\\''s' "), "{card}");
    }

    #[test]
    fn a_name_cannot_break_the_file() {
        assert!(check_name("Qwen/Qwen2.5-0.5B").is_ok());
        for name in ["", " ", "a\nlicense: mit", &"x".repeat(BASE_NAME_BYTES_MAX + 1)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        let card = render(&state(), subject(Some("a\" # b"), None));
        assert!(card.contains("base_model: \"a\\\" # b\"\n"));
    }

    #[test]
    fn only_a_plain_licence_of_the_base_is_taken_over() {
        assert_eq!(licence_in("---\nlicense: apache-2.0\n---\ntext"), Some("apache-2.0".to_owned()));
        assert_eq!(licence_in("---\nlicense: \"mit\"\n---\n"), Some("mit".to_owned()));
        for card in
            ["", "license: mit", "---\nlanguage: zh\n---\nlicense: mit", "---\nlicense: [a, b]\n---\n"]
        {
            assert_eq!(licence_in(card), None, "{card}");
        }
    }
}
