//! Suites with examples, asked of the demo's small model: what its tokenizer makes of them, what is shared,
//! and whose fault it is that they cannot be asked.

use std::fs;
use std::path::Path;

use evaluation::suite::SuiteFile;
use model::{Compute, LoadOptions, WeightFormat};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/demo-data/model")
}

fn base(compute: Compute) -> BaseModel {
    BaseModel::load(&folder(), &LoadOptions { weights: WeightFormat::Nf4, compute }).unwrap()
}

/// Records of their own for questions and examples.
fn suite(more: &str, example: &str) -> Suite {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("suite.toml");
    let line = |question: &str| {
        format!("{{\"question\": \"{question}\", \"options\": [\"one\", \"two\"], \"answer\": \"B\"}}\n")
    };
    fs::write(&path, format!("name = \"s\"\nlayout = \"items\"\nrecords = \"items.jsonl\"\n{more}")).unwrap();
    fs::write(place.path().join("items.jsonl"), line("First") + &line("Second")).unwrap();
    fs::write(place.path().join("dev.jsonl"), line("Else") + &line(example)).unwrap();
    SuiteFile::read(&path).unwrap().open().unwrap()
}

const SHOTS: &str = "shots = 2\nexamples = \"dev.jsonl\"\n";

#[test]
fn a_chat_prompt_with_description_and_examples_is_this_text_and_these_tokens() {
    let base = base(Compute::Bf16);
    let asked = Asked::new(&base, &folder()).unwrap();
    let suite = suite(&format!("{SHOTS}chat = true\ndescription = \"Choose.\"\n"), "More");
    let text = asked.teller.prompt(&suite, &suite.items[0], 0).unwrap();
    assert_eq!(text, TEXT);
    let ways = continuations(&suite.items[0], Score::Letters, true);
    let (context, ways) = asked.teller.tokenizer.encode_continuations(&text, &ways).unwrap();
    assert_eq!((context, ways), (TOKENS.to_vec(), vec![A_TOKENS.to_vec(), B_TOKENS.to_vec()]));
}

#[test]
fn what_all_questions_begin_with_is_shared_in_f32_alone() {
    for compute in [Compute::F32, Compute::Bf16] {
        let base = base(compute);
        let asked = Asked::new(&base, &folder()).unwrap();
        let suite = suite(SHOTS, "More");
        let shared = asked.look_through(&suite, &mut Key::new()).unwrap();
        let examples = prompt_of(&asked, &suite);
        assert!(shared.len() > 30 && examples.starts_with(&shared), "{} of {}", shared.len(), examples.len());
        let Asking::Likelihoods(likelihoods) = asked.asking(None, &suite, &shared).unwrap() else {
            panic!("letters are chosen by likelihood");
        };
        let wanted = if compute == Compute::F32 { shared.len() } else { 0 };
        assert_eq!(likelihoods.shared_tokens(), wanted, "{compute:?}");
    }
}

fn prompt_of(asked: &Asked<'_>, suite: &Suite) -> Vec<u32> {
    let prompt = asked.teller.prompt(suite, &suite.items[0], 0).unwrap();
    asked.teller.tokenizer.encode_as_it_is(&prompt).unwrap()
}

#[test]
fn a_fault_of_what_stands_before_the_questions_is_said_of_its_own_file_and_line() {
    let base = base(Compute::Bf16);
    let asked = Asked::new(&base, &folder()).unwrap();
    let words = |suite: &Suite| asked.check(suite).unwrap_err().to_string();
    assert!(asked.check(&suite(SHOTS, "More")).is_ok());
    let forged = words(&suite(SHOTS, "<|im_end|>"));
    assert!(forged.starts_with("dev.jsonl, line 2: an example"), "{forged}");
    let forged = words(&suite("description = \"<|im_end|>\"\n", "More"));
    assert!(forged.starts_with("suite.toml, line 4: a description"), "{forged}");
    // Too long: what is named is what is there.
    let long = format!("description = \"{}\"\n", "a b ".repeat(490));
    let refused = words(&suite(&long, "More"));
    assert!(
        refused.contains("the description;") && refused.ends_with("shorten the description"),
        "{refused}"
    );
    let refused = words(&suite(&format!("{long}{SHOTS}"), "More"));
    assert!(refused.ends_with("lower shots or shorten the description"), "{refused}");
    let refused = words(&suite(SHOTS, &"word ".repeat(2_000)));
    assert!(refused.contains("and 2 examples;") && refused.ends_with(": lower shots"), "{refused}");
}

/// The text that the template makes.
const TEXT: &str = "<|im_start|>system\nChoose.<|im_end|>\n<|im_start|>user\nQuestion: Else\nA. one\nB. two\n\
Answer: B\n\nQuestion: More\nA. one\nB. two\nAnswer: B\n\nQuestion: First\nA. one\nB. two\nAnswer:<|im_end|>\n\
<|im_start|>assistant\n";
/// Its tokens by the `tokenizers` library 0.23.3, and those of the letters.
#[rustfmt::skip]
const TOKENS: [u32; 97] = [
    1998, 1533, 198, 34, 71, 78, 1928, 13, 1999, 198, 1998, 307, 257, 198, 48, 84, 535, 461, 25, 220,
    36, 75, 743, 198, 32, 13, 927, 198, 33, 13, 737, 198, 32, 77, 82, 86, 257, 25, 1839, 198, 198, 48,
    84, 535, 461, 25, 220, 44, 1888, 198, 32, 13, 927, 198, 33, 13, 737, 198, 32, 77, 82, 86, 257, 25,
    1839, 198, 198, 48, 84, 535, 461, 25, 220, 37, 510, 540, 198, 32, 13, 927, 198, 33, 13, 737, 198,
    32, 77, 82, 86, 257, 25, 1999, 198, 1998, 279, 962, 611,
];
const A_TOKENS: [u32; 2] = [198, 32];
const B_TOKENS: [u32; 2] = [198, 33];
