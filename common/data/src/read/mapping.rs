//! A column mapping: how the columns of a file that follows no known format become a record. Called by the
//! site agent, which reads it from TOML; used by `convert` for every row of the files read with it.
//!
//! ```toml
//! patient = "病人编号"       # by these columns records are split; they are never trained on
//! date = "就诊日期"
//! stratum = "科室"
//!
//! [[turn]]
//! role = "user"
//! template = "{主诉}\n{现病史?}"   # {name}: a column; {name?}: one that may be absent; {{ and }}: a brace
//! [[turn]]
//! role = "assistant"
//! template = "{诊断}"
//! ```
//! Instead of `[[turn]]`: `text = "{报告}"` for plain text, or a column that holds a list of turns:
//! ```toml
//! [conversation]
//! column = "对话"
//! role = "说话人"
//! content = "内容"
//! user = ["患者", "家属"]
//! assistant = ["医生"]
//! ```
//! Invariants: a mapping is complete and unambiguous or refused with a reason; conversion refuses, never
//! guesses.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::{DataError, Result};
use crate::limits::{MAPPING_BYTES_MAX, MAPPING_PARTS_MAX};
use crate::record::Role;

/// How columns become a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub(super) patient: Option<String>,
    pub(super) date: Option<String>,
    pub(super) stratum: Option<String>,
    pub(super) shape: Shape,
    sha256: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Turns(Vec<(Role, Template)>),
    Text(Template),
    Conversation(ConversationColumn),
}

/// A column with a list of turns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConversationColumn {
    pub(super) column: String,
    pub(super) role: String,
    pub(super) content: String,
    #[serde(default)]
    system: Vec<String>,
    #[serde(default)]
    user: Vec<String>,
    #[serde(default)]
    assistant: Vec<String>,
    #[serde(default)]
    tool: Vec<String>,
}

impl ConversationColumn {
    /// Who speaks under this name.
    pub(super) fn role_of(&self, name: &str) -> Option<Role> {
        let lists = [
            (Role::System, &self.system),
            (Role::User, &self.user),
            (Role::Assistant, &self.assistant),
            (Role::Tool, &self.tool),
        ];
        lists.into_iter().find(|(_, names)| names.iter().any(|one| one == name)).map(|(role, _)| role)
    }
}

/// Text with columns in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(pub(super) Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Column { name: String, optional: bool },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    patient: Option<String>,
    date: Option<String>,
    stratum: Option<String>,
    text: Option<String>,
    #[serde(default)]
    turn: Vec<TurnTemplate>,
    conversation: Option<ConversationColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnTemplate {
    role: Role,
    template: String,
}

impl Mapping {
    /// SHA-256 of the mapping's text: a part of the configuration that a manifest names.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`DataError::Io`] when the file cannot be read; [`DataError::File`], with the line, when it is too
    /// long, is not UTF-8, or cannot be parsed.
    pub fn read(path: &Path) -> Result<Self> {
        let source = super::source::Source::open(path)?;
        if source.bytes() > MAPPING_BYTES_MAX {
            return Err(DataError::whole_file(path, "a column mapping has at most 64 KiB"));
        }
        let bytes = source.sample(0, usize::try_from(MAPPING_BYTES_MAX).unwrap_or(usize::MAX))?;
        let text = String::from_utf8(bytes).map_err(|_| DataError::whole_file(path, "it is not UTF-8"))?;
        Self::parse(&text).map_err(|(line, reason)| DataError::File {
            path: path.to_path_buf(),
            line,
            reason,
        })
    }

    /// Parses a mapping.
    ///
    /// # Errors
    /// The line and the reason when the text is not TOML, has unknown keys, or does not say which columns
    /// form the turns; line 1 when the whole mapping is meant.
    pub fn parse(text: &str) -> std::result::Result<Self, (u64, String)> {
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let before = &text.as_bytes()[..at];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
            (line, error.message().to_owned())
        })?;
        let whole = |reason: &str| (1, reason.to_owned());
        let shape = match (file.text, file.conversation, file.turn.as_slice()) {
            (Some(text), None, []) => {
                Shape::Text(Template::parse(&text, true).map_err(|reason| (1, reason))?)
            }
            (None, Some(conversation), []) => {
                if conversation.user.is_empty() || conversation.assistant.is_empty() {
                    return Err(whole("[conversation] must say who is `user` and who is `assistant`"));
                }
                Shape::Conversation(conversation)
            }
            (None, None, turns @ [_, ..]) => {
                if turns.len() > MAPPING_PARTS_MAX {
                    return Err(whole("there are too many turns"));
                }
                let turns = turns.iter().map(|turn| {
                    // A system prompt may be the same for all records.
                    let needs_column = turn.role != Role::System;
                    let template =
                        Template::parse(&turn.template, needs_column).map_err(|reason| (1, reason))?;
                    Ok((turn.role, template))
                });
                Shape::Turns(turns.collect::<std::result::Result<_, _>>()?)
            }
            _ => {
                return Err(whole(
                    "it must have one of `text`, `[[turn]]` and `[conversation]`, and only one",
                ));
            }
        };
        let sha256 = Sha256::digest(text).into();
        Ok(Self { patient: file.patient, date: file.date, stratum: file.stratum, shape, sha256 })
    }
}

impl Template {
    /// `{name}` is a column, `{name?}` one that may be absent, `{{` and `}}` are braces.
    fn parse(text: &str, needs_column: bool) -> std::result::Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(behind) = brace.strip_prefix("{{") {
                literal.push('{');
                rest = behind;
            } else if let Some(behind) = brace.strip_prefix("}}") {
                literal.push('}');
                rest = behind;
            } else if brace.starts_with('}') {
                return Err("a template has a } without {; write }} for the character".to_owned());
            } else {
                let (name, behind) = brace[1..]
                    .split_once('}')
                    .ok_or("a template has a { without }; write {{ for the character")?;
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
                if name.trim().is_empty() || name.contains('{') {
                    return Err("a template has a placeholder without a column's name".to_owned());
                }
                pieces.push(Piece::Column { name: name.to_owned(), optional });
                rest = behind;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        if pieces.len() > MAPPING_PARTS_MAX {
            return Err("a template has too many placeholders".to_owned());
        }
        if needs_column && !pieces.iter().any(|piece| matches!(piece, Piece::Column { .. })) {
            return Err("a template names no column".to_owned());
        }
        Ok(Self(pieces))
    }
}
