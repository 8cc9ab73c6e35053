//! Every bound of this crate, with its reason. Used by the files that check them.
//! Invariant: a constant here is a bound and is named `..._MAX` or `..._MIN`.

/// A certificate request in DER: ours has about 200 bytes. The text of the refusal names this number.
pub const CSR_BYTES_MAX: usize = 4096;
/// Addresses under which one coordinator is reached: two networks, each by IPv4 and by IPv6.
pub const ADDRESSES_MAX: usize = 4;
/// A site's name: a DNS label (at most 63 bytes) and a folder name, short enough for a column of a table.
pub(crate) const SITE_NAME_BYTES_MAX: usize = 32;
/// Authorities before the present one that a coordinator can still prove its descent from: each adds a
/// certificate of about 500 bytes to every handshake, and one rollover a year is many.
pub const PREDECESSORS_MAX: usize = 4;
/// Certificates in a chain that is shown: the coordinator's, and a bridge for each predecessor, twice over
/// for what others may add.
pub(crate) const CHAIN_MAX: usize = 2 * (PREDECESSORS_MAX + 1);
/// The consortium's name in its CA certificate: the upper bound of a common name (RFC 5280, appendix A.1).
pub(crate) const CONSORTIUM_NAME_CHARACTERS_MAX: usize = 64;
/// Life of a site's certificate: 397 days, the limit of the public web.
pub(crate) const LIFETIME_S_MAX: u64 = 397 * 86_400;
/// The least life of a certificate: it is backdated by a minute, and must be valid for longer than a
/// handshake.
pub(crate) const LIFETIME_S_MIN: u64 = 60;
/// A signed note: three lines of a ledger's head (at most 300 bytes) and 16 signature lines of at most 400.
pub const NOTE_BYTES_MAX: usize = 8192;
/// Signature lines of a note: the site's own, and those of witnesses.
pub const NOTE_SIGNATURES_MAX: usize = 16;
/// The name of a note's key: `consilium/`, 16 digits, a site's name, and room for the names of others.
pub const NOTE_NAME_BYTES_MAX: usize = 256;
/// The header of an age file: ours has 200 bytes; a file for a hundred recipients has 12 KB.
pub(crate) const AGE_HEADER_BYTES_MAX: usize = 16 << 10;
/// Entries of a revocation list: a certificate that was revoked has two (its serial number and its key). A
/// hundred sites and 64 people, of whom each has ten that count no more and have not long ended, are 3,280.
pub const REVOKED_MAX: usize = 8192;
/// A revocation list in DER: 57 bytes for an entry (a number of 20 bytes with 4 of headers, a time of 17, the
/// reason with 16), and 1 KiB for the rest. It is under the mebibyte of a chunk, and in hexadecimal digits
/// under that of a line between an operator and the coordinator.
pub const REVOCATIONS_BYTES_MAX: usize = REVOKED_MAX * 57 + 1024;

const _: () = assert!(2 * REVOCATIONS_BYTES_MAX < 1 << 20, "a list fits in a line in hexadecimal digits");
/// log2 of the work factor that a passphrase may ask for: 2^18 steps take 256 MiB and a second, and are what
/// the `age` program asks for. A file that asks for more is no key of ours, but somebody who wants the
/// memory.
pub const AGE_LOG_N_MAX: u8 = 18;
/// A key that is sealed by a passphrase, in its armor: a key in PEM has 241 bytes, sealed 700.
pub const SEALED_BYTES_MAX: usize = 16 << 10;
