//! `/v1/keys`: keys given out, listed, replaced and revoked.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, JsonBody, KeyAt, MaybeJson, fields, finish};
use app::App;
use app::api_keys::{self, GRACE, GRACE_MAX, Wanted};
use axum::extract::State;
use domain::access::{Role, Scope};
use domain::rejection::{Rejection, Rule};
use domain::request::Fields;
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// The longest label, in characters.
const LABEL_CHARS_MAX: usize = 100;
/// Brands that one key names at most.
const BRANDS_MAX: usize = 200;
/// More in a minute than any limit has to say.
const REQUESTS_PER_MINUTE_MAX: u64 = 1_000_000;

/// `GET /v1/keys`
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Answered {
    Ok(success(StatusCode::OK, api_keys::list(&app, &caller).await?))
}

/// `POST /v1/keys`
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let wanted = read(&body)?;
    Ok(success(StatusCode::CREATED, api_keys::create(&app, &caller, wanted).await??))
}

/// `POST /v1/keys/{id}/rotate`
pub(crate) async fn rotate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    KeyAt(id): KeyAt,
    MaybeJson(body): MaybeJson,
) -> Answered {
    let body = body.unwrap_or_else(|| json!({}));
    let grace = read_grace(&body)?;
    Ok(success(StatusCode::CREATED, api_keys::rotate(&app, &caller, id, grace).await??))
}

/// `DELETE /v1/keys/{id}`
pub(crate) async fn revoke(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    KeyAt(id): KeyAt,
) -> Answered {
    Ok(success(StatusCode::OK, api_keys::revoke(&app, &caller, id).await??))
}

fn read(body: &Value) -> Result<Wanted<'_>, Refusal> {
    let mut fields = fields(body)?;
    let label = fields.required_text("label", "Say what the key is for, as `billing app`.");
    let label = label.unwrap_or_default().trim();
    bound(&mut fields, "label", label.chars().count() as u64, LABEL_CHARS_MAX as u64);
    let role = fields.choice("role", &Role::ALL.map(|role| (role.as_str(), role)));
    let brands = read_brands(&mut fields);
    let scopes = fields.texts("scopes").map(|words| read_scopes(&mut fields, &words));
    let expires_at = fields.instant("expiresAt");
    let requests = fields.number("requestsPerMinute");
    bound(&mut fields, "requestsPerMinute", requests.unwrap_or(0), REQUESTS_PER_MINUTE_MAX);
    let mode = fields.choice("mode", &[("live", false), ("test", true)]);
    finish(fields)?;
    let is_test = mode.unwrap_or(false);
    let requests_per_minute = requests.and_then(|number| u32::try_from(number).ok());
    Ok(Wanted { label, role, brands, scopes, expires_at, requests_per_minute, is_test })
}

fn read_brands<'a>(fields: &mut Fields<'a>) -> Vec<(&'a str, Role)> {
    let Some(value) = fields.value("brands") else { return Vec::new() };
    let Some(object) = value.as_object() else {
        fields.wrong_type("brands".to_owned(), "an object of slugs and roles", value);
        return Vec::new();
    };
    bound(fields, "brands", object.len() as u64, BRANDS_MAX as u64);
    let mut brands = Vec::new();
    for (slug, word) in object {
        match word.as_str().and_then(Role::parse) {
            Some(role) => brands.push((slug.as_str(), role)),
            None => {
                let field = format!("brands.{slug}");
                let message = format!("`{field}` is no role.");
                let rejection = Rejection::request(Rule::OutOfRange, field, message)
                    .bounds(Role::ALL.map(Role::as_str).to_vec(), word.clone())
                    .resolve("Name one of the roles.");
                fields.reject(rejection);
            }
        }
    }
    brands
}

fn read_scopes(fields: &mut Fields<'_>, words: &[&str]) -> Vec<Scope> {
    if words.is_empty() {
        let message = "A key with no scope could do nothing.";
        let rejection = Rejection::request(Rule::Required, "scopes", message)
            .bounds(Scope::ALL.map(Scope::as_str).to_vec(), json!([]))
            .resolve("Name scopes, or leave the field out for all that the role may.");
        fields.reject(rejection);
    }
    let mut scopes = Vec::new();
    for (place, word) in words.iter().enumerate() {
        match Scope::parse(word) {
            Some(scope) => scopes.push(scope),
            None => {
                let field = format!("scopes[{place}]");
                let message = format!("`{field}` is no scope.");
                let rejection = Rejection::request(Rule::OutOfRange, field, message)
                    .bounds(Scope::ALL.map(Scope::as_str).to_vec(), *word)
                    .resolve("Name one of the scopes.");
                fields.reject(rejection);
            }
        }
    }
    scopes
}

fn read_grace(body: &Value) -> Result<Duration, Refusal> {
    let mut fields = fields(body)?;
    let grace = fields.number("graceSeconds").unwrap_or(GRACE.as_secs());
    bound(&mut fields, "graceSeconds", grace, GRACE_MAX.as_secs());
    finish(fields)?;
    Ok(Duration::from_secs(grace))
}

fn bound(fields: &mut Fields<'_>, name: &str, actual: u64, most: u64) {
    if actual > most {
        let message = format!("`{name}` is at most {most}, not {actual}.");
        let rejection = Rejection::request(Rule::TooMuch, name, message)
            .bounds(most, actual)
            .resolve("Choose less.");
        fields.reject(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_whole_and_everything_wrong_is_told() {
        let body = json!({
            "label": " CI ", "brands": {"acme": "editor"}, "scopes": ["posts:read"],
            "requestsPerMinute": 0, "expiresAt": "2027-01-01T00:00:00Z",
        });
        let wanted = read(&body).unwrap();
        assert_eq!((wanted.label, wanted.role), ("CI", None));
        assert_eq!(wanted.brands, [("acme", Role::Editor)]);
        assert_eq!(wanted.scopes, Some(vec![Scope::PostsRead]));
        assert_eq!(wanted.requests_per_minute, Some(0));
        let body = json!({
            "label": "l".repeat(101), "role": "king", "brands": {"acme": "serf"},
            "scopes": ["posts:eat"], "expiresAt": "soon", "requestsPerMinute": 1_000_001, "rool": 1,
        });
        let details = read(&body).unwrap_err().details;
        let mut told: Vec<&str> = details.iter().map(|detail| detail.field.as_str()).collect();
        told.sort_unstable();
        let wrong =
            ["brands.acme", "expiresAt", "label", "requestsPerMinute", "role", "rool", "scopes[0]"];
        assert_eq!(told, wrong);
        assert_eq!(read(&json!({"label": "x", "scopes": []})).unwrap_err().details.len(), 1);
    }

    #[test]
    fn the_old_key_serves_on_for_a_day_or_as_long_as_is_said() {
        assert_eq!(read_grace(&json!({})).unwrap(), GRACE);
        assert_eq!(read_grace(&json!({"graceSeconds": 0})).unwrap(), Duration::ZERO);
        let refusal = read_grace(&json!({"graceSeconds": 2_592_001})).unwrap_err();
        assert_eq!(refusal.details[0].limit, json!(2_592_000));
    }
}
