//! Who may ask at all: programs of this machine, by its own names, with the token where one is set. Called by
//! `server` before anything of a request is looked at.
//!
//! A page in a browser can send requests to this machine, too. It cannot choose the header Host, which names
//! the page's own server where that server's name was made to lead here (DNS rebinding), and it sends the
//! header Origin with every request that could do something. Neither is answered, and no header is sent that
//! would let a page read an answer (no CORS). Invariant: the token is compared in constant time.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::Uri;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::EndpointError;
use crate::limits::{TOKEN_BYTES_MAX, TOKEN_BYTES_MIN};

/// What clients must show.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token")
    }
}

impl Token {
    /// The first line of a file, which must be long enough not to be guessed.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let line = text.lines().next().unwrap_or_default().trim();
        let is_good = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&line.len())
            && line.bytes().all(|byte| byte.is_ascii_graphic());
        is_good.then(|| Self(Zeroizing::new(line.to_owned())))
    }
}

/// Refuses requests that came by another name of this machine, or from a page.
///
/// # Errors
/// `ForeignHost`, `WebPage`.
pub(crate) fn place(uri: &Uri, headers: &HeaderMap) -> Result<(), EndpointError> {
    let named = single(headers, &HOST).ok_or(EndpointError::ForeignHost)?;
    let is_ours = is_this_machine(named) && uri.host().is_none_or(is_this_machine);
    if !is_ours {
        return Err(EndpointError::ForeignHost);
    }
    if headers.contains_key(ORIGIN) { Err(EndpointError::WebPage) } else { Ok(()) }
}

/// Refuses who does not show the token, where there is one.
///
/// # Errors
/// `WrongToken`.
pub(crate) fn token(wanted: Option<&Token>, headers: &HeaderMap) -> Result<(), EndpointError> {
    let Some(Token(wanted)) = wanted else { return Ok(()) };
    let shown = single(headers, &AUTHORIZATION).unwrap_or_default();
    let (scheme, shown) = shown.split_once(' ').unwrap_or_default();
    let is_same = bool::from(shown.trim().as_bytes().ct_eq(wanted.as_bytes()));
    let is_shown = scheme.eq_ignore_ascii_case("bearer") && is_same;
    if is_shown { Ok(()) } else { Err(EndpointError::WrongToken) }
}

/// Refuses a body of another type than JSON: also what a page may send without asking first.
///
/// # Errors
/// `MediaType`.
pub(crate) fn json(headers: &HeaderMap) -> Result<(), EndpointError> {
    let kind = single(headers, &CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(EndpointError::MediaType) }
}

/// A header that is there once, and readable.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Whether a host, with or without a port, is a name of this machine that nobody else can give.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if port.is_empty() || is_port(port) => address,
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn this_machine_is_known_by_its_own_names_only() {
        for good in ["localhost", "LocalHost:8080", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:8080"] {
            assert!(is_this_machine(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:8080",
            "localhost:x",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "[::1]evil",
            "[::1]:x",
            "user@localhost",
            "0.0.0.0",
        ] {
            assert!(!is_this_machine(bad), "{bad}");
        }
    }

    #[test]
    fn pages_and_foreign_names_are_refused() {
        let path: Uri = "/v1/models".parse().unwrap();
        let at = |pairs: &[(&'static str, &str)]| place(&path, &headers(pairs));
        assert_eq!(at(&[("host", "localhost:8080")]), Ok(()));
        assert_eq!(at(&[]), Err(EndpointError::ForeignHost));
        assert_eq!(at(&[("host", "evil.example")]), Err(EndpointError::ForeignHost));
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(at(&two), Err(EndpointError::ForeignHost));
        for origin in ["https://evil.example", "null", "http://localhost:8080"] {
            let page = at(&[("host", "localhost"), ("origin", origin)]);
            assert_eq!(page, Err(EndpointError::WebPage), "{origin}");
        }
        let whole: Uri = "http://evil.example/v1/models".parse().unwrap();
        assert_eq!(place(&whole, &headers(&[("host", "localhost")])), Err(EndpointError::ForeignHost));
    }

    #[test]
    fn the_token_is_wanted_where_there_is_one() {
        assert!(Token::new("short").is_none() && Token::new("with a blank in the middle").is_none());
        let wanted = Token::new("0123456789abcdef\nsecond line").unwrap();
        assert_eq!(format!("{wanted:?}"), "Token");
        let with = |value: &str| token(Some(&wanted), &headers(&[("authorization", value)]));
        assert_eq!(with("Bearer 0123456789abcdef"), Ok(()));
        assert_eq!(with("bearer 0123456789abcdef"), Ok(()));
        for bad in ["Bearer 0123456789abcdeg", "0123456789abcdef", "Basic 0123456789abcdef", "Bearer "] {
            assert_eq!(with(bad), Err(EndpointError::WrongToken), "{bad}");
        }
        assert_eq!(token(Some(&wanted), &HeaderMap::new()), Err(EndpointError::WrongToken));
        assert_eq!(token(None, &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn a_body_is_json_by_its_header() {
        let of = |kind: &str| json(&headers(&[("content-type", kind)]));
        assert_eq!(of("application/json; charset=utf-8"), Ok(()));
        assert_eq!(of("text/plain"), Err(EndpointError::MediaType));
        assert_eq!(json(&HeaderMap::new()), Err(EndpointError::MediaType));
    }
}
