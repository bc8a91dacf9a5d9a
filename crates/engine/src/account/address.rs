//! A server's address as people type it.

use std::fmt;
use std::net::IpAddr;

/// Where a server is: a scheme and an authority, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    secure: bool,
    /// `host` or `host:port`, lower case; an IPv6 address in brackets.
    authority: String,
}

/// What was typed is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{typed}” is not the address of a server. It looks like https://chat.example.org or http://127.0.0.1:7420.")]
pub(crate) struct NotAnAddress {
    typed: String,
}

impl ServerAddress {
    /// Understands `http(s)://host[:port]`; a bare `host[:port]` means https, on loopback http.
    ///
    /// # Errors
    /// [`NotAnAddress`] for other schemes, paths, credentials and malformed hosts.
    pub(crate) fn parse(typed: &str) -> Result<Self, NotAnAddress> {
        let error = || NotAnAddress { typed: typed.chars().take(80).collect() };
        let text = typed.trim().trim_end_matches('/');
        let (scheme, authority) = match text.split_once("://") {
            Some((scheme, authority)) => (Some(scheme.to_ascii_lowercase()), authority),
            None => (None, text),
        };
        let authority = authority.to_lowercase();
        let (host, port) = split_port(&authority).ok_or_else(error)?;
        let plausible = !host.is_empty()
            && host.len() <= 253
            && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_'));
        if !plausible || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(error());
        }
        let secure = match scheme.as_deref() {
            Some("https") => true,
            Some("http") => false,
            None => !is_loopback(host),
            Some(_) => return Err(error()),
        };
        Ok(Self { secure, authority })
    }

    /// Whether it is this machine: then loopback addresses are ways between devices too.
    pub(crate) fn is_loopback(&self) -> bool {
        split_port(&self.authority).is_some_and(|(host, _)| is_loopback(host))
    }

    /// The host alone; an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        split_port(&self.authority).map_or(&self.authority, |(host, _)| host)
    }

    /// The address of a path over HTTP.
    pub(crate) fn http(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// The address of a path over WebSocket.
    pub(crate) fn websocket(&self, path: &str) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{path}", self.authority)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let end = rest.find(']')?;
        let (host, after) = (&authority[..end + 2], &rest[end + 1..]);
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port))),
        Some(_) => None,
        None => Some((authority, None)),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expected: Option<&str>) {
        let got = ServerAddress::parse(typed).ok().map(|address| address.to_string());
        assert_eq!(got.as_deref(), expected, "{typed}");
    }

    #[test]
    fn people_type_addresses_in_many_ways() {
        check("https://chat.example.org", Some("https://chat.example.org"));
        check("chat.example.org", Some("https://chat.example.org"));
        check(" Chat.Example.org/ ", Some("https://chat.example.org"));
        check("127.0.0.1:7420", Some("http://127.0.0.1:7420"));
        check("localhost", Some("http://localhost"));
        check("[::1]:7420", Some("http://[::1]:7420"));
        check("http://10.0.0.2:80", Some("http://10.0.0.2:80"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in
            ["", "   ", "ftp://a", "javascript:alert(1)", "https://a/b", "https://u:p@a", "a:99999", "a b", "::1"]
        {
            check(typed, None);
        }
    }
}
