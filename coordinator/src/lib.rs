//! The coordinator of a consortium. Data flows one way, and the file list reads like the flow:
//! `server -> session -> intake -> round -> aggregate -> evaluate -> store`. `cli` drives it.

pub mod aggregate;
pub mod round;
pub mod store;
