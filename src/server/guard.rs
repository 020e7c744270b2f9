//! Stands before every route of the API: who is calling, how often, and may this key do that?
//!
//! Invariant: what is in no rule is an owner's alone. A thing of another tenant is not there, and
//! its own tenant reads in its audit that somebody asked.

use crate::envelope::{Denied, Refusal};
use crate::extract::{BODY_WITHIN, api_key, nowhere, read_json, too_slow};
use app::caller::Caller;
use app::rates::{Rate, WINDOW};
use app::{App, access, audits, rates, scope};
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::access::{Lack, Scope};
use domain::id::BrandId;
use domain::rejection::{Rejection, Rule as Broken};
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

/// What begins with it is the API.
const API: &str = "/v1/";
/// As the IETF's draft on rate limits for HTTP has them.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What one method of one route takes.
const ROUTES: [(Method, &str, Scope); 11] = [
    (Method::POST, "/v1/posts", Scope::PostsWrite),
    (Method::POST, "/v1/posts/bulk", Scope::PostsWrite),
    (Method::POST, "/v1/posts/validate", Scope::PostsRead),
    (Method::PATCH, "/v1/posts/{id}", Scope::PostsWrite),
    (Method::POST, "/v1/posts/{id}/duplicate", Scope::PostsWrite),
    (Method::POST, "/v1/accounts/{id}/retry", Scope::PostsPublish),
    (Method::PUT, "/v1/accounts/{id}/slots", Scope::SlotsWrite),
    (Method::PUT, "/v1/brands/{slug}/slots", Scope::SlotsWrite),
    (Method::DELETE, "/v1/brands/{slug}", Scope::TenantWrite),
    (Method::GET, "/v1/oauth-apps", Scope::TenantWrite),
    (Method::GET, "/v1/oauth-apps/{platform}/{app}", Scope::TenantWrite),
];

/// What everything else below a folder takes: to read it, and to change it.
const FOLDERS: [(&str, Scope, Scope); 17] = [
    ("/v1/posts", Scope::PostsRead, Scope::PostsPublish),
    ("/v1/deliveries", Scope::PostsRead, Scope::PostsPublish),
    ("/v1/calendar", Scope::PostsRead, Scope::PostsPublish),
    ("/v1/media", Scope::PostsRead, Scope::MediaWrite),
    ("/v1/uploads", Scope::MediaWrite, Scope::MediaWrite),
    ("/v1/brands", Scope::AccountsRead, Scope::AccountsWrite),
    ("/v1/pauses", Scope::AccountsRead, Scope::TenantWrite),
    ("/v1/erasures", Scope::AccountsRead, Scope::TenantWrite),
    ("/v1/accounts", Scope::AccountsRead, Scope::AccountsWrite),
    ("/v1/oauth", Scope::AccountsWrite, Scope::AccountsWrite),
    ("/v1/oauth-apps", Scope::TenantWrite, Scope::TenantWrite),
    ("/v1/platforms", Scope::AccountsRead, Scope::TenantWrite),
    ("/v1/limits", Scope::AccountsRead, Scope::TenantWrite),
    ("/v1/events", Scope::EventsRead, Scope::TenantWrite),
    ("/v1/webhooks", Scope::WebhooksRead, Scope::WebhooksWrite),
    ("/v1/audit", Scope::AuditRead, Scope::TenantWrite),
    ("/v1/keys", Scope::KeysRead, Scope::KeysWrite),
];

/// Lists that show a key the things of its own brands alone, and routes without a brand.
const WITHOUT_BRAND: [(Method, &str); 15] = [
    (Method::GET, "/v1/posts"),
    (Method::GET, "/v1/deliveries"),
    (Method::GET, "/v1/limits"),
    // Each row is weighed for itself.
    (Method::POST, "/v1/posts/bulk"),
    (Method::GET, "/v1/accounts"),
    (Method::GET, "/v1/brands"),
    (Method::GET, "/v1/erasures"),
    (Method::GET, "/v1/pauses"),
    (Method::GET, "/v1/platforms"),
    (Method::GET, "/v1/media"),
    (Method::POST, "/v1/media"),
    (Method::POST, "/v1/media/import"),
    (Method::POST, "/v1/media/presign"),
    (Method::POST, "/v1/uploads"),
    (Method::OPTIONS, "/v1/uploads"),
];

