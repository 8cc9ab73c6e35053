//! A chat template rendered as transformers renders it (its Jinja environment has trim_blocks, lstrip_blocks,
//! loop controls, `raise_exception`, `strftime_now`, a `tojson` that writes as Python's `json.dumps`). Called
//! by `chat`. Invariants: an error never carries the text of a message; rendering does not look at the clock,
//! so that every site, and every resumed run, sees the same prompt; its time, memory and depth are bounded
//! (`budget`, `watch`), because the template comes with the model folder.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;

use super::budget::{Bounded, check_source, fuel, rendered_bytes, spent};
use super::fault::template_fault;
use super::message::{Message, Role};
use super::tokenizer_config::TokenizerConfig;
use super::watch::Watch;
use crate::error::{ModelError, Result};
use crate::limits;

const NAME: &str = "chat_template";

/// A parsed template and the special tokens it may name.
pub(super) struct ChatTemplate {
    environment: Environment<'static>,
    config: TokenizerConfig,
}

impl ChatTemplate {
    /// Parses the template of `config`; `model_folder` is only named in the error.
    pub(super) fn new(model_folder: &Path, mut config: TokenizerConfig) -> Result<Self> {
        let Some(source) = config.chat_template.take() else {
            return Err(ModelError::Unsupported {
                what: format!("the tokenizer in {}, which has no chat template,", model_folder.display()),
                hint:
                    "use an instruction-tuned model's folder, or add chat_template.jinja (ChatML suits Qwen)"
                        .to_owned(),
            });
        };
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|error| template_fault(&describe(&error)))?;
        check_source(&source)?;
        let mut environment = Environment::new();
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(python_method);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_fixed);
        environment.add_filter("tojson", to_json);
        environment
            .add_template_owned(NAME, without_generation_tags(&source))
            .map_err(|error| template_fault(&describe(&error)))?;
        Ok(Self { environment, config })
    }

    /// What stands before and behind a plain text.
    pub(super) fn text_boundaries(&self, special_tokens: &[String]) -> Result<(&str, &str)> {
        const LLAMA_3_END: &str = "<|end_of_text|>";
        let end = if special_tokens.iter().any(|token| token == LLAMA_3_END) {
            Some(LLAMA_3_END)
        } else {
            self.config.eos_token.as_deref().filter(|token| !token.is_empty())
        };
        let begin = if self.config.add_bos_token { self.config.bos_token.as_deref() } else { None };
        let end = end.ok_or_else(|| ModelError::Unsupported {
            what: "plain text with a tokenizer that has no eos_token".to_owned(),
            hint: "use the tokenizer_config.json published with the model".to_owned(),
        })?;
        Ok((begin.unwrap_or_default(), end))
    }

    /// The conversation's text.
    pub(super) fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        // The fuel is the environment's, and a conversation's length decides on it: a copy shares the
        // template.
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(fuel(messages)));
        let template = environment.get_template(NAME).map_err(|error| template_fault(&describe(&error)))?;
        // Absent tokens stay undefined, which prints as nothing; tools and documents are given as None.
        let config = &self.config;
        let tokens = [
            ("bos_token", &config.bos_token),
            ("eos_token", &config.eos_token),
            ("pad_token", &config.pad_token),
            ("unk_token", &config.unk_token),
        ];
        let variables: BTreeMap<&str, Value> = tokens
            .into_iter()
            .filter_map(|(name, token)| Some((name, Value::from(token.as_deref()?))))
            .chain([
                ("messages", messages.iter().map(message_value).collect()),
                ("tools", Value::from(())),
                ("documents", Value::from(())),
                ("add_generation_prompt", Value::from(add_generation_prompt)),
            ])
            .collect();
        let mut text = Bounded::new(rendered_bytes(messages));
        let _watch = Watch::begin()?;
        template.render_captured_to(variables, &mut text).map_err(|error| match error.kind() {
            ErrorKind::OutOfFuel => spent(format!("at most {} steps for this conversation", fuel(messages))),
            ErrorKind::WriteFailure => {
                spent(format!("at most {} bytes for this conversation", rendered_bytes(messages)))
            }
            _ => template_fault(&describe_refusal(&error, messages)),
        })?;
        String::from_utf8(text.into_bytes()).map_err(|_| template_fault("it writes no text"))
    }
}

/// Python's string methods, as templates call them. `format` takes no width from a template: the library
/// makes the blanks before it counts them.
fn python_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> std::result::Result<Value, Error> {
    let has_width = |text: &str| {
        text.split('{').skip(1).any(|field| field.split('}').next().unwrap_or_default().contains(':'))
    };
    if method == "format" && value.as_str().is_some_and(has_width) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "format() with a format specification is not read",
        ));
    }
    unknown_method_callback(state, value, method, arguments)
}

