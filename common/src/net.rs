//! The only user of quinn (written next).
