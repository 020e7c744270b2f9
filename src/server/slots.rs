//! `/v1/brands/{slug}/slots` and `/v1/accounts/{id}/slots`: the times of a week at which posts go
//! out that name none.

use crate::envelope::{Answered, Refusal, success};
use crate::extract::{AccountAt, Authenticated, JsonBody, Named, fields, finish};
use app::App;
use app::caller::Caller;
use app::slots::{self, Whose};
use axum::extract::State;
use domain::rejection::{Rejection, Rule};
use domain::slots::Week;
use http::StatusCode;
use serde_json::Value;

/// `GET /v1/brands/{slug}/slots`
pub(crate) async fn of_brand(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
) -> Answered {
    Ok(success(StatusCode::OK, slots::show(&app, &caller, Whose::Brand(&slug)).await??))
}

/// `GET /v1/accounts/{id}/slots`
pub(crate) async fn of_account(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
) -> Answered {
    Ok(success(StatusCode::OK, slots::show(&app, &caller, Whose::Account(id)).await??))
}

/// `PUT /v1/brands/{slug}/slots`
pub(crate) async fn put_of_brand(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Named(slug): Named,
    JsonBody(body): JsonBody,
) -> Answered {
    put(&app, &caller, Whose::Brand(&slug), &body).await
}

/// `PUT /v1/accounts/{id}/slots`
pub(crate) async fn put_of_account(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    AccountAt(id): AccountAt,
    JsonBody(body): JsonBody,
) -> Answered {
    put(&app, &caller, Whose::Account(id), &body).await
}

async fn put(app: &App, caller: &Caller, whose: Whose<'_>, body: &Value) -> Answered {
    let (week, revision) = read(body)?;
    Ok(success(StatusCode::OK, slots::put(app, caller, whose, (&week, revision)).await??))
}

/// The slots, and the revision that is expected.
fn read(body: &Value) -> Result<(Week, Option<i32>), Refusal> {
    let mut fields = fields(body)?;
    let week = Week::read(&mut fields);
    let number = fields.number("revision");
    let revision = number.and_then(|number| i32::try_from(number).ok());
    if let Some(actual) = number.filter(|_| revision.is_none()) {
        let message = format!("`revision` is a number from 0 to {}, not {actual}.", i32::MAX);
        let rejection = Rejection::request(Rule::OutOfRange, "revision", message)
            .bounds(i32::MAX, actual)
            .resolve(
                "Send the revision that you read, or leave it out to set them whatever it is.",
            );
        fields.reject(rejection);
    }
    finish(fields)?;
    Ok((week, revision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slots_are_read_with_the_revision_that_is_expected() {
        let body = json!({"slots": [{"day": "mon", "time": "09:00"}], "revision": 3});
        let (week, revision) = read(&body).unwrap();
        assert_eq!((week.slots().len(), revision), (1, Some(3)));
        assert_eq!(read(&json!({"slots": []})).unwrap(), (Week::default(), None));
        for (body, field) in [
            (json!({"slots": [], "revision": 1_u64 << 40}), "revision"),
            (json!({"slots": [], "version": 1}), "version"),
            (json!([]), "body"),
        ] {
            assert_eq!(read(&body).unwrap_err().details[0].field, field, "{body}");
        }
    }
}
