//! What every step of the generator may fail with. Used by all its modules and by `make-demo-data`: the text
//! is enough.

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
