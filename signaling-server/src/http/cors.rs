//! Which web pages may call: an exact list, for HTTP and for the WebSocket alike (CASES C23).
//!
//! Native clients send no `Origin` and are let through; browsers always send one with what matters here. Tokens travel
//! in a header, never in a cookie, so no answer allows credentials. An origin that is not listed is never reflected,
//! and a request that would change something is refused for it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::HttpError;
use crate::App;
use crate::config::Config;

/// Whether a page of this request's origin, or a native client, may call. The WebSocket asks this before it upgrades.
pub fn origin_allowed(config: &Config, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| config.cors_origins.contains(origin)),
        (Some(_), Some(_)) => false,
    }
}

pub(super) async fn apply(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let allowed = origin_allowed(&app.config, request.headers());
    let preflight = *request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);

    let mut response = if preflight && allowed {
        preflight_answer()
    } else if allowed || is_safe(request.method()) {
        next.run(request).await
    } else {
        app.metrics.auth_failures.increment("origin");
        HttpError::forbidden("Pages of this origin may not call this server.").into_response()
    };
    // What a cache keeps for one origin is not for another.
    response.headers_mut().append(VARY, HeaderValue::from_name(ORIGIN));
    if let Some(origin) = origin.filter(|_| allowed) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

/// RFC 9110 §9.2.1: asking changes nothing, and without our headers the page does not see the answer.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

fn preflight_answer() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str]) -> bool {
        let environment =
            [("MOMOLAND_CORS_ORIGINS".to_owned(), "https://allowed.example,http://127.0.0.1:5173".to_owned())];
        let config = Config::load(None, environment).unwrap();
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, origin.parse().unwrap());
        }
        origin_allowed(&config, &headers)
    }

    #[test]
    fn only_exact_origins_and_native_clients_are_allowed() {
        assert!(allowed(&[]));
        assert!(allowed(&["https://allowed.example"]));
        assert!(allowed(&["http://127.0.0.1:5173"]));
        for origin in [
            "https://evil.example",
            "https://allowed.example.evil.example",
            "https://evil-allowed.example",
            "http://allowed.example",
            "https://allowed.example:444",
            "https://ALLOWED.example",
            "http://127.0.0.1:5173.evil.example",
            "http://127.0.0.1",
            "null",
            "",
            "*",
        ] {
            assert!(!allowed(&[origin]), "{origin}");
        }
        assert!(!allowed(&["https://allowed.example", "https://evil.example"]));
    }
}
