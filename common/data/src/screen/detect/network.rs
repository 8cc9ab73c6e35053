//! E-mail addresses, web addresses and IP addresses. Each is triggered by a mark (`@`, `://`, `www.`,
//! digits), so that text without them costs one search. Called by `detect`. Invariant: `5@3` and version
//! numbers of two or three parts are no hits.

use std::net::{IpAddr, Ipv6Addr};

use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// Adds e-mail and web addresses.
pub(super) fn find_words(view: &View<'_>, hits: &mut Vec<Hit>) {
    for (at, _) in view.text.match_indices('@') {
        if let Some((start, end)) = email(view, at) {
            hits.push(Hit { kind: Kind::Email, start, end });
        }
    }
    for (at, _) in view.text.match_indices("://") {
        let scheme = view.before(at).bytes().rev().take(8).take_while(u8::is_ascii_alphabetic).count();
        if scheme >= 3 {
            url(view, at - scheme, at + 3, hits);
        }
    }
    for (at, _) in view.text.match_indices("www.") {
        if !view.before(at).ends_with("://") {
            url(view, at, at + 4, hits);
        }
    }
}

/// Local part and domain around an `@`, blanks or a line break around it allowed; the domain ends in a word
/// of letters.
fn email(view: &View<'_>, at: usize) -> Option<(usize, usize)> {
    let before = view.before(at);
    let trimmed = before.trim_end_matches([' ', '\n']);
    let before = if before.len() - trimmed.len() <= 1 { trimmed } else { before };
    let local = before.bytes().rev().take(64).take_while(|byte| is_local(*byte)).count();
    let start = before.len() - local;
    let lead = before.get(start..)?.bytes().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let after = view.after(at + 1);
    let skip = usize::from(after.starts_with([' ', '\n']));
    let rest = after.get(skip..)?;
    let length = rest.bytes().take(253).take_while(|byte| is_domain(*byte)).count();
    let domain = rest.get(..length)?.trim_end_matches(['.', '-']);
    let (name, top) = domain.rsplit_once('.')?;
    let whole = top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic()) && !name.is_empty();
    (local > lead && whole).then(|| (start + lead, at + 1 + skip + domain.len()))
}

/// From the scheme to the end of the address; the host must have a dot or be an address.
fn url(view: &View<'_>, start: usize, host: usize, hits: &mut Vec<Hit>) {
    let rest = view.after(host);
    let is_part = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'<' | b'>' | b'"' | b'\'' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^')
    };
    let length = rest.bytes().take(2048).take_while(|byte| is_part(*byte)).count();
    let address =
        rest.get(..length).unwrap_or_default().trim_end_matches(['.', ',', ')', ';', ':', '!', '?']);
    let host_name = address.split(['/', '?', '#']).next().unwrap_or_default();
    if host_name.contains('.') || host_name.contains(':') || host_name == "localhost" {
        hits.push(Hit { kind: Kind::Url, start, end: host + address.len() });
    }
}

/// Adds IPv4 addresses (four parts of 0 to 255, not all of one digit without a word before) and IPv6
/// addresses.
pub(super) fn find_addresses(view: &View<'_>, hits: &mut Vec<Hit>) {
    let bytes = view.text.as_bytes();
    let mut seen = 0;
    for run in view.runs {
        if run.start < seen {
            continue;
        }
        let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
        let left = bytes
            .get(..run.start)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(40)
            .take_while(|byte| is_part(byte))
            .count();
        let right = bytes
            .get(run.start..)
            .unwrap_or_default()
            .iter()
            .take(48)
            .take_while(|byte| is_part(byte))
            .count();
        let start = run.start - left;
        seen = run.start + right;
        let token = view.text.get(start..seen).unwrap_or_default();
        let lead = token.len() - token.trim_start_matches(['.', ':']).len();
        let (lead, token) =
            if token.starts_with("::") { (0, token) } else { (lead, token.trim_start_matches(['.', ':'])) };
        let token = if token.ends_with("::") { token } else { token.trim_end_matches(['.', ':']) };
        let glued = bytes.get(start + lead + token.len()).is_some_and(u8::is_ascii_alphanumeric)
            || (start + lead)
                .checked_sub(1)
                .and_then(|before| bytes.get(before))
                .is_some_and(u8::is_ascii_alphanumeric);
        // A port stands behind one colon.
        let (host, colons) = (token.split(':').next().unwrap_or_default(), token.matches(':').count());
        let token = if token.contains('.') && colons == 1 { host } else { token };
        if !glued && is_address(view, start + lead, token) {
            hits.push(Hit { kind: Kind::IpAddress, start: start + lead, end: start + lead + token.len() });
        }
    }
}

fn is_address(view: &View<'_>, start: usize, token: &str) -> bool {
    match token.parse::<IpAddr>() {
        // `1.2.3.4` is a chapter or a version more often than an address.
        Ok(IpAddr::V4(address)) => {
            let near: String =
                view.before(start).chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect();
            address.octets().iter().any(|part| *part >= 10) || near.to_ascii_lowercase().contains("ip")
        }
        // `12:30` and `::` are not addresses: at least three colons, and a letter or four groups.
        Ok(IpAddr::V6(address)) => token.matches(':').count() >= 3 && address != Ipv6Addr::UNSPECIFIED,
        Err(_) => false,
    }
}
