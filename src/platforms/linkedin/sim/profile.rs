//! Who is on the simulated LinkedIn: a person, or the page that somebody looks after.

use super::refusal::Refusal;
use super::state::{Caller, Kind, State};
use super::{Outcome, header};
use crate::sim::Inbound;
use crate::sim::accounts::number;
use crate::sim::http::{field, json};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// Whoever looks after a page here has this role.
const ROLE: &str = "ADMINISTRATOR";
/// The largest page of a finder.
const COUNT_MAX: usize = 100;

/// `GET /v2/userinfo`.
pub(super) fn userinfo(state: &State, caller: Caller) -> Response<Vec<u8>> {
    let account = state.account(caller.author);
    let mut told = json!({
        "sub": account.id.rsplit(':').next(),
        "name": account.handle,
        "given_name": account.handle,
        "family_name": "",
        "locale": { "country": "US", "language": "en" },
    });
    if state.has_scope(caller, &["email"]) {
        told["email"] = format!("{}@members.example", account.handle.to_lowercase()).into();
        told["email_verified"] = true.into();
    }
    json(StatusCode::OK, &told)
}

/// `GET /rest/organizationAcls?q=roleAssignee`: the roles of whoever owns the token.
pub(super) fn roles(state: &State, caller: Caller, request: &Inbound) -> Outcome {
    if field(&request.query, "q").as_deref() != Some("roleAssignee") {
        return Err(Refusal::illegal("q has to be roleAssignee"));
    }
    let is_finder = header(&request.headers, "x-restli-method").is_none_or(|m| m == "FINDER");
    if !is_finder {
        return Err(Refusal::illegal("X-RestLi-Method has to be FINDER"));
    }
    let (start, count) = paging(request)?;
    let asks_for =
        |name: &str, value: &str| field(&request.query, name).is_none_or(|wanted| wanted == value);
    let is_listed = caller.author.kind == Kind::Page
        && asks_for("role", ROLE)
        && asks_for("state", "APPROVED")
        && start == 0;
    let first = state.account(caller.author).handle.to_lowercase();
    let assignee = number(&format!("admin:{first}"), 9);
    let acl = |author| {
        json!({
            "organization": state.account(author).id,
            "role": ROLE,
            "roleAssignee": format!("urn:li:person:{assignee}"),
            "state": "APPROVED",
        })
    };
    let pages = state.authors(caller).filter(|_| is_listed).take(count);
    let elements: Vec<Value> = pages.map(acl).collect();
    Ok(json(StatusCode::OK, &listed(&elements, start, count)))
}

/// `GET /rest/organizations/{id}`.
pub(super) fn organization(state: &State, number: &str) -> Outcome {
    let page = state.page(&format!("urn:li:organization:{number}"));
    let page = page.ok_or_else(Refusal::not_found)?;
    let told = json!({
        "id": number.parse::<u64>().ok(),
        "localizedName": page.handle,
        "vanityName": page.handle,
        "name": {
            "localized": { "en_US": page.handle },
            "preferredLocale": { "country": "US", "language": "en" },
        },
    });
    Ok(json(StatusCode::OK, &told))
}

/// Where a finder's page begins, and how long it may be.
pub(super) fn paging(request: &Inbound) -> Result<(usize, usize), Refusal> {
    let number = |name: &str, otherwise: usize| match field(&request.query, name) {
        None => Some(otherwise),
        Some(text) => text.parse().ok(),
    };
    let start = number("start", 0).ok_or_else(|| Refusal::illegal("start is not a number"))?;
    let count = number("count", 10).filter(|count| (1..=COUNT_MAX).contains(count));
    Ok((start, count.ok_or_else(|| Refusal::illegal("count has to lie between 1 and 100"))?))
}

/// A page of a finder.
pub(super) fn listed(elements: &[Value], start: usize, count: usize) -> Value {
    json!({ "elements": elements, "paging": { "start": start, "count": count, "links": [] } })
}
