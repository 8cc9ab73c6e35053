//! What `site-agent data check` found, for people and programs: a short text for the terminal, one
//! self-contained page, and JSON. Called by the `data` commands. Everything is made from one
//! [`summary::Summary`], so the three cannot disagree.
//!
//! Invariant: nothing here holds a word of a record; places are file and line, findings are kinds and
//! positions.

pub mod drawing;
pub mod histogram;
pub mod html;
pub mod summary;
pub mod terminal;
