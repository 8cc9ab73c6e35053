//! The one socket. Called by `site-agent serve` before it takes its locks: afterwards none can be made.
//!
//! Invariant: an address of this machine's loopback interface and no other; whoever wants more puts a server
//! with TLS and accounts in front.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

/// A socket that listens at `address`.
///
/// # Errors
/// `InvalidInput` where the address is not of this machine alone; what the system says, for instance that
/// the port is taken.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not an address of this machine alone",
        ));
    }
    let listener = TcpListener::bind(address)?;
    // Connections inherit it: a part of an answer is not held back until the one before it is acknowledged.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_can_connect() {
        for good in ["127.0.0.1:0", "127.8.9.1:0"] {
            assert!(listen(good.parse().unwrap()).unwrap().local_addr().unwrap().ip().is_loopback());
        }
        for bad in ["0.0.0.0:0", "10.0.0.1:0", "[::]:0", "192.0.2.1:80"] {
            let refused = listen(bad.parse().unwrap()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{bad}");
        }
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let again = listen(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }
}
