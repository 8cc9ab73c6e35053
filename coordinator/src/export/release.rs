//! From a measured adapter to a released model: what the program knows, what people answer and sign, the
//! gates, and the signed folder that is checked elsewhere. Called by `cli::release` and
//! `cli::verify_release`.
//!
//! | module | answers |
//! |---|---|
//! | `collect`, `start` | what the state folder knows of a run: [`facts`], [`evaluation`] |
//! | [`fields`] | what a person answers |
//! | [`gates`] | what has to hold (pure) |
//! | [`draft`], [`statement`] | the folder in which it is prepared, and what operators sign |
//! | [`assess`] | whether a draft may be released |
//! | [`made`], `sums` | the finished folder |
//! | `card`, `chai`, `page`, `checklists`, `bill` | its documents |
//! | [`verify`] | whether a folder is a release of this consortium |
//!
//! Invariants: it fails closed; nothing of a release is typed but the fields, and they are signed; of a
//! changed byte the check says where.

pub mod assess;
mod bill;
mod card;
mod chai;
mod checklists;
pub mod collect;
pub mod dossier;
pub mod draft;
pub mod evaluation;
pub mod facts;
pub mod fields;
mod files;
pub mod gates;
pub mod made;
mod page;
mod start;
pub mod statement;
mod sums;
pub mod verify;
pub mod weights;
mod words;
mod xml;
