//! The parts of generation that need no model: what can be chosen, what is drawn, which text is whole.

use super::*;

fn sampler(change: impl Fn(&mut GenerateSettings), prompt: &[u32]) -> Sampler {
    let mut settings = GenerateSettings { temperature: 1.0, ..GenerateSettings::default() };
    change(&mut settings);
    settings.validate().unwrap();
    Sampler::new(&settings, prompt)
}

fn ids(candidates: &[(u32, f64)]) -> Vec<u32> {
    candidates.iter().map(|(id, _)| *id).collect()
}

#[test]
fn top_k_keeps_ties_and_top_p_keeps_one() {
    let logits = || vec![1.0, 3.0, 2.0, 3.0, f32::NEG_INFINITY, 2.0];
    assert_eq!(ids(&sampler(|_| {}, &[]).candidates(logits())), [0, 1, 2, 3, 5]);
    assert_eq!(ids(&sampler(|s| s.top_k = 3, &[]).candidates(logits())), [1, 2, 3, 5], "2 and 5 are equal");
    assert_eq!(
        ids(&sampler(|s| s.top_p = 1e-9, &[]).candidates(logits())),
        [1],
        "the lower id of equal ones"
    );
    let both = sampler(|s| (s.top_k, s.top_p) = (2, 0.4), &[]).candidates(logits());
    assert_eq!(both, [(1, 1.0)], "top-p acts on what top-k left: each has 0.5");
    // Probabilities 1/2, 1/4, 1/8, 1/8: exactly 1 - p may go.
    let halves = || vec![8.0_f32.ln(), 4.0_f32.ln(), 2.0_f32.ln(), 2.0_f32.ln()];
    assert_eq!(ids(&sampler(|s| s.top_p = 0.8, &[]).candidates(halves())), [0, 1, 2]);
    assert_eq!(ids(&sampler(|s| s.top_p = 0.6, &[]).candidates(halves())), [0, 1]);
}

#[test]
fn repetition_is_penalised_once_a_token_and_in_both_signs() {
    let mut sampler = sampler(|s| (s.repetition_penalty, s.temperature) = (2.0, 0.0), &[0, 0, 1]);
    // 0: 3 / 2 = 1.5 however often it occurred; 1: -1 * 2; 2: untouched.
    assert_eq!(sampler.next(vec![3.0, -1.0, 2.0, -1.5]).unwrap(), 2);
    // Now 2 has been chosen: 2 / 2 = 1 < 1.5.
    assert_eq!(sampler.next(vec![3.0, -1.0, 2.0, -1.5]).unwrap(), 0);
    assert_eq!(sampler.next(vec![-1.0, -1.0, -2.0, -1.5]).unwrap(), 3, "-2, -2, -4, -1.5");
}

#[test]
fn greedy_takes_the_lowest_of_equal_logits_and_refuses_what_is_not_a_number() {
    let mut greedy = sampler(|s| s.temperature = 0.0, &[]);
    assert_eq!(greedy.next(vec![f32::NAN, 1.0, 2.0, 2.0]).unwrap(), 2);
    for temperature in [0.0, 1.0] {
        let mut diverged = sampler(|s| s.temperature = temperature, &[]);
        assert!(matches!(diverged.next(vec![f32::NAN; 4]), Err(ModelError::Adapter { .. })));
    }
}

#[test]
fn draws_follow_the_probabilities_and_the_seed() {
    let weights = [0.5_f32, 0.3, 0.15, 0.05];
    let logits = || weights.iter().map(|weight| weight.ln()).collect::<Vec<f32>>();
    let draw = |seed| {
        let mut sampler = sampler(|s| s.seed = seed, &[]);
        (0..20_000).map(|_| sampler.next(logits()).unwrap()).collect::<Vec<u32>>()
    };
    let first = draw(1);
    assert_eq!(first, draw(1));
    assert_ne!(first, draw(2));
    for (id, weight) in (0..).zip(weights) {
        let share = first.iter().filter(|token| **token == id).count() as f32 / 20_000.0;
        // Five standard deviations of the share at p = 1/2: 5 * sqrt(0.25 / 20,000) = 0.018.
        assert!((share - weight).abs() < 0.018, "token {id}: {share} instead of {weight}");
    }
}

