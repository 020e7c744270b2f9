//! Why a delivery failed or waits, as the API's document tells of it.

use domain::rejection::Rejection;
use serde_json::Value;
use utoipa::ToSchema;

/// Why a delivery failed or waits; what else the platform told stands beside it.
#[derive(ToSchema)]
#[schema(as = DeliveryError)]
#[expect(dead_code, reason = "the shape of what is put together field by field")]
pub struct ErrorView {
    /// One of the product's types, as `PlatformContentError`.
    r#type: String,
    /// The story in a sentence.
    message: String,
    /// What to do about it.
    resolution: Option<String>,
    /// The field that is at fault.
    field: Option<String>,
    /// The limit that was passed.
    limit: Option<Value>,
    /// What was found instead.
    actual: Option<Value>,
    /// The platform's own words and codes.
    platform: Option<Value>,
    /// At which step, as `publishing`.
    stage: Option<String>,
    /// The rule of a violation.
    rule: Option<String>,
    /// Every violation, where there are more.
    details: Option<Vec<Rejection>>,
}
