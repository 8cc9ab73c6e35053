//! A byte-level BPE tokenizer trained on the library's texts, with Qwen's pre-tokenizer, ChatML's special
//! tokens and chat template. Called by `main`. Invariant: ids below 2,000, the special tokens last, as the
//! model's config says.

use std::path::Path;

use serde_json::json;
use tests::synthetic::outcome::Outcome;
use tests::synthetic::records::Library;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

/// Rows of the embedding, special tokens included.
pub(crate) const VOCABULARY: usize = 2_000;
/// The last ids, in this order.
pub(crate) const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// Qwen2's split: contractions, words, single digits, punctuation, line ends, spaces.
const PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// ChatML with a default system turn, as Qwen2's own template.
const TEMPLATE: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}\
{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

pub(crate) fn make(library: &Library, folder: &Path) -> Outcome<()> {
    let trainer = BpeTrainer::builder()
        .vocab_size(VOCABULARY - SPECIAL.len())
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        // A whole clause in one token would leave nothing to predict.
        .max_token_length(Some(12))
        .build();
    let mut tokenizer = Tokenizer::new(BPE::default());
    let split = Split::new(SplitPattern::Regex(PATTERN.to_owned()), SplitDelimiterBehavior::Isolated, false)
        .map_err(|error| error.to_string())?;
    let parts = vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, false)),
    ];
    tokenizer.with_normalizer(Some(NFC)).map_err(|error| error.to_string())?;
    tokenizer.with_pre_tokenizer(Some(Sequence::new(parts)));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, false)));
    let system = std::iter::repeat_n("system user assistant\nYou are a helpful assistant.".to_owned(), 50);
    let mut trainer = TrainerWrapper::BpeTrainer(trainer);
    tokenizer.train(&mut trainer, library.texts().chain(system)).map_err(|error| error.to_string())?;
    tokenizer
        .add_special_tokens(SPECIAL.map(|text| AddedToken::from(text, true)))
        .map_err(|e| e.to_string())?;
    let size = tokenizer.get_vocab_size(true);
    if size != VOCABULARY {
        return Err(format!("the texts give {size} tokens, not {VOCABULARY}").into());
    }
    tokenizer.save(folder.join("tokenizer.json"), false).map_err(|error| error.to_string())?;
    let config = json!({
        "tokenizer_class": "Qwen2Tokenizer", "model_max_length": 512, "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "chat_template": TEMPLATE, "clean_up_tokenization_spaces": false,
    });
    std::fs::write(folder.join("tokenizer_config.json"), format!("{config:#}\n"))?;
    Ok(())
}