#[test]
fn settings_that_mean_nothing_are_refused_by_name() {
    let refused = |change: fn(&mut GenerateSettings), name: &str| {
        let mut settings = GenerateSettings::default();
        change(&mut settings);
        let error = settings.validate().unwrap_err();
        assert!(error.to_string().starts_with(name), "{error}");
    };
    refused(|s| s.temperature = -0.1, "temperature");
    refused(|s| s.temperature = f64::NAN, "temperature");
    refused(|s| s.top_p = 0.0, "top_p");
    refused(|s| s.top_p = 1.1, "top_p");
    refused(|s| s.repetition_penalty = 0.0, "repetition_penalty");
    refused(|s| s.max_tokens = 0, "max_tokens");
}

#[test]
fn the_publishers_settings_are_read_and_their_absence_is_greedy() {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    let read = || GenerationDefaults::read(place.path());
    assert_eq!(read().unwrap().settings(false), GenerateSettings { top_k: 50, ..Default::default() });
    write("config.json", r#"{"eos_token_id":7,"model_type":"qwen2"}"#);
    assert_eq!(read().unwrap().eos_tokens(), [7]);
    // As published with Qwen2.5-Instruct.
    write(
        "generation_config.json",
        r#"{"bos_token_id":151643,"do_sample":true,"eos_token_id":[151645,151643],"repetition_penalty":1.1,
            "temperature":0.7,"top_p":0.8,"top_k":20,"transformers_version":"4.37.0"}"#,
    );
    let settings = read().unwrap().settings(false);
    assert_eq!((settings.temperature, settings.top_p, settings.top_k), (0.7, 0.8, 20));
    assert_eq!((settings.repetition_penalty, settings.stop_tokens), (1.1, vec![151_645, 151_643]));
    write("generation_config.json", r#"{"eos_token_id":"end"}"#);
    assert!(matches!(read(), Err(ModelError::Config { .. })));
}

/// Every byte is a token of its own: the worst that a byte-level tokenizer does to Chinese.
#[test]
fn characters_are_given_out_whole() {
    let place = tempfile::tempdir().unwrap();
    byte_tokenizer(place.path());
    let tokenizer = crate::ChatTokenizer::load(place.path()).unwrap();
    let text = "高血压 né 👩\u{200d}⚕️ ok";
    let mut stream = TextStream::new(&tokenizer);
    let parts: Vec<String> = text.bytes().map(|byte| stream.push(u32::from(byte)).unwrap()).collect();
    assert_eq!(parts.concat(), text);
    assert!(parts.iter().all(|part| part.chars().count() <= 1 && !part.contains('\u{fffd}')));
    assert_eq!(parts[..3], ["", "", "高"]);
    assert_eq!(stream.finish().unwrap(), "");
    // Cut in the middle of a character: said at the end, not lost and not waited for.
    let mut stream = TextStream::new(&tokenizer);
    let held: String = "ok压".bytes().take(4).map(|byte| stream.push(u32::from(byte)).unwrap()).collect();
    assert_eq!((held.as_str(), stream.finish().unwrap().as_str()), ("ok", "\u{fffd}"));
    // Bytes that never become a character do not dam up what follows.
    let mut stream = TextStream::new(&tokenizer);
    let mut given: String = (0..20).map(|_| stream.push(0x80).unwrap()).collect();
    given += &stream.push(u32::from(b'a')).unwrap();
    assert!(given.ends_with('a'), "{given}");
}

/// A byte-level tokenizer without merges: token `n` is byte `n`.
fn byte_tokenizer(place: &std::path::Path) {
    let printable: Vec<u32> = (33..=126).chain(161..=172).chain(174..=255).collect();
    let mut vocabulary = serde_json::Map::new();
    let mut next = 256;
    for byte in 0..256_u32 {
        // GPT-2's table: bytes that print stand for themselves, the others move to 256 and above.
        let character = if printable.contains(&byte) {
            byte
        } else {
            next += 1;
            next - 1
        };
        vocabulary.insert(char::from_u32(character).unwrap().to_string(), byte.into());
    }
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
        "post_processor": null, "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocabulary, "merges": []}
    });
    std::fs::write(place.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let config = r#"{"chat_template":"{% for m in messages %}{{ m.content }}{% endfor %}"}"#;
    std::fs::write(place.join("tokenizer_config.json"), config).unwrap();
}
