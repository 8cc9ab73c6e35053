//! A value that must not reach a log: wiped when dropped, silent in `Debug`, exposed only by name.
//! Used by `net::endpoint` for the key of an endpoint.

use std::fmt;

use zeroize::Zeroize;

/// Holds a secret; the only way to it is [`Secret::expose`].
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the secret over.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself; grep for this word to see every use.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}
