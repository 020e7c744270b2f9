//! What a post may say to the toy alone: nothing.

use crate::options::{content as assemble, first_segment, reader, refuse_chain, refuse_poll};
use domain::content::Content;
use domain::rejection::Rejection;
use domain::request::Draft;
use serde_json::{Value, json};

pub(super) const NAME: &str = "toy";

/// What a post may say here alone, as the API's document has it.
pub(super) fn written() -> Value {
    json!({})
}

/// The post as the toy will carry it.
pub(super) fn content(draft: &Draft, problems: &mut Vec<Rejection>) -> Content {
    let mut fields = reader(NAME, draft);
    refuse_chain(&mut fields);
    refuse_poll(&mut fields);
    problems.extend(fields.finish());
    assemble(vec![first_segment(NAME, draft)], &json!({}))
}