/// What leads to a platform's own pages or answers, which a key in test mode never reaches.
const LIVE_ONLY: [&str; 4] =
    ["/v1/oauth/", "/v1/oauth-apps/", "/v1/accounts/import", "/v1/brands/{slug}/connect-links"];
/// In the answers to keys in test mode.
const MODE: HeaderName = HeaderName::from_static("postfleet-mode");

/// Lets a request in, or turns it away.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(route) = route.filter(|route| route.starts_with(API)) else {
        return next.run(request).await;
    };
    let caller = match who(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(denied) => return denied.into_response(),
    };
    let rate = rates::count(&app, &caller).await;
    let answered = match rate.filter(|rate| rate.is_over) {
        Some(rate) => Err(too_often(rate).into()),
        // A query that forgets its tenant sees nothing of another one.
        None => {
            let passing = pass(&app, &caller, &route, request, next);
            scope::of_tenants([caller.tenant], passing).await
        }
    };
    let mut response = answered.unwrap_or_else(Denied::into_response);
    if let Some(rate) = rate {
        tell(response.headers_mut(), rate);
    }
    if caller.is_test {
        response.headers_mut().insert(MODE, HeaderValue::from_static("test"));
    }
    response
}

async fn who(app: &App, headers: &HeaderMap) -> Result<Caller, Denied> {
    let key = api_key(headers).ok_or_else(|| Refusal::unauthorized(None))?;
    let known = app.caller(key).await?;
    Ok(known.map_err(|why| Refusal::unauthorized(Some(why)))?)
}

async fn pass(
    app: &App,
    caller: &Caller,
    route: &str,
    request: Request,
    next: Next,
) -> Result<Response, Denied> {
    let (mut parts, body) = request.into_parts();
    let scope = needed(&parts.method, route);
    caller.access.check(scope).map_err(|lack| access::refusal(caller, lack))?;
    if caller.is_test && LIVE_ONLY.iter().any(|path| route.starts_with(path)) {
        return Err(live_only().into());
    }
    let named = named(&mut parts).await?;
    let mut request = Request::from_parts(parts, body);
    if !caller.may_everywhere(scope) {
        request = match place(app, caller, route, &named, request).await? {
            (request, Place::Brand(brand)) => {
                caller.may(scope, brand).map_err(|lack| match lack {
                    Lack::Brand => not_there(&named),
                    Lack::Scope(_) | Lack::Role(..) => access::refusal(caller, lack).into(),
                })?;
                request
            }
            (request, Place::Own | Place::Nowhere) => request,
            (_, Place::Tenant) => return Err(access::refusal(caller, Lack::Brand).into()),
        };
    }
    let how = format!("{} {route}", request.method());
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        for (_, value) in &named {
            audits::note_refused(app, caller, value, &how).await?;
        }
    }
    Ok(response)
}

