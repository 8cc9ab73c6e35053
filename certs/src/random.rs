//! The one place that asks the operating system for random bytes.
//!
//! Called by the binaries to fill the randomness arguments of `token` and `serial`.
//! Private keys are not made here: aws-lc-rs draws them from its own DRBG.

use crate::error::CertError;

/// `N` bytes from the operating system's generator.
///
/// # Errors
/// [`CertError::Randomness`] when the operating system gives none.
pub fn bytes<const N: usize>() -> Result<[u8; N], CertError> {
    let mut buffer = [0_u8; N];
    getrandom::fill(&mut buffer).map_err(|_| CertError::Randomness)?;
    Ok(buffer)
}