/// A message as the dictionary that templates expect.
fn message_value(message: &Message) -> Value {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    Value::from_pairs([("role", role), ("content", message.content.as_str())])
}

/// Kind and line of a template error; never its detail, which may quote a value.
fn describe(error: &Error) -> String {
    match error.line() {
        Some(line) => format!("{}, line {line}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// What the template's author wrote in `raise_exception`, unless words of the conversation are in it.
fn describe_refusal(error: &Error, messages: &[Message]) -> String {
    let place = describe(error);
    match error.detail() {
        Some(detail)
            if error.kind() == ErrorKind::InvalidOperation
                && detail.len() <= 200
                && !messages.iter().any(|message| shares_text(detail, &message.content)) =>
        {
            format!("{detail} ({place})")
        }
        _ => place,
    }
}

fn shares_text(detail: &str, content: &str) -> bool {
    let content = content.trim();
    !content.is_empty() && (detail.contains(content) || content.contains(detail))
}

fn raise_exception(message: String) -> std::result::Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// `strftime_now` at a fixed moment, 26 July 2024 00:00 (a Friday): the date which Llama 3's template takes
/// when there is no clock. The prompt of a training record must not depend on the day.
fn strftime_fixed(format: String) -> String {
    let mut text = String::with_capacity(format.len() + 8);
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        // `%-d` is glibc's spelling without the leading zero; no part of this date but the time has one.
        let directive = match characters.next() {
            Some('-') => characters.next(),
            other => other,
        };
        match directive {
            Some('d') => text.push_str("26"),
            Some('b' | 'h') => text.push_str("Jul"),
            Some('B') => text.push_str("July"),
            Some('m') => text.push_str("07"),
            Some('Y') => text.push_str("2024"),
            Some('y') => text.push_str("24"),
            Some('a') => text.push_str("Fri"),
            Some('A') => text.push_str("Friday"),
            Some('H' | 'M' | 'S') => text.push_str("00"),
            Some('j') => text.push_str("208"),
            Some('F') => text.push_str("2024-07-26"),
            Some('%') => text.push('%'),
            Some(other) => text.extend(['%', other]),
            None => text.push('%'),
        }
    }
    text
}

/// `json.dumps(value, ensure_ascii=False, indent=indent)`: ", " and ": " between, nothing escaped for HTML.
fn to_json(value: &Value, arguments: Kwargs) -> std::result::Result<String, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    // Other arguments of json.dumps (ensure_ascii, separators, sort_keys) are accepted at their defaults.
    let failed = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    // What it writes is counted by the engine when it is whole; a value that contains itself twice would be
    // endless.
    let mut bytes = Bounded::new(limits::JSON_BYTES_MAX as usize);
    match indent {
        Some(width) => {
            let spaces = " ".repeat(width.min(16));
            let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
            value
                .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
                .map_err(failed)?;
        }
        None => {
            let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, PythonSpacing);
            value.serialize(&mut serializer).map_err(failed)?;
        }
    }
    String::from_utf8(bytes.into_bytes())
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// The separators of Python's `json.dumps` without `indent`.
struct PythonSpacing;

impl serde_json::ser::Formatter for PythonSpacing {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

/// transformers' own `{% generation %}` block marks the answer and renders what it holds. minijinja has no
/// such block: it becomes `{% if true %}`, which renders the same, whitespace control included.
fn without_generation_tags(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        text.push_str(before);
        let Some(length) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let inner = &tag[2..length];
        let name = inner.trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace());
        match name {
            "generation" => text.push_str(&format!("{{%{}%}}", inner.replacen(name, "if true", 1))),
            "endgeneration" => text.push_str(&format!("{{%{}%}}", inner.replacen(name, "endif", 1))),
            _ => text.push_str(&tag[..length + 2]),
        }
        rest = &tag[length + 2..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_tags_render_what_they_hold() {
        let source = "a {%- generation -%} b {% endgeneration %} {% if x %}c{% endif %}";
        assert_eq!(without_generation_tags(source), "a {%- if true -%} b {% endif %} {% if x %}c{% endif %}");
        assert_eq!(without_generation_tags("open {% tag"), "open {% tag");
    }

    #[test]
    fn dates_are_fixed_and_unknown_directives_stay() {
        assert_eq!(strftime_fixed("%d %b %Y".to_owned()), "26 Jul 2024");
        assert_eq!(strftime_fixed("100%% %-d/%m %Q %".to_owned()), "100% 26/07 %Q %");
    }
}
