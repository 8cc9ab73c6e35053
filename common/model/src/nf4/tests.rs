//! Unit tests of the quantiser and the loader.
