//! How asynchronous code does file and database work, and how a site is told that it failed. Used by
//! `requests`, `enrolment`, `execution` and `admin`. Invariants: no file or database work runs on an
//! asynchronous thread; a task that ends without a result is a fault of ours, never one of the database.

use common::wire::message::Refusal;

use crate::error::{Error, Result};
use crate::store::StoreError;

/// Runs file and database work where it may block.
///
/// # Errors
/// What `work` returns, or [`Error::Interrupted`] if it panicked or was cancelled.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| Error::Interrupted(error.to_string()))?
}

/// Our own failure, as a site is told it: worth a retry, and the words are in our log.
///
/// # Errors
/// [`Refusal::StorageFull`] if the database found no room, else [`Refusal::Internal`].
pub fn internal<T>(result: Result<T>) -> std::result::Result<T, Refusal> {
    result.map_err(|error| {
        tracing::error!(%error, "cannot answer a site");
        match error {
            Error::Store(StoreError::Full) => Refusal::StorageFull,
            _ => Refusal::Internal,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_fault_of_ours_and_not_of_the_database() {
        let error = blocking::<()>(|| panic!("on purpose")).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)), "{error}");
        assert!(!error.is_user_error() && error.is_retryable());
        assert!(!error.hint().unwrap().contains("backup"));
        assert_eq!(internal::<()>(Err(error)), Err(Refusal::Internal));
    }
}