/// What a method of a route takes.
pub(crate) fn needed(method: &Method, route: &str) -> Scope {
    for (one, path, scope) in ROUTES {
        if one == *method && path == route {
            return scope;
        }
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    folder_of(route).map_or(Scope::TenantWrite, |(read, write)| if is_read { read } else { write })
}

fn folder_of(route: &str) -> Option<(Scope, Scope)> {
    let is_below = |folder: &str| {
        route.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let folder = FOLDERS.iter().find(|(folder, ..)| is_below(folder));
    folder.map(|(_, read, write)| (*read, *write))
}

/// Where a request acts, as far as a key for some brands has to know.
enum Place {
    /// On this brand.
    Brand(BrandId),
    /// On what the key may see, whatever that is.
    Own,
    /// On something that is not there; whoever answers says so.
    Nowhere,
    /// On the tenant as a whole.
    Tenant,
}

type Named = Vec<(String, String)>;

/// What the path of a request names.
async fn named(parts: &mut Parts) -> Result<Named, Denied> {
    let params = RawPathParams::from_request_parts(parts, &()).await;
    // What is no UTF-8 is the name of nothing.
    let params = params.map_err(|_| nowhere())?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(params.iter().map(owned).collect())
}

/// Finds the brand of a request: in its path, its query or its body, which is then put back.
async fn place(
    app: &App,
    caller: &Caller,
    route: &str,
    named: &Named,
    request: Request,
) -> Result<(Request, Place), Denied> {
    let at = |brand: Option<BrandId>| brand.map_or(Place::Nowhere, Place::Brand);
    for (name, value) in named {
        match name.as_str() {
            "slug" => return Ok((request, at(app.brand_of_slug(caller, value).await?))),
            "id" => return Ok((request, at(app.brand_of_thing(caller, value).await?))),
            _ => {}
        }
    }
    if let Some(slug) = asked(request.uri().query().unwrap_or_default(), "brand") {
        return Ok((request, at(app.brand_of_slug(caller, slug.trim()).await?)));
    }
    let is_own = |(method, path): &(Method, &str)| method == request.method() && *path == route;
    if WITHOUT_BRAND.iter().any(is_own) {
        return Ok((request, Place::Own));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE) {
        return Ok((request, Place::Tenant));
    }
    let field = if route == "/v1/brands" { "slug" } else { "brandSlug" };
    let (request, body) = peek(request).await?;
    let Some(slug) = body.get(field).and_then(Value::as_str).map(str::trim) else {
        return Ok((request, Place::Tenant));
    };
    if slug.contains('\0') {
        return Ok((request, Place::Nowhere));
    }
    // A new brand is nobody's yet but the tenant's.
    let none = if field == "slug" { Place::Tenant } else { Place::Nowhere };
    let found = app.brand_of_slug(caller, slug).await?;
    Ok((request, found.map_or(none, Place::Brand)))
}

/// Reads the JSON of a request, and puts back what was read: who answers sees no other.
async fn peek(request: Request) -> Result<(Request, Value), Denied> {
    let (mut parts, body) = request.into_parts();
    let reading = read_json(Request::from_parts(parts.clone(), body));
    let read = tokio::time::timeout(BODY_WITHIN, reading).await;
    let body = read.map_err(|_| too_slow(BODY_WITHIN))??;
    parts.headers.remove(CONTENT_LENGTH);
    Ok((Request::from_parts(parts, Body::from(body.to_string())), body))
}

/// A value of a query, unescaped.
fn asked(query: &str, name: &str) -> Option<String> {
    let uri = format!("/?{query}").parse().ok()?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?.0;
    pairs.into_iter().find(|(one, _)| one == name).map(|(_, value)| value)
}

/// What is of a brand that the key has no role on is not there for it.
fn not_there(named: &Named) -> Refusal {
    let message = match named.first() {
        Some((_, name)) => format!("The key sees nothing that is called {:?}.", excerpt(name)),
        None => "The key sees no brand of this slug.".to_owned(),
    };
    Refusal::new(StatusCode::NOT_FOUND, "not_found", message)
}

fn live_only() -> Refusal {
    let message = "A key in test mode reaches no platform, so there is nothing to connect with it. \
                   POST /v1/accounts/test makes an account of test mode.";
    Refusal::new(StatusCode::CONFLICT, "test_mode", message.to_owned())
}

fn excerpt(name: &str) -> String {
    domain::rejection::excerpt(name)
}

fn too_often(rate: Rate) -> Refusal {
    let Rate { limit, reset_s, .. } = rate;
    let message = format!("The key has made its {limit} requests of this minute.");
    let why = Rejection::request(Broken::TooMuch, "requestsPerMinute", message.clone())
        .bounds(limit, u64::from(limit) + 1)
        .resolve(format!("Wait {reset_s} s, or have an owner give out a key with more."));
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).with(why)
}

/// Says how much is left of the minute, and when the next one begins.
fn tell(headers: &mut HeaderMap, rate: Rate) {
    let Rate { limit, left, reset_s, is_over } = rate;
    let policy = format!("\"key\";q={limit};w={}", WINDOW.as_secs());
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(RATE_LIMIT_POLICY, policy);
    set(RATE_LIMIT, format!("\"key\";r={left};t={reset_s}"));
    if is_over {
        set(RETRY_AFTER, reset_s.to_string());
    }
}

/// Every route with its methods, from where they are written down.
#[cfg(test)]
pub(crate) fn routes() -> Vec<(Method, String)> {
    let text = include_str!("lib.rs");
    let public = text.split_once("fn public_routes").unwrap().1;
    let public = public.split_once("mod tests").unwrap().0;
    let mut all = Vec::new();
    for route in public.split(".route(").skip(1) {
        let (_, rest) = route.split_once('"').unwrap();
        let (path, handlers) = rest.split_once('"').unwrap();
        for (word, method) in [
            ("get(", Method::GET),
            ("post(", Method::POST),
            ("put(", Method::PUT),
            ("patch(", Method::PATCH),
            ("delete(", Method::DELETE),
        ] {
            let is_there =
                handlers.contains(&format!(" {word}")) || handlers.contains(&format!(".{word}"));
            all.extend(is_there.then(|| (method, path.to_owned())));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::access::Role;

    // case: K-rules
    #[test]
    fn every_route_has_a_rule_and_what_has_none_is_an_owners() {
        let all = routes();
        assert!(all.len() > 50, "{}", all.len());
        // The document alone is for everybody, and stands behind the guard.
        let is_guarded = |route: &str| route.starts_with(API) && route != "/v1/openapi.json";
        for (method, route) in all.iter().filter(|(_, route)| is_guarded(route)) {
            let is_ruled = folder_of(route).is_some();
            assert!(is_ruled, "{method} {route} is below no folder of `FOLDERS`");
            let is_read = *method == Method::GET;
            let least = needed(method, route).least();
            let may_view = least == Role::Viewer;
            assert!(is_read || !may_view || route == "/v1/posts/validate", "{method} {route}");
        }
        for (method, route, _) in &ROUTES {
            assert!(
                all.contains(&(method.clone(), (*route).to_owned())),
                "{method} {route} is no route"
            );
        }
        assert_eq!(needed(&Method::GET, "/v1/novelties"), Scope::TenantWrite);
        assert_eq!(needed(&Method::POST, "/v1/posts/{id}/cancel"), Scope::PostsPublish);
        assert_eq!(needed(&Method::HEAD, "/v1/posts/{id}"), Scope::PostsRead);
        assert_eq!(needed(&Method::GET, "/v1/oauth-apps"), Scope::TenantWrite);
    }

    #[test]
    fn the_headers_say_how_much_is_left_and_until_when() {
        let told = |rate| {
            let mut headers = HeaderMap::new();
            tell(&mut headers, rate);
            let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            [text(RATE_LIMIT_POLICY), text(RATE_LIMIT), text(RETRY_AFTER)]
        };
        let rate = Rate { limit: 60, left: 3, reset_s: 12, is_over: false };
        let policy = Some("\"key\";q=60;w=60".to_owned());
        assert_eq!(told(rate), [policy.clone(), Some("\"key\";r=3;t=12".to_owned()), None]);
        let over = Rate { left: 0, is_over: true, ..rate };
        let [_, left, again] = told(over);
        assert_eq!((left.as_deref(), again.as_deref()), (Some("\"key\";r=0;t=12"), Some("12")));
    }

    #[test]
    fn a_brand_is_read_from_a_query_as_it_was_meant() {
        assert_eq!(asked("limit=3&brand=a%2Db", "brand").as_deref(), Some("a-b"));
        assert_eq!(asked("limit=3", "brand"), None);
    }
}
