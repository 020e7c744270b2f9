//! `/v1/limits`: what a caller can hit, what is left of it, and what an owner allows the tenant.

use crate::bulk::BODY_SIZE_BYTES_MAX as BULK_SIZE_BYTES_MAX;
use crate::envelope::{Answered, Refusal, success};
use crate::extract::{Authenticated, BODY_SIZE_BYTES_MAX, JsonBody, Named, fields, finish};
use crate::lists::{PAGE_MAX, object};
use app::accept::KEY_MAX;
use app::bulk::ROWS_MAX;
use app::limits::{Asked, BrandGuard, Limits, TenantLimits, guard as guards, set, show};
use app::{App, capabilities};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use domain::allowance::Allowance;
use domain::duplicate::{Guard, Policy};
use domain::id::AccountId;
use domain::rejection::{Rejection, Rule};
use domain::request::{CLIENT_REF_CHARS_MAX, Fields, LIST_MAX, MEDIA_MAX};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Accounts of one page, at most and when nothing is said.
const ACCOUNTS_MAX: u32 = 100;
const ACCOUNTS: u32 = 20;
/// Whether the accounts alone are shown that wait for something.
const HELD: [(&str, bool); 2] = [("true", true), ("false", false)];

/// `GET /v1/limits`
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answered {
    let given = object(asked);
    let mut asked = read_query(&given)?;
    let limit = asked.limit as usize;
    // One more than shown tells whether there is a next page.
    asked.limit += 1;
    let mut limits = show(&app, &caller, asked).await??;
    let has_more = limits.accounts.len() > limit;
    limits.accounts.truncate(limit);
    let next_cursor = limits.accounts.last().filter(|_| has_more).map(|account| account.id);
    let data = Whole { limits, requests: requests() };
    Ok(Json(Page { success: true, data, next_cursor }).into_response())
}

/// `PUT /v1/limits`
pub(crate) async fn put(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody,
) -> Answered {
    let limits = read_limits(&body)?;
    Ok(success(StatusCode::OK, set(&app, &caller, &limits).await??))
}

/// `GET /v1/brands/{slug}/duplicates`
pub(crate) async fn guard(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
) -> Answered {
    Ok(success(StatusCode::OK, guards(&app, &caller, &slug, None).await??))
}

/// `PUT /v1/brands/{slug}/duplicates`
pub(crate) async fn put_guard(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
    JsonBody(body): JsonBody,
) -> Answered {
    let mut fields = fields(&body)?;
    let (duplicate_content, duplicate_within_hours) = read_guard(&mut fields);
    finish(fields)?;
    let said = BrandGuard { duplicate_content, duplicate_within_hours };
    Ok(success(StatusCode::OK, guards(&app, &caller, &slug, Some(said)).await??))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    success: bool,
    data: Whole,
    /// What `before` is for the next page of accounts; `null` on the last.
    next_cursor: Option<AccountId>,
}

/// Every limit.
#[derive(Serialize, ToSchema)]
#[schema(as = WholeLimits)]
pub(crate) struct Whole {
    #[serde(flatten)]
    limits: Limits,
    /// What is taken of a request, whoever makes it.
    requests: BTreeMap<&'static str, usize>,
}

/// What is taken of a request, whoever makes it.
fn requests() -> BTreeMap<&'static str, usize> {
    BTreeMap::from([
        ("jsonSizeBytes", BODY_SIZE_BYTES_MAX),
        ("bulkSizeBytes", BULK_SIZE_BYTES_MAX),
        ("bulkRows", ROWS_MAX),
        ("pageEntries", PAGE_MAX as usize),
        ("listEntries", LIST_MAX),
        ("mediaOfAPost", MEDIA_MAX),
        ("idempotencyKeyChars", KEY_MAX),
        ("clientRefChars", CLIENT_REF_CHARS_MAX),
    ])
}

fn read_query(given: &Map<String, Value>) -> Result<Asked<'_>, Refusal> {
    let mut fields = Fields::new(Some(given), "", None);
    let brand = fields.text("brand").map(str::trim);
    let asked = Asked {
        brand: brand.filter(|slug| !slug.contains('\0')),
        account: fields.id("account"),
        is_held: fields.choice("held", &HELD).unwrap_or(false),
        before: fields.id("before"),
        limit: bounded(&mut fields, "limit", u64::from(ACCOUNTS_MAX))
            .and_then(|limit| u32::try_from(limit).ok())
            .unwrap_or(ACCOUNTS),
    };
    finish(fields)?;
    Ok(asked)
}

