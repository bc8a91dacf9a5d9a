//! All routes in one table, and the layers around them.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use super::error::{ErrorKind, HttpError};
use super::extract::Caller;
use super::{account, admin, auth, cors, feed, health, well_known};
use crate::App;
use crate::connect;
use crate::limits::addresses::ClientAddress;
use crate::server::Peer;

/// How long one request may take in all, its wait for a password's turn included. The WebSocket leaves this behind when
/// it upgrades.
const REQUEST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// Paths that a flood must not hide from whoever watches the server.
const UNLIMITED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What metrics call a request that no route takes.
const NO_ROUTE: &str = "none";

/// One row of the table.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    handler: MethodRouter<Arc<App>>,
}

/// Every route of the server.
pub fn table() -> Vec<Route> {
    let route = |method, path, handler| Route { method, path, handler };
    vec![
        route(Method::GET, "/healthz", get(health::healthz)),
        route(Method::GET, "/readyz", get(health::readyz)),
        route(Method::GET, "/metrics", get(health::metrics)),
        route(Method::GET, "/.well-known/jwks.json", get(well_known::jwks)),
        route(Method::GET, "/.well-known/momoland", get(well_known::momoland)),
        route(Method::GET, "/v1/feed", get(feed::list)),
        route(Method::GET, "/feed.rss", get(feed::rss)),
        route(Method::GET, "/v1/openapi.json", get(well_known::openapi)),
        route(Method::GET, "/v1/connect", get(connect::upgrade)),
        route(Method::POST, "/v1/auth/register", post(auth::register)),
        route(Method::POST, "/v1/auth/login", post(auth::login)),
        route(Method::POST, "/v1/auth/refresh", post(auth::refresh)),
        route(Method::POST, "/v1/auth/logout", post(auth::logout)),
        route(Method::POST, "/v1/account/password", post(account::password)),
        route(Method::POST, "/v1/account/profile", post(account::profile)),
        route(Method::GET, "/v1/account/devices", get(account::devices)),
        route(Method::POST, "/v1/account/devices/revoke", post(account::revoke)),
        route(Method::POST, "/v1/admin/announcements", post(admin::announce)),
        route(Method::POST, "/v1/admin/notifications", post(admin::notify)),
    ]
}

/// The routes with everything that a request passes before them, outermost last.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in table() {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), limit_rate))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), cors::apply))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), identify))
        .with_state(app)
}

/// Says whom the request counts under.
async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
        return HttpError::internal("a request without a peer").into_response();
    };
    let address = ClientAddress::of_request(peer, request.headers(), &app.config.trusted_proxies);
    request.extensions_mut().insert(Caller(address));
    next.run(request).await
}

/// Counts and logs the answer, and bounds the time until it. No header, query or body is logged.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _in_flight = app.metrics.http_in_flight.raise();
    let method = method_word(request.method());
    let route =
        request.extensions().get::<MatchedPath>().map_or(NO_ROUTE.to_owned(), |matched| matched.as_str().to_owned());
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => HttpError::unavailable("The server is too busy to answer. Try again later.").into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers hold tokens, or the state of this very moment.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let took = started.elapsed();
    app.metrics.http_answered(method, &route, response.status().as_u16(), took);
    tracing::debug!(method, route, status = response.status().as_u16(), took_ms = took.as_millis(), "answered");
    response
}

async fn limit_rate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let watched = UNLIMITED.contains(&request.uri().path());
    if !watched {
        let Some(Caller(address)) = request.extensions().get::<Caller>().copied() else {
            return HttpError::internal("a request without a caller").into_response();
        };
        if let Err(error) = app.check_rate(app.limits.request(address)) {
            return HttpError::from(error).into_response();
        }
    }
    next.run(request).await
}

async fn no_such_path() -> HttpError {
    HttpError::new(ErrorKind::NotFound, "There is nothing at this path. /v1/openapi.json describes what there is.")
}

async fn no_such_method() -> HttpError {
    HttpError::invalid("This path does not take this method. /v1/openapi.json describes what it takes.")
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// The method as a label: clients may send any word, metrics have a closed set.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_and_the_table_have_the_same_routes() {
        let openapi: serde_json::Value = serde_json::from_str(well_known::OPENAPI).unwrap();
        let described: BTreeSet<(String, String)> = openapi["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase()))
            })
            .collect();
        let routed: BTreeSet<(String, String)> =
            table().iter().map(|route| (route.path.to_owned(), route.method.to_string())).collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let openapi: serde_json::Value = serde_json::from_str(well_known::OPENAPI).unwrap();
        let mut open = vec![&openapi];
        let mut seen = 0;
        while let Some(value) = open.pop() {
            match value {
                serde_json::Value::Object(fields) => {
                    if let Some(reference) = fields.get("$ref").and_then(|reference| reference.as_str()) {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(openapi.pointer(pointer).is_some(), "{reference}");
                        seen += 1;
                    }
                    open.extend(fields.values());
                }
                serde_json::Value::Array(values) => open.extend(values),
                _ => {}
            }
        }
        assert!(seen > 10);
    }
}
