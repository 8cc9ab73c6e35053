//! The `Modelfile` beside a GGUF file, for Ollama. Called by `export::gguf`. Invariant: `TEMPLATE` is there
//! only where it was seen to write what the model's own chat template writes, conversation by conversation,
//! tools apart; else the file says that it is not.

use crate::chat::{ChatTokenizer, Message, Role};

/// The file of a whole model, which a Modelfile points to.
pub const MODEL: &str = "model.gguf";
/// That of an adapter.
pub(super) const ADAPTER: &str = "adapter.gguf";

/// Beside an adapter.
pub(super) fn of_adapter() -> String {
    format!(
        "# Ollama took ADAPTER up to 0.34.0; newer ones are reported to refuse it: use --format gguf for them.\n\
         # For Ollama, in this folder: ollama create NAME -f Modelfile\n\
         # FROM is the base model that README.md names: put it here as base.gguf, or write Ollama's name of it.\n\
         FROM ./base.gguf\nADAPTER ./{ADAPTER}\n"
    )
}

/// Beside a whole model.
pub(super) fn of_model(tokenizer: &ChatTokenizer) -> String {
    let head = format!("# For Ollama, in this folder: ollama create NAME -f Modelfile\nFROM ./{MODEL}\n");
    match chatml(tokenizer) {
        Some(system) => {
            let system = system.map_or_else(String::new, |text| format!("SYSTEM \"\"\"{text}\"\"\"\n"));
            format!(
                "{head}# TEMPLATE is for system, user and assistant turns; tools are in the chat template of {MODEL} alone.\n\
                 TEMPLATE \"\"\"{{{{ range .Messages }}}}<|im_start|>{{{{ .Role }}}}\n\
                 {{{{ .Content }}}}<|im_end|>\n{{{{ end }}}}<|im_start|>assistant\n\"\"\"\n\
                 {system}PARAMETER stop \"<|im_end|>\"\n"
            )
        }
        None => format!(
            "# There is no TEMPLATE: the model's chat template does more than ChatML, and is in {MODEL} as Jinja.\n\
             # Ollama takes one of its own where it knows that template; `ollama show NAME --template` shows it.\n\
             # llama.cpp renders the template in {MODEL} itself.\n"
        ),
    }
}

/// Whether the template writes ChatML; if so, the system prompt that it adds where there is none.
fn chatml(tokenizer: &ChatTokenizer) -> Option<Option<String>> {
    let say = |role, content: &str| Message::new(role, content);
    let [system, user, assistant] = [Role::System, Role::User, Role::Assistant];
    let alone = tokenizer.render(&[say(user, "a")], true).ok()?;
    let added = alone.strip_suffix(&written(&[say(user, "a")]))?;
    let default = match added {
        "" => None,
        added => Some(added.strip_prefix("<|im_start|>system\n")?.strip_suffix("<|im_end|>\n")?.to_owned()),
    };
    // A quotation mark could end the text early in a Modelfile.
    if default.as_ref().is_some_and(|text| text.contains('"') || text.contains("<|")) {
        return None;
    }
    // Blanks, an answer before, reasoning in it: what templates treat in ways of their own.
    let probes = [
        vec![say(system, " b\n"), say(user, " a \n")],
        vec![say(user, "a"), say(assistant, " c\n"), say(user, "d")],
        vec![say(user, "a"), say(assistant, "<think>\ne\n</think>\n\nc"), say(user, "d")],
        vec![
            say(system, "b"),
            say(user, "a"),
            say(assistant, "c"),
            say(user, "d"),
            say(assistant, "e"),
            say(user, "f"),
        ],
    ];
    let is_same = |probe: &Vec<Message>| {
        let has_system = probe.first().is_some_and(|first| first.role == system);
        let before = if has_system { "" } else { added };
        tokenizer.render(probe, true).is_ok_and(|text| text == format!("{before}{}", written(probe)))
    };
    probes.iter().all(is_same).then_some(default)
}

/// What the `TEMPLATE` above writes.
fn written(messages: &[Message]) -> String {
    let turn = |message: &Message| {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        format!("<|im_start|>{role}\n{}<|im_end|>\n", message.content)
    };
    messages.iter().map(turn).chain(["<|im_start|>assistant\n".to_owned()]).collect()
}
