//! The one integration test binary: whole consortia of real processes, and the repository's own
//! rules. Each module is one claim of SECURITY.md or the README; helpers are in `support`.

mod tidy;
