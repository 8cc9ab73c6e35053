//! How an exported folder is loaded, for its README.md. Called by `card`. Invariant: a name from outside is
//! quoted for the language that it stands in.

use std::fmt::Write as _;

use common::run::vllm_rank;

use crate::round::state::RunState;

/// Of an adapter, beside its base model.
pub(super) fn of_adapter(card: &mut String, state: &RunState, base: &str) {
    let python = quoted(base);
    let rank = state.launched.spec.adapter.rank as u64;
    let most = vllm_rank(rank).unwrap_or(rank);
    let _ = write!(
        card,
        "## How to load it\n\nIn this folder, with PEFT:\n\n```python\nfrom peft import PeftModel\n\
         from transformers import AutoModelForCausalLM, AutoTokenizer\n\n\
         base = AutoModelForCausalLM.from_pretrained({python})\n\
         tokenizer = AutoTokenizer.from_pretrained({python})\n\
         model = PeftModel.from_pretrained(base, \".\")\n```\n\n\
         With transformers, where PEFT is installed:\n\n```python\n\
         from transformers import AutoModelForCausalLM\n\n\
         model = AutoModelForCausalLM.from_pretrained({python})\nmodel.load_adapter(\".\")\n```\n\n\
         With vLLM:\n\n```sh\n\
         vllm serve {} --enable-lora --max-lora-rank {most} --lora-modules adapter=.\n```\n",
        shell(base)
    );
}

/// Of a merged model in bf16.
pub(super) fn of_merged(card: &mut String) {
    of_model(card, "");
    card.push_str("\nWith vLLM:\n\n```sh\nvllm serve .\n```\n");
}

/// Of a model that is whole; `needs` is what must be there beside transformers.
pub(super) fn of_model(card: &mut String, needs: &str) {
    let _ = write!(
        card,
        "## How to load it\n\nIn this folder, with transformers{needs}:\n\n```python\n\
         from transformers import AutoModelForCausalLM, AutoTokenizer\n\n\
         tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
         model = AutoModelForCausalLM.from_pretrained(\".\")\n```\n",
    );
}

/// Of a model in a GGUF file.
pub(super) fn of_gguf(card: &mut String, is_normalised: bool) {
    card.push_str(
        "## How to load it\n\nIn this folder, with llama.cpp (tokenizer and chat template are in the file):\n\n\
         ```sh\nllama-cli -m model.gguf --jinja\nllama-server -m model.gguf --jinja\n```\n\n\
         With Ollama (`Modelfile` says whether the chat template could be put in its words):\n\n\
         ```sh\nollama create NAME -f Modelfile\nollama run NAME\n```\n",
    );
    if is_normalised {
        card.push_str(
            "\nThe model's tokenizer brings texts into Unicode's form NFC first; llama.cpp does not, and splits a \
             text in another form otherwise.\n",
        );
    }
}

/// Of an adapter in a GGUF file.
pub(super) fn of_gguf_adapter(card: &mut String) {
    card.push_str(
        "## How to load it\n\nIn this folder, with llama.cpp, over the base model as a GGUF file (`base.gguf`):\n\n\
         ```sh\nllama-cli -m base.gguf --lora adapter.gguf --jinja\n\
         llama-server -m base.gguf --lora adapter.gguf --jinja\n```\n\n\
         With Ollama up to 0.34.0, for newer ones are reported to take no adapters (first put `base.gguf` here, or write Ollama's name of the base model behind `FROM` in \
         `Modelfile`):\n\n```sh\nollama create NAME -f Modelfile\nollama run NAME\n```\n",
    );
}

/// As one word of a POSIX shell.
fn shell(text: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
    if text.bytes().all(is_bare) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// As a string of YAML or Python: JSON's escapes are theirs.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}
