//! `/v1/brands` and `/v1/erasures`: brands, their accounts, and their end.

use crate::accounts as pages;
use crate::envelope::{Answered, success};
use crate::extract::{Authenticated, ErasureAt, JsonBody, Named, fields, finish};
use app::{App, accounts, erase, show};
use axum::extract::State;
use domain::rejection::{Rejection, Rule};
use domain::request::{Fields, read_zone};
use http::StatusCode;

/// The longest slug and the longest name, in characters.
const SLUG_CHARS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 200;

/// `POST /v1/brands`
pub(crate) async fn ensure(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let slug = fields.required_text("slug", "Choose the brand's name in requests, as `acme`.");
    let name = fields.required_text("name", "Say the name that people know.");
    let zone = read_zone(&mut fields, "timeZone");
    if let Some(slug) = slug.filter(|slug| !is_slug(slug)) {
        let message = "`slug` consists of lower-case letters, digits, `-` and `_`.";
        let rejection = Rejection::request(Rule::OutOfRange, "slug", message)
            .bounds(format!("1 to {SLUG_CHARS_MAX} of a-z, 0-9, - and _"), slug)
            .resolve("Choose another slug; the name may hold anything.");
        fields.reject(rejection);
    }
    bound_name(&mut fields, name);
    finish(fields)?;
    let named = (slug.unwrap_or_default(), name.unwrap_or_default());
    let brand = show::ensure_brand(&app, &caller, named, zone.as_ref()).await??;
    Ok(success(StatusCode::OK, brand))
}

/// `GET /v1/brands`
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Answered {
    Ok(success(StatusCode::OK, show::brands(&app, &caller).await?))
}

/// `DELETE /v1/brands/{slug}`
pub(crate) async fn erase(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
) -> Answered {
    Ok(success(StatusCode::ACCEPTED, erase::brand(&app, &caller, &slug).await??))
}

/// `GET /v1/erasures`
pub(crate) async fn erasures(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Answered {
    Ok(success(StatusCode::OK, erase::list(&app, &caller).await?))
}

/// `GET /v1/erasures/{id}`
pub(crate) async fn erasure(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    ErasureAt(id): ErasureAt,
) -> Answered {
    Ok(success(StatusCode::OK, erase::show(&app, &caller, id).await??))
}

/// `GET /v1/brands/{slug}/accounts`
pub(crate) async fn accounts(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
) -> Answered {
    Ok(pages::of_brand(accounts::of_brand(&app, &caller, &slug).await??))
}

fn bound_name(fields: &mut Fields<'_>, name: Option<&str>) {
    let Some(actual) = name.map(|name| name.chars().count()) else { return };
    if actual > NAME_CHARS_MAX {
        let message = format!("`name` has at most {NAME_CHARS_MAX} characters, not {actual}.");
        let rejection = Rejection::request(Rule::TooMuch, "name", message)
            .bounds(NAME_CHARS_MAX, actual)
            .resolve("Shorten it.");
        fields.reject(rejection);
    }
}

fn is_slug(text: &str) -> bool {
    let is_plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=SLUG_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_fits_into_a_path_as_it_is() {
        assert!(is_slug("acme") && is_slug("acme-2_b"));
        assert!(!is_slug("") && !is_slug("Acme") && !is_slug("a/b") && !is_slug("a b"));
        assert!(is_slug(&"a".repeat(64)) && !is_slug(&"a".repeat(65)));
    }
}