/// All limits of a tenant; what is missing or `null` is none.
fn read_limits(body: &Value) -> Result<TenantLimits, Refusal> {
    let mut fields = fields(body)?;
    let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let mut allowance = Allowance {
        posts_per_day: small(bounded(
            &mut fields,
            "postsPerDay",
            Allowance::POSTS_PER_DAY_MAX.into(),
        )),
        accounts: small(bounded(&mut fields, "accounts", Allowance::ACCOUNTS_MAX.into())),
        media_bytes: bounded(&mut fields, "mediaBytes", Allowance::MEDIA_BYTES_MAX),
        ..Allowance::default()
    };
    if let Some(mut spend) = fields.object("spendCentsPerMonth") {
        for platform in capabilities::names() {
            let most = small(spent(&mut spend, platform));
            allowance.spend_cents_per_month.extend(most.map(|most| (platform.to_owned(), most)));
        }
        fields.absorb(spend);
    }
    let (policy, hours) = read_guard(&mut fields);
    finish(fields)?;
    let guard = Guard::default();
    let guard = Guard {
        policy: policy.unwrap_or(guard.policy),
        within_hours: hours.unwrap_or(guard.within_hours),
    };
    Ok(TenantLimits { allowance, guard })
}

fn read_guard(fields: &mut Fields<'_>) -> (Option<Policy>, Option<u32>) {
    let policy = fields.choice("duplicateContent", &Policy::WORDS);
    let hours = bounded(fields, "duplicateWithinHours", Guard::WITHIN_HOURS_MAX.into());
    (policy, hours.and_then(|hours| u32::try_from(hours).ok()))
}

fn bounded<'a>(fields: &mut Fields<'a>, name: &'a str, max: u64) -> Option<u64> {
    let number = fields.number(name)?;
    if (1..=max).contains(&number) {
        return Some(number);
    }
    out_of(fields, name, (1, max), number);
    None
}

/// Nothing at all may be spent, too.
fn spent<'a>(fields: &mut Fields<'a>, name: &'a str) -> Option<u64> {
    let (number, max) = (fields.number(name)?, u64::from(Allowance::SPEND_CENTS_MAX));
    if number <= max {
        return Some(number);
    }
    out_of(fields, name, (0, max), number);
    None
}

fn out_of(fields: &mut Fields<'_>, name: &str, (min, max): (u64, u64), actual: u64) {
    let field = fields.path(name);
    let message = format!("`{field}` is a number from {min} to {max}, not {actual}.");
    let rejection = Rejection::request(Rule::OutOfRange, field, message)
        .bounds(max, actual)
        .resolve("Choose one in between, or leave it out.");
    fields.reject(rejection);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // case: Q-limits
    #[test]
    fn limits_are_numbers_or_none_and_unknown_ones_are_named() {
        assert_eq!(read_limits(&json!({})), Ok(TenantLimits::default()));
        let all = read_limits(&json!({
            "postsPerDay": 100, "accounts": 3, "mediaBytes": 1_000_000_000_u64,
            "spendCentsPerMonth": {"x": 0}, "duplicateContent": "refuse",
            "duplicateWithinHours": 48,
        }));
        let all = all.unwrap();
        assert_eq!((all.allowance.posts_per_day, all.allowance.accounts), (Some(100), Some(3)));
        assert_eq!(all.allowance.spend_cents_per_month["x"], 0);
        assert_eq!(all.guard, Guard { policy: Policy::Refuse, within_hours: 48 });
        for (body, field) in [
            (json!({"postsPerDay": 0}), "postsPerDay"),
            (json!({"accounts": 1_000_001}), "accounts"),
            (json!({"spendCentsPerMonth": {"x": 1_000_000_001}}), "spendCentsPerMonth.x"),
            (json!({"spendCentsPerMonth": {"myspace": 1}}), "spendCentsPerMonth.myspace"),
            (json!({"duplicateContent": "never"}), "duplicateContent"),
            (json!({"duplicateWithinHours": 721}), "duplicateWithinHours"),
            (json!({"posts": 1}), "posts"),
        ] {
            assert_eq!(read_limits(&body).unwrap_err().details[0].field, field, "{body}");
        }
    }
}
