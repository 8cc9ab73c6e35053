//! What every step of the benchmark may fail with. Used by all its modules: it is a maintainer's tool, the
//! text is enough.

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
