//! The algorithms that TLS may negotiate and certificates are verified with. Used by `tls`, `lineage` and
//! tests. Invariant: one provider, aws-lc-rs, always passed explicitly.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The algorithms of this system, strongest first. AES-128-GCM must stay: QUIC's first packets use it.
pub fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::{cipher_suite, kx_group};
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    })
}
