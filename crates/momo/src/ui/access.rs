//! Who may talk to the window's port: pure checks of a request's head.
//!
//! `ui` asks for every request: does it name us as its host (else a foreign name was rebound to loopback), does it
//! come from our own origin or from no page at all, and does it carry the cookie or the unused token.
//!
//! The token is good for one entrance and becomes a cookie: what stays in a terminal's scrollback or in a browser's
//! history opens nothing. Cookies are not kept apart by port, so the cookie's name carries ours; what they protect
//! against is pages and other accounts of this machine, not programs of the same account, which can read the data
//! folder anyway.
//!
//! Not here: sockets and responses (`ui`).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const SECRET_BYTES: usize = 32;

/// Checks requests against one listening address and the secrets made for it.
#[derive(Debug)]
pub(crate) struct Access {
    /// `127.0.0.1:7421`: what a request must name as its host.
    authority: String,
    /// `http://127.0.0.1:7421`: the one origin whose pages may talk to us.
    origin: String,
    content_security_policy: HeaderValue,
    cookie_name: String,
    /// Hashes, because those compare in constant time.
    token: blake3::Hash,
    token_used: AtomicBool,
    cookie: HeaderValue,
    session: blake3::Hash,
}

/// Why a request is refused before its secret is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It names another host: a name of somebody else's that resolves to this machine.
    Host,
    /// A page of another origin sent it.
    Origin,
}

impl Foreign {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Host => "This is not the address that `momo ui` printed. Open that one.",
            Self::Origin => "Pages from elsewhere may not talk to this window.",
        }
    }
}

/// Whether a request may go in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It carries the cookie.
    Known,
    /// It carried the token, which is used up now; the answer must set this cookie.
    Admitted {
        cookie: HeaderValue,
    },
    Refused,
}

impl Access {
    /// Makes the secrets. The token that comes back is for the printed address alone.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub(crate) fn new(address: SocketAddr) -> std::io::Result<(Self, String)> {
        let token = secret()?;
        let session = secret()?;
        let authority = address.to_string();
        let origin = format!("http://{authority}");
        let cookie_name = format!("momoland-{}", address.port());
        // Styles are also written by scripts (positions of menus and toasts), which a hash cannot name beforehand.
        // `'self'` covers the socket in current browsers; older ones want its scheme spelled out.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
             media-src 'self' blob:; font-src 'self'; connect-src 'self' ws://{authority}; manifest-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let access = Self {
            content_security_policy: HeaderValue::try_from(policy).map_err(std::io::Error::other)?,
            cookie: HeaderValue::try_from(format!("{cookie_name}={session}; Path=/; HttpOnly; SameSite=Strict"))
                .map_err(std::io::Error::other)?,
            token: blake3::hash(token.as_bytes()),
            session: blake3::hash(session.as_bytes()),
            token_used: AtomicBool::new(false),
            authority,
            origin,
            cookie_name,
        };
        Ok((access, token))
    }

    /// The address to print, of one of the pages.
    pub(crate) fn entrance(&self, page: &str, token: &str) -> String {
        format!("{}{page}?token={token}", self.origin)
    }

    /// Checks host and origin.
    ///
    /// # Errors
    /// [`Foreign`] where the request was not made by a page of ours, nor by a program without pages.
    pub(crate) fn check_sender(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if host.is_none_or(|host| host.as_bytes() != self.authority.as_bytes()) || hosts.next().is_some() {
            return Err(Foreign::Host);
        }
        // A request line may name a host as well (RFC 9112 §3.2.2).
        if uri.authority().is_some_and(|authority| authority.as_str() != self.authority) {
            return Err(Foreign::Host);
        }
        // The whole value, never a prefix or suffix; a program that is no browser sends none.
        if headers.get_all(header::ORIGIN).iter().any(|origin| origin.as_bytes() != self.origin.as_bytes()) {
            return Err(Foreign::Origin);
        }
        Ok(())
    }

    /// Checks the cookie, then the token; uses the token up.
    pub(crate) fn enter(&self, uri: &Uri, headers: &HeaderMap) -> Entry {
        if self.carries_cookie(headers) {
            return Entry::Known;
        }
        let Some(token) = query_value(uri, "token") else { return Entry::Refused };
        if blake3::hash(token.as_bytes()) != self.token || self.token_used.swap(true, Ordering::AcqRel) {
            return Entry::Refused;
        }
        Entry::Admitted { cookie: self.cookie.clone() }
    }

    /// Headers that every answer carries: nothing foreign runs in the page, frames it, or learns its address.
    pub(crate) fn protect(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_SECURITY_POLICY, self.content_security_policy.clone());
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }

    fn carries_cookie(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == self.cookie_name && blake3::hash(value.as_bytes()) == self.session)
    }
}

/// Where the entrance leads: to the page, with whatever else the address said, and never to another path, which could
/// begin with a host of somebody else's (`//evil.example`).
pub(crate) fn without_token(uri: &Uri) -> HeaderValue {
    let rest: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("token="))
        .collect();
    let page = super::PAGES.into_iter().find(|page| *page == uri.path()).unwrap_or("/");
    let location = if rest.is_empty() { page.to_owned() } else { format!("{page}?{}", rest.join("&")) };
    // What a request line may hold, a header may hold too.
    HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"))
}

