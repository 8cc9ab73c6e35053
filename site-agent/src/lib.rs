//! draft
pub mod config;
pub mod error;
pub mod paths;
pub mod sandbox;
