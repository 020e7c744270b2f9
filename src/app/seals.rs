//! What each kind of sealed value is bound to: it opens there and nowhere else.

use domain::id::TenantId;
use vault::Associated;

/// Verifiers are sealed once and never change.
const VERIFIER_VERSION: i64 = 1;
/// So are choices.
const CHOICES_VERSION: i64 = 1;
/// So is what an endpoint's messages are signed with: a new one is a new row.
const WEBHOOK_VERSION: i64 = 1;

/// The grant of an account, at a version.
pub(crate) const fn grant<'a>(
    tenant: TenantId,
    platform: &'a str,
    account: &'a str,
    version: i64,
) -> Associated<'a> {
    Associated { tenant, subject: account, platform, field: "grant", version }
}

/// The verifier of an authorisation; `state` is the digest of its state, in hexadecimal digits.
pub(crate) const fn verifier<'a>(
    tenant: TenantId,
    platform: &'a str,
    state: &'a str,
) -> Associated<'a> {
    let version = VERIFIER_VERSION;
    Associated { tenant, subject: state, platform, field: "verifier", version }
}

/// The checkpoint of a delivery, as the row with this number holds it.
pub(crate) const fn checkpoint(tenant: TenantId, delivery: &str, no: i64) -> Associated<'_> {
    Associated { tenant, subject: delivery, platform: "", field: "checkpoint", version: no }
}

/// What a consent brought, until its owner has chosen; `handle` is the digest of the session or of
/// the handle it is known by, in hexadecimal digits.
pub(crate) const fn choices<'a>(
    tenant: TenantId,
    platform: &'a str,
    handle: &'a str,
) -> Associated<'a> {
    Associated { tenant, subject: handle, platform, field: "choices", version: CHOICES_VERSION }
}

/// The secret of a tenant's own registration; `row` is the id of its row.
pub(crate) const fn own_app<'a>(
    tenant: TenantId,
    platform: &'a str,
    row: &'a str,
    version: i64,
) -> Associated<'a> {
    Associated { tenant, subject: row, platform, field: "own_app", version }
}

/// What the messages to an endpoint are signed with; `row` is the id of its row.
pub(crate) const fn webhook(tenant: TenantId, row: &str) -> Associated<'_> {
    let version = WEBHOOK_VERSION;
    Associated { tenant, subject: row, platform: "", field: "webhook", version }
}
