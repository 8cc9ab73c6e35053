//! Free UDP ports on loopback for consortia that run side by side. Called by `consortium`.
//!
//! The kernel proposes ephemeral ports at random; a list of what this process already handed out
//! keeps two tests in one process from being given the same port between proposal and use.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Mutex;

use crate::failure::Failure;

static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A UDP port on 127.0.0.1 that nobody uses and that this process has not been given before.
///
/// # Errors
/// [`Failure::Socket`] when the kernel has none left.
pub fn free_port() -> Result<u16, Failure> {
    loop {
        let socket =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|source| Failure::Socket { source })?;
        let port = socket.local_addr().map_err(|source| Failure::Socket { source })?.port();
        let mut taken = HANDED_OUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if taken.insert(port) {
            return Ok(port);
        }
    }
}