/// Our secrets need no percent-decoding, so neither does what is compared with them.
fn query_value<'a>(uri: &'a Uri, wanted: &str) -> Option<&'a str> {
    uri.query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == wanted).then_some(value))
}

/// What nobody guesses, in text.
///
/// # Errors
/// Where the system gives no random numbers.
pub(crate) fn secret() -> std::io::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "127.0.0.1:7421";

    fn access() -> (Access, String) {
        Access::new(OURS.parse().expect("an address")).expect("random numbers")
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        headers
    }

    fn check(pairs: &[(HeaderName, &str)], expected: Result<(), Foreign>) {
        let (access, _) = access();
        assert_eq!(access.check_sender(&Uri::from_static("/ws"), &headers(pairs)), expected, "{pairs:?}");
    }

    #[test]
    fn only_our_own_host_and_origin_pass() {
        let own = (header::HOST, OURS);
        check(std::slice::from_ref(&own), Ok(()));
        check(&[own.clone(), (header::ORIGIN, "http://127.0.0.1:7421")], Ok(()));
        for foreign in [
            "https://evil.example",
            "https://allowed.example.evil.example",
            "http://127.0.0.1:7421.evil.example",
            "http://127.0.0.1:74210",
            "http://127.0.0.1:7422",
            "https://127.0.0.1:7421",
            "http://localhost:7421",
            "http://127.0.0.1:7421/",
            "HTTP://127.0.0.1:7421",
            "null",
            "",
        ] {
            check(&[own.clone(), (header::ORIGIN, foreign)], Err(Foreign::Origin));
        }
        // Two origins, one of them ours.
        check(
            &[own, (header::ORIGIN, "http://127.0.0.1:7421"), (header::ORIGIN, "https://evil.example")],
            Err(Foreign::Origin),
        );
    }

    #[test]
    fn a_foreign_name_that_resolves_to_us_is_refused() {
        check(&[], Err(Foreign::Host));
        for foreign in ["evil.example:7421", "127.0.0.1", "127.0.0.1:7422", "127.0.0.1:7421.evil.example", ""] {
            check(&[(header::HOST, foreign)], Err(Foreign::Host));
        }
        check(&[(header::HOST, OURS), (header::HOST, "evil.example:7421")], Err(Foreign::Host));
        let (access, _) = access();
        let absolute = Uri::from_static("http://evil.example:7421/ws");
        assert_eq!(access.check_sender(&absolute, &headers(&[(header::HOST, OURS)])), Err(Foreign::Host));
    }

    #[test]
    fn the_token_opens_once_and_its_cookie_from_then_on() {
        let (access, token) = access();
        let entrance: Uri = access.entrance("/", &token).parse().expect("an address");
        let nothing = HeaderMap::new();

        assert_eq!(access.enter(&Uri::from_static("/"), &nothing), Entry::Refused);
        assert_eq!(access.enter(&Uri::from_static("/?token=guess"), &nothing), Entry::Refused);
        assert_eq!(access.enter(&Uri::from_static("/?token="), &nothing), Entry::Refused);
        let Entry::Admitted { cookie } = access.enter(&entrance, &nothing) else { panic!("the token was not taken") };
        assert_eq!(access.enter(&entrance, &nothing), Entry::Refused, "the token is used up");

        let cookie = cookie.to_str().expect("text");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().expect("a pair");
        assert!(pair.starts_with("momoland-7421="), "{pair}");
        let carried = headers(&[(header::COOKIE, &format!("other=1; {pair}; more=2"))]);
        assert_eq!(access.enter(&Uri::from_static("/ws"), &carried), Entry::Known);
        for forged in [format!("{pair}x"), pair.replace("7421", "7422"), pair.replace('=', "")] {
            assert_eq!(access.enter(&Uri::from_static("/ws"), &headers(&[(header::COOKIE, &forged)])), Entry::Refused);
        }
    }

    #[test]
    fn the_entrance_leads_to_the_page_and_nowhere_else() {
        for (entrance, expected) in [
            ("/?token=T", "/"),
            ("/?server=chat.example&token=T", "/?server=chat.example"),
            ("/?token=T&a=1&&b", "/?a=1&b"),
            ("//evil.example/?token=T", "/"),
            ("/", "/"),
            ("/demo-realtime?token=T", "/demo-realtime"),
            ("/demo-realtime?people=3&token=T", "/demo-realtime?people=3"),
            ("/demo-realtime/x?token=T", "/"),
        ] {
            assert_eq!(without_token(&Uri::from_static(entrance)), expected, "{entrance}");
        }
    }

    #[test]
    fn another_window_has_other_secrets() {
        let (first, token) = access();
        let (second, _) = access();
        let entrance: Uri = first.entrance("/", &token).parse().expect("an address");
        assert_eq!(second.enter(&entrance, &HeaderMap::new()), Entry::Refused);
    }
}
